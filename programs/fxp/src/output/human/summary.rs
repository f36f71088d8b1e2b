//! The end of a copy or move: what was done, and what it is worth.

use std::fmt::Write as _;

use fxp_engine::report::{Assurance, FileReport, Report, Route, Verification};
use fxp_proto::pair::method::Method;

use crate::exit::Exit;
use crate::output::printer::{ERROR, GOOD, WARNING, styled};
use crate::output::{Deed, assurance_meaning, assurance_word, measure, route_word};

/// The most notes a summary repeats; the rest is counted. Each was said when it happened.
const MAX_NOTES: usize = 10;

/// `Copied 12 files, 3.4 GiB in 31 s (112.0 MiB/s); 5 there already and equal`
pub(super) fn headline(deed: Deed, report: &Report, exit: Exit) -> String {
    let renamed = !report.files.is_empty() && report.files.iter().all(is_renamed);
    let word = match (deed, exit) {
        (_, Exit::Interrupted) => styled(WARNING, "Interrupted after"),
        _ if renamed => styled(GOOD, "Renamed"),
        (Deed::Copy, Exit::Done) => styled(GOOD, "Copied"),
        (Deed::Move, Exit::Done) => styled(GOOD, "Moved"),
        (Deed::Copy, _) => styled(WARNING, "Copied"),
        (Deed::Move, _) => styled(WARNING, "Moved"),
    };
    let mut line = match report.files.is_empty() {
        true => nothing(deed, report, exit),
        false => format!("{word} {}", amount(report, renamed)),
    };
    if report.unchanged > 0 {
        let _ = write!(line, "; {} there already and equal", report.unchanged);
    }
    if !report.skipped.is_empty() {
        let _ = write!(line, "; {} left out", report.skipped.len());
    }
    if !report.failures.is_empty() && exit != Exit::Interrupted {
        let files = measure::count(report.failures.len() as u64, "file", "files");
        let _ = write!(line, "; {}", styled(ERROR, format_args!("{files} failed")));
    }
    line
}

/// `12 files, 3.4 GiB in 31 s (112.0 MiB/s)`
fn amount(report: &Report, renamed: bool) -> String {
    let files = measure::count(report.files.len() as u64, "file", "files");
    if renamed {
        return files;
    }
    let bytes: u64 = report.files.iter().map(|file| file.size - file.resumed.min(file.size)).sum();
    let rate = measure::rate(bytes, report.elapsed).map(|rate| format!(" ({rate})")).unwrap_or_default();
    format!("{files}, {} in {}{rate}", measure::size(bytes), measure::time(report.elapsed))
}

/// No file has come through.
fn nothing(deed: Deed, report: &Report, exit: Exit) -> String {
    match (exit, deed) {
        (Exit::Interrupted, _) => styled(WARNING, "Interrupted"),
        (_, Deed::Copy) if report.failures.is_empty() => "Nothing to copy".into(),
        (_, Deed::Move) if report.failures.is_empty() => "Nothing to move".into(),
        (_, Deed::Copy) => styled(WARNING, "Copied nothing"),
        (_, Deed::Move) => styled(WARNING, "Moved nothing"),
    }
}

fn is_renamed(file: &FileReport) -> bool {
    file.route == Route::Renamed
}

/// Route, method, assurance, verification and notes, each value once. A file that was renamed took no
/// road and needs no proof.
pub(super) fn rows(report: &Report) -> Vec<(&'static str, String)> {
    let moved: Vec<&FileReport> = report.files.iter().filter(|file| !is_renamed(file)).collect();
    let mut rows = Vec::new();
    let mut add = |label, texts: Vec<String>| rows.extend(texts.into_iter().map(|text| (label, text)));
    let mut routes = each(&moved, |file| Some(route_word(file.route).to_owned()));
    if let Some(last) = routes.last_mut() {
        let _ = write!(last, ", {} through this machine", measure::size(report.through_client));
    }
    add("route", routes);
    add("method", each(&moved, |file| file.method.as_ref().map(method_sentence)));
    add("assurance", each(&moved, |file| Some(assurance_sentence(file.assurance))));
    add("verified", verification_sentences(&moved));
    let mut notes = each_of(report.files.iter().flat_map(|file| file.notes.iter().cloned()));
    let more = notes.len().saturating_sub(MAX_NOTES);
    if more > 0 {
        notes.truncate(MAX_NOTES);
        notes.push(format!("and {more} more; -v shows them all"));
    }
    add("note", notes);
    rows
}

fn assurance_sentence(assurance: Assurance) -> String {
    format!("{}: {}", assurance_word(assurance), assurance_meaning(assurance))
}

/// `cpsv: the destination listens and plays TLS client`.
pub(crate) fn method_sentence(method: &Method) -> String {
    let (word, passive) = (method.word(), method.passive);
    match method.tls {
        None => format!("{word}: the {passive} listens"),
        Some(tls) if tls.client == passive => format!("{word}: the {passive} listens and plays TLS client"),
        Some(tls) => format!("{word}: the {passive} listens, the {} plays TLS client", tls.client),
    }
}

/// How many files were verified in which way.
fn verification_sentences(files: &[&FileReport]) -> Vec<String> {
    let ways = each(files, |file| Some(verified(&file.verified)));
    let of_how_many = |way: &String| {
        let number = files.iter().filter(|file| verified(&file.verified) == *way).count();
        match (ways.len(), files.len()) {
            (1, 1) => "the file".to_owned(),
            (1, _) => "every file".to_owned(),
            _ => measure::count(number as u64, "file", "files"),
        }
    };
    ways.iter().map(|way| format!("{way} of {} is the same on both sides", of_how_many(way))).collect()
}

pub(super) fn verified(verification: &Verification) -> String {
    match verification {
        Verification::Digest { algorithm, .. } => format!("{algorithm} (and the size)"),
        Verification::Size => "only the size".into(),
    }
}

/// The different values, in the order of their first appearance.
fn each(files: &[&FileReport], value: impl Fn(&FileReport) -> Option<String>) -> Vec<String> {
    each_of(files.iter().filter_map(|file| value(file)))
}

fn each_of(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut different = Vec::new();
    for value in values {
        if !different.contains(&value) {
            different.push(value);
        }
    }
    different
}
