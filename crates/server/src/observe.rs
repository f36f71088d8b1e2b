//! What the server tells its operator: one line per login, transfer and refusal. Never a password, never
//! a key, never a byte of a file.

use std::net::IpAddr;
use std::time::Instant;

use fxp_net::tls::TlsInfo;
use fxp_store::account::{Account, LoginError};
use fxp_store::{Text, VPath};
use tracing::{info, warn};

use crate::context::Context;
use crate::policy::Reason;

/// Somebody is in.
pub(crate) fn logged_in(context: &Context, account: &Account) {
    info!(user = %account.name, anonymous = account.anonymous, secured = context.tls.is_some(), "logged in");
}

/// Somebody is not.
pub(crate) fn login_refused(context: &Context, name: &Text, error: &LoginError) {
    warn!(user = %name, secured = context.tls.is_some(), %error, "login refused");
}

/// Names one refusal in the log and in the reply, so that a client can ask its operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CaseId(u32);

impl CaseId {
    /// A fresh one.
    pub(crate) fn new() -> Self {
        CaseId(rand::random())
    }
}

impl std::fmt::Display for CaseId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// The policy said no.
pub(crate) fn denied(case: CaseId, peer: IpAddr, reason: Reason) {
    warn!(id = %case, %peer, %reason, "data connection denied");
}

/// A user has caused too many failed connections to foreign peers.
pub(crate) fn budget_spent(case: CaseId, peer: IpAddr) {
    warn!(id = %case, %peer, "data connection denied: too many to foreign peers have failed lately");
}

/// A data connection did not come about.
pub(crate) fn unconnected(case: CaseId, peer: Option<IpAddr>, error: &dyn std::fmt::Display) {
    let peer = peer.map(tracing::field::display);
    warn!(id = %case, peer, %error, "no data connection");
}

/// One transfer, from its data connection on.
pub(crate) struct Transfer {
    pub(crate) direction: &'static str,
    pub(crate) path: VPath,
    pub(crate) peer: IpAddr,
    pub(crate) foreign: bool,
    pub(crate) tls: Option<TlsInfo>,
    pub(crate) since: Instant,
}

impl Transfer {
    /// All bytes are there.
    pub(crate) fn done(&self, bytes: u64) {
        info!(
            path = %self.path, peer = %self.peer, foreign = self.foreign, bytes,
            milliseconds = self.milliseconds(), tls = self.tls(), resumed = self.resumed(), "{}", self.direction,
        );
    }

    /// It broke off.
    pub(crate) fn failed(&self, bytes: u64, error: &Text) {
        warn!(
            path = %self.path, peer = %self.peer, foreign = self.foreign, bytes,
            milliseconds = self.milliseconds(), tls = self.tls(), %error, "{} failed", self.direction,
        );
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn tls(&self) -> Option<&'static str> {
        self.tls.as_ref().map(|tls| tls.version)
    }

    fn resumed(&self) -> Option<bool> {
        self.tls.as_ref().map(|tls| tls.resumed)
    }
}
