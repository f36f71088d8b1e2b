//! What is tried again, and after which pause.

use std::time::Duration;

use fxp_proto::pair::exchange::Refusal;

use crate::report::{Trouble, TroubleKind};
use crate::run::Stop;

/// True if the same thing may work another time: the network, a busy server, a file that arrived damaged.
/// What was refused for a reason (path, space, login, policy) is not asked for again.
pub(crate) fn may_help(trouble: &Trouble) -> bool {
    match trouble.class {
        Some(Refusal::Lost | Refusal::TimedOut | Refusal::Transient | Refusal::Connectivity) => {
            trouble.kind != TroubleKind::FxpImpossible
        }
        Some(_) => false,
        None => matches!(trouble.kind, TroubleKind::Network | TroubleKind::Verification),
    }
}

/// The pause before attempt number `attempt` (the second attempt is 1): it doubles, up to a ceiling.
pub(crate) fn pause(attempt: u32) -> Duration {
    let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
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
    fn pauses_double_up_to_a_ceiling() {
        let seconds: Vec<f64> = [1, 2, 3, 8, 40, u32::MAX].map(|attempt| pause(attempt).as_secs_f64()).into();
        assert_eq!(seconds, [0.5, 1.0, 2.0, 60.0, 60.0, 60.0]);
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let rows = [
            (TroubleKind::Network, Some(Refusal::Lost), true),
            (TroubleKind::Network, Some(Refusal::Transient), true),
            (TroubleKind::Verification, None, true),
            (TroubleKind::SourceNotFound, Some(Refusal::Path), false),
            (TroubleKind::DestinationDenied, Some(Refusal::Space), false),
            (TroubleKind::Login, Some(Refusal::Login), false),
            (TroubleKind::Tls, Some(Refusal::TlsRole), false),
            (TroubleKind::FxpImpossible, Some(Refusal::Connectivity), false),
            (TroubleKind::Interrupted, Some(Refusal::Aborted), false),
            (TroubleKind::Other, None, false),
        ];
        for (kind, class, expected) in rows {
            let trouble = Trouble { class, ..Trouble::new(kind, "x") };
            assert_eq!(may_help(&trouble), expected, "{kind:?} {class:?}");
        }
    }
}
