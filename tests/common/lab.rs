//! A network of three hosts with latency, counters and cable cutters: `tools/netlab`.
#![allow(dead_code, reason = "each test program uses its part")]

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use fxp_testkit::demand::Missing;

/// What netlab answers where it cannot run (no root, no TUN device, no C compiler).
const CANNOT_RUN: i32 = 77;

/// A network of the hosts `client`, `a` and `b` that goes when dropped.
pub(crate) struct Lab {
    name: String,
}

impl Lab {
    /// Brings one up, with the settings of `netlab up`.
    pub(crate) fn up(settings: &[&str]) -> Result<Lab, Missing> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let lab = Lab { name: format!("fxp_tests_{}_{number}", std::process::id()) };
        let output = lab.netlab(["up"].iter().chain(settings).copied()).output().expect("netlab runs");
        match output.status.code() {
            Some(0) => Ok(lab),
            Some(CANNOT_RUN) => Err(Missing(format!("netlab: {}", String::from_utf8_lossy(&output.stderr)))),
            _ => panic!("netlab up: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// The program with `arguments`, for this lab.
    pub(crate) fn netlab<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/netlab/netlab");
        let mut command = Command::new(program);
        command.args(arguments).env("NETLAB_NAME", &self.name).stdin(Stdio::null());
        command
    }

    /// `program` on `host`, without arguments yet.
    pub(crate) fn on(&self, host: &str, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.netlab(["exec", host, "--"]);
        command.arg(program);
        command
    }

    /// Does to the network what `arguments` say: `cut a-b`, `heal a-b`, `drop-conn a-b`, `set ...`.
    pub(crate) fn change(&self, arguments: &[&str]) {
        let output = self.netlab(arguments).output().expect("netlab runs");
        assert!(output.status.success(), "netlab {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Payload bytes of a pair such as `client-a` (both directions) or `a>b`.
    pub(crate) fn payload(&self, pair: &str) -> u64 {
        let output = self.netlab(["stats", pair, "payload_bytes"]).output().expect("netlab stats");
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.netlab(["down"]).status();
    }
}
