//! The machine: one control connection seen from the server.

use std::net::SocketAddr;
use std::time::Duration;

use super::effect::{Effect, EffectId, Event, Outcome};
use crate::grammar::reply::Reply;
use crate::moment::Moment;
use crate::wire::text::Text;

/// What stays the same for all connections of a listener.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Text of the 220 greeting.
    pub banner: Text,
    /// Name and version for CSID and SYST-like answers.
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
    /// No certificate: AUTH is answered 502... and not in FEAT.
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// One line, without its end, Telnet bytes removed.
    Line(Vec<u8>),
    /// A line longer than the ceiling; all of it was swallowed.
    TooLong,
    /// A NUL or a stray CR inside a line; all of it was swallowed.
    BadBytes,
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
    /// Only ABOR, STAT and QUIT; other lines wait (the driver still feeds them: the machine queues them).
    UrgentOnly,
    /// Nothing: the queue is full; leave the bytes in the socket.
    None,
}

/// One control connection seen from the server.
#[derive(Debug)]
pub struct Machine {
    _private: (),
}

impl Machine {
    /// A machine for a connection that was just accepted; the first action is the greeting.
    pub fn new(_settings: std::sync::Arc<Settings>, _endpoints: Endpoints, _now: Moment) -> Self {
        todo!("server machine")
    }

    /// A line arrived.
    pub fn input(&mut self, _input: Input, _now: Moment) {
        todo!("server machine")
    }

    /// News of effect `id`.
    pub fn event(&mut self, _id: EffectId, _event: Event) {
        todo!("server machine")
    }

    /// Effect `id` ended.
    pub fn done(&mut self, _id: EffectId, _outcome: Outcome, _now: Moment) {
        todo!("server machine")
    }

    /// The handshake that `StartTls` asked for ended.
    pub fn tls(&mut self, _secured: bool, _now: Moment) {
        todo!("server machine")
    }

    /// The client closed the control connection.
    pub fn eof(&mut self) {
        todo!("server machine")
    }

    /// The server is going down: finish what runs, then close with 421.
    pub fn shutdown(&mut self) {
        todo!("server machine")
    }

    /// Time passed.
    pub fn tick(&mut self, _now: Moment) {
        todo!("server machine")
    }

    /// The next thing to do; drain it after every call above.
    pub fn next(&mut self) -> Option<Action> {
        todo!("server machine")
    }

    /// When `tick` wants to be called.
    pub fn wake_at(&self) -> Option<Moment> {
        todo!("server machine")
    }

    /// What lines may be fed.
    pub fn appetite(&self) -> Appetite {
        todo!("server machine")
    }
}
