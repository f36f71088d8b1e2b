//! The record to look at: globus-url-copy between two of its own servers, which keep their data connections.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{Figures, Scenario};
use crate::contender::{Contender, Work, timed};
use crate::far::{self, Far};
use crate::gridftp::{self, Gridftp};
use crate::ledger::Ledger;
use crate::server::Ground;
use crate::tree::Tree;

/// One table of one row.
pub(crate) fn scenario(title: &str, tree: &Tree, ground: &Ground<'_>) -> Result<Scenario> {
    let lab = Far::up()?;
    let servers = Ledger::open()?;
    let start = |host| -> Result<Gridftp> {
        let server = Gridftp::start(host, ground)?;
        servers.admit(server.process_id())?;
        Ok(server)
    };
    let (source, destination) = (start(&lab.a)?, start(&lab.b)?);
    let client = Ledger::open()?;
    let work = Copy { source, destination, tree: tree.clone(), client: Arc::clone(&client), lab };
    Ok(Scenario {
        title: title.to_owned(),
        about: format!(
            "{}. {} files, {:.0} MB. `globus-url-copy -fast -pp -cc 4` of a directory: extended block mode keeps data \
             connections for many files, which plain FTP servers cannot. In clear, and nothing is compared or renamed.",
            far::ABOUT,
            tree.files,
            tree.bytes as f64 / 1e6
        ),
        ends: ["client", "servers"],
        figures: Figures::Far { files: tree.files, bound: None },
        contenders: vec![Contender {
            name: "globus-url-copy".to_owned(),
            is_ours: false,
            group: title.to_owned(),
            ends: [Arc::clone(&client), servers],
            remembers: vec![client],
            work: Box::new(work),
        }],
    })
}

struct Copy {
    source: Gridftp,
    destination: Gridftp,
    tree: Tree,
    client: Arc<Ledger>,
    // Last, so that it goes last.
    lab: Far,
}

/// The tree's name on both servers.
const NAME: &str = "tree";

impl Work for Copy {
    fn prepare(&self) -> Result<()> {
        self.tree.lay_out(&self.source.root.join(NAME))
    }

    fn run(&self) -> Result<Duration> {
        let command = gridftp::copy(&self.source.url(NAME), &self.destination.url(NAME));
        let command = self.client.counting(&self.lab.on_client(&command));
        let time = timed(command).map(|(time, _)| time);
        time.with_context(|| format!("{}{}", self.source.log(), self.destination.log()))
    }

    fn check(&self) -> Result<()> {
        let (from, to) = (self.source.root.join(NAME), self.destination.root.join(NAME));
        let compared = self.tree.compare(&to);
        std::fs::remove_dir_all(&from)?;
        std::fs::remove_dir_all(&to)?;
        compared
    }

    fn packets(&self) -> Result<u64> {
        self.lab.packets()
    }
}
