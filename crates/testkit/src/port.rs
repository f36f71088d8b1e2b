//! Free ports for daemons that cannot be told "any".

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result};

/// A port that is free on `address` now, for daemons that must be told a number.
///
/// # Errors
///
/// If the address is not ours.
pub fn free(address: IpAddr) -> Result<u16> {
    let listener = TcpListener::bind(SocketAddr::new(address, 0)).with_context(|| format!("{address}"))?;
    Ok(listener.local_addr()?.port())
}

/// Loopback addresses for servers: each caller of this process gets its own, never 127.0.0.1, so that
/// the client is foreign to every data connection between two servers.
pub fn loopback() -> IpAddr {
    static NEXT: AtomicU16 = AtomicU16::new(2);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // The process id keeps test programs that run at the same time apart.
    let process = (std::process::id() % 250) as u8 + 1;
    IpAddr::from([127, process, (number / 250) as u8, (number % 250) as u8 + 2])
}

/// A range of `count` ports below the kernel's ephemeral range, for passive data connections.
pub fn passive_range(count: u16) -> (u16, u16) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let slot = NEXT.fetch_add(1, Ordering::Relaxed) % 40;
    let first = 20_000 + slot * 300;
    (first, first + count - 1)
}
