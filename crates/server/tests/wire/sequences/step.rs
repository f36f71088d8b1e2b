//! The commands of the random sequences, and what each changes.

use std::net::{IpAddr, SocketAddr};

use fxp_proto::grammar::params::{Protection, TlsRole};
use fxp_store::VPath;
use rand::RngExt;
use rand::rngs::StdRng;

use super::model::{Model, Slot, Way};
use super::{HOSTS, pick};
use crate::world::{parse_227, port_argument};

/// The last one is a guest.
pub(super) const USERS: [&str; 5] = ["alice", "alice", "alice", "homebody", "anonymous"];

/// What is said without a data connection.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// PORT, and EPRT with an IPv4 address and with the same in IPv6 clothes.
    Aim(SocketAddr, Aim),
    /// PASV, EPSV, CPSV.
    Listen(&'static str),
    Introduce(Option<Introduction>),
    Protect(Protection),
    Play(TlsRole),
    User(&'static str),
    Pass,
    Rein,
    Abor,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Aim {
    Port,
    Eprt,
    EprtMapped,
}

/// PEER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Introduction {
    Key(&'static str),
    /// Where the peer comes from; empty is anywhere.
    Pin(Vec<IpAddr>),
}

/// What a data connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    Store(&'static str),
    Retrieve(&'static str),
    List,
}

impl File {
    pub(super) const ALL: [File; 6] = [
        File::Store("x"),
        File::Store("in/x"),
        File::Retrieve("a"),
        File::Retrieve("in/a"),
        File::Retrieve("in/a"),
        File::List,
    ];

    pub(super) fn line(self) -> String {
        match self {
            File::Store(name) => format!("STOR {name}"),
            File::Retrieve(name) => format!("RETR {name}"),
            File::List => "LIST".to_owned(),
        }
    }

    pub(super) fn path(self) -> VPath {
        match self {
            File::Store(name) | File::Retrieve(name) => VPath::root().join(name.as_bytes()).unwrap(),
            File::List => VPath::root(),
        }
    }

    pub(super) fn is_listing(self) -> bool {
        self == File::List
    }

    pub(super) fn is_store(self) -> bool {
        matches!(self, File::Store(_))
    }
}

impl Step {
    /// `ports` are those on which the hosts listen.
    pub(super) fn random(random: &mut StdRng, ports: &[u16]) -> Self {
        match random.random_range(0..20) {
            0..=8 => Step::preparation(random, ports),
            9..=11 => Step::Introduce(Some(Introduction::Key(pick(random, &KEYS)))),
            12 | 13 => {
                let from = (0..random.random_range(0..3)).map(|_| pick(random, &HOSTS).parse().unwrap());
                Step::Introduce(Some(Introduction::Pin(from.collect())))
            }
            14 => Step::Introduce(None),
            15 | 16 => Step::Protect(pick(random, &[Protection::Clear, Protection::Private])),
            17 => Step::Play(pick(random, &[TlsRole::Client, TlsRole::Server])),
            18 => match random.random_range(0..4) {
                0 => Step::Rein,
                1 => Step::User(pick(random, &USERS)),
                _ => Step::Pass,
            },
            _ => Step::Abor,
        }
    }

    /// A command that prepares a data connection.
    pub(super) fn preparation(random: &mut StdRng, ports: &[u16]) -> Self {
        if random.random() {
            return Step::Listen(pick(random, &["PASV", "EPSV", "CPSV"]));
        }
        let at = random.random_range(0..HOSTS.len());
        let target = match random.random_range(0..12) {
            // Nobody listens there, and somebody else should.
            0 => SocketAddr::new(HOSTS[at].parse().unwrap(), pick(random, &[21, 6379])),
            1 => SocketAddr::new([192, 0, 2, 1].into(), 50000),
            _ => SocketAddr::new(HOSTS[at].parse().unwrap(), ports[at]),
        };
        Step::Aim(target, pick(random, &[Aim::Port, Aim::Eprt, Aim::EprtMapped]))
    }

    pub(super) fn line(&self) -> String {
        match self {
            Step::Aim(target, Aim::Port) => format!("PORT {}", port_argument(*target)),
            Step::Aim(target, Aim::Eprt) => format!("EPRT |1|{}|{}|", target.ip(), target.port()),
            Step::Aim(target, Aim::EprtMapped) => {
                format!("EPRT |2|::ffff:{}|{}|", target.ip(), target.port())
            }
            Step::Listen(verb) => (*verb).to_owned(),
            Step::Introduce(None) => "PEER OFF".to_owned(),
            Step::Introduce(Some(Introduction::Key(key))) => format!("PEER KEY {key}"),
            Step::Introduce(Some(Introduction::Pin(from))) => {
                let from: Vec<String> = from.iter().map(IpAddr::to_string).collect();
                let from = if from.is_empty() { String::new() } else { format!(" FROM={}", from.join(",")) };
                format!("PEER EXPECT SHA-256={}{from}", "5a".repeat(32))
            }
            Step::Protect(Protection::Clear) => "PROT C".to_owned(),
            Step::Protect(Protection::Private) => "PBSZ 0\nPROT P".to_owned(),
            Step::Play(TlsRole::Client) => "SSCN ON".to_owned(),
            Step::Play(TlsRole::Server) => "SSCN OFF".to_owned(),
            Step::User(name) => format!("USER {name}"),
            Step::Pass => "PASS open sesame".to_owned(),
            Step::Rein => "REIN".to_owned(),
            Step::Abor => "ABOR".to_owned(),
        }
    }

    /// Replies that are owed; the last one counts.
    pub(super) fn replies(&self) -> usize {
        self.line().lines().count()
    }

    /// Takes note of what the server has agreed to.
    pub(super) fn learn(&self, model: &mut Model, reply: &str) {
        let agreed = reply.starts_with('2');
        match self {
            Step::Aim(target, _) if agreed => model.slot = Some(model.slot_for(Way::Active(*target))),
            // The one before is gone, too; a stranger has none.
            Step::Aim(..) => model.slot = None,
            Step::Listen(_) if agreed => model.slot = Some(model.slot_for(Way::Passive(announced(reply)))),
            Step::Listen(_) => {}
            Step::Introduce(peer) if agreed => {
                let both_keys =
                    matches!((&model.peer, peer), (Some(Introduction::Key(_)), Some(Introduction::Key(_))));
                if model.peer != *peer && !both_keys {
                    model.slot = None;
                }
                model.peer.clone_from(peer);
            }
            Step::Protect(protection) if agreed => {
                if model.protection != *protection {
                    model.slot = None;
                }
                model.protection = *protection;
            }
            Step::Play(role) if agreed => {
                if model.role != *role {
                    model.slot = None;
                }
                model.role = *role;
            }
            Step::User(name) if reply.starts_with("331") => {
                (model.named, model.user, model.slot, model.peer) = (Some(*name), None, None, None);
            }
            Step::Pass if agreed => {
                if let Some(name) = model.named.take() {
                    model.user = Some(name);
                }
            }
            Step::Rein if agreed => model.forget(),
            Step::Abor if agreed => model.slot = None,
            _ => {}
        }
    }
}

impl Model {
    fn slot_for(&self, way: Way) -> Slot {
        Slot { way, protection: self.protection }
    }
}

/// 227 and 229.
fn announced(reply: &str) -> SocketAddr {
    match reply.split_once("(|||") {
        Some((_, port)) => {
            SocketAddr::new([127, 0, 0, 1].into(), port.split('|').next().unwrap().parse().unwrap())
        }
        None => parse_227(reply),
    }
}

const KEYS: [&str; 2] =
    ["AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"];
