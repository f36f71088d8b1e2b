//! How often a server is asked again for what has failed: a few times at once, then at a steady pace.

use std::time::Duration;

/// The budget for one server. Knows no clock: whoever takes says when.
#[derive(Debug, Default)]
pub(super) struct Budget {
    /// How far what was taken reaches at a steady pace; so many as may come at once are ahead of it.
    reach: Duration,
}

impl Budget {
    /// Takes one attempt: how long it has to wait.
    pub(super) fn take(&mut self, now: Duration) -> Duration {
        // What was not used is saved up, but not without end.
        self.reach = self.reach.max(now);
        let wait = self.reach.saturating_sub(now + EACH * (AT_ONCE - 1));
        self.reach += EACH;
        wait
    }
}

/// One attempt in so much time, in the long run: servers that ban somebody do so for tens of them in a minute.
const EACH: Duration = Duration::from_secs(3);

/// So many may come at once, as when a server restarts under many lanes.
const AT_ONCE: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_attempts_come_at_once_and_the_others_at_a_steady_pace() {
        let mut budget = Budget::default();
        let second = Duration::from_secs;
        let now = second(100);
        for _ in 0..AT_ONCE {
            assert_eq!(budget.take(now), Duration::ZERO);
        }
        assert_eq!([budget.take(now), budget.take(now)], [EACH, 2 * EACH]);
        // A minute later all of that is past, and something is saved up again, but no more than at first.
        let later = second(100_000);
        let free = (0..100).filter(|_| budget.take(later) == Duration::ZERO).count();
        assert_eq!(free, AT_ONCE as usize);
    }

    #[test]
    fn a_run_that_has_just_begun_has_the_whole_budget() {
        let mut budget = Budget::default();
        let waits: Vec<Duration> = (0..3).map(|_| budget.take(Duration::ZERO)).collect();
        assert_eq!(waits, [Duration::ZERO; 3]);
    }
}
