//! The steps that wait for a lane, and which of them comes first.
//!
//! Steps go in the order of the walk, except for a file so large that it would still be on its way when all others
//! are done: that one goes first, so that all ends soonest. The queue is short; it holds back the walk, not memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::plan::Step;

/// The queue that all lanes of a run draw from.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// A step came, or a step went, or there will be no more.
    changed: Notify,
}

#[derive(Default)]
struct State {
    backlog: Backlog,
    /// There will be no more.
    closed: bool,
    /// Whatever still comes is not wanted.
    abandoned: bool,
    /// Steps that lanes have in hand; such a one may come back.
    in_hand: usize,
}

/// What a lane gets.
pub(crate) enum Drawn {
    /// A step to do.
    Step(Box<Step>),
    /// Nothing now.
    Wait,
    /// Nothing any more.
    End,
}

impl Queue {
    /// Adds a step; waits while the queue is full. False: nothing is wanted any more.
    pub(crate) async fn push(&self, step: Step) -> bool {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.takes_more() {
                break;
            }
            changed.await;
        }
        let mut state = self.lock();
        let wanted = !state.abandoned;
        if wanted {
            state.backlog.push(step);
        }
        drop(state);
        self.changed.notify_waiters();
        wanted
    }

    /// There will be no more.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_waiters();
    }

    /// There will be no more, and nothing of what waits is to be done.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        (state.closed, state.abandoned, state.backlog) = (true, true, Backlog::default());
        drop(state);
        self.changed.notify_waiters();
    }

    /// The next step for one of `lanes`, or word that there is none. Whoever gets one says [`Queue::done`] or
    /// [`Queue::put_back`] in the end.
    pub(crate) fn draw(&self, lanes: usize, choice: Choice) -> Drawn {
        let mut state = self.lock();
        match state.backlog.draw(lanes, choice) {
            Some(step) => {
                state.in_hand += 1;
                drop(state);
                self.changed.notify_waiters();
                Drawn::Step(Box::new(step))
            }
            None if state.closed && state.in_hand == 0 => Drawn::End,
            None => Drawn::Wait,
        }
    }

    /// Comes back when it is worth drawing again.
    pub(crate) async fn changed(&self, until: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if until(self) {
                return;
            }
            changed.await;
        }
    }

    /// True if there is a step to draw, or nothing any more.
    pub(crate) fn has_news(&self) -> bool {
        let state = self.lock();
        state.backlog.len() > 0 || (state.closed && state.in_hand == 0)
    }

    /// A step that was drawn has come to its end.
    pub(crate) fn done(&self) {
        self.lock().in_hand -= 1;
        self.changed.notify_waiters();
    }

    /// A step that was drawn waits again, before all others.
    pub(crate) fn put_back(&self, step: Step) {
        let mut state = self.lock();
        state.in_hand -= 1;
        if !state.abandoned {
            state.backlog.put_back(step);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// True if nothing is left and nothing will come.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.lock();
        state.backlog.len() == 0 && state.closed && state.in_hand == 0
    }

    /// Steps that wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().backlog.len()
    }

    /// Wakes all who wait for news: the number of lanes has changed.
    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    fn takes_more(&self) -> bool {
        let state = self.lock();
        state.abandoned || state.backlog.len() < MOST_WAITING
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }
}

/// What kind of step a lane wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The one with which all ends soonest.
    Best,
    /// The smallest: something has to be found out with it, and others wait for that.
    Smallest,
}

/// Steps that wait; decides which comes next.
#[derive(Debug, Default)]
struct Backlog {
    /// In the order in which they go.
    steps: BTreeMap<i64, Step>,
    /// Of two that cost the same the earlier one counts as larger.
    by_cost: BTreeSet<(u64, Reverse<i64>)>,
    cost: u64,
    next: i64,
}

impl Backlog {
    fn len(&self) -> usize {
        self.steps.len()
    }

    fn push(&mut self, step: Step) {
        self.insert(self.next, step);
        self.next += 1;
    }

    fn put_back(&mut self, step: Step) {
        let first = self.steps.first_key_value().map_or(self.next, |(&at, _)| at);
        self.insert(first - 1, step);
    }

    fn insert(&mut self, at: i64, step: Step) {
        self.cost += cost(&step);
        self.by_cost.insert((cost(&step), Reverse(at)));
        self.steps.insert(at, step);
    }

    fn draw(&mut self, lanes: usize, choice: Choice) -> Option<Step> {
        let (&first, _) = self.steps.first_key_value()?;
        let (largest, Reverse(at_largest)) = *self.by_cost.last()?;
        let rest = self.cost - largest;
        let at = match choice {
            Choice::Smallest => self.smallest()?,
            // The other lanes would be done with the rest before this one is.
            Choice::Best if lanes > 1 && largest.saturating_mul(lanes as u64 - 1) >= rest => at_largest,
            Choice::Best => first,
        };
        let step = self.steps.remove(&at)?;
        self.by_cost.remove(&(cost(&step), Reverse(at)));
        self.cost -= cost(&step);
        Some(step)
    }
}

impl Backlog {
    /// Where the smallest is, the first of them.
    fn smallest(&self) -> Option<i64> {
        let (least, _) = *self.by_cost.first()?;
        let equals = (least, Reverse(i64::MAX))..=(least, Reverse(i64::MIN));
        self.by_cost.range(equals).next_back().map(|(_, Reverse(at))| *at)
    }
}

/// What a step costs, in bytes: also the smallest file takes some round trips.
fn cost(step: &Step) -> u64 {
    // A file of unknown size may be a large one, but hardly the largest. The sum of a full queue fits.
    step.size.unwrap_or(UNKNOWN).saturating_add(EACH).min(u64::MAX / (2 * MOST_WAITING as u64))
}

/// Steps that wait at most. Each takes a few hundred bytes.
const MOST_WAITING: usize = 4096;

/// A few round trips of 50 ms on a line of some MB/s.
pub(crate) const EACH: u64 = 256 * 1024;

const UNKNOWN: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use fxp_proto::path::VPath;

    #[test]
    fn what_ends_soonest_in_all_goes_first() {
        const G: u64 = 1 << 30;
        // sizes in the order of the walk, lanes, the order in which they go
        let rows: &[(&[u64], usize, &[usize])] = &[
            (&[1, 2, 3], 1, &[0, 1, 2]),
            // One lane ends at the same time in any order: that of the walk.
            (&[1, G, 2], 1, &[0, 1, 2]),
            // It would go on long after all others.
            (&[1, 2, G], 2, &[2, 1, 0]),
            // Four lanes: the largest takes longer than a third of the others.
            (&[G, G, G, 3 * G, G, G, G], 4, &[3, 0, 1, 2, 4, 5, 6]),
            (&[1000, 1000, 1001, 1000, 1000], 2, &[0, 1, 2, 3, 4]),
        ];
        for (sizes, lanes, expected) in rows {
            let mut backlog = Backlog::default();
            for (at, size) in sizes.iter().enumerate() {
                backlog.push(step(at, Some(*size)));
            }
            let drawn: Vec<usize> =
                std::iter::from_fn(|| backlog.draw(*lanes, Choice::Best)).map(|step| step.side).collect();
            assert_eq!(drawn, *expected, "{sizes:?} over {lanes}");
        }
    }

    #[test]
    fn the_first_file_of_a_pair_is_a_small_one() {
        let mut backlog = Backlog::default();
        for (at, size) in [Some(5_000_000), Some(7), None].into_iter().enumerate() {
            backlog.push(step(at, size));
        }
        assert_eq!(backlog.draw(4, Choice::Smallest).expect("one").side, 1);
        assert_eq!((backlog.len(), backlog.cost), (2, 5_000_000 + EACH + UNKNOWN + EACH));
    }

    #[test]
    fn what_is_put_back_is_next() {
        let mut backlog = Backlog::default();
        for at in 0..5 {
            backlog.push(step(at, Some(1)));
        }
        let first = backlog.draw(1, Choice::Best).expect("one");
        let second = backlog.draw(1, Choice::Best).expect("one");
        backlog.put_back(second);
        backlog.put_back(first);
        let order: Vec<usize> =
            std::iter::from_fn(|| backlog.draw(1, Choice::Best)).map(|step| step.side).collect();
        assert_eq!(order, [0, 1, 2, 3, 4]);
        assert_eq!((backlog.cost, backlog.by_cost.len()), (0, 0));
    }

    #[tokio::test]
    async fn a_full_queue_holds_back_whoever_fills_it_and_the_end_comes_after_the_last_step() {
        let queue = Queue::default();
        for at in 0..MOST_WAITING {
            queue.push(step(at, Some(1))).await;
        }
        let one_more = queue.push(step(0, Some(1)));
        tokio::pin!(one_more);
        assert!(futures_poll(one_more.as_mut()).is_none(), "it is full");
        let Drawn::Step(drawn) = queue.draw(1, Choice::Best) else { panic!("there are steps") };
        one_more.await;
        queue.put_back(*drawn);
        queue.close();
        for _ in 0..=MOST_WAITING {
            assert!(matches!(queue.draw(1, Choice::Best), Drawn::Step(_)));
        }
        assert!(matches!(queue.draw(1, Choice::Best), Drawn::Wait), "the last may be put back");
        for _ in 0..=MOST_WAITING {
            queue.done();
        }
        assert!(queue.has_news() && matches!(queue.draw(1, Choice::Best), Drawn::End));
    }

    /// What a future gives at once, if anything.
    fn futures_poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.poll(&mut context) {
            std::task::Poll::Ready(done) => Some(done),
            std::task::Poll::Pending => None,
        }
    }

    /// A step that is known by its side.
    fn step(side: usize, size: Option<u64>) -> Step {
        Step {
            side,
            source: VPath::root(),
            destination: VPath::root(),
            size,
            modified: None,
            leftover: None,
            stands: None,
            in_the_way: None,
            reached: crate::plan::Reached::Plainly,
            differs: false,
        }
    }
}
