//! What a planner yields, one thing after the other, so that copying begins while walking goes on.
//!
//! The order is a promise: a directory comes before everything in it, and (with `--delete`) what stands at the
//! destination only comes with deleted children before their parents.

use fxp_proto::path::VPath;

use super::Step;
use crate::report::{FileFailure, Skipped};

/// One thing that the planner found out.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "each planner yields what it can find; the conductor takes all of it")]
pub(crate) enum Item {
    /// To be made at the destination; comes before everything in it.
    Directory(VPath),
    /// A file to copy.
    Step(Step),
    /// Equal already; so many bytes.
    Unchanged(u64),
    /// Left out on purpose.
    Skipped(Skipped),
    /// Cannot be copied, because something else stands in its place.
    Conflict(Box<FileFailure>),
    /// Stands at the destination only, and is to be deleted.
    Extra(Extra),
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
