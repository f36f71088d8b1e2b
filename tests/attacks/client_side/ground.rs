//! A ground for attacks by address: the client's host and the servers' host, network namespaces of a test's
//! own, with public, private, loopback and link-local addresses on both, and somebody at each who notes
//! whoever connects.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use fxp_testkit::demand::{self, Missing};

use crate::namespace::{inside, ip, named};

/// The hosts; they go when dropped.
pub(crate) struct Ground {
    name: String,
}

/// One of the two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// Where `fxp` runs.
    Client,
    /// Where both servers are, each at an address of its own.
    Servers,
}

/// Addresses of the hosts. Those for documentation (RFC 5737, RFC 3849) are as public as any here.
pub(crate) const HOSTILE: &str = "198.51.100.1";
pub(crate) const HONEST: &str = "203.0.113.9";
pub(crate) const HOSTILE_V6: &str = "2001:db8:a::1";
pub(crate) const HONEST_V6: &str = "2001:db8:b::9";
/// In a network behind the honest server.
pub(crate) const LAN_OF_HONEST: &str = "10.9.9.9";
/// In the client's own network.
pub(crate) const LAN_OF_CLIENT: &str = "192.168.7.7";
/// Where clouds tell a machine its secrets.
pub(crate) const METADATA: &str = "169.254.169.254";

const CLIENT: [&str; 6] = [
    "192.0.2.10/32",
    "192.168.7.7/24",
    "169.254.169.254/32",
    "2001:db8:c::10/128",
    "fd00:7::7/128",
    "fe80::7777/64",
];
const SERVERS: [&str; 8] = [
    "198.51.100.1/32",
    "203.0.113.9/32",
    "10.9.9.9/24",
    "169.254.169.254/32",
    "100.64.9.9/32",
    "2001:db8:a::1/128",
    "2001:db8:b::9/128",
    "fd00:9::9/128",
];

impl Ground {
    /// Two hosts that reach each other.
    ///
    /// # Errors
    ///
    /// Without root, `ip` (iproute2), or the kernel's leave.
    pub(crate) fn new() -> Result<Ground, Missing> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        demand::root()?;
        let number = NUMBER.fetch_add(1, SeqCst);
        let ground = Ground { name: format!("fxp-attack-{}-{number}", std::process::id()) };
        let [client, servers] = [Host::Client, Host::Servers].map(|host| ground.namespace(host));
        ip(&["netns", "add", &client])?;
        ip(&["netns", "add", &servers])?;
        ip(&[
            "-n", &client, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", &servers,
        ])?;
        for (namespace, addresses) in [(&client, &CLIENT[..]), (&servers, &SERVERS[..])] {
            for device in ["lo", "eth0"] {
                ip(&["-n", namespace, "link", "set", device, "up"])?;
            }
            for address in addresses {
                let nodad = if address.contains(':') { &["nodad"][..] } else { &[] };
                ip(&[&["-n", namespace, "addr", "add", address, "dev", "eth0"], nodad].concat())?;
            }
            for family in ["-4", "-6"] {
                ip(&["-n", namespace, family, "route", "add", "default", "dev", "eth0"])?;
            }
        }
        Ok(ground)
    }

    /// Runs `work` on a thread that is on `host`; threads and processes that it starts are there too.
    pub(crate) fn on<T: Send>(&self, host: Host, work: impl FnOnce() -> T + Send) -> T {
        inside(&named(&self.namespace(host)), work)
    }

    fn namespace(&self, host: Host) -> String {
        format!("{}-{}", self.name, if host == Host::Client { "client" } else { "servers" })
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for host in [Host::Client, Host::Servers] {
            let _ = ip(&["netns", "del", &self.namespace(host)]);
        }
    }
}

/// Listens where nobody should ever connect.
pub(crate) struct Trap {
    host: Host,
    listener: TcpListener,
}

impl Trap {
    /// At `address` of the host on which the calling thread is; `None` if the host has no such address.
    pub(crate) fn at(host: Host, address: SocketAddr) -> Option<Trap> {
        let listener = TcpListener::bind(address).ok()?;
        listener.set_nonblocking(true).expect("a socket");
        Some(Trap { host, listener })
    }

    /// Who has connected: the kernel has let them in, though nobody has talked to them.
    pub(crate) fn caught(&self) -> Vec<(Host, SocketAddr)> {
        std::iter::from_fn(|| self.listener.accept().ok()).map(|(_, peer)| (self.host, peer)).collect()
    }
}

/// An address of the constants above.
pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}
