//! Ceilings of speed that several transfers share: those of a user's group (RATE), and the user's own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use fxp_net::data::Throttle;
use fxp_proto::grammar::rate::RateLimit;
use fxp_store::Text;

/// Whose transfers: one user's, all of them or those of one group.
type Whose = (Text, Option<Text>);

/// The ceilings in use.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<Whose, Entry>>);

#[derive(Debug)]
struct Entry {
    throttle: Throttle,
    /// Transfers that are under it now.
    users: usize,
}

/// The ceilings of one transfer, which others share for as long as this lives.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) throttles: Vec<Throttle>,
    rates: Arc<Rates>,
    whose: Vec<Whose>,
}

impl Rates {
    /// What a transfer of `user` obeys: what the session asked for, and what the configuration says.
    pub(crate) fn hold(self: &Arc<Self>, user: &Text, asked: Option<&RateLimit>, most: Option<u64>) -> Held {
        let mut held = Held { throttles: Vec::new(), rates: self.clone(), whose: Vec::new() };
        if let Some(most) = most {
            held.share((user.clone(), None), most);
        }
        match asked {
            Some(RateLimit { bytes_per_second, group: Some(group) }) => {
                held.share((user.clone(), Some(group.clone())), *bytes_per_second);
            }
            Some(RateLimit { bytes_per_second, group: None }) => {
                held.throttles.push(Throttle::new(*bytes_per_second));
            }
            None => {}
        }
        held
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, HashMap<Whose, Entry>> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

impl Held {
    /// The latest word about a shared ceiling counts, also for transfers that run already.
    fn share(&mut self, whose: Whose, bytes_per_second: u64) {
        let mut entries = self.rates.entries();
        let entry = entries
            .entry(whose.clone())
            .or_insert_with(|| Entry { throttle: Throttle::new(bytes_per_second), users: 0 });
        if entry.throttle.bytes_per_second() != bytes_per_second {
            entry.throttle.set(bytes_per_second);
        }
        entry.users += 1;
        self.throttles.push(entry.throttle.clone());
        drop(entries);
        self.whose.push(whose);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut entries = self.rates.entries();
        for whose in &self.whose {
            if let Some(entry) = entries.get_mut(whose) {
                entry.users -= 1;
                if entry.users == 0 {
                    entries.remove(whose);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(bytes_per_second: u64, group: Option<&'static str>) -> RateLimit {
        RateLimit { bytes_per_second, group: group.map(Text::from) }
    }

    fn figures(held: &Held) -> Vec<u64> {
        held.throttles.iter().map(Throttle::bytes_per_second).collect()
    }

    #[test]
    fn a_transfer_obeys_its_session_and_its_user() {
        let rates = Arc::new(Rates::default());
        let ann = Text::from("ann");
        assert_eq!(figures(&rates.hold(&ann, None, None)), []);
        assert_eq!(figures(&rates.hold(&ann, None, Some(9000))), [9000]);
        assert_eq!(figures(&rates.hold(&ann, Some(&limit(2000, None)), None)), [2000]);
        assert_eq!(figures(&rates.hold(&ann, Some(&limit(2000, Some("g"))), Some(9000))), [9000, 2000]);
        assert!(rates.entries().is_empty(), "nobody is left");
    }

    #[test]
    fn a_group_shares_and_hears_the_latest_word() {
        let rates = Arc::new(Rates::default());
        let (ann, bob) = (Text::from("ann"), Text::from("bob"));
        let first = rates.hold(&ann, Some(&limit(2000, Some("g"))), None);
        let second = rates.hold(&ann, Some(&limit(3000, Some("g"))), None);
        assert_eq!((figures(&first), figures(&second)), (vec![3000], vec![3000]));

        let other_group = rates.hold(&ann, Some(&limit(4000, Some("h"))), None);
        let other_user = rates.hold(&bob, Some(&limit(5000, Some("g"))), None);
        let alone = rates.hold(&ann, Some(&limit(6000, None)), None);
        assert_eq!(figures(&first), [3000], "what others say is nothing to it");
        drop((first, other_group, other_user, alone));
        assert_eq!(rates.entries().len(), 1);
        drop(second);
        assert!(rates.entries().is_empty());
    }
}
