//! A server under test, ours or another's, with the ledger of what it costs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, PASSWORD, Product, Setup, USER};
use fxp_testkit::port;

use crate::far::Host;
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

/// FXP allowed, TLS on offer if `protection` is TLS.
fn setup(protection: Protection) -> Setup {
    match protection {
        Protection::Clear => Setup::PLAIN,
        Protection::Tls => Setup::TLS,
    }
}

/// Where daemons listen on a host of their own.
const CONTROL_PORT: u16 = 2121;

impl Server {
    /// Starts `product` on an address of its own, FXP allowed, TLS on offer if `protection` is TLS.
    pub(crate) fn start(product: Product, protection: Protection, ground: &Ground<'_>) -> Result<Server> {
        let ledger = Ledger::open()?;
        if product == Product::Fxpd {
            return Server::of_ours(ours::Fxpd::start(port::loopback(), None, ground)?, ledger);
        }
        let daemon = Daemon::start(product, setup(protection), ground.authority, Some(ground.base))?;
        Server::of_daemon(daemon, ledger)
    }

    /// The same on a host of a lab; its cost goes to `ledger`.
    pub(crate) fn start_in(
        product: Product,
        protection: Protection,
        ground: &Ground<'_>,
        host: &Host,
        ledger: Arc<Ledger>,
    ) -> Result<Server> {
        if product == Product::Fxpd {
            return Server::of_ours(ours::Fxpd::start(host.ip, Some(host), ground)?, ledger);
        }
        let address = SocketAddr::new(host.ip, CONTROL_PORT);
        let setup = setup(protection);
        let daemon = Daemon::start_in(&host.namespace, address, product, setup, ground.authority)?;
        Server::of_daemon(daemon, ledger)
    }

    fn of_ours(fxpd: ours::Fxpd, ledger: Arc<Ledger>) -> Result<Server> {
        ledger.admit(fxpd.process_id())?;
        Ok(Server {
            root: fxpd.root.clone(),
            fingerprint: fxpd.fingerprint.clone(),
            address: fxpd.address.to_string(),
            ledger,
            running: Running::Ours(fxpd),
        })
    }

    fn of_daemon(daemon: Daemon, ledger: Arc<Ledger>) -> Result<Server> {
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
