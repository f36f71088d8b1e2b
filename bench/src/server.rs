//! A server under test, ours or another's, with the ledger of what it costs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, PASSWORD, Product, Setup, USER};
use fxp_testkit::port;

use crate::ledger::Ledger;
use crate::ours;

/// How data travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    Clear,
    Tls,
}

impl Protection {
    pub(crate) const BOTH: [Protection; 2] = [Protection::Clear, Protection::Tls];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Protection::Clear => "plain",
            Protection::Tls => "TLS",
        }
    }

    pub(crate) fn is_tls(self) -> bool {
        self == Protection::Tls
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) root: PathBuf,
    /// SHA-256 of its certificate, as `fxp trust add` takes it.
    pub(crate) fingerprint: String,
    /// `host:port`
    pub(crate) address: String,
    pub(crate) ledger: Arc<Ledger>,
    running: Running,
}

enum Running {
    #[allow(dead_code, reason = "held so that it ends with the server")]
    Ours(ours::Fxpd),
    Theirs(Daemon),
}

/// What all servers are given.
pub(crate) struct Ground<'a> {
    pub(crate) authority: &'a Authority,
    /// A folder on tmpfs.
    pub(crate) base: &'a Path,
}

impl Server {
    /// Starts `product` on an address of its own, FXP allowed, TLS on offer if `protection` is TLS.
    pub(crate) fn start(product: Product, protection: Protection, ground: &Ground<'_>) -> Result<Server> {
        let ledger = Ledger::open()?;
        if product == Product::Fxpd {
            let fxpd = ours::Fxpd::start(port::loopback(), ground)?;
            ledger.admit(fxpd.process_id())?;
            return Ok(Server {
                root: fxpd.root.clone(),
                fingerprint: fxpd.fingerprint.clone(),
                address: fxpd.address.to_string(),
                ledger,
                running: Running::Ours(fxpd),
            });
        }
        let setup = match protection {
            Protection::Clear => Setup::PLAIN,
            Protection::Tls => Setup::TLS,
        };
        let daemon = Daemon::start(product, setup, ground.authority, Some(ground.base))?;
        ledger.admit(daemon.process_id().context("a daemon is a process")?)?;
        Ok(Server {
            root: daemon.root.clone(),
            fingerprint: daemon.fingerprint.clone(),
            address: daemon.address.to_string(),
            ledger,
            running: Running::Theirs(daemon),
        })
    }

    /// Lets the server's user own what lies in its root.
    pub(crate) fn adopt_files(&self) -> Result<()> {
        match &self.running {
            Running::Ours(_) => Ok(()),
            Running::Theirs(daemon) => daemon.adopt_files(),
        }
    }

    /// For `fxp`, which gets the password elsewhere.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("ftp://{USER}@{}/{path}", self.address)
    }

    /// For lftp and curl.
    pub(crate) fn url_with_password(&self, path: &str) -> String {
        format!("ftp://{USER}:{PASSWORD}@{}/{path}", self.address)
    }

    /// Its log, for the message of a failure.
    pub(crate) fn log(&self) -> String {
        match &self.running {
            Running::Ours(fxpd) => fxpd.log(),
            Running::Theirs(daemon) => daemon.log(),
        }
    }
}
