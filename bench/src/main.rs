//! One large file from server to server: fxp and fxpd beside lftp and the daemons people run, in one
//! run, interleaved, with ratios.
//!
//! ```sh
//! tools/daemons/install
//! cargo run --release -p fxp-bench
//! ```
//!
//! Runs in a network namespace of its own with CUBIC or Reno (a host's default may pace on loopback), on
//! tmpfs, with random data; the first round warms the memory and does not count; digests are compared
//! outside the timed part. Servers sit on addresses of their own, never on the client's.
#![forbid(unsafe_code)]

mod contender;
mod namespace;
mod ours;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::Product;

use contender::{Contender, Protection};

/// Compares server-to-server copies of one large file.
#[derive(Debug, Parser)]
struct Args {
    /// Size of the file in MiB
    #[arg(long, default_value_t = 1024)]
    size: u64,
    /// Counted rounds; one more warms up
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// A folder on tmpfs with room for two files
    #[arg(long, default_value = "/dev/shm")]
    base: PathBuf,
    /// Leave out the contenders whose name does not contain this
    #[arg(long)]
    only: Option<String>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if !namespace::is_inside() {
        ours::build()?;
        return namespace::run_myself_inside();
    }
    let authority = Authority::new()?;
    let all = [
        (Protection::Clear, None),
        (Protection::Clear, Some((Product::Pureftpd, Product::Pureftpd))),
        (Protection::Clear, Some((Product::Proftpd, Product::Proftpd))),
        (Protection::Clear, Some((Product::Vsftpd, Product::Vsftpd))),
        (Protection::Tls, None),
        (Protection::Tls, Some((Product::Pureftpd, Product::Proftpd))),
        (Protection::Tls, Some((Product::Proftpd, Product::Proftpd))),
    ];
    let mut contenders = Vec::new();
    for (protection, peers) in all {
        let name = contender::name(protection, peers);
        if args.only.as_ref().is_none_or(|only| name.contains(only.as_str())) {
            let contender = match peers {
                None => Contender::ours(protection, &authority, &args.base),
                Some(products) => Contender::lftp(products, protection, &authority, &args.base),
            };
            contenders.push(contender.with_context(|| name)?);
        }
    }

    let file = args.base.join(format!("fxp-bench-{}", std::process::id()));
    fxp_testkit::data::write(&file, args.size << 20, 7)?;
    let result = run(&args, &file, &mut contenders);
    std::fs::remove_file(&file)?;
    result?;
    print(&args, &contenders);
    Ok(())
}

fn run(args: &Args, file: &Path, contenders: &mut [Contender]) -> Result<()> {
    let digest = fxp_testkit::data::sha256(file)?;
    for round in 0..=args.rounds {
        for contender in &mut *contenders {
            eprintln!("round {round}: {}", contender.name);
            let elapsed = contender.copy(file, &digest)?;
            if round > 0 {
                contender.times.push(elapsed);
            }
        }
    }
    ensure!(contenders.iter().all(|contender| contender.times.len() == args.rounds), "a round is missing");
    Ok(())
}

/// A table with ratios against the best peer of the same protection.
fn print(args: &Args, contenders: &[Contender]) {
    let control = namespace::congestion_control();
    println!(
        "{} MiB, {} rounds, {control}, tmpfs; ratio: best peer's time / this time\n",
        args.size, args.rounds
    );
    println!("| copy | median s | min s | max s | GB/s | ratio to best peer |");
    println!("|---|---|---|---|---|---|");
    for contender in contenders {
        let best = contenders
            .iter()
            .filter(|other| !other.is_ours && other.protection == contender.protection)
            .map(|other| median(&other.times))
            .min();
        let median = median(&contender.times);
        println!(
            "| {} | {:.3} | {:.3} | {:.3} | {:.2} | {} |",
            contender.name,
            median.as_secs_f64(),
            contender.times.iter().min().map_or(0.0, Duration::as_secs_f64),
            contender.times.iter().max().map_or(0.0, Duration::as_secs_f64),
            (args.size << 20) as f64 / 1e9 / median.as_secs_f64(),
            best.map_or("-".to_owned(), |best| format!("{:.2}", best.as_secs_f64() / median.as_secs_f64())),
        );
    }
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
