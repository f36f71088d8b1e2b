//! Drives the server machine: lines from the client, and a driver that does what the bytes say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::grammar::reply::{Reply, ReplyParser};
use crate::listing::entry::{Entry, Kind};
use crate::moment::Moment;
use crate::path::VPath;
use crate::server::effect::{Effect, EffectId, Event, Failure, FailureKind, FileOp, List, LoggedIn, Outcome};
use crate::server::machine::{Action, Appetite, Endpoints, Input, Machine, Settings, TlsOffer};
use crate::wire::line::{Line, LineSplitter, MAX_COMMAND_LINE};
use crate::wire::text::Text;

/// A line that begins with `!` tells the driver something, any other one is what the client sends:
///
/// * `!o` the oldest effect ends well, `!f` and a letter: it fails;
/// * `!n` it is about to open the data connection, `!l` it has lines for the control connection;
/// * `!t` the handshake succeeds, `!T` it fails;
/// * `!w` and a letter: so many minutes pass (`a` is one); `!s` the server goes down; `!e` the client is gone.
///
/// Promises: before a login nothing but logins is asked of the outside. Nothing follows `Close`.
/// No effect is named twice. Every line gets exactly one final reply, as long as the connection
/// stands. What is sent can be read by a client.
pub fn server_machine(data: &[u8]) {
    let mut world = World::new(data.first().copied().unwrap_or_default());
    world.drain();
    for line in data.split(|&byte| byte == b'\n').take(MAX_LINES) {
        match line.split_first() {
            Some((b'!', order)) => world.drive(order),
            _ => world.send(line),
        }
        world.drain();
    }
    world.finish();
}

/// More lines than this say nothing new.
const MAX_LINES: usize = 2000;

struct World {
    machine: Machine,
    splitter: LineSplitter,
    parser: ReplyParser,
    now: Moment,
    /// Running effects, without the slots they hold: what they are.
    running: BTreeMap<EffectId, What>,
    last_id: Option<EffectId>,
    logged_in: bool,
    /// The handshake was asked for and has not ended.
    securing: bool,
    closed: bool,
    /// Final replies that are owed, the greeting among them.
    owed: i64,
    /// An answer that is not to a line: 421 and its kin.
    may_part: bool,
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
            banner: "fuzz".into(),
            software: "fuzz".into(),
            tls: [TlsOffer::None, TlsOffer::Offered, TlsOffer::Required][usize::from(seed % 3)],
            require_private_data: seed & 8 != 0,
            hosts: Vec::new(),
            advertise_pret: false,
            cpsv_in_clear: seed & 16 != 0,
            login_attempts: 3,
            login_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(300),
        };
        let address = |text: &str| text.parse::<SocketAddr>().expect("a literal address");
        let endpoints = Endpoints {
            peer: address("192.0.2.7:40000"),
            local: address("192.0.2.1:21"),
            secured: seed & 32 != 0,
        };
        World {
            machine: Machine::new(Arc::new(settings), endpoints, Moment::START),
            splitter: LineSplitter::new(MAX_COMMAND_LINE),
            parser: ReplyParser::default(),
            now: Moment::START,
            running: BTreeMap::new(),
            last_id: None,
            logged_in: false,
            securing: false,
            closed: false,
            owed: 1,
            may_part: false,
        }
    }

    fn send(&mut self, line: &[u8]) {
        let bytes = [line, b"\r\n"].concat();
        let mut rest = bytes.as_slice();
        while let Some(line) = self.splitter.next_line(&mut rest) {
            if self.closed || self.machine.appetite() == Appetite::None {
                return;
            }
            self.owed += 1;
            self.machine.input(input(line), self.now);
            self.drain();
        }
    }

    fn drive(&mut self, order: &[u8]) {
        let letter = order.get(1).copied().unwrap_or(b'a');
        match order.first() {
            Some(b'o') => self.end_oldest(|what| what.success()),
            Some(b'f') => self.end_oldest(|_| failure(letter)),
            Some(b'n') => self.news(Event::Opening { size: Some(7), name: None }),
            Some(b'l') => self.news(Event::Lines(vec!["213 a line".into(), "-rw".into()])),
            Some(b't') => self.handshake(true),
            Some(b'T') => self.handshake(false),
            Some(b'w') => {
                self.now = self.now + minutes(letter);
                self.may_part = true;
                self.machine.tick(self.now);
            }
            Some(b's') => {
                self.may_part = true;
                self.machine.shutdown();
            }
            Some(b'e') => {
                self.machine.eof();
                self.may_part = true;
            }
            _ => {}
        }
    }

    fn handshake(&mut self, secured: bool) {
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

    fn end_oldest(&mut self, outcome: impl Fn(What) -> Outcome) {
        if let Some((id, what)) = self.running.pop_first() {
            let outcome = outcome(what);
            self.logged_in |= matches!(outcome, Outcome::LoggedIn(_));
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
                }
                Action::StartTls => {
                    assert!(!self.securing);
                    self.securing = true;
                    self.logged_in = false;
                    // What was sent in clear behind AUTH is forgotten, unanswered.
                    self.splitter.clear();
                    self.owed = 0;
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
            Effect::Login(_) => What::Login,
            Effect::Listen { .. } => What::Listen,
            Effect::List(List { slot: None, .. }) => What::Lines,
            Effect::Send(_) | Effect::Receive(_) | Effect::List(_) => What::Transfer,
            Effect::File(FileOp::Stat(_)) => What::Stat,
            Effect::File(FileOp::Space(_)) => What::Space,
            Effect::Digest(_) => What::Digest,
            // Needs no answer.
            Effect::Release(_) => return,
            Effect::Aim(_) | Effect::File(_) => What::Other,
        };
        assert!(self.logged_in || matches!(what, What::Login), "an effect before the login");
        self.running.insert(id, what);
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
        self.may_part |= reply.code.number() == 421;
        assert!(self.owed >= 0 || self.may_part, "{reply} answers nothing");
    }

    /// Ends everything that runs; then nothing may be owed.
    fn finish(&mut self) {
        for _ in 0..MAX_LINES {
            if self.securing {
                self.handshake(true);
            }
            self.end_oldest(What::success);
            self.drain();
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
    fn success(self) -> Outcome {
        match self {
            What::Login => {
                Outcome::LoggedIn(LoggedIn { home: VPath::root(), message: "in".into(), foreign_peers: true })
            }
            What::Listen => Outcome::Listening("192.0.2.1:50000".parse().expect("a literal address")),
            What::Transfer | What::Lines => Outcome::Transferred { bytes: 7, name: None },
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
