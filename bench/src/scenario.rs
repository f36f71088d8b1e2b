//! What is measured: each scenario is a table of its own in the results.

pub(crate) mod copy;
pub(crate) mod curl;
pub(crate) mod far;
pub(crate) mod record;

use std::path::PathBuf;

use anyhow::Result;

use crate::bound::Bound;
use crate::contender::{self, Contender};
use crate::server::Ground;
use crate::table::Table;

/// A file to be moved, and what it must look like afterwards.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) path: PathBuf,
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) digest: String,
}

impl Load {
    /// A file of `mebibytes` MiB of bytes that do not compress, beneath the base.
    pub(crate) fn new(ground: &Ground<'_>, name: &str, mebibytes: u64) -> Result<Load> {
        let path = ground.base.join(format!("fxp-bench-{name}-{}", std::process::id()));
        let size = mebibytes << 20;
        fxp_testkit::data::write(&path, size, 7)?;
        Ok(Load { digest: fxp_testkit::data::sha256(&path)?, path, size })
    }
}

/// Which figures a table shows beside the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Figures {
    /// Bytes per second and processor time per GiB.
    Bulk {
        /// Bytes per round.
        bytes: u64,
    },
    /// Files per second and processor time per file.
    Files {
        /// Files per round.
        files: u64,
    },
    /// Files per second, and how much of the client's lines a file needs.
    Far {
        /// Files per round.
        files: u64,
        /// Where files are so small that it is the round trips that count.
        bound: Option<Bound>,
    },
    /// Only the time.
    Delay,
}

/// Counted rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    /// On this machine.
    pub(crate) near: u64,
    /// Across a network, where each takes long.
    pub(crate) far: u64,
}

/// What becomes one table.
pub(crate) struct Scenario {
    pub(crate) title: String,
    /// A paragraph of what is done and what is counted.
    pub(crate) about: String,
    /// What the two columns of processor time are headed.
    pub(crate) ends: [&'static str; 2],
    pub(crate) figures: Figures,
    pub(crate) contenders: Vec<Contender>,
}

impl Scenario {
    /// Lets the contenders compete; their servers end with it.
    pub(crate) fn measure(self, rounds: Rounds) -> Result<Table> {
        let Scenario { title, about, ends, figures, contenders } = self;
        // Across a network nothing is warmed by a round that does not count but the patience of who waits.
        let far = matches!(figures, Figures::Far { .. });
        let counted = if far { rounds.far } else { rounds.near };
        let rows = contender::compete(counted, !far, far, contenders)?;
        Ok(Table { title, about, ends, figures, rows })
    }
}
