//! One data connection, ready for bytes: blocking calls, made for a thread of their own
//! (`spawn_blocking`), cancelled from any other thread.
//!
//! How a connection ends decides whether a file is whole. The sender says so (close_notify in TLS, FIN
//! in clear) only after its last byte; whatever goes wrong before that ends in a reset, which no
//! receiver takes for the end of a file. A [`DataStream`] that is dropped is reset.

mod pipe;
mod socket;
mod splice;
mod throttle;

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::listen::canonical;
use crate::meter::Meter;
use crate::tls::{Engine, Proven, TlsInfo};
use pipe::Pipe;
use socket::Socket;
pub use throttle::Throttle;

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

    /// A file into which the kernel may put the next bytes without showing them to anybody, and the
    /// offset at which they go there. `None` if there is no such file, or if the bytes must be seen.
    fn file(&self) -> Option<(BorrowedFd<'_>, u64)> {
        None
    }

    /// The kernel has put `count` bytes into [`Sink::file`]; the next ones go behind them.
    fn advance(&mut self, _count: u64) {}
}

/// Why a transfer broke off.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The network: reset, timeout, broken TLS.
    #[error("data connection: {0}")]
    Network(#[source] io::Error),
    /// A [`Canceller`] stopped it.
    #[error("the transfer was cancelled")]
    Cancelled,
    /// The peer's data ended without close_notify: it may have been cut.
    #[error("the data ended without close_notify, so some of it may be missing")]
    Truncated,
    /// Our own storage.
    #[error("storage: {0}")]
    Storage(#[source] io::Error),
}

/// Settings of one data connection.
#[derive(Clone, Debug)]
pub struct DataOptions {
    /// How long a transfer may stand still, in either direction, before it is given up. Five minutes
    /// if not set: NAT and the kernel have long forgotten a connection that is silent for longer.
    pub idle: Duration,
    /// The congestion control of what we send (`cubic`, `bbr`, ...), by the name that
    /// `net.ipv4.tcp_available_congestion_control` lists; `None` is the system's.
    pub congestion: Option<String>,
}

impl Default for DataOptions {
    fn default() -> Self {
        DataOptions { idle: Duration::from_secs(300), congestion: None }
    }
}

/// One data connection.
#[derive(Debug)]
pub struct DataStream {
    pipe: Pipe,
    peer: SocketAddr,
    tls: Option<TlsInfo>,
    meter: Meter,
}

/// Stops a running transfer from another thread.
#[derive(Clone, Debug)]
pub struct Canceller(Weak<Socket>);

impl Canceller {
    /// The blocked call returns [`DataError::Cancelled`].
    /// Does nothing once the transfer is over.
    pub fn cancel(&self) {
        if let Some(socket) = self.0.upgrade() {
            socket.cancel();
        }
    }
}

impl DataStream {
    /// A data connection in clear over a socket that is connected already; `meter` will count its bytes.
    ///
    /// # Errors
    ///
    /// If the socket is no longer connected.
    pub fn from_tcp(tcp: TcpStream, meter: Meter) -> io::Result<Self> {
        let peer = tcp.peer_addr()?;
        DataStream::new(tcp, peer, None, meter)
    }

    /// The caller says who the peer is: a socket whose peer has sent everything and reset the connection
    /// no longer knows.
    pub(crate) fn new(
        tcp: TcpStream,
        peer: SocketAddr,
        tls: Option<(Engine, TlsInfo)>,
        meter: Meter,
    ) -> io::Result<Self> {
        let peer = canonical(peer);
        let socket = Arc::new(Socket::new(tcp.into_std()?)?);
        let (engine, tls) = tls.unzip();
        let mut pipe = Pipe::new(socket, engine);
        if is_pinned(tls.as_ref()) && pipe.is_tls_client() {
            pipe.demand_end();
        }
        let stream = DataStream { pipe, peer, tls, meter };
        stream.apply(&DataOptions::default())?;
        Ok(stream)
    }

    /// The other end.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// What the handshake agreed on; `None` in clear.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// A handle that stops the transfer.
    pub fn canceller(&self) -> Canceller {
        Canceller(Arc::downgrade(self.pipe.socket()))
    }

    /// True once a [`Canceller`] has stopped the transfer, perhaps before it began: who is about to change
    /// something for its sake asks first.
    pub fn is_cancelled(&self) -> bool {
        self.pipe.socket().check().is_err()
    }

    /// Waits until the peer has sent something, or has ended its data, where that is the sign that it takes us
    /// for the right one: a TLS 1.3 client is done with its handshake before the server has judged it; and of
    /// a pinned peer, which may not know of any proof, the handshake says no more than that it is there.
    /// Blocks. Who is about to change something for the transfer's sake asks first.
    ///
    /// # Errors
    ///
    /// Network, cancelled, truncated.
    pub fn await_first(&mut self) -> Result<(), DataError> {
        match self.pipe.is_tls_client() || is_pinned(self.tls.as_ref()) {
            true => self.pipe.await_first(),
            false => Ok(()),
        }
    }

    /// Changes the settings; a new connection has the default ones.
    ///
    /// # Errors
    ///
    /// As the system says, for example if it does not know the congestion control.
    pub fn apply(&self, options: &DataOptions) -> io::Result<()> {
        self.pipe.socket().apply(options)
    }

    /// From now on this transfer is no faster than any of `throttles` allows; each of them may hold for others,
    /// too. Called once, before the bytes.
    pub fn throttle(&self, throttles: Vec<Throttle>) {
        self.pipe.socket().throttle(throttles);
    }

    /// Sends from `start` to the end of `source`, or `length` bytes, counting into `progress`, and closes:
    /// close_notify, shutdown(SHUT_WR), read to the peer's end (FIN is fine, a reset is not; a peer that
    /// has not closed after ten seconds is not waited for any longer).
    /// Returns the number of payload bytes. Plain sends use `sendfile` where the source has a file.
    ///
    /// # Errors
    ///
    /// Storage, network, cancelled; `Truncated` does not occur.
    pub fn send(
        mut self,
        source: &mut dyn Source,
        start: u64,
        length: Option<u64>,
        progress: &Arc<AtomicU64>,
    ) -> Result<u64, DataError> {
        let mut tally = Tally::new(progress);
        let sent = self.pipe.send(source, start, length, &mut tally);
        self.meter.add(self.peer.ip(), tally.total, 0);
        sent?;
        self.pipe.finish_sending()?;
        Ok(tally.total)
    }

    /// Sends the pieces that `produce` writes, in their order, and closes as [`DataStream::send`] does: for
    /// bytes that nobody wants to keep in memory whole (a listing). An error of `produce` is the
    /// storage's, unless a write failed before.
    ///
    /// # Errors
    ///
    /// As [`DataStream::send`].
    pub fn send_pieces(
        mut self,
        produce: &mut dyn FnMut(&mut dyn Sink) -> io::Result<()>,
        progress: &Arc<AtomicU64>,
    ) -> Result<u64, DataError> {
        let mut pieces = Pieces { pipe: &mut self.pipe, tally: Tally::new(progress), broken: None };
        let produced = produce(&mut pieces);
        let Pieces { tally: Tally { total, .. }, broken, .. } = pieces;
        self.meter.add(self.peer.ip(), total, 0);
        if let Some(error) = broken {
            return Err(error);
        }
        produced.map_err(DataError::Storage)?;
        self.pipe.finish_sending()?;
        Ok(total)
    }

    /// Receives until the peer's end, counting into `progress`. Returns the number of payload bytes.
    ///
    /// # Errors
    ///
    /// Inside TLS an end without close_notify is `Truncated`; in clear a reset is `Network`.
    pub fn receive(mut self, sink: &mut dyn Sink, progress: &Arc<AtomicU64>) -> Result<u64, DataError> {
        let mut tally = Tally::new(progress);
        let received = self.pipe.receive(sink, &mut tally);
        self.meter.add(self.peer.ip(), 0, tally.total);
        received?;
        self.pipe.finish_receiving();
        Ok(tally.total)
    }

    /// Closes without sending anything: nothing was transferred. The peer sees a reset, so that it
    /// does not take this for an empty file.
    pub fn abandon(self) {}
}

fn is_pinned(tls: Option<&TlsInfo>) -> bool {
    tls.is_some_and(|tls| tls.proven == Some(Proven::Pin))
}

/// Streams everything from one data connection into another: the relay. Blocking.
///
/// # Errors
///
/// As [`DataStream::receive`] and [`DataStream::send`]; both connections are closed either way, and
/// the writing end is never closed cleanly after a broken read.
pub fn relay(mut from: DataStream, mut to: DataStream, progress: &Arc<AtomicU64>) -> Result<u64, RelayError> {
    let mut tally = Tally::new(progress);
    let mut received = 0;
    let copied = copy(&mut from.pipe, &mut to.pipe, &mut received, &mut tally);
    from.meter.add(from.peer.ip(), 0, received);
    to.meter.add(to.peer.ip(), tally.total, 0);
    copied?;
    from.pipe.finish_receiving();
    to.pipe.finish_sending().map_err(RelayError::Destination)?;
    Ok(tally.total)
}

fn copy(from: &mut Pipe, to: &mut Pipe, received: &mut u64, sent: &mut Tally<'_>) -> Result<(), RelayError> {
    while let Some(bytes) = from.pull().map_err(RelayError::Source)? {
        *received += bytes.len() as u64;
        let count = bytes.len();
        to.push(bytes).map_err(RelayError::Destination)?;
        sent.add(count);
        to.socket().pace(count).map_err(RelayError::Destination)?;
    }
    Ok(())
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

/// What a producer of pieces writes into.
struct Pieces<'a> {
    pipe: &'a mut Pipe,
    tally: Tally<'a>,
    /// What the network said: the producer sees a copy of it, and may make of it what it likes.
    broken: Option<DataError>,
}

impl Sink for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.broken.is_some() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match self.pipe.push(bytes) {
            Ok(()) => {
                self.tally.add(bytes.len());
                Ok(())
            }
            Err(error) => {
                self.broken = Some(error);
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
    }
}

/// Counts payload, here and where others look.
struct Tally<'a> {
    total: u64,
    progress: &'a AtomicU64,
}

impl<'a> Tally<'a> {
    fn new(progress: &'a AtomicU64) -> Self {
        Tally { total: 0, progress }
    }

    fn add(&mut self, bytes: usize) {
        self.total += bytes as u64;
        self.progress.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
