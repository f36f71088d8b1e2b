//! What the kernel knows about this machine: its own addresses, and the networks it is plugged into.
//!
//! Asked at each decision, not once at the start: interfaces come and go. On other systems than Linux
//! only loopback is known to be our own, and no network to be near.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// True if packets to `ip` stay on this machine: loopback, an interface's address, a local route.
pub fn is_own(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    if ip.is_loopback() || ip.is_unspecified() {
        return true;
    }
    if ip.is_multicast() || ip == IpAddr::from(Ipv4Addr::BROADCAST) {
        return false;
    }
    if binds_foreign_addresses() { sends_from(ip) == Some(ip) } else { UdpSocket::bind((ip, 0)).is_ok() }
}

/// True if `ip` lies in a network that one of our interfaces is plugged into, without a gateway between.
pub fn is_connected(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => connected_v4(&system_table("/proc/net/route"), ip),
        IpAddr::V6(ip) => connected_v6(&system_table("/proc/net/ipv6_route"), ip),
    }
}

/// The first address of the interface `name` in the family of `like`; link-local ones do not count.
pub fn interface_address(name: &str, like: IpAddr) -> Option<IpAddr> {
    match like {
        IpAddr::V4(_) => interface_v4(name),
        IpAddr::V6(_) => interface_v6(&system_table("/proc/net/if_inet6"), name),
    }
}

/// `net.ipv4.ip_nonlocal_bind` makes every address bindable, so that binding proves nothing.
fn binds_foreign_addresses() -> bool {
    ["/proc/sys/net/ipv4/ip_nonlocal_bind", "/proc/sys/net/ipv6/ip_nonlocal_bind"]
        .into_iter()
        .any(|path| system_table(path).trim() == "1")
}

/// The address that packets to `ip` would come from; nothing is sent.
fn sends_from(ip: IpAddr) -> Option<IpAddr> {
    let any = if ip.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((ip, DISCARD)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// The source address of a socket that is tied to the interface; nothing is sent.
#[cfg(target_os = "linux")]
fn interface_v4(name: &str) -> Option<IpAddr> {
    use std::net::SocketAddr;

    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).ok()?;
    socket.bind_device(Some(name.as_bytes())).ok()?;
    // An address for documentation, so the question is only which source fits.
    socket.connect(&SocketAddr::from(([203, 0, 113, 1], DISCARD)).into()).ok()?;
    let address = socket.local_addr().ok()?.as_socket()?.ip();
    (!address.is_unspecified()).then_some(address)
}

#[cfg(not(target_os = "linux"))]
fn interface_v4(_name: &str) -> Option<IpAddr> {
    None
}

/// Lines of `if_inet6`: address, index, prefix length, scope (0 is global), flags, name.
fn interface_v6(table: &str, name: &str) -> Option<IpAddr> {
    table.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let address = hex_v6(words.next()?)?;
        let (scope, _, device) = (words.nth(2)?, words.next()?, words.next()?);
        (device == name && scope == "00").then_some(IpAddr::V6(address))
    })
}

/// Lines of `route`: interface, destination, gateway, flags, three counts, mask; addresses are hex in the
/// machine's own byte order.
fn connected_v4(table: &str, ip: Ipv4Addr) -> bool {
    let number = |word: &str| u32::from_str_radix(word, 16).ok().map(u32::from_be);
    table.lines().skip(1).any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, destination, gateway, flags, _, _, _, mask, ..] = words[..] else { return false };
        let (Some(destination), Some(mask)) = (number(destination), number(mask)) else { return false };
        let up = u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & ROUTE_UP != 0);
        up && number(gateway) == Some(0) && mask != 0 && u32::from(ip) & mask == destination
    })
}

/// Lines of `ipv6_route`: destination, length, source, length, next hop, three counts, flags, interface.
fn connected_v6(table: &str, ip: Ipv6Addr) -> bool {
    table.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [destination, length, _, _, next_hop, _, _, _, flags, device] = words[..] else { return false };
        let (Some(destination), Ok(length)) = (hex_v6(destination), u32::from_str_radix(length, 16)) else {
            return false;
        };
        let flags = u32::from_str_radix(flags, 16).unwrap_or(0);
        let direct = hex_v6(next_hop) == Some(Ipv6Addr::UNSPECIFIED) && flags & NOT_DIRECT == 0;
        let inside = (1..=128).contains(&length)
            && (u128::from(ip) ^ u128::from(destination)).leading_zeros() >= length;
        direct && flags & ROUTE_UP != 0 && device != "lo" && !destination.is_multicast() && inside
    })
}

fn hex_v6(word: &str) -> Option<Ipv6Addr> {
    u128::from_str_radix(word, 16).ok().filter(|_| word.len() == 32).map(Ipv6Addr::from)
}

/// A table of the kernel's, at most [`MOST_OF_A_TABLE`]; empty if there is none.
fn system_table(path: &str) -> String {
    let mut text = String::new();
    match std::fs::File::open(path) {
        Ok(file) => {
            let _ = file.take(MOST_OF_A_TABLE).read_to_string(&mut text);
        }
        Err(_) => return text,
    }
    text
}

/// A router with a full routing table has a million lines; the directly connected ones are few and early.
const MOST_OF_A_TABLE: u64 = 1 << 20;
/// Any port: nothing is sent.
const DISCARD: u16 = 9;
/// `RTF_UP` of `<linux/route.h>`.
const ROUTE_UP: u32 = 1;
/// `RTF_GATEWAY`, `RTF_REJECT` and `RTF_LOCAL`.
const NOT_DIRECT: u32 = 0x2 | 0x200 | 0x8000_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses() {
        for own in ["127.0.0.1", "127.0.0.2", "127.9.9.9", "::1", "::ffff:127.0.0.3", "0.0.0.0"] {
            assert!(is_own(own.parse().unwrap()), "{own}");
        }
        for other in ["203.0.113.1", "198.51.100.7", "2001:db8::1", "224.0.0.1", "255.255.255.255"] {
            assert!(!is_own(other.parse().unwrap()), "{other}");
        }
        if let Some(mine) = sends_from("203.0.113.1".parse().unwrap()) {
            assert!(is_own(mine), "{mine}");
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn connected_networks() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
            eth0\t0000000A\t0101A8C0\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n\
            tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n";
        for (ip, near) in
            [("192.168.1.9", true), ("192.168.2.9", false), ("10.1.1.1", false), ("9.9.9.9", false)]
        {
            assert_eq!(connected_v4(table, ip.parse().unwrap()), near, "{ip}");
        }
        let zeros = "0".repeat(32);
        let row = |destination: &str, length: &str, hop: &str, flags: &str, device: &str| {
            format!("{destination} {length} {zeros} 00 {hop} 00000100 00000001 00000000 {flags} {device}\n")
        };
        let table = [
            row("20010db8000000010000000000000000", "40", &zeros, "00000001", "eth0"),
            row(
                "20010db8000000020000000000000000",
                "40",
                "fe800000000000000000000000000001",
                "00000003",
                "eth0",
            ),
            row("20010db8000000030000000000000001", "80", &zeros, "80200001", "eth0"),
            row(&zeros, "00", &zeros, "00000001", "tun0"),
        ]
        .concat();
        for (ip, near) in [
            ("2001:db8:0:1::5", true),
            ("2001:db8:0:2::5", false),
            ("2001:db8:0:3::1", false),
            ("2a00::1", false),
        ] {
            assert_eq!(connected_v6(&table, ip.parse().unwrap()), near, "{ip}");
        }
    }

    #[test]
    fn addresses_of_interfaces() {
        let table = "00000000000000000000000000000001 01 80 10 80       lo\n\
            fe800000000000000000000000000005 02 40 20 80     eth0\n\
            20010db8000000000000000000000005 02 40 00 80     eth0\n";
        assert_eq!(interface_v6(table, "eth0"), Some("2001:db8::5".parse().unwrap()));
        assert_eq!(interface_v6(table, "lo"), None);
        assert_eq!(interface_address("no-such-if0", Ipv4Addr::UNSPECIFIED.into()), None);
    }
}
