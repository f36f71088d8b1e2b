//! Further certificates of a server, for PEER EXPECT: another server may be shown another one than we are.
//!
//! They are asked for once per server and run, and not remembered for the next one: they cost a second at most, and what was
//! shown last month may have been replaced, or revoked. `docs/decisions/0009` says more.

use std::collections::HashMap;
use std::sync::Arc;

use fxp_client::certificates::certificates;
use fxp_client::trust::{Fingerprint, Verified};
use tokio::sync::{Mutex, OnceCell};

use super::{Link, Pool};
use crate::report::Trouble;
use crate::site::TlsMode;

/// What was found out, by server. A second lane waits for the first one's answer.
#[derive(Default)]
pub(super) struct Certificates(Mutex<HashMap<String, Arc<OnceCell<Vec<Fingerprint>>>>>);

impl Link {
    /// The certificates that this server may show to another server: those that a person trusts for it, and those that
    /// it shows us on further connections. The latter only where the session's own was vouched for by a root: what
    /// is pinned is known already.
    pub(crate) async fn certificates(&mut self) -> Result<Vec<Fingerprint>, Trouble> {
        let session = self.session().await?;
        let by_root = session.tls().is_some_and(|tls| tls.verified == Some(Verified::Roots));
        let mut certificates =
            if by_root { self.pool().certificates_of(&self.server).await? } else { Vec::new() };
        certificates.extend(self.known().trusted.iter().filter_map(|text| text.parse::<Fingerprint>().ok()));
        Ok(certificates)
    }
}

impl Pool {
    async fn certificates_of(&self, server: &crate::site::Server) -> Result<Vec<Fingerprint>, Trouble> {
        let trust = self.trust(server)?;
        let cell = self.certificates.0.lock().await.entry(server.key()).or_default().clone();
        let implicit = server.tls == TlsMode::Implicit;
        let asking = || certificates(&server.host, server.port, implicit, &trust, &self.context.environment);
        let found = cell.get_or_init(asking).await;
        tracing::debug!(server = server.key(), ?found, "certificates for other servers");
        Ok(found.clone())
    }
}
