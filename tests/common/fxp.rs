//! The program `fxp`, run as a person would run it, with books of its own.
#![allow(dead_code, reason = "each test program uses its part")]

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use fxp_testkit::daemon::{Daemon, PASSWORD};
use tempfile::TempDir;

use crate::lab::Lab;

/// Where books are kept for one test.
pub(crate) struct Fxp {
    home: TempDir,
}

/// What came of a run; failing tests print all of it.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The objects of `--json`.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Fxp {
    /// A client that trusts the certificates of `daemons`.
    pub(crate) fn new(daemons: &[&Daemon]) -> Fxp {
        let fxp = Fxp { home: TempDir::with_prefix("fxp-client-").expect("a folder") };
        for daemon in daemons {
            fxp.trust(&daemon.address.to_string(), &daemon.fingerprint);
        }
        fxp
    }

    /// The person's home directory.
    pub(crate) fn home(&self) -> &std::path::Path {
        self.home.path()
    }

    /// From now on it trusts the certificate of `server`.
    pub(crate) fn trust(&self, server: &str, fingerprint: &str) {
        let ran = self.run(["trust", "add", server, fingerprint]);
        assert_eq!(ran.code, 0, "{ran:?}");
    }

    /// The book of what is known of servers, as it stands in its file.
    pub(crate) fn known(&self) -> String {
        std::fs::read_to_string(self.home.path().join("known.toml")).expect("the book")
    }

    /// Runs `fxp` with `arguments`, at most a minute.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        self.dress(Command::new("timeout"))
            .args(["--kill-after=5", "60"])
            .arg(program("fxp"))
            .args(arguments)
            .output()
            .expect("fxp runs")
            .into()
    }

    /// The program, not yet started and without a limit of time.
    pub(crate) fn command(&self) -> Command {
        self.dress(Command::new(program("fxp")))
    }

    /// The same on a host of a lab.
    pub(crate) fn command_on(&self, lab: &Lab, host: &str) -> Command {
        self.dress(lab.on(host, program("fxp")))
    }

    fn dress(&self, mut command: Command) -> Command {
        command
            .env("HOME", self.home.path())
            .env("FXP_SITES", self.home.path().join("sites.toml"))
            .env("FXP_KNOWN", self.home.path().join("known.toml"))
            .env("FXP_PASSWORD", PASSWORD)
            .stdin(Stdio::null());
        command
    }
}

/// `fxp` or `fxpd`, built from this very tree.
pub(crate) fn program(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let status =
            Command::new(env!("CARGO")).args(["build", "--quiet", "-p", "fxp", "-p", "fxpd"]).status();
        assert!(status.is_ok_and(|status| status.success()), "fxp and fxpd do not build");
        // The test program lies in target/debug/deps.
        let this = std::env::current_exe().expect("a path");
        this.ancestors().nth(2).expect("target/debug").to_path_buf()
    });
    folder.join(name)
}
