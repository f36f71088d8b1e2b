//! What the lanes of a run bear together: failures, tried again within a budget per server, and a destination that
//! is full.

mod budget;
mod space;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use budget::Budget;
pub(crate) use space::Space;

use crate::report::Trouble;
use crate::retry;

/// What the lanes of a run bear together.
pub(crate) struct Patience {
    /// Failures that more lanes would only make worse.
    troubles: AtomicU64,
    budgets: Arc<Budgets>,
    pub(crate) space: Space,
}

/// What each server is asked again for, by all who work in a run: those who copy, and those who look around.
pub(crate) struct Budgets {
    began: Instant,
    servers: Mutex<HashMap<String, Budget>>,
}

impl Default for Budgets {
    fn default() -> Self {
        Budgets { began: Instant::now(), servers: Mutex::default() }
    }
}

impl Budgets {
    /// The pause before attempt number `attempt` of one thing, which asks something of these servers again. All
    /// share what a server is asked for again, so that nobody takes us for an attack.
    pub(crate) fn pause(&self, attempt: u32, servers: &[String]) -> Duration {
        let now = self.began.elapsed();
        let mut budgets = self.servers.lock().expect("no holder of the lock panics");
        let waits = servers.iter().map(|server| budgets.entry(server.clone()).or_default().take(now));
        let wait = waits.max().unwrap_or_default();
        retry::pause(attempt, rand::random()).max(wait)
    }
}

impl Patience {
    /// With a destination that is full for so long at most.
    pub(crate) fn new(space: Duration, budgets: Arc<Budgets>) -> Self {
        Patience { troubles: AtomicU64::new(0), budgets, space: Space::new(space) }
    }

    /// Something failed; it counts against the number of lanes if it is the network's fault or a busy server's.
    pub(crate) fn note(&self, trouble: &Trouble) {
        if retry::judge(trouble).throttles() {
            self.troubles.fetch_add(1, Relaxed);
        }
    }

    /// How often that was.
    pub(crate) fn troubles(&self) -> u64 {
        self.troubles.load(Relaxed)
    }

    /// As [`Budgets::pause`].
    pub(crate) fn pause(&self, attempt: u32, servers: &[String]) -> Duration {
        self.budgets.pause(attempt, servers)
    }
}
