//! What is tried again, and after which pause.

pub(crate) mod headway;

use std::time::Duration;

use fxp_proto::pair::exchange::Refusal;
use fxp_proto::pair::leg::Leg;

use crate::report::{Trouble, TroubleKind};
use crate::run::Stop;

/// Who is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The source, or its file.
    Source,
    /// The destination, or its file.
    Destination,
    /// The network, or how the two servers meet.
    Link,
    /// What was asked for, or how.
    Us,
}

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// The same once more: the file changed under our hands, or arrived damaged.
    Now,
    /// The same, after a pause.
    Later,
    /// The same, when the destination has room.
    WithRoom,
    /// The same by another rung of the ladder; the lane has tried those that there are.
    OtherRung,
    /// The same would end the same way.
    Never,
}

/// What there is to say about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) fault: Fault,
    pub(crate) again: Again,
}

/// Who is at fault, and what to do about it. What was refused for a reason (path, login, policy) is not asked for again.
pub(crate) fn judge(trouble: &Trouble) -> Judgement {
    let fault = match (trouble.class, trouble.leg) {
        (Some(Refusal::Connectivity), _) => Fault::Link,
        (_, Some(Leg::Source)) => Fault::Source,
        (_, Some(Leg::Destination)) => Fault::Destination,
        (Some(Refusal::Lost | Refusal::TimedOut | Refusal::Transient), None) => Fault::Link,
        (_, None) if trouble.kind == TroubleKind::Network => Fault::Link,
        (_, None) => Fault::Us,
    };
    let again = match trouble.class {
        _ if trouble.kind == TroubleKind::FxpImpossible => Again::Never,
        Some(Refusal::Lost | Refusal::TimedOut | Refusal::Transient | Refusal::Connectivity) => Again::Later,
        Some(Refusal::Space) if trouble.leg != Some(Leg::Source) => Again::WithRoom,
        Some(Refusal::Policy | Refusal::Address | Refusal::TlsRole | Refusal::Unsupported) => {
            Again::OtherRung
        }
        Some(_) => Again::Never,
        None if trouble.kind == TroubleKind::Verification => Again::Now,
        None if trouble.kind == TroubleKind::Network => Again::Later,
        None => Again::Never,
    };
    Judgement { fault, again }
}

impl Judgement {
    /// True if the same thing may work another time.
    pub(crate) fn may_help(self) -> bool {
        matches!(self.again, Again::Now | Again::Later)
    }

    /// True if more lanes would only make it worse. What is about a file of the source says nothing about the link.
    pub(crate) fn throttles(self) -> bool {
        self.again == Again::Later
    }
}

/// The pause before attempt number `attempt` (the second attempt is 1): it doubles, up to a ceiling. `chance`,
/// between 0 and 1, makes it shorter, so that many who failed at once do not come again at once: the first one a
/// little, since it is short anyway, the others by up to a half.
pub(crate) fn pause(attempt: u32, chance: f64) -> Duration {
    let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    let share = if attempt > 1 { 0.5 } else { 0.1 };
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE).mul_f64(1.0 - share * chance.clamp(0.0, 1.0))
}

/// Waits, unless the run is stopped; true if it was.
pub(crate) async fn wait(pause: Duration, stop: &mut Stop) -> bool {
    tokio::select! {
        () = stopped(stop) => true,
        () = tokio::time::sleep(pause) => false,
    }
}

/// Comes back when the run is stopped. Nobody left who could stop it means that nobody will.
pub(crate) async fn stopped(stop: &mut Stop) {
    if stop.wait_for(|&stopped| stopped).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Runs `work`, which notices a stop by itself and ends in an orderly way; if it takes too long about
/// that (a server that computes a digest, or is silent), it is left where it is. `None`: it was left.
pub(crate) async fn orderly<T>(work: impl Future<Output = T>, stop: &Stop) -> Option<T> {
    let mut stop = stop.clone();
    tokio::select! {
        done = work => Some(done),
        () = async { stopped(&mut stop).await; tokio::time::sleep(GRACE).await } => None,
    }
}

/// How long an orderly end may take: ABOR and both last replies, with room for a slow line.
const GRACE: Duration = Duration::from_secs(10);

/// Enough for a server that restarts a worker or frees a slot.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Beyond a minute nothing is gained by waiting longer at a terminal.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_ceiling_and_vary() {
        let seconds = |chance| [1, 2, 3, 8, 40, u32::MAX].map(|attempt| pause(attempt, chance).as_secs_f64());
        assert_eq!(seconds(0.0), [0.5, 1.0, 2.0, 60.0, 60.0, 60.0]);
        assert_eq!(seconds(1.0), [0.45, 0.5, 1.0, 30.0, 30.0, 30.0]);
    }

    #[test]
    fn a_failure_has_somebody_at_fault_and_a_cure() {
        use Again::{Later, Never, Now, OtherRung, WithRoom};
        use TroubleKind as Kind;
        let (source, destination) = (Some(Leg::Source), Some(Leg::Destination));
        let rows = [
            (Kind::Network, Some(Refusal::Lost), source, Fault::Source, Later, true),
            (Kind::Network, Some(Refusal::Transient), destination, Fault::Destination, Later, true),
            (Kind::Network, Some(Refusal::Connectivity), source, Fault::Link, Later, true),
            (Kind::Network, None, None, Fault::Link, Later, true),
            (Kind::Verification, None, None, Fault::Us, Now, false),
            (Kind::Verification, None, source, Fault::Source, Now, false),
            (Kind::SourceNotFound, Some(Refusal::Path), source, Fault::Source, Never, false),
            (Kind::DestinationDenied, Some(Refusal::Space), destination, Fault::Destination, WithRoom, false),
            (Kind::DestinationDenied, Some(Refusal::Space), None, Fault::Us, WithRoom, false),
            (Kind::Login, Some(Refusal::Login), source, Fault::Source, Never, false),
            (Kind::Tls, Some(Refusal::TlsRole), destination, Fault::Destination, OtherRung, false),
            (Kind::FxpImpossible, Some(Refusal::Connectivity), None, Fault::Link, Never, false),
            (Kind::Interrupted, Some(Refusal::Aborted), None, Fault::Us, Never, false),
            (Kind::Other, None, None, Fault::Us, Never, false),
        ];
        for (kind, class, leg, fault, again, throttles) in rows {
            let judgement = judge(&Trouble { class, leg, ..Trouble::new(kind, "x") });
            assert_eq!(judgement, Judgement { fault, again }, "{kind:?} {class:?} {leg:?}");
            assert_eq!(judgement.throttles(), throttles, "{kind:?} {class:?} {leg:?}");
        }
    }
}
