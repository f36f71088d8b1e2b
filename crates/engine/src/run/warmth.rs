//! Logs in for lanes before there are any: while the plan is made, and while the first file finds out how the others
//! travel. The sessions wait in the pool for whoever needs one first.

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Stop;
use super::crew::Crew;
use crate::retry;
use crate::side::Side;

/// Opens sessions for as many lanes as `wanted` says, at most one for each file, until `over`. What goes wrong is for a
/// lane to find out, which knows what to do then.
pub(super) async fn warm_up(crew: &Crew, mut wanted: watch::Receiver<u64>, mut over: Stop) {
    let most = crew.lanes_at_first();
    let mut logging_in = JoinSet::new();
    let mut begun = 0;
    loop {
        let lanes = most.min(usize::try_from(*wanted.borrow_and_update()).unwrap_or(usize::MAX));
        for _ in begun..lanes {
            for side in [crew.source(0), crew.destination(0)] {
                logging_in.spawn(keep_ready(side));
            }
        }
        begun = begun.max(lanes);
        tokio::select! {
            changed = wanted.changed(), if begun < most => {
                if changed.is_err() {
                    break;
                }
            }
            Some(_) = logging_in.join_next() => {}
            () = retry::stopped(&mut over) => return,
            else => break,
        }
    }
    tokio::select! {
        _ = async { while logging_in.join_next().await.is_some() {} } => {}
        () = retry::stopped(&mut over) => {}
    }
}

/// Leaves a session in the pool, if the server has room for it.
async fn keep_ready(mut side: Side) {
    let Some(link) = side.link() else { return };
    if link.sit_if_free()
        && let Err(trouble) = link.session().await
    {
        tracing::debug!(%trouble, "no session in advance");
    }
    link.park();
}
