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

mod bound;
mod contender;
mod far;
mod gridftp;
#[path = "../../tests/common/lab.rs"]
mod lab;
mod ledger;
mod namespace;
mod ours;
mod programme;
mod results;
mod scenario;
mod server;
mod table;
mod tree;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use fxp_testkit::certificate::Authority;

use scenario::Rounds;
use server::Ground;

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
    /// The same across a network, where a round takes long
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    far_rounds: u64,
    /// A folder on tmpfs with room for three large files
    #[arg(long, default_value = "/dev/shm")]
    base: PathBuf,
    /// Only tables whose title contains this; may be given several times
    #[arg(long)]
    only: Vec<String>,
    /// Only contenders whose name contains this; may be given several times
    #[arg(long)]
    who: Vec<String>,
    /// Write the page to this file too
    #[arg(long)]
    write: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if !namespace::is_inside() {
        ours::build()?;
        return namespace::run_myself_inside(&args.base);
    }
    let base = tempfile::TempDir::with_prefix_in("fxp-bench-", &args.base).context("a folder on tmpfs")?;
    std::fs::set_permissions(base.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let authority = Authority::new()?;
    let ground = Ground { authority: &authority, base: base.path() };
    let rounds = Rounds { near: args.rounds, far: args.far_rounds };
    let tables = programme::measure(&args, rounds, &ground)?;
    let page = results::page(&tables, rounds)?;
    println!("{page}");
    for table in &tables {
        eprintln!("{}", table.verdict());
    }
    if let Some(path) = &args.write {
        results::write(path, &page).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
