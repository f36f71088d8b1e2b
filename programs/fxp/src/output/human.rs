//! The voice for people. [`items`] are pieces of data; [`summary`] is the end of a copy.

#[cfg(test)]
mod explanations;
mod findings;
mod items;
mod jobs;
pub(crate) mod summary;
mod untried;

use std::fmt::Write as _;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use fxp_client::transcript::Line;
use fxp_engine::context::Observer;
use fxp_engine::doctor::Finding;
use fxp_engine::report::{Event, FileReport, Report};

use self::untried::Untried;
use super::printer::{ERROR, GOOD, HINT, LABEL, Printer, WARNING, styled};
use super::progress::Progress;
use super::{Deed, Item, Voice, measure, transcript};
use crate::exit::{Causes, Exit, Failure};
use crate::settings::Verbosity;

/// Speaks to a person.
pub(crate) struct Human {
    verbosity: Verbosity,
    /// The plan is what was asked for, so it goes to stdout.
    dry_run: bool,
    printer: Printer,
    /// What was explained last: the other files of a tree often fail for the very same reasons.
    explained: Mutex<Option<Failure>>,
    /// Files that were not tried, which are told together.
    untried: Mutex<Untried>,
    /// It comes with the totals, more than once where the walk takes long.
    ladder_told: AtomicBool,
}

impl Human {
    pub(crate) fn new(verbosity: Verbosity, dry_run: bool) -> Self {
        let progress = Progress::new(verbosity != Verbosity::Quiet && !dry_run);
        Human {
            verbosity,
            dry_run,
            printer: Printer::new(progress),
            explained: Mutex::default(),
            untried: Mutex::default(),
            ladder_told: AtomicBool::new(false),
        }
    }

    /// Says it unless told to be quiet.
    fn say(&self, line: &str) {
        if self.verbosity != Verbosity::Quiet {
            self.printer.remark(line);
        }
    }

    /// Says it only if told to be verbose.
    fn detail(&self, line: &str) {
        if self.verbosity == Verbosity::Verbose {
            self.printer.remark(line);
        }
    }

    /// The plan: to stdout if that is what was asked for.
    fn plan(&self, line: &str) {
        if self.dry_run {
            // A reader who has seen enough is no trouble.
            let _ = self.printer.data(line);
        } else {
            self.detail(line);
        }
    }

    fn planned(&self, files: u64, bytes: u64, directories: u64, unchanged: u64, ladder: &[String]) {
        let mut line =
            format!("{}, {} to copy", measure::count(files, "file", "files"), measure::size(bytes));
        if directories > 0 {
            let _ = write!(line, "; {} to make", measure::count(directories, "directory", "directories"));
        }
        if unchanged > 0 {
            let _ = write!(line, "; {unchanged} there already and equal");
        }
        self.plan(&line);
        self.ladder(ladder);
        if !self.dry_run {
            self.printer.progress().found(files, bytes, true);
        }
    }

    /// The ladder, before anything else is done, and once.
    fn ladder(&self, ladder: &[String]) {
        if !ladder.is_empty() && !self.ladder_told.swap(true, Ordering::Relaxed) {
            self.plan("ladder, best rung first:");
            for (number, rung) in ladder.iter().enumerate() {
                self.plan(&format!("  {}. {rung}", number + 1));
            }
        }
    }

    fn done(&self, number: u64, file: &FileReport) {
        self.printer.progress().ended(Some(number), Some(file.size));
        self.detail(&format!(
            "{} {} ({}, {}, {})",
            styled(GOOD, "copied"),
            file.destination,
            measure::size(file.size),
            measure::time(file.elapsed),
            summary::verified(&file.verified),
        ));
        for note in &file.notes {
            self.detail(&format!("{} {}: {note}", styled(WARNING, "note:"), file.destination));
        }
    }

    fn row(&self, label: &str, text: &str) {
        self.say(&format!("  {} {text}", styled(LABEL, format_args!("{label:<10}"))));
    }
}

impl Observer for Human {
    fn event(&self, event: Event) {
        match event {
            Event::Connected { leg, server, tls, verified } => {
                let protection = match (tls, verified) {
                    (Some(tls), Some(how)) => format!("{tls}, certificate verified: {how}"),
                    (Some(tls), None) => format!("{tls}, certificate not verified"),
                    (None, _) => "in clear".into(),
                };
                self.detail(&format!("{leg}: logged in to {server} ({protection})"));
            }
            Event::Planned { files, bytes, directories, unchanged, ladder } => {
                self.planned(files, bytes, directories, unchanged, &ladder);
            }
            Event::Times(times) => self.plan(&times.sentence()),
            Event::Feeds { from, to } => self.plan(&format!("{from} feeds {}", to.join(", "))),
            Event::Rerouted { file, text } => {
                self.printer.progress().rerouted(file);
                self.warning(&text);
            }
            Event::Step(step) => self.plan(&format!("  {step}")),
            Event::Walked { files, bytes, ladder, .. } => {
                self.ladder(&ladder);
                if !self.dry_run {
                    self.printer.progress().found(files, bytes, false);
                }
            }
            Event::Lanes { lanes, reason } => {
                self.printer.progress().lanes(lanes);
                self.detail(&format!("{}: {reason}", measure::count(lanes as u64, "lane", "lanes")));
            }
            Event::Waits { lane, file, what } => {
                self.printer.progress().waits(lane, file, &what);
                self.detail(&format!("lane {lane} waits: {what}"));
            }
            Event::Started { file, lane, source, size, .. } => {
                self.printer.progress().started(file, lane, last_name(&source), size);
            }
            Event::Progress { file, bytes } => self.printer.progress().arrived(file, bytes),
            Event::Fallback { text, .. } => self.warning(&text),
            Event::Skipped(skipped) => {
                self.warning(&format!("{} is not copied: {}", skipped.source, skipped.reason));
            }
            Event::Linked { destination, leads_to, .. } => {
                self.detail(&format!("{} {destination} to {leads_to}", styled(GOOD, "linked")));
            }
            Event::Deleted { place, directory } => {
                let slash = if directory { "/" } else { "" };
                self.detail(&format!("{} {place}{slash}", styled(GOOD, "deleted")));
            }
            Event::Done { file, report, .. } => self.done(file, &report),
            // There may be very many; the end says how many.
            Event::Unchanged(_) => {}
            Event::Failed { file, failure: failed } => {
                self.printer.progress().ended(file, None);
                let untried = failed.trouble.untried && self.verbosity != Verbosity::Verbose;
                let mut failure = Failure::from(failed.trouble);
                if untried && self.untried.lock().expect("no holder of the lock panics").add(&failure) {
                    return;
                }
                if !failure.what.contains(&failed.source) {
                    failure.what = format!("{}: {}", failed.source, failure.what);
                }
                self.failure(&failure);
            }
        }
    }

    fn line(&self, leg: &str, line: Line) {
        self.detail(&transcript::line(leg, &line));
    }
}

impl Voice for Human {
    fn item(&self, item: Item<'_>) -> io::Result<()> {
        match item {
            Item::Heading(place) => self.printer.data(&format!("{place}:")),
            Item::Entry { entry, long, .. } => items::print_entry(entry, long),
            Item::Site { name, site } => {
                self.printer.data(&format!("{name:<15} {}", items::describe_site(site)))
            }
            Item::Bookmark(imported) => {
                items::import_lines(imported).iter().try_for_each(|line| self.printer.data(line))
            }
            Item::Trusted { server, fingerprint, compared } => {
                self.printer.data(&format!("{server:<30} {}", items::trusted(fingerprint, compared)))
            }
            Item::Facts(facts) => {
                items::fact_lines(facts).iter().try_for_each(|line| self.printer.data(line))
            }
            Item::Memory(memory) => {
                items::memory_lines(memory).iter().try_for_each(|line| self.printer.data(line))
            }
            Item::Finding(Finding::Leftover { place, trouble }) => {
                self.warning(&format!("the probe {place} could not be removed: {trouble}"));
                Ok(())
            }
            Item::Job(job) => jobs::lines(job).iter().try_for_each(|line| self.printer.data(line)),
            Item::Started(job) => self.printer.data(&job.id.to_string()),
            Item::Found(found) => self.printer.data(&found.line()),
            Item::Finding(finding) => {
                let all = self.verbosity == Verbosity::Verbose;
                findings::lines(finding, all).iter().try_for_each(|line| self.printer.data(line))
            }
        }
    }

    fn confirmation(&self, text: &str) {
        self.say(text);
    }

    fn remark(&self, text: &str) {
        self.say(text);
    }

    fn warning(&self, text: &str) {
        self.say(&format!("{} {text}", styled(WARNING, "warning:")));
    }

    fn end_of_progress(&self) {
        self.printer.progress().finish();
        let untried = std::mem::take(&mut *self.untried.lock().expect("no holder of the lock panics"));
        untried.told().for_each(|failure| self.failure(&failure));
    }

    fn summary(&self, deed: Deed, report: &Report, exit: Exit) {
        if self.dry_run {
            return;
        }
        self.say(&summary::headline(deed, report, exit));
        for (label, text) in summary::rows(report) {
            self.row(label, &text);
        }
    }

    fn failure(&self, failure: &Failure) {
        let mut explained = self.explained.lock().expect("no holder of the lock panics");
        if explained.as_ref().is_some_and(|last| last.has_reasons_of(failure)) {
            self.printer.remark(&format!("{}, for the same reasons", headline_of(failure)));
        } else {
            self.printer.remark(&failure_text(failure));
            *explained = Some(failure.clone());
        }
    }

    fn pause(&self, question: &mut dyn FnMut()) {
        self.printer.progress().suspend(question);
    }
}

/// What there is room for beside a bar.
fn last_name(place: &str) -> &str {
    place.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or(place)
}

fn headline_of(failure: &Failure) -> String {
    format!("{} {}", styled(ERROR, "error:"), failure.what)
}

/// One sentence, the causes, then a hint with what to type.
fn failure_text(failure: &Failure) -> String {
    let mut text = headline_of(failure);
    let mut row = |style, label: &str, line: &str| {
        let _ = write!(text, "\n  {} {line}", styled(style, format_args!("{label:<11}")));
    };
    if let Some(words) = &failure.words {
        let speaker = failure.leg.map_or_else(|| "it said".to_owned(), |leg| leg.to_string());
        row(LABEL, &speaker, words);
    }
    match &failure.causes {
        Causes::Because(causes) => causes.iter().for_each(|cause| row(LABEL, "because", cause)),
        Causes::Tried(rungs) => rungs.iter().for_each(|rung| row(LABEL, "tried", rung)),
    }
    if let Some(hint) = &failure.hint {
        row(HINT, "hint", hint);
    }
    text
}
