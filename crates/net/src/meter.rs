//! Payload bytes of data connections, counted by peer address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// Counts of one process or one server; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<BTreeMap<IpAddr, Count>>>);

/// Payload bytes exchanged with one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Sent to it.
    pub sent: u64,
    /// Received from it.
    pub received: u64,
}

impl Meter {
    /// Adds to the counts of `peer`.
    pub fn add(&self, peer: IpAddr, sent: u64, received: u64) {
        let mut counts = self.0.lock().expect("no holder of the lock panics");
        let count = counts.entry(peer).or_default();
        count.sent += sent;
        count.received += received;
    }

    /// The counts so far, by peer.
    pub fn snapshot(&self) -> BTreeMap<IpAddr, Count> {
        self.0.lock().expect("no holder of the lock panics").clone()
    }
}
