//! The process `fxpd`, and what the kernel says about it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fxp_net::tls::trust::{Fingerprint, Trust};
use fxp_server::config::password::{Cost, Password};
use fxp_store::Secret;
use fxp_testkit::certificate::Authority;
use serde_json::Value;
use tempfile::TempDir;

use crate::fxp::program;

/// The user of the server.
pub(crate) const USER: &str = "alice";
/// Her password.
pub(crate) const PASSWORD: &str = "open sesame";

/// A running server; killed when dropped.
pub(crate) struct Process {
    /// Where TLS begins at AUTH TLS.
    pub(crate) explicit: SocketAddr,
    /// Where it begins at once.
    pub(crate) implicit: SocketAddr,
    /// What a client needs to trust it.
    pub(crate) trust: Trust,
    child: Child,
    folder: TempDir,
}

/// What it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holds {
    /// Resident memory, in KiB.
    pub(crate) memory: u64,
    /// Open files.
    pub(crate) descriptors: usize,
}

impl Process {
    /// Starts it. Its ceilings are out of the way, its patience is short, and a password check costs next to nothing:
    /// the sessions are many.
    pub(crate) fn start() -> Self {
        let folder = TempDir::with_prefix("fxp-soak-").expect("a folder");
        for home in ["home/d1/d2", "guests"] {
            std::fs::create_dir_all(folder.path().join(home)).expect("a home");
        }
        std::fs::write(folder.path().join("guests/free"), vec![1; 5000]).expect("a file for guests");
        let authority = Authority::new().expect("an authority");
        let identity = authority.identity([127, 0, 0, 1].into()).expect("an identity");
        let files = authority.write(&identity, folder.path()).expect("its files");
        let fingerprint: Fingerprint = identity.fingerprint().parse().expect("a fingerprint");
        let text = CONFIGURATION
            .replace("CERTIFICATE", &files.certificate.display().to_string())
            .replace("KEY", &files.key.display().to_string())
            .replace("USER", USER)
            .replace("HASH", Password::hash(&Secret::new(PASSWORD), Cost::Light).as_phc());
        let configuration = folder.path().join("fxpd.toml");
        std::fs::write(&configuration, text).expect("a configuration");
        let mut child = Command::new(program("fxpd"))
            .args(["--log", "json", "--config"])
            .arg(configuration)
            .stderr(Stdio::piped())
            .spawn()
            .expect("fxpd starts");
        let mut log = BufReader::new(child.stderr.take().expect("its log"));
        let (explicit, implicit) = listening(&mut log);
        let copy = std::fs::File::create(folder.path().join("log")).expect("a log");
        std::thread::spawn(move || std::io::copy(&mut log, &mut &copy));
        let trust = Trust { roots: false, pinned: vec![fingerprint] };
        Process { explicit, implicit, trust, child, folder }
    }

    /// What it holds now.
    pub(crate) fn holds(&mut self) -> Holds {
        assert!(self.child.try_wait().expect("its state").is_none(), "fxpd has ended:\n{}", self.log());
        let process = Path::new("/proc").join(self.child.id().to_string());
        let status = std::fs::read_to_string(process.join("status")).expect("its status");
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("resident memory");
        let memory = memory.trim().trim_end_matches(" kB").parse().expect("a number");
        let descriptors = std::fs::read_dir(process.join("fd")).expect("its descriptors").count();
        Holds { memory, descriptors }
    }

    /// What it holds when nobody is there: the fewest descriptors of a second.
    pub(crate) fn holds_at_least(&mut self) -> Holds {
        let moments = (0..20).map(|_| {
            std::thread::sleep(Duration::from_millis(50));
            self.holds()
        });
        moments.min_by_key(|holds| holds.descriptors).expect("there are twenty")
    }

    /// What it holds once it has noticed that nobody is there any more; descriptors above `as_many` are
    /// waited for.
    pub(crate) fn holds_at_rest(&mut self, as_many: usize) -> Holds {
        let deadline = Instant::now() + LONGEST_REST;
        loop {
            let holds = self.holds();
            if holds.descriptors <= as_many || Instant::now() > deadline {
                return holds;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What it holds once the threads that served have ended for want of work: each keeps its stack, and what the
    /// allocator has set aside for it.
    pub(crate) fn holds_alone(&mut self) -> Holds {
        std::thread::sleep(THREADS_STAY);
        self.holds()
    }

    /// What it said that a server that is well does not say.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where it listens for TLS at `AUTH TLS`, and where for TLS at once. Each listener is a task of its own, so that
/// either may be told of first.
fn listening(log: &mut impl BufRead) -> (SocketAddr, SocketAddr) {
    let (mut explicit, mut implicit) = (None, None);
    let mut line = String::new();
    while log.read_line(&mut line).expect("its log") > 0 {
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        if told["message"] == "listening" {
            let address = told["address"].as_str().and_then(|address| address.parse().ok());
            let door = if told["implicit_tls"] == true { &mut implicit } else { &mut explicit };
            *door = Some(address.unwrap_or_else(|| panic!("no address in {line}")));
        }
        if let (Some(explicit), Some(implicit)) = (explicit, implicit) {
            return (explicit, implicit);
        }
        line.clear();
    }
    panic!("fxpd does not listen");
}

/// tokio ends a thread for blocking work that had none for ten seconds.
const THREADS_STAY: Duration = Duration::from_secs(15);

/// The server's own waits end long before.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// The log holds starts of listeners, and errors.
const CONFIGURATION: &str = r#"
listen = ["127.0.0.1:0", { address = "127.0.0.1:0", tls = "implicit" }]
passive_ports = "32768-65535"

[tls]
certificate = "CERTIFICATE"
key = "KEY"

[[user]]
name = "USER"
password = "HASH"
home = "home"

[anonymous]
home = "guests"

[limits]
sessions = 2000
sessions_per_address = 2000
sessions_per_user = 2000
ban_after = 0
ban_time = 1
login_timeout = 3
idle_timeout = 3
transfer_idle = 2
data_timeout = 1
foreign_timeout = 1
foreign_failures = 1000000

[log]
level = "error,fxp_server::server=info"
"#;
