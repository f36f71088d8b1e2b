//! Addresses and ports that nobody is connected to unless a rule names them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The range of the never-list that holds `ip`, if one does. `ip` is canonical: a mapped IPv4 address
/// is judged as the IPv4 address that it is.
pub fn range_of(ip: IpAddr) -> Option<IpNet> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => NEVER_V4.iter().find(|range| range.contains(&ip)).map(|range| IpNet::V4(*range)),
        // Loopback lies within the IPv4-compatible range; it is judged as one of our own addresses.
        IpAddr::V6(ip) if ip.is_loopback() => None,
        IpAddr::V6(ip) => NEVER_V6.iter().find(|range| range.contains(&ip)).map(|range| IpNet::V6(*range)),
    }
}

/// True for ports below 1024 and for well-known services above, most of which act on whatever
/// bytes reach them.
pub fn is_unsafe_port(port: u16) -> bool {
    port < 1024 || SERVICES.iter().any(|&(first, last)| (first..=last).contains(&port))
}

/// Carrier-grade NAT (RFC 6598).
pub(crate) const SHARED_V4: Ipv4Net = v4(100, 64, 0, 10);

const NEVER_V4: [Ipv4Net; 10] = [
    v4(0, 0, 0, 8),       // this network
    SHARED_V4,            // shared, RFC 6598
    v4(169, 254, 0, 16),  // link-local; clouds keep their secrets at 169.254.169.254
    v4(192, 0, 0, 24),    // protocol assignments
    v4(192, 0, 2, 24),    // documentation
    v4(198, 18, 0, 15),   // benchmarks
    v4(198, 51, 100, 24), // documentation
    v4(203, 0, 113, 24),  // documentation
    v4(224, 0, 0, 4),     // multicast
    v4(240, 0, 0, 4),     // reserved, broadcast
];

const NEVER_V6: [Ipv6Net; 14] = [
    v6([0, 0, 0, 0], 96),           // unspecified, and IPv4-compatible
    v6([0, 0, 0, 0xffff_0000], 96), // IPv4-translated, RFC 2765
    v6([0x64, 0xff9b, 0, 0], 96),   // NAT64: some IPv4 address, judged by nobody
    v6([0x64, 0xff9b, 1, 0], 48),   // NAT64 for local use
    v6([0x100, 0, 0, 0], 64),       // discard
    v6([0x2001, 0, 0, 0], 32),      // Teredo
    v6([0x2001, 2, 0, 0], 48),      // benchmarks
    v6([0x2001, 0xdb8, 0, 0], 32),  // documentation
    v6([0x2002, 0, 0, 0], 16),      // 6to4
    v6([0x3fff, 0, 0, 0], 20),      // documentation
    v6([0x5f00, 0, 0, 0], 16),      // segment routing identifiers
    v6([0xfe80, 0, 0, 0], 10),      // link-local
    v6([0xfec0, 0, 0, 0], 10),      // site-local
    v6([0xff00, 0, 0, 0], 8),       // multicast
];

/// Services above 1023 that a bounced upload or download could hurt. Short, because some servers draw
/// their passive ports from all that there are, and then each entry costs one transfer in 64,000.
const SERVICES: [(u16, u16); 33] = [
    (1080, 1080),   // SOCKS
    (1433, 1433),   // SQL Server
    (1521, 1521),   // Oracle
    (2049, 2049),   // NFS
    (2181, 2181),   // ZooKeeper
    (2375, 2376),   // Docker
    (2379, 2380),   // etcd
    (3128, 3128),   // proxies
    (3306, 3306),   // MySQL
    (3389, 3389),   // RDP
    (4369, 4369),   // Erlang
    (5060, 5061),   // SIP
    (5432, 5432),   // PostgreSQL
    (5555, 5555),   // Android debugging
    (5672, 5672),   // AMQP
    (5900, 5903),   // VNC
    (5984, 5986),   // CouchDB, WinRM
    (6000, 6003),   // X11
    (6379, 6379),   // Redis
    (6443, 6443),   // Kubernetes
    (6667, 6667),   // IRC
    (8000, 8009),   // HTTP, AJP
    (8080, 8081),   // HTTP
    (8443, 8443),   // HTTPS
    (8500, 8501),   // Consul
    (9000, 9000),   // FastCGI
    (9042, 9042),   // Cassandra
    (9090, 9092),   // Prometheus, Kafka
    (9100, 9100),   // printers
    (9200, 9200),   // Elasticsearch
    (10250, 10250), // kubelet
    (11211, 11211), // memcached
    (27017, 27017), // MongoDB
];

const fn v4(a: u8, b: u8, c: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, 0), length)
}

/// The first four groups; the fourth may hold two, for prefixes that go deeper than 64 bits.
const fn v6(groups: [u32; 4], length: u8) -> Ipv6Net {
    let [a, b, c, deep] = groups;
    let bits = ((a as u128) << 112) | ((b as u128) << 96) | ((c as u128) << 80) | ((deep as u128) << 32);
    Ipv6Net::new_assert(Ipv6Addr::from_bits(bits), length)
}
