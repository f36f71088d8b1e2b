//! Opening TCP connections.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;

/// Connects to the first address of `host` that answers within `timeout` (IPv6 and IPv4 as the
/// resolver orders them), with TCP_NODELAY and keep-alive: for control connections.
///
/// # Errors
///
/// The error of the last address, or `TimedOut`.
pub async fn control(_host: &str, _port: u16, _timeout: Duration) -> io::Result<TcpStream> {
    todo!("net")
}

/// Connects a data connection from `local` (the control connection's own address, so that the peer
/// sees the same host) to `target`. Uses IP_BIND_ADDRESS_NO_PORT, so that TIME_WAIT costs no search.
///
/// # Errors
///
/// As the system says, or `TimedOut`.
pub async fn data(_local: Option<IpAddr>, _target: SocketAddr, _timeout: Duration) -> io::Result<TcpStream> {
    todo!("net")
}
