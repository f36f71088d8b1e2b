//! One file between two legs.

use std::net::IpAddr;
use std::time::Duration;

use super::leg::Leg;
use super::method::Method;
use crate::client::request::{Answer, Request, RequestId};
use crate::grammar::reply::Reply;
use crate::grammar::verb::Verb;
use crate::moment::Moment;
use crate::path::VPath;

/// What is known of one leg when an exchange begins.
#[derive(Clone, Debug)]
pub struct LegFacts {
    /// Where the file is, or goes.
    pub path: VPath,
    /// The other end of this leg's control connection.
    pub control_peer: IpAddr,
    /// The address to use instead of what the server announces (site entry's `data_address`).
    pub data_address: Option<IpAddr>,
    /// The server wants PRET before the passive verb.
    pub pret: bool,
    /// The server offers CEPR.
    pub cepr: bool,
    /// The server offers SSCN: it is switched off again where the method does not need it.
    pub sscn: bool,
}

/// One file to copy.
#[derive(Clone, Debug)]
pub struct Job {
    /// The source.
    pub source: LegFacts,
    /// The destination.
    pub destination: LegFacts,
    /// How to join them.
    pub method: Method,
    /// Where to begin: bytes the destination has already. 0 is the whole file.
    pub restart: u64,
    /// Ceilings.
    pub limits: Limits,
}

/// Ceilings for waits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one reply to a command that is not a transfer.
    pub reply: Duration,
    /// For the other leg's final reply after one leg has finished well.
    pub straggler: Duration,
    /// For the other leg's final reply after one leg has failed.
    pub cleanup: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            reply: Duration::from_secs(60),
            straggler: Duration::from_secs(60),
            cleanup: Duration::from_secs(5),
        }
    }
}

/// Where an exchange stands, for progress and for error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// TYPE, PROT, SSCN, CEPR.
    Prepare,
    /// PRET.
    Announce,
    /// PASV, EPSV, CPSV.
    Listen,
    /// PORT, EPRT.
    Connect,
    /// REST.
    Restart,
    /// STOR and RETR.
    Transfer,
    /// ABOR and waiting for the last replies.
    Cleanup,
}

/// What the driver has to do.
#[derive(Debug)]
pub enum Action {
    /// Ask this of that leg, then call [`Exchange::asked`] with the id.
    Ask(Leg, Request),
    /// The exchange has come to a new step.
    Progress(Step),
    /// It is over.
    Done(Verdict),
}

/// How it ended.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// `Ok`: both servers said that the file was transferred (its size is still to be compared).
    pub result: Result<Copied, Failure>,
    /// False for a leg whose session is in no known state and must be replaced.
    pub source_usable: bool,
    /// As `source_usable`.
    pub destination_usable: bool,
}

/// Both final replies were good.
#[derive(Clone, Debug)]
pub struct Copied {
    /// The source's final reply.
    pub source: Reply,
    /// The destination's final reply.
    pub destination: Reply,
}

/// Why a file was not copied.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Whose refusal decided.
    pub leg: Leg,
    /// At which step.
    pub step: Step,
    /// The command that was refused.
    pub verb: Option<Verb>,
    /// The server's own words, where it said any.
    pub reply: Option<Reply>,
    /// The final reply of the other leg, where it differs in kind (it may say `226`).
    pub other: Option<Reply>,
    /// What kind of refusal it is.
    pub class: Refusal,
}

/// Kinds of refusal; decides whether and how the next rung is tried (DESIGN, 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// FXP or the foreign address is not allowed in this role.
    Policy,
    /// TLS roles, session reuse, handshake.
    TlsRole,
    /// No connection between the two servers.
    Connectivity,
    /// The file or its name.
    Path,
    /// No room, quota, credits.
    Space,
    /// Not logged in, too many sessions.
    Login,
    /// 4yz without a better reason; a later try may work.
    Transient,
    /// The server does not know the command.
    Unsupported,
    /// The announced data address must not be used (loopback, link-local, private behind public...).
    Address,
    /// The control connection was lost.
    Lost,
    /// A reply never came.
    TimedOut,
    /// Stopped by the user.
    Aborted,
    /// None of these.
    Other,
}

/// One file between two legs.
#[derive(Debug)]
pub struct Exchange {
    _private: (),
}

impl Exchange {
    /// An exchange over two logged-in sessions.
    pub fn new(_job: Job, _now: Moment) -> Self {
        todo!("exchange")
    }

    /// The request of the last [`Action::Ask`] to `leg` has this id.
    pub fn asked(&mut self, _leg: Leg, _id: RequestId) {
        todo!("exchange")
    }

    /// A preliminary reply (150, 125).
    pub fn preliminary(&mut self, _leg: Leg, _id: RequestId, _reply: Reply, _now: Moment) {
        todo!("exchange")
    }

    /// A request ended.
    pub fn answer(&mut self, _leg: Leg, _id: RequestId, _answer: Answer, _now: Moment) {
        todo!("exchange")
    }

    /// The control connection of `leg` is gone.
    pub fn lost(&mut self, _leg: Leg, _now: Moment) {
        todo!("exchange")
    }

    /// Time passed.
    pub fn tick(&mut self, _now: Moment) {
        todo!("exchange")
    }

    /// The user wants to stop.
    pub fn abort(&mut self, _now: Moment) {
        todo!("exchange")
    }

    /// The next thing to do; drain it after every call above.
    pub fn next(&mut self) -> Option<Action> {
        todo!("exchange")
    }

    /// When `tick` wants to be called.
    pub fn wake_at(&self) -> Option<Moment> {
        todo!("exchange")
    }
}
