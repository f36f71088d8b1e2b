//! Data connections before their transfer begins, listening and aiming; and the thread that moves the bytes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use fxp_net::data::{Canceller, DataError, DataStream};
use fxp_net::listen::Welcome;
use fxp_proto::grammar::addr::Family;
use fxp_proto::grammar::peer::PeerProof;
use fxp_proto::server::effect::{Failure, FailureKind, Outcome, Slot};
use fxp_store::storage::StoreError;

use super::permit::Question;
use super::receive::RangeFull;
use super::told::Told;
use super::{Gain, Job, Result, failure, stored};
use crate::policy::Verdict;

/// PASV and its kin: listens on the control connection's own address, or on one of the family asked for.
pub(super) async fn listen(job: &Job, slot: &Slot, family: Option<Family>) -> Result<(Outcome, Gain)> {
    let context = &job.context;
    let family = family.unwrap_or(Family::of(context.local.ip()));
    let ip = local_address(job, family)?;
    let welcome = welcome(Question::before_command(job, slot.clone()).await?);
    let listener = context.shared.ports.listen_for(ip, LISTENER_LIFETIME, welcome).map_err(|error| {
        tracing::error!(%ip, %error, "cannot listen for a data connection");
        failure(FailureKind::Connect, "no passive port is free")
    })?;
    let announced =
        context.announced(ip).await.into_iter().find(|announced| Family::of(*announced) == family);
    if announced.is_none() && context.live.config.passive_address.is_some() {
        tracing::warn!("passive_address has no address of this family; announcing {ip}");
    }
    let address = SocketAddr::new(announced.unwrap_or(ip), listener.local_addr().port());
    let listening = match &slot.peer {
        Some(PeerProof::Key(key)) => context.shared.own_ports.keyed(listener, address, key.clone()),
        _ => listener.into(),
    };
    Ok((Outcome::Listening(address), Gain::Listener(slot.id, listening)))
}

/// The first question to the policy for whoever connects before the transfer command: who cannot be let in
/// whatever it will be takes no place from the one who is meant.
fn welcome(question: Question) -> Welcome {
    let told = Told::default();
    Box::new(move |peer: SocketAddr| !matches!(question.judge_comer(peer.ip(), &told), Verdict::Deny(_)))
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
        Verdict::Maybe | Verdict::Allow(..) => Ok(Outcome::Done),
        Verdict::Deny(reason) => {
            let case = question.tell_denied(target.ip, reason);
            Err(failure(FailureKind::Policy, format!("no data connection with that address (id {case})")))
        }
    }
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
