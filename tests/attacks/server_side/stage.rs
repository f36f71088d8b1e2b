//! Who stands on the stage: an `fxpd`, the servers of others, and hosts that never asked to be connected to.

use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, Product, Setup};
use fxp_testkit::{demand, port};

use super::wire::PATIENCE;
use crate::server::{Host, Server, Settings};

/// The program `fxpd` at a loopback address of its own, as it comes but for `settings`.
pub(crate) fn fxpd(settings: Settings<'_>) -> Server {
    let ip = port::loopback();
    let address = SocketAddr::new(ip, port::free(ip).expect("a port"));
    let authority = Authority::new().expect("an authority");
    Server::start(Host::Here, address, &authority, settings)
}

/// `fxpd` as it comes: no rules, so that it talks to no other server.
pub(crate) fn as_it_comes() -> Server {
    fxpd(Settings { closed: true, ..Settings::default() })
}

/// Somebody else's server; `None` (said loudly) where it is missing.
pub(crate) fn daemon(test: &str, product: Product, setup: Setup) -> Option<Daemon> {
    demand::demand(test, product.available())?;
    let authority = Authority::new().expect("an authority");
    Some(Daemon::start(product, setup, &authority, None).expect("a daemon starts"))
}

/// A file of the daemon's user.
pub(crate) fn put(daemon: &Daemon, name: &str, bytes: &[u8]) {
    std::fs::write(daemon.root.join(name), bytes).expect("a file");
    daemon.adopt_files().expect("its owner");
}

/// A host that was never asked: it takes every connection, says `greeting`, and remembers what it was told.
pub(crate) struct Bystander {
    pub(crate) address: SocketAddr,
    visits: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Bystander {
    /// At a loopback address that nobody else has, at any port.
    pub(crate) fn new() -> Bystander {
        Bystander::at(port::loopback(), 0, b"")
    }

    /// At this port, and it speaks first.
    pub(crate) fn at(ip: IpAddr, port: u16, greeting: &'static [u8]) -> Bystander {
        Bystander::behind(TcpListener::bind((ip, port)).expect("a listener"), greeting)
    }

    /// On this listener.
    pub(crate) fn behind(listener: TcpListener, greeting: &'static [u8]) -> Bystander {
        let address = listener.local_addr().expect("an address");
        let visits = Arc::new(Mutex::new(Vec::new()));
        let kept = visits.clone();
        // It ends with the test program, as a host that nobody asked would go on, too.
        std::thread::spawn(move || {
            for tcp in listener.incoming() {
                let (mut tcp, visits) = (tcp.expect("a connection"), kept.clone());
                let number = {
                    let mut visits = visits.lock().expect("no holder panics");
                    visits.push(Vec::new());
                    visits.len() - 1
                };
                std::thread::spawn(move || {
                    let _ = std::io::Write::write_all(&mut tcp, greeting);
                    let _ = tcp.set_read_timeout(Some(PATIENCE));
                    let mut buffer = [0; 4096];
                    while let Ok(count @ 1..) = tcp.read(&mut buffer) {
                        visits.lock().expect("no holder panics")[number].extend(&buffer[..count]);
                    }
                });
            }
        });
        Bystander { address, visits }
    }

    /// How many connections have come.
    pub(crate) fn visits(&self) -> usize {
        self.visits.lock().expect("no holder panics").len()
    }

    /// Whether `bytes` have come, on any connection.
    pub(crate) fn has_heard(&self, bytes: &[u8]) -> bool {
        let visits = self.visits.lock().expect("no holder panics");
        visits.iter().any(|heard| heard.windows(bytes.len()).any(|part| part == bytes))
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}
