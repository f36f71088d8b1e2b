//! One data connection, ready for bytes: blocking calls, made for a thread of their own
//! (`spawn_blocking`), cancelled from outside by shutting the socket down.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, atomic::AtomicU64};

use crate::tls::TlsInfo;

/// Where the bytes of a transfer come from.
pub trait Source {
    /// Reads at `offset`; 0 bytes is the end.
    ///
    /// # Errors
    ///
    /// As the storage says.
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// A file that `sendfile` may read in its place, if there is one.
    fn file(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// Where the bytes of a transfer go. Called with consecutive pieces.
pub trait Sink {
    /// Takes all of `bytes`.
    ///
    /// # Errors
    ///
    /// As the storage says.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// Why a transfer broke off.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The network: reset, timeout, shut down by a canceller.
    #[error("data connection: {0}")]
    Network(#[source] io::Error),
    /// The peer's data ended without close_notify: it may have been cut.
    #[error("the data ended without close_notify, so some of it may be missing")]
    Truncated,
    /// Our own storage.
    #[error("storage: {0}")]
    Storage(#[source] io::Error),
}

/// One data connection.
#[derive(Debug)]
pub struct DataStream {
    _private: (),
}

/// Stops a running transfer from another thread.
#[derive(Clone, Debug)]
pub struct Canceller {
    _private: (),
}

impl Canceller {
    /// Shuts the socket down in both directions; the blocked call returns with an error.
    pub fn cancel(&self) {
        todo!("net")
    }
}

impl DataStream {
    /// The other end.
    pub fn peer_addr(&self) -> SocketAddr {
        todo!("net")
    }

    /// What the handshake agreed on; `None` in clear.
    pub fn tls(&self) -> Option<&TlsInfo> {
        todo!("net")
    }

    /// A handle that stops the transfer.
    pub fn canceller(&self) -> Canceller {
        todo!("net")
    }

    /// Sends from `start` to the end of `source`, or `length` bytes, counting into `progress`, and closes:
    /// close_notify, shutdown(SHUT_WR), read to the peer's end (FIN is fine, a reset is not).
    /// Returns the number of payload bytes. Plain sends use `sendfile` where the source has a file.
    ///
    /// # Errors
    ///
    /// Storage, network; `Truncated` does not occur.
    pub fn send(
        self,
        _source: &mut dyn Source,
        _start: u64,
        _length: Option<u64>,
        _progress: &Arc<AtomicU64>,
    ) -> Result<u64, DataError> {
        todo!("net")
    }

    /// Receives until the peer's end, counting into `progress`. Returns the number of payload bytes.
    ///
    /// # Errors
    ///
    /// Inside TLS an end without close_notify is `Truncated`; in clear a reset is `Network`.
    pub fn receive(self, _sink: &mut dyn Sink, _progress: &Arc<AtomicU64>) -> Result<u64, DataError> {
        todo!("net")
    }

    /// Closes without sending anything: nothing was transferred.
    pub fn abandon(self) {
        todo!("net")
    }
}

/// Streams everything from one data connection into another: the relay. Blocking.
///
/// # Errors
///
/// As [`DataStream::receive`] and [`DataStream::send`]; both connections are closed either way, and
/// the writing end is never closed cleanly after a broken read.
pub fn relay(_from: DataStream, _to: DataStream, _progress: &Arc<AtomicU64>) -> Result<u64, RelayError> {
    todo!("net")
}

/// Which end of a relay broke.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The end we read from.
    #[error("reading from the source: {0}")]
    Source(#[source] DataError),
    /// The end we write to.
    #[error("writing to the destination: {0}")]
    Destination(#[source] DataError),
}
