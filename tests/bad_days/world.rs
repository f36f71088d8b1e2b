//! Two servers and a person who copies from one to the other.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, Product, Setup};
use fxp_testkit::{demand, port};

use crate::fxp::Fxp;
use crate::server::{Host, Server, Settings};

/// A server; `fxpd` is the program, not the library.
pub(crate) enum End {
    /// Somebody else's product.
    Daemon(Box<Daemon>),
    /// Ours.
    Server(Box<Server>),
}

/// What a server is, and the settings that make its day bad: see [`Daemon::start_with`]; for `fxpd` the
/// lines of its configuration, those of the user as `user.KEY = VALUE`.
pub(crate) type Cast<'a> = (Product, &'a [&'a str]);

impl End {
    fn start((product, more): Cast<'_>, setup: Setup, authority: &Authority) -> End {
        if product != Product::Fxpd {
            let daemon = Daemon::start_with(product, setup, authority, more).expect("a daemon starts");
            return End::Daemon(Box::new(daemon));
        }
        let (user, top): (Vec<&str>, Vec<&str>) = more.iter().partition(|line| line.starts_with("user."));
        let user: Vec<&str> = user.iter().map(|line| &line["user.".len()..]).collect();
        let ip = port::loopback();
        let address = SocketAddr::new(ip, port::free(ip).expect("a port"));
        let settings = Settings { top: &top.join("\n"), user: &user.join("\n"), ..Settings::default() };
        End::Server(Box::new(Server::start(Host::Here, address, authority, settings)))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            End::Daemon(daemon) => daemon.address,
            End::Server(server) => server.address,
        }
    }

    /// What its user sees as `/`.
    pub(crate) fn root(&self) -> &Path {
        match self {
            End::Daemon(daemon) => &daemon.root,
            End::Server(server) => server.root(),
        }
    }

    /// A file beneath the root.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// A file with this content, which belongs to the user.
    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
        self.adopt();
    }

    /// Makes what the test put into the root belong to the daemon's user.
    pub(crate) fn adopt(&self) {
        if let End::Daemon(daemon) = self {
            daemon.adopt_files().expect("their owner");
        }
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        match self {
            End::Daemon(daemon) => daemon.kill(),
            End::Server(server) => server.kill(),
        }
    }

    /// Starts it again.
    pub(crate) fn start_again(&mut self) {
        match self {
            End::Daemon(daemon) => daemon.start_again().expect("the daemon starts"),
            End::Server(server) => server.start_again(),
        }
    }

    fn fingerprint(&self) -> &str {
        match self {
            End::Daemon(daemon) => &daemon.fingerprint,
            End::Server(server) => &server.fingerprint,
        }
    }
}

/// Two servers and a person.
pub(crate) struct World {
    pub(crate) source: End,
    pub(crate) destination: End,
    pub(crate) fxp: Fxp,
}

impl World {
    /// In clear, so that a proxy can listen; `None` (said loudly) where a product is missing.
    pub(crate) fn new(test: &str, source: Cast<'_>, destination: Cast<'_>) -> Option<World> {
        let setup = Setup::PLAIN;
        demand::demand(test, source.0.available())?;
        demand::demand(test, destination.0.available())?;
        let authority = Authority::new().expect("an authority");
        let source = End::start(source, setup, &authority);
        let destination = End::start(destination, setup, &authority);
        let fxp = Fxp::new(&[]);
        for end in [&source, &destination] {
            fxp.trust(&end.address().to_string(), end.fingerprint());
        }
        Some(World { source, destination, fxp })
    }
}

/// The copy that most stories are about.
pub(crate) const COPY: [&str; 5] =
    ["cp", "--tls", "off", "ftp://mover@{source}/file", "ftp://mover@{destination}/copy"];

/// `size` bytes that do not compress, and of which no part looks like another.
pub(crate) fn content(size: usize) -> Vec<u8> {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("content");
    fxp_testkit::data::write(&path, size as u64, 11).expect("a file");
    std::fs::read(path).expect("a file")
}

/// `fxp cp` in clear.
pub(crate) fn cp<'a>(from: &'a str, to: &'a str) -> Vec<&'a str> {
    vec!["cp", "--tls", "off", from, to]
}

/// A megabyte, near enough.
pub(crate) const MEBI: usize = 1 << 20;
