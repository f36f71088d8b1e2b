//! The script as a process.

use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use fxp_testkit::daemon;
use fxp_testkit::demand::Missing;

/// What an end does with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Source,
    Destination,
}

/// What an end is in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    Client,
    Server,
}

/// Both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) role: Role,
    pub(super) tls: Tls,
}

impl Part {
    pub(super) fn all() -> impl Iterator<Item = Part> {
        let roles = [Role::Source, Role::Destination].into_iter();
        roles.flat_map(|role| [Tls::Client, Tls::Server].map(|tls| Part { role, tls }))
    }

    /// The other end's.
    pub(super) fn opposite(self) -> Part {
        Part {
            role: if self.role == Role::Source { Role::Destination } else { Role::Source },
            tls: if self.tls == Tls::Client { Tls::Server } else { Tls::Client },
        }
    }
}

/// Who connects.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// It listens at this address.
    Passive(IpAddr),
    /// It connects from the one to the other.
    Active(IpAddr, SocketAddr),
}

/// A running script.
pub(super) struct Script {
    child: Child,
    output: BufReader<ChildStdout>,
    said: String,
}

/// What became of one.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: i32,
    /// All that it said.
    pub(super) said: String,
}

fn python() -> PathBuf {
    daemon::folder().join("python/bin/python")
}

/// Python with pyOpenSSL.
pub(super) fn available() -> Result<(), Missing> {
    let has =
        Command::new(python()).args(["-c", "import OpenSSL, cryptography"]).stderr(Stdio::null()).status();
    match has {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Missing("python with pyOpenSSL is missing; tools/daemons/install puts it there".to_owned())),
    }
}

fn command() -> Command {
    let mut command = Command::new(python());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peer/peer_side.py");
    command.arg(script).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Has the test vector of a page computed anew.
pub(super) fn vector(page: &Path) -> Ended {
    let output = command().arg("--vector").arg(page).output().expect("python runs");
    Ended {
        code: output.status.code().unwrap_or(-1),
        said: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}

impl Script {
    pub(super) fn start(part: Part, way: Way, key: &str, file: &Path, more: &[&str]) -> Script {
        let mut command = command();
        match way {
            Way::Passive(ip) => command.args(["--listen", &ip.to_string()]),
            Way::Active(from, to) => {
                command.args(["--source", &from.to_string(), "--connect", &to.to_string()])
            }
        };
        command.args(["--tls", if part.tls == Tls::Client { "client" } else { "server" }]);
        command.args(["--role", if part.role == Role::Source { "source" } else { "destination" }]);
        let mut child = command.args(["--key", key]).args(more).arg(file).spawn().expect("python runs");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Script { child, output, said: String::new() }
    }

    /// Where it listens.
    pub(super) fn address(&mut self) -> SocketAddr {
        let address = self.line().strip_prefix("listening ").and_then(|text| text.parse().ok());
        address.unwrap_or_else(|| panic!("it says {:?}", self.said))
    }

    /// Waits until it has connected; TLS may take its time.
    pub(super) fn connected(self) -> Script {
        let mut connected = self;
        assert_eq!(connected.line(), "connected");
        connected
    }

    fn line(&mut self) -> &str {
        let begin = self.said.len();
        self.output.read_line(&mut self.said).expect("a line");
        self.said[begin..].trim()
    }

    /// Waits for its end; it has a deadline of its own.
    pub(super) fn end(mut self) -> Ended {
        self.output.read_to_string(&mut self.said).expect("its output");
        let mut errors = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut errors).expect("its errors");
        let status = self.child.wait().expect("it ends");
        // Without a code it was ended by its own alarm.
        Ended { code: status.code().unwrap_or(-1), said: self.said.clone() + &errors }
    }
}

impl Drop for Script {
    /// For a test that fails before the end.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
