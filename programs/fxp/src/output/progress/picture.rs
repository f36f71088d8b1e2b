//! What is known of a run while it goes on, and how it is told in lines. Time is a parameter.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::output::measure;

/// The rate is that of the last ten seconds: long enough to be calm, short enough to be true.
const WINDOW: Duration = Duration::from_secs(10);

/// Two samples are at least so far apart.
const SAMPLE: Duration = Duration::from_millis(200);

/// Cells of a file's bar.
const CELLS: usize = 16;

/// A run as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Picture {
    /// Files to copy that were found so far; 0 before anything is known.
    files: u64,
    /// Their bytes.
    bytes: u64,
    /// The walk has ended: there will be no more.
    complete: bool,
    /// Files that have ended, well or not.
    ended: u64,
    failed: u64,
    /// Bytes of files that have ended.
    behind: u64,
    /// The files on their way, by their numbers.
    active: BTreeMap<u64, Active>,
    /// Lanes that shall work now.
    lanes: usize,
    /// What lanes wait for that have no file.
    waits: BTreeMap<usize, String>,
    /// When, and how many bytes had arrived then; the oldest first.
    samples: VecDeque<(Duration, u64)>,
}

/// A file on its way.
#[derive(Debug)]
struct Active {
    lane: usize,
    name: String,
    size: Option<u64>,
    arrived: u64,
    /// What it waits for, if it does.
    waits: Option<String>,
}

impl Picture {
    /// So much was found so far; `complete` once that is all.
    pub(super) fn found(&mut self, files: u64, bytes: u64, complete: bool) {
        (self.files, self.bytes, self.complete) = (files, bytes, complete);
    }

    pub(super) fn set_lanes(&mut self, lanes: usize) {
        self.lanes = lanes;
        self.waits.retain(|lane, _| *lane <= lanes);
    }

    pub(super) fn started(&mut self, file: u64, lane: usize, name: &str, size: Option<u64>) {
        self.waits.remove(&lane);
        let active = Active { lane, name: name.to_owned(), size, arrived: 0, waits: None };
        self.active.insert(file, active);
    }

    pub(super) fn waits(&mut self, lane: usize, file: Option<u64>, what: &str) {
        match file.and_then(|file| self.active.get_mut(&file)) {
            Some(active) => active.waits = Some(what.to_owned()),
            None => {
                self.waits.insert(lane, what.to_owned());
            }
        }
    }

    pub(super) fn arrived(&mut self, file: u64, bytes: u64) {
        if let Some(active) = self.active.get_mut(&file) {
            (active.arrived, active.waits) = (bytes, None);
        }
    }

    /// A file is over. One that failed counts for nothing but itself.
    pub(super) fn ended(&mut self, file: Option<u64>, size: Option<u64>) {
        if let Some(file) = file {
            self.active.remove(&file);
        }
        self.ended += 1;
        self.behind += size.unwrap_or_default();
        self.failed += u64::from(size.is_none());
    }

    /// A file has not come, and will begin again.
    pub(super) fn rerouted(&mut self, file: Option<u64>) {
        if let Some(file) = file {
            self.active.remove(&file);
        }
    }

    /// Remembers how far it is, for the rate.
    pub(super) fn sample(&mut self, now: Duration) {
        if self.samples.back().is_some_and(|(last, _)| now.saturating_sub(*last) < SAMPLE) {
            return;
        }
        self.samples.push_back((now, self.position()));
        while self.samples.get(1).is_some_and(|(second, _)| now.saturating_sub(*second) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// The run in one line.
    pub(super) fn headline(&self) -> String {
        let more = if self.complete { "" } else { "+" };
        let mut parts = Vec::new();
        if self.files != 1 || !self.complete {
            let (ended, files) = (measure::number(self.ended), measure::number(self.files));
            parts.push(format!("{ended} of {files}{more} files"));
        }
        parts.push(format!("{} of {}{more}", measure::size(self.position()), measure::size(self.bytes)));
        let rate = self.rate();
        parts.extend(rate.map(|rate| format!("{}/s", measure::size(rate))));
        if let Some(left) = self.left() {
            parts.push(format!("{} left", measure::estimate(left)));
        }
        if self.lanes > 1 {
            parts.push(format!("{} lanes", self.lanes));
        }
        if self.failed > 0 {
            parts.push(format!("{} failed", measure::number(self.failed)));
        }
        parts.join(", ")
    }

    /// Lane by lane, at most `most` lines: the file on its way there, or what the lane waits for.
    pub(super) fn rows(&self, most: usize) -> Vec<String> {
        let mut rows: BTreeMap<usize, String> =
            self.waits.iter().map(|(lane, what)| (*lane, format!("waits: {what}"))).collect();
        rows.extend(self.active.values().map(|active| (active.lane, active.line())));
        let mut rows: Vec<String> = rows.into_values().collect();
        if rows.len() > most {
            let rest = rows.split_off(most.saturating_sub(1)).len();
            rows.push(format!("and {rest} more"));
        }
        rows
    }

    /// Bytes that have arrived.
    fn position(&self) -> u64 {
        let current: u64 = self.active.values().map(|active| active.arrived).sum();
        self.behind.saturating_add(current)
    }

    fn rate(&self) -> Option<u64> {
        let ((since, before), (now, after)) = (self.samples.front()?, self.samples.back()?);
        let elapsed = now.saturating_sub(*since);
        let bytes = after.saturating_sub(*before);
        (elapsed >= SAMPLE && bytes > 0).then(|| (bytes as f64 / elapsed.as_secs_f64()) as u64)
    }

    /// Nobody knows before the walk has ended, or while nothing moves.
    fn left(&self) -> Option<Duration> {
        let rate = self.rate().filter(|rate| *rate > 0)?;
        let bytes = self.bytes.saturating_sub(self.position());
        self.complete.then(|| Duration::from_secs(bytes / rate))
    }
}

impl Active {
    fn line(&self) -> String {
        let waits = self.waits.as_ref().map(|what| format!("  waits: {what}")).unwrap_or_default();
        match self.size.filter(|size| *size > 0) {
            Some(size) => {
                let arrived = self.arrived.min(size);
                let full = usize::try_from(u128::from(arrived) * CELLS as u128 / u128::from(size));
                let bar = "=".repeat(full.unwrap_or(CELLS));
                let percent = u128::from(arrived) * 100 / u128::from(size);
                format!("[{bar:<CELLS$}] {percent:>3}%  {}  {}{waits}", measure::size(size), self.name)
            }
            None => format!("{}{waits}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn at(picture: &mut Picture, milliseconds: u64) -> String {
        picture.sample(Duration::from_millis(milliseconds));
        picture.headline()
    }

    #[test]
    fn totals_are_honest_while_the_walk_goes_on() {
        let mut picture = Picture::default();
        picture.found(3871, 100 * MIB, false);
        assert_eq!(at(&mut picture, 0), "0 of 3 871+ files, 0 bytes of 100.0 MiB+");
        picture.set_lanes(4);
        picture.started(1, 1, "a", Some(8 * MIB));
        picture.arrived(1, 4 * MIB);
        assert_eq!(at(&mut picture, 1000), "0 of 3 871+ files, 4.0 MiB of 100.0 MiB+, 4.0 MiB/s, 4 lanes");
        picture.ended(Some(1), Some(8 * MIB));
        picture.ended(Some(2), None);
        picture.found(5000, 200 * MIB, true);
        assert_eq!(
            at(&mut picture, 2000),
            "2 of 5 000 files, 8.0 MiB of 200.0 MiB, 4.0 MiB/s, 48 s left, 4 lanes, 1 failed"
        );
    }

    #[test]
    fn a_single_file_needs_no_count() {
        let mut picture = Picture::default();
        picture.found(1, 10 * MIB, true);
        picture.started(1, 1, "a", Some(10 * MIB));
        assert_eq!(at(&mut picture, 0), "0 bytes of 10.0 MiB");
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut picture = Picture::default();
        picture.found(1, 1000 * MIB, true);
        picture.started(1, 1, "a", Some(1000 * MIB));
        for second in 0..=10 {
            picture.arrived(1, second * MIB);
            at(&mut picture, second * 1000);
        }
        assert!(at(&mut picture, 10_000).contains(", 1.0 MiB/s, 16 min 30 s left"), "{}", picture.headline());
        // It stands still: first slower, then nothing is said any more.
        for second in 11..=15 {
            at(&mut picture, second * 1000);
        }
        assert!(picture.headline().contains(", 512.0 KiB/s,"), "{}", picture.headline());
        for second in 16..=25 {
            at(&mut picture, second * 1000);
        }
        assert_eq!(picture.headline(), "10.0 MiB of 1000.0 MiB");
    }

    #[test]
    fn every_lane_has_its_row() {
        let mut picture = Picture::default();
        picture.set_lanes(5);
        picture.started(7, 2, "b", Some(200));
        picture.arrived(7, 100);
        picture.started(9, 1, "a", None);
        picture.waits(3, None, "room for one more session with h:21");
        picture.started(8, 4, "empty", Some(0));
        picture.waits(4, Some(8), "the digest");
        assert_eq!(
            picture.rows(8),
            [
                "a",
                "[========        ]  50%  200 bytes  b",
                "waits: room for one more session with h:21",
                "empty  waits: the digest",
            ]
        );
        assert_eq!(picture.rows(3)[2], "and 2 more");
        // Whoever goes on waits no more.
        picture.started(10, 3, "c", Some(1));
        assert_eq!(picture.rows(8)[2], "[                ]   0%  1 byte  c");
        picture.ended(Some(10), Some(1));
        assert_eq!(picture.rows(8).len(), 3);
        picture.waits(5, None, "x");
        picture.set_lanes(4);
        assert_eq!(picture.rows(8).len(), 3, "a lane that is no more waits for nothing");
    }

    #[test]
    fn more_bytes_than_announced_break_nothing() {
        let mut picture = Picture::default();
        picture.found(1, 10, true);
        picture.started(1, 1, "grows", Some(10));
        picture.arrived(1, u64::MAX);
        assert!(picture.rows(1)[0].contains("100%"));
        assert!(at(&mut picture, 0).starts_with("16.0 EiB of 10 bytes"));
    }
}
