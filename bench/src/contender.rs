//! A client and two servers that copy the file.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, Product, Setup};
use fxp_testkit::{data, lftp};

use crate::ours::{Client, Server};

/// How the data travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    Clear,
    Tls,
}

/// One row of the table.
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) is_ours: bool,
    pub(crate) protection: Protection,
    pub(crate) times: Vec<Duration>,
    pair: Pair,
}

enum Pair {
    Ours { client: Client, source: Server, destination: Server },
    Lftp { source: Daemon, destination: Daemon },
}

/// The longest a copy may take.
const LIMIT: Duration = Duration::from_secs(120);

/// `fxp, fxpd > fxpd, TLS` and the like.
pub(crate) fn name(protection: Protection, peers: Option<(Product, Product)>) -> String {
    let how = match protection {
        Protection::Clear => "plain",
        Protection::Tls => "TLS",
    };
    match peers {
        None => format!("fxp, fxpd > fxpd, {how}"),
        Some((source, destination)) => format!("lftp, {source} > {destination}, {how}"),
    }
}

impl Contender {
    pub(crate) fn ours(protection: Protection, authority: &Authority, base: &Path) -> Result<Self> {
        let source = Server::start([127, 0, 0, 2], authority, base)?;
        let destination = Server::start([127, 0, 0, 3], authority, base)?;
        let client = Client::new(&[&source, &destination], base)?;
        let pair = Pair::Ours { client, source, destination };
        Ok(Contender { name: name(protection, None), is_ours: true, protection, times: Vec::new(), pair })
    }

    pub(crate) fn lftp(
        products: (Product, Product),
        protection: Protection,
        authority: &Authority,
        base: &Path,
    ) -> Result<Self> {
        let setup = match protection {
            Protection::Clear => Setup::PLAIN,
            Protection::Tls => Setup::TLS,
        };
        let source = Daemon::start(products.0, setup, authority, Some(base))?;
        let destination = Daemon::start(products.1, setup, authority, Some(base))?;
        let pair = Pair::Lftp { source, destination };
        let name = name(protection, Some(products));
        Ok(Contender { name, is_ours: false, protection, times: Vec::new(), pair })
    }

    /// Copies `file`; only the client's run is timed.
    pub(crate) fn copy(&self, file: &Path, digest: &str) -> Result<Duration> {
        let (source, destination) = match &self.pair {
            Pair::Ours { source, destination, .. } => (&source.root, &destination.root),
            Pair::Lftp { source, destination } => (&source.root, &destination.root),
        };
        let (from, to) = (source.join("big"), destination.join("big"));
        let _ = std::fs::remove_file(&to);
        // A hard link: no second copy of the file in memory.
        std::fs::hard_link(file, &from)?;
        if let Pair::Lftp { source, .. } = &self.pair {
            source.adopt_files()?;
        }
        let begin = Instant::now();
        self.run()?;
        let elapsed = begin.elapsed();
        let seen = data::sha256(&to)?;
        ensure!(seen == digest, "{}: the copy differs from its source", self.name);
        std::fs::remove_file(&from)?;
        std::fs::remove_file(&to)?;
        Ok(elapsed)
    }

    fn run(&self) -> Result<()> {
        match &self.pair {
            Pair::Ours { client, source, destination } => {
                let tls = self.protection == Protection::Tls;
                client.copy(&source.url("big"), &destination.url("big"), tls)
            }
            Pair::Lftp { source, destination } => {
                let tls = self.protection == Protection::Tls;
                let script = format!(
                    "set net:timeout 60; set ftp:ssl-allow {tls}; set ftp:ssl-force {tls}; set ftp:ssl-protect-data {tls}; \
                     set ftp:ssl-protect-fxp {tls}; get {} -o {}; bye",
                    source.lftp_url("big"),
                    destination.lftp_url("big"),
                );
                let output = lftp::run(&script, LIMIT)?;
                ensure!(
                    output.status.success(),
                    "{}: {}\n{}{}",
                    self.name,
                    String::from_utf8_lossy(&output.stderr),
                    source.log(),
                    destination.log()
                );
                Ok(())
            }
        }
    }
}
