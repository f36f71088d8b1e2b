//! Across a network: the client far away on a thin line, and counters on every line that do not belong
//! to the programs they judge.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{PASSWORD, USER};
use fxp_testkit::data;
use fxp_testkit::demand::{Missing, demand};
use tempfile::TempDir;

/// What netlab answers where it cannot run (no root, no TUN device, no C compiler).
const CANNOT_RUN: i32 = 77;
/// Large enough that a copy through the client could not hide in the control connections' bytes.
const SIZE: u64 = 8 * 1024 * 1024;
/// The most that two control connections may need for one file over TLS, both ways, handshakes included.
const CONTROL_CEILING: u64 = 64 * 1024;

/// A network of three hosts that goes when dropped.
pub(crate) struct Lab {
    name: String,
}

impl Lab {
    pub(crate) fn up(settings: &[&str]) -> Result<Lab, Missing> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let lab = Lab { name: format!("fxp_interop_{}_{number}", std::process::id()) };
        let output = lab.netlab(["up"].iter().chain(settings).copied()).output().expect("netlab runs");
        match output.status.code() {
            Some(0) => Ok(lab),
            Some(CANNOT_RUN) => Err(Missing(format!("netlab: {}", String::from_utf8_lossy(&output.stderr)))),
            _ => panic!("netlab up: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    pub(crate) fn netlab<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/netlab/netlab");
        let mut command = Command::new(program);
        command.args(arguments).env("NETLAB_NAME", &self.name).stdin(Stdio::null());
        command
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

/// `fxpd` on a host of the lab.
pub(crate) struct Server {
    folder: TempDir,
    pub(crate) fingerprint: String,
    child: Child,
}

impl Server {
    pub(crate) fn start(lab: &Lab, host: &str, ip: &str, authority: &Authority) -> Server {
        let folder = TempDir::with_prefix("fxp-netlab-").expect("a folder");
        let root = folder.path().join("root");
        std::fs::create_dir(&root).expect("a root");
        let identity = authority.identity(ip.parse().expect("an address")).expect("an identity");
        let files = authority.write(&identity, folder.path()).expect("its files");
        let hash = Command::new("sh")
            .args(["-c", "printf '%s\\n' \"$1\" | \"$0\" passwd"])
            .arg(program("fxpd"))
            .arg(PASSWORD)
            .output()
            .expect("fxpd passwd");
        let text = format!(
            "listen = [\"{ip}:21\"]\n[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n\
             [[user]]\nname = \"{USER}\"\npassword = \"{}\"\nhome = \"{}\"\n\
             [[fxp.rule]]\naction = \"allow\"\npeer = [\"10.77.0.0/24\"]\ntls = \"required\"\n",
            files.certificate.display(),
            files.key.display(),
            String::from_utf8_lossy(&hash.stdout).trim(),
            root.display(),
        );
        let config = folder.path().join("fxpd.toml");
        std::fs::write(&config, text).expect("a configuration");
        let log = std::fs::File::create(folder.path().join("fxpd.log")).expect("a log");
        let child = lab
            .netlab([OsStr::new("exec"), OsStr::new(host), OsStr::new("--")])
            .arg(program("fxpd"))
            .arg("--config")
            .arg(&config)
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("fxpd starts");
        Server { folder, fingerprint: identity.fingerprint(), child }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("root").join(name)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("fxpd.log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn program(name: &str) -> PathBuf {
    crate::fxp::program().with_file_name(name)
}

/// `fxp` on the client's host, with books in `books`.
pub(crate) fn command(lab: &Lab, books: &Path, arguments: &[&str]) -> Command {
    let mut command = lab.netlab(["exec", "client", "--"]);
    command
        .arg(program("fxp"))
        .args(arguments)
        .env("HOME", books)
        .env("FXP_SITES", books.join("sites.toml"))
        .env("FXP_KNOWN", books.join("known.toml"))
        .env("FXP_PASSWORD", PASSWORD);
    command
}

/// Runs `fxp` on the client's host until it succeeds or `limit` is over: the servers may still be starting.
pub(crate) fn fxp(lab: &Lab, books: &Path, arguments: &[&str], limit: Duration) -> Result<(), String> {
    let deadline = Instant::now() + limit;
    loop {
        let output = command(lab, books, arguments).output().expect("fxp runs");
        if output.status.success() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn no_byte_of_the_file_crosses_the_clients_line() {
    let test = "netlab";
    let Some(lab) = demand(test, Lab::up(&["--rtt", "client-a=20ms,client-b=20ms,a-b=2ms"])) else { return };
    let authority = Authority::new().expect("an authority");
    let source = Server::start(&lab, "a", "10.77.0.2", &authority);
    let destination = Server::start(&lab, "b", "10.77.0.3", &authority);
    let books = TempDir::new().expect("a folder");
    for (ip, server) in [("10.77.0.2", &source), ("10.77.0.3", &destination)] {
        fxp(&lab, books.path(), &["trust", "add", ip, &server.fingerprint], Duration::ZERO).expect("trust");
        let url = format!("ftpes://{USER}@{ip}/");
        let up = fxp(&lab, books.path(), &["ls", &url], Duration::from_secs(20));
        up.unwrap_or_else(|error| panic!("{error}\n{}", server.log()));
    }
    data::write(&source.file("file"), SIZE, 3).expect("a file");
    assert!(lab.netlab(["stats", "--reset"]).output().expect("netlab stats").status.success());

    let (from, to) = (format!("ftpes://{USER}@10.77.0.2/file"), format!("ftpes://{USER}@10.77.0.3/copy"));
    fxp(&lab, books.path(), &["cp", &from, &to], Duration::ZERO)
        .unwrap_or_else(|error| panic!("{error}\n{}\n{}", source.log(), destination.log()));

    assert_eq!(
        data::sha256(&source.file("file")).expect("file"),
        data::sha256(&destination.file("copy")).expect("copy")
    );
    let client = lab.payload("client-a") + lab.payload("client-b");
    assert!(client < CONTROL_CEILING, "{client} bytes crossed the client's line");
    let between = lab.payload("a>b");
    assert!(between >= SIZE, "only {between} bytes went from server to server");
}
