//! Receiving in clear without touching the bytes: the kernel moves them from the socket into the file
//! by way of a pipe. That saves one of the two copies; `docs/decisions/0004-data-path.md` has the figures.

use super::socket::Socket;
use super::{DataError, Sink, Tally};

/// How it went.
pub(super) enum Outcome {
    /// The peer's end: everything is in the file.
    Ended,
    /// This sink, file system or machine cannot; what was received is in the sink, and the rest is to
    /// be read.
    Impossible,
}

#[cfg(not(target_os = "linux"))]
pub(super) fn receive(_: &Socket, _: &mut dyn Sink, _: &mut Tally<'_>) -> Result<Outcome, DataError> {
    Ok(Outcome::Impossible)
}

#[cfg(target_os = "linux")]
pub(super) use linux::receive;

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::OwnedFd;

    use rustix::io::Errno;
    use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, pipe, splice};

    use super::{DataError, Outcome, Sink, Socket, Tally};

    pub(in crate::data) fn receive(
        socket: &Socket,
        sink: &mut dyn Sink,
        tally: &mut Tally<'_>,
    ) -> Result<Outcome, DataError> {
        if sink.file().is_none() {
            return Ok(Outcome::Impossible);
        }
        let Ok((exit, entry)) = pipe() else { return Ok(Outcome::Impossible) };
        // A user's pipes may be bounded to less; then each turn moves less.
        let _ = fcntl_setpipe_size(&entry, BATCH);
        loop {
            match splice(socket.tcp(), None, &entry, None, socket.batch(BATCH), SpliceFlags::MOVE) {
                Ok(0) => {
                    socket.check()?;
                    return Ok(Outcome::Ended);
                }
                Ok(count) => {
                    if !empty(&exit, count, sink, tally)? {
                        return Ok(Outcome::Impossible);
                    }
                    socket.pace(count)?;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => socket.await_bytes()?,
                Err(Errno::INVAL | Errno::NOSYS) => return Ok(Outcome::Impossible),
                Err(error) => return Err(DataError::Network(error.into())),
            }
        }
    }

    /// Moves `count` bytes from the pipe into the sink; false if they had to be copied by hand.
    fn empty(
        exit: &OwnedFd,
        mut count: usize,
        sink: &mut dyn Sink,
        tally: &mut Tally<'_>,
    ) -> Result<bool, DataError> {
        while count > 0 {
            let Some((file, mut offset)) = sink.file() else { return by_hand(exit, count, sink, tally) };
            match splice(exit, None, file, Some(&mut offset), count, SpliceFlags::MOVE) {
                Ok(moved) => {
                    sink.advance(moved as u64);
                    tally.add(moved);
                    count -= moved;
                }
                Err(Errno::INTR) => {}
                // Some file systems cannot, nor can a file that is open for appending; and if the disk is
                // full, the sink says so in its own words.
                Err(_) => return by_hand(exit, count, sink, tally),
            }
        }
        Ok(true)
    }

    fn by_hand(
        exit: &OwnedFd,
        count: usize,
        sink: &mut dyn Sink,
        tally: &mut Tally<'_>,
    ) -> Result<bool, DataError> {
        let mut bytes = vec![0; count];
        let mut exit = File::from(exit.try_clone().map_err(DataError::Network)?);
        exit.read_exact(&mut bytes).map_err(DataError::Network)?;
        sink.write(&bytes).map_err(DataError::Storage)?;
        tally.add(count);
        Ok(false)
    }

    /// Bytes that are moved at once, and room in the pipe for them: the most that Linux grants to
    /// everybody (`fs.pipe-max-size`). A smaller pipe costs more than it saves.
    const BATCH: usize = 1024 * 1024;
}
