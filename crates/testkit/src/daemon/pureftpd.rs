//! Pure-FTPD 1.0.50.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::process::{self, NOBODY, Process};
use super::{PASSWORD, Place, USER};

pub(super) fn start(place: &Place<'_>) -> Result<Process> {
    process::adopt(place.root, NOBODY)?;
    let daemons = super::folder();
    let database = place.folder.join("users.pdb");
    password_database(place, &database)?;

    let mut command = Command::new(daemons.join("usr/sbin/pure-ftpd"));
    command
        .arg(if place.address.is_ipv6() { "-6" } else { "-4" })
        .args(["-S", &format!("{},{}", place.address.ip(), place.address.port())])
        .args(["-l", &format!("puredb:{}", database.display())])
        .args(["-p", &format!("{}:{}", place.passive.0, place.passive.1)])
        .args(["-c", "60", "-C", "60", "-u", "1", "-A", "-E", "-H"])
        .args(["-g", &place.folder.join("pid").display().to_string()])
        .args(["-f", "none"]);
    if place.setup.fxp {
        command.arg("-w");
    }
    if place.setup.tls {
        command.args(["-Y", "1", "-2", &place.identity.both.display().to_string()]);
    }
    command.args(place.more);
    process::start(command, place)
}

/// Pure-FTPD's own database of virtual users. It is made from a file of our own: `pure-pw useradd` would
/// choose a hash that takes a second of processor time for every login, and a benchmark would count it.
fn password_database(place: &Place<'_>, database: &Path) -> Result<()> {
    let text = place.folder.join("users.txt");
    let hash = process::crypt(PASSWORD)?;
    // The component `.` is where the user is locked in.
    let home = place.root.join("./");
    let line = format!("{USER}:{hash}:{NOBODY}:{NOBODY}::{}::::::::::::\n", home.display());
    std::fs::write(&text, line)?;
    let mut command = Command::new(super::folder().join("usr/bin/pure-pw"));
    let status = command.arg("mkdb").arg(database).arg("-f").arg(&text).status().context("pure-pw")?;
    ensure!(status.success(), "pure-pw mkdb ended with {status}");
    Ok(())
}
