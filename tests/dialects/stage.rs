//! Two servers with two files on the first, and a client that trusts both.

use std::path::Path;

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, Product, Setup};
use fxp_testkit::data;
use fxp_testkit::dialect::{Dialect, Peer};

use crate::fxp::{Fxp, Ran};

/// One of the two.
pub(crate) enum End {
    /// `fxpd`.
    Fxpd(Box<Daemon>),
    /// A peer that speaks a dialect.
    Peer(Box<Peer>),
}

/// What one of the two shall be: `None` is `fxpd`.
pub(crate) type Cast<'a> = Option<&'a Dialect>;

/// The two and their client.
pub(crate) struct Stage {
    pub(crate) source: End,
    pub(crate) destination: End,
    pub(crate) fxp: Fxp,
    tls: bool,
}

/// The files of the directory `tree`: more than a socket buffer, and not a whole number of blocks; a name
/// with a space; two of them, so that a role that leaks from one transfer into the next shows.
const FILES: [(&str, u64); 2] = [("one", 700_001), ("and two", 300_007)];

impl End {
    /// Starts it.
    pub(crate) fn start(cast: Cast<'_>, setup: Setup, authority: &Authority) -> End {
        match cast {
            None => End::Fxpd(Box::new(
                Daemon::start(Product::Fxpd, setup, authority, None).expect("fxpd starts"),
            )),
            Some(dialect) => End::Peer(Box::new(
                Peer::start(dialect.clone(), setup, authority).expect("a socket and a folder"),
            )),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        match self {
            End::Fxpd(daemon) => &daemon.root,
            End::Peer(peer) => &peer.root,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        match self {
            End::Fxpd(daemon) => daemon.url(path),
            End::Peer(peer) => peer.url(path),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            End::Fxpd(_) => "fxpd",
            End::Peer(peer) => peer.name(),
        }
    }

    /// The peer that it is.
    pub(crate) fn peer(&self) -> &Peer {
        match self {
            End::Fxpd(_) => panic!("fxpd is no peer"),
            End::Peer(peer) => peer,
        }
    }

    pub(crate) fn log(&self) -> String {
        match self {
            End::Fxpd(daemon) => daemon.log(),
            End::Peer(peer) => peer.log(),
        }
    }

    fn trusted_by(&self, fxp: &Fxp) {
        match self {
            End::Fxpd(daemon) => fxp.trust(&daemon.address.to_string(), &daemon.fingerprint),
            End::Peer(peer) => fxp.trust(&peer.address.to_string(), &peer.fingerprint),
        }
    }
}

impl Stage {
    /// Both with the same settings.
    pub(crate) fn new(source: Cast<'_>, destination: Cast<'_>, setup: Setup) -> Stage {
        Stage::with((source, setup), (destination, setup))
    }

    /// Each with its own settings.
    pub(crate) fn with(source: (Cast<'_>, Setup), destination: (Cast<'_>, Setup)) -> Stage {
        let authority = Authority::new().expect("an authority");
        let (tls, fxp) = (source.1.tls, Fxp::new(&[]));
        let [source, destination] =
            [source, destination].map(|(cast, setup)| End::start(cast, setup, &authority));
        if tls {
            source.trusted_by(&fxp);
            destination.trusted_by(&fxp);
        }
        for (seed, (name, size)) in FILES.iter().enumerate() {
            data::write(&source.root().join("tree").join(name), *size, seed as u64 + 1).expect("a file");
        }
        Stage { source, destination, fxp, tls }
    }

    /// `fxp cp -r` of `tree` to `into`, with more arguments.
    pub(crate) fn copy(&self, into: &str, arguments: &[&str]) -> Ran {
        let (from, to) = (self.source.url("tree/"), self.destination.url(into));
        let tls = if self.tls { "require" } else { "off" };
        let fixed = ["--json", "cp", "-r", "--tls", tls];
        let retries = if arguments.contains(&"--retries") { &[][..] } else { &["--retries", "0"] };
        self.fxp
            .run(fixed.iter().chain(retries).chain(arguments).copied().chain([from.as_str(), to.as_str()]))
    }

    /// A copy that must succeed; the objects `done`.
    pub(crate) fn must_copy(&self, into: &str, arguments: &[&str]) -> Vec<serde_json::Value> {
        let ran = self.copy(into, arguments);
        assert_eq!(ran.code, 0, "{}", self.explain(&ran));
        self.assert_copied(into, &ran);
        ran.events().into_iter().filter(|event| event["event"] == "done").collect()
    }

    /// A copy from server to server that must succeed without a single fallback.
    pub(crate) fn must_copy_at_once(&self, into: &str, arguments: &[&str]) -> Vec<serde_json::Value> {
        let ran = self.copy(into, arguments);
        assert_eq!(ran.code, 0, "{}", self.explain(&ran));
        self.assert_copied(into, &ran);
        let events = ran.events();
        assert!(!events.iter().any(|event| event["event"] == "fallback"), "{}", self.explain(&ran));
        let report = events.last().expect("a last event");
        assert_eq!(report["payload_through_client"], 0, "{}", self.explain(&ran));
        events.into_iter().filter(|event| event["event"] == "done").collect()
    }

    /// Both files are there, whole, and nothing half done beside them.
    pub(crate) fn assert_copied(&self, into: &str, ran: &Ran) {
        let folder = self.destination.root().join(into);
        for (name, _) in FILES {
            let copied = data::sha256(&folder.join(name));
            let original = data::sha256(&self.source.root().join("tree").join(name));
            assert_eq!(original.ok(), copied.ok(), "{name}: {}", self.explain(ran));
        }
        let left = std::fs::read_dir(folder).expect("a directory").count();
        assert_eq!(left, FILES.len(), "something was left behind: {}", self.explain(ran));
    }

    /// Nothing stands under a final name.
    pub(crate) fn assert_not_copied(&self, into: &str, ran: &Ran) {
        for (name, _) in FILES {
            let file = self.destination.root().join(into).join(name);
            assert!(!file.exists(), "{name} exists: {}", self.explain(ran));
        }
    }

    /// `source > destination`.
    pub(crate) fn names(&self) -> String {
        format!("{} > {}", self.source.name(), self.destination.name())
    }

    /// Everything that helps to understand a failure.
    pub(crate) fn explain(&self, ran: &Ran) -> String {
        format!(
            "{}: exit code {}\n{}\n{}\n{}{}",
            self.names(),
            ran.code,
            ran.stdout,
            ran.stderr,
            self.source.log(),
            self.destination.log()
        )
    }
}
