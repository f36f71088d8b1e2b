//! A storage that misbehaves in one chosen way.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use fxp_engine::proto::listing::time::FtpTime;
use fxp_engine::proto::path::VPath;
use fxp_store::layer::Layer;
use fxp_store::memory::Memory;
use fxp_store::storage::{Create, ReadFile, Result, Storage, StoreError, WriteFile};

/// What goes wrong; nothing at first.
#[derive(Default)]
pub(crate) struct Faults {
    /// RNFR works, RNTO never does.
    pub(crate) refuses_rename: AtomicBool,
    /// RNTO is refused with a 4yz: another time it may work.
    pub(crate) busy_at_rename: AtomicBool,
    /// Nothing can be deleted.
    pub(crate) refuses_delete: AtomicBool,
    /// RNTO does not replace a file.
    pub(crate) never_replaces: AtomicBool,
    /// Times cannot be set.
    pub(crate) keeps_no_time: AtomicBool,
    /// A file that is there cannot be written again.
    pub(crate) never_overwrites: AtomicBool,
    /// So many bytes of each upload vanish at its end; both servers call the copy good.
    pub(crate) loses: AtomicU64,
    /// The first byte of each upload is changed on its way to the disk.
    pub(crate) corrupts: AtomicBool,
    /// Nothing can be read.
    pub(crate) refuses_reads: AtomicBool,
    /// Nothing can be stored.
    pub(crate) refuses_uploads: AtomicBool,
    /// Uploads fail: the disk is full.
    pub(crate) full: AtomicBool,
    /// Uploads fail once: the disk is full.
    pub(crate) full_once: AtomicBool,
    /// Uploads wait until so many of them are on their way at once, which then holds for all later ones.
    pub(crate) gathers: AtomicU64,
    gathered: (Mutex<u64>, Condvar),
    /// So many bytes of each of the next uploads of `frail` are stored, then it breaks off; the others come through.
    pub(crate) breaks: Mutex<VecDeque<u64>>,
    /// So many uploads of `frail` were begun.
    pub(crate) frail_uploads: AtomicU64,
    /// Called with the position when an upload has grown.
    pub(crate) on_write: Mutex<Option<Listener>>,
}

impl Faults {
    /// Waits for others, if others are to be waited for; not for ever, since a test shall fail and not hang.
    fn gather(&self) {
        let wanted = self.gathers.load(Relaxed);
        let (count, changed) = &self.gathered;
        let mut waiting = count.lock().expect("not poisoned");
        *waiting += 1;
        changed.notify_all();
        let (mut waiting, waited) = changed
            .wait_timeout_while(waiting, Duration::from_secs(60), |waiting| {
                *waiting < wanted && self.gathers.load(Relaxed) > 0
            })
            .expect("not poisoned");
        if !waited.timed_out() {
            self.gathers.store(0, Relaxed);
            changed.notify_all();
        }
        *waiting -= 1;
    }
}

/// Hears how far an upload is.
pub(crate) type Listener = Box<dyn Fn(u64) + Send>;

/// Files in memory behind the faults.
pub(crate) struct Faulty {
    pub(crate) files: Memory,
    pub(crate) faults: Arc<Faults>,
}

impl Layer for Faulty {
    fn below(&self) -> &dyn Storage {
        &self.files
    }

    fn open(&self, path: &VPath) -> Result<Box<dyn ReadFile>> {
        if path.name().is_some_and(|name| name.as_bytes() == b"endless") {
            return Ok(Box::new(Endless));
        }
        if self.faults.refuses_reads.load(Relaxed) {
            return Err(StoreError::Denied);
        }
        self.files.open(path)
    }

    fn create(&self, path: &VPath, how: Create) -> Result<Box<dyn WriteFile>> {
        if self.faults.refuses_uploads.load(Relaxed) {
            return Err(StoreError::Denied);
        }
        if self.faults.full_once.swap(false, Relaxed) || self.faults.full.load(Relaxed) {
            return Err(StoreError::NoSpace);
        }
        if self.faults.never_overwrites.load(Relaxed) && self.files.stat(path).is_ok() {
            return Err(StoreError::Exists);
        }
        self.faults.gather();
        let file = self.files.create(path, how)?;
        let is_frail = path.name().is_some_and(|name| name.as_bytes().starts_with(b"frail"));
        let bears = match is_frail {
            true => {
                self.faults.frail_uploads.fetch_add(1, Relaxed);
                self.faults.breaks.lock().expect("not poisoned").pop_front()
            }
            false => None,
        };
        let faults = self.faults.clone();
        Ok(Box::new(FaultyFile { file, faults, held: Vec::new(), first: true, bears }))
    }

    fn delete(&self, path: &VPath) -> Result<()> {
        if self.faults.refuses_delete.load(Relaxed) {
            return Err(StoreError::Denied);
        }
        self.files.delete(path)
    }

    fn rename(&self, from: &VPath, to: &VPath) -> Result<()> {
        if self.faults.refuses_rename.load(Relaxed) {
            return Err(StoreError::Denied);
        }
        if self.faults.busy_at_rename.load(Relaxed) {
            return Err(StoreError::Busy);
        }
        if self.faults.never_replaces.load(Relaxed) && self.files.stat(to).is_ok() {
            return Err(StoreError::Exists);
        }
        self.files.rename(from, to)
    }

    fn set_time(&self, path: &VPath, time: FtpTime) -> Result<()> {
        match self.faults.keeps_no_time.load(Relaxed) {
            true => Err(StoreError::Unsupported),
            false => self.files.set_time(path, time),
        }
    }
}

struct FaultyFile {
    file: Box<dyn WriteFile>,
    faults: Arc<Faults>,
    /// The last bytes, which may have to vanish.
    held: Vec<u8>,
    first: bool,
    /// So many more bytes are stored, then it breaks off.
    bears: Option<u64>,
}

impl WriteFile for FaultyFile {
    fn position(&self) -> u64 {
        self.file.position() + self.held.len() as u64
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(bears) = &mut self.bears {
            let stored = bytes.len().min(usize::try_from(*bears).expect("small"));
            *bears -= stored as u64;
            if stored < bytes.len() {
                self.file.write(&bytes[..stored])?;
                return Err(StoreError::Io(io::ErrorKind::BrokenPipe.into()));
            }
        }
        self.held.extend_from_slice(bytes);
        if std::mem::take(&mut self.first) && self.faults.corrupts.load(Relaxed) {
            self.held[0] ^= 0xFF;
        }
        let keep = usize::try_from(self.faults.loses.load(Relaxed)).expect("small");
        let ready = self.held.len().saturating_sub(keep);
        self.file.write(&self.held[..ready])?;
        self.held.drain(..ready);
        if let Some(told) = &*self.faults.on_write.lock().expect("not poisoned") {
            told(self.file.position());
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.file.finish()
    }
}

/// Zeros without end.
struct Endless;

impl ReadFile for Endless {
    fn size(&self) -> Result<u64> {
        Ok(1 << 40)
    }

    fn read_at(&mut self, buffer: &mut [u8], _offset: u64) -> Result<usize> {
        buffer.fill(0);
        Ok(buffer.len())
    }
}
