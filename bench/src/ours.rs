//! The real programs `fxp` and `fxpd`, as anybody would run them.

use std::fmt::Write;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{PASSWORD, USER};
use fxp_testkit::port;
use tempfile::TempDir;

/// Builds both programs with optimisation.
pub(crate) fn build() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(["build", "--release", "-p", "fxp", "-p", "fxpd"]).status()?;
    ensure!(status.success(), "the programs do not build");
    Ok(())
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release").join(name)
}

/// A running `fxpd`.
pub(crate) struct Server {
    pub(crate) root: PathBuf,
    address: SocketAddr,
    fingerprint: String,
    child: Child,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub(crate) fn start(ip: [u8; 4], authority: &Authority, base: &Path) -> Result<Server> {
        let folder = TempDir::with_prefix_in("fxp-bench-fxpd-", base)?;
        let root = folder.path().join("root");
        std::fs::create_dir(&root)?;
        let ip = IpAddr::from(ip);
        let address = SocketAddr::new(ip, port::free(ip)?);
        let identity = authority.identity(ip)?;
        let files = authority.write(&identity, folder.path())?;
        let mut text = String::new();
        writeln!(text, "listen = [\"{address}\"]\npassive_ports = \"40000-44999\"")?;
        writeln!(text, "[tls]\ncertificate = \"{}\"", files.certificate.display())?;
        writeln!(text, "key = \"{}\"\ncontrol = \"offered\"\ndata = \"offered\"", files.key.display())?;
        writeln!(text, "[[user]]\nname = \"{USER}\"\npassword = \"{}\"", hashed()?)?;
        writeln!(text, "home = \"{}\"\nrights = \"full\"", root.display())?;
        writeln!(text, "[[fxp.rule]]\naction = \"allow\"\npeer = [\"127.0.0.0/8\"]")?;
        let config = folder.path().join("fxpd.toml");
        std::fs::write(&config, text)?;
        let log = std::fs::File::create(folder.path().join("fxpd.log"))?;
        let child = Command::new(program("fxpd"))
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("fxpd")?;
        let mut server =
            Server { root, address, fingerprint: identity.fingerprint(), child, _folder: folder };
        server.wait()?;
        Ok(server)
    }

    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(self._folder.path().join("fxpd.log"))?;
                bail!("fxpd ended with {status}:\n{log}");
            }
            ensure!(Instant::now() < deadline, "fxpd does not answer on {}", self.address);
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("ftp://{USER}@{}/{path}", self.address)
    }
}

fn hashed() -> Result<String> {
    let mut child = Command::new(program("fxpd"))
        .arg("passwd")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("fxpd passwd")?;
    writeln!(child.stdin.take().context("stdin is piped")?, "{PASSWORD}")?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "fxpd passwd failed");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// `fxp` with books of its own.
pub(crate) struct Client {
    folder: TempDir,
}

impl Client {
    /// A client that trusts the certificates of these servers.
    pub(crate) fn new(servers: &[&Server], base: &Path) -> Result<Client> {
        let client = Client { folder: TempDir::with_prefix_in("fxp-bench-client-", base)? };
        for server in servers {
            client.run(&["trust", "add", &server.address.to_string(), &server.fingerprint])?;
        }
        Ok(client)
    }

    /// One file, as a person would copy it; only the sizes are compared, as lftp does at best.
    pub(crate) fn copy(&self, source: &str, destination: &str, tls: bool) -> Result<()> {
        let tls = if tls { "require" } else { "off" };
        self.run(&["cp", "--quiet", "--tls", tls, "--verify", "size", source, destination])
    }

    fn run(&self, arguments: &[&str]) -> Result<()> {
        let output = Command::new(program("fxp"))
            .args(arguments)
            .env("HOME", self.folder.path())
            .env("FXP_SITES", self.folder.path().join("sites.toml"))
            .env("FXP_KNOWN", self.folder.path().join("known.toml"))
            .env("FXP_PASSWORD", PASSWORD)
            .stdin(Stdio::null())
            .output()
            .context("fxp")?;
        ensure!(
            output.status.success(),
            "fxp {} ended with {}:\n{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}
