//! Drives the server machine: lines from the client, and a driver that does what the bytes say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::grammar::params::{Protection, TlsRole};
use crate::grammar::peer::PeerProof;
use crate::grammar::reply::{Reply, ReplyParser};
use crate::listing::entry::{Entry, Kind};
use crate::moment::Moment;
use crate::path::VPath;
use crate::server::effect::{
    Effect, EffectId, Event, Failure, FailureKind, FileOp, List, LoggedIn, Outcome, Receive, Send, Slot,
    SlotId,
};
use crate::server::machine::{Action, Appetite, Endpoints, Input, Machine, Settings, TlsOffer};
use crate::wire::line::{Line, LineSplitter, MAX_COMMAND_LINE};
use crate::wire::text::Text;

/// A line that begins with `!` tells the driver something, any other one is what the client sends:
///
/// * `!o` the oldest effect ends well, `!f` and a letter: it fails;
/// * `!n` it is about to open the data connection, `!l` it has lines for the control connection;
/// * `!t` the handshake succeeds, `!T` it fails;
/// * `!w` and a letter: so many minutes pass (`a` is one); `!s` the server goes down; `!e` the client is gone;
/// * `!"` and bytes: these come without an end of line, so that what follows happens between two bytes of
///   a line; `!j` an LF comes alone;
/// * `!{` what comes stays in the socket until `!}`, and is then read at once.
///
/// The driver is the real one in small: it cuts lines as long as the machine has an appetite, and leaves
/// the rest in the socket.
///
/// Promises: before a login nothing but logins is asked of the outside, and no login where TLS is a must
/// and missing. Nobody stays for ever without a login. Nothing follows `Close`. No effect is named twice. Every line gets exactly one final
/// reply, as long as the connection stands. What is sent can be read by a client. A transfer has a data
/// connection that was prepared for it, with what held then and for the user of then, protected where
/// that is a must; at most one is kept. The other end of a file transfer must prove what PEER said last, and
/// nothing that was said to another user, before TLS, or by somebody who has no business with other servers.
pub fn server_machine(data: &[u8]) {
    let mut world = World::new(data.first().copied().unwrap_or_default());
    world.drain();
    for line in data.split(|&byte| byte == b'\n').take(MAX_LINES) {
        match line.split_first() {
            Some((b'!', order)) => world.drive(order),
            _ => world.arrive(&[line, b"\r\n"].concat()),
        }
        world.go_on();
    }
    world.finish();
}

/// More lines than this say nothing new.
const MAX_LINES: usize = 2000;

/// More than a minute, so that what happens at the end of the first one might put it off.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(90);

/// What the greeting says, and the answer to REIN.
const BANNER: &str = "fuzz";

struct World {
    machine: Machine,
    splitter: LineSplitter,
    /// What the client has sent; the first `seen` bytes have been cut into lines.
    unread: Vec<u8>,
    seen: usize,
    /// What comes is not read yet.
    holding: bool,
    /// Every byte is read alone.
    in_bytes: bool,
    parser: ReplyParser,
    now: Moment,
    /// TLS must come before a login.
    tls_required: bool,
    require_private_data: bool,
    secured: bool,
    /// Running effects, without the slots they hold: what they are.
    running: BTreeMap<EffectId, What>,
    /// Slots whose listeners are being made or whose targets are being looked at.
    preparing: BTreeMap<EffectId, Slot>,
    /// Slots that a transfer may take.
    prepared: BTreeMap<SlotId, Slot>,
    last_id: Option<EffectId>,
    logged_in: bool,
    /// The users of this server may have other servers as peers.
    foreign_peers: bool,
    /// What PEER said last.
    introduced: Option<Introduced>,
    /// Since when nobody is logged in.
    stranger_since: Moment,
    /// The handshake was asked for and has not ended.
    securing: bool,
    closed: bool,
    /// Final replies that are owed, the greeting among them.
    owed: i64,
    /// An answer that is not to a line: 421 and its kin.
    may_part: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Introduced {
    ByKey,
    ByPin,
}

#[derive(Clone, Copy)]
enum What {
    Login,
    Listen,
    Transfer,
    Lines,
    Stat,
    Space,
    Digest,
    Other,
}

impl World {
    fn new(seed: u8) -> Self {
        let settings = Settings {
            banner: BANNER.into(),
            software: "fuzz".into(),
            tls: [TlsOffer::None, TlsOffer::Offered, TlsOffer::Required][usize::from(seed % 3)],
            require_private_data: seed & 8 != 0,
            hosts: Vec::new(),
            advertise_pret: false,
            cpsv_in_clear: seed & 16 != 0,
            login_attempts: 3,
            login_timeout: LOGIN_TIMEOUT,
            idle_timeout: Duration::from_secs(300),
        };
        let address = |text: &str| text.parse::<SocketAddr>().expect("a literal address");
        let endpoints = Endpoints {
            peer: address("192.0.2.7:40000"),
            local: address("192.0.2.1:21"),
            secured: seed & 32 != 0,
        };
        World {
            splitter: LineSplitter::new(MAX_COMMAND_LINE),
            unread: Vec::new(),
            seen: 0,
            holding: false,
            in_bytes: seed & 64 != 0,
            parser: ReplyParser::default(),
            now: Moment::START,
            tls_required: settings.tls == TlsOffer::Required,
            require_private_data: settings.require_private_data,
            secured: endpoints.secured,
            machine: Machine::new(Arc::new(settings), endpoints, Moment::START),
            running: BTreeMap::new(),
            preparing: BTreeMap::new(),
            prepared: BTreeMap::new(),
            last_id: None,
            logged_in: false,
            foreign_peers: seed & 128 == 0,
            introduced: None,
            stranger_since: Moment::START,
            securing: false,
            closed: false,
            owed: 1,
            may_part: false,
        }
    }

    /// Bytes come from the client. What comes while the driver waits for the handshake is not for the
    /// machine.
    fn arrive(&mut self, bytes: &[u8]) {
        let pieces = if self.in_bytes { 1 } else { bytes.len().max(1) };
        for piece in bytes.chunks(pieces) {
            if !self.securing {
                self.unread.extend_from_slice(piece);
                self.look();
            }
        }
    }

    /// Cuts lines as long as the machine wants them.
    fn look(&mut self) {
        while !self.holding && !self.closed && self.machine.appetite() != Appetite::None {
            let mut rest = &self.unread[self.seen..];
            let line = self.splitter.next_line(&mut rest);
            self.seen = self.unread.len() - rest.len();
            let Some(line) = line else { return };
            self.owed += 1;
            self.machine.input(input(line), self.now);
            self.drain();
        }
    }

    /// Everything that can happen without the outside happens.
    fn go_on(&mut self) {
        self.drain();
        self.look();
    }

    fn drive(&mut self, order: &[u8]) {
        let letter = order.get(1).copied().unwrap_or(b'a');
        match order.first() {
            Some(b'o') => self.succeed(),
            Some(b'f') => self.end_oldest(|_| failure(letter)),
            Some(b'n') => self.news(Event::Opening { size: Some(7), name: None }),
            Some(b'l') => self.news(Event::Lines(vec!["213 a line".into(), "-rw".into()])),
            Some(b't') => self.handshake(true),
            Some(b'T') => self.handshake(false),
            Some(b'w') => {
                self.now = self.now + minutes(letter);
                self.may_part = true;
                self.machine.tick(self.now);
                self.drain();
                assert!(
                    self.closed
                        || self.logged_in
                        || !self.running.is_empty()
                        || self.now < self.stranger_since + LOGIN_TIMEOUT,
                    "a stranger stays for ever"
                );
            }
            Some(b's') => {
                self.may_part = true;
                self.machine.shutdown();
            }
            Some(b'e') => {
                self.machine.eof();
                self.may_part = true;
            }
            Some(b'"') => self.arrive(&order[1..]),
            Some(b'j') => self.arrive(b"\n"),
            Some(b'{') => self.holding = true,
            Some(b'}') => self.holding = false,
            _ => {}
        }
    }

    fn handshake(&mut self, secured: bool) {
        self.secured |= self.securing && secured;
        self.securing = false;
        self.machine.tls(secured, self.now);
    }

    fn news(&mut self, event: Event) {
        if let Some((&id, what)) = self.running.iter().next()
            && matches!(
                (what, &event),
                (What::Transfer, Event::Opening { .. }) | (What::Lines, Event::Lines(_))
            )
        {
            self.machine.event(id, event);
        }
    }

    fn succeed(&mut self) {
        let foreign_peers = self.foreign_peers;
        self.end_oldest(|what| what.success(foreign_peers));
    }

    fn end_oldest(&mut self, outcome: impl Fn(What) -> Outcome) {
        if let Some((id, what)) = self.running.pop_first() {
            let outcome = outcome(what);
            self.logged_in |= matches!(outcome, Outcome::LoggedIn(_));
            if let Some(slot) = self.preparing.remove(&id)
                && !matches!(outcome, Outcome::Failed(_))
            {
                self.prepared.insert(slot.id, slot);
            }
            self.machine.done(id, outcome, self.now);
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.machine.next() {
            assert!(!self.closed, "{action:?} after Close");
            match action {
                Action::Reply(reply) => self.hear(&reply),
                Action::Lines(lines) => lines.iter().for_each(|line| self.read(line)),
                Action::Do(id, effect) => self.begin(id, effect),
                Action::Cancel(id) => {
                    self.running.remove(&id);
                    self.preparing.remove(&id);
                }
                Action::StartTls => {
                    assert!(!self.securing);
                    self.securing = true;
                    self.leaves();
                    // What was sent in clear behind AUTH is forgotten, unanswered.
                    self.splitter.clear();
                    self.unread.clear();
                    self.seen = 0;
                    self.owed = 0;
                    assert!(self.prepared.is_empty(), "a data connection of before TLS is kept");
                }
                Action::Close => {
                    self.closed = true;
                    assert!(!self.parser.is_within() || self.may_part, "closed within a reply");
                }
            }
        }
    }

    fn begin(&mut self, id: EffectId, effect: Effect) {
        assert!(self.last_id.is_none_or(|last| id > last), "{id:?} is not new");
        self.last_id = Some(id);
        let what = match effect {
            Effect::Login(_) => {
                assert!(self.secured || !self.tls_required, "a password in clear where TLS is a must");
                assert!(self.prepared.is_empty(), "a data connection of another user is kept");
                self.leaves();
                What::Login
            }
            Effect::Listen { slot, .. } => {
                self.preparing.insert(id, slot);
                What::Listen
            }
            Effect::Aim(slot) => {
                self.preparing.insert(id, slot);
                What::Other
            }
            Effect::List(List { slot: None, .. }) => What::Lines,
            Effect::Send(Send { slot, .. }) | Effect::Receive(Receive { slot, .. }) => {
                let prepared = self.take(&slot);
                assert_eq!(slot.role, prepared.role, "another part in the handshake");
                let sort = |slot: &Slot| slot.peer.as_ref().map(std::mem::discriminant);
                assert_eq!(sort(&slot), sort(&prepared), "another sort of proof than it was prepared for");
                self.check_proof(&slot);
                What::Transfer
            }
            Effect::List(List { slot: Some(slot), .. }) => {
                self.take(&slot);
                assert_eq!(slot.role, TlsRole::Server, "a listing goes to the client, who plays client");
                assert_eq!(slot.peer, None, "and who has proven himself");
                What::Transfer
            }
            Effect::File(FileOp::Stat(_)) => What::Stat,
            Effect::File(FileOp::Space(_)) => What::Space,
            Effect::Digest(_) => What::Digest,
            // Needs no answer.
            Effect::Release(slot) => {
                assert!(self.prepared.remove(&slot).is_some(), "{slot:?} was released twice");
                return;
            }
            Effect::Rekey(slot, _) => {
                let prepared = self.prepared.get(&slot).expect("a slot that is prepared");
                assert!(matches!(prepared.peer, Some(PeerProof::Key(_))), "{slot:?} awaits no key");
                return;
            }
            Effect::File(_) => What::Other,
        };
        assert!(self.logged_in || matches!(what, What::Login), "an effect before the login");
        assert!(self.preparing.len() + self.prepared.len() <= 1, "more than one data connection is kept");
        self.running.insert(id, what);
    }

    /// Whoever was logged in is so no longer.
    fn leaves(&mut self) {
        if std::mem::take(&mut self.logged_in) {
            self.stranger_since = self.now;
        }
        self.introduced = None;
    }

    /// A transfer takes its data connection, and uses it as it was prepared.
    fn take(&mut self, slot: &Slot) -> Slot {
        let prepared = self.prepared.remove(&slot.id).expect("a data connection that was prepared");
        assert_eq!(
            (slot.verb, slot.protection, slot.target),
            (prepared.verb, prepared.protection, prepared.target),
            "it was prepared otherwise"
        );
        assert!(
            slot.protection == Protection::Private || !self.require_private_data,
            "data in clear where protection is a must"
        );
        prepared
    }

    /// A file transfer demands the proof that is in force.
    fn check_proof(&self, slot: &Slot) {
        let demanded = slot.peer.as_ref().map(|peer| match peer {
            PeerProof::Key(_) => Introduced::ByKey,
            PeerProof::Pin(_) => Introduced::ByPin,
        });
        assert_eq!(demanded, self.introduced, "another proof than PEER said");
        let may = self.foreign_peers && self.secured && slot.protection == Protection::Private;
        assert!(demanded.is_none() || may, "a proof that nobody can give");
    }

    /// What the answers to PEER mean.
    fn learn(&mut self, answer: &Text) {
        match answer.as_bytes() {
            b"Peer key set" => self.introduced = Some(Introduced::ByKey),
            b"Peer pinned" => self.introduced = Some(Introduced::ByPin),
            b"Peer forgotten" => self.introduced = None,
            _ => {}
        }
    }

    /// A whole reply goes out.
    fn hear(&mut self, reply: &Reply) {
        if !self.parser.is_within() {
            let bytes = reply.to_bytes();
            for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                self.read(&Text::lossy(line.strip_suffix(b"\r").unwrap_or(line)));
            }
        } else {
            // The end of a reply that was sent line by line.
            let bytes = reply.to_bytes();
            self.read(&Text::lossy(bytes.strip_suffix(b"\r\n").expect("a reply ends with CRLF")));
            assert!(!self.parser.is_within(), "a streamed reply has no end");
        }
    }

    /// A line goes out, and must make sense to a client.
    fn read(&mut self, line: &Text) {
        let whole = self.parser.line(line.as_bytes()).expect("the server speaks FTP");
        let Some(reply) = whole else { return };
        if reply.code.is_preliminary() {
            return;
        }
        self.owed -= 1;
        if let ([answer], 200) = (reply.lines.as_slice(), reply.code.number()) {
            self.learn(answer);
        }
        self.may_part |= reply.code.number() == 421;
        if reply.code.number() == 220 && reply.lines == [Text::from(BANNER)] {
            // The answer to REIN, which nobody survives.
            self.leaves();
            assert!(self.prepared.is_empty(), "a data connection of before REIN is kept");
        }
        assert!(self.owed >= 0 || self.may_part, "{reply} answers nothing");
    }

    /// Ends everything that runs; then nothing may be owed.
    fn finish(&mut self) {
        self.holding = false;
        self.go_on();
        for _ in 0..2 * MAX_LINES {
            if self.securing {
                self.handshake(true);
            }
            self.succeed();
            self.go_on();
            if self.running.is_empty() && !self.securing {
                break;
            }
        }
        assert!(self.running.is_empty(), "the effects have no end");
        assert!(self.closed || self.may_part || self.owed == 0, "{} replies are owed", self.owed);
        self.machine.eof();
        self.drain();
        assert!(self.machine.next().is_none());
    }
}

impl What {
    fn success(self, foreign_peers: bool) -> Outcome {
        match self {
            What::Login => {
                Outcome::LoggedIn(LoggedIn { home: VPath::root(), message: "in".into(), foreign_peers })
            }
            What::Listen => Outcome::Listening("192.0.2.1:50000".parse().expect("a literal address")),
            What::Transfer => Outcome::Transferred { bytes: 7, name: None, left_out: 0 },
            What::Lines => Outcome::Listed { left_out: 7 },
            What::Stat => Outcome::Facts(Entry::new("x".into(), Kind::File)),
            What::Space => Outcome::Space(7),
            What::Digest => Outcome::Digest { hex: "00".into(), start: 0, end: 7 },
            What::Other => Outcome::Done,
        }
    }
}

/// `a` is one minute, `b` two.
pub(super) fn minutes(letter: u8) -> Duration {
    Duration::from_secs(60 * (1 + u64::from(letter.saturating_sub(b'a'))))
}

fn failure(letter: u8) -> Outcome {
    use FailureKind::*;
    let kinds = [
        BadLogin,
        TooMany,
        NotFound,
        Denied,
        Exists,
        IsDirectory,
        NotDirectory,
        NotEmpty,
        BadName,
        BadOffset,
        NoSpace,
        Quota,
        Busy,
        Unsupported,
        Io,
        Policy,
        Connect,
        Handshake,
        NotResumed,
        Protection,
        Broken,
        Aborted,
        Family,
    ];
    let kind = kinds[usize::from(letter.wrapping_sub(b'a')) % kinds.len()];
    Outcome::Failed(Failure { kind, detail: "no".into() })
}

fn input(line: Line) -> Input {
    match line {
        Line::Text(text) => Input::Line(text),
        Line::TooLong => Input::TooLong,
        Line::BadBytes => Input::BadBytes,
    }
}
