//! The real programs `fxp` and `fxpd`, as anybody would run them.

use std::fmt::Write;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use fxp_testkit::daemon::{PASSWORD, USER};
use fxp_testkit::port;
use tempfile::TempDir;

use crate::far::Host;
use crate::server::{Ground, Protection, Server};

/// Builds both programs in the way this one was built.
pub(crate) fn build() -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "-p", "fxp", "-p", "fxpd"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    ensure!(command.status()?.success(), "the programs do not build");
    Ok(())
}

/// They lie beside this one.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

/// A running `fxpd`.
pub(crate) struct Fxpd {
    pub(crate) root: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: String,
    child: Child,
    folder: TempDir,
}

impl Drop for Fxpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Fxpd {
    /// Starts it, on this machine or on a host of a lab.
    pub(crate) fn start(ip: IpAddr, host: Option<&Host>, ground: &Ground<'_>) -> Result<Fxpd> {
        let folder = TempDir::with_prefix_in("fxp-bench-fxpd-", ground.base)?;
        let root = folder.path().join("root");
        std::fs::create_dir(&root)?;
        let port = if host.is_some() { 21 } else { port::free(ip)? };
        let address = SocketAddr::new(ip, port);
        let identity = ground.authority.identity(ip)?;
        let files = ground.authority.write(&identity, folder.path())?;
        let mut text = String::new();
        writeln!(text, "listen = [\"{address}\"]\npassive_ports = \"40000-44999\"")?;
        writeln!(text, "[tls]\ncertificate = \"{}\"", files.certificate.display())?;
        writeln!(text, "key = \"{}\"\ncontrol = \"offered\"\ndata = \"offered\"", files.key.display())?;
        writeln!(text, "[[user]]\nname = \"{USER}\"\npassword = \"{}\"", hashed()?)?;
        writeln!(text, "home = \"{}\"\nrights = \"full\"", root.display())?;
        writeln!(text, "[[fxp.rule]]\naction = \"allow\"\npeer = [\"127.0.0.0/8\", \"10.77.0.0/16\"]")?;
        let config = folder.path().join("fxpd.toml");
        std::fs::write(&config, text)?;
        let log = std::fs::File::create(folder.path().join("fxpd.log"))?;
        let mut command = Command::new(program("fxpd")?);
        command.arg("--config").arg(&config);
        let mut command = match host {
            Some(host) => host.run(&command),
            None => command,
        };
        let child =
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn().context("fxpd")?;
        let mut server = Fxpd { root, address, fingerprint: identity.fingerprint(), child, folder };
        server.wait()?;
        Ok(server)
    }

    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        // On a host of a lab nobody can connect to it from here, but its log lies here.
        while !self.log().contains("listening") {
            if let Some(status) = self.child.try_wait()? {
                bail!("fxpd ended with {status}:\n{}", self.log());
            }
            ensure!(Instant::now() < deadline, "fxpd does not answer on {}", self.address);
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("fxpd.log")).unwrap_or_default()
    }
}

fn hashed() -> Result<String> {
    let mut child = Command::new(program("fxpd")?)
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
    pub(crate) fn new(servers: &[&Server], ground: &Ground<'_>) -> Result<Client> {
        let client = Client { folder: TempDir::with_prefix_in("fxp-bench-client-", ground.base)? };
        for server in servers {
            let output = client.command(&["trust", "add", &server.address, &server.fingerprint])?.output()?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(client)
    }

    /// A copy as a person would type it; only the sizes are compared, as lftp does at best.
    pub(crate) fn copy(
        &self,
        source: &str,
        destination: &str,
        protection: Protection,
        more: &[&str],
    ) -> Result<Command> {
        let tls = if protection.is_tls() { "require" } else { "off" };
        let mut command = self.command(&["cp", "-r", "--quiet", "--tls", tls, "--verify", "size"])?;
        command.args(more).args([source, destination]);
        Ok(command)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program("fxp")?);
        command
            .args(arguments)
            .env("HOME", self.folder.path())
            .env("FXP_SITES", self.folder.path().join("sites.toml"))
            .env("FXP_KNOWN", self.folder.path().join("known.toml"))
            .env("FXP_PASSWORD", PASSWORD)
            .stdin(Stdio::null());
        Ok(command)
    }
}
