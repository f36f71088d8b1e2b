//! Files that nobody can read until a gate is opened: a copy of one is on its way for as long as a test wants.

use std::sync::{Arc, Condvar, Mutex};

use fxp_proto::path::VPath;
use fxp_store::layer::Layer;
use fxp_store::memory::Memory;
use fxp_store::storage::{ReadFile, Result, Storage};

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

impl Layer for Behind {
    fn below(&self) -> &dyn Storage {
        &self.files
    }

    fn open(&self, path: &VPath) -> Result<Box<dyn ReadFile>> {
        Ok(Box::new(Waiting { file: self.files.open(path)?, latch: self.latch.clone() }))
    }
}
