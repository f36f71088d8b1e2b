//! Listening: the server's own port, and passive data ports.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::data::DataStream;
use crate::meter::Meter;
use crate::tls::{DataTls, HandshakeError};

/// The ports that passive data connections may use; each is drawn at random.
#[derive(Clone, Debug)]
pub struct PortPool {
    range: RangeInclusive<u16>,
    taken: Arc<Mutex<HashSet<(IpAddr, u16)>>>,
}

impl PortPool {
    /// A pool over `range`.
    pub fn new(range: RangeInclusive<u16>) -> Self {
        PortPool { range, taken: Arc::default() }
    }

    /// Listens on `ip` at a random free port of the range, and accepts from now on, until `lifetime` is over.
    ///
    /// At most eight connections are held before somebody asks for them; the rest waits in the
    /// kernel's backlog. Dropping the listener frees the port.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if no port of the range is free, else as the system says.
    pub fn listen(&self, _ip: IpAddr, _lifetime: Duration) -> io::Result<PassiveListener> {
        let _ = (&self.range, &self.taken);
        todo!("net")
    }
}

/// A passive port that lives for one transfer.
#[derive(Debug)]
pub struct PassiveListener {
    _private: (),
}

/// Whom to let in, and how, once the transfer command has come.
pub struct Admission<'a> {
    /// Asked for each connection, before any byte is sent to it.
    pub admit: &'a (dyn Fn(SocketAddr) -> bool + Send + Sync),
    /// The handshake that the data connection needs; `None` is clear.
    pub tls: Option<DataTls>,
    /// When to give up.
    pub deadline: Instant,
    /// Where the bytes will be counted.
    pub meter: Meter,
}

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// Nobody came in time.
    #[error("nobody connected in time")]
    NobodyCame,
    /// Strangers came, and nobody else.
    #[error("only strangers connected ({strangers} in all, the first from {first})")]
    OnlyStrangers {
        /// How many.
        strangers: u64,
        /// The first one's address.
        first: SocketAddr,
    },
    /// The peers that came failed their handshakes; this is the last one.
    #[error("handshake with {peer}: {error}")]
    Handshake {
        /// Who it was.
        peer: SocketAddr,
        /// What went wrong.
        error: HandshakeError,
    },
    /// The listener itself broke.
    #[error(transparent)]
    Listen(#[from] io::Error),
}

impl PassiveListener {
    /// The address that is listened on.
    pub fn local_addr(&self) -> SocketAddr {
        todo!("net")
    }

    /// The first connection that `admission` lets in and whose handshake succeeds. Strangers are
    /// dropped and the port keeps listening. Handshakes: five seconds each, four at a time per source
    /// address (IPv6: per /64), eight in all; the slowest stranger is evicted.
    ///
    /// # Errors
    ///
    /// When the deadline has come.
    pub async fn admit(&mut self, _admission: Admission<'_>) -> Result<DataStream, AdmitError> {
        todo!("net")
    }
}

/// Takes over a connection that we opened: handshake if asked for, then ready for data.
///
/// # Errors
///
/// When the handshake fails or the deadline comes.
pub async fn secure(
    _tcp: TcpStream,
    _tls: Option<DataTls>,
    _deadline: Instant,
    _meter: Meter,
) -> Result<DataStream, HandshakeError> {
    todo!("net")
}
