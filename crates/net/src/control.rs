//! A control connection: lines in, bytes out, TLS in between once it is asked for.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::tls::{ClientSession, HandshakeError, ServerSession, TlsInfo};

/// One line from the peer, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A line, without its end, Telnet commands removed.
    Line(Vec<u8>),
    /// A line beyond the ceiling; it was swallowed whole.
    TooLong,
    /// A line with a NUL or a stray CR in it; it was swallowed whole.
    BadBytes,
    /// The peer closed; inside TLS, whether or not with close_notify.
    End,
}

/// A control connection.
#[derive(Debug)]
pub struct Control {
    _private: (),
}

impl Control {
    /// Takes a connected socket: TCP_NODELAY, keep-alive. `ceiling` is the most bytes a line may have.
    pub fn new(_tcp: TcpStream, _ceiling: usize) -> io::Result<Self> {
        todo!("net")
    }

    /// The peer's address.
    pub fn peer_addr(&self) -> SocketAddr {
        todo!("net")
    }

    /// Our address.
    pub fn local_addr(&self) -> SocketAddr {
        todo!("net")
    }

    /// The next line. Cancel-safe: nothing is lost if the future is dropped.
    ///
    /// # Errors
    ///
    /// A reset, a broken TLS record, a keep-alive that found nobody.
    pub async fn receive(&mut self) -> io::Result<Received> {
        todo!("net")
    }

    /// Puts bytes into the send buffer.
    pub fn queue(&mut self, _bytes: &[u8]) {
        todo!("net")
    }

    /// Sends what is queued. Not to be cancelled, except to close.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub async fn flush(&mut self) -> io::Result<()> {
        todo!("net")
    }

    /// Drops every unread byte, then plays TLS server (after `234`, or at once for implicit TLS).
    ///
    /// # Errors
    ///
    /// The connection is unusable afterwards.
    pub async fn secure_as_server(&mut self, _tls: &ServerSession) -> Result<TlsInfo, HandshakeError> {
        todo!("net")
    }

    /// Drops every unread byte, then plays TLS client.
    ///
    /// # Errors
    ///
    /// The connection is unusable afterwards.
    pub async fn secure_as_client(&mut self, _tls: &ClientSession) -> Result<TlsInfo, HandshakeError> {
        todo!("net")
    }

    /// Flushes, sends close_notify if inside TLS, and closes.
    pub async fn close(self) {
        todo!("net")
    }
}
