//! Listeners, and the life of the whole server.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use fxp_net::meter::Meter;
use fxp_net::tls::IdentityError;
use fxp_store::account::Accounts;

use crate::config::{Config, ConfigError};

/// A server that listens: its ports are bound, nobody is served yet.
///
/// Binding needs no runtime, so that a program can drop its privileges between [`Server::bind`] and the
/// start of its first thread.
pub struct Server {
    _private: (),
}

/// Steers a running server; clones steer the same one.
#[derive(Clone)]
pub struct Handle {
    _private: (),
}

/// Why a server cannot start, or cannot take over a new configuration.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Certificate or key cannot be read.
    #[error("{key}: {}: {error}", path.display())]
    Read {
        /// `tls.certificate` or `tls.key`.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Certificate or key cannot be used.
    #[error("tls: {0}")]
    Identity(#[from] IdentityError),
}

impl Server {
    /// Binds all listeners of `config`; `accounts` says who may log in (see
    /// [`FileAccounts`](crate::accounts::FileAccounts) for those of the configuration itself).
    ///
    /// # Errors
    ///
    /// See [`BindError`].
    pub fn bind(_config: Config, _accounts: Arc<dyn Accounts>) -> Result<Self, BindError> {
        todo!("server")
    }

    /// Where it listens, in the order of the configuration, with the ports that were really taken.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        todo!("server")
    }

    /// Payload bytes of data connections by peer.
    pub fn meter(&self) -> Meter {
        todo!("server")
    }

    /// A handle to steer it.
    pub fn handle(&self) -> Handle {
        todo!("server")
    }

    /// Serves until a handle says [`Handle::drain`] or [`Handle::stop`] and the last session has ended.
    pub async fn run(self) {
        todo!("server")
    }
}

impl Handle {
    /// No new connections; running transfers end (at most `limits.drain` long), then sessions close with 421.
    pub fn drain(&self) {
        todo!("server")
    }

    /// Ends everything now.
    pub fn stop(&self) {
        todo!("server")
    }

    /// New sessions use these accounts.
    pub fn set_accounts(&self, _accounts: Arc<dyn Accounts>) {
        todo!("server")
    }

    /// New sessions use `config`: certificate, rules, limits of a session, banner, and `accounts`.
    /// Listeners, the passive ports and the counts of `limits` that hold for the whole server stay as they are.
    ///
    /// # Errors
    ///
    /// The new configuration is unusable; the old one stays in force.
    pub fn reload(&self, _config: Config, _accounts: Arc<dyn Accounts>) -> Result<(), BindError> {
        todo!("server")
    }
}
