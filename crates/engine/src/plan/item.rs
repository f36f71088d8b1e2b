//! What a planner yields, one thing after the other, so that copying begins while walking goes on.
//!
//! The order is a promise: a directory comes before everything in it, and (with `--delete`) what stands at the
//! destination only comes with deleted children before their parents.

use std::sync::Arc;

use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::listing::time::FtpTime;
use fxp_proto::path::VPath;

use super::obstacle::Obstacle;
use super::{LinkStep, Step};
use crate::report::{Doubt, Equality, FileFailure, Skipped};

/// One thing that the planner found out.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "each planner yields what it can find; the conductor takes all of it")]
pub(crate) enum Item {
    /// To be made at the destination; comes before everything in it.
    Directory(VPath),
    /// A file to copy.
    Step(Step),
    /// A link to make.
    Link(Box<LinkStep>),
    /// A link that is there already.
    LinkStands,
    /// Equal already.
    Unchanged(Box<Same>),
    /// Left out on purpose.
    Skipped(Skipped),
    /// Cannot be copied, because something else stands in its place.
    Conflict(Box<FileFailure>),
    /// More would have to be deleted than is allowed: so many, of which none is.
    Refused(u64, Box<FileFailure>),
    /// Stands at the destination only, and is to be deleted.
    Extra(Extra),
    /// Stands where the directory belongs that comes next, and is deleted just before that is made.
    MakeWay(Arc<Obstacle>),
}

/// A file that is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Same {
    /// Which of the source sides has it.
    pub(crate) side: usize,
    /// Where it is at the destination.
    pub(crate) destination: VPath,
    /// Bytes.
    pub(crate) size: Option<u64>,
    /// When it was modified, as the source tells.
    pub(crate) modified: Option<FtpTime>,
    /// How it was judged equal.
    pub(crate) how: Equality,
    /// It has the source's time.
    pub(crate) time_kept: bool,
    /// Nobody can tell more than its size, although that was asked for.
    pub(crate) doubt: Option<Doubt>,
}

/// Something that stands at the destination only.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "as above")]
pub(crate) struct Extra {
    /// Where.
    pub(crate) path: VPath,
    /// A directory, whose contents came before it.
    pub(crate) directory: bool,
    /// Bytes of a file, if the server told.
    pub(crate) size: Option<u64>,
}

impl Extra {
    /// As it was listed.
    pub(crate) fn of(path: VPath, entry: &Entry) -> Self {
        let directory = entry.kind == Kind::Directory;
        Extra { path, directory, size: entry.size.filter(|_| !directory) }
    }
}
