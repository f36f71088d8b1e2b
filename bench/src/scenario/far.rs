//! Trees from server to server, with the client far away: where round trips decide.

use std::fmt;
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use fxp_testkit::daemon::Product;
use fxp_testkit::lftp;

use super::{Figures, Scenario};
use crate::bound::{self, Bound};
use crate::contender::{Contender, Work, timed};
use crate::far::{self, Far};
use crate::ledger::Ledger;
use crate::ours::Client;
use crate::server::{Ground, Protection, Server};
use crate::tree::Tree;

/// The longest a copy may take: lftp with one session needs a quarter of a second for each file.
const LIMIT: Duration = Duration::from_secs(3600);

/// Bytes of a file that takes no longer than an empty one.
const SMALL: u64 = 4096;

/// Which pair of servers, both of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) product: Product,
    pub(crate) protection: Protection,
}

/// All of them.
pub(crate) const PAIRS: [Pair; 5] = [
    Pair { product: Product::Vsftpd, protection: Protection::Clear },
    Pair { product: Product::Proftpd, protection: Protection::Clear },
    Pair { product: Product::Pureftpd, protection: Protection::Clear },
    Pair { product: Product::Fxpd, protection: Protection::Clear },
    Pair { product: Product::Fxpd, protection: Protection::Tls },
];

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{0} > {0}, {1}", self.product, self.protection.name())
    }
}

/// How a client is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// As it comes.
    Fxp,
    /// `--lanes 1`
    FxpOneLane,
    Lftp {
        parallel: u32,
        sync: bool,
    },
}

impl Way {
    fn is_ours(self) -> bool {
        matches!(self, Way::Fxp | Way::FxpOneLane)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Fxp => f.write_str("fxp"),
            Way::FxpOneLane => f.write_str("fxp --lanes 1"),
            Way::Lftp { parallel, sync } => {
                write!(f, "lftp x{parallel}, sync-mode {}", if *sync { "on" } else { "off" })
            }
        }
    }
}

/// How thorough a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breadth {
    /// lftp with 1, 4 and 8 sessions, and ours with one lane too.
    Full,
    /// Where one session would need an hour: lftp with eight.
    Best,
}

fn ways(breadth: Breadth) -> Vec<Way> {
    let lftp = |parallel: u32| [true, false].map(|sync| Way::Lftp { parallel, sync });
    match breadth {
        Breadth::Full => {
            let theirs = [1, 4, 8].into_iter().flat_map(lftp);
            [Way::Fxp, Way::FxpOneLane].into_iter().chain(theirs).collect()
        }
        Breadth::Best => [Way::Fxp].into_iter().chain(lftp(8)).collect(),
    }
}

/// One table: one tree between one pair of servers.
pub(crate) fn scenario(
    title: &str,
    tree: &Tree,
    pair: Pair,
    breadth: Breadth,
    ground: &Ground<'_>,
) -> Result<Scenario> {
    let world = Rc::new(World::new(pair, ground)?);
    let mut contenders = Vec::new();
    for way in ways(breadth) {
        let client = Ledger::open()?;
        contenders.push(Contender {
            name: way.to_string(),
            is_ours: way.is_ours(),
            group: title.to_owned(),
            ends: [Arc::clone(&client), Arc::clone(&world.servers)],
            remembers: vec![Arc::clone(&client)],
            work: Box::new(Copy { world: Rc::clone(&world), way, tree: tree.clone(), client }),
        });
    }
    // Of larger files the line takes its time, too.
    let is_small = tree.bytes <= SMALL * tree.files;
    let bound = is_small.then(|| bound::of(pair.product, pair.protection));
    let arithmetic = bound.map_or(String::new(), |Bound { milliseconds, sum }| {
        format!(
            " With the client's round trip r and s between the servers one lane needs at least {milliseconds:.0} ms \
             for a file: {sum}. The share of that is more than one where lanes work side by side."
        )
    });
    Ok(Scenario {
        title: title.to_owned(),
        about: format!(
            "{}. {} files, {:.0} MB. `fxp cp -r` and lftp's `mirror` (`ftp:sync-mode` on and off, `--parallel` as said). \
             fxp stores each file under a temporary name, compares its size, sets its time, and renames it; lftp stores \
             in place. RTT/file is the time of the whole run, logins included, in client round trips per file; packets \
             are those on the client's two lines; memory is the client's.{arithmetic}",
            far::ABOUT,
            tree.files,
            tree.bytes as f64 / 1e6
        ),
        ends: ["client", "servers"],
        figures: Figures::Far { files: tree.files, bound },
        contenders,
    })
}

/// Two servers in a lab.
struct World {
    source: Server,
    destination: Server,
    servers: Arc<Ledger>,
    books: Client,
    protection: Protection,
    // Last, so that it goes last.
    lab: Far,
}

impl World {
    fn new(pair: Pair, ground: &Ground<'_>) -> Result<World> {
        let lab = Far::up()?;
        let servers = Ledger::open()?;
        let start =
            |host| Server::start_in(pair.product, pair.protection, ground, host, Arc::clone(&servers));
        let (source, destination) = (start(&lab.a)?, start(&lab.b)?);
        let books = Client::new(&[&source, &destination], ground)?;
        Ok(World { source, destination, servers, books, protection: pair.protection, lab })
    }
}

/// One client, one tree.
struct Copy {
    world: Rc<World>,
    way: Way,
    tree: Tree,
    client: Arc<Ledger>,
}

/// The tree's name on both servers.
const NAME: &str = "tree";

impl Copy {
    fn command(&self) -> Result<Command> {
        let World { source, destination, books, protection, .. } = &*self.world;
        // With a slash at its end a folder means what is in it.
        let name = format!("{NAME}/");
        let (parallel, sync) = match self.way {
            Way::Fxp => return books.copy(&source.url(&name), &destination.url(&name), *protection, &[]),
            Way::FxpOneLane => {
                return books.copy(
                    &source.url(&name),
                    &destination.url(&name),
                    *protection,
                    &["--lanes", "1"],
                );
            }
            Way::Lftp { parallel, sync } => (parallel, sync),
        };
        let tls = protection.is_tls();
        let (from, to) = (source.url_with_password(&name), destination.url_with_password(&name));
        let script = format!(
            "set net:timeout 60; set net:max-retries 3; set ftp:ssl-allow {tls}; set ftp:ssl-force {tls}; \
             set ftp:ssl-protect-data {tls}; set ftp:ssl-protect-fxp {tls}; set ftp:sync-mode {sync}; \
             mirror --no-perms --parallel={parallel} {from} {to}; bye"
        );
        Ok(lftp::command(&script, LIMIT))
    }
}

impl Work for Copy {
    fn prepare(&self) -> Result<()> {
        // What a run that failed has left.
        for server in [&self.world.source, &self.world.destination] {
            if server.root.join(NAME).exists() {
                std::fs::remove_dir_all(server.root.join(NAME))?;
            }
        }
        self.tree.lay_out(&self.world.source.root.join(NAME))?;
        self.world.source.adopt_files()
    }

    fn run(&self) -> Result<Duration> {
        // Counted first: `ip netns exec` hides the control groups.
        let command = self.client.counting(&self.world.lab.on_client(&self.command()?));
        let time = timed(command).map(|(time, _)| time);
        time.with_context(|| format!("{}{}", self.world.source.log(), self.world.destination.log()))
    }

    fn check(&self) -> Result<()> {
        let (from, to) = (self.world.source.root.join(NAME), self.world.destination.root.join(NAME));
        let compared = self.tree.compare(&to);
        std::fs::remove_dir_all(&from)?;
        if to.exists() {
            std::fs::remove_dir_all(&to)?;
        }
        compared
    }

    fn packets(&self) -> Result<u64> {
        self.world.lab.packets()
    }
}
