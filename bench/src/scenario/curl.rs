//! Ordinary downloads and uploads: the same curl against each server.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fxp_testkit::daemon::Product;
use fxp_testkit::data;

use super::{Figures, Load, Scenario};
use crate::contender::{Contender, Work, timed};
use crate::ledger::Ledger;
use crate::server::{Ground, Protection, Server};

/// Which way the file goes, seen from curl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// `RETR`
    Download,
    /// `STOR`
    Upload,
}

impl Direction {
    /// The command that the server gets.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Direction::Download => "RETR",
            Direction::Upload => "STOR",
        }
    }
}

/// One table: every server, one direction.
pub(crate) fn scenario(
    title: &str,
    load: &Load,
    direction: Direction,
    protection: Protection,
    ground: &Ground<'_>,
) -> Result<Scenario> {
    let about = match direction {
        Direction::Download => "curl reads the file and throws it away.",
        Direction::Upload => "curl sends the file; the server stores it on tmpfs.",
    };
    let mut contenders = Vec::new();
    for product in Product::ALL {
        let server = Server::start(product, protection, ground)?;
        let client = Ledger::open()?;
        let ends = [Arc::clone(&server.ledger), Arc::clone(&client)];
        let copy = ground.base.join(format!("fxp-bench-curl-{}", std::process::id()));
        let load = load.clone();
        contenders.push(Contender {
            name: product.name().to_owned(),
            is_ours: product == Product::Fxpd,
            group: title.to_owned(),
            ends,
            remembers: Vec::new(),
            work: Box::new(Curl { server, client, load, direction, protection, copy }),
        });
    }
    Ok(Scenario {
        title: format!("{title}: {} MiB", load.size >> 20),
        about: format!("{about} {WITHOUT_LOGIN}"),
        ends: ["server", "curl"],
        figures: Figures::Bulk { bytes: load.size },
        contenders,
    })
}

const WITHOUT_LOGIN: &str = "The time is curl's own, from when it is ready to move bytes (`time_pretransfer`) to its end: with some \
                             servers this curl idles for 200 ms before it connects to the passive port, which says nothing about \
                             them.";

struct Curl {
    server: Server,
    client: Arc<Ledger>,
    load: Load,
    direction: Direction,
    protection: Protection,
    /// Where the check downloads to.
    copy: PathBuf,
}

const NAME: &str = "big";

impl Curl {
    fn command(&self, target: &str) -> Command {
        let mut command = Command::new("curl");
        // Nothing of a person's own settings, and no verification: that is not what is measured.
        command.args(["--disable", "--silent", "--show-error", "--insecure", "--max-time", "120"]);
        if self.protection.is_tls() {
            command.args(["--ssl-reqd", "--tlsv1.3"]);
        }
        if self.direction == Direction::Upload {
            command.arg("--upload-file").arg(&self.load.path);
        } else {
            command.args(["--output", target]);
        }
        command
            .args(["--write-out", "%{time_pretransfer} %{time_total}"])
            .arg(self.server.url_with_password(NAME));
        command
    }
}

impl Work for Curl {
    fn prepare(&self) -> Result<()> {
        let at = self.server.root.join(NAME);
        if self.direction != Direction::Upload {
            std::fs::hard_link(&self.load.path, at)?;
        }
        self.server.adopt_files()
    }

    fn run(&self) -> Result<Duration> {
        let command = self.client.counting(&self.command("/dev/null"));
        let (_, said) = timed(command).with_context(|| self.server.log())?;
        let (ready, end) = said.trim().split_once(' ').with_context(|| format!("curl said {said}"))?;
        Ok(Duration::try_from_secs_f64(end.parse::<f64>()? - ready.parse::<f64>()?)?)
    }

    fn check(&self) -> Result<()> {
        let at = self.server.root.join(NAME);
        let arrived = match self.direction {
            Direction::Upload => &at,
            // What went to /dev/null cannot be compared, so the same is fetched once more, outside the time.
            _ => {
                timed(self.command(&self.copy.display().to_string()))?;
                &self.copy
            }
        };
        ensure!(data::sha256(arrived)? == self.load.digest, "what arrived differs from what was sent");
        std::fs::remove_file(&at)?;
        if self.copy.exists() {
            std::fs::remove_file(&self.copy)?;
        }
        Ok(())
    }
}
