//! Logs in for lanes before there are any: while the plan is made, and while the first file finds out how the others
//! travel.

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Stop;
use super::crew::Crew;
use crate::report::Trouble;
use crate::retry;
use crate::side::Side;

/// Opens sessions for as many lanes as there are files by now, until `over`. The planner's will be one lane's.
pub(super) async fn warm_up(crew: &Crew, mut files: watch::Receiver<u64>, mut over: Stop) {
    // Which of several sources will be needed nobody knows yet.
    if crew.pairs.len() > 1 {
        return;
    }
    let most = crew.lanes_at_first();
    let mut logging_in: JoinSet<Result<(), Trouble>> = JoinSet::new();
    let (mut begun, mut more_files) = (0, true);
    // The first one shows whether others are welcome.
    let mut welcome = 1;
    loop {
        let lanes = most.min(usize::try_from(*files.borrow_and_update()).unwrap_or(usize::MAX));
        let wanted = lanes.saturating_sub(1).min(welcome);
        for _ in begun..wanted {
            for side in [crew.source(0), crew.destination(0)] {
                logging_in.spawn(open_ahead(side));
            }
        }
        begun = begun.max(wanted);
        if logging_in.is_empty() && !more_files {
            return;
        }
        tokio::select! {
            changed = files.changed(), if more_files => more_files = changed.is_ok(),
            Some(ended) = logging_in.join_next() => match ended {
                Ok(Ok(())) => welcome = most,
                Ok(Err(trouble)) => {
                    tracing::debug!(%trouble, "no more sessions in advance");
                    (welcome, more_files) = (0, false);
                }
                Err(_) => return,
            },
            () = retry::stopped(&mut over) => return,
        }
    }
}

async fn open_ahead(mut side: Side) -> Result<(), Trouble> {
    match side.link() {
        Some(link) => link.open_ahead().await,
        None => Ok(()),
    }
}
