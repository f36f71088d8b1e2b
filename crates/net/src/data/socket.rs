//! A socket for a thread that may block on it: another thread can stop it, and unless told that all
//! went well it resets the connection.
//!
//! Stopping must not be `shutdown(2)`: that sends a FIN, which a receiver in clear takes for the end of
//! the file. So the socket does not block; whoever has to wait polls it together with a pipe, and
//! cancelling writes into the pipe. The thread then drops the socket, with a reset.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;

use super::{DataError, DataOptions, Throttle};

#[derive(Debug)]
pub(super) struct Socket {
    tcp: TcpStream,
    cancelled: AtomicBool,
    /// Readable once cancelled.
    alarm: PipeReader,
    ring: PipeWriter,
    /// The transfer is complete: closing may be orderly.
    complete: AtomicBool,
    /// How long to wait for the peer, in milliseconds.
    idle: AtomicU64,
    /// How long we have waited for it, in nanoseconds.
    waited: AtomicU64,
    /// Ceilings of speed.
    throttles: OnceLock<Vec<Throttle>>,
}

impl Socket {
    /// Takes a connected socket that does not block.
    pub(super) fn new(tcp: TcpStream) -> io::Result<Self> {
        // Every write is a batch; holding back the last segment only delays the end.
        tcp.set_nodelay(true)?;
        let (alarm, ring) = io::pipe()?;
        Ok(Socket {
            tcp,
            cancelled: AtomicBool::new(false),
            alarm,
            ring,
            complete: AtomicBool::new(false),
            idle: AtomicU64::new(u64::MAX),
            waited: AtomicU64::new(0),
            throttles: OnceLock::new(),
        })
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    pub(super) fn apply(&self, options: &DataOptions) -> io::Result<()> {
        let idle = u64::try_from(options.idle.as_millis()).unwrap_or(u64::MAX);
        self.idle.store(idle, Ordering::Relaxed);
        #[cfg(target_os = "linux")]
        if let Some(congestion) = &options.congestion {
            SockRef::from(&self.tcp).set_tcp_congestion(congestion.as_bytes())?;
        }
        Ok(())
    }

    pub(super) fn cancel(&self) {
        if !self.cancelled.swap(true, Ordering::SeqCst) {
            // One byte fits into an empty pipe.
            let _ = (&self.ring).write(&[0]);
        }
    }

    pub(super) fn throttle(&self, throttles: Vec<Throttle>) {
        // Whoever comes second is too late: bytes may be on their way.
        let _ = self.throttles.set(throttles);
    }

    /// How many bytes to move at once, of `most`.
    pub(super) fn batch(&self, most: usize) -> usize {
        self.throttles.get().into_iter().flatten().map(Throttle::batch).fold(most, usize::min)
    }

    /// So many bytes were moved: waits as long as they cost, or until the transfer is cancelled. The peer is not
    /// to blame for that wait, so it counts for nothing else.
    pub(super) fn pace(&self, bytes: usize) -> Result<(), DataError> {
        let throttles = self.throttles.get().into_iter().flatten();
        let wait = throttles.map(|throttle| throttle.pay(bytes)).max().unwrap_or_default();
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return self.check();
            }
            let limit = Timespec::try_from(left).ok();
            match poll(&mut [PollFd::new(&self.alarm, PollFlags::IN)], limit.as_ref()) {
                Ok(_) => self.check()?,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(DataError::Network(error.into())),
            }
        }
    }

    /// From here on closing is orderly.
    pub(super) fn complete(&self) {
        self.complete.store(true, Ordering::SeqCst);
    }

    /// Reads some bytes; 0 is the peer's end.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Result<usize, DataError> {
        self.read_within(buffer, self.idle())
    }

    /// The same with a limit of its own.
    pub(super) fn read_within(&self, buffer: &mut [u8], limit: Duration) -> Result<usize, DataError> {
        loop {
            match (&self.tcp).read(buffer) {
                Ok(count) => {
                    // A sender that is faster than the storage never makes us wait, so nothing else looks.
                    self.check()?;
                    return Ok(count);
                }
                Err(error) => self.retry(error, PollFlags::IN, limit)?,
            }
        }
    }

    /// Reads what is there; 0 if that is nothing.
    pub(super) fn read_now(&self, buffer: &mut [u8]) -> usize {
        (&self.tcp).read(buffer).unwrap_or(0)
    }

    pub(super) fn write_all(&self, mut bytes: &[u8]) -> Result<(), DataError> {
        while !bytes.is_empty() {
            match (&self.tcp).write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) => self.retry(error, PollFlags::OUT, self.idle())?,
            }
        }
        self.check()
    }

    /// Waits until the kernel takes more bytes.
    pub(super) fn await_room(&self) -> Result<(), DataError> {
        self.wait(PollFlags::OUT, self.idle())
    }

    /// Waits until there are bytes to read, or the end.
    pub(super) fn await_bytes(&self) -> Result<(), DataError> {
        self.wait(PollFlags::IN, self.idle())
    }

    /// No more bytes come from us.
    pub(super) fn end_output(&self) -> Result<(), DataError> {
        self.check()?;
        self.tcp.shutdown(Shutdown::Write).map_err(DataError::Network)
    }

    /// How long the peer has kept us waiting.
    pub(super) fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited.load(Ordering::Relaxed))
    }

    /// True if the other end is on this machine, too.
    pub(super) fn is_local(&self) -> bool {
        match (self.tcp.local_addr(), self.tcp.peer_addr()) {
            (Ok(here), Ok(there)) => here.ip() == there.ip() || there.ip().to_canonical().is_loopback(),
            _ => false,
        }
    }

    /// An error if the transfer was cancelled.
    pub(super) fn check(&self) -> Result<(), DataError> {
        match self.cancelled.load(Ordering::SeqCst) {
            true => Err(DataError::Cancelled),
            false => Ok(()),
        }
    }

    pub(super) fn idle(&self) -> Duration {
        Duration::from_millis(self.idle.load(Ordering::Relaxed))
    }

    fn retry(&self, error: io::Error, event: PollFlags, limit: Duration) -> Result<(), DataError> {
        match error.kind() {
            io::ErrorKind::Interrupted => Ok(()),
            io::ErrorKind::WouldBlock => self.wait(event, limit),
            _ => Err(DataError::Network(error)),
        }
    }

    fn wait(&self, event: PollFlags, limit: Duration) -> Result<(), DataError> {
        let mut events = [PollFd::new(&self.tcp, event), PollFd::new(&self.alarm, PollFlags::IN)];
        // A limit beyond what the system can express is none.
        let limit = Timespec::try_from(limit).ok();
        let since = Instant::now();
        let ready = poll(&mut events, limit.as_ref());
        let waited = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.waited.fetch_add(waited, Ordering::Relaxed);
        self.check()?;
        match ready {
            Ok(0) => {
                let patience = io::Error::new(io::ErrorKind::TimedOut, "the peer stood still for too long");
                Err(DataError::Network(patience))
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(DataError::Network(error.into())),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.complete.load(Ordering::SeqCst) {
            // A reset instead of a FIN; if it cannot be had the peer must do with what it sees.
            let _ = SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO));
        }
    }
}
