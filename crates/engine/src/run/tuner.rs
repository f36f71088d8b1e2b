//! How many lanes help: a decider that knows no clock. It is told how much was done until when, and says what next.
//!
//! What counts is work: bytes, and for each file as much as the round trips cost that even an empty one takes; so
//! many small files are served as well as a few large ones. At first the number doubles as long as that helps; then
//! it rests, tries a few more from time to time, and keeps them only if they help; if they do, it doubles again.
//! Networks and machines have bad moments: what does not help is measured once more before that is believed.

use std::time::Duration;

/// What was done so far, since the run began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Count {
    /// Work: bytes that arrived, and [`super::queue::EACH`] for each file.
    pub(crate) work: u64,
    /// Files that ended.
    pub(crate) files: u64,
    /// Failures that more lanes would only make worse: of the network, or of a busy server.
    pub(crate) troubles: u64,
    /// Files that wait for a lane now.
    pub(crate) waiting: usize,
}

/// So many lanes from now on, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) lanes: usize,
    pub(crate) reason: String,
}

/// Decides how many lanes there are.
#[derive(Debug)]
pub(crate) struct Tuner {
    lanes: usize,
    /// No more than this, because of [`MOST`] or of a server that has no room, and until when.
    most: usize,
    crowded_until: Option<Duration>,
    phase: Phase,
    /// What the number of lanes before the latest change achieved, per second.
    best: Option<f64>,
    /// That number.
    before: usize,
    /// When the number of lanes was changed last, and what was done by then.
    changed: (Duration, Count),
    /// Where what is measured now began.
    window: Option<(Duration, Count)>,
    /// Measurements to rest for, before more lanes are tried.
    rest: u32,
    /// How long the next rest is.
    patience: u32,
    /// The latest measurement said that more lanes do not help: one more says whether that is so.
    doubtful: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Doubling as long as it helps.
    Rising,
    /// As many as helped.
    Steady,
    /// A few more than that, on trial.
    Trying,
}

impl Tuner {
    /// Begins with so many lanes.
    pub(crate) fn new(lanes: usize) -> Self {
        Tuner {
            lanes,
            most: MOST,
            crowded_until: None,
            phase: Phase::Rising,
            best: None,
            before: lanes,
            changed: (Duration::ZERO, Count::default()),
            window: None,
            rest: 0,
            patience: SHORTEST_REST,
            doubtful: false,
        }
    }

    /// So much was done until `now`. What is to be changed, if anything.
    pub(crate) fn observe(&mut self, now: Duration, count: Count) -> Option<Change> {
        if self.crowded_until.is_some_and(|until| now >= until) {
            (self.most, self.crowded_until) = (MOST, None);
        }
        if let Some(change) = self.back_off(now, count) {
            return Some(change);
        }
        if count.waiting == 0 {
            // Lanes that have nothing to do show nothing.
            self.window = None;
            return None;
        }
        let Some((began, before)) = self.window else {
            // Lanes that are new have to log in first, and each has a file on its way that was begun earlier.
            let (changed, then) = self.changed;
            let settled = count.files >= then.files + self.lanes as u64 || now >= changed + SETTLED;
            self.window = settled.then_some((now, count));
            return None;
        };
        let (time, files) = (now.saturating_sub(began), count.files - before.files);
        let long_enough = time >= SHORTEST && files >= 2 * self.lanes as u64;
        if !long_enough && (time < LONGEST || count.work == before.work) {
            return None;
        }
        self.window = Some((now, count));
        let rate = (count.work - before.work) as f64 / time.as_secs_f64();
        self.judge(now, count, rate)
    }

    /// A server has no room for more sessions: so many lanes fit.
    pub(crate) fn crowded(&mut self, now: Duration, fit: usize, server: &str) -> Option<Change> {
        (self.most, self.crowded_until) = (fit.max(1), Some(now + CROWDED));
        self.phase = Phase::Steady;
        self.rest = self.patience;
        if self.lanes <= self.most {
            return None;
        }
        let reason = format!("{server} has no room for more sessions");
        // Whatever was measured is about lanes that did not get going.
        self.best = None;
        Some(self.change_to(now, Count::default(), self.most, reason))
    }

    fn judge(&mut self, now: Duration, count: Count, rate: f64) -> Option<Change> {
        let gain = self.best.map(|best| (rate / best - 1.0) * 100.0);
        let helped = gain.is_none_or(|gain| gain >= ENOUGH);
        match self.phase {
            Phase::Steady => {
                // Slowly, since other people use the line too.
                self.best = Some(self.best.map_or(rate, |best| 0.7 * best + 0.3 * rate));
                self.rest = self.rest.saturating_sub(1);
                if self.rest > 0 || self.lanes >= self.most {
                    return None;
                }
                self.phase = Phase::Trying;
                let more = (self.lanes + (self.lanes / 4).max(1)).min(self.most);
                Some(self.change_to(now, count, more, "to see whether a few more help".to_owned()))
            }
            Phase::Rising | Phase::Trying if helped => {
                (self.best, self.phase, self.patience) = (Some(rate), Phase::Rising, SHORTEST_REST);
                if self.lanes >= self.most {
                    (self.phase, self.rest) = (Phase::Steady, self.patience);
                    return None;
                }
                let reason = match gain {
                    Some(gain) => format!("{} lanes did {gain:.0} % more than {}", self.lanes, self.before),
                    None => "to see whether more help".to_owned(),
                };
                let more = (2 * self.lanes).min(self.most);
                Some(self.change_to(now, count, more, reason))
            }
            Phase::Rising | Phase::Trying if !self.doubtful => {
                self.doubtful = true;
                None
            }
            Phase::Rising | Phase::Trying => {
                if self.phase == Phase::Trying {
                    self.patience = (2 * self.patience).min(LONGEST_REST);
                }
                (self.phase, self.rest) = (Phase::Steady, self.patience);
                let gain = gain.unwrap_or_default();
                let reason = format!("{} lanes did not help ({gain:+.0} %)", self.lanes);
                Some(self.change_to(now, count, self.before, reason))
            }
        }
    }

    /// Fewer lanes, if the network or a server cannot bear so many.
    fn back_off(&mut self, now: Duration, count: Count) -> Option<Change> {
        let (changed, then) = self.changed;
        let (troubles, files) = (count.troubles - then.troubles, count.files - then.files);
        let fails = troubles >= SOME && troubles * 10 >= files;
        // What was on its way when the number was changed fails under the new one.
        if !fails || self.lanes == 1 || now < changed + SHORTEST {
            return None;
        }
        (self.phase, self.best) = (Phase::Steady, None);
        self.patience = (2 * self.patience).min(LONGEST_REST);
        self.rest = self.patience;
        let reason = format!("{troubles} transfers failed that may pass another time");
        Some(self.change_to(now, count, self.lanes / 2, reason))
    }

    fn change_to(&mut self, now: Duration, count: Count, lanes: usize, reason: String) -> Change {
        if count != Count::default() {
            self.changed = (now, count);
        }
        (self.before, self.lanes, self.window, self.doubtful) = (self.lanes, lanes, None, false);
        Change { lanes, reason }
    }
}

/// More lanes than this hardly ever help, and are rude.
const MOST: usize = 32;

/// What more lanes have to bring, in percent.
const ENOUGH: f64 = 5.0;

/// A measurement takes so long at least, and at most if anything moves at all.
const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(8);

/// After this time new lanes are at work, be the files large or small.
const SETTLED: Duration = Duration::from_secs(3);

/// Measurements between two trials of a few lanes more.
const SHORTEST_REST: u32 = 4;
const LONGEST_REST: u32 = 64;

/// So many failures since the last change are no accident, if they are a tenth of the files too.
const SOME: u64 = 3;

/// After this time a server that had no room may have some.
const CROWDED: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use super::*;

    /// A pair of servers on paper: what lanes achieve there.
    struct World {
        /// Work per second for a number of lanes.
        rate: fn(usize) -> f64,
        now: f64,
        count: Count,
        done: f64,
    }

    impl World {
        fn new(rate: fn(usize) -> f64) -> Self {
            let count = Count { waiting: 1000, ..Count::default() };
            World { rate, now: 0.0, count, done: 0.0 }
        }

        /// Lets time pass; the numbers of lanes that came of it.
        fn run(&mut self, tuner: &mut Tuner, seconds: f64) -> Vec<usize> {
            let (mut changes, end) = (Vec::new(), self.now + seconds);
            while self.now < end {
                self.now += 0.25;
                self.done += (self.rate)(tuner.lanes) * 0.25;
                // A file is a thousand units of work.
                (self.count.work, self.count.files) = (self.done as u64, self.done as u64 / 1000);
                changes.extend(self.look(tuner).map(|change| change.lanes));
            }
            changes
        }

        fn look(&self, tuner: &mut Tuner) -> Option<Change> {
            tuner.observe(Duration::from_secs_f64(self.now), self.count)
        }
    }

    #[test]
    fn lanes_double_as_long_as_that_helps() {
        // Each lane waits most of the time: so many help, up to the ceiling.
        let mut tuner = Tuner::new(4);
        assert_eq!(World::new(|lanes| 10_000.0 * lanes as f64).run(&mut tuner, 30.0), [8, 16, 32]);
        // The line is full with ten.
        let mut tuner = Tuner::new(4);
        let mut full = World::new(|lanes| 10_000.0 * lanes.min(10) as f64);
        assert_eq!(full.run(&mut tuner, 5.0), [8, 16, 32, 16], "sixteen did a quarter more than eight");
        // More lanes are in each other's way.
        let mut tuner = Tuner::new(4);
        assert_eq!(World::new(|lanes| 40_000.0 / lanes as f64).run(&mut tuner, 10.0), [8, 4]);
    }

    #[test]
    fn what_does_not_help_is_taken_back_and_tried_less_and_less_often() {
        let mut tuner = Tuner::new(4);
        let mut world = World::new(|_| 100_000.0);
        let changes = world.run(&mut tuner, 30.0);
        assert_eq!(changes[..4], [8, 4, 5, 4]);
        assert!(changes.len() >= 8, "{changes:?}");
        world.run(&mut tuner, 600.0);
        assert!(world.run(&mut tuner, 60.0).len() <= 4, "in twice the time");
    }

    #[test]
    fn a_bad_moment_ends_no_search() {
        // Whenever the moment comes, and it lasts longer than a measurement.
        for at in 4..16 {
            let mut tuner = Tuner::new(4);
            let mut world = World::new(|lanes| 10_000.0 * lanes as f64);
            world.run(&mut tuner, f64::from(at) * 0.25);
            world.rate = |lanes| 4_000.0 * lanes as f64;
            world.run(&mut tuner, 0.75);
            world.rate = |lanes| 10_000.0 * lanes as f64;
            world.run(&mut tuner, 3.0);
            assert_eq!(tuner.lanes, 32, "after {at}");
        }
    }

    #[test]
    fn a_line_that_becomes_free_is_used() {
        let mut tuner = Tuner::new(4);
        let mut world = World::new(|_| 100_000.0);
        world.run(&mut tuner, 30.0);
        world.rate = |lanes| 100_000.0 * lanes as f64;
        world.run(&mut tuner, 300.0);
        assert!(tuner.lanes > 16, "{}", tuner.lanes);
    }

    #[test]
    fn nothing_is_concluded_from_lanes_without_work() {
        let mut tuner = Tuner::new(4);
        let mut world = World::new(|lanes| 10_000.0 * lanes as f64);
        world.count.waiting = 0;
        assert_eq!(world.run(&mut tuner, 60.0), [0; 0]);
    }

    #[test]
    fn a_few_huge_files_are_measured_by_their_bytes() {
        let mut tuner = Tuner::new(4);
        let mut count = Count { waiting: 3, ..Count::default() };
        let mut changes = Vec::new();
        for second in 1..40 {
            count.work += 1_000_000 * tuner.lanes as u64;
            changes.extend(tuner.observe(Duration::from_secs(second), count).map(|change| change.lanes));
        }
        assert_eq!(changes, [8, 16, 32]);
    }

    #[test]
    fn failures_that_may_pass_halve_the_lanes() {
        let mut tuner = Tuner::new(16);
        let mut world = World::new(|_| 1_000.0);
        world.run(&mut tuner, 1.0);
        world.count.troubles = 2;
        assert_eq!(world.look(&mut tuner), None, "an accident");
        world.count.troubles = 5;
        let change = world.look(&mut tuner).expect("too many");
        assert_eq!(change.lanes, 8);
        assert!(change.reason.contains("5 transfers failed"), "{}", change.reason);
        assert_eq!(world.look(&mut tuner), None, "told once");
        // Few among many files are no reason.
        let mut tuner = Tuner::new(16);
        let mut world = World::new(|_| 1_000_000.0);
        world.count.troubles = 5;
        let first = world.run(&mut tuner, 10.0)[0];
        assert_eq!(first, 32);
    }

    #[test]
    fn a_crowded_server_is_not_pressed_until_later() {
        let mut tuner = Tuner::new(4);
        let mut world = World::new(|lanes| 10_000.0 * lanes as f64);
        assert_eq!(world.run(&mut tuner, 3.0)[..1], [8]);
        let change = tuner.crowded(Duration::from_secs(3), 3, "b:21").expect("fewer");
        assert_eq!((change.lanes, change.reason.as_str()), (3, "b:21 has no room for more sessions"));
        assert_eq!(world.run(&mut tuner, 100.0), [0; 0]);
        assert!(!world.run(&mut tuner, 60.0).is_empty(), "somebody may have left");
        assert_eq!(tuner.crowded(Duration::from_secs(170), 40, "b:21"), None);
    }
}
