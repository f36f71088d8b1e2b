//! What the running effect is for: kept while it runs, so that its outcome becomes the right reply.

use std::collections::VecDeque;

use super::effect::{Digest, EffectId, FileOp, Progress, Slot};
use crate::grammar::reply::Reply;
use crate::grammar::verb::Verb;
use crate::listing::time::FtpTime;
use crate::path::VPath;
use crate::wire::text::Text;

/// The one effect that runs, and why.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: EffectId,
    /// The command that asked for it.
    pub(super) verb: Verb,
    pub(super) then: Then,
}

impl Running {
    /// True if ABOR stops it at once. A login, a deletion, a rename are soon over, and whoever
    /// cancelled them would not know what is true now.
    pub(super) fn can_be_cancelled(&self) -> bool {
        matches!(self.then, Then::Transfer(_) | Then::Lines { .. } | Then::Digest(_))
    }
}

/// What to do with the outcome.
#[derive(Debug)]
pub(super) enum Then {
    /// PASS: let this user in.
    Enter { user: Text },
    /// PASV and its kin: announce the address.
    Announce(Slot),
    /// PORT and its kin: keep the slot if it may be used.
    Keep(Slot),
    /// A transfer or a listing over a data connection.
    Transfer(Transfer),
    /// MLSC, or STAT with a path: lines have been sent already, or not.
    Lines { begun: bool },
    /// Nothing but "done": the operations that follow, then this reply.
    Operate(VecDeque<FileOp>, Reply),
    /// What is there?
    Look(Look),
    /// AVBL: tell the room. ALLO: is there room for so many bytes?
    Room { wanted: Option<u64> },
    /// A digest.
    Digest(DigestAsked),
}

/// A transfer or a listing over a data connection.
#[derive(Debug)]
pub(super) struct Transfer {
    /// What the replies call it.
    pub(super) name: Text,
    pub(super) progress: Progress,
    /// The size, once `150` was sent and if it is known.
    pub(super) size: Option<u64>,
    /// `150` was sent.
    pub(super) opened: bool,
}

/// Why a path is looked at.
#[derive(Debug)]
pub(super) enum Look {
    /// CWD, CDUP.
    Enter(VPath),
    /// SIZE.
    Size,
    /// MDTM.
    Time,
    /// MDTM with what may be a time and a path: if nothing has that whole name, the time is set.
    TimeOr { path: VPath, time: FtpTime },
    /// MLST.
    Describe(VPath),
    /// RNFR.
    Rename(VPath),
}

/// A digest that is being computed.
#[derive(Debug)]
pub(super) struct DigestAsked {
    pub(super) digest: Digest,
    /// MMD5: the paths still to come, the next one last.
    pub(super) rest: Vec<VPath>,
    /// MMD5: what is known so far, as it will stand in the reply.
    pub(super) told: Vec<u8>,
}

impl DigestAsked {
    /// One digest and nothing else.
    pub(super) fn new(digest: Digest) -> Self {
        DigestAsked { digest, rest: Vec::new(), told: Vec::new() }
    }
}
