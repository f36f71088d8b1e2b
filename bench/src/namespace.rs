//! A network namespace of our own: loopback only, and a congestion control that does not pace.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

const MARK: &str = "FXP_BENCH_INSIDE";
const CONTROL: &str = "/proc/sys/net/ipv4/tcp_congestion_control";

/// The congestion control in force.
pub(crate) fn congestion_control() -> String {
    std::fs::read_to_string(CONTROL).map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}

/// Whether this process runs in the namespace already.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Runs this program again, inside a new namespace, with `base` for temporary files, and becomes it.
pub(crate) fn run_myself_inside(base: &Path) -> Result<()> {
    // Some machines allow CUBIC to the first namespace only; without loss Reno is as good.
    let script = format!(
        "ip link set lo up; sh -c 'echo cubic > {CONTROL}' 2> /dev/null || echo reno > {CONTROL}; exec \"$0\" \"$@\""
    );
    let error = Command::new("unshare")
        .args(["--net", "sh", "-c", &script])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(MARK, "1")
        // Daemons on hosts of their own make their folders there.
        .env("TMPDIR", base)
        .exec();
    Err(error).context("unshare (util-linux) and root are needed")
}
