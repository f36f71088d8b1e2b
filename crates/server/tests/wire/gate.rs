//! Threads of the server that stand still until a test lets them go on: slow disks, without waiting for one.

use std::sync::{Arc, Condvar, Mutex};

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

    pub(crate) fn inside(&self) -> usize {
        self.state.lock().unwrap().inside
    }

    /// How many were inside together.
    pub(crate) fn most(&self) -> usize {
        self.state.lock().unwrap().most
    }

    /// Until `count` threads are inside.
    pub(crate) async fn holds(&self, count: usize) {
        let full = async {
            while self.inside() != count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, full).await.expect("threads at the gate in time");
    }
}

impl Visit {
    /// Stands still until the gate is open.
    pub(crate) fn wait(&self) {
        let state = self.0.state.lock().unwrap();
        drop(self.0.opened.wait_timeout_while(state, PATIENCE, |state| !state.open).unwrap());
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().inside -= 1;
    }
}
