//! A daemon as a child process.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal};

use super::Place;

/// The user that most daemons run as: `nobody`.
pub(super) const NOBODY: u32 = 65534;
/// The user `daemon`, who has a home that exists: vsftpd insists on one.
pub(super) const DAEMON: u32 = 1;

/// A child and its children, killed when dropped.
pub(super) struct Process {
    child: Child,
    /// Boxed because it is large, and daemons are held in enums.
    command: Box<Command>,
    /// It runs in another network namespace, where nobody can connect to it from here.
    elsewhere: bool,
}

/// The state of a listening socket in the kernel's tables.
const LISTENING: &str = " 0A ";

/// How long a daemon may take to end in order: it only cleans up scoreboard and pid file.
const GRACE: Duration = Duration::from_millis(300);

impl Process {
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it and the sessions it forked at once.
    pub(super) fn kill(&mut self) {
        // It leads a process group, so that the sessions it forked end with it; vsftpd gives each of its
        // sessions a group of its own.
        let sessions = descendants(self.child.id());
        let _ = rustix::process::kill_process_group(self.group(), Signal::KILL);
        for pid in sessions.into_iter().filter_map(Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        let _ = self.child.wait();
    }

    /// Starts it again, and waits until it answers.
    pub(super) fn start_again(&mut self, folder: &Path, address: SocketAddr) -> Result<()> {
        self.kill();
        self.child = self.command.spawn().with_context(|| format!("{:?}", self.command))?;
        self.await_answer(folder, address)
    }

    /// Whether it answers at `address`; of another namespace the kernel's table of sockets tells.
    fn listens(&self, address: SocketAddr) -> bool {
        if !self.elsewhere {
            return TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
        }
        let port = format!(":{:04X} ", address.port());
        ["tcp", "tcp6"].iter().any(|table| {
            let sockets = std::fs::read_to_string(format!("/proc/{}/net/{table}", self.id()));
            sockets.is_ok_and(|sockets| {
                sockets.lines().any(|line| line.contains(&port) && line.contains(LISTENING))
            })
        })
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn await_answer(&mut self, folder: &Path, address: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            if self.listens(address) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{:?} ended with {status}:\n{}", self.command, logs(folder));
            }
            if Instant::now() > deadline {
                bail!("{:?} does not answer on {address}:\n{}", self.command, logs(folder));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process_group(self.group(), Signal::TERM);
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline && !matches!(self.child.try_wait(), Ok(Some(_))) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.kill();
    }
}

/// The children of `process`, and theirs.
fn descendants(process: u32) -> Vec<i32> {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    let children = children.unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse::<u32>().ok());
    children.flat_map(|child| std::iter::once(child.cast_signed()).chain(descendants(child))).collect()
}

/// Starts `command` at its place, with its output in `output.log` there, and waits until it listens.
pub(super) fn start(command: Command, place: &Place<'_>) -> Result<Process> {
    let output = File::create(place.folder.join("output.log"))?;
    let libraries = super::folder().join("usr/lib/x86_64-linux-gnu");
    let mut command = match place.namespace {
        Some(namespace) => within(namespace, &command),
        None => command,
    };
    command
        .env("LD_LIBRARY_PATH", libraries)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    let child = command.spawn().with_context(|| format!("{command:?}"))?;
    let mut process = Process { child, command: Box::new(command), elsewhere: place.namespace.is_some() };
    process.await_answer(place.folder, place.address)?;
    Ok(process)
}

/// The same in a network namespace. `ip netns exec` becomes the program, so that its process is still ours.
fn within(namespace: &str, command: &Command) -> Command {
    let mut inside = Command::new("ip");
    inside.args(["netns", "exec", namespace]).arg(command.get_program()).args(command.get_args());
    inside
}

/// All `*.log` files of a daemon's folder.
pub(super) fn logs(folder: &Path) -> String {
    let Ok(entries) = std::fs::read_dir(folder) else { return String::new() };
    let mut all = String::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "log") {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned();
            all.push_str(&format!("--- {}\n{text}\n", path.display()));
        }
    }
    all
}

/// Gives everything beneath `root` to `user`, if we may.
pub(super) fn adopt(root: &Path, user: u32) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    // A link itself, never what it leads to, which may be anything on this machine.
    std::os::unix::fs::lchown(root, Some(user), Some(user))?;
    if root.symlink_metadata()?.is_dir() {
        for entry in std::fs::read_dir(root)? {
            adopt(&entry?.path(), user)?;
        }
    }
    Ok(())
}

/// A SHA-256 hash in the form of crypt(3), made by openssl.
pub(super) fn crypt(password: &str) -> Result<String> {
    let output =
        Command::new("openssl").args(["passwd", "-5", password]).output().context("openssl passwd")?;
    ensure!(output.status.success(), "openssl passwd: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
