//! Addresses of data connections: PORT and 227 (RFC 959), EPRT and 229 (RFC 2428), LPRT and 228
//! (RFC 1639), in every form that servers in use send them.
//!
//! An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) is kept as it was written, so that whoever
//! decides about addresses sees what the peer said; [`HostPort::unmapped`] is what to connect to and
//! what to compare. The formatters write the unmapped form.

mod read;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU16,
};

pub use read::{parse_227, parse_228, parse_229, parse_eprt, parse_lprt, parse_port};

use super::reply::Reply;
use crate::wire::text::Text;

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

    /// The same place with an IPv4-mapped address written as IPv4.
    pub fn unmapped(self) -> Self {
        HostPort { ip: self.ip.to_canonical(), port: self.port }
    }

    /// The argument of PORT; `None` for IPv6.
    pub fn to_port(self) -> Option<Text> {
        match self.unmapped().ip {
            IpAddr::V4(ip) => Some(Text::lossy(six_numbers(ip, self.port))),
            IpAddr::V6(_) => None,
        }
    }

    /// The argument of EPRT.
    pub fn to_eprt(self) -> Text {
        Text::lossy(self.extended())
    }

    /// The argument of LPRT.
    pub fn to_lprt(self) -> Text {
        Text::lossy(self.long())
    }

    /// The answer to PASV and CPSV; `None` for IPv6.
    pub fn to_227(self) -> Option<Reply> {
        let numbers = self.to_port()?;
        Some(Reply::new(227, Text::lossy(format!("Entering Passive Mode ({numbers})."))))
    }

    /// The answer to LPSV.
    pub fn to_228(self) -> Reply {
        Reply::new(228, Text::lossy(format!("Entering Long Passive Mode ({}).", self.long())))
    }

    /// The answer to EPSV as RFC 2428 has it: the port alone.
    pub fn to_229(self) -> Reply {
        Reply::new(229, Text::lossy(format!("Entering Extended Passive Mode (|||{}|)", self.port)))
    }

    /// The answer to EPSV after `CEPR ON`: with family and address.
    pub fn to_229_with_address(self) -> Reply {
        Reply::new(229, Text::lossy(format!("Entering Extended Passive Mode ({})", self.extended())))
    }

    fn extended(self) -> String {
        let ip = self.unmapped().ip;
        format!("|{}|{ip}|{}|", Family::of(ip).number(), self.port)
    }

    fn long(self) -> String {
        let (version, octets) = match self.unmapped().ip {
            IpAddr::V4(ip) => (4, ip.octets().to_vec()),
            IpAddr::V6(ip) => (6, ip.octets().to_vec()),
        };
        let octets_text: Vec<String> = octets.iter().map(u8::to_string).collect();
        let [high, low] = self.port.get().to_be_bytes();
        format!("{version},{},{},2,{high},{low}", octets.len(), octets_text.join(","))
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

fn six_numbers(ip: Ipv4Addr, port: NonZeroU16) -> String {
    let [a, b, c, d] = ip.octets();
    let [high, low] = port.get().to_be_bytes();
    format!("{a},{b},{c},{d},{high},{low}")
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

    /// The number that EPSV and EPRT give it.
    pub fn number(self) -> u8 {
        match self {
            Family::V4 => 1,
            Family::V6 => 2,
        }
    }
}

/// What a server announced: where it listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The address, if there was a useful one: EPSV has none, the short 227 and `0.0.0.0` neither.
    /// The control peer's address is meant then.
    pub ip: Option<IpAddr>,
    /// The port.
    pub port: NonZeroU16,
}

/// Why text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not the form that was expected (501).
    #[error("no address in the expected form")]
    Syntax,
    /// A part of an address or port beyond 255, or a port beyond 65535 (501).
    #[error("a number of the address is too large")]
    TooLarge,
    /// Port 0 (501).
    #[error("port 0 cannot be connected to")]
    PortZero,
    /// A family other than IPv4 and IPv6 (522).
    #[error("an unknown address family")]
    UnknownFamily,
    /// A family that is not the one of the address beside it (501).
    #[error("the address is not of the family that was named")]
    FamilyMismatch,
}
