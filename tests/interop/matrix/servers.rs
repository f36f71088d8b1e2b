//! The servers of the matrix: products, their two configurations, and the worlds in which they meet.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, PASSWORD, Product, Setup, USER};
use tempfile::TempDir;

use crate::fxp::program;
use crate::network::Host;

/// A product in one of its configurations: a row and a column of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) product: Product,
    /// FXP is allowed; else the product is as it comes.
    pub(crate) fxp: bool,
}

/// All rows and columns, in the order in which they are printed.
pub(crate) const KINDS: [Kind; 10] = {
    use Product::{Fxpd, Proftpd, Pureftpd, Pyftpdlib, Vsftpd};
    const fn kind(product: Product, fxp: bool) -> Kind {
        Kind { product, fxp }
    }
    [
        kind(Fxpd, true),
        kind(Proftpd, true),
        kind(Vsftpd, true),
        kind(Pureftpd, true),
        kind(Pyftpdlib, true),
        kind(Fxpd, false),
        kind(Proftpd, false),
        kind(Vsftpd, false),
        kind(Pureftpd, false),
        kind(Pyftpdlib, false),
    ]
};

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = if self.fxp { "" } else { "-default" };
        write!(f, "{}{default}", self.product)
    }
}

/// How a pair meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct World {
    pub(crate) tls: bool,
    pub(crate) v6: bool,
}

/// All of them, in the order in which they are printed.
pub(crate) const WORLDS: [World; 4] = [
    World { tls: false, v6: false },
    World { tls: true, v6: false },
    World { tls: false, v6: true },
    World { tls: true, v6: true },
];

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.tls { "TLS" } else { "plain" }, if self.v6 { "IPv6" } else { "IPv4" })
    }
}

/// The ports at which every host serves; each family has a server of its own.
const PORTS: [u16; 2] = [2104, 2106];

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) root: PathBuf,
    pub(crate) fingerprint: String,
    running: Running,
}

enum Running {
    Fxpd(Fxpd),
    Daemon(Daemon),
}

struct Fxpd {
    child: Child,
    folder: TempDir,
}

impl Drop for Fxpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts `kind` on `host`, with TLS on offer, and waits until it listens.
    pub(crate) fn start(kind: Kind, host: &Host, v6: bool, authority: &Authority) -> Result<Server> {
        let address = SocketAddr::new(host.ip(v6), PORTS[usize::from(v6)]);
        if kind.product == Product::Fxpd {
            return fxpd(kind, host, address, authority);
        }
        // What comes with TLS in the default configuration comes with its demand for session reuse.
        let setup = Setup { tls: true, fxp: kind.fxp, demand_reuse: !kind.fxp };
        let daemon = Daemon::start_in(&host.namespace, address, kind.product, setup, authority)?;
        Ok(Server {
            address,
            root: daemon.root.clone(),
            fingerprint: daemon.fingerprint.clone(),
            running: Running::Daemon(daemon),
        })
    }

    /// Makes what the test put into the root belong to the server's user.
    pub(crate) fn adopt_files(&self) -> Result<()> {
        match &self.running {
            Running::Fxpd(_) => Ok(()),
            Running::Daemon(daemon) => daemon.adopt_files(),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("ftp://{USER}@{}/{path}", self.address)
    }

    /// The end of its log, for the message of a failure.
    pub(crate) fn log(&self) -> String {
        let log = match &self.running {
            Running::Fxpd(fxpd) => read(&fxpd.folder.path().join("fxpd.log")),
            Running::Daemon(daemon) => daemon.log(),
        };
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

fn fxpd(kind: Kind, host: &Host, address: SocketAddr, authority: &Authority) -> Result<Server> {
    let folder = TempDir::with_prefix("fxp-matrix-")?;
    let root = folder.path().join("root");
    std::fs::create_dir(&root)?;
    let identity = authority.identity(address.ip())?;
    let files = authority.write(&identity, folder.path())?;
    let rule = "[[fxp.rule]]\naction = \"allow\"\npeer = [\"10.78.0.0/16\", \"fd78::/64\"]\n";
    let text = format!(
        "listen = [\"{address}\"]\n[tls]\ncertificate = \"{}\"\nkey = \"{}\"\ncontrol = \"offered\"\ndata = \"offered\"\n\
         [[user]]\nname = \"{USER}\"\npassword = \"{}\"\nhome = \"{}\"\n{}",
        files.certificate.display(),
        files.key.display(),
        hash()?,
        root.display(),
        if kind.fxp { rule } else { "" },
    );
    let (config, log) = (folder.path().join("fxpd.toml"), folder.path().join("fxpd.log"));
    std::fs::write(&config, text)?;
    let output = std::fs::File::create(&log)?;
    let child = Command::new("ip")
        .args(["netns", "exec", &host.namespace])
        .arg(program("fxpd"))
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .context("fxpd")?;
    let mut fxpd = Fxpd { child, folder };
    let deadline = Instant::now() + LONGEST_START;
    while !read(&log).contains("listening") {
        if let Some(status) = fxpd.child.try_wait()? {
            bail!("fxpd ended with {status}:\n{}", read(&log));
        }
        ensure!(Instant::now() < deadline, "fxpd does not listen:\n{}", read(&log));
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(Server { address, root, fingerprint: identity.fingerprint(), running: Running::Fxpd(fxpd) })
}

/// What `fxpd passwd` makes of the password.
fn hash() -> Result<String> {
    let output = Command::new("sh")
        .args(["-c", "printf '%s\\n' \"$1\" | \"$0\" passwd"])
        .arg(program("fxpd"))
        .arg(PASSWORD)
        .output()?;
    ensure!(output.status.success(), "fxpd passwd failed");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// It reads a file and binds a port; the rest is a busy machine.
const LONGEST_START: Duration = Duration::from_secs(20);
