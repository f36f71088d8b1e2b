//! The clients that are libraries, Python's ftplib and basic-ftp from npm: each has a script that does the chores.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use fxp_testkit::daemon::folder;
use fxp_testkit::demand::Missing;

use super::LIMIT;
use super::access::Reached;

pub(super) fn ftplib_available() -> Result<(), Missing> {
    installed(&python())
}

pub(super) fn ftplib(server: &Reached, here: &Path) -> Output {
    run(&python(), "with_ftplib.py", server, here)
}

pub(super) fn basic_ftp_available() -> Result<(), Missing> {
    installed(&modules().join("node_modules/basic-ftp/package.json"))
}

pub(super) fn basic_ftp(server: &Reached, here: &Path) -> Output {
    run(Path::new("node"), "with_basic_ftp.mjs", server, here)
}

fn python() -> PathBuf {
    folder().join("python/bin/python")
}

fn modules() -> PathBuf {
    folder().join("node")
}

fn installed(file: &Path) -> Result<(), Missing> {
    match file.exists() {
        true => Ok(()),
        false => {
            let file = file.display();
            Err(Missing(format!("{file} is not there; `tools/daemons/install` puts it there")))
        }
    }
}

fn run(program: &Path, script: &str, server: &Reached, here: &Path) -> Output {
    let mut asked = server.to_json();
    asked["here"] = here.to_str().expect("a path in UTF-8").into();
    // Where node begins to look for the module.
    asked["modules"] = modules().join("here").to_str().expect("a path in UTF-8").into();
    Command::new("timeout")
        .arg(LIMIT.as_secs().to_string())
        .arg(program)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/clients").join(script))
        .arg(asked.to_string())
        .stdin(Stdio::null())
        .output()
        .expect("the script runs")
}
