//! Data connections: listening, aiming, the questions to the policy, and the connection itself.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fxp_net::data::{Canceller, DataError, DataOptions, DataStream};
use fxp_net::dial;
use fxp_net::listen::{Admission, AdmitError, PassiveListener, secure};
use fxp_net::meter::Meter;
use fxp_net::tls::{DataTls, HandshakeError};
use fxp_proto::grammar::addr::Family;
use fxp_proto::grammar::params::{Protection, TlsRole};
use fxp_proto::server::effect::{Failure, FailureKind, Outcome, Slot, SlotId};
use fxp_store::VPath;
use fxp_store::storage::StoreError;
use tokio::time::{Instant, sleep_until};

use super::receive::RangeFull;
use super::{Gain, Job, Result, failure, stored};
use crate::config::network::DataTlsReuse;
use crate::context::{Context, User, View};
use crate::limits::Stake;
use crate::observe::{self, CaseId};
use crate::policy::{Facts, Intent, Relation, Verdict, Way, judge};

/// PASV and its kin: listens on the control connection's own address, or on one of the family asked for.
pub(super) async fn listen(job: &Job, slot: SlotId, family: Option<Family>) -> Result<(Outcome, Gain)> {
    let context = &job.context;
    let family = family.unwrap_or(Family::of(context.local.ip()));
    let ip = local_address(job, family)?;
    let listener = context.shared.ports.listen(ip, LISTENER_LIFETIME).map_err(|error| {
        tracing::error!(%ip, %error, "cannot listen for a data connection");
        failure(FailureKind::Connect, "no passive port is free")
    })?;
    let announced =
        context.announced(ip).await.into_iter().find(|announced| Family::of(*announced) == family);
    if announced.is_none() && context.live.config.passive_address.is_some() {
        tracing::warn!("passive_address has no address of this family; announcing {ip}");
    }
    let address = SocketAddr::new(announced.unwrap_or(ip), listener.local_addr().port());
    Ok((Outcome::Listening(address), Gain::Listener(slot, listener)))
}

/// Our address of the family: the control connection's, else one that the configuration listens on.
fn local_address(job: &Job, family: Family) -> Result<IpAddr> {
    let configured = job.context.live.config.listen.iter().map(|listen| listen.address.ip());
    std::iter::once(job.context.local.ip())
        .chain(configured.filter(|ip| !ip.is_unspecified()))
        .find(|ip| Family::of(*ip) == family)
        .ok_or_else(|| match family {
            Family::V4 => failure(FailureKind::Family, "no IPv4 here; use EPSV"),
            Family::V6 => failure(FailureKind::Family, "no IPv6 here; use PASV"),
        })
}

/// PORT, EPRT: the first question to the policy.
pub(super) async fn aim(job: &Job, slot: Slot) -> Result {
    let Some(target) = slot.target else { return Ok(Outcome::Done) };
    let question = Question::new(job, slot, None).await?;
    match question.ask(target.ip) {
        Verdict::Maybe | Verdict::Allow(_) => Ok(Outcome::Done),
        Verdict::Deny(reason) => {
            let case = CaseId::new();
            observe::denied(case, target.ip, reason);
            Err(failure(FailureKind::Policy, format!("no data connection with that address (id {case})")))
        }
    }
}

/// What a data connection is for, and whose file it is about.
#[derive(Clone)]
pub(super) enum Purpose {
    /// A listing.
    Listing,
    /// A file comes in.
    In(VPath),
    /// A file goes out.
    Out(VPath),
}

impl Purpose {
    fn intent(&self) -> Intent<'_> {
        match self {
            Purpose::Listing => Intent::Listing,
            Purpose::In(path) => Intent::In(path),
            Purpose::Out(path) => Intent::Out(path),
        }
    }
}

/// All that is known about a slot, but who its peer is.
struct Question {
    context: Context,
    user: Arc<User>,
    slot: Slot,
    purpose: Option<Purpose>,
    view: View,
}

impl Question {
    async fn new(job: &Job, slot: Slot, purpose: Option<Purpose>) -> Result<Self> {
        let (context, user) = (job.context.clone(), job.user()?.clone());
        let view = context.view(may_be_foreign(&context, &user, &slot, purpose.as_ref())).await;
        Ok(Question { context, user, slot, purpose, view })
    }

    fn ask(&self, peer: IpAddr) -> Verdict {
        let facts = Facts {
            client: self.context.client_host,
            user: &self.user.account.name,
            anonymous: self.user.account.anonymous,
            may_fxp: self.user.may_fxp,
            way: self.slot.target.map_or(Way::Passive, |target| Way::Active(target.port.get())),
            peer: Some(self.view.host(peer)),
            intent: self.purpose.as_ref().map(Purpose::intent),
            protection: self.slot.protection,
        };
        judge(self.view.rulebook(&self.context), &facts)
    }
}

/// False if the policy will hear of no other peer than the client, or has a no for all others: then an
/// ordinary transfer does not depend on a name server.
fn may_be_foreign(context: &Context, user: &User, slot: &Slot, purpose: Option<&Purpose>) -> bool {
    let to_client = slot.target.is_some_and(|target| target.ip.to_canonical() == context.client_host.ip);
    let listing = matches!(purpose, Some(Purpose::Listing));
    !to_client && !listing && user.may_fxp && !user.account.anonymous
}

/// The second yes, and all that is needed to act on it.
pub(super) struct Permit {
    question: Question,
    tls: Option<DataTls>,
    /// For a foreign peer that we connect to.
    stake: Option<Stake>,
}

/// A data connection, ready for bytes.
pub(super) struct Connected {
    pub(super) stream: DataStream,
    pub(super) foreign: bool,
}

/// The second question to the policy. Nothing has been sent to the peer yet.
pub(super) async fn permit(job: &Job, slot: Slot, purpose: Purpose) -> Result<Permit> {
    let tls = handshake(job, &slot, &purpose)?;
    let question = Question::new(job, slot, Some(purpose)).await?;
    let stake = match question.slot.target {
        None => None,
        Some(target) => match question.ask(target.ip) {
            Verdict::Allow(Relation::ControlPeer) => None,
            Verdict::Allow(Relation::Foreign) => Some(place_stake(&question, target.ip)?),
            // With everything known there is no maybe left.
            Verdict::Maybe => return Err(uniform(CaseId::new())),
            Verdict::Deny(reason) => {
                let case = CaseId::new();
                observe::denied(case, target.ip, reason);
                return Err(denial(case));
            }
        },
    };
    Ok(Permit { question, tls, stake })
}

/// A session that the client may resume is offered to the client alone.
fn handshake(job: &Job, slot: &Slot, purpose: &Purpose) -> Result<Option<DataTls>> {
    if slot.protection == Protection::Clear {
        return Ok(None);
    }
    let Some(session) = &job.context.tls else {
        return Err(failure(FailureKind::Protection, "PROT P needs a protected control connection"));
    };
    Ok(Some(match role(slot, purpose) {
        TlsRole::Client => session.as_client(),
        TlsRole::Server => {
            let demanded = job.context.live.config.data_tls_reuse == DataTlsReuse::Require;
            let session = if demanded { session.demanding_resumption() } else { session.clone() };
            let session = if let Purpose::In(_) = purpose { session.receiving() } else { session };
            session.data_or_foreign(job.context.client.ip())
        }
    }))
}

/// Listings go to the client, who is never TLS server (RFC 4217, 7).
fn role(slot: &Slot, purpose: &Purpose) -> TlsRole {
    if let Purpose::Listing = purpose { TlsRole::Server } else { slot.role }
}

fn place_stake(question: &Question, peer: IpAddr) -> Result<Stake> {
    let budget = question.context.shared.budget.clone();
    let most = question.context.live.config.limits.foreign_failures;
    budget.stake(&question.user.account.name, most).ok_or_else(|| {
        let case = CaseId::new();
        observe::budget_spent(case, peer);
        denial(case)
    })
}

impl Permit {
    /// The data connection, secured if it has to be, and judged a third time.
    pub(super) async fn connect(mut self, listener: Option<PassiveListener>) -> Result<Connected> {
        let stake = self.stake.take();
        let stream = match (self.question.slot.target, listener) {
            (Some(target), _) => self.dial(target.socket_addr(), stake.is_some()).await?,
            (None, Some(listener)) => self.admit(listener).await?,
            (None, None) => return Err(failure(FailureKind::Connect, "the passive port is closed already")),
        };
        let foreign = self.judge_connected(&stream)?;
        let idle = self.question.context.live.config.limits.transfer_idle;
        if let Err(error) = stream.apply(&DataOptions { idle, ..DataOptions::default() }) {
            tracing::warn!(%error, "cannot set up the data connection");
        }
        if let Some(stake) = stake {
            stake.give_back();
        }
        Ok(Connected { stream, foreign })
    }

    /// Towards a foreign peer every failure looks the same, and comes when the time is over.
    async fn dial(&self, target: SocketAddr, foreign: bool) -> Result<DataStream> {
        let limits = &self.question.context.live.config.limits;
        let patience = if foreign { limits.foreign_timeout } else { limits.data_timeout };
        let deadline = Instant::now() + patience;
        match self.connect_to(target, patience, deadline).await {
            Ok(stream) => Ok(stream),
            Err(error) => {
                let case = CaseId::new();
                observe::unconnected(case, Some(target.ip()), &error.detail);
                if !foreign {
                    return Err(error);
                }
                sleep_until(deadline).await;
                Err(uniform(case))
            }
        }
    }

    async fn connect_to(
        &self,
        target: SocketAddr,
        patience: Duration,
        deadline: Instant,
    ) -> Result<DataStream> {
        let context = &self.question.context;
        let tcp = dial::data(Some(context.local.ip()), target, patience)
            .await
            .map_err(|error| failure(FailureKind::Connect, format!("cannot connect to {target}: {error}")))?;
        secure(tcp, self.tls.clone(), deadline, self.meter())
            .await
            .map_err(|error| failure(handshake_failure(&error), format!("TLS with {target}: {error}")))
    }

    /// Bytes of files are counted; a listing is no payload.
    fn meter(&self) -> Meter {
        match self.question.purpose {
            Some(Purpose::In(_) | Purpose::Out(_)) => self.question.context.shared.meter.clone(),
            _ => Meter::default(),
        }
    }

    /// Waits for a peer that the policy lets in.
    async fn admit(&self, mut listener: PassiveListener) -> Result<DataStream> {
        let context = &self.question.context;
        let warned = AtomicBool::new(false);
        let admit = |peer: SocketAddr| self.lets_in(peer.ip(), &warned);
        let (now, limits) = (Instant::now(), &context.live.config.limits);
        let admission = Admission {
            admit: &admit,
            tls: self.tls.clone(),
            deadline: now + limits.data_timeout,
            // As long as it waits for a foreign host that it connects to.
            deadline_after_stranger: now + limits.foreign_timeout,
            meter: self.meter(),
        };
        listener.admit(admission).await.map_err(|error| self.not_admitted(&error))
    }

    /// Of many strangers at one port only the first is worth a line in the log.
    fn lets_in(&self, peer: IpAddr, warned: &AtomicBool) -> bool {
        match self.question.ask(peer) {
            Verdict::Allow(_) => true,
            Verdict::Deny(reason) => {
                if !warned.swap(true, Ordering::Relaxed) {
                    observe::denied(CaseId::new(), peer, reason);
                }
                false
            }
            Verdict::Maybe => false,
        }
    }

    /// Who listens learns nothing about others by it, but what a foreign peer did is not the client's business.
    fn not_admitted(&self, error: &AdmitError) -> Failure {
        let case = CaseId::new();
        let (kind, peer) = match error {
            AdmitError::Handshake { peer, error } => (handshake_failure(error), Some(peer.ip())),
            AdmitError::Lost { peer, .. } => (FailureKind::Connect, Some(peer.ip())),
            AdmitError::OnlyStrangers { first, .. } => (FailureKind::Connect, Some(first.ip())),
            AdmitError::NobodyCame | AdmitError::Listen(_) => (FailureKind::Connect, None),
        };
        observe::unconnected(case, peer, error);
        match peer {
            Some(peer) if peer != self.question.context.client_host.ip => uniform(case),
            _ => failure(kind, format!("{error} (id {case})")),
        }
    }

    /// The third question: the peer is there now. True if it is a foreign one.
    fn judge_connected(&self, stream: &DataStream) -> Result<bool> {
        let peer = stream.peer_addr().ip();
        match self.question.ask(peer) {
            Verdict::Allow(Relation::Foreign) => Ok(true),
            Verdict::Allow(Relation::ControlPeer) => self.check_resumption(stream).map(|()| false),
            Verdict::Maybe => Err(uniform(CaseId::new())),
            Verdict::Deny(reason) => {
                let case = CaseId::new();
                observe::denied(case, peer, reason);
                Err(denial(case))
            }
        }
    }

    /// Where the configuration demands it, the client's data connection resumes the session of its control
    /// connection: nobody else can. Where we are the TLS server the handshake has seen to that, and who did
    /// not resume was a stranger; where we are the client, nothing can be resumed.
    fn check_resumption(&self, stream: &DataStream) -> Result<()> {
        let demanded = self.question.context.live.config.data_tls_reuse == DataTlsReuse::Require;
        match stream.tls() {
            Some(tls) if demanded && !tls.resumed => Err(failure(
                FailureKind::NotResumed,
                "the data connection must resume the TLS session of the control connection",
            )),
            _ => Ok(()),
        }
    }
}

fn handshake_failure(error: &HandshakeError) -> FailureKind {
    match error {
        HandshakeError::NotResumed => FailureKind::NotResumed,
        _ => FailureKind::Handshake,
    }
}

/// The one text for whatever went wrong with a foreign peer.
fn uniform(case: CaseId) -> Failure {
    failure(FailureKind::Connect, format!("no data connection with the other server (id {case})"))
}

fn denial(case: CaseId) -> Failure {
    failure(FailureKind::Policy, format!("the data connection is not allowed here (id {case})"))
}

/// Stops a transfer when its task is aborted, or when it is over and nothing runs any more.
pub(super) struct StopOnDrop(pub(super) Canceller);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Moves bytes over `stream` on a thread of its own, until they are all there, the connection breaks, or
/// the task is aborted.
pub(super) async fn on_thread<T: Send + 'static>(
    job: &Job,
    stream: DataStream,
    work: impl FnOnce(DataStream) -> T + Send + 'static,
) -> Result<T> {
    let _stop = StopOnDrop(stream.canceller());
    job.blocking(move || work(stream)).await
}

/// What a broken transfer means to the client.
pub(super) fn broken(error: DataError) -> Failure {
    match error {
        DataError::Network(_) | DataError::Truncated => failure(FailureKind::Broken, error.to_string()),
        DataError::Cancelled => failure(FailureKind::Aborted, error.to_string()),
        DataError::Storage(cause) => match cause.downcast::<StoreError>() {
            Ok(error) => stored(error),
            Err(cause) if cause.get_ref().is_some_and(|cause| cause.is::<RangeFull>()) => {
                failure(FailureKind::Quota, cause.to_string())
            }
            Err(cause) => stored(StoreError::Io(cause)),
        },
    }
}

/// A slot that no transfer command follows is closed after five minutes.
const LISTENER_LIFETIME: Duration = Duration::from_secs(300);
