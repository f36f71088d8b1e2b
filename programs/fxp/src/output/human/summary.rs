//! The end of a copy or move: what was done, and what it is worth.

use std::fmt::Write as _;

use fxp_engine::report::{
    Assurance, Came, Ending, FileFailure, Left, Report, Route, Served, Trouble, Verification,
};
use fxp_engine::times::Times;
use fxp_proto::pair::method::Method;

use crate::exit::Exit;
use crate::output::printer::{ERROR, GOOD, WARNING, styled};
use crate::output::{Deed, assurance_meaning, assurance_word, measure, route_word};

/// The most notes a summary repeats; the rest is counted. Each was said when it happened.
const MAX_NOTES: usize = 10;

/// Files not proven equal that a summary names.
const MAX_UNPROVEN: usize = 20;

/// Reasons for failures that a summary names, and files with each.
const MAX_REASONS: usize = 5;
const MAX_NAMES: usize = 3;

/// `Copied 12 files, 3.4 GiB in 31 s (112.0 MiB/s); 5 there already and equal`
pub(super) fn headline(deed: Deed, report: &Report, exit: Exit) -> String {
    let renamed = report.sums.files > 0 && report.sums.by_route(Route::Renamed) == report.sums.files;
    let word = match (deed, exit) {
        (_, Exit::Interrupted) => styled(WARNING, "Interrupted after"),
        _ if renamed => styled(GOOD, "Renamed"),
        (Deed::Copy | Deed::Sync, Exit::Done) => styled(GOOD, "Copied"),
        (Deed::Move, Exit::Done) => styled(GOOD, "Moved"),
        (Deed::Copy | Deed::Sync, _) => styled(WARNING, "Copied"),
        (Deed::Move, _) => styled(WARNING, "Moved"),
    };
    let mut line = match report.sums.files == 0 {
        true => nothing(deed, report, exit),
        false => format!("{word} {}", amount(report, renamed)),
    };
    if report.unchanged > 0 {
        let _ = write!(line, "; {} there already and equal", report.unchanged);
    }
    if report.doubtful > 0 {
        let _ = write!(line, "; {} there already, not proven equal", report.doubtful);
    }
    if report.links > 0 {
        let _ = write!(line, "; {}", measure::count(report.links, "link", "links"));
    }
    if report.deleted > 0 {
        let _ = write!(line, "; {} deleted", report.deleted);
    }
    if report.left_out > 0 {
        let _ = write!(line, "; {} left out", report.left_out);
    }
    if let Some(refused) = &report.refused {
        let things = measure::count(refused.count, "file or directory", "files and directories");
        let _ = write!(line, "; {}", styled(ERROR, format_args!("{things} not deleted (--delete-limit)")));
    }
    if report.failed > 0 {
        let files = measure::count(report.failed, "file", "files");
        let _ = write!(line, "; {}", styled(ERROR, format_args!("{files} failed")));
    }
    if let Some(left) = report.left.as_ref().and_then(left) {
        let _ = write!(line, "; {left}");
    }
    line
}

/// `12 files (3.4 GiB) are left`; nothing, if nothing is.
fn left(left: &Left) -> Option<String> {
    let files = measure::count(left.files, "file", "files");
    let bytes = if left.bytes > 0 { format!(" ({})", measure::size(left.bytes)) } else { String::new() };
    match (left.files, left.all) {
        (0, true) => None,
        (0, false) => Some("what was not listed yet is left".to_owned()),
        (1, true) => Some(format!("{files}{bytes} is left")),
        (_, true) => Some(format!("{files}{bytes} are left")),
        (_, false) => Some(format!("{files}{bytes} and what was not listed yet are left")),
    }
}

/// `12 files, 3.4 GiB in 31 s (112.0 MiB/s)`
fn amount(report: &Report, renamed: bool) -> String {
    let files = measure::count(report.sums.files, "file", "files");
    if renamed {
        return files;
    }
    let bytes = report.sums.moved;
    let rate = measure::rate(bytes, report.elapsed).map(|rate| format!(" ({rate})")).unwrap_or_default();
    format!("{files}, {} in {}{rate}", measure::size(bytes), measure::time(report.elapsed))
}

/// No file has come through.
fn nothing(deed: Deed, report: &Report, exit: Exit) -> String {
    match (exit, deed) {
        (Exit::Done, Deed::Copy | Deed::Sync) if report.links > 0 => styled(GOOD, "Copied no file"),
        (Exit::Done, Deed::Move) if report.links > 0 => styled(GOOD, "Moved no file"),
        (Exit::Interrupted, _) => styled(WARNING, "Interrupted"),
        (_, Deed::Copy | Deed::Sync) if report.ending == Ending::Limit => {
            styled(WARNING, "A limit was reached before any file was copied")
        }
        (_, Deed::Move) if report.ending == Ending::Limit => {
            styled(WARNING, "A limit was reached before any file was moved")
        }
        (_, Deed::Copy | Deed::Sync) if report.failed == 0 => "Nothing to copy".into(),
        (_, Deed::Move) if report.failed == 0 => "Nothing to move".into(),
        (_, Deed::Copy | Deed::Sync) => styled(WARNING, "Copied nothing"),
        (_, Deed::Move) => styled(WARNING, "Moved nothing"),
    }
}

/// Route, method, assurance, verification and notes, each value once. A file that was renamed took no
/// road and needs no proof.
pub(super) fn rows(report: &Report) -> Vec<(&'static str, String)> {
    let moved = || report.sums.ways.iter().map(|(way, _)| way).filter(|way| way.route != Route::Renamed);
    let mut rows = Vec::new();
    let mut add = |label, texts: Vec<String>| rows.extend(texts.into_iter().map(|text| (label, text)));
    let mut routes = each_of(moved().map(|way| route_word(way.route).to_owned()));
    if let Some(last) = routes.last_mut() {
        let _ = write!(last, ", {} through this machine", measure::size(report.through_client));
    }
    add("route", routes);
    add("servers", report.servers.iter().map(served).collect());
    add("method", each_of(moved().filter_map(|way| way.method.as_ref().map(method_sentence))));
    let came: Vec<String> = each_of(report.servers.iter().flat_map(came));
    add(
        "assurance",
        match came.is_empty() {
            true => each_of(moved().map(|way| assurance_sentence(way.assurance))),
            false => came,
        },
    );
    add("verified", verification_sentences(report));
    add("not proven", unproven(report));
    add("not proven", doubts(report));
    add("times", times(report));
    add("failed", failures(report));
    let mut notes = report.notes.clone();
    let more = notes.len().saturating_sub(MAX_NOTES) as u64 + report.more_notes;
    if more > 0 {
        notes.truncate(MAX_NOTES);
        notes.push(format!("and {more} more; -v shows them all"));
    }
    add("note", notes);
    rows
}

/// `archive: got 12 files, 3.4 MiB; sent 5 copies, 1.2 MiB`
fn served(server: &Served) -> String {
    let mut parts = Vec::new();
    if server.files > 0 {
        let files = measure::count(server.files, "file", "files");
        parts.push(format!("got {files}, {}", measure::size(server.bytes)));
    }
    if server.unchanged > 0 {
        parts.push(format!("had {} already", server.unchanged));
    }
    if server.sent > 0 {
        let copies = measure::count(server.sent, "copy", "copies");
        parts.push(format!("sent {copies}, {}", measure::size(server.sent_bytes)));
    }
    if server.failed > 0 {
        parts.push(styled(ERROR, format_args!("{} failed", server.failed)));
    }
    if let Some(why) = &server.given_up {
        parts.push(format!("given up: {why}"));
    }
    if parts.is_empty() {
        parts.push("nothing to do".to_owned());
    }
    format!("{}: {}", server.place, parts.join("; "))
}

/// `work > archive: mutual: ...`: where there are several destinations each of them may be a source, too.
fn came(server: &Served) -> impl Iterator<Item = String> {
    let sentence =
        |came: &Came| format!("{} > {}: {}", came.from, server.place, assurance_sentence(came.assurance));
    server.came.iter().map(sentence)
}

/// What was there already and could not be proven equal, which was asked for.
fn doubts(report: &Report) -> Vec<String> {
    let named = report.doubts.iter().take(MAX_UNPROVEN);
    let mut lines: Vec<String> = named.map(|doubt| format!("{}: {}", doubt.destination, doubt.why)).collect();
    let rest = report.doubtful - lines.len() as u64;
    if rest > 0 {
        lines.push(format!("and {} more; `fxp check` names them all", measure::number(rest)));
    }
    lines
}

/// How times were compared, or will be the next time, where that is not to the second.
fn times(report: &Report) -> Vec<String> {
    each_of(report.times.iter().filter(|times| times.is_remarkable()).map(Times::sentence))
}

/// The files of which only the sizes were compared, if others were proven equal; where that holds for all of them,
/// it was said already.
fn unproven(report: &Report) -> Vec<String> {
    let all = report.sums.unproven();
    if report.sums.verified.len() < 2 || all == 0 {
        return Vec::new();
    }
    let mut names: Vec<String> = report.unproven.iter().take(MAX_UNPROVEN).cloned().collect();
    let rest = all - names.len() as u64;
    if rest > 0 {
        names.push(format!("and {} more; --report names them all", measure::number(rest)));
    }
    names
}

/// Failures by their reason, with the first names of each. A single one was just explained.
fn failures(report: &Report) -> Vec<String> {
    if report.failed < 2 {
        return Vec::new();
    }
    let mut reasons: Vec<(&Trouble, Vec<&str>)> = Vec::new();
    for FileFailure { source, trouble, .. } in &report.failures {
        match reasons.iter_mut().find(|(known, _)| is_alike(known, trouble)) {
            Some((_, sources)) => sources.push(source),
            None => reasons.push((trouble, vec![source])),
        }
    }
    reasons.sort_by_key(|(_, sources)| std::cmp::Reverse(sources.len()));
    let mut lines: Vec<String> = reasons
        .iter()
        .take(MAX_REASONS)
        .map(|(trouble, sources)| {
            let files = measure::count(sources.len() as u64, "file", "files");
            let some = sources.iter().take(MAX_NAMES).copied().collect::<Vec<_>>().join(", ");
            let more = if sources.len() > MAX_NAMES { ", ..." } else { "" };
            format!("{files}: {}: {some}{more}", reason(trouble))
        })
        .collect();
    let rest = reasons.len().saturating_sub(MAX_REASONS);
    if rest > 0 {
        lines.push(format!(
            "and {} more; --report tells them all",
            measure::count(rest as u64, "reason", "reasons")
        ));
    }
    let untold = report.failed - report.failures.len() as u64;
    if untold > 0 {
        lines.push(format!("and {} more; --report tells them all", measure::count(untold, "file", "files")));
    }
    lines
}

/// The same leg failed in the same way, whatever the file's name is.
fn is_alike(one: &Trouble, other: &Trouble) -> bool {
    let code = |trouble: &Trouble| trouble.words.as_ref().and_then(|words| words.get(..3).map(str::to_owned));
    (one.kind, one.leg, code(one)) == (other.kind, other.leg, code(other))
}

/// Why, in a few words: the leg, and what the exit code stands for.
fn reason(trouble: &Trouble) -> String {
    let leg = trouble.leg.map(|leg| format!("{leg}: ")).unwrap_or_default();
    let words = trouble.words.as_ref().map(|words| format!(" ({words})")).unwrap_or_default();
    format!("{leg}{}{words}", Exit::from(trouble.kind).meaning())
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
fn verification_sentences(report: &Report) -> Vec<String> {
    let ways = &report.sums.verified;
    let all: u64 = ways.iter().map(|(_, files)| files).sum();
    let sentence = |(digest, files): &(Option<&str>, u64)| {
        let of_how_many = match (ways.len(), all) {
            (1, 1) => "the file".to_owned(),
            (1, _) => "every file".to_owned(),
            _ => measure::count(*files, "file", "files"),
        };
        format!("{} of {of_how_many} is the same on both sides", compared(*digest))
    };
    ways.iter().map(sentence).collect()
}

pub(super) fn verified(verification: &Verification) -> String {
    match verification {
        Verification::Digest { algorithm, .. } => compared(Some(algorithm)),
        Verification::Size => compared(None),
    }
}

fn compared(digest: Option<&str>) -> String {
    match digest {
        Some(algorithm) => format!("{algorithm} (and the size)"),
        None => "only the size".into(),
    }
}

/// The different values, in the order of their first appearance.
fn each_of(values: impl Iterator<Item = String>) -> Vec<String> {
    let mut different = Vec::new();
    for value in values {
        if !different.contains(&value) {
            different.push(value);
        }
    }
    different
}

#[cfg(test)]
mod tests {
    use fxp_engine::report::TroubleKind;

    use super::*;

    #[test]
    fn a_run_that_ended_early_says_what_is_left() {
        let report = |files, bytes, all| Report {
            ending: Ending::Limit,
            left: Some(Left { files, bytes, all }),
            ..Report::default()
        };
        let rows = [
            (
                report(3, 2048, true),
                "A limit was reached before any file was copied; 3 files (2.0 KiB) are left",
            ),
            (report(1, 0, true), "A limit was reached before any file was copied; 1 file is left"),
            (
                report(3, 0, false),
                "A limit was reached before any file was copied; 3 files and what was not listed yet are left",
            ),
            (
                report(0, 0, false),
                "A limit was reached before any file was copied; what was not listed yet is left",
            ),
        ];
        for (report, expected) in rows {
            assert_eq!(plain(&headline(Deed::Copy, &report, Exit::Limit)), expected);
        }
    }

    #[test]
    fn what_was_interrupted_or_refused_has_not_failed() {
        let failure = |kind| FileFailure {
            source: "a:/x".into(),
            destination: "b:/x".into(),
            trouble: Trouble::new(kind, "x"),
        };
        let mut report = Report { ending: Ending::Interrupted, ..Report::default() };
        (0..9).for_each(|_| report.fail(failure(TroubleKind::Interrupted)));
        report.left = Some(Left { files: 12, bytes: 0, all: true });
        let line = plain(&headline(Deed::Copy, &report, Exit::Interrupted));
        assert_eq!(line, "Interrupted; 12 files are left");
        report.fail(failure(TroubleKind::Other));
        let line = plain(&headline(Deed::Copy, &report, Exit::Interrupted));
        assert_eq!(line, "Interrupted; 1 file failed; 12 files are left");

        let mut report = Report::default();
        report.refuse(9, Trouble::new(TroubleKind::Limit, "too many"));
        let line = plain(&headline(Deed::Sync, &report, Exit::Limit));
        assert_eq!(line, "Nothing to copy; 9 files and directories not deleted (--delete-limit)");
    }

    /// Without colours.
    fn plain(text: &str) -> String {
        let mut plain = String::new();
        let mut parts = text.split('\x1b');
        plain.push_str(parts.next().unwrap_or_default());
        parts.for_each(|part| plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest)));
        plain
    }
}
