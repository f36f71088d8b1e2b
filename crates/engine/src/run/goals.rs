//! Where the destinations of a run are, once that is known: files are told of by their places beneath them.

use std::sync::Mutex;

use fxp_proto::listing::time::FtpTime;
use fxp_proto::path::VPath;

use crate::report::Placed;

/// The destinations, which take turns in the numbers of the pairs.
#[derive(Debug)]
pub(crate) struct Goals(Mutex<Vec<Option<Goal>>>);

#[derive(Clone, Debug)]
struct Goal {
    path: VPath,
    /// Where there are several.
    name: Option<String>,
}

impl Goals {
    /// The only destination.
    pub(crate) fn single(path: VPath) -> Self {
        Goals(Mutex::new(vec![Some(Goal { path, name: None })]))
    }

    /// So many destinations, none of which is found yet.
    pub(crate) fn several(count: usize) -> Self {
        Goals(Mutex::new(vec![None; count]))
    }

    /// One of several destinations is found.
    pub(crate) fn found(&self, at: usize, path: VPath, name: String) {
        self.0.lock().expect("no holder of the lock panics")[at] = Some(Goal { path, name: Some(name) });
    }

    /// Where a file stands that came, or would have come, by the pair of that number.
    pub(crate) fn placed(&self, pair: usize, at: &VPath, modified: Option<FtpTime>) -> Option<Placed> {
        let goals = self.0.lock().expect("no holder of the lock panics");
        let Goal { path, name } = goals[pair % goals.len()].as_ref()?;
        Some(Placed { destination: name.clone(), ..Placed::new(path, at, modified) })
    }
}
