//! pyftpdlib 2.2.0, from PyPI.

use std::process::Command;

use anyhow::Result;

use super::process::{self, Process};
use super::{PASSWORD, Place, USER};

const SCRIPT: &str = include_str!("pyftpdlib.py");

pub(super) fn start(place: &Place<'_>) -> Result<Process> {
    let script = place.folder.join("server.py");
    std::fs::write(&script, SCRIPT)?;
    let mut command = Command::new(super::folder().join("python/bin/python"));
    command
        .arg(&script)
        .arg(place.address.ip().to_string())
        .arg(place.address.port().to_string())
        .arg(place.passive.0.to_string())
        .arg(place.passive.1.to_string())
        .arg(place.root)
        .args([USER, PASSWORD])
        .arg(if place.setup.fxp { "fxp" } else { "default" })
        .arg(place.more.join("\n"));
    if place.setup.tls {
        command.arg(&place.identity.both);
    }
    process::start(command, place)
}
