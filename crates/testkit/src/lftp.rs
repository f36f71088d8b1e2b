//! lftp, the client everybody compares with.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::demand::Missing;

/// Settings that every script of ours begins with: no waiting between attempts, no STAT during a
/// transfer (it makes lftp give up against servers that answer 500), no certificate checks, and no
/// silent fall back to a copy through the client.
pub const SETTINGS: &str = "set net:max-retries 1; set net:timeout 10; set net:reconnect-interval-base 1; \
     set ssl:verify-certificate no; set ftp:use-stat no; set ftp:fxp-force yes; set xfer:clobber yes; \
     set xfer:log no; set cmd:fail-exit yes; ";

/// Whether lftp is here.
///
/// # Errors
///
/// If it is not.
pub fn available() -> Result<(), Missing> {
    Command::new("lftp")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map(drop)
        .map_err(|_| Missing("lftp is not installed".into()))
}

/// Runs a script after [`SETTINGS`]; it is killed after `limit`.
///
/// # Errors
///
/// If lftp cannot be run.
pub fn run(script: &str, limit: Duration) -> Result<Output> {
    command(script, limit).output().context("lftp")
}

/// The command that [`run`] runs.
pub fn command(script: &str, limit: Duration) -> Command {
    let mut command = Command::new("timeout");
    command
        .arg(limit.as_secs().to_string())
        .args(["lftp", "--norc", "-c"])
        .arg(format!("{SETTINGS}{script}"))
        // lftp keeps bookmarks, history and learned facts in the home directory.
        .env("HOME", std::env::temp_dir().join("fxp-no-home"))
        .stdin(Stdio::null());
    command
}
