//! Host names of the configuration, resolved when they are needed and remembered for a minute.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

/// Resolves names. There are as many as the configuration has, so the memory has its ceiling there.
#[derive(Debug)]
pub(crate) struct Names {
    known: Mutex<HashMap<String, (Instant, Vec<IpAddr>)>>,
    asking: Semaphore,
}

impl Default for Names {
    fn default() -> Self {
        Names { known: Mutex::default(), asking: Semaphore::new(AT_ONCE) }
    }
}

impl Names {
    /// The addresses of `name`, canonical; `None` if nobody knows.
    pub(crate) async fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        if let Some(known) = self.recall(name) {
            return Some(known);
        }
        let _turn = self.asking.acquire().await.expect("the semaphore is never closed");
        let answer = timeout(PATIENCE, tokio::net::lookup_host((name, 0))).await.ok()?.ok()?;
        let addresses: Vec<IpAddr> = answer.map(|address| address.ip().to_canonical()).collect();
        if addresses.is_empty() {
            return None;
        }
        let mut known = self.known.lock().expect("no holder of the lock panics");
        known.insert(name.to_owned(), (Instant::now(), addresses.clone()));
        Some(addresses)
    }

    fn recall(&self, name: &str) -> Option<Vec<IpAddr>> {
        let known = self.known.lock().expect("no holder of the lock panics");
        known.get(name).filter(|(since, _)| since.elapsed() < KEPT).map(|(_, addresses)| addresses.clone())
    }
}

/// Questions at a time: the system's resolver takes a thread for each.
const AT_ONCE: usize = 4;
/// A transfer that waits longer than this for DNS had better fail.
const PATIENCE: Duration = Duration::from_secs(5);
/// Dynamic addresses rarely live shorter.
const KEPT: Duration = Duration::from_secs(60);
