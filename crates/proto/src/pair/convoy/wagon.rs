//! What is known of one file of a convoy: it gets its final name when all of it is.

use super::load::{Load, Road, TimeKept};
use crate::listing::time::FtpTime;
use crate::moment::Moment;

/// One file under way.
#[derive(Debug)]
pub(super) struct Wagon {
    pub(super) load: Load,
    pub(super) stage: Stage,
    /// The source's last reply was good.
    pub(super) sent: bool,
    /// The destination's last reply was good.
    pub(super) stored: bool,
    /// The destination tells the source's size.
    pub(super) size_agrees: bool,
    /// The source's time before the file was read, if the listing did not tell it.
    pub(super) time_before: Option<FtpTime>,
    /// The source was as the listing said when the file had been read.
    pub(super) held_still: bool,
    pub(super) source_digest: Option<String>,
    pub(super) destination_digest: Option<String>,
    pub(super) time: Option<TimeKept>,
    /// When the leg that has not ended its transfer is late.
    pub(super) straggler: Option<Moment>,
}

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// A listener was, or is to be, asked for.
    Waiting,
    /// Its transfer was, or is to be, asked for.
    Joined,
    /// Verified: it gets its time and its name.
    Named,
}

impl Wagon {
    pub(super) fn new(load: Load) -> Self {
        Wagon {
            load,
            stage: Stage::Waiting,
            sent: false,
            stored: false,
            size_agrees: false,
            time_before: None,
            held_still: false,
            source_digest: None,
            destination_digest: None,
            time: None,
            straggler: None,
        }
    }

    /// True if both servers said so, the sizes agree, the source was not changed, and the digests are there if they
    /// are wanted.
    pub(super) fn is_verified(&self, road: &Road) -> bool {
        let digests = self.source_digest.is_some() && self.source_digest == self.destination_digest;
        self.source_is_done(road) && self.stored && self.size_agrees && (road.digest.is_none() || digests)
    }

    /// True if the digests are both known and differ.
    pub(super) fn differs(&self) -> bool {
        matches!((&self.source_digest, &self.destination_digest), (Some(ours), Some(theirs)) if ours != theirs)
    }

    /// True if the source is not needed any more.
    pub(super) fn source_is_done(&self, road: &Road) -> bool {
        self.sent && self.held_still && (road.digest.is_none() || self.source_digest.is_some())
    }

    /// The source's time to the second, as far as it is known.
    pub(super) fn exact_time(&self) -> Option<FtpTime> {
        self.load.modified.or(self.time_before)
    }
}
