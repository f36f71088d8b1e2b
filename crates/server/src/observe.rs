//! What the server tells its operator: one line per login, transfer and refusal. Never a password, never
//! a key, never a byte of a file.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fxp_net::data::DataStream;
use fxp_net::tls::{Proven, TlsInfo};
use fxp_proto::server::effect::Failure;
use fxp_store::account::{Account, LoginError};
use fxp_store::{Text, VPath};
use tracing::{info, warn};

use crate::bans::TurnedAway;
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

/// What somebody hears who is banned. How long it lasts is for the log only: it would tell a guesser when
/// to come again.
pub(crate) const BANNED: &str = "too many failed logins from your address, try again later";

/// Too many logins have failed.
pub(crate) fn banned(context: &Context, time: Duration) {
    warn!(address = %context.client.ip(), seconds = time.as_secs(), "banned: too many failed logins");
}

/// Somebody who is banned stood at the door. Who hammers at it fills no disk: the log hears of the first
/// time, and of every time that there are twice as many.
pub(crate) fn turned_away(address: IpAddr, TurnedAway { remaining, times }: TurnedAway) {
    if times.is_power_of_two() {
        info!(%address, times, seconds_left = remaining.as_secs(), "turned away: banned");
    }
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
    warn!(id = %case, %peer, rule = reason.rule(), %reason, "data connection denied");
}

/// A rule with `log` said yes.
pub(crate) fn allowed(
    peer: IpAddr,
    port: Option<u16>,
    rule: usize,
    direction: Option<&'static str>,
    path: Option<&VPath>,
) {
    let path = path.map(tracing::field::display);
    info!(%peer, port, rule, direction, path, "data connection allowed");
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

/// One transfer, from its data connection on. It leaves one line, also when its task is aborted.
pub(crate) struct Transfer {
    direction: &'static str,
    path: VPath,
    peer: IpAddr,
    foreign: bool,
    tls: Option<TlsInfo>,
    progress: Arc<AtomicU64>,
    since: Instant,
    told: bool,
}

impl Transfer {
    /// A transfer over `stream`, which counts into `progress`.
    pub(crate) fn over(
        stream: &DataStream,
        direction: &'static str,
        path: VPath,
        foreign: bool,
        progress: &Arc<AtomicU64>,
    ) -> Self {
        Transfer {
            direction,
            path,
            peer: stream.peer_addr().ip(),
            foreign,
            tls: stream.tls().cloned(),
            progress: progress.clone(),
            since: Instant::now(),
            told: false,
        }
    }

    /// Says how it ended, and hands the end on.
    pub(crate) fn ended(self, end: Result<u64, Failure>) -> Result<u64, Failure> {
        match &end {
            Ok(_) => self.done(),
            Err(failure) => self.failed(&failure.detail),
        }
        end
    }

    /// All bytes are there.
    fn done(mut self) {
        self.told = true;
        info!(
            path = %self.path, peer = %self.peer, foreign = self.foreign, bytes = self.bytes(),
            milliseconds = self.milliseconds(), tls = self.tls(), resumed = self.resumed(), proof = self.proof(), "{}",
            self.direction,
        );
    }

    /// It broke off.
    fn failed(mut self, error: &Text) {
        self.told = true;
        warn!(
            path = %self.path, peer = %self.peer, foreign = self.foreign, bytes = self.bytes(),
            milliseconds = self.milliseconds(), tls = self.tls(), %error, "{} in part", self.direction,
        );
    }

    fn bytes(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn tls(&self) -> Option<&'static str> {
        self.tls.as_ref().map(|tls| tls.version)
    }

    /// What the other server has proven.
    fn proof(&self) -> Option<&'static str> {
        self.tls.as_ref().and_then(|tls| tls.proven).map(|proven| match proven {
            Proven::Key => "key",
            Proven::Pin => "pin",
        })
    }

    fn resumed(&self) -> Option<bool> {
        self.tls.as_ref().map(|tls| tls.resumed)
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if !self.told {
            info!(
                path = %self.path, peer = %self.peer, foreign = self.foreign, bytes = self.bytes(),
                milliseconds = self.milliseconds(), tls = self.tls(), "{} in part: stopped", self.direction,
            );
        }
    }
}
