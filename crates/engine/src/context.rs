//! What all work of a process shares: books, TLS, credentials, the ear that listens.

use std::sync::{Arc, Mutex};

use fxp_client::connect::Environment;
use fxp_client::transcript::Line;
use fxp_client::trust::Untrusted;
use fxp_proto::wire::secret::Secret;

use crate::book::{KnownBook, SiteBook};
use crate::journal::Ledger;
use crate::report::Event;

/// Asks the person, or does not (no terminal). Called on a blocking thread.
pub trait Person: Send + Sync {
    /// The password of `user` at `host`, from netrc, environment, command or prompt. `None`: there is none to be had.
    fn password(&self, host: &str, user: &str, command: Option<&str>) -> Option<Secret>;

    /// The user for `host`, if netrc or the environment names one.
    fn user(&self, host: &str) -> Option<String>;

    /// Shall this certificate be trusted from now on?
    fn trust(&self, host: &str, certificate: &Untrusted) -> bool;

    /// Shall the password go to `host` in clear?
    fn clear_password(&self, host: &str) -> bool;
}

/// Hears what happens. Must not block for long.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: Event);

    /// A line of a control connection's dialogue; `leg` names whose.
    fn line(&self, leg: &str, line: Line);
}

/// What all work of a process shares.
#[derive(Clone)]
pub struct Context {
    /// Sites.
    pub sites: Arc<Mutex<SiteBook>>,
    /// What was learned.
    pub known: Arc<Mutex<KnownBook>>,
    /// TLS, meter, timeouts.
    pub environment: Environment,
    /// The person.
    pub person: Arc<dyn Person>,
    /// The ear.
    pub observer: Arc<dyn Observer>,
    /// `--tls`, if given: overrides site and scheme.
    pub tls: Option<crate::site::TlsMode>,
    /// Local files (source or destination on this machine), a storage whose root is this machine's `/`;
    /// relative local paths are seen from the working directory. `None` where the program has none.
    pub local: Option<Arc<dyn fxp_store::storage::Storage>>,
    /// Remembers what runs have done.
    pub ledger: Arc<dyn Ledger>,
}
