//! Two servers, and a person who copies a tree from one to the other.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::USER;
use fxp_testkit::port;

use crate::fxp::Fxp;
use crate::server::{Host, Server, Settings};

/// As long as the slowest machine needs for a run.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// `fxpd` on a loopback address of its own. Its log tells of each file in a line of JSON.
pub(crate) fn fxpd(authority: &Authority, top: &str) -> Server {
    let ip = port::loopback();
    let address = SocketAddr::new(ip, port::free(ip).expect("a port"));
    let top = format!("{top}\n[log]\nformat = \"json\"\n");
    Server::start(Host::Here, address, authority, Settings { top: &top, ..Settings::default() })
}

/// A client that knows both.
pub(crate) fn client(servers: [(SocketAddr, &str); 2]) -> Fxp {
    let fxp = Fxp::new(&[]);
    for (address, fingerprint) in servers {
        fxp.trust(&address.to_string(), fingerprint);
    }
    fxp
}

pub(crate) fn url(address: SocketAddr, path: &str) -> String {
    format!("ftp://{USER}@{address}/{path}")
}

/// The paths of the files that an `fxpd` has received whole.
pub(crate) fn received(server: &Server) -> Vec<String> {
    let events = server.log();
    let events = events.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    events
        .filter(|event| event["fields"]["message"] == "received")
        .map(|event| event["fields"]["path"].as_str().expect("a path").to_owned())
        .collect()
}

/// A run of `fxp` that can be killed; what it says goes to a file.
pub(crate) struct Run {
    child: Child,
    said: std::path::PathBuf,
}

impl Run {
    pub(crate) fn start(fxp: &Fxp, arguments: &[&str]) -> Run {
        Run::of(fxp.command(), fxp.home(), arguments)
    }

    pub(crate) fn of(mut command: Command, home: &Path, arguments: &[&str]) -> Run {
        let said = home.join("said.txt");
        let file = File::create(&said).expect("a file");
        let child = command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file"))
            .stderr(file)
            .spawn()
            .expect("fxp starts");
        Run { child, said }
    }

    /// Kills it after `moment`; `false` if it had ended before.
    pub(crate) fn kill_after(mut self, moment: Duration) -> bool {
        let until = Instant::now() + moment;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().expect("its state") {
                assert!(status.success(), "{status}\n{}", self.said());
                return false;
            }
            std::thread::sleep((until - Instant::now().min(until)).min(Duration::from_millis(2)));
        }
        self.child.kill().expect("killed");
        let status = self.child.wait().expect("it ends");
        assert!(status.success() || status.code().is_none(), "{status}\n{}", self.said());
        !status.success()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return (status, self.said());
            }
            assert!(Instant::now() < deadline, "fxp does not end:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end, which has to be a good one.
    pub(crate) fn succeeds(self) {
        let (status, said) = self.wait();
        assert!(status.success(), "{status}\n{said}");
    }

    /// What it has said so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap_or_default()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number of the only job that is not finished.
pub(crate) fn unfinished(fxp: &Fxp) -> Option<String> {
    let ran = fxp.run(["--json", "resume"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let jobs = ran.events();
    assert!(jobs.len() <= 1, "the same command is one job: {jobs:?}");
    jobs.first().map(|job| job["id"].to_string())
}
