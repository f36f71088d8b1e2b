//! What a session has said so far, and what the policy says of it: nothing here knows how the server works.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use fxp_proto::grammar::params::{Protection, TlsRole};
use fxp_server::config::fxp::{Fxp, Proof};
use fxp_server::policy::{self, Facts, Host, Intent, Rulebook, Scope, Verdict, judge};
use fxp_store::{Text, VPath};

use super::step::{File, Introduction};

/// The state of one session.
pub(super) struct Model {
    pub(super) fxp: Fxp,
    client: Host,
    /// Logged in.
    pub(super) user: Option<&'static str>,
    /// USER was said, PASS was not.
    pub(super) named: Option<&'static str>,
    pub(super) protection: Protection,
    pub(super) role: TlsRole,
    pub(super) peer: Option<Introduction>,
    pub(super) slot: Option<Slot>,
}

/// A data connection that was prepared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) way: Way,
    pub(super) protection: Protection,
}

/// To where, or at which port of the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Active(SocketAddr),
    Passive(SocketAddr),
}

impl From<Way> for policy::Way {
    fn from(way: Way) -> Self {
        match way {
            Way::Active(target) => policy::Way::Active(target.port()),
            Way::Passive(_) => policy::Way::Passive,
        }
    }
}

impl Model {
    /// A session from 127.0.0.1; behind NAT nobody knows that it is near.
    pub(super) fn new(fxp: Fxp, behind_nat: bool) -> Self {
        let ip = IpAddr::from([127, 0, 0, 1]);
        let client = match behind_nat {
            true => Host { ip, scope: Scope::Public, own: false },
            false => Host { ip, scope: Scope::Loopback, own: true },
        };
        Model {
            fxp,
            client,
            user: None,
            named: None,
            protection: Protection::Clear,
            role: TlsRole::Server,
            peer: None,
            slot: None,
        }
    }

    /// REIN, and a new session.
    pub(super) fn forget(&mut self) {
        (self.user, self.named, self.peer, self.slot) = (None, None, None, None);
        (self.protection, self.role) = (Protection::Clear, TlsRole::Server);
    }

    pub(super) fn is_client(&self, ip: IpAddr) -> bool {
        ip == self.client.ip
    }

    /// PORT, EPRT: nothing is known of the file.
    pub(super) fn judge_address(&self, target: SocketAddr) -> Verdict {
        self.judge(policy::Way::Active(target.port()), target.ip(), None, self.protection)
    }

    /// With all that is known at the transfer command, of one peer.
    pub(super) fn judge_peer(&self, slot: Slot, file: File, peer: IpAddr) -> Verdict {
        self.judge(slot.way.into(), peer, Some(file), slot.protection)
    }

    fn judge(&self, way: policy::Way, peer: IpAddr, file: Option<File>, protection: Protection) -> Verdict {
        let introduction = self.peer.as_ref().filter(|_| !file.is_some_and(File::is_listing));
        let (proof, from) = match introduction {
            None => (Proof::None, &[][..]),
            Some(Introduction::Key(_)) => (Proof::Key, &[][..]),
            Some(Introduction::Pin(from)) => (Proof::Pin, from.as_slice()),
        };
        let name = self.user.expect("somebody is logged in");
        let (user, path) = (Text::from(name), file.map_or(VPath::root(), File::path));
        let facts = Facts {
            client: self.client,
            user: &user,
            anonymous: name == "anonymous",
            may_fxp: name != "homebody",
            way,
            peer: Some(self.host(peer)),
            intent: file.map(|file| match file {
                File::List => Intent::Listing,
                File::Store(_) => Intent::In(&path),
                File::Retrieve(_) => Intent::Out(&path),
            }),
            protection,
            proof,
            from,
            meets_itself: false,
        };
        let names = BTreeMap::new();
        judge(Rulebook { rules: &self.fxp.rules, allowances: self.fxp.allowances, names: &names }, &facts)
    }

    fn host(&self, ip: IpAddr) -> Host {
        if self.is_client(ip) {
            return self.client;
        }
        Host { ip, scope: Scope::of(ip), own: ip.is_loopback() }
    }
}
