//! From server to server: one large file, a folder of small ones, and the time until the first byte arrives.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fxp_testkit::daemon::Product;
use fxp_testkit::{data, lftp};

use super::{Figures, Load, Scenario};
use crate::contender::{Contender, Work, timed};
use crate::ours::Client;
use crate::server::{Ground, Protection, Server};

/// The longest a copy may take.
const LIMIT: Duration = Duration::from_secs(180);

/// The pairs that compete: ours, then the best of today's.
fn pairs(protection: Protection) -> Vec<(Product, Product)> {
    use Product::{Fxpd, Proftpd, Pureftpd, Vsftpd};
    match protection {
        Protection::Clear => {
            vec![(Fxpd, Fxpd), (Vsftpd, Vsftpd), (Proftpd, Proftpd), (Pureftpd, Pureftpd)]
        }
        // Of these only ProFTPD can be TLS client, so the other pairs are impossible.
        Protection::Tls => vec![(Fxpd, Fxpd), (Pureftpd, Proftpd), (Proftpd, Proftpd)],
    }
}

/// One large file.
pub(crate) fn large(
    title: &str,
    load: &Load,
    protection: Protection,
    ground: &Ground<'_>,
) -> Result<Scenario> {
    let mut contenders = Vec::new();
    for pair in pairs(protection) {
        let what = What::File { load: load.clone(), until: Until::Done };
        contenders.push(contender(title, pair, None, protection, what, ground)?);
    }
    Ok(Scenario {
        title: format!("{title}: {} MiB", load.size >> 20),
        about: "The time is the client's whole run, logins included. fxp also compares the sizes afterwards and moves \
                the file to its final name; lftp does neither."
            .to_owned(),
        ends: ["source", "destination"],
        figures: Figures::Bulk { bytes: load.size },
        contenders,
    })
}

/// How long until the first byte of the file is on the destination's disk.
pub(crate) fn first_byte(
    title: &str,
    load: &Load,
    protection: Protection,
    ground: &Ground<'_>,
) -> Result<Scenario> {
    let mut contenders = Vec::new();
    for pair in pairs(protection) {
        let what = What::File { load: load.clone(), until: Until::FirstByte };
        contenders.push(contender(title, pair, None, protection, what, ground)?);
    }
    Ok(Scenario {
        title: title.to_owned(),
        about: "From the start of the client to the moment when a byte of the file is on the destination's disk: both \
                logins, the dialogue, the data connection and its handshake."
            .to_owned(),
        ends: ["source", "destination"],
        figures: Figures::Delay,
        contenders,
    })
}

/// Many small files.
pub(crate) fn small(
    title: &str,
    tree: &Path,
    files: u64,
    protection: Protection,
    ground: &Ground<'_>,
) -> Result<Scenario> {
    let mut contenders = Vec::new();
    for pair in pairs(protection) {
        let sessions: &[Option<u32>] =
            if pair.0 == Product::Fxpd { &[None] } else { &[Some(1), Some(SESSIONS)] };
        for &sessions in sessions {
            let what = What::Tree { path: tree.to_owned(), files };
            contenders.push(contender(title, pair, sessions, protection, what, ground)?);
        }
    }
    Ok(Scenario {
        title: format!("{title}: {files} files of 4 KiB on loopback"),
        about: "`fxp cp -r` and lftp's `mirror`, with one pair of sessions and with eight. fxp stores each file under a \
                temporary name, compares its size, sets its time, and renames it; lftp stores in place."
            .to_owned(),
        ends: ["source", "destination"],
        figures: Figures::Files { files },
        contenders,
    })
}

/// lftp's sessions where it uses many.
const SESSIONS: u32 = 8;

fn contender(
    group: &str,
    (from, to): (Product, Product),
    sessions: Option<u32>,
    protection: Protection,
    what: What,
    ground: &Ground<'_>,
) -> Result<Contender> {
    let source = Server::start(from, protection, ground)?;
    let destination = Server::start(to, protection, ground)?;
    let is_ours = from == Product::Fxpd;
    let driver = match is_ours {
        true => Driver::Fxp(Client::new(&[&source, &destination], ground)?),
        false => Driver::Lftp { sessions: sessions.unwrap_or(1) },
    };
    let client = if is_ours { "fxp" } else { "lftp" };
    let many = sessions.filter(|&count| count > 1).map(|count| format!(" x{count}")).unwrap_or_default();
    Ok(Contender {
        name: format!("{client}{many}, {from} > {to}"),
        is_ours,
        group: group.to_owned(),
        ends: [Arc::clone(&source.ledger), Arc::clone(&destination.ledger)],
        remembers: Vec::new(),
        work: Box::new(Copy { driver, source, destination, protection, what }),
    })
}

struct Copy {
    driver: Driver,
    source: Server,
    destination: Server,
    protection: Protection,
    what: What,
}

enum Driver {
    Fxp(Client),
    Lftp { sessions: u32 },
}

enum What {
    File { load: Load, until: Until },
    Tree { path: std::path::PathBuf, files: u64 },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Done,
    FirstByte,
}

/// Its name on both servers.
const NAME: &str = "big";

impl Copy {
    fn command(&self) -> Result<Command> {
        let (source, destination) = (&self.source, &self.destination);
        // With a slash at its end a folder means what is in it.
        let name = match self.what {
            What::File { .. } => NAME.to_owned(),
            What::Tree { .. } => format!("{NAME}/"),
        };
        let sessions = match &self.driver {
            Driver::Fxp(client) => {
                return client.copy(&source.url(&name), &destination.url(&name), self.protection, &[]);
            }
            Driver::Lftp { sessions } => sessions,
        };
        let tls = self.protection.is_tls();
        let settings = format!(
            "set net:timeout 60; set ftp:ssl-allow {tls}; set ftp:ssl-force {tls}; set ftp:ssl-protect-data {tls}; \
             set ftp:ssl-protect-fxp {tls};"
        );
        let (from, to) = (source.url_with_password(&name), destination.url_with_password(&name));
        let work = match &self.what {
            What::File { .. } => format!("get {from} -o {to}"),
            What::Tree { .. } => format!("mirror --no-perms --parallel={sessions} {from} {to}"),
        };
        Ok(lftp::command(&format!("{settings} {work}; bye"), LIMIT))
    }

    /// Runs `command` and tells when something that is not empty lies at the destination.
    fn until_first_byte(&self, mut command: Command) -> Result<Duration> {
        let begin = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let arrived = loop {
            if self.holds_bytes()? {
                break begin.elapsed();
            }
            if let Some(status) = child.try_wait()? {
                ensure!(self.holds_bytes()?, "{command:?} ended with {status} and nothing arrived");
                break begin.elapsed();
            }
            std::thread::sleep(Duration::from_micros(200));
        };
        ensure!(child.wait()?.success(), "{command:?} failed");
        Ok(arrived)
    }

    fn holds_bytes(&self) -> Result<bool> {
        for entry in std::fs::read_dir(&self.destination.root)? {
            // A file may get its final name just now.
            if entry?.metadata().is_ok_and(|metadata| metadata.len() > 0) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Work for Copy {
    fn prepare(&self) -> Result<()> {
        let from = self.source.root.join(NAME);
        match &self.what {
            // A hard link: no second copy of the file in memory.
            What::File { load, .. } => std::fs::hard_link(&load.path, &from)?,
            What::Tree { path, .. } => {
                std::fs::create_dir(&from)?;
                for entry in std::fs::read_dir(path)? {
                    let entry = entry?;
                    std::fs::hard_link(entry.path(), from.join(entry.file_name()))?;
                }
            }
        }
        self.source.adopt_files()
    }

    fn run(&self) -> Result<Duration> {
        let command = self.command()?;
        let time = match self.what {
            What::File { until: Until::FirstByte, .. } => self.until_first_byte(command),
            _ => timed(command).map(|(time, _)| time),
        };
        time.with_context(|| format!("{}{}", self.source.log(), self.destination.log()))
    }

    fn check(&self) -> Result<()> {
        let (from, to) = (self.source.root.join(NAME), self.destination.root.join(NAME));
        match &self.what {
            What::File { load, .. } => {
                ensure!(data::sha256(&to)? == load.digest, "the copy differs from its source");
                std::fs::remove_file(&from)?;
                std::fs::remove_file(&to)?;
            }
            What::Tree { path, files } => {
                let mut seen = 0;
                for entry in std::fs::read_dir(path)? {
                    let entry = entry?;
                    let copy = std::fs::read(to.join(entry.file_name()))?;
                    ensure!(copy == std::fs::read(entry.path())?, "{:?} differs", entry.file_name());
                    seen += 1;
                }
                ensure!(seen == *files, "{seen} files of {files}");
                std::fs::remove_dir_all(&from)?;
                std::fs::remove_dir_all(&to)?;
            }
        }
        Ok(())
    }
}
