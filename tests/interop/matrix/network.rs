//! Hosts: network namespaces of this test's own, joined by one switch. Each has an IPv4 and an IPv6 address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fxp_testkit::demand::{self, Missing};

use crate::namespace::ip;

/// A switch and its hosts; all of it goes when dropped.
pub(crate) struct Network {
    name: String,
    hosts: u16,
}

/// One host.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) namespace: String,
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
}

impl Host {
    pub(crate) fn ip(&self, v6: bool) -> IpAddr {
        if v6 { self.v6.into() } else { self.v4.into() }
    }
}

impl Network {
    /// A switch with `hosts` hosts.
    ///
    /// # Errors
    ///
    /// Without root, `ip` (iproute2), or the kernel's leave.
    pub(crate) fn new(hosts: u16) -> Result<Network, Missing> {
        demand::root()?;
        let network = Network { name: format!("fxp-matrix-{}", std::process::id()), hosts };
        let hub = network.hub();
        ip(&["netns", "add", &hub])?;
        ip(&["-n", &hub, "link", "add", "switch", "type", "bridge"])?;
        ip(&["-n", &hub, "link", "set", "switch", "up"])?;
        for number in 0..hosts {
            network.plug_in(number)?;
        }
        Ok(network)
    }

    /// The host of this number; the first is 0.
    pub(crate) fn host(&self, number: u16) -> Host {
        let last = number + 1;
        Host {
            namespace: format!("{}-{number}", self.name),
            v4: Ipv4Addr::new(10, 78, (last >> 8) as u8, (last & 0xff) as u8),
            v6: Ipv6Addr::new(0xfd78, 0, 0, 0, 0, 0, 0, last),
        }
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.name)
    }

    fn plug_in(&self, number: u16) -> Result<(), Missing> {
        let (hub, host) = (self.hub(), self.host(number));
        let (plug, own) = (format!("port{number}"), host.namespace.as_str());
        ip(&["netns", "add", own])?;
        ip(&["-n", &hub, "link", "add", &plug, "type", "veth", "peer", "name", "eth0", "netns", own])?;
        ip(&["-n", &hub, "link", "set", &plug, "master", "switch", "up"])?;
        ip(&["-n", own, "link", "set", "lo", "up"])?;
        ip(&["-n", own, "link", "set", "eth0", "up"])?;
        ip(&["-n", own, "addr", "add", &format!("{}/16", host.v4), "dev", "eth0"])?;
        // Nobody else has it, so nobody is asked.
        ip(&["-n", own, "addr", "add", &format!("{}/64", host.v6), "dev", "eth0", "nodad"])
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for number in 0..self.hosts {
            let _ = ip(&["netns", "del", &self.host(number).namespace]);
        }
        let _ = ip(&["netns", "del", &self.hub()]);
    }
}
