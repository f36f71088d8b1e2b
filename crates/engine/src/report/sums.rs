//! The report of a whole run, which stays small however many files there are: sums of everything, and the
//! first of each kind in full. Each file was told in an event of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use fxp_proto::pair::method::Method;

use crate::times::Times;

use super::{Assurance, Doubt, FileFailure, FileReport, Route, Skipped, Trouble, TroubleKind, Verification};

/// The whole run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Of all finished files.
    pub sums: Sums,
    /// The first [`MOST_TOLD`] finished files, in the order in which they were finished.
    pub files: Vec<FileReport>,
    /// The first [`MOST_TOLD`] destinations that are proven equal by their size only.
    pub unproven: Vec<String>,
    /// Files that failed; those that a stop or a limit kept from being brought are not among them.
    pub failed: u64,
    /// Files that were on their way, or about to be, when the run was stopped.
    pub interrupted: u64,
    /// What was found and not brought, if the run ended before everything was tried. Not told for several
    /// destinations.
    pub left: Option<Left>,
    /// Why nothing was deleted, if more would have been than is allowed.
    pub refused: Option<Box<Refused>>,
    /// The first [`MOST_FAILURES`] of them.
    pub failures: Vec<FileFailure>,
    /// All kinds of trouble that there were.
    pub kinds: BTreeSet<TroubleKind>,
    /// What was left out on purpose.
    pub left_out: u64,
    /// The first [`MOST_TOLD`] of that.
    pub skipped: Vec<Skipped>,
    /// The first [`MOST_NOTES`] different notes of all files.
    pub notes: Vec<String>,
    /// Different notes beyond those; a note may be counted more than once.
    pub more_notes: u64,
    /// Directories that were made.
    pub directories: u64,
    /// Links that were made.
    pub links: u64,
    /// Equal already.
    pub unchanged: u64,
    /// There already and equal in size, and not proven equal although that was asked for.
    pub doubtful: u64,
    /// The first [`MOST_TOLD`] of them.
    pub doubts: Vec<Doubt>,
    /// Files and directories that were deleted at the destination.
    pub deleted: u64,
    /// Whether everything was tried that there was to do.
    pub ending: Ending,
    /// Wall time.
    pub elapsed: Duration,
    /// Payload bytes that passed through this process.
    pub through_client: u64,
    /// What is known of how the times of copies look, where times were compared.
    pub times: Vec<Times>,
    /// Where there are several destinations: what each server got and gave, the source first.
    pub servers: Vec<Served>,
}

/// What was found and not brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Files.
    pub files: u64,
    /// Their bytes, as far as sizes are known.
    pub bytes: u64,
    /// The walk had come to its end; otherwise there may be more.
    pub all: bool,
}

/// Deletions that were refused, since they were too many.
#[derive(Clone, Debug)]
pub struct Refused {
    /// Files and directories that would have been deleted.
    pub count: u64,
    /// The reason.
    pub trouble: Trouble,
}

/// What one of several servers got and gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Where the files are, or go; printable.
    pub place: String,
    /// Files that it got.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that it had already.
    pub unchanged: u64,
    /// Files that it lacks. Without a plan nobody knows how many there are, which counts as one.
    pub failed: u64,
    /// Copies that it sent to others.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// From whom its files came, and what that achieved, in the order of first appearance.
    pub came: Vec<Came>,
    /// Why nothing more was tried with it.
    pub given_up: Option<String>,
}

/// Files that one of several destinations got from one server in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Came {
    /// The server that sent them: the source of their assurance. Printable, as [`Served::place`].
    pub from: String,
    /// What was achieved.
    pub assurance: Assurance,
    /// How many.
    pub files: u64,
}

impl Served {
    pub(crate) fn came_from(&mut self, from: String, assurance: Assurance) {
        match self.came.iter_mut().find(|came| came.from == from && came.assurance == assurance) {
            Some(came) => came.files += 1,
            None => self.came.push(Came { from, assurance, files: 1 }),
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// Everything was tried.
    #[default]
    Complete,
    /// It was stopped; the rest was not tried.
    Interrupted,
    /// `--max-transfer` or `--max-duration` was reached; the rest was not tried.
    Limit,
}

/// Sums of finished files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of the bytes that were not there already, nor only renamed.
    pub moved: u64,
    /// How many files travelled in which way, in the order of first appearance.
    pub ways: Vec<(Travelled, u64)>,
    /// How many files that travelled were compared by which digest; `None`: only by size.
    pub verified: Vec<(Option<&'static str>, u64)>,
}

/// How a file travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Travelled {
    /// Route.
    pub route: Route,
    /// Method of a direct copy.
    pub method: Option<Method>,
    /// What was achieved.
    pub assurance: Assurance,
}

impl Report {
    /// Takes in a finished file.
    pub fn add(&mut self, file: FileReport) {
        self.sums.add(&file);
        if file.route != Route::Renamed
            && file.verified == Verification::Size
            && self.unproven.len() < MOST_TOLD
        {
            self.unproven.push(file.destination.clone());
        }
        file.notes.iter().for_each(|note| self.note(note.clone()));
        if self.files.len() < MOST_TOLD {
            self.files.push(file);
        }
    }

    /// Takes in a note, unless it was taken in before.
    pub fn note(&mut self, note: String) {
        if self.notes.contains(&note) {
            return;
        }
        match self.notes.len() < MOST_NOTES {
            true => self.notes.push(note),
            false => self.more_notes += 1,
        }
    }

    /// Takes in a file that failed, or was interrupted.
    pub fn fail(&mut self, failure: FileFailure) {
        self.kinds.insert(failure.trouble.kind);
        if failure.trouble.kind == TroubleKind::Interrupted {
            self.interrupted += 1;
            return;
        }
        self.failed += 1;
        if self.failures.len() < MOST_FAILURES {
            self.failures.push(failure);
        }
    }

    /// Takes in that `count` things would have had to be deleted, and none was.
    pub fn refuse(&mut self, count: u64, trouble: Trouble) {
        self.kinds.insert(trouble.kind);
        self.refused = Some(Box::new(Refused { count, trouble }));
    }

    /// Takes in what was there already, proven equal as far as that was asked for or with a doubt.
    pub fn stood(&mut self, doubt: Option<Doubt>) {
        let Some(doubt) = doubt else {
            self.unchanged += 1;
            return;
        };
        self.doubtful += 1;
        if self.doubts.len() < MOST_TOLD {
            self.doubts.push(doubt);
        }
    }

    /// Takes in what was left out on purpose.
    pub fn leave_out(&mut self, skipped: Skipped) {
        self.left_out += 1;
        if self.skipped.len() < MOST_TOLD {
            self.skipped.push(skipped);
        }
    }
}

impl Sums {
    fn add(&mut self, file: &FileReport) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(file.size);
        count(
            &mut self.ways,
            Travelled { route: file.route, method: file.method, assurance: file.assurance },
        );
        if file.route == Route::Renamed {
            return;
        }
        self.moved = self.moved.saturating_add(file.size.saturating_sub(file.inherited));
        count(
            &mut self.verified,
            match &file.verified {
                Verification::Digest { algorithm, .. } => Some(*algorithm),
                Verification::Size => None,
            },
        );
    }

    /// Files that went by this route.
    pub fn by_route(&self, route: Route) -> u64 {
        self.ways.iter().filter(|(way, _)| way.route == route).map(|(_, files)| files).sum()
    }

    /// Files of which only the sizes were compared.
    pub fn unproven(&self) -> u64 {
        self.verified.iter().filter(|(digest, _)| digest.is_none()).map(|(_, files)| files).sum()
    }
}

fn count<T: PartialEq>(counts: &mut Vec<(T, u64)>, value: T) {
    match counts.iter_mut().find(|(known, _)| *known == value) {
        Some((_, count)) => *count += 1,
        None => counts.push((value, 1)),
    }
}

/// Finished files that a report holds in full: more than anybody reads.
pub const MOST_TOLD: usize = 1000;

/// Failures that a report holds in full.
pub const MOST_FAILURES: usize = 10_000;

/// Different notes that a report holds.
pub const MOST_NOTES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_many_files_stays_small_and_counts_all_of_them() {
        let many = 3 * MOST_TOLD as u64;
        let mut report = Report::default();
        for number in 0..many {
            report.add(FileReport {
                source: "s".into(),
                destination: format!("d{number}"),
                size: 10,
                // What an earlier attempt of this run had brought counts.
                resumed: if number < 2 { 4 } else { 0 },
                inherited: if number == 0 { 4 } else { 0 },
                elapsed: Duration::ZERO,
                route: Route::Direct,
                method: None,
                assurance: Assurance::Mutual,
                verified: match number % 3 {
                    0 => Verification::Size,
                    _ => Verification::Digest { algorithm: "SHA-256", hex: String::new() },
                },
                attempts: 1,
                time_kept: false,
                notes: vec![format!("note {}", number % 300), "the same".into()],
            });
        }
        assert_eq!(
            (report.sums.files, report.sums.bytes, report.sums.moved),
            (many, 10 * many, 10 * many - 4)
        );
        assert_eq!(report.sums.verified, [(None, many / 3), (Some("SHA-256"), many / 3 * 2)]);
        assert_eq!((report.sums.unproven(), report.sums.by_route(Route::Direct)), (many / 3, many));
        assert_eq!((report.files.len(), report.unproven.len()), (MOST_TOLD, MOST_TOLD));
        assert_eq!(report.notes.len(), MOST_NOTES);
        assert!(report.notes.iter().any(|note| note == "the same") && report.more_notes > 0);
    }

    #[test]
    fn all_failures_are_counted_and_all_their_kinds_known() {
        let mut report = Report::default();
        for number in 0..=MOST_FAILURES {
            let kind =
                if number == MOST_FAILURES { TroubleKind::Network } else { TroubleKind::SourceNotFound };
            let trouble = Trouble::new(kind, "x");
            report.fail(FileFailure { source: String::new(), destination: String::new(), trouble });
        }
        assert_eq!(report.failed, MOST_FAILURES as u64 + 1);
        assert_eq!(report.failures.len(), MOST_FAILURES);
        assert_eq!(report.kinds.len(), 2, "the last one is not forgotten");
        let trouble = Trouble::new(TroubleKind::Interrupted, "x");
        report.fail(FileFailure { source: String::new(), destination: String::new(), trouble });
        assert_eq!((report.failed, report.interrupted), (MOST_FAILURES as u64 + 1, 1), "it did not fail");
    }
}
