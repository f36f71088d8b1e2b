//! Failed logins by address: each one makes the answer to the next one later, and too many of them close
//! the door for a while.
//!
//! What counts is one source (see [`source`]), on however many connections it guesses. A login that
//! succeeds forgives what failed under the same name, and nothing else: whoever has an account, or is a
//! guest, cannot wash himself clean between guesses at another one.
//!
//! Memory has a ceiling. An attacker with many addresses can make us forget addresses, but in an order
//! that costs him more than it gives: those with the fewest failures first, banned ones only when all the
//! others are banned, too. To get one address out again before its time he has to get
//! [`MAX_SOURCES`] other ones banned, each by as many failed logins, all of which cost argon2's time.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use fxp_net::listen::source;
use fxp_store::Text;
use tokio::time::Instant;

/// Who has failed to log in lately, and who is banned for it.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    /// Names are only compared, so their hashes will do. The keys of the hash are this process's own.
    names: RandomState,
    sources: Mutex<HashMap<IpAddr, Record>>,
}

/// What one failed login leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Consequence {
    /// How long the answer has to wait.
    pub(crate) delay: Duration,
    /// This was one too many.
    pub(crate) banned: bool,
}

/// Somebody who is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TurnedAway {
    /// The rest of the ban.
    pub(crate) remaining: Duration,
    /// So many times by now.
    pub(crate) times: u64,
}

#[derive(Debug)]
struct Record {
    state: State,
    /// Then all is forgotten.
    until: Instant,
}

#[derive(Debug)]
enum State {
    Counting(Failures),
    Banned { turned_away: u64 },
}

/// Failed logins by the hash of the name.
#[derive(Debug, Default)]
struct Failures {
    by_name: Vec<(u64, u32)>,
    /// Those for which there was no room above. Nothing forgives them.
    others: u32,
}

impl Bans {
    /// A login as `user` from `ip` has failed. With `ban_after` of them the source is banned for `time`;
    /// without any for `time` they are forgotten. `None` never bans.
    pub(crate) fn failed(
        &self,
        ip: IpAddr,
        user: &Text,
        ban_after: Option<u32>,
        time: Duration,
    ) -> Consequence {
        let (source, name) = (source(ip), self.names.hash_one(user.as_bytes()));
        let mut sources = self.lock();
        let now = Instant::now();
        if sources.get(&source).is_none_or(|record| record.until <= now) {
            sources.remove(&source);
            make_room(&mut sources, now);
        }
        let record = sources
            .entry(source)
            .or_insert(Record { state: State::Counting(Failures::default()), until: now + time });
        let State::Counting(failures) = &mut record.state else {
            // A guess that was on its way when the ban came.
            return Consequence { delay: SLOWEST, banned: true };
        };
        failures.add(name);
        let count = failures.count();
        let banned = ban_after.is_some_and(|most| count >= most);
        record.until = now + time;
        if banned {
            record.state = State::Banned { turned_away: 0 };
        }
        Consequence { delay: delay(count), banned }
    }

    /// A login as `user` from `ip` has succeeded.
    pub(crate) fn succeeded(&self, ip: IpAddr, user: &Text) {
        let (source, name) = (source(ip), self.names.hash_one(user.as_bytes()));
        let mut sources = self.lock();
        if let Some(Record { state: State::Counting(failures), .. }) = sources.get_mut(&source) {
            failures.by_name.retain(|(failed, _)| *failed != name);
            if failures.count() == 0 {
                sources.remove(&source);
            }
        }
    }

    /// True while `ip` is banned.
    pub(crate) fn is_banned(&self, ip: IpAddr) -> bool {
        self.lock().get(&source(ip)).is_some_and(|record| {
            matches!(record.state, State::Banned { .. }) && Instant::now() < record.until
        })
    }

    /// Somebody from `ip` stands at the door; `None` lets him in.
    pub(crate) fn turn_away(&self, ip: IpAddr) -> Option<TurnedAway> {
        let mut sources = self.lock();
        let Record { state: State::Banned { turned_away }, until } = sources.get_mut(&source(ip))? else {
            return None;
        };
        let remaining = until.saturating_duration_since(Instant::now());
        *turned_away += 1;
        (!remaining.is_zero()).then_some(TurnedAway { remaining, times: *turned_away })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Record>> {
        self.sources.lock().expect("no holder of the lock panics")
    }
}

impl Failures {
    fn add(&mut self, name: u64) {
        let has_room = self.by_name.len() < MAX_NAMES;
        match self.by_name.iter_mut().find(|(failed, _)| *failed == name) {
            Some((_, count)) => *count = count.saturating_add(1),
            None if has_room => self.by_name.push((name, 1)),
            None => self.others = self.others.saturating_add(1),
        }
    }

    fn count(&self) -> u32 {
        self.by_name.iter().fold(self.others, |sum, (_, count)| sum.saturating_add(*count))
    }
}

impl State {
    /// What is forgotten first is least.
    fn weight(&self) -> u32 {
        match self {
            State::Counting(failures) => failures.count(),
            State::Banned { .. } => u32::MAX,
        }
    }
}

/// Makes room for one more.
fn make_room(sources: &mut HashMap<IpAddr, Record>, now: Instant) {
    if sources.len() < MAX_SOURCES {
        return;
    }
    sources.retain(|_, record| now < record.until);
    if sources.len() >= MAX_SOURCES {
        let least = sources.iter().min_by_key(|(_, record)| (record.state.weight(), record.until));
        if let Some(source) = least.map(|(source, _)| *source) {
            sources.remove(&source);
        }
    }
}

/// Twice as long each time: nobody notices the first ones, and it hurts to go on.
fn delay(failures: u32) -> Duration {
    PENALTY.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(SLOWEST)
}

/// The first failed login is answered so much later: it slows guessing down without keeping a core busy.
pub(crate) const PENALTY: Duration = Duration::from_millis(300);

/// No answer is later than this: clients wait twenty seconds and longer, and people give up before.
const SLOWEST: Duration = Duration::from_secs(10);

/// So many sources are remembered: some 5 MiB at the very most. Filling it takes at least as many password
/// checks, each of which takes longer than looking through it.
const MAX_SOURCES: usize = 16 * 1024;

/// So many names are remembered of one source.
const MAX_NAMES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(900);
    const NET: u128 = 0x2001_0db8 << 96;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// The one of the /64 networks of 2001:db8::/32 that has this number.
    fn numbered(number: usize) -> IpAddr {
        IpAddr::V6((NET | (number as u128) << 64 | 1).into())
    }

    fn fail(bans: &Bans, ip: IpAddr, user: &'static str) -> Consequence {
        bans.failed(ip, &Text::from(user), Some(3), TIME)
    }

    #[tokio::test(start_paused = true)]
    async fn delays_grow_up_to_a_ceiling_without_a_ban() {
        let bans = Bans::default();
        let mut delays = Vec::new();
        for _ in 0..40 {
            let Consequence { delay, banned } = bans.failed(ip("192.0.2.1"), &Text::from("a"), None, TIME);
            assert!(!banned);
            delays.push(delay.as_millis());
        }
        assert_eq!(delays[..7], [300, 600, 1200, 2400, 4800, 9600, 10_000]);
        assert!(delays[6..].iter().all(|delay| *delay == 10_000));
        assert!(!bans.is_banned(ip("192.0.2.1")));
        tokio::time::advance(TIME).await;
        assert_eq!(fail(&bans, ip("192.0.2.1"), "a").delay, PENALTY, "all was forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_ban_is_for_a_time_and_for_a_whole_network() {
        let bans = Bans::default();
        for (user, host, banned) in [("a", "::1", false), ("b", "::2", false), ("c", "::3", true)] {
            assert_eq!(fail(&bans, ip(&format!("2001:db8:0:7{host}")), user).banned, banned);
        }
        let neighbour = ip("2001:db8:0:7:ffff::");
        assert!(bans.is_banned(neighbour) && !bans.is_banned(ip("2001:db8:0:8::1")));
        assert_eq!(bans.turn_away(ip("2001:db8:0:8::1")), None);
        tokio::time::advance(Duration::from_secs(100)).await;
        for times in 1..4 {
            let remaining = Duration::from_secs(800);
            assert_eq!(bans.turn_away(neighbour), Some(TurnedAway { remaining, times }));
        }
        let late = fail(&bans, neighbour, "d");
        assert_eq!((late.banned, late.delay), (true, SLOWEST));
        bans.succeeded(neighbour, &Text::from("a"));
        assert!(bans.is_banned(neighbour), "neither lengthens nor lifts it");
        tokio::time::advance(Duration::from_secs(800)).await;
        assert!(!bans.is_banned(neighbour));
        assert_eq!(bans.turn_away(neighbour), None);
        assert!(!fail(&bans, neighbour, "a").banned, "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn the_mapped_form_of_an_address_is_the_address() {
        let bans = Bans::default();
        for form in ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"] {
            fail(&bans, ip(form), "a");
        }
        assert!(bans.is_banned(ip("::ffff:192.0.2.1")) && bans.is_banned(ip("192.0.2.1")));
        assert!(!bans.is_banned(ip("192.0.2.2")) && !bans.is_banned(ip("::ffff:192.0.2.2")));
    }

    #[tokio::test(start_paused = true)]
    async fn success_forgives_what_failed_under_the_same_name() {
        let (bans, here) = (Bans::default(), ip("192.0.2.1"));
        for _ in 0..5 {
            assert!(!fail(&bans, here, "eve").banned);
            assert!(!fail(&bans, here, "eve").banned);
            bans.succeeded(here, &Text::from("eve"));
        }
        assert!(bans.lock().is_empty(), "nothing is remembered of somebody who mistypes");
        for last in [false, false, true] {
            assert_eq!(fail(&bans, here, "root").banned, last, "a guess at another account");
            bans.succeeded(here, &Text::from("eve"));
            bans.succeeded(here, &Text::from("anonymous"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn names_without_number_take_no_memory_and_are_counted() {
        let (bans, here) = (Bans::default(), ip("192.0.2.1"));
        for number in 0..1000 {
            let user = Text::lossy(format!("user{number}"));
            bans.failed(here, &user, None, TIME);
            bans.succeeded(here, &Text::lossy(format!("user{}", number + 1)));
        }
        let sources = bans.lock();
        let State::Counting(failures) = &sources[&here].state else { panic!("{sources:?}") };
        assert_eq!((failures.count(), failures.by_name.len()), (1000, MAX_NAMES));
    }

    #[tokio::test(start_paused = true)]
    async fn many_addresses_neither_take_memory_nor_lift_a_ban() {
        let bans = Bans::default();
        let (banned, warned) = (ip("192.0.2.1"), ip("192.0.2.2"));
        (0..3).for_each(|_| _ = fail(&bans, banned, "a"));
        (0..2).for_each(|_| _ = fail(&bans, warned, "a"));
        for number in 0..MAX_SOURCES + 100 {
            fail(&bans, numbered(number), "a");
        }
        assert_eq!(bans.lock().len(), MAX_SOURCES);
        assert!(bans.is_banned(banned));
        assert!(fail(&bans, warned, "a").banned, "two failures outlast many single ones");
    }

    #[tokio::test(start_paused = true)]
    async fn where_everybody_is_banned_the_oldest_ban_makes_room() {
        let bans = Bans::default();
        for number in 0..MAX_SOURCES {
            (0..3).for_each(|_| _ = fail(&bans, numbered(number), "a"));
            if number == 0 {
                tokio::time::advance(Duration::from_secs(1)).await;
            }
        }
        assert!(bans.is_banned(numbered(0)));
        fail(&bans, ip("192.0.2.1"), "a");
        assert!(!bans.is_banned(numbered(0)) && bans.is_banned(numbered(1)));
        fail(&bans, ip("192.0.2.2"), "a");
        assert!(bans.is_banned(numbered(1)), "the newcomers make room for each other");
        assert_eq!(bans.lock().len(), MAX_SOURCES);
        tokio::time::advance(TIME).await;
        fail(&bans, ip("192.0.2.3"), "a");
        assert_eq!(bans.lock().len(), 1, "what is over makes room first");
    }
}
