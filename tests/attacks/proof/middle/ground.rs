//! The ground: two servers that take the attacker for each other.
//!
//! ```text
//!   a 10.79.0.2 ── one switch ── the attacker, as 10.79.0.3
//!                      │
//!                   client 10.79.0.4
//!                      │
//!   b 10.79.0.3 ── other switch ── the attacker, as 10.79.0.2
//! ```
//!
//! The client reaches both servers themselves, and verifies them; whatever the servers send to each other goes to
//! the attacker, who holds the other one's address on each side. All of them are network namespaces.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};

use fxp_testkit::demand::{self, Missing};

use crate::namespace::{inside, ip, named};

pub(crate) const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 79, 0, 2));
pub(crate) const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 79, 0, 3));

/// Where somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The server `a`.
    A,
    /// The server `b`.
    B,
    /// The attacker, on the side of `a`, where it is `b`.
    BesideA,
    /// The attacker, on the side of `b`, where it is `a`.
    BesideB,
    /// The client.
    Client,
}

impl Place {
    const ALL: [Place; 5] = [Place::A, Place::B, Place::BesideA, Place::BesideB, Place::Client];

    fn word(self) -> &'static str {
        match self {
            Place::A => "a",
            Place::B => "b",
            Place::BesideA => "ma",
            Place::BesideB => "mb",
            Place::Client => "c",
        }
    }
}

/// The network; it goes when dropped.
#[derive(Debug)]
pub(crate) struct Ground {
    name: String,
}

impl Ground {
    /// # Errors
    ///
    /// Without root, `ip` (iproute2), or the kernel's leave.
    pub(crate) fn new() -> Result<Ground, Missing> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        demand::root()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let ground = Ground { name: format!("fxp-middle-{}-{number}", std::process::id()) };
        for place in Place::ALL {
            ip(&["netns", "add", &ground.namespace(place)])?;
            ip(&["-n", &ground.namespace(place), "link", "set", "lo", "up"])?;
        }
        for side in ["sa", "sb"] {
            ip(&["netns", "add", &ground.switch(side)])?;
            ip(&["-n", &ground.switch(side), "link", "add", "switch", "type", "bridge"])?;
            ip(&["-n", &ground.switch(side), "link", "set", "switch", "up"])?;
        }
        ground.plug(Place::A, "sa", "eth0", "10.79.0.2/24")?;
        ground.plug(Place::BesideA, "sa", "eth0", "10.79.0.3/24")?;
        ground.plug(Place::B, "sb", "eth0", "10.79.0.3/24")?;
        ground.plug(Place::BesideB, "sb", "eth0", "10.79.0.2/24")?;
        ground.plug(Place::Client, "sa", "ea", "10.79.0.4/32")?;
        ground.plug(Place::Client, "sb", "eb", "10.79.0.4/32")?;
        let client = ground.namespace(Place::Client);
        ip(&["-n", &client, "route", "add", "10.79.0.2/32", "dev", "ea"])?;
        ip(&["-n", &client, "route", "add", "10.79.0.3/32", "dev", "eb"])?;
        Ok(ground)
    }

    fn plug(&self, place: Place, switch: &str, device: &str, address: &str) -> Result<(), Missing> {
        let (own, switch) = (self.namespace(place), self.switch(switch));
        // A bare letter would be read as a keyword.
        let port = &format!("to-{}", place.word());
        ip(&["-n", &switch, "link", "add", port, "type", "veth", "peer", "name", device, "netns", &own])?;
        ip(&["-n", &switch, "link", "set", port, "master", "switch", "up"])?;
        ip(&["-n", &own, "link", "set", device, "up"])?;
        ip(&["-n", &own, "addr", "add", address, "dev", device])
    }

    /// Runs `work` on a thread that is there; threads and processes that it starts are there too.
    pub(crate) fn at<T: Send>(&self, place: Place, work: impl FnOnce() -> T + Send) -> T {
        inside(&named(&self.namespace(place)), work)
    }

    pub(crate) fn namespace(&self, place: Place) -> String {
        format!("{}-{}", self.name, place.word())
    }

    fn switch(&self, side: &str) -> String {
        format!("{}-{side}", self.name)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for place in Place::ALL {
            let _ = ip(&["netns", "del", &self.namespace(place)]);
        }
        for side in ["sa", "sb"] {
            let _ = ip(&["netns", "del", &self.switch(side)]);
        }
    }
}

/// Where the control connections of both servers are.
pub(crate) fn control(ip: IpAddr) -> SocketAddr {
    SocketAddr::new(ip, 2121)
}
