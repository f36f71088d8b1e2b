//! A network namespace of our own: loopback only, CUBIC.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

const MARK: &str = "FXP_BENCH_INSIDE";

/// Whether this process runs in the namespace already.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Runs this program again, inside a new namespace, and becomes it.
pub(crate) fn run_myself_inside() -> Result<()> {
    let script =
        "ip link set lo up && echo cubic > /proc/sys/net/ipv4/tcp_congestion_control && exec \"$0\" \"$@\"";
    let error = Command::new("unshare")
        .args(["--net", "sh", "-c", script])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(MARK, "1")
        .exec();
    Err(error).context("unshare (util-linux) and root are needed")
}
