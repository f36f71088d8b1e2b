//! `RESULTS.md`: the machine, the tables, and below a mark what a person wrote about them, which stays.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::namespace;
use crate::scenario::Rounds;
use crate::table::Table;

/// What stands below this line is kept.
const MARK: &str = "<!-- Below: written by hand, kept by bench/run. -->";

/// The page, without what a person adds.
pub(crate) fn page(tables: &[Table], rounds: Rounds) -> Result<String> {
    let mut text = String::from("# Measured side by side\n\n");
    writeln!(
        text,
        "Made by `bench/run`. All contenders of a table ran in turn, {} counted rounds after one that warmed memory \
         and caches ({} across the network, without that one); medians, and the smallest and the largest time. The ratio is the best peer's median divided by this \
         row's: above 1 is faster than every peer. Random data on tmpfs, every server and the client on loopback addresses of \
         their own in a network namespace with TCP {}; every byte is compared outside the timed part. TLS is 1.3. \
         Processor time and memory are those of the control group that a server and all it forks run in (memory: the peak of \
         both ends' proportional set sizes). Machines of this kind are noisy: differences below 20 % mean little.\n",
        rounds.near,
        rounds.far,
        namespace::congestion_control()
    )?;
    writeln!(text, "{}\n", machine())?;
    for table in tables {
        writeln!(text, "{table}")?;
    }
    Ok(text)
}

/// Writes `page` to `path`; what a person wrote below the mark stays.
pub(crate) fn write(path: &Path, page: &str) -> Result<()> {
    let old = std::fs::read_to_string(path).unwrap_or_default();
    let by_hand = old.split_once(MARK).map_or("\n", |(_, below)| below);
    std::fs::write(path, format!("{page}{MARK}{by_hand}"))?;
    Ok(())
}

/// One line about the machine, one about the programs.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = processor.lines().filter(|line| line.starts_with("processor")).count();
    let memory = read("/proc/meminfo");
    let total = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "* Machine: {cores} cores ({}), {} GiB, Linux {}\n* Programs: {}",
        model.map_or("unknown", |(_, name)| name),
        total.unwrap_or(0) >> 20,
        kernel.trim(),
        [version("git", &["log", "-1", "--format=fxp and fxpd at %h, %cs"]), version("lftp", &["--version"])]
            .into_iter()
            .chain([version("curl", &["--version"])])
            .collect::<Vec<_>>()
            .join("; "),
    )
}

/// The beginning of what a program says of itself.
fn version(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let line = said.lines().next().unwrap_or("unknown");
    line.split(['(', '|'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}
