//! What is measured, in order: the titles of all tables, and how each is made.

use anyhow::Result;
use fxp_testkit::data;

use crate::Args;
use crate::gridftp;
use crate::scenario::curl::{self, Direction};
use crate::scenario::far::{self, Breadth};
use crate::scenario::{Load, Rounds, Scenario, copy, record};
use crate::server::{Ground, Protection};
use crate::table::Table;
use crate::tree::Tree;

/// A table that may be made.
struct Item<'a> {
    title: String,
    make: Make<'a>,
}

/// Starts the servers of a table, whose title it is given.
type Make<'a> = Box<dyn Fn(&str) -> Result<Scenario> + 'a>;

/// All tables that were asked for, one after another: the servers of one are gone before the next begins.
pub(crate) fn measure(args: &Args, rounds: Rounds, ground: &Ground<'_>) -> Result<Vec<Table>> {
    let mut tables = Vec::new();
    for item in near(args, ground).into_iter().chain(across(ground)) {
        if args.only.is_empty() || args.only.iter().any(|only| item.title.contains(only.as_str())) {
            let mut scenario = (item.make)(&item.title)?;
            if !args.who.is_empty() {
                scenario.contenders.retain(|one| args.who.iter().any(|who| one.name.contains(who.as_str())));
            }
            let table = scenario.measure(rounds)?;
            // All of it takes hours, and may end early.
            eprintln!("{table}");
            tables.push(table);
        }
    }
    Ok(tables)
}

/// On this machine: what bytes and files cost.
fn near<'a>(args: &'a Args, ground: &'a Ground<'_>) -> Vec<Item<'a>> {
    let mut items: Vec<Item<'a>> = Vec::new();
    let mut add = |title: String, make: Make<'a>| {
        items.push(Item { title, make });
    };
    for protection in Protection::BOTH {
        let name = protection.name();
        add(
            format!("FXP of one large file, {name}"),
            Box::new(move |title| {
                copy::large(title, &Load::new(ground, "large", args.size)?, protection, ground)
            }),
        );
        // Inside TLS lftp needs half a second for each file, and 500 of them longer than all the rest.
        if protection == Protection::Clear {
            add(
                format!("FXP of many small files, {name}"),
                Box::new(move |title| {
                    let tree = ground.base.join("tree");
                    for number in 0..args.files {
                        data::write(&tree.join(format!("file-{number:04}")), SMALL, number)?;
                    }
                    copy::small(title, &tree, args.files, protection, ground)
                }),
            );
        }
        add(
            format!("Time to the first byte of an FXP, {name}"),
            Box::new(move |title| copy::first_byte(title, &Load::new(ground, "one", 1)?, protection, ground)),
        );
    }
    for direction in [Direction::Download, Direction::Upload] {
        for protection in Protection::BOTH {
            add(
                format!("{} with curl, {}", direction.verb(), protection.name()),
                Box::new(move |title| {
                    let load = Load::new(ground, "single", args.curl_size)?;
                    curl::scenario(title, &load, direction, protection, ground)
                }),
            );
        }
    }
    items
}

/// Bytes of a small file.
const SMALL: u64 = 4096;

/// A tree of the tables across a network.
struct Kind {
    what: &'static str,
    files: u64,
    /// Bytes of the n-th file.
    size: fn(u64) -> u64,
    breadth: Breadth,
}

const KINDS: [Kind; 4] = [
    Kind { what: "1000 files of 4 KiB", files: 1000, size: |_| SMALL, breadth: Breadth::Full },
    Kind { what: "10000 files of 4 KiB", files: 10_000, size: |_| SMALL, breadth: Breadth::Best },
    Kind { what: "200 files of 1 MiB", files: 200, size: |_| 1 << 20, breadth: Breadth::Best },
    Kind { what: "a mixed tree of 5000 files", files: 5000, size: mixed, breadth: Breadth::Best },
];

/// Most are small, some of a hundred kilobytes, and a few hold a third of all bytes. None is empty: lftp leaves empty files
/// out between vsftpd and between ProFTPD, and would have nothing to show.
fn mixed(number: u64) -> u64 {
    match number % 1000 {
        0 => 8 << 20,
        1..=20 => 512 << 10,
        21..=200 => 64 << 10,
        201..=210 => 1,
        rest => rest * 8,
    }
}

/// Across a network: what round trips cost.
fn across<'a>(ground: &'a Ground<'_>) -> Vec<Item<'a>> {
    let mut items: Vec<Item<'a>> = Vec::new();
    for kind in &KINDS {
        for pair in far::PAIRS {
            items.push(Item {
                title: format!("Across a network, {}, {pair}", kind.what),
                make: Box::new(move |title| {
                    far::scenario(title, &kind.tree(ground)?, pair, kind.breadth, ground)
                }),
            });
        }
        if gridftp::is_available() {
            items.push(Item {
                title: format!(
                    "Across a network, {}, globus-gridftp-server > globus-gridftp-server, plain",
                    kind.what
                ),
                make: Box::new(move |title| record::scenario(title, &kind.tree(ground)?, ground)),
            });
        }
    }
    items
}

impl Kind {
    fn tree(&self, ground: &Ground<'_>) -> Result<Tree> {
        Tree::new(ground.base.join(self.what.replace(' ', "-")), self.files, self.size)
    }
}
