//! fxp and fxpd beside the programs people use today, in one run, in turn, with ratios.
//!
//! ```sh
//! bench/run                          # everything, into bench/RESULTS.md; some ten minutes
//! bench/run --only 'FXP of one'      # the tables whose title contains this, to stdout
//! ```
//!
//! Runs in a network namespace of its own with CUBIC or Reno (a host's default may pace on loopback), on tmpfs,
//! with random data; the first round warms the memory and does not count; what arrived is compared outside the
//! timed part. Servers sit on addresses of their own, never on the client's.
#![forbid(unsafe_code)]

mod contender;
mod ledger;
mod namespace;
mod ours;
mod results;
mod scenario;
mod server;
mod table;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use fxp_testkit::certificate::Authority;

use scenario::curl::{self, Direction};
use scenario::{Load, Scenario, copy};
use server::{Ground, Protection};
use table::Table;

/// Compares fxp and fxpd with lftp, curl and the servers people run.
#[derive(Debug, Parser)]
struct Args {
    /// Size of the file that goes from server to server, in MiB
    #[arg(long, default_value_t = 2048)]
    size: u64,
    /// Size of the file that curl moves, in MiB
    #[arg(long, default_value_t = 1024)]
    curl_size: u64,
    /// Number of small files
    #[arg(long, default_value_t = 500)]
    files: u64,
    /// Counted rounds; one more warms up
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    rounds: u64,
    /// A folder on tmpfs with room for three large files
    #[arg(long, default_value = "/dev/shm")]
    base: PathBuf,
    /// Only tables whose title contains this; may be given several times
    #[arg(long)]
    only: Vec<String>,
    /// Write the page to this file too
    #[arg(long)]
    write: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if !namespace::is_inside() {
        ours::build()?;
        return namespace::run_myself_inside();
    }
    let base = tempfile::TempDir::with_prefix_in("fxp-bench-", &args.base).context("a folder on tmpfs")?;
    std::fs::set_permissions(base.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let authority = Authority::new()?;
    let ground = Ground { authority: &authority, base: base.path() };
    let tables = measure(&args, &ground)?;
    let page = results::page(&tables, args.rounds)?;
    println!("{page}");
    for table in &tables {
        eprintln!("{}", table.verdict());
    }
    if let Some(path) = &args.write {
        results::write(path, &page).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// All tables that were asked for, one after another: the servers of one are gone before the next begins.
fn measure(args: &Args, ground: &Ground<'_>) -> Result<Vec<Table>> {
    let large = Load::new(ground, "large", args.size)?;
    let single = Load::new(ground, "single", args.curl_size)?;
    let one = Load::new(ground, "one", 1)?;
    let tree = ground.base.join("tree");
    for number in 0..args.files {
        fxp_testkit::data::write(&tree.join(format!("file-{number:04}")), 4096, number)?;
    }
    let mut makers: Vec<Box<dyn Fn() -> Result<Scenario> + '_>> = Vec::new();
    for protection in Protection::BOTH {
        let (large, tree, one) = (&large, &tree, &one);
        makers.push(Box::new(move || copy::large(large, protection, ground)));
        // Inside TLS lftp needs half a second for each file, and 500 of them longer than all the rest.
        if protection == Protection::Clear {
            makers.push(Box::new(move || copy::small(tree, args.files, protection, ground)));
        }
        makers.push(Box::new(move || copy::first_byte(one, protection, ground)));
    }
    for direction in [Direction::Download, Direction::Upload] {
        for protection in Protection::BOTH {
            let single = &single;
            makers.push(Box::new(move || curl::scenario(single, direction, protection, ground)));
        }
    }
    let mut tables = Vec::new();
    for make in makers {
        let scenario = make()?;
        if args.only.is_empty() || args.only.iter().any(|only| scenario.title.contains(only.as_str())) {
            tables.push(scenario.measure(args.rounds)?);
        }
    }
    Ok(tables)
}
