//! A storage whose threads stand still until a test lets them go on: slow disks, without waiting for one.

use std::sync::{Arc, Condvar, Mutex};

use fxp_store::VPath;
use fxp_store::layer::Layer;
use fxp_store::memory::Memory;
use fxp_store::storage::{Create, Result, Storage, WriteFile};

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

impl Layer for Slow {
    fn below(&self) -> &dyn Storage {
        &self.files
    }

    fn create(&self, path: &VPath, how: Create) -> Result<Box<dyn WriteFile>> {
        let visit = self.gate.enter();
        Ok(Box::new(SlowFile { file: self.files.create(path, how)?, visit }))
    }
}
