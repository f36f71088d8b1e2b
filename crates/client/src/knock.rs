//! Connecting to where a server listens, to hang up at once: that ends its wait for somebody else, who will not come.

use fxp_net::dial;
use fxp_proto::grammar::addr::HostPort;

use crate::session::Session;

impl Session {
    /// Knocks at `address`, where this session's server listens. Nothing is sent or read, and nobody is waited for:
    /// whether it was heard shows in the server's reply to the command that waits.
    pub fn knock(&self, address: HostPort) {
        let (local, patience) = (self.local.ip(), self.patience);
        tokio::spawn(async move {
            let knocked = dial::data(Some(local), address.socket_addr(), patience).await;
            tracing::debug!(%address, ok = knocked.is_ok(), "knocked");
        });
    }
}
