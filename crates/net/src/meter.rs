//! Payload bytes of data connections, counted by peer address, and the flights of control connections.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// Counts of one process or one server; clones share them.
///
/// Ten thousand peers are counted each for itself, those who come later together, as
/// [`Meter::EVERYBODY_ELSE`].
#[derive(Clone, Debug, Default)]
pub struct Meter {
    counts: Arc<Mutex<BTreeMap<IpAddr, Count>>>,
    flights: Arc<AtomicU64>,
}

/// Payload bytes exchanged with one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Sent to it.
    pub sent: u64,
    /// Received from it.
    pub received: u64,
}

impl Meter {
    /// Stands for all peers that came when the meter was full: 0.0.0.0, which is nobody's address.
    pub const EVERYBODY_ELSE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

    /// Adds to the counts of `peer`.
    pub fn add(&self, peer: IpAddr, sent: u64, received: u64) {
        let mut counts = self.counts.lock().expect("no holder of the lock panics");
        let is_full = counts.len() >= PEERS && !counts.contains_key(&peer);
        let count = counts.entry(if is_full { Meter::EVERYBODY_ELSE } else { peer }).or_default();
        count.sent += sent;
        count.received += received;
    }

    /// A client has written to a control connection what it had to say, and waits for what comes of it. However much
    /// it said: each flight costs a round trip.
    pub fn add_flight(&self) {
        self.flights.fetch_add(1, Relaxed);
    }

    /// How many flights there were.
    pub fn flights(&self) -> u64 {
        self.flights.load(Relaxed)
    }

    /// The counts so far, by peer.
    pub fn snapshot(&self) -> BTreeMap<IpAddr, Count> {
        self.counts.lock().expect("no holder of the lock panics").clone()
    }
}

/// Peers that are counted each for itself, in less than a megabyte: one who owns a whole IPv6 network
/// could otherwise fill the memory with it.
const PEERS: usize = 10_000;
