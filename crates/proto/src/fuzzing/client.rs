//! Drives the client machine: requests that the bytes choose, and a server that says what it likes.

use std::collections::{BTreeMap, BTreeSet};

use super::ear::{Ear, Heard};
use super::server::minutes;
use crate::client::machine::{Action, Machine};
use crate::client::manners::{Manners, Queueing};
use crate::client::request::{Login, LoginTls, Passive, Request, RequestId, Setting};
use crate::grammar::addr::{Family, HostPort};
use crate::grammar::command::Command;
use crate::grammar::params::{Protection, TlsRole, TransferType};
use crate::grammar::peer::{PeerKey, PeerPin};
use crate::grammar::verb::Verb;
use crate::moment::Moment;
use crate::wire::secret::Secret;

/// A line that begins with `!` tells the driver something, any other one is what the server sends:
///
/// * `!a` and a letter asks for something (`request` below);
/// * `!t` the handshake succeeds, `!T` it fails; `!w` and a letter: so many minutes pass; `!e` the
///   server is gone;
/// * `!q` and a letter: from now on so much is queued (`queueing` below);
/// * `!"` and bytes: these come without an end of line, so that what follows happens between two bytes of
///   a reply; `!j` an LF comes alone;
/// * `!{` what comes stays in the socket until `!}`, and is then read at once.
///
/// Promises: every request ends exactly once. Nothing is sent once the connection was given up. No key is ever
/// shown by what is printed of a command.
/// A secret is sent only after the handshake where TLS was demanded. What was read together with the reply
/// that began TLS is not looked at.
pub fn client_machine(data: &[u8]) {
    let window = usize::from(data.first().copied().unwrap_or_default() % 4) + 1;
    let mut world = World {
        machine: Machine::with_manners(Manners { window, ..Manners::default() }),
        ear: Ear::new(),
        held: None,
        forgotten: false,
        now: Moment::START,
        open: BTreeSet::new(),
        logins: BTreeMap::new(),
        secured: false,
        closed: false,
    };
    for line in data.split(|&byte| byte == b'\n').take(MAX_LINES) {
        match line.split_first() {
            Some((b'!', order)) => world.drive(order),
            _ => world.arrive(&[line, b"\r\n"].concat()),
        }
        world.drain();
    }
    world.machine.eof();
    world.drain();
    assert!(world.open.is_empty(), "requests without an end: {:?}", world.open);
    assert!(!world.machine.is_open() && world.machine.is_idle());
}

/// More lines than this say nothing new.
const MAX_LINES: usize = 2000;

struct World {
    machine: Machine,
    ear: Ear,
    /// What has come and is not read yet.
    held: Option<Vec<u8>>,
    /// TLS began: the rest of what was read goes nowhere.
    forgotten: bool,
    now: Moment,
    /// Requests that have not ended.
    open: BTreeSet<RequestId>,
    /// Those of them that are logins, and whether they must not go on in clear. They run one after the other.
    logins: BTreeMap<RequestId, bool>,
    secured: bool,
    closed: bool,
}

impl World {
    /// Bytes come from the server.
    fn arrive(&mut self, bytes: &[u8]) {
        match &mut self.held {
            Some(held) => held.extend_from_slice(bytes),
            None => self.read(bytes),
        }
    }

    /// Bytes are read, all at once.
    fn read(&mut self, mut bytes: &[u8]) {
        self.forgotten = false;
        while let Some(heard) = self.ear.next(&mut bytes) {
            match heard {
                Heard::Reply(reply) => self.machine.reply(reply, self.now),
                Heard::Nonsense => self.machine.eof(),
            }
            self.drain();
            if self.forgotten {
                return;
            }
        }
    }

    fn drive(&mut self, order: &[u8]) {
        let letter = order.get(1).copied().unwrap_or(b'a');
        match order.first() {
            Some(b'a') => {
                let request = request(letter);
                let login = match &request {
                    Request::Login(login) => Some(login.tls == LoginTls::Require),
                    _ => None,
                };
                let id = self.machine.ask(request, self.now);
                assert!(self.open.insert(id), "{id:?} is not new");
                self.logins.extend(login.map(|demands| (id, demands)));
            }
            Some(b't') => {
                self.secured = true;
                self.machine.tls(true, self.now);
            }
            Some(b'T') => self.machine.tls(false, self.now),
            Some(b'w') => {
                self.now = self.now + minutes(letter);
                self.machine.tick(self.now);
            }
            Some(b'e') => self.machine.eof(),
            Some(b'q') => self.machine.set_queueing(queueing(letter)),
            Some(b'"') => self.arrive(&order[1..]),
            Some(b'j') => self.arrive(b"\n"),
            Some(b'{') => self.held = Some(self.held.take().unwrap_or_default()),
            Some(b'}') => {
                let held = self.held.take().unwrap_or_default();
                self.read(&held);
            }
            _ => {}
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.machine.next() {
            match action {
                Action::Send(command) => {
                    assert!(!self.closed, "{command} after Close");
                    let demanded = self.logins.first_key_value().is_some_and(|(_, demands)| *demands);
                    assert!(command.verb != Verb::Pass || !demanded || self.secured, "a password in clear");
                    assert!(command.to_bytes().ends_with(b"\r\n"));
                    assert!(!command.to_string().contains("KEY B"), "a key for everybody to see");
                }
                Action::StartTls => {
                    self.ear.forget();
                    self.forgotten = true;
                }
                Action::Preliminary(id, reply) => {
                    assert!(self.open.contains(&id) && reply.code.is_preliminary());
                }
                Action::Done(id, _) => {
                    assert!(self.open.remove(&id), "{id:?} ended twice");
                    self.logins.remove(&id);
                }
                Action::Close(_) => {
                    assert!(!std::mem::replace(&mut self.closed, true), "closed twice");
                }
            }
        }
    }
}

/// What `!a` and this letter ask for.
fn request(letter: u8) -> Request {
    let place = HostPort::new([192, 0, 2, 1].into(), 2000).expect("a literal port");
    match letter {
        b'a' => Request::Abort,
        b'b' => Request::Command(Command::bare(Verb::Noop)),
        b'c' => Request::Passive(Passive::Cpsv),
        b'd' => Request::Command(Command::new(Verb::Dele, "x")),
        b'e' => Request::Passive(Passive::Epsv(Some(Family::V6))),
        b'l'..=b'o' => Request::Login(login(letter)),
        b'p' => Request::Passive(Passive::Pasv),
        b'q' => Request::Quit,
        b'r' => Request::Transfer(Command::new(Verb::Retr, "x")),
        b's' => Request::Transfer(Command::new(Verb::Stor, "x")),
        b't' => Request::Active(place),
        b'u' => Request::Set(Setting::Type(TransferType::Image)),
        b'v' => Request::Set(Setting::Protection(Protection::Private)),
        b'w' => Request::Set(Setting::Role(TlsRole::Client)),
        b'x' => Request::Set(Setting::Role(TlsRole::Server)),
        b'y' => Request::Set(Setting::ExtendedReply(true)),
        b'k' => Request::Introduce(PeerKey::new([7; PeerKey::LENGTH])),
        b'z' => Request::Set(Setting::Peer(None)),
        b'Z' => Request::Set(Setting::Peer(Some(PeerPin { digests: vec![[7; 32]], from: Vec::new() }))),
        digit if digit.is_ascii_digit() => Request::Restart(u64::from(digit - b'0')),
        _ => Request::Command(Command::bare(Verb::Feat)),
    }
}

/// How much `!q` and this letter let the machine queue.
fn queueing(letter: u8) -> Queueing {
    match letter {
        b's' => Queueing::Small,
        b't' => Queueing::UpToTransfer,
        b'w' => Queueing::Always,
        _ => Queueing::None,
    }
}

fn login(letter: u8) -> Login {
    Login {
        user: "anna".into(),
        password: Secret::new("hush"),
        tls: [LoginTls::Off, LoginTls::Try, LoginTls::Require, LoginTls::Implicit]
            [usize::from(letter - b'l')],
        protection: Protection::Private,
        host: None,
        swift: None,
    }
}
