//! The program `fxpd`, on this machine or on a host of a lab; it can be killed as a machine loses its power.
#![allow(dead_code, reason = "each test program uses its part")]

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{PASSWORD, USER, hash_of};
use tempfile::TempDir;

use crate::fxp::program;
use crate::lab::Lab;

/// More of a configuration than the user, a certificate, and a rule that lets the servers of a test talk.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings<'a> {
    /// Keys and tables of the file.
    pub(crate) top: &'a str,
    /// Keys of the user.
    pub(crate) user: &'a str,
    /// Whose root it is; empty: a folder of its own.
    pub(crate) root: Option<&'a Path>,
    /// No rule: it is as it comes, and talks to no other server.
    pub(crate) closed: bool,
}

/// Where an `fxpd` runs.
#[derive(Clone, Copy)]
pub(crate) enum Host<'a> {
    /// On this machine.
    Here,
    /// On a host of a lab.
    Lab(&'a Lab, &'a str),
    /// In a network namespace.
    Namespace(&'a str),
}

/// A running `fxpd`.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: String,
    root: PathBuf,
    folder: TempDir,
    child: Child,
}

impl Server {
    /// Starts it at `address`. It listens when this returns.
    pub(crate) fn start(
        host: Host<'_>,
        address: SocketAddr,
        authority: &Authority,
        settings: Settings<'_>,
    ) -> Server {
        let folder = TempDir::with_prefix("fxp-server-").expect("a folder");
        let root = settings.root.map_or_else(|| folder.path().join("root"), Path::to_path_buf);
        std::fs::create_dir_all(&root).expect("a root");
        let identity = authority.identity(address.ip()).expect("an identity");
        let files = authority.write(&identity, folder.path()).expect("its files");
        let text = format!(
            "listen = [\"{address}\"]\n{top}\n[tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n\
             [[user]]\nname = \"{USER}\"\npassword = \"{password}\"\nhome = \"{root}\"\n{user}\n{rule}",
            rule = if settings.closed { "" } else { RULE },
            top = settings.top,
            user = settings.user,
            certificate = files.certificate.display(),
            key = files.key.display(),
            password = hash_of(PASSWORD),
            root = root.display(),
        );
        std::fs::write(folder.path().join("fxpd.toml"), text).expect("a configuration");
        let child = spawn(host, folder.path());
        let mut server = Server { address, fingerprint: identity.fingerprint(), root, folder, child };
        match host {
            Host::Here => server.await_that(Server::answers),
            // Nobody can connect to it from here, but it writes into a folder of this machine.
            Host::Lab(..) | Host::Namespace(_) => {
                server.await_that(|server| server.log().contains("listening"))
            }
        }
        server
    }

    /// A file beneath the root.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// What its user sees as `/`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Its log, for the message of a failing test.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("fxpd.log")).unwrap_or_default()
    }

    /// Its process, also where it runs on a host of a lab.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again, on this machine, with the configuration and the files it had.
    pub(crate) fn start_again(&mut self) {
        self.kill();
        self.child = spawn(Host::Here, self.folder.path());
        self.await_that(Server::answers);
    }

    fn answers(&self) -> bool {
        TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok()
    }

    fn await_that(&mut self, ready: impl Fn(&Server) -> bool) {
        let deadline = Instant::now() + LONGEST_START;
        while !ready(self) {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("fxpd ended with {status}:\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "fxpd does not answer on {}:\n{}", self.address, self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(host: Host<'_>, folder: &Path) -> Child {
    let fxpd = program("fxpd");
    let mut command = match host {
        Host::Here => Command::new(fxpd),
        Host::Lab(lab, host) => lab.on(host, fxpd),
        Host::Namespace(namespace) => {
            // It becomes the program, so that its process is still ours.
            let mut inside = Command::new("ip");
            inside.args(["netns", "exec", namespace]).arg(fxpd);
            inside
        }
    };
    let log = std::fs::File::options().create(true).append(true).open(folder.join("fxpd.log"));
    let log = log.expect("a log");
    command
        .arg("--config")
        .arg(folder.join("fxpd.toml"))
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .spawn()
        .expect("fxpd starts")
}

/// It reads a file and binds a port; the rest is a busy machine.
const LONGEST_START: Duration = Duration::from_secs(20);

/// The networks of the tests: this machine, the lab's, the matrix's.
const RULE: &str = "[[fxp.rule]]\naction = \"allow\"\n\
                    peer = [\"127.0.0.0/8\", \"10.77.0.0/24\", \"10.78.0.0/16\", \"fd78::/64\"]\n";
