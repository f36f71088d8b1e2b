//! The machine: one control connection seen from the server.
//!
//! A driver feeds it (a line, news of an effect, the end of an effect, the time), drains [`Machine::next`]
//! after each call, and sleeps until [`Machine::wake_at`]. One command is served at a time; what comes
//! while its effect runs waits in order. Only ABOR overtakes.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::cmd;
use super::effect::{Effect, EffectId, Event, Outcome};
use super::pending::Then;
use super::state::{Phase, Session};
use super::waiting::{Line, Waiting};
use crate::grammar::command::{Command, CommandError};
use crate::grammar::reply::Reply;
use crate::grammar::verb::{Data, Verb};
use crate::moment::Moment;
use crate::wire::text::Text;

/// Senseless commands in a row before the connection is closed. A client that probes what we know
/// asks for a handful of things; more is a confused program, or another protocol's body.
const MAX_ERRORS: u32 = 20;

/// What stays the same for all connections of a listener.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Text of the 220 greeting.
    pub banner: Text,
    /// Name of the software for CSID, without its version.
    pub software: Text,
    /// What TLS is on offer.
    pub tls: TlsOffer,
    /// `PROT C` is refused for all data connections.
    pub require_private_data: bool,
    /// Names accepted by HOST; empty accepts every name.
    pub hosts: Vec<Text>,
    /// PRET in FEAT: it makes some clients spend a round trip, so only where it is of use.
    pub advertise_pret: bool,
    /// Accept CPSV while PROT is C, as careless servers do.
    pub cpsv_in_clear: bool,
    /// Failed logins before the connection is closed.
    pub login_attempts: u32,
    /// Ceiling for the time without a login.
    pub login_timeout: Duration,
    /// Ceiling for the time without a command or a running transfer.
    pub idle_timeout: Duration,
}

/// TLS on the control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsOffer {
    /// No certificate: AUTH is answered 502 and not in FEAT.
    None,
    /// AUTH TLS may be used.
    Offered,
    /// AUTH TLS must come before USER (`530` otherwise).
    Required,
}

/// Who speaks to whom.
#[derive(Clone, Copy, Debug)]
pub struct Endpoints {
    /// The client's end of the control connection.
    pub peer: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// The connection began inside TLS (implicit TLS).
    pub secured: bool,
}

/// What came in on the control connection.
#[derive(Clone, PartialEq, Eq)]
pub enum Input {
    /// One line, without its end, Telnet bytes removed.
    Line(Vec<u8>),
    /// A line longer than the ceiling; all of it was swallowed.
    TooLong,
    /// A NUL or a stray CR inside a line; all of it was swallowed.
    BadBytes,
}

impl fmt::Debug for Input {
    /// The line as a command, secrets masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Line(line) => match Command::parse(line) {
                Ok(command) => write!(f, "Line({command})"),
                Err(error) => write!(f, "Line({error})"),
            },
            Input::TooLong => f.write_str("TooLong"),
            Input::BadBytes => f.write_str("BadBytes"),
        }
    }
}

/// What the driver has to do.
#[derive(Debug)]
pub enum Action {
    /// Send this reply.
    Reply(Reply),
    /// Send these lines of a long multi-line reply (STAT with a path), already formatted, no line ends.
    Lines(Vec<Text>),
    /// Start this effect.
    Do(EffectId, Effect),
    /// Stop that effect; its outcome will not be looked at. Data sockets are shut down at once.
    Cancel(EffectId),
    /// Flush, discard all unread bytes and queued lines, and do the TLS handshake as server.
    StartTls,
    /// Flush and close.
    Close,
}

/// What lines the machine is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appetite {
    /// Any line.
    Any,
    /// Any line, but only ABOR and STAT are looked at now; the others wait in the machine's queue.
    UrgentOnly,
    /// Nothing: the queue is full, a handshake runs, or all is over; leave the bytes in the socket.
    None,
}

/// One control connection seen from the server.
#[derive(Debug)]
pub struct Machine {
    session: Session,
    waiting: Waiting,
    /// The server is going down.
    draining: bool,
    /// When the client last said something, or an effect of its last ended.
    active: Moment,
}

impl Machine {
    /// A machine for a connection that was just accepted; the first action is the greeting.
    pub fn new(settings: Arc<Settings>, endpoints: Endpoints, now: Moment) -> Self {
        let greeting = Reply::new(220, settings.banner.clone());
        let mut session = Session::new(settings, endpoints, now);
        session.answer(greeting);
        Machine { session, waiting: Waiting::default(), draining: false, active: now }
    }

    /// A line arrived.
    pub fn input(&mut self, input: Input, now: Moment) {
        self.session.now = now;
        if self.session.phase != Phase::Open {
            return;
        }
        self.active = now;
        let line = understand(input);
        match self.session.running() {
            None => self.serve(line, false),
            Some(_) => self.while_busy(line),
        }
        self.go_on();
    }

    /// News of effect `id`.
    pub fn event(&mut self, id: EffectId, event: Event) {
        cmd::news(&mut self.session, id, event);
    }

    /// Effect `id` ended.
    pub fn done(&mut self, id: EffectId, outcome: Outcome, now: Moment) {
        self.session.now = now;
        let Some(running) = self.session.ended(id) else { return };
        self.active = now;
        cmd::finish(&mut self.session, running, outcome);
        self.go_on();
    }

    /// The handshake that `StartTls` asked for ended.
    pub fn tls(&mut self, secured: bool, now: Moment) {
        self.session.now = now;
        if self.session.phase != Phase::Securing {
            return;
        }
        self.active = now;
        match secured {
            true => cmd::secured(&mut self.session),
            false => self.session.hang_up(),
        }
        self.go_on();
    }

    /// The client closed the control connection: nobody is left to tell, so all work stops.
    pub fn eof(&mut self) {
        if self.session.phase != Phase::Closed {
            self.stop();
            self.session.hang_up();
        }
    }

    /// The server is going down: finish what runs, then close with 421. Commands that wait are not
    /// served any more.
    pub fn shutdown(&mut self) {
        self.draining = true;
        self.waiting.clear();
        self.go_on();
    }

    /// Time passed.
    pub fn tick(&mut self, now: Moment) {
        self.session.now = now;
        let Some((deadline, why)) = self.deadline() else { return };
        if now < deadline {
            return;
        }
        self.stop();
        match self.session.phase {
            Phase::Securing => self.session.hang_up(),
            _ => self.session.close(Reply::new(421, why)),
        }
    }

    /// The next thing to do; drain it after every call above.
    #[allow(clippy::should_implement_trait, reason = "not an iterator: after None, more may come")]
    pub fn next(&mut self) -> Option<Action> {
        self.session.next_action()
    }

    /// When `tick` wants to be called.
    pub fn wake_at(&self) -> Option<Moment> {
        self.deadline().map(|(deadline, _)| deadline)
    }

    /// What lines may be fed.
    pub fn appetite(&self) -> Appetite {
        match self.session.phase {
            Phase::Securing | Phase::Closed => Appetite::None,
            Phase::Open if self.waiting.is_full() => Appetite::None,
            Phase::Open if self.session.running().is_some() => Appetite::UrgentOnly,
            Phase::Open => Appetite::Any,
        }
    }

    /// A line that came while an effect runs. ABOR acts at once. STAT is answered at once if nothing
    /// waits before it, so that a client that counts replies stays in step. Everything else waits:
    /// QUIT too, which lets a transfer end (RFC 959, 4.1.1).
    fn while_busy(&mut self, line: Line) {
        match line {
            Line::Command(Command { verb: Verb::Abor, .. })
                if self.can_cancel() || !self.waiting.is_full() =>
            {
                self.abort(line);
            }
            Line::Command(Command { verb: Verb::Stat, ref argument })
                if argument.is_empty() && self.waiting.is_empty() && self.transfer_runs() =>
            {
                cmd::progress(&mut self.session);
            }
            line if self.waiting.is_full() => {
                // The driver did not look at `appetite`; a line that is dropped would put a client that
                // counts replies out of step, so this is the end.
                drop(line);
                self.stop();
                self.session.close(Reply::new(421, "too many commands at once"));
            }
            line => self.waiting.push(line),
        }
    }

    fn transfer_runs(&self) -> bool {
        self.session.running().is_some_and(|running| matches!(running.then, Then::Transfer(_)))
    }

    /// Stops what runs at once, and lets what waits pass before ABOR is answered.
    fn abort(&mut self, line: Line) {
        if self.can_cancel() {
            cmd::cancelled(&mut self.session);
        }
        self.waiting.push_abort(line);
    }

    fn can_cancel(&self) -> bool {
        self.session.running().is_some_and(|running| running.can_be_cancelled())
    }

    /// Serves what waits, as far as it goes without waiting again.
    fn go_on(&mut self) {
        while self.session.phase == Phase::Open && self.session.running().is_none() {
            if self.session.errors >= MAX_ERRORS {
                self.session.close(Reply::new(421, "too many errors, closing the connection"));
            } else if self.draining {
                self.session.close(Reply::new(421, "the server is shutting down"));
            } else if let Some((line, aborted)) = self.waiting.pop() {
                self.serve(line, aborted);
            } else {
                return;
            }
        }
        if self.session.phase != Phase::Open {
            // After AUTH: what was sent in clear must not count inside TLS (CVE-2011-0411 and its kin).
            self.waiting.clear();
        }
    }

    fn serve(&mut self, line: Line, aborted: bool) {
        match line {
            Line::Command(command) if aborted && moves_data(command.verb) => {
                self.session.say(426, format!("{} was aborted before it began", command.verb.name()));
            }
            Line::Command(command) => cmd::serve(&mut self.session, command),
            Line::Wrong(reply) => self.session.answer(reply),
            Line::Foreign => self.session.close(Reply::new(421, "this is an FTP server")),
        }
    }

    /// Cancels everything.
    fn stop(&mut self) {
        self.waiting.clear();
        self.session.cancel();
    }

    /// When the session has lasted too long without a login or without a sign of life, and what to say
    /// then. What runs counts as a sign of life; effects have ceilings of their own.
    fn deadline(&self) -> Option<(Moment, &'static str)> {
        let session = &self.session;
        if session.phase == Phase::Closed || session.running().is_some() {
            return None;
        }
        let idle = (self.active + session.settings.idle_timeout, "idle for too long, closing the connection");
        let login = (session.stranger_since + session.settings.login_timeout, "no login in time");
        if session.is_logged_in() { Some(idle) } else { Some(idle.min(login)) }
    }
}

/// Reads a line as far as that can be done without knowing the session.
fn understand(input: Input) -> Line {
    let line = match input {
        Input::Line(line) => Zeroizing::new(line),
        Input::TooLong => return Line::Wrong(Reply::new(500, "the line is too long")),
        Input::BadBytes => return Line::Wrong(Reply::new(500, "the line holds a forbidden byte")),
    };
    match Command::parse(&line) {
        Ok(command) => Line::Command(command),
        Err(CommandError::NotFtp(_)) => Line::Foreign,
        Err(error) => Line::Wrong(Reply::new(error.code(), Text::lossy(error.to_string()))),
    }
}

fn moves_data(verb: Verb) -> bool {
    matches!(verb.row().data, Data::Send | Data::Receive | Data::Listing)
}
