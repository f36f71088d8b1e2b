//! How an exchange stands, and how it ended.

use super::leg::Leg;
use crate::grammar::reply::Reply;
use crate::grammar::verb::Verb;

/// Where an exchange stands, for progress and for error messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// The final reply of the other leg to its transfer, where it gave one (it may say `226`).
    pub other: Option<Reply>,
    /// What kind of refusal it is.
    pub class: Refusal,
}

/// Kinds of refusal; decides whether and how the next rung is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// FXP or the foreign address is not allowed in this role.
    Policy,
    /// TLS roles, session reuse, handshake; or the data connection must be protected.
    TlsRole,
    /// It does not let itself be introduced to the other server (PEER): FXP is not allowed to this user.
    Proof,
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
    /// The server does not know the command, or not in this form.
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

impl Failure {
    /// A failure without words.
    pub(super) fn bare(leg: Leg, step: Step, class: Refusal) -> Self {
        Failure { leg, step, verb: None, reply: None, other: None, class }
    }
}
