//! Whose the bytes at a place are: this delivery's, or somebody's from before.
//!
//! Deleting, resuming and "it had arrived after all" are about this delivery's bytes only. They are there
//! once the destination has accepted the transfer *and* what stands at the place is no longer what stood
//! there before: many servers say 150 first and open the file only then.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use fxp_proto::listing::entry::{Entry, Precision};
use fxp_proto::listing::time::FtpTime;
use fxp_proto::path::VPath;

use crate::report::Trouble;
use crate::side::Side;

/// What is known of one delivery at one place.
#[derive(Debug, Default)]
pub(crate) struct Claim {
    /// The destination has accepted a transfer (1yz to STOR, or the file is open here).
    pub(crate) begun: AtomicBool,
    /// An attempt ended before the source had made sure of the destination: what the destination holds may be
    /// somebody else's, who met it in between.
    pub(crate) doubtful: AtomicBool,
    /// What stood there before, once looked at.
    before: Option<Option<Shape>>,
}

/// What a file looks like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    size: Option<u64>,
    modified: Option<(FtpTime, Precision)>,
}

impl Claim {
    /// Looks, before the first attempt, at what stands at `place`, where something may.
    pub(crate) async fn look(
        &mut self,
        destination: &mut Side,
        place: &VPath,
        may_be_taken: bool,
    ) -> Result<(), Trouble> {
        if self.before.is_none() {
            self.before = Some(match may_be_taken {
                true => destination.stat(place).await?.map(Shape::of),
                false => None,
            });
        }
        Ok(())
    }

    /// What was stored turned out to be damaged: nothing of it is worth keeping.
    pub(crate) fn disowned(&mut self) {
        self.begun = AtomicBool::new(false);
    }

    /// True if what the destination holds may have come from somebody else.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubtful.load(Relaxed)
    }

    /// The next attempt begins at the beginning, over whatever is there.
    pub(crate) fn begins_anew(&self) {
        self.doubtful.store(false, Relaxed);
    }

    /// What stood at the place was deleted.
    pub(crate) fn cleared(&mut self) {
        self.before = Some(None);
    }

    /// The size of what stood at the place before.
    pub(crate) fn size_before(&self) -> Option<u64> {
        self.before.as_ref()?.as_ref()?.size
    }

    /// True if the transfer was accepted where nothing stood before.
    pub(crate) fn is_alone(&self) -> bool {
        self.begun.load(Relaxed) && self.before == Some(None)
    }

    /// True if what stands at `place` now was stored by this delivery.
    pub(crate) async fn is_ours(&self, destination: &mut Side, place: &VPath) -> Result<bool, Trouble> {
        if !self.begun.load(Relaxed) {
            return Ok(false);
        }
        let now = destination.stat(place).await?.map(Shape::of);
        Ok(now.is_some() && self.before.as_ref().is_some_and(|before| *before != now))
    }
}

impl Shape {
    fn of(entry: Entry) -> Self {
        Shape { size: entry.size, modified: entry.modified }
    }
}
