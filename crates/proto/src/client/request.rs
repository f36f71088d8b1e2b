//! What can be asked of a server over one control connection.

use std::net::IpAddr;

use crate::grammar::addr::{Family, HostPort};
use crate::grammar::command::Command;
use crate::grammar::feat::Features;
use crate::grammar::params::{Protection, TlsRole, TransferType};
use crate::grammar::peer::{PeerKey, PeerPin};
use crate::grammar::rate::RateLimit;
use crate::grammar::reply::Reply;
use crate::path::VPath;
use crate::wire::{secret::Secret, text::Text};

/// Names one request; replies are routed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// One thing to ask. Requests are sent in order; the next one is sent when the one before has its
/// final reply, unless the server is known to take queued commands.
#[derive(Clone, Debug)]
pub enum Request {
    /// Greeting, AUTH TLS, handshake, USER, PASS, FEAT, PBSZ, PROT, OPTS UTF8, TYPE I, PWD.
    Login(Login),
    /// One command, one final reply.
    Command(Command),
    /// A setting; nothing is sent if it is in force already (answered by [`Answer::Skipped`]).
    Set(Setting),
    /// PEER KEY, for the one transfer that follows. What is asked next goes out behind it, in the same write and
    /// without waiting for its reply.
    Introduce(PeerKey),
    /// PASV, EPSV or CPSV.
    Passive(Passive),
    /// PORT or EPRT, as the family demands.
    Active(HostPort),
    /// REST, when it has something to say: `Restart(0)` is sent only if an earlier REST may still be
    /// in force (some servers do not forget it after a transfer), else it is answered by [`Answer::Skipped`].
    Restart(u64),
    /// RETR, STOR, APPE or STOU whose data goes elsewhere (FXP): a preliminary reply is reported, then the final one.
    Transfer(Command),
    /// ABOR, with the accounting of the replies that may follow. It overtakes: a running transfer is
    /// aborted at once; its own [`Answer`] comes before that of the abort.
    Abort,
    /// QUIT.
    Quit,
}

/// How to log in.
#[derive(Clone, Debug)]
pub struct Login {
    /// User name.
    pub user: Text,
    /// Password.
    pub password: Secret,
    /// What to do about TLS.
    pub tls: LoginTls,
    /// Protection of data connections to ask for once TLS is up.
    pub protection: Protection,
    /// HOST, sent if the server offers it.
    pub host: Option<Text>,
    /// All of it at once, for a server that is known to bear that; what its FEAT will say is expected.
    pub swift: Option<Expected>,
}

/// What FEAT said at an earlier login, as far as the login depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// CLNT.
    pub clnt: bool,
    /// UTF8.
    pub utf8: bool,
}

impl Expected {
    /// What these features let a later login expect.
    pub fn of(features: &Features) -> Self {
        Expected { clnt: features.has("CLNT"), utf8: features.has("UTF8") }
    }
}

/// TLS on the control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginTls {
    /// Never.
    Off,
    /// If the server accepts AUTH TLS.
    Try,
    /// Or no login.
    Require,
    /// The connection began inside TLS.
    Implicit,
}

/// Sticky settings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// TYPE.
    Type(TransferType),
    /// PBSZ 0 (once) and PROT.
    Protection(Protection),
    /// SSCN ON is `Client`, SSCN OFF is `Server`.
    Role(TlsRole),
    /// CEPR ON or OFF.
    ExtendedReply(bool),
    /// PEER EXPECT with this pin, or PEER OFF.
    Peer(Option<PeerPin>),
    /// RATE with this ceiling, or RATE 0.
    Rate(Option<RateLimit>),
}

/// How to make the server listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Passive {
    /// PASV.
    Pasv,
    /// EPSV, with `1` or `2` if a family is given.
    Epsv(Option<Family>),
    /// CPSV.
    Cpsv,
}

/// The end of a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The final reply, 2yz or 3yz.
    Reply(Reply),
    /// In force already; nothing was sent.
    Skipped,
    /// The server listens.
    Listening {
        /// The reply.
        reply: Reply,
        /// The address in it; EPSV usually has none.
        ip: Option<IpAddr>,
        /// The port.
        port: u16,
    },
    /// Logged in.
    LoggedIn(LoggedIn),
    /// A final reply of 4yz or 5yz, or one that makes no sense here.
    Refused {
        /// The command it answers, secrets masked, or [`NO_COMMAND`].
        command: String,
        /// The reply.
        reply: Reply,
    },
    /// The control connection ended before the final reply.
    Lost,
    /// No reply came in time.
    TimedOut,
}

/// What stands for the command where a server refuses the connection itself, by its greeting or between two commands.
pub const NO_COMMAND: &str = "the connection";

/// What is known after the login.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// The greeting. With explicit TLS it came in clear and may be anybody's: for showing, not for deciding.
    pub banner: Reply,
    /// FEAT, after TLS and login.
    pub features: Features,
    /// SYST, where answered.
    pub system: Option<Text>,
    /// PWD, the directory the session starts in.
    pub home: VPath,
    /// The control connection is inside TLS.
    pub secured: bool,
    /// PROT in force.
    pub protection: Protection,
}
