//! The program `fxp`, run as a person would run it, with books of its own.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use fxp_testkit::daemon::{Daemon, PASSWORD};
use tempfile::TempDir;

/// Where books are kept for one test.
pub(crate) struct Fxp {
    home: TempDir,
}

/// What came of a run; failing tests print all of it.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    #[allow(dead_code, reason = "read by Debug")]
    pub(crate) stderr: String,
}

impl Ran {
    /// The objects of `--json`.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
    }
}

impl Fxp {
    /// A client that trusts the certificates of `daemons`.
    pub(crate) fn new(daemons: &[&Daemon]) -> Fxp {
        let fxp = Fxp { home: TempDir::with_prefix("fxp-interop-").expect("a folder") };
        for daemon in daemons {
            let ran = fxp.run(["trust", "add", &daemon.address.to_string(), &daemon.fingerprint]);
            assert_eq!(ran.code, 0, "{ran:?}");
        }
        fxp
    }

    /// Runs `fxp` with `arguments`, at most a minute.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        let output = Command::new("timeout")
            .args(["--kill-after=5", "60"])
            .arg(program())
            .args(arguments)
            .env("HOME", self.home.path())
            .env("FXP_SITES", self.home.path().join("sites.toml"))
            .env("FXP_KNOWN", self.home.path().join("known.toml"))
            .env("FXP_PASSWORD", PASSWORD)
            .stdin(Stdio::null())
            .output()
            .expect("fxp runs");
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The program, built from this very tree; `fxpd` lies beside it.
pub(crate) fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let status =
            Command::new(env!("CARGO")).args(["build", "--quiet", "-p", "fxp", "-p", "fxpd"]).status();
        assert!(status.is_ok_and(|status| status.success()), "fxp and fxpd do not build");
        // The test program lies in target/debug/deps.
        let this = std::env::current_exe().expect("a path");
        this.ancestors().nth(2).expect("target/debug").join("fxp")
    })
}
