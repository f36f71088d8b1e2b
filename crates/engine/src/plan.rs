//! What will be done: select, survey, judge, planner, and the ladder of methods.
//!
//! The sources are looked at (`select`), walked beside the destination directory by directory (`survey`, over the
//! sessions of `explore`), only what is meant is taken ([`filter`]), what is there already is compared ([`judge`],
//! [`diff`]), and what comes of it are the items of a plan (`planner`), one after the other.

mod desk;
pub mod diff;
pub(crate) mod explore;
pub mod filter;
pub(crate) mod hearing;
pub(crate) mod holding;
pub(crate) mod item;
pub mod judge;
pub mod ladder;
pub mod links;
pub(crate) mod minute;
pub(crate) mod obstacle;
pub(crate) mod pile;
pub(crate) mod planner;
pub(crate) mod select;
pub(crate) mod shelf;
pub(crate) mod survey;
pub(crate) mod toll;
pub(crate) mod trail;
pub(crate) mod walk;

use std::sync::Arc;

use fxp_proto::listing::entry::Precision;
use fxp_proto::listing::time::FtpTime;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

use self::obstacle::Obstacle;
use crate::journal::Stands;
use crate::report::{FileFailure, Skipped};
use crate::side::Side;

/// What will be done, in order.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Directories to make at the destination, parents first.
    pub directories: Vec<VPath>,
    /// Files to copy.
    pub steps: Vec<Step>,
    /// Links to make.
    pub links: Vec<LinkStep>,
    /// Files that are there already and equal.
    pub unchanged: u64,
    /// What is left out on purpose.
    pub skipped: Vec<Skipped>,
    /// What cannot be copied because something else stands in its place.
    pub conflicts: Vec<FileFailure>,
    /// What stands at the destination only and is to be deleted, children before their parents.
    pub(crate) extras: Vec<item::Extra>,
}

/// One file to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which of the source sides it comes from.
    pub side: usize,
    /// Where it is.
    pub source: VPath,
    /// Where it goes.
    pub destination: VPath,
    /// Its size, if the server told.
    pub size: Option<u64>,
    /// Its modification time, if the server told.
    pub modified: Option<(FtpTime, Precision)>,
    /// What the file looks like that stands at the destination and will be replaced.
    pub stands: Option<Stands>,
    /// What stands at the destination, is no file, and makes way when the copy is verified.
    pub(crate) in_the_way: Option<Arc<Obstacle>>,
    /// It was compared, by digests that both servers computed: its bytes are others.
    pub differs: bool,
    /// Something that was copied earlier and broken off.
    pub leftover: Option<Leftover>,
    /// Whether a link lies on the way to it.
    pub reached: Reached,
}

impl Step {
    /// True if a file stands at the destination and will be replaced.
    pub fn replaces(&self) -> bool {
        self.stands.is_some()
    }

    /// What is done with the file, as a dry run says it.
    pub(crate) fn verb(&self) -> &'static str {
        match (self.leftover, self.replaces()) {
            (Some(_), _) => "resume",
            (None, true) => "replace",
            (None, false) => "copy",
        }
    }
}

/// One link to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkStep {
    /// Which of the source sides it comes from.
    pub side: usize,
    /// Where it is.
    pub source: VPath,
    /// Where the other one goes.
    pub destination: VPath,
    /// Where both lead.
    pub leads_to: Text,
    /// Something stands at the destination and will be replaced.
    pub replaces: bool,
    /// A directory stands there, and makes way when the link is made.
    pub(crate) in_the_way: Option<Arc<Obstacle>>,
}

impl LinkStep {
    /// What is done at `destination`, as a dry run says it.
    pub(crate) fn deed(&self, destination: &Side) -> String {
        format!("make the link {} to {}", destination.name(&self.destination), self.leads_to)
    }
}

/// How a file of a source was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reached {
    /// Without any link that somebody else has put there.
    #[default]
    Plainly,
    /// By a link of its own: what has its name is the link.
    ByLink,
    /// Through a link to a directory above it. It may well have another name that leads to it without a link.
    BehindLink,
}

/// A file named `NAME.fxp-part`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Its size.
    pub size: u64,
    /// When it was last written.
    pub modified: Option<(FtpTime, Precision)>,
}

impl Plan {
    /// Bytes of all files whose size is known.
    pub fn bytes(&self) -> u64 {
        self.steps.iter().filter_map(|step| step.size).fold(0, u64::saturating_add)
    }
}
