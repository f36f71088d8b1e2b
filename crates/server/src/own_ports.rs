//! Passive ports of this process, and the keys that are awaited on those that await one.
//!
//! Nobody makes this server connect to its own machine, where services trust whoever is near. One port may be
//! reached: one on which this very process waits for the same key, for then it copies to itself.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use fxp_net::listen::{Lifeline, PassiveListener};
use fxp_proto::grammar::peer::PeerKey;

/// What is awaited where; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnPorts(Arc<Mutex<Ports>>);

#[derive(Debug, Default)]
struct Ports {
    awaited: Vec<Awaited>,
    last: u64,
}

/// A key that is awaited on a port.
#[derive(Debug)]
struct Awaited {
    number: u64,
    /// Its own address, and the one that is announced.
    addresses: [SocketAddr; 2],
    key: PeerKey,
    /// A port may close before anybody has asked for it; then another process may get it.
    lifeline: Lifeline,
}

/// A passive port, and its entry if a key is awaited on it.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) port: PassiveListener,
    entry: Option<Entry>,
}

impl From<PassiveListener> for Listening {
    fn from(port: PassiveListener) -> Self {
        Listening { port, entry: None }
    }
}

impl Listening {
    /// From now on `key` is awaited, where one was awaited before.
    pub(crate) fn rekey(&self, key: PeerKey) {
        if let Some(Entry { number, ports }) = &self.entry
            && let Some(awaited) = ports.ports().awaited.iter_mut().find(|awaited| awaited.number == *number)
        {
            awaited.key = key;
        }
    }
}

/// Lasts as long as its port is held.
#[derive(Debug)]
struct Entry {
    number: u64,
    ports: OwnPorts,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.ports.ports().awaited.retain(|awaited| awaited.number != self.number);
    }
}

impl OwnPorts {
    /// Notes that `key` is awaited on `port`, under its own address and the one that is announced.
    pub(crate) fn keyed(&self, port: PassiveListener, announced: SocketAddr, key: PeerKey) -> Listening {
        let mut ports = self.ports();
        ports.last += 1;
        let number = ports.last;
        let addresses = [port.local_addr(), announced];
        ports.awaited.push(Awaited { number, addresses, key, lifeline: port.lifeline() });
        Listening { port, entry: Some(Entry { number, ports: self.clone() }) }
    }

    /// True if this process waits for `key` at `address`.
    pub(crate) fn awaits(&self, address: SocketAddr, key: &PeerKey) -> bool {
        let fits = |awaited: &&Awaited| awaited.addresses.contains(&address) && awaited.lifeline.is_open();
        self.ports().awaited.iter().filter(fits).any(|awaited| awaited.key == *key)
    }

    fn ports(&self) -> MutexGuard<'_, Ports> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fxp_net::listen::PortPool;

    use super::*;

    #[tokio::test]
    async fn a_key_is_awaited_as_long_as_its_port_is_open() {
        let ports = OwnPorts::default();
        let listen = || PortPool::new(0..=0).listen([127, 0, 0, 1].into(), Duration::from_secs(60)).unwrap();
        let (key, other) = (PeerKey::new([1; 32]), PeerKey::new([2; 32]));
        let port = listen();
        let (here, announced) =
            (port.local_addr(), SocketAddr::from(([192, 0, 2, 1], port.local_addr().port())));
        let listening = ports.keyed(port, announced, key.clone());
        for address in [here, announced] {
            assert!(ports.awaits(address, &key));
            assert!(!ports.awaits(address, &other));
        }
        assert!(!ports.awaits(SocketAddr::from(([127, 0, 0, 2], here.port())), &key));
        listening.rekey(other.clone());
        assert!(ports.awaits(here, &other) && !ports.awaits(here, &key));
        drop(listening);
        assert!(!ports.awaits(here, &other) && ports.ports().awaited.is_empty());
    }

    /// Two of our addresses may stand behind one that is announced.
    #[tokio::test]
    async fn ports_under_one_announced_address() {
        let ports = OwnPorts::default();
        let listen = || PortPool::new(0..=0).listen([127, 0, 0, 1].into(), Duration::from_secs(60)).unwrap();
        let (one, two) = (PeerKey::new([1; 32]), PeerKey::new([2; 32]));
        let announced = SocketAddr::from(([192, 0, 2, 1], 50000));
        let first = ports.keyed(listen(), announced, one.clone());
        let _second = ports.keyed(listen(), announced, two.clone());
        assert!(ports.awaits(announced, &one) && ports.awaits(announced, &two));
        drop(first);
        assert!(!ports.awaits(announced, &one) && ports.awaits(announced, &two));
    }

    /// A port whose time is over may be another process's by now.
    #[tokio::test]
    async fn a_port_whose_time_is_over_is_not_ours() {
        let ports = OwnPorts::default();
        let port = PortPool::new(0..=0).listen([127, 0, 0, 1].into(), Duration::from_millis(10)).unwrap();
        let (here, key) = (port.local_addr(), PeerKey::new([1; 32]));
        let _held = ports.keyed(port, here, key.clone());
        while ports.awaits(here, &key) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
