//! globus-gridftp-server and globus-url-copy: no FTPS, no certificates here, and fewer round trips than anybody else.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::far::Host;
use crate::server::Ground;

/// Where it listens.
const PORT: u16 = 2811;

/// A running server for anonymous users, whose root is the machine's.
pub(crate) struct Gridftp {
    pub(crate) root: PathBuf,
    pub(crate) address: SocketAddr,
    child: Child,
    folder: TempDir,
}

impl Gridftp {
    /// Starts it on a host of a lab.
    pub(crate) fn start(host: &Host, ground: &Ground<'_>) -> Result<Gridftp> {
        let folder = TempDir::with_prefix_in("fxp-bench-globus-", ground.base)?;
        let root = folder.path().join("root");
        std::fs::create_dir(&root)?;
        // Its sessions run as nobody.
        for path in [folder.path(), &root] {
            std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
        }
        let (ip, log) = (host.ip.to_string(), folder.path().join("gridftp.log"));
        let mut command = Command::new("globus-gridftp-server");
        command
            .args(["-aa", "-anonymous-names-allowed", "*", "-anonymous-user", "nobody", "-c", "/dev/null"])
            .args(["-p", &PORT.to_string(), "-control-interface", &ip, "-data-interface", &ip])
            .args(["-home-dir", "/", "-log-level", "ERROR", "-l"])
            .arg(&log);
        let output = std::fs::File::create(folder.path().join("output.log"))?;
        let child = host
            .run(&command)
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("globus-gridftp-server")?;
        let mut server = Gridftp { root, address: SocketAddr::new(host.ip, PORT), child, folder };
        server.wait()?;
        Ok(server)
    }

    /// It says nothing when it listens, so the kernel is asked.
    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let sockets = format!("/proc/{}/net/tcp", self.child.id());
        let listens = format!(":{PORT:04X} 00000000:0000 0A");
        while !std::fs::read_to_string(&sockets).unwrap_or_default().contains(&listens) {
            if let Some(status) = self.child.try_wait()? {
                bail!("globus-gridftp-server ended with {status}:\n{}", self.log());
            }
            ensure!(Instant::now() < deadline, "globus-gridftp-server does not listen:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        format!("{}{}", read("output.log"), read("gridftp.log"))
    }

    /// A directory beneath its root.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("ftp://anonymous:x@{}{}/{name}/", self.address, self.root.display())
    }
}

impl Drop for Gridftp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether both programs are here.
pub(crate) fn is_available() -> bool {
    ["globus-gridftp-server", "globus-url-copy"].iter().all(|program| {
        let found = Command::new("which").arg(program).stdout(Stdio::null()).stderr(Stdio::null()).status();
        found.is_ok_and(|status| status.success())
    })
}

/// A copy of a directory with what makes it quick: kept data connections, pipelined commands, four pairs of sessions.
pub(crate) fn copy(from: &str, to: &str) -> Command {
    let mut command = Command::new("globus-url-copy");
    command.args(["-nodcau", "-fast", "-pp", "-cc", "4", "-cd", "-r", from, to]);
    command
}
