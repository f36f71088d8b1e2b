//! A ceiling for the speed of transfers: bytes that were moved are paid for with time.
//!
//! Several data connections may share one ceiling; each waits for what it has moved itself, behind what the
//! others have moved. Nobody saves time up while nothing moves, but for [`SLACK`], so that a batch which the
//! other end held back for a moment may be made up for.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A shared ceiling; clones are the same one.
#[derive(Clone, Debug)]
pub struct Throttle {
    since: Instant,
    bucket: Arc<Mutex<Bucket>>,
}

impl Throttle {
    /// At most so many bytes a second (at least one).
    pub fn new(bytes_per_second: u64) -> Self {
        Throttle { since: Instant::now(), bucket: Arc::new(Mutex::new(Bucket::new(bytes_per_second))) }
    }

    /// Another ceiling from now on, for all who share it.
    pub fn set(&self, bytes_per_second: u64) {
        let now = self.since.elapsed();
        self.bucket().set(bytes_per_second, now);
    }

    /// The ceiling.
    pub fn bytes_per_second(&self) -> u64 {
        self.bucket().rate
    }

    /// Pays for `bytes` that were moved: how long to wait before the next ones.
    pub(super) fn pay(&self, bytes: usize) -> Duration {
        let now = self.since.elapsed();
        self.bucket().pay(bytes as u64, now)
    }

    /// How many bytes to move at once: few enough that nobody waits for long.
    pub(super) fn batch(&self) -> usize {
        let batch = self.bytes_per_second() / BATCHES_PER_SECOND;
        usize::try_from(batch).unwrap_or(usize::MAX).max(LEAST_BATCH)
    }

    fn bucket(&self) -> std::sync::MutexGuard<'_, Bucket> {
        self.bucket.lock().expect("no holder of the lock panics")
    }
}

/// The account. Time is a parameter: since whenever.
#[derive(Debug)]
struct Bucket {
    rate: u64,
    /// All bytes until now are paid for at this moment.
    paid: Duration,
}

impl Bucket {
    fn new(bytes_per_second: u64) -> Self {
        Bucket { rate: bytes_per_second.max(1), paid: Duration::ZERO }
    }

    fn pay(&mut self, bytes: u64, now: Duration) -> Duration {
        self.paid = self.paid.max(now.saturating_sub(SLACK)).saturating_add(price(bytes, self.rate));
        self.paid.saturating_sub(now)
    }

    /// What is not paid for yet costs what the new ceiling makes of it.
    fn set(&mut self, bytes_per_second: u64, now: Duration) {
        let rate = bytes_per_second.max(1);
        let debt = self.paid.saturating_sub(now).as_nanos() * u128::from(self.rate) / u128::from(rate);
        self.paid = self.paid.min(now).saturating_add(nanos(debt));
        self.rate = rate;
    }
}

/// How long so many bytes take.
fn price(bytes: u64, rate: u64) -> Duration {
    nanos(u128::from(bytes) * 1_000_000_000 / u128::from(rate))
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Time that may be made up for.
const SLACK: Duration = Duration::from_millis(100);

/// So often a transfer looks at the clock.
const BATCHES_PER_SECOND: u64 = 16;

/// A record of TLS, more or less: smaller batches cost more than they are worth.
const LEAST_BATCH: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn bytes_are_paid_for_with_time() {
        let mut bucket = Bucket::new(1000);
        assert_eq!(bucket.pay(500, ms(0)), ms(500));
        // Who comes before that waits for both.
        assert_eq!(bucket.pay(500, ms(100)), ms(900));
        // Who has waited long enough owes nothing for the past.
        assert_eq!(bucket.pay(500, ms(1000)), ms(500));
        assert_eq!(bucket.pay(0, ms(5000)), ms(0));
    }

    #[test]
    fn little_is_saved_up_while_nothing_moves() {
        let mut bucket = Bucket::new(1000);
        assert_eq!(bucket.pay(1000, ms(60_000)), ms(1000) - SLACK);
        assert_eq!(bucket.pay(1000, ms(61_000) - SLACK), ms(1000));
    }

    #[test]
    fn n_bytes_never_take_less_than_they_must_whatever_the_batches() {
        for (batch, pause) in [(1, 0), (7, 3), (900, 50), (64_000, 0), (64_000, 2000)] {
            let mut bucket = Bucket::new(10_000);
            let (mut now, mut moved) = (ms(0), 0);
            while moved < 100_000 {
                now += ms(pause);
                now += bucket.pay(batch, now);
                moved += batch;
            }
            assert!(now >= price(moved, 10_000).saturating_sub(SLACK), "{batch} {pause}: {now:?}");
        }
    }

    #[test]
    fn debts_follow_a_new_ceiling() {
        let mut bucket = Bucket::new(1000);
        bucket.pay(1000, ms(0));
        bucket.set(2000, ms(500));
        assert_eq!(bucket.pay(0, ms(500)), ms(250));
        bucket.set(500, ms(500));
        assert_eq!(bucket.pay(0, ms(500)), ms(1000));
        // Nothing is owed any more, and nothing is given.
        bucket.set(1, ms(60_000));
        assert_eq!(bucket.pay(1, ms(60_000)), ms(1000) - SLACK);
    }

    #[test]
    fn no_number_is_too_large() {
        let mut bucket = Bucket::new(0);
        assert!(bucket.pay(u64::MAX, ms(0)) > ms(1));
        assert!(bucket.pay(u64::MAX, Duration::MAX) >= ms(0));
        bucket.set(u64::MAX, ms(1));
        bucket.pay(u64::MAX, ms(2));
    }

    #[test]
    fn batches_are_small_where_the_ceiling_is_low() {
        assert_eq!(Throttle::new(1024).batch(), LEAST_BATCH);
        assert_eq!(Throttle::new(16_000_000).batch(), 1_000_000);
    }
}
