//! Listeners, and the life of the whole server.

use std::net::SocketAddr;
use std::sync::Arc;

use fxp_net::meter::Meter;
use fxp_store::account::Accounts;

/// A server that listens. Configuration comes from `config::Config` (TOML or built in code).
pub struct Server {
    _private: (),
}

/// Steers a running server; clones steer the same one.
#[derive(Clone)]
pub struct Handle {
    _private: (),
}

impl Server {
    /// Where it listens.
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

    /// Serves until a handle says stop.
    pub async fn run(self) {
        todo!("server")
    }
}

impl Handle {
    /// No new connections; running transfers end, then sessions close with 421.
    pub fn drain(&self) {
        todo!("server")
    }

    /// New sessions use these accounts.
    pub fn set_accounts(&self, _accounts: Arc<dyn Accounts>) {
        todo!("server")
    }
}
