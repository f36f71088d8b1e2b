//! A storage whose threads stand still until a test lets them go on: slow disks, without waiting for one.

use std::sync::{Arc, Condvar, Mutex};

use fxp_store::memory::Memory;
use fxp_store::storage::{Create, ReadFile, Result, Storage, WriteFile};
use fxp_store::{Entry, FtpTime, Text, VPath};

use crate::world::PATIENCE;

/// Where threads wait.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Default)]
struct State {
    inside: usize,
    waiting: usize,
    most: usize,
    open: bool,
}

/// A thread inside; it is out when this is dropped.
pub(crate) struct Visit(Arc<Gate>);

impl Gate {
    pub(crate) fn enter(self: &Arc<Self>) -> Visit {
        let mut state = self.state.lock().unwrap();
        state.inside += 1;
        state.most = state.most.max(state.inside);
        Visit(self.clone())
    }

    /// Everybody may go on, from now on.
    pub(crate) fn open(&self) {
        self.state.lock().unwrap().open = true;
        self.opened.notify_all();
    }

    fn waiting(&self) -> usize {
        self.state.lock().unwrap().waiting
    }

    /// How many were inside together.
    pub(crate) fn most(&self) -> usize {
        self.state.lock().unwrap().most
    }

    /// Until `count` threads stand still.
    pub(crate) async fn holds(&self, count: usize) {
        let full = async {
            while self.waiting() != count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, full).await.expect("threads at the gate in time");
    }
}

impl Visit {
    /// Stands still until the gate is open.
    pub(crate) fn wait(&self) {
        let mut state = self.0.state.lock().unwrap();
        state.waiting += 1;
        drop(self.0.opened.wait_timeout_while(state, PATIENCE, |state| !state.open).unwrap());
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().inside -= 1;
    }
}

/// Files that nothing can be written into until the gate is open.
pub(crate) struct Slow {
    pub(crate) files: Memory,
    pub(crate) gate: Arc<Gate>,
}

struct SlowFile {
    file: Box<dyn WriteFile>,
    visit: Visit,
}

impl WriteFile for SlowFile {
    fn position(&self) -> u64 {
        self.file.position()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.visit.wait();
        self.file.write(bytes)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.file.finish()
    }
}

impl Storage for Slow {
    fn create(&self, path: &VPath, how: Create) -> Result<Box<dyn WriteFile>> {
        let visit = self.gate.enter();
        Ok(Box::new(SlowFile { file: self.files.create(path, how)?, visit }))
    }

    fn stat(&self, path: &VPath) -> Result<Entry> {
        self.files.stat(path)
    }

    fn list(&self, path: &VPath, visit: &mut dyn FnMut(Entry) -> bool) -> Result<()> {
        self.files.list(path, visit)
    }

    fn open(&self, path: &VPath) -> Result<Box<dyn ReadFile>> {
        self.files.open(path)
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
