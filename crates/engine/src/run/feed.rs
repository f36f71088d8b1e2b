//! Passes on what the planner finds, and tells how much there is to do: from time to time while the walk goes on,
//! and once when it has ended.
//!
//! The beginning is held back for a moment, so that of a small tree the whole plan is told before its first file.

use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::{Instant, timeout_at};

use crate::plan::item::Item;

/// How much was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) directories: u64,
    pub(super) unchanged: u64,
    /// Things of any kind.
    pub(super) items: u64,
    /// The walk has ended: this is all.
    pub(super) complete: bool,
}

/// What was passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fed {
    /// So much was found.
    pub(super) found: Found,
    /// They are all that there is to do, and all of them were wanted.
    pub(super) all: bool,
}

/// Passes on all items. Where `from` ends, `whole` says whether that is the end of the walk.
pub(super) async fn feed(
    mut from: Receiver<Item>,
    to: Sender<Item>,
    whole: impl Fn() -> bool,
    mut tell: impl FnMut(Found),
) -> Fed {
    let mut found = Found::default();
    let mut ended = false;
    let mut held = Vec::new();
    let deadline = Instant::now() + HOLD_BACK;
    while held.len() < MOST_HELD {
        match timeout_at(deadline, from.recv()).await {
            Ok(Some(item)) => {
                found.count(&item);
                held.push(item);
            }
            Ok(None) => {
                ended = true;
                found.complete = whole();
                break;
            }
            Err(_) => break,
        }
    }
    tell(found);
    for item in held {
        if to.send(item).await.is_err() {
            return Fed { found, all: false };
        }
    }
    let mut told = Instant::now();
    while !ended {
        match from.recv().await {
            Some(item) => {
                found.count(&item);
                if told.elapsed() >= EVERY {
                    told = Instant::now();
                    tell(found);
                }
                if to.send(item).await.is_err() {
                    return Fed { found, all: false };
                }
            }
            None => {
                ended = true;
                found.complete = whole();
                tell(found);
            }
        }
    }
    Fed { found, all: found.complete }
}

impl Found {
    fn count(&mut self, item: &Item) {
        self.items += 1;
        match item {
            Item::Step(step) => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(step.size.unwrap_or_default());
            }
            Item::Directory(_) => self.directories += 1,
            Item::Unchanged(_) | Item::LinkStands => self.unchanged += 1,
            Item::Link(_)
            | Item::Skipped(_)
            | Item::Conflict(_)
            | Item::Refused(..)
            | Item::Extra(_)
            | Item::MakeWay(_) => {}
        }
    }
}

/// How long the first file waits for the end of the walk.
const HOLD_BACK: Duration = Duration::from_millis(300);

/// So much is held back at most.
const MOST_HELD: usize = 500;

/// How often somebody is told how far the walk has come.
const EVERY: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::item::Same;
    use crate::report::Equality;
    use fxp_proto::path::VPath;
    use tokio::sync::mpsc::channel;

    /// A walk of three things with a pause after each; what was told of it, and what was heard.
    async fn walk(pause: Duration, whole: bool) -> (Vec<Found>, Fed, u64) {
        let (planner, from) = channel(1);
        let (to, mut conductor) = channel(1);
        let walk = async move {
            for number in 0..3 {
                planner.send(unchanged(number)).await.expect("heard");
                tokio::time::sleep(pause).await;
            }
        };
        let listen = async move {
            let mut heard = 0;
            while conductor.recv().await.is_some() {
                heard += 1;
            }
            heard
        };
        let mut told = Vec::new();
        let feeding = feed(from, to, || whole, |found| told.push(found));
        let ((), fed, heard) = tokio::join!(walk, feeding, listen);
        (told, fed, heard)
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_plan_is_told_whole_before_its_first_item_and_a_long_walk_holds_nothing_up() {
        for (pause, expected) in [(0, vec![3]), (1000, vec![1, 2, 3, 3])] {
            let (told, fed, heard) = walk(Duration::from_millis(pause), true).await;
            assert_eq!((fed.found.items, fed.all, heard), (3, true, 3));
            let counts: Vec<u64> = told.iter().map(|found| found.unchanged).collect();
            assert_eq!(counts, expected);
            let complete: Vec<bool> = told.iter().map(|found| found.complete).collect();
            assert_eq!(complete, (1..=told.len()).map(|at| at == told.len()).collect::<Vec<_>>());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_walk_that_broke_off_is_no_whole_plan() {
        for pause in [0, 1000] {
            let (told, fed, heard) = walk(Duration::from_millis(pause), false).await;
            assert_eq!((fed.found.items, fed.all, heard), (3, false, 3));
            assert!(told.iter().all(|found| !found.complete));
        }
    }

    fn unchanged(bytes: u64) -> Item {
        Item::Unchanged(Box::new(Same {
            side: 0,
            destination: VPath::root(),
            size: Some(bytes),
            modified: None,
            how: Equality::Size,
            time_kept: false,
            doubt: None,
        }))
    }

    #[tokio::test]
    async fn whoever_wants_no_more_ends_it() {
        let (planner, from) = channel(10);
        let (to, conductor) = channel(1);
        drop(conductor);
        planner.send(unchanged(1)).await.expect("there is room");
        drop(planner);
        let fed = feed(from, to, || true, |_| {}).await;
        assert_eq!((fed.found.items, fed.found.complete, fed.all), (1, true, false));
    }
}
