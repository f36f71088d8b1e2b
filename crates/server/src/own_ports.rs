//! Passive ports of this process, and the keys that are awaited on those that await one.
//!
//! Nobody makes this server connect to its own machine, where services trust whoever is near. One port may be
//! reached: one on which this very process waits for the same key, for then it copies to itself.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use fxp_net::listen::PassiveListener;
use fxp_proto::grammar::peer::PeerKey;

/// What is awaited where; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnPorts(Arc<Mutex<HashMap<SocketAddr, PeerKey>>>);

/// A passive port, and its entry if a key is awaited on it.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) port: PassiveListener,
    _entries: Vec<Entry>,
}

impl From<PassiveListener> for Listening {
    fn from(port: PassiveListener) -> Self {
        Listening { port, _entries: Vec::new() }
    }
}

/// Lasts as long as its port.
#[derive(Debug)]
struct Entry {
    at: SocketAddr,
    ports: OwnPorts,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.ports.0.lock().expect("no holder of the lock panics").remove(&self.at);
    }
}

impl OwnPorts {
    /// Notes that `key` is awaited on `port`, under its own address and the one that is announced.
    pub(crate) fn keyed(&self, port: PassiveListener, announced: SocketAddr, key: PeerKey) -> Listening {
        let mut addresses = vec![port.local_addr()];
        if announced != port.local_addr() {
            addresses.push(announced);
        }
        let mut awaited = self.0.lock().expect("no holder of the lock panics");
        let enter = |at: SocketAddr| {
            awaited.insert(at, key.clone());
            Entry { at, ports: self.clone() }
        };
        Listening { _entries: addresses.into_iter().map(enter).collect(), port }
    }

    /// True if this process waits for `key` at `address`.
    pub(crate) fn awaits(&self, address: SocketAddr, key: &PeerKey) -> bool {
        let awaited = self.0.lock().expect("no holder of the lock panics");
        awaited.get(&address).is_some_and(|known| known == key)
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
        drop(listening);
        assert!(!ports.awaits(here, &key) && ports.0.lock().unwrap().is_empty());
    }
}
