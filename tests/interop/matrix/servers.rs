//! The servers of the matrix: products, their two configurations, and the worlds in which they meet.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, Product, Setup, USER};

use crate::network::Host;
use crate::server::{self, Host as At, Settings};

/// A product in one of its configurations: a row and a column of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) product: Product,
    /// FXP is allowed; else the product is as it comes.
    pub(crate) fxp: bool,
}

/// All rows and columns, in the order in which they are printed.
pub(crate) const KINDS: [Kind; 10] = {
    use Product::{Fxpd, Proftpd, Pureftpd, Pyftpdlib, Vsftpd};
    const fn kind(product: Product, fxp: bool) -> Kind {
        Kind { product, fxp }
    }
    [
        kind(Fxpd, true),
        kind(Proftpd, true),
        kind(Vsftpd, true),
        kind(Pureftpd, true),
        kind(Pyftpdlib, true),
        kind(Fxpd, false),
        kind(Proftpd, false),
        kind(Vsftpd, false),
        kind(Pureftpd, false),
        kind(Pyftpdlib, false),
    ]
};

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = if self.fxp { "" } else { "-default" };
        write!(f, "{}{default}", self.product)
    }
}

/// How a pair meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct World {
    pub(crate) tls: bool,
    pub(crate) v6: bool,
}

/// All of them, in the order in which they are printed.
pub(crate) const WORLDS: [World; 4] = [
    World { tls: false, v6: false },
    World { tls: true, v6: false },
    World { tls: false, v6: true },
    World { tls: true, v6: true },
];

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.tls { "TLS" } else { "plain" }, if self.v6 { "IPv6" } else { "IPv4" })
    }
}

/// The ports at which every host serves; each family has a server of its own.
const PORTS: [u16; 2] = [2104, 2106];

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) root: PathBuf,
    pub(crate) fingerprint: String,
    running: Running,
}

enum Running {
    Fxpd(server::Server),
    Daemon(Daemon),
}

impl Server {
    /// Starts `kind` on `host`, with TLS on offer, and waits until it listens.
    pub(crate) fn start(kind: Kind, host: &Host, v6: bool, authority: &Authority) -> Result<Server> {
        let address = SocketAddr::new(host.ip(v6), PORTS[usize::from(v6)]);
        if kind.product == Product::Fxpd {
            let settings = Settings { closed: !kind.fxp, ..Settings::default() };
            let fxpd = server::Server::start(At::Namespace(&host.namespace), address, authority, settings);
            return Ok(Server {
                address,
                root: fxpd.root().to_owned(),
                fingerprint: fxpd.fingerprint.clone(),
                running: Running::Fxpd(fxpd),
            });
        }
        // What comes with TLS in the default configuration comes with its demand for session reuse.
        let setup = Setup { tls: true, fxp: kind.fxp, demand_reuse: !kind.fxp };
        let daemon = Daemon::start_in(&host.namespace, address, kind.product, setup, authority)?;
        Ok(Server {
            address,
            root: daemon.root.clone(),
            fingerprint: daemon.fingerprint.clone(),
            running: Running::Daemon(daemon),
        })
    }

    /// Makes what the test put into the root belong to the server's user.
    pub(crate) fn adopt_files(&self) -> Result<()> {
        match &self.running {
            Running::Fxpd(_) => Ok(()),
            Running::Daemon(daemon) => daemon.adopt_files(),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("ftp://{USER}@{}/{path}", self.address)
    }

    /// The end of its log, for the message of a failure.
    pub(crate) fn log(&self) -> String {
        let log = match &self.running {
            Running::Fxpd(fxpd) => fxpd.log(),
            Running::Daemon(daemon) => daemon.log(),
        };
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}
