//! Addresses of data connections: PORT, 227, EPRT, 229 (RFC 959, RFC 2428).

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroU16,
};

/// An address and a port that is not 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// The address.
    pub ip: IpAddr,
    /// The port.
    pub port: NonZeroU16,
}

impl HostPort {
    /// `None` if the port is 0.
    pub fn new(ip: IpAddr, port: u16) -> Option<Self> {
        Some(HostPort { ip, port: NonZeroU16::new(port)? })
    }

    /// As the standard library writes it.
    pub fn socket_addr(self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port.get())
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket_addr().fmt(f)
    }
}

impl fmt::Debug for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.socket_addr().fmt(f)
    }
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4; `1` in EPSV and EPRT.
    V4,
    /// IPv6; `2` in EPSV and EPRT.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}
