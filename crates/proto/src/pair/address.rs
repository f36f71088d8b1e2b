//! Which address the listening end is to be reached at.
//!
//! A passive reply is the word of one server about where another server shall connect, passed on
//! by us. So it is read with two kinds of doubt: servers behind NAT announce addresses that nobody
//! outside can reach, and a malicious one announces an address that only the other server can reach
//! (CVE-2020-8284 turned against a third party: we would be the confused deputy).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::job::LegFacts;
use crate::grammar::addr::HostPort;

/// Why an announced address is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Loopback, although not everybody concerned is on this machine.
    #[error("{0} is a loopback address")]
    Loopback(IpAddr),
    /// Valid on one link only, and nobody knows which.
    #[error("{0} is a link-local address")]
    LinkLocal(IpAddr),
    /// No address of one host: multicast, unspecified, reserved.
    #[error("{0} is no address of a host")]
    NoHost(IpAddr),
    /// A private address, announced by a server that we reach at a public one.
    #[error("{0} is a private address")]
    Private(IpAddr),
    /// The address of the very server that would have to connect to it.
    #[error("{0} is the other server's own address")]
    OwnOfOther(IpAddr),
    /// A port below 1024: nobody listens for data there, but other services do.
    #[error("port {0} is no data port")]
    LowPort(u16),
}

/// The address that the active leg is told, made of what the passive leg announced.
///
/// `announced` is `None` where the reply had no address (EPSV, the short 227). `other` is the control
/// peer of the active leg. In this order: the site's `data_address`, then the announced address, then,
/// where that cannot be meant, the passive leg's control peer.
///
/// # Errors
///
/// See [`Unfit`]. Where PRET is spoken the data may rightly be on another host than the control
/// connection, so that nothing can be put in the place of an unfit address.
pub fn choose(
    passive: &LegFacts,
    announced: Option<IpAddr>,
    port: u16,
    other: IpAddr,
) -> Result<HostPort, Unfit> {
    let peer = plain(passive.control_peer);
    let other = plain(other);
    let ip = match (passive.data_address.map(plain), announced.map(plain)) {
        (Some(own), _) => return listening_at(own, port),
        (None, None) => peer,
        (None, Some(announced)) if announced.is_unspecified() => peer,
        (None, Some(announced)) => match doubt(announced, peer) {
            None => announced,
            Some(unfit) if passive.pret => return Err(unfit),
            Some(_) => peer,
        },
    };
    fit_for(ip, peer, other)?;
    listening_at(ip, port)
}

/// What speaks against an announced address, given where the control connection goes.
fn doubt(announced: IpAddr, peer: IpAddr) -> Option<Unfit> {
    match (scope(announced), scope(peer)) {
        _ if announced == peer => None,
        (Scope::Loopback, Scope::Loopback) => None,
        (Scope::Loopback, _) => Some(Unfit::Loopback(announced)),
        (Scope::Link, _) => Some(Unfit::LinkLocal(announced)),
        (Scope::NoHost, _) => Some(Unfit::NoHost(announced)),
        (Scope::Private, Scope::Public) => Some(Unfit::Private(announced)),
        (Scope::Private | Scope::Public, _) => None,
    }
}

/// Whether the other server may be told to connect to `ip`.
fn fit_for(ip: IpAddr, peer: IpAddr, other: IpAddr) -> Result<(), Unfit> {
    match scope(ip) {
        Scope::Loopback if scope(other) != Scope::Loopback => Err(Unfit::Loopback(ip)),
        Scope::Link => Err(Unfit::LinkLocal(ip)),
        Scope::NoHost => Err(Unfit::NoHost(ip)),
        // Two sessions with one server may meet there; else it would be made to talk to itself.
        _ if ip == other && peer != other => Err(Unfit::OwnOfOther(ip)),
        _ => Ok(()),
    }
}

fn listening_at(ip: IpAddr, port: u16) -> Result<HostPort, Unfit> {
    match HostPort::new(ip, port) {
        Some(address) if port >= FIRST_DATA_PORT => Ok(address),
        _ => Err(Unfit::LowPort(port)),
    }
}

/// The ports below belong to services; servers refuse PORT to them, and vsftpd ends the session for it.
const FIRST_DATA_PORT: u16 = 1024;

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Loopback,
    Link,
    Private,
    Public,
    NoHost,
}

fn scope(ip: IpAddr) -> Scope {
    match ip {
        IpAddr::V4(ip) => scope_v4(ip),
        IpAddr::V6(ip) => scope_v6(ip),
    }
}

fn scope_v4(ip: Ipv4Addr) -> Scope {
    let [a, b, c, _] = ip.octets();
    match (a, b, c) {
        (127, _, _) => Scope::Loopback,
        (169, 254, _) => Scope::Link,
        // "This network", multicast, reserved, broadcast.
        (0, _, _) | (224..=255, _, _) => Scope::NoHost,
        // RFC 1918, and RFC 6598's address space between a provider and its customers.
        (10, _, _) | (192, 168, _) => Scope::Private,
        (172, 16..=31, _) | (100, 64..=127, _) => Scope::Private,
        _ => Scope::Public,
    }
}

fn scope_v6(ip: Ipv6Addr) -> Scope {
    match ip.segments() {
        _ if ip.is_loopback() => Scope::Loopback,
        _ if ip.is_unspecified() => Scope::NoHost,
        // NAT64 for local use (RFC 8215), where an IPv4 address has many places.
        [0x64, 0xff9b, 1, ..] => Scope::Private,
        [0xff00..=0xffff, ..] => Scope::NoHost,
        [0xfe80..=0xfebf, ..] => Scope::Link,
        // RFC 4193, and the site-local addresses that it replaced.
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Scope::Private,
        segments => inner_v4(segments).map_or(Scope::Public, scope_v4),
    }
}

/// The IPv4 address in whose place an IPv6 address stands: a gateway, or the host itself, makes `127.0.0.1` of
/// `64:ff9b::7f00:1` again.
fn inner_v4(segments: [u16; 8]) -> Option<Ipv4Addr> {
    let (high, low) = match segments {
        // IPv4-compatible (RFC 4291, 2.5.5.1), IPv4-translated (RFC 2765), NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0, high, low] => (high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => (high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => (high, low),
        // 6to4 (RFC 3056), and Teredo (RFC 4380), which turns the bits round.
        [0x2002, high, low, ..] => (high, low),
        [0x2001, 0, .., high, low] => (!high, !low),
        _ => return None,
    };
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Some(Ipv4Addr::new(a, b, c, d))
}

/// `::ffff:192.0.2.1` is 192.0.2.1.
fn plain(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::VPath;

    /// One row: how the passive leg is known, what it announced, the other server; what comes of it.
    fn check(row: &str) {
        let mut words = row.split_whitespace();
        let mut next = || words.next().unwrap();
        let control_peer = next().parse().unwrap();
        let announced = next();
        let other = next().parse().unwrap();
        let expected = next();
        let options: Vec<&str> = words.collect();
        let facts = LegFacts {
            path: VPath::root(),
            control_peer,
            data_address: options.iter().find_map(|word| word.strip_prefix("own=")?.parse().ok()),
            pret: options.contains(&"pret"),
            cepr: false,
            sscn: false,
            deaf: false,
            rate: None,
        };
        let announced = (announced != "-").then(|| announced.parse().unwrap());
        let found = match choose(&facts, announced, 5000, other) {
            Ok(address) => address.ip.to_string(),
            Err(unfit) => format!("{unfit:?}").split('(').next().unwrap().to_owned(),
        };
        assert_eq!(found, expected, "{row}");
    }

    #[test]
    fn addresses_are_chosen_for_the_server_that_must_reach_them() {
        // control peer, announced, other server, outcome, options
        let rows = "
            198.51.100.1  198.51.100.1   203.0.113.9   198.51.100.1
            198.51.100.1  198.51.100.77  203.0.113.9   198.51.100.77
            198.51.100.1  -              203.0.113.9   198.51.100.1
            198.51.100.1  0.0.0.0        203.0.113.9   198.51.100.1
            198.51.100.1  10.0.0.5       203.0.113.9   198.51.100.1
            198.51.100.1  192.168.1.5    203.0.113.9   198.51.100.1
            198.51.100.1  172.31.0.5     203.0.113.9   198.51.100.1
            198.51.100.1  172.32.0.5     203.0.113.9   172.32.0.5
            198.51.100.1  100.64.0.5     203.0.113.9   198.51.100.1
            198.51.100.1  127.0.0.1      203.0.113.9   198.51.100.1
            198.51.100.1  169.254.1.1    203.0.113.9   198.51.100.1
            198.51.100.1  224.0.0.1      203.0.113.9   198.51.100.1
            198.51.100.1  255.255.255.255 203.0.113.9  198.51.100.1
            10.0.0.1      10.0.0.5       10.0.0.9      10.0.0.5
            10.0.0.1      192.168.9.9    10.0.0.9      192.168.9.9
            10.0.0.1      127.0.0.1      10.0.0.9      10.0.0.1
            10.0.0.1      203.0.113.5    10.0.0.9      203.0.113.5
            127.0.0.2     127.0.0.2      127.0.0.3     127.0.0.2
            127.0.0.2     127.0.0.4      127.0.0.3     127.0.0.4
            127.0.0.1     127.0.0.1      203.0.113.9   Loopback
            127.0.0.1     -              203.0.113.9   Loopback
            127.0.0.1     192.168.1.5    203.0.113.9   192.168.1.5
            127.0.0.1     127.0.0.1      203.0.113.9   198.51.100.1 own=198.51.100.1
            198.51.100.1  203.0.113.9    203.0.113.9   OwnOfOther
            203.0.113.9   203.0.113.9    203.0.113.9   203.0.113.9
            127.0.0.1     127.0.0.1      127.0.0.1     127.0.0.1
            198.51.100.1  203.0.113.5    203.0.113.9   203.0.113.5 pret
            198.51.100.1  10.0.0.5       203.0.113.9   Private pret
            198.51.100.1  127.0.0.1      203.0.113.9   Loopback pret
            198.51.100.1  169.254.1.1    203.0.113.9   LinkLocal pret
            198.51.100.1  239.1.1.1      203.0.113.9   NoHost pret
            198.51.100.1  10.0.0.5       203.0.113.9   10.0.0.7 pret own=10.0.0.7
            10.0.0.1      10.0.0.5       10.0.0.9      10.0.0.5 pret
            2001:db8::1   -              2001:db8::2   2001:db8::1
            2001:db8::1   2001:db8::9    2001:db8::2   2001:db8::9
            2001:db8::1   ::             2001:db8::2   2001:db8::1
            2001:db8::1   fd00::1        2001:db8::2   2001:db8::1
            2001:db8::1   fe80::1        2001:db8::2   2001:db8::1
            2001:db8::1   ::1            2001:db8::2   2001:db8::1
            2001:db8::1   ::127.0.0.1    2001:db8::2   2001:db8::1
            2001:db8::1   ::ffff:0:127.0.0.1 2001:db8::2 2001:db8::1
            2001:db8::1   64:ff9b::127.0.0.1 2001:db8::2 2001:db8::1
            2001:db8::1   64:ff9b::198.51.100.7 2001:db8::2 64:ff9b::c633:6407
            2001:db8::1   64:ff9b:1::1   2001:db8::2   2001:db8::1
            2001:db8::1   2002:a9fe:a9fe::1 2001:db8::2 2001:db8::1
            2001:db8::1   2001::f7f7:f7f7 2001:db8::2  2001::f7f7:f7f7
            2001:db8::1   2001::f5f6:f6f6 2001:db8::2  2001:db8::1
            2001:db8::1   64:ff9b::10.9.9.9 2001:db8::2 Private pret
            64:ff9b::198.51.100.7 -      2001:db8::2   64:ff9b::c633:6407
            fe80::1       -              fe80::2       LinkLocal
            ::1           -              ::1           ::1
            ::ffff:127.0.0.1 127.0.0.1   ::ffff:127.0.0.3 127.0.0.1
            ::ffff:198.51.100.1 10.0.0.1 203.0.113.9   198.51.100.1
            198.51.100.1  ::ffff:10.0.0.1 203.0.113.9  198.51.100.1
        ";
        rows.lines().map(str::trim).filter(|row| !row.is_empty()).for_each(check);
    }

    #[test]
    fn nobody_is_sent_to_the_port_of_a_service() {
        let facts = LegFacts {
            path: VPath::root(),
            control_peer: "198.51.100.1".parse().unwrap(),
            data_address: None,
            pret: false,
            cepr: false,
            sscn: false,
            deaf: false,
            rate: None,
        };
        let other = "203.0.113.9".parse().unwrap();
        assert_eq!(choose(&facts, None, 25, other), Err(Unfit::LowPort(25)));
        assert_eq!(choose(&facts, None, 1023, other), Err(Unfit::LowPort(1023)));
        assert!(choose(&facts, None, 1024, other).is_ok());
    }
}
