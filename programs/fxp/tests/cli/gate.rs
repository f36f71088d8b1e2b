//! Files that nobody can read until a gate is opened: a copy of one is on its way for as long as a test wants.

use std::sync::{Arc, Condvar, Mutex};

use fxp_proto::listing::entry::Entry;
use fxp_proto::listing::time::FtpTime;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;
use fxp_store::memory::Memory;
use fxp_store::storage::{Create, ReadFile, Result, Storage, WriteFile};

/// The gate; it opens at the end of the test, too.
pub(crate) struct Gate(Arc<Latch>);

/// Files behind the gate.
pub(crate) struct Behind {
    files: Memory,
    latch: Arc<Latch>,
}

#[derive(Default)]
struct Latch {
    open: Mutex<bool>,
    opened: Condvar,
}

/// A closed gate, and `files` behind it.
pub(crate) fn gate(files: Memory) -> (Gate, Arc<Behind>) {
    let latch = Arc::new(Latch::default());
    (Gate(latch.clone()), Arc::new(Behind { files, latch }))
}

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.open.lock().expect("no holder of the lock panics") = true;
        self.0.opened.notify_all();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

/// A file behind the gate.
struct Waiting {
    file: Box<dyn ReadFile>,
    latch: Arc<Latch>,
}

impl ReadFile for Waiting {
    fn size(&self) -> Result<u64> {
        self.file.size()
    }

    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let open = self.latch.open.lock().expect("no holder of the lock panics");
        drop(self.latch.opened.wait_while(open, |open| !*open).expect("no holder of the lock panics"));
        self.file.read_at(buffer, offset)
    }
}

impl Storage for Behind {
    fn open(&self, path: &VPath) -> Result<Box<dyn ReadFile>> {
        Ok(Box::new(Waiting { file: self.files.open(path)?, latch: self.latch.clone() }))
    }

    fn stat(&self, path: &VPath) -> Result<Entry> {
        self.files.stat(path)
    }

    fn list(&self, path: &VPath, visit: &mut dyn FnMut(Entry) -> bool) -> Result<()> {
        self.files.list(path, visit)
    }

    fn create(&self, path: &VPath, how: Create) -> Result<Box<dyn WriteFile>> {
        self.files.create(path, how)
    }

    fn make_directory(&self, path: &VPath) -> Result<()> {
        self.files.make_directory(path)
    }

    fn remove_directory(&self, path: &VPath) -> Result<()> {
        self.files.remove_directory(path)
    }

    fn delete(&self, path: &VPath) -> Result<()> {
        self.files.delete(path)
    }

    fn rename(&self, from: &VPath, to: &VPath) -> Result<()> {
        self.files.rename(from, to)
    }

    fn set_time(&self, path: &VPath, time: FtpTime) -> Result<()> {
        self.files.set_time(path, time)
    }

    fn set_mode(&self, path: &VPath, mode: u32) -> Result<()> {
        self.files.set_mode(path, mode)
    }

    fn symlink(&self, target: &Text, link: &VPath) -> Result<()> {
        self.files.symlink(target, link)
    }

    fn space(&self, path: &VPath) -> Result<u64> {
        self.files.space(path)
    }
}
