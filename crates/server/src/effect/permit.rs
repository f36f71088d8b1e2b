//! The questions to the policy about one data connection, and the connection itself once it says yes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fxp_net::data::{DataOptions, DataStream};
use fxp_net::dial;
use fxp_net::listen::{Admission, AdmitError, secure};
use fxp_net::meter::Meter;
use fxp_net::tls::{DataTls, FileRole, HandshakeError, ServerSession};
use fxp_proto::grammar::params::{Protection, TlsRole};
use fxp_proto::grammar::peer::PeerProof;
use fxp_proto::server::effect::{Failure, FailureKind, Slot};
use fxp_store::VPath;
use tokio::time::{Instant, sleep_until};

use super::told::Told;
use super::{Job, Result, failure};
use crate::config::fxp::Proof;
use crate::config::network::DataTlsReuse;
use crate::context::{Context, User};
use crate::limits::Stake;
use crate::observe::{self, CaseId};
use crate::own_ports::Listening;
use crate::policy::{Facts, Intent, Relation, Verdict, Way, judge};
use crate::view::View;

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

    /// As rules call it.
    fn direction(&self) -> &'static str {
        match self {
            Purpose::Listing => "list",
            Purpose::In(_) => "in",
            Purpose::Out(_) => "out",
        }
    }
}

/// All that is known about a slot, but who its peer is.
pub(super) struct Question {
    context: Context,
    user: Arc<User>,
    slot: Slot,
    purpose: Option<Purpose>,
    view: View,
    /// The target is a port on which this very process waits for the same key: the server copies to itself. Found
    /// out once: at the third question the port has served its purpose and is gone.
    meets_itself: bool,
}

impl Question {
    pub(super) async fn new(job: &Job, slot: Slot, purpose: Option<Purpose>) -> Result<Self> {
        let (context, user) = (job.context.clone(), job.user()?.clone());
        let view = context.view(may_be_foreign(&context, &user, &slot, purpose.as_ref())).await;
        let meets_itself = match (slot.target, &slot.peer) {
            (Some(target), Some(PeerProof::Key(key))) => {
                context.shared.own_ports.awaits(target.socket_addr(), key)
            }
            _ => false,
        };
        Ok(Question { context, user, slot, purpose, view, meets_itself })
    }

    /// About a port that listens, while its purpose is not known. Names in rules are not resolved for that, so
    /// that no PASV waits for a name server; behind them anybody may be meant.
    pub(super) async fn before_command(job: &Job, slot: Slot) -> Result<Self> {
        let (context, user) = (job.context.clone(), job.user()?.clone());
        let view = context.view(false).await;
        Ok(Question { context, user, slot, purpose: None, view, meets_itself: false })
    }

    pub(super) fn ask(&self, peer: IpAddr) -> Verdict {
        let (proof, from) = proof_of(self.slot.peer.as_ref());
        let facts = Facts {
            client: self.context.client_host,
            user: &self.user.account.name,
            anonymous: self.user.account.anonymous,
            may_fxp: self.user.may_fxp,
            way: self.port().map_or(Way::Passive, Way::Active),
            peer: Some(self.view.host(peer)),
            intent: self.purpose.as_ref().map(Purpose::intent),
            protection: self.slot.protection,
            proof,
            from,
            meets_itself: self.meets_itself,
        };
        judge(self.view.rulebook(&self.context.live.config), &facts)
    }

    /// True if the operator wants to hear of what this rule decides.
    pub(super) fn is_logged(&self, rule: usize) -> bool {
        self.context.live.config.fxp.rules.get(rule).is_some_and(|rule| rule.log)
    }

    /// Where we connect to; `None` if we listen.
    pub(super) fn port(&self) -> Option<u16> {
        self.slot.target.map(|target| target.port.get())
    }

    pub(super) fn direction(&self) -> Option<&'static str> {
        self.purpose.as_ref().map(Purpose::direction)
    }

    pub(super) fn path(&self) -> Option<&VPath> {
        match self.purpose.as_ref()? {
            Purpose::Listing => None,
            Purpose::In(path) | Purpose::Out(path) => Some(path),
        }
    }
}

/// What the slot's peer has to prove, and where it may come from.
fn proof_of(peer: Option<&PeerProof>) -> (Proof, &[IpAddr]) {
    match peer {
        None => (Proof::None, &[]),
        Some(PeerProof::Key(_)) => (Proof::Key, &[]),
        Some(PeerProof::Pin(pin)) => (Proof::Pin, &pin.from),
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
        Some(target) => {
            let verdict = question.ask(target.ip);
            let stake = match verdict {
                Verdict::Allow(Relation::ControlPeer, _) => None,
                Verdict::Allow(Relation::Foreign, _) => Some(place_stake(&question, target.ip)?),
                // With everything known there is no maybe left.
                Verdict::Maybe => return Err(uniform(CaseId::new())),
                Verdict::Deny(reason) => return Err(denial(question.tell_denied(target.ip, reason))),
            };
            question.tell_allowed(target.ip, verdict);
            stake
        }
    };
    Ok(Permit { question, tls, stake })
}

/// A session that the client may resume is offered to the client alone.
fn handshake(job: &Job, slot: &Slot, purpose: &Purpose) -> Result<Option<DataTls>> {
    if slot.protection == Protection::Clear {
        return match slot.peer {
            None => Ok(None),
            Some(_) => Err(failure(FailureKind::Protection, "nothing can be proven in clear; use PROT P")),
        };
    }
    let Some(session) = &job.context.tls else {
        return Err(failure(FailureKind::Protection, "PROT P needs a protected control connection"));
    };
    let role = role(slot, purpose);
    if let Some(proof) = &slot.peer {
        return Ok(Some(proving(proof, session, role, purpose)));
    }
    Ok(Some(match role {
        TlsRole::Client => session.as_client(),
        TlsRole::Server => {
            let demanded = job.context.live.config.data_tls_reuse == DataTlsReuse::Require;
            let session = if demanded { session.demanding_resumption() } else { session.clone() };
            let session = if let Purpose::In(_) = purpose { session.receiving() } else { session };
            session.data_or_foreign(job.context.client.ip())
        }
    }))
}

/// The handshake of a peer that has to prove who it is.
fn proving(proof: &PeerProof, session: &ServerSession, role: TlsRole, purpose: &Purpose) -> DataTls {
    match proof {
        PeerProof::Pin(pin) => session.expecting(pin, role),
        PeerProof::Key(key) => {
            let file = match purpose {
                Purpose::In(_) => FileRole::Destination,
                Purpose::Out(_) | Purpose::Listing => FileRole::Source,
            };
            ServerSession::keyed(key.clone(), role, file)
        }
    }
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
    pub(super) async fn connect(mut self, listener: Option<Listening>) -> Result<Connected> {
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
    async fn admit(&self, mut listener: Listening) -> Result<DataStream> {
        let context = &self.question.context;
        let told = Told::default();
        let admit =
            |peer: SocketAddr| matches!(self.question.judge_comer(peer.ip(), &told), Verdict::Allow(..));
        let (now, limits) = (Instant::now(), &context.live.config.limits);
        let admission = Admission {
            admit: &admit,
            tls: self.tls.clone(),
            deadline: now + limits.data_timeout,
            deadline_after_stranger: now + self.patience_with_strangers(),
            meter: self.meter(),
        };
        listener.port.admit(admission).await.map_err(|error| self.not_admitted(&error))
    }

    /// As long as it waits for a foreign host that it connects to; but a peer that proves who it is is waited for
    /// as if no stranger had come, lest one packet cut its time.
    fn patience_with_strangers(&self) -> Duration {
        let limits = &self.question.context.live.config.limits;
        if self.question.slot.peer.is_some() { limits.data_timeout } else { limits.foreign_timeout }
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
        let introduced = self.question.slot.peer.is_some();
        match peer {
            Some(peer) if peer != self.question.context.client_host.ip => uniform(case),
            // Whether the other server has come and failed, or has not come, is nothing for who introduced it.
            None if introduced => uniform(case),
            _ => failure(kind, format!("{error} (id {case})")),
        }
    }

    /// The third question: the peer is there now. True if it is a foreign one.
    fn judge_connected(&self, stream: &DataStream) -> Result<bool> {
        let peer = stream.peer_addr().ip();
        let proven = stream.tls().and_then(|tls| tls.proven);
        if self.question.slot.peer.is_some() && proven.is_none() {
            // Cannot be: the handshake sees to it.
            return Err(uniform(CaseId::new()));
        }
        match self.question.ask(peer) {
            Verdict::Allow(Relation::Foreign, _) => Ok(true),
            Verdict::Allow(Relation::ControlPeer, _) => self.check_resumption(stream).map(|()| false),
            Verdict::Maybe => Err(uniform(CaseId::new())),
            Verdict::Deny(reason) => Err(denial(self.question.tell_denied(peer, reason))),
        }
    }

    /// Where the configuration demands it, the client's data connection resumes the session of its control
    /// connection: nobody else can. Where we are the TLS server the handshake has seen to that, and who did
    /// not resume was a stranger; where we are the client, nothing can be resumed.
    fn check_resumption(&self, stream: &DataStream) -> Result<()> {
        let demanded = self.question.context.live.config.data_tls_reuse == DataTlsReuse::Require;
        match stream.tls() {
            // Who has proven more needs no session.
            Some(tls) if demanded && !tls.resumed && tls.proven.is_none() => Err(failure(
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
