//! Ceilings that hold for the whole server: sessions, sessions per address and per user, failed
//! connections to foreign peers.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fxp_net::listen::source;
use fxp_store::Text;
use tokio::time::Instant;

/// Counts what is held, by key; clones share the counts.
#[derive(Debug)]
pub(crate) struct Counter<K: Eq + Hash>(Arc<Mutex<HashMap<K, usize>>>);

/// One that is counted, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Ticket<K: Eq + Hash> {
    key: K,
    counts: Counter<K>,
}

impl<K: Eq + Hash> Default for Counter<K> {
    fn default() -> Self {
        Counter(Arc::default())
    }
}

impl<K: Eq + Hash> Clone for Counter<K> {
    fn clone(&self) -> Self {
        Counter(self.0.clone())
    }
}

impl<K: Eq + Hash + Clone> Counter<K> {
    /// One more, unless there are `most` already.
    pub(crate) fn take(&self, key: K, most: usize) -> Option<Ticket<K>> {
        let mut counts = self.0.lock().expect("no holder of the lock panics");
        // Whoever gets nothing leaves nothing behind either.
        if counts.get(&key).copied().unwrap_or_default() >= most {
            return None;
        }
        *counts.entry(key.clone()).or_default() += 1;
        Some(Ticket { key, counts: self.clone() })
    }
}

impl<K: Eq + Hash> Drop for Ticket<K> {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock().expect("no holder of the lock panics");
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

/// The door: how many control connections there are, in all and per source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door {
    all: Counter<()>,
    sources: Counter<IpAddr>,
}

/// Holds a place inside.
#[derive(Debug)]
pub(crate) struct Place {
    _all: Ticket<()>,
    _source: Ticket<IpAddr>,
}

impl Door {
    /// A place for a connection from `peer`, if there is one.
    pub(crate) fn enter(&self, peer: IpAddr, most: usize, most_per_source: usize) -> Option<Place> {
        Some(Place {
            _all: self.all.take((), most)?,
            _source: self.sources.take(source(peer), most_per_source)?,
        })
    }
}

/// Connections to foreign peers that came to nothing, by user. Whoever has caused too many may cause no
/// more until [`Budget::WINDOW`] has passed: the server is no port scanner.
#[derive(Debug, Default)]
pub(crate) struct Budget(Mutex<HashMap<Text, Account>>);

/// What one user has caused.
#[derive(Debug, Default)]
struct Account {
    failures: VecDeque<Instant>,
    /// Attempts that have not ended: each may fail.
    open: usize,
}

impl Budget {
    /// How long a failure counts.
    const WINDOW: Duration = Duration::from_secs(600);

    /// Leave for one attempt, unless `user` has caused `most` failures already, those that may yet come
    /// included.
    pub(crate) fn stake(self: Arc<Self>, user: &Text, most: usize) -> Option<Stake> {
        {
            let mut accounts = self.accounts();
            let own = accounts.entry(user.clone()).or_default();
            while own.failures.front().is_some_and(|at| at.elapsed() > Self::WINDOW) {
                own.failures.pop_front();
            }
            if own.failures.len() + own.open >= most {
                Self::forget_if_empty(&mut accounts, user);
                return None;
            }
            own.open += 1;
        }
        Some(Stake { budget: self, user: user.clone(), lost: true })
    }

    /// An attempt has ended.
    fn settle(&self, user: &Text, lost: bool) {
        let mut accounts = self.accounts();
        if let Some(own) = accounts.get_mut(user) {
            own.open = own.open.saturating_sub(1);
            if lost {
                own.failures.push_back(Instant::now());
            }
        }
        Self::forget_if_empty(&mut accounts, user);
    }

    fn forget_if_empty(accounts: &mut HashMap<Text, Account>, user: &Text) {
        if accounts.get(user).is_some_and(|own| own.failures.is_empty() && own.open == 0) {
            accounts.remove(user);
        }
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<Text, Account>> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

/// What one attempt takes off a [`Budget`] unless it ends well, however it ends: by an error, by ABOR, by
/// the loss of the control connection.
#[derive(Debug)]
pub(crate) struct Stake {
    budget: Arc<Budget>,
    user: Text,
    lost: bool,
}

impl Stake {
    /// It ended well.
    pub(crate) fn give_back(mut self) {
        self.lost = false;
    }
}

impl Drop for Stake {
    fn drop(&mut self) {
        self.budget.settle(&self.user, self.lost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let door = Door::default();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = door.enter(ip("2001:db8::1"), 3, 2).unwrap();
        let second = door.enter(ip("2001:db8::2"), 3, 2).unwrap();
        assert!(door.enter(ip("2001:db8::3"), 3, 2).is_none(), "the /64 is full");
        let third = door.enter(ip("2001:db8:0:1::1"), 3, 2).unwrap();
        assert!(door.enter(ip("1.1.1.1"), 3, 2).is_none(), "the house is full");
        drop(first);
        assert!(door.enter(ip("::ffff:1.1.1.1"), 3, 2).is_some());
        drop((second, third));
        assert!(door.enter(ip("1.1.1.1"), 0, 2).is_none() && door.enter(ip("1.1.1.1"), 3, 0).is_none());
        assert!(door.all.0.lock().unwrap().is_empty() && door.sources.0.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_count_for_ten_minutes() {
        let (budget, alice) = (Arc::new(Budget::default()), Text::from("alice"));
        let stake = |user: &Text| budget.clone().stake(user, 2);
        stake(&alice).unwrap().give_back();
        // Attempts side by side are no way around it.
        let (one, two) = (stake(&alice).unwrap(), stake(&alice).unwrap());
        assert!(stake(&alice).is_none());
        drop((one, two));
        assert!(stake(&alice).is_none());
        stake(&Text::from("bob")).unwrap().give_back();
        tokio::time::advance(Budget::WINDOW + Duration::from_secs(1)).await;
        stake(&alice).unwrap().give_back();
        assert!(budget.0.lock().unwrap().is_empty());
    }
}
