//! Opening TCP connections.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connects to the first address of `host` that answers within `timeout` (IPv6 and IPv4 as the
/// resolver orders them), with TCP_NODELAY and keep-alive: for control connections.
///
/// The next address is tried when the one before has failed, or has not answered for a quarter of a
/// second (as in RFC 8305, section 5); the first that answers wins.
///
/// # Errors
///
/// The error of the last address, or `TimedOut`.
pub async fn control(host: &str, port: u16, timeout: Duration) -> io::Result<TcpStream> {
    within(timeout, async {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = tokio::net::lookup_host((host, port)).await?;
        let tcp = race(addresses.take(ADDRESSES).collect()).await?;
        keep_alive(&tcp)?;
        tcp.set_nodelay(true)?;
        Ok(tcp)
    })
    .await
}

/// Connects a data connection from `local` (the control connection's own address, so that the peer
/// sees the same host) to `target`.
///
/// Binding makes the kernel search for a free port at once, among all that sit in TIME_WAIT; after
/// some 10 000 files that search costs more than the transfer (vsftpd and ProFTPD, 2026-11). Linux has
/// IP_BIND_ADDRESS_NO_PORT against it, but no safe binding of it exists. So the address is bound only
/// where the route to `target` would choose another one.
///
/// # Errors
///
/// As the system says, or `TimedOut`.
pub async fn data(local: Option<IpAddr>, target: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    within(timeout, async {
        let socket = match target {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        let wanted = local.filter(|local| local.is_ipv4() == target.is_ipv4() && !local.is_unspecified());
        if let Some(local) = wanted.filter(|local| route_source(target).ok() != Some(*local)) {
            socket.bind(SocketAddr::new(local, 0))?;
        }
        let tcp = socket.connect(target).await?;
        tcp.set_nodelay(true)?;
        Ok(tcp)
    })
    .await
}

/// Probes a silent peer of a control connection, so that one that vanished is noticed.
pub(crate) fn keep_alive(tcp: &TcpStream) -> io::Result<()> {
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY);
    #[cfg(target_os = "linux")]
    let probes = probes.with_retries(PROBES);
    SockRef::from(tcp).set_tcp_keepalive(&probes)
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Tries the addresses with a head start each.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut addresses = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        match addresses.next() {
            Some(address) => drop(attempts.spawn(TcpStream::connect(address))),
            None if attempts.is_empty() => return Err(last),
            None => {}
        }
        tokio::select! {
            Some(attempt) = attempts.join_next() => match attempt {
                Ok(Ok(tcp)) => return Ok(tcp),
                Ok(Err(error)) => last = error,
                Err(panic) => last = io::Error::other(panic),
            },
            () = sleep(HEAD_START), if addresses.len() > 0 => {}
        }
    }
}

/// The address that the kernel would connect from. Nothing is sent.
fn route_source(target: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = match target {
        SocketAddr::V4(_) => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let probe = std::net::UdpSocket::bind(any)?;
    probe.connect(target)?;
    Ok(probe.local_addr()?.ip())
}

/// More addresses of one name than this are not tried.
const ADDRESSES: usize = 16;

/// How long an address may stay silent before the next one is tried (RFC 8305 recommends 250 ms).
const HEAD_START: Duration = Duration::from_millis(250);

/// Silence on a control connection before the first probe: a transfer may last, NAT forgets in minutes.
const PROBE_AFTER: Duration = Duration::from_secs(60);

/// Between probes.
const PROBE_EVERY: Duration = Duration::from_secs(20);

/// Unanswered probes until the connection counts as lost.
#[cfg(target_os = "linux")]
const PROBES: u32 = 4;
