//! Pure-FTPD 1.0.50.

use std::io::Write;
use std::process::{Command, Stdio};

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
        .arg("-4")
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
    process::start(command, place.folder, place.address)
}

/// Pure-FTPD's own database of virtual users.
fn password_database(place: &Place<'_>, database: &std::path::Path) -> Result<()> {
    let nobody = NOBODY.to_string();
    let text = place.folder.join("users.txt");
    let mut child = Command::new(super::folder().join("usr/bin/pure-pw"))
        .args(["useradd", USER, "-u", &nobody, "-g", &nobody, "-m"])
        .arg("-d")
        .arg(place.root)
        .arg("-f")
        .arg(&text)
        .arg("-F")
        .arg(database)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("pure-pw")?;
    writeln!(child.stdin.take().expect("stdin is piped"), "{PASSWORD}\n{PASSWORD}")?;
    let status = child.wait()?;
    ensure!(status.success(), "pure-pw useradd ended with {status}");
    Ok(())
}
