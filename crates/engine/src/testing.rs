//! For unit tests: sides whose files are in memory.

use std::sync::Arc;

use fxp_proto::pair::leg::Leg;
use fxp_store::memory::Memory;

use crate::run::Stop;
use crate::side::{LocalFiles, Side};

/// A source and a destination on one machine that holds these files.
pub(crate) fn one_machine(files: &[(&str, &str)]) -> (Side, Side) {
    let storage = Arc::new(Memory::new());
    for (path, text) in files {
        let above: Vec<usize> = path.match_indices('/').map(|(at, _)| at).skip(1).collect();
        for at in above {
            let directory = fxp_proto::path::VPath::parse(&path.as_bytes()[..at]).expect("a path");
            let _ = fxp_store::storage::Storage::make_directory(&*storage, &directory);
        }
        storage.put(path, text.as_bytes()).expect("written");
    }
    let side = |leg| Side::Local(LocalFiles { storage: storage.clone(), leg });
    (side(Leg::Source), side(Leg::Destination))
}

/// Nobody stops the run.
pub(crate) fn go_on() -> Stop {
    tokio::sync::watch::channel(false).1
}
