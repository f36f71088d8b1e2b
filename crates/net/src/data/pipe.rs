//! The bytes of a data connection, in clear or in TLS: batches in, batches out, and the two ends.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, io};

use super::socket::Socket;
use super::{DataError, Sink, Source, Tally, splice};
use crate::tls::{Engine, EngineError, Step};

pub(super) struct Pipe {
    socket: Arc<Socket>,
    engine: Option<Box<Engine>>,
    /// Payload of the batch at hand.
    batch: Vec<u8>,
    /// The peer has ended its data in the orderly way.
    ended: bool,
    /// What we sent counts for nothing before the peer has ended the connection.
    needs_end: bool,
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").field("secure", &self.engine.is_some()).finish_non_exhaustive()
    }
}

impl Pipe {
    pub(super) fn new(socket: Arc<Socket>, engine: Option<Engine>) -> Self {
        Pipe { socket, engine: engine.map(Box::new), batch: Vec::new(), ended: false, needs_end: false }
    }

    /// A sender that never hears how the peer ends the connection has failed.
    pub(super) fn demand_end(&mut self) {
        self.needs_end = true;
    }

    /// True if we are the TLS client.
    pub(super) fn is_tls_client(&self) -> bool {
        self.engine.as_ref().is_some_and(|engine| engine.is_client())
    }

    /// Waits until the peer has sent something, or has ended its data.
    pub(super) fn await_first(&mut self) -> Result<(), DataError> {
        let Some(engine) = &mut self.engine else { return Ok(()) };
        engine.widen(RECEIVE_BATCH);
        let mut first = Vec::new();
        // If that was all, the engine remembers it.
        fill(engine, &self.socket, &mut first, RECEIVE_BATCH)?;
        engine.keep_early(first);
        Ok(())
    }

    pub(super) fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }

    /// Sends from `start`, until `length` bytes are gone or the source ends.
    pub(super) fn send(
        &mut self,
        source: &mut dyn Source,
        start: u64,
        length: Option<u64>,
        tally: &mut Tally<'_>,
    ) -> Result<(), DataError> {
        let mut rest = length.unwrap_or(u64::MAX);
        let mut offset = start;
        if self.engine.is_none() && self.send_file(source, &mut offset, &mut rest, tally)? {
            return Ok(());
        }
        let mut batch = vec![0; self.socket.batch(SEND_BATCH)];
        while rest > 0 {
            let most = batch.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
            let count = source.read_at(&mut batch[..most], offset).map_err(DataError::Storage)?;
            if count == 0 {
                break;
            }
            self.push(&batch[..count])?;
            tally.add(count);
            self.socket.pace(count)?;
            offset += count as u64;
            rest -= count as u64;
        }
        Ok(())
    }

    /// Lets the kernel send the source's file. False if the rest is to be read: because there is no file,
    /// because its file system cannot, or because that is faster.
    ///
    /// `sendfile` makes nobody copy until the network card fetches the bytes. On the loopback interface
    /// there is none: the receiver is the first who touches them, and reads them from memory that is
    /// not in any cache. A receiver on this machine that keeps us waiting is better off if we do that.
    #[cfg(target_os = "linux")]
    fn send_file(
        &self,
        source: &dyn Source,
        offset: &mut u64,
        rest: &mut u64,
        tally: &mut Tally<'_>,
    ) -> Result<bool, DataError> {
        use rustix::io::Errno;
        let Some(file) = source.file() else { return Ok(false) };
        let (since, is_local) = (Instant::now(), self.socket.is_local());
        while *rest > 0 {
            // A receiver that is faster than the storage never makes us wait, so nothing else looks.
            self.socket.check()?;
            if is_local && tally.total >= TRIAL && self.socket.waited() > since.elapsed() / 4 {
                return Ok(false);
            }
            let batch = self.socket.batch(SENDFILE_BATCH);
            let most = batch.min(usize::try_from(*rest).unwrap_or(usize::MAX));
            match rustix::fs::sendfile(self.socket.tcp(), file, Some(offset), most) {
                Ok(0) => break,
                Ok(count) => {
                    *rest -= count as u64;
                    tally.add(count);
                    self.socket.pace(count)?;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.socket.await_room()?,
                Err(Errno::INVAL | Errno::NOSYS) if tally.total == 0 => return Ok(false),
                Err(error) => return Err(DataError::Network(error.into())),
            }
        }
        Ok(true)
    }

    #[cfg(not(target_os = "linux"))]
    fn send_file(
        &self,
        _: &dyn Source,
        _: &mut u64,
        _: &mut u64,
        _: &mut Tally<'_>,
    ) -> Result<bool, DataError> {
        Ok(false)
    }

    pub(super) fn receive(&mut self, sink: &mut dyn Sink, tally: &mut Tally<'_>) -> Result<(), DataError> {
        let mut splicing = self.engine.is_none();
        while let Some(bytes) = self.pull()? {
            let count = bytes.len();
            sink.write(bytes).map_err(DataError::Storage)?;
            tally.add(count);
            self.socket.pace(count)?;
            if splicing && tally.total >= SPLICE_AFTER {
                match splice::receive(&self.socket, sink, tally)? {
                    splice::Outcome::Ended => return Ok(()),
                    splice::Outcome::Impossible => splicing = false,
                }
            }
        }
        Ok(())
    }

    /// The next batch; `None` at the peer's orderly end.
    pub(super) fn pull(&mut self) -> Result<Option<&[u8]>, DataError> {
        if self.ended {
            return Ok(None);
        }
        let most = self.socket.batch(RECEIVE_BATCH);
        match &mut self.engine {
            None => {
                self.batch.resize(most, 0);
                let count = self.socket.read(&mut self.batch)?;
                self.ended = count == 0;
                Ok((count > 0).then_some(&self.batch[..count]))
            }
            Some(engine) => {
                engine.widen(RECEIVE_BATCH);
                self.batch.clear();
                self.ended = fill(engine, &self.socket, &mut self.batch, most)?;
                Ok((!self.batch.is_empty()).then_some(&self.batch[..]))
            }
        }
    }

    /// Sends a batch.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        let Some(engine) = &mut self.engine else { return self.socket.write_all(bytes) };
        engine.seal(bytes).map_err(broken)?;
        let written = self.socket.write_all(engine.outgoing());
        written.map_err(|error| self.last_words(error))
    }

    /// A peer that breaks the connection off may have said why, and left a ticket for the next one.
    fn last_words(&mut self, error: DataError) -> DataError {
        let (Some(engine), DataError::Network(_)) = (&mut self.engine, &error) else { return error };
        let mut payload = Vec::new();
        // What fits into the buffer is enough.
        let count = self.socket.read_now(engine.room());
        engine.arrived(count);
        loop {
            match engine.step(&mut payload) {
                Ok(Step::Again) => {}
                Ok(Step::NeedInput | Step::PeerClosed) => return error,
                Err(alert) => return broken(alert),
            }
        }
    }

    /// Says that the data is complete, and waits until the peer has closed, too: a reset that comes
    /// instead means that some of it was lost.
    pub(super) fn finish_sending(&mut self) -> Result<(), DataError> {
        if let Some(engine) = &mut self.engine {
            engine.seal_close().map_err(broken)?;
            let written = self.socket.write_all(engine.outgoing());
            written.map_err(|error| self.last_words(error))?;
        }
        self.socket.end_output()?;
        self.await_end()?;
        self.socket.complete();
        Ok(())
    }

    /// The peer's data is complete: answers its end with ours.
    pub(super) fn finish_receiving(&mut self) {
        if let Some(engine) = &mut self.engine {
            // A peer that does not wait for our close_notify may be gone.
            let _ = engine.seal_close().map(|()| self.socket.write_all(engine.outgoing()));
        }
        self.socket.complete();
        let _ = self.socket.end_output();
    }

    /// The peer has not ended the connection in time.
    fn unended(&self) -> Result<(), DataError> {
        match self.needs_end {
            true => Err(DataError::Network(io::ErrorKind::TimedOut.into())),
            false => Ok(()),
        }
    }

    /// Reads what a receiver sends: session tickets, close_notify. Unread bytes would turn our close
    /// into a reset, which destroys data that is still on its way.
    fn await_end(&mut self) -> Result<(), DataError> {
        let wait = if self.needs_end { self.socket.idle() } else { END_WAIT };
        let patience = Instant::now() + wait;
        let mut spare = vec![0; 4096];
        let mut drained = 0;
        loop {
            let left = patience.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return self.unended();
            }
            let room = match &mut self.engine {
                Some(engine) => match engine.step(&mut self.batch).map_err(broken)? {
                    Step::PeerClosed => return Ok(()),
                    Step::Again => continue,
                    Step::NeedInput => engine.room(),
                },
                None => &mut spare[..],
            };
            self.batch.clear();
            let count = match self.socket.read_within(room, left) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(DataError::Network(error)) if error.kind() == io::ErrorKind::TimedOut => {
                    return self.unended();
                }
                Err(error) => return Err(error),
            };
            if let Some(engine) = &mut self.engine {
                engine.arrived(count);
            }
            drained += count;
            if drained > DRAIN_CEILING {
                let talk = "the peer sends where it should only receive";
                return Err(DataError::Network(io::Error::new(io::ErrorKind::InvalidData, talk)));
            }
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.retire();
        }
    }
}

/// Decrypts until `batch` has `most` bytes or would have to wait with something in it; true at close_notify.
fn fill(engine: &mut Engine, socket: &Socket, batch: &mut Vec<u8>, most: usize) -> Result<bool, DataError> {
    batch.extend_from_slice(&engine.take_early());
    while batch.len() < most {
        match engine.step(batch).map_err(broken)? {
            Step::Again => {}
            Step::PeerClosed => return Ok(true),
            Step::NeedInput => {
                // Renewed keys are answered at once.
                socket.write_all(engine.outgoing())?;
                if !batch.is_empty() {
                    break;
                }
                let count = socket.read(engine.room())?;
                if count == 0 {
                    return Err(DataError::Truncated);
                }
                engine.arrived(count);
            }
        }
    }
    Ok(false)
}

fn broken(error: rustls::Error) -> DataError {
    DataError::Network(EngineError::Tls(error).into())
}

/// Bytes that one `sendfile` is asked for: enough that the call itself costs nothing, few enough that
/// progress is seen.
#[cfg(target_os = "linux")]
const SENDFILE_BATCH: usize = 2 * 1024 * 1024;

/// Bytes after which a sender judges how fast its receiver is.
#[cfg(target_os = "linux")]
const TRIAL: u64 = 16 * 1024 * 1024;

/// Bytes after which a receiver asks whether the kernel can do it alone: for small files the pipe that
/// this takes costs more than it saves.
const SPLICE_AFTER: u64 = 1024 * 1024;

/// Payload bytes that are read from storage at once.
const SEND_BATCH: usize = 128 * 1024;

/// Bytes that are read from the socket at once.
const RECEIVE_BATCH: usize = 256 * 1024;

/// How long a sender waits for the receiver to close. After that it goes without the certainty that
/// the receiver has read everything: on a slow line the kernel may need longer for what it still holds,
/// and some programs close only when they have seen the final reply.
const END_WAIT: Duration = Duration::from_secs(10);

/// What a receiver may have to say to a sender: a few tickets and alerts.
const DRAIN_CEILING: usize = 256 * 1024;
