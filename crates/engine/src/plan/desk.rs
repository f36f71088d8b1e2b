//! Directories that wait to be listed: whoever gets a session lists several of them in one go, where the server bears it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use fxp_proto::listing::entry::Entry;
use fxp_proto::path::VPath;
use tokio::sync::oneshot;

use crate::report::Trouble;

/// What came of a listing.
pub(super) type Listed = Result<Vec<Entry>, Trouble>;

/// The orders that nobody works at yet, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Desk(Mutex<VecDeque<Order>>);

/// A directory that somebody wants listed.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) path: VPath,
    reply: oneshot::Sender<Listed>,
}

impl Desk {
    /// Somebody wants `path` listed. What is received is an error if whoever had taken the order was stopped.
    pub(super) fn order(&self, path: &VPath) -> oneshot::Receiver<Listed> {
        let (reply, slip) = oneshot::channel();
        self.lock().push_back(Order { path: path.clone(), reply });
        slip
    }

    /// True if all that is wanted is worked at.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Up to `most` orders that somebody still waits for; with fewer than all of them, so that each of `workers` gets
    /// as many.
    pub(super) fn take(&self, most: usize, workers: usize) -> Vec<Order> {
        let mut orders = self.lock();
        orders.retain(|order| !order.reply.is_closed());
        let share = orders.len().div_ceil(workers.max(1)).min(most);
        orders.drain(..share).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Order>> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

impl Order {
    /// Tells whoever waits, if somebody still does.
    pub(super) fn answer(self, listed: Listed) {
        let _ = self.reply.send(listed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn orders_are_shared_and_those_of_nobody_forgotten() {
        let desk = Desk::default();
        let path = |number: usize| VPath::parse(format!("/{number}").as_bytes()).expect("a path");
        let mut slips: Vec<_> = (0..10).map(|number| desk.order(&path(number))).collect();
        drop(slips.remove(0));
        let paths = |orders: &[Order]| orders.iter().map(|order| order.path.clone()).collect::<Vec<_>>();
        // most, workers, what is taken
        for (most, workers, expected) in [(8, 3, vec![1, 2, 3]), (1, 1, vec![4]), (8, 0, vec![5, 6, 7, 8, 9])]
        {
            let orders = desk.take(most, workers);
            assert_eq!(paths(&orders), expected.into_iter().map(path).collect::<Vec<_>>());
            for order in orders {
                match order.path == path(1) {
                    // Whoever had it was stopped.
                    true => drop(order),
                    false => order.answer(Ok(Vec::new())),
                }
            }
        }
        assert!(desk.is_empty() && desk.take(8, 1).is_empty());
        assert!((&mut slips[0]).await.is_err());
        for slip in &mut slips[1..] {
            assert!(matches!(slip.await, Ok(Ok(_))));
        }
    }
}
