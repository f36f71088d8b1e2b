//! How much a run would delete, counted while the walk finds it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Files and directories that would be deleted, and how many may be.
#[derive(Debug, Default)]
pub(crate) struct Toll {
    limit: Option<u64>,
    count: AtomicU64,
}

impl Toll {
    /// With a limit: if there are more, none is deleted, so nothing is before all of them are known.
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Toll { limit, count: AtomicU64::new(0) }
    }

    /// Counts `more`.
    pub(crate) fn add(&self, more: u64) {
        self.count.fetch_add(more, Ordering::Relaxed);
    }

    /// How many there are up to now.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// True if nothing may be deleted before the end of the walk.
    pub(crate) fn has_limit(&self) -> bool {
        self.limit.is_some()
    }

    /// The limit, if there are more.
    pub(crate) fn exceeded(&self) -> Option<u64> {
        self.limit.filter(|limit| self.count() > *limit)
    }
}
