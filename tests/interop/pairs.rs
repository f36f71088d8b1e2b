//! Two daemons and a file on the first.

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, Product, Setup};
use fxp_testkit::{data, demand};

use crate::fxp::{Fxp, Ran};

/// A source, a destination, and a client that trusts both.
pub(crate) struct Pair {
    pub(crate) source: Daemon,
    pub(crate) destination: Daemon,
    pub(crate) fxp: Fxp,
}

/// The file that every pair copies: more than a socket buffer, and not a whole number of blocks.
const SIZE: u64 = 5 * 1024 * 1024 + 4321;

impl Pair {
    /// Starts both; `None` (said loudly) where a product is missing.
    pub(crate) fn start(test: &str, source: Product, destination: Product, setup: Setup) -> Option<Pair> {
        demand::demand(test, source.available())?;
        demand::demand(test, destination.available())?;
        let authority = Authority::new().expect("an authority");
        let source = Daemon::start(source, setup, &authority, None).expect("the source starts");
        let destination =
            Daemon::start(destination, setup, &authority, None).expect("the destination starts");
        data::write(&source.root.join("file"), SIZE, 1).expect("a file");
        source.adopt_files().expect("its owner");
        let fxp = Fxp::new(&[&source, &destination]);
        Some(Pair { source, destination, fxp })
    }

    /// `fxp cp` of the file, to `name` on the destination, with more arguments.
    pub(crate) fn copy(&self, name: &str, arguments: &[&str]) -> Ran {
        let (from, to) = (self.source.url("file"), self.destination.url(name));
        self.fxp.run(["--json", "cp"].iter().chain(arguments).copied().chain([from.as_str(), to.as_str()]))
    }

    /// Whether the copy is there and whole.
    pub(crate) fn is_copied(&self, name: &str) -> bool {
        let of = |daemon: &Daemon, name: &str| data::sha256(&daemon.root.join(name)).ok();
        of(&self.source, "file") == of(&self.destination, name)
    }

    /// The copy is there, whole, and nothing half done beside it.
    pub(crate) fn assert_copied(&self, name: &str) {
        assert!(self.is_copied(name), "{}: {name} is not what was sent", self.names());
        let part = self.destination.root.join(format!("{name}.fxp-part"));
        assert!(!part.exists(), "{}: a part was left behind", self.names());
    }

    /// `source > destination`.
    pub(crate) fn names(&self) -> String {
        format!("{} > {}", self.source.product, self.destination.product)
    }

    /// Everything that helps to understand a failure.
    pub(crate) fn explain(&self, ran: &Ran) -> String {
        format!("{}: {ran:#?}\n{}{}", self.names(), self.source.log(), self.destination.log())
    }
}
