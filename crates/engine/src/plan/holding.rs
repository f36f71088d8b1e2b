//! How many entries of listings wait in memory: so many directories may be listed ahead of the one that is looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts what waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holding(Arc<AtomicUsize>);

/// So many entries, counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Held(Holding, usize);

impl Holding {
    /// True if no more listings should be asked for.
    pub(crate) fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed) > MAX_HELD
    }

    /// Counts what has come.
    pub(crate) fn hold(&self, entries: usize) -> Held {
        self.0.fetch_add(entries, Ordering::Relaxed);
        Held(self.clone(), entries)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// How many directories are listed ahead of the one that is looked at. Once half of them have been looked at, as many
/// more are asked for.
pub(crate) const AHEAD: usize = 64;

/// As long as so many entries wait in memory, no more listings are asked for: some 20 MiB.
const MAX_HELD: usize = 50_000;
