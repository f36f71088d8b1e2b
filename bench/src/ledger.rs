//! What a server or a client costs: processor time and memory of a process and all that it forks.
//!
//! Servers that fork a process per session hide their cost from whoever looks at one process, and processes that
//! have ended cannot be looked at any more. A control group counts them all, whichever kind of control groups the
//! machine has.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

/// One control group.
#[derive(Debug)]
pub(crate) struct Ledger {
    folder: PathBuf,
    unit: Unit,
}

/// What the kernel's counter counts in.
#[derive(Clone, Copy, Debug)]
enum Unit {
    /// `cpuacct.usage`, nanoseconds (version 1).
    Nanoseconds,
    /// `usage_usec` in `cpu.stat` (version 2).
    Microseconds,
}

const ROOT: &str = "/sys/fs/cgroup";

impl Ledger {
    /// A new group with nobody in it.
    pub(crate) fn open() -> Result<Arc<Ledger>> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("fxp-bench-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let (root, unit) = match Path::new(ROOT).join("cpuacct").is_dir() {
            true => (Path::new(ROOT).join("cpuacct"), Unit::Nanoseconds),
            false => (PathBuf::from(ROOT), Unit::Microseconds),
        };
        let folder = root.join(name);
        std::fs::create_dir(&folder)
            .with_context(|| format!("{}: control groups and root are needed", folder.display()))?;
        Ok(Arc::new(Ledger { folder, unit }))
    }

    /// Counts process `id` from now on, and whatever it forks.
    pub(crate) fn admit(&self, id: u32) -> Result<()> {
        std::fs::write(self.members(), id.to_string()).with_context(|| format!("process {id}"))
    }

    /// `command`, counted from its first instruction.
    pub(crate) fn counting(&self, command: &Command) -> Command {
        let mut counted = Command::new("sh");
        counted
            .args(["-c", "echo $$ > \"$0\" && exec \"$@\""])
            .arg(self.members())
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(std::process::Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => counted.env(name, value),
                None => counted.env_remove(name),
            };
        }
        counted
    }

    /// Processor time so far.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        match self.unit {
            Unit::Nanoseconds => {
                let text = std::fs::read_to_string(self.folder.join("cpuacct.usage"))?;
                Ok(Duration::from_nanos(text.trim().parse()?))
            }
            Unit::Microseconds => {
                let text = std::fs::read_to_string(self.folder.join("cpu.stat"))?;
                let usage = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
                Ok(Duration::from_micros(usage.context("cpu.stat has usage_usec")?.parse()?))
            }
        }
    }

    /// Bytes in memory now: each page counted once, however many processes share it.
    fn memory(&self) -> u64 {
        let Ok(members) = std::fs::read_to_string(self.members()) else { return 0 };
        members.lines().map(proportional_set_size).sum()
    }

    fn members(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // Refused while somebody is still in it; the group then stays behind, empty, until the machine restarts.
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// A process that ends meanwhile has none.
fn proportional_set_size(process: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let kibibytes = text.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB"));
    kibibytes.and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Looks at the memory of some groups now and then, until asked for the peak of their sum.
pub(crate) struct Watch {
    ended: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

/// Often enough to see a session of half a second; seldom enough to cost nothing that can be measured.
const PAUSE: Duration = Duration::from_millis(40);

impl Watch {
    pub(crate) fn over(ledgers: Vec<Arc<Ledger>>) -> Watch {
        let (ended, peak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (end, seen) = (ended.clone(), peak.clone());
        let thread = std::thread::spawn(move || {
            while !end.load(Relaxed) {
                seen.fetch_max(ledgers.iter().map(|ledger| ledger.memory()).sum(), Relaxed);
                std::thread::park_timeout(PAUSE);
            }
        });
        Watch { ended, peak, thread }
    }

    /// The largest sum that was seen, in bytes.
    pub(crate) fn peak(self) -> u64 {
        self.ended.store(true, Relaxed);
        self.thread.thread().unpark();
        self.thread.join().expect("looking does not panic");
        self.peak.load(Relaxed)
    }
}
