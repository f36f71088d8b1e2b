//! The voice for people.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::sync::Mutex;

use fxp_client::transcript::Line;
use fxp_engine::book::Known;
use fxp_engine::context::Observer;
use fxp_engine::place::ServerFacts;
use fxp_engine::report::{Event, FileReport, Report, Verification};
use fxp_proto::listing::entry::{Entry, Kind, Precision};
use fxp_proto::pair::method::Method;

use super::printer::{ERROR, GOOD, HINT, LABEL, Printer, WARNING, styled};
use super::progress::Progress;
use super::{Item, Voice, assurance_meaning, assurance_word, measure, route_word, transcript};
use crate::exit::{Causes, Exit, Failure};
use crate::settings::Verbosity;

/// The most notes a summary repeats; the rest is counted. Each was said when it happened.
const MAX_NOTES: usize = 10;

/// Speaks to a person.
pub(crate) struct Human {
    verbosity: Verbosity,
    /// The plan is what was asked for, so it goes to stdout.
    dry_run: bool,
    printer: Printer,
    /// What was explained last: the other files of a tree often fail for the very same reasons.
    explained: Mutex<Option<Failure>>,
}

impl Human {
    pub(crate) fn new(verbosity: Verbosity, dry_run: bool) -> Self {
        let progress = Progress::new(verbosity != Verbosity::Quiet && !dry_run);
        Human { verbosity, dry_run, printer: Printer::new(progress), explained: Mutex::default() }
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
        if !ladder.is_empty() {
            self.plan("ladder, best rung first:");
            for (number, rung) in ladder.iter().enumerate() {
                self.plan(&format!("  {}. {rung}", number + 1));
            }
        }
        if !self.dry_run {
            self.printer.progress().planned(files, bytes);
        }
    }

    fn done(&self, file: &FileReport) {
        self.printer.progress().ended(file.size);
        self.detail(&format!(
            "{} {} ({}, {}, {})",
            styled(GOOD, "copied"),
            file.destination,
            measure::size(file.size),
            measure::time(file.elapsed),
            verified(&file.verified),
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
            Event::Step(step) => self.plan(&format!("  {step}")),
            Event::Started { source, .. } => self.printer.progress().started(&source),
            Event::Progress { bytes } => self.printer.progress().arrived(bytes),
            Event::Fallback(why) => self.warning(&why),
            Event::Skipped(skipped) => {
                self.warning(&format!("{} is not copied: {}", skipped.source, skipped.reason));
            }
            Event::Done(file) => self.done(&file),
            Event::Failed(failed) => {
                self.printer.progress().ended(0);
                let mut failure = Failure::from(failed.trouble);
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
            Item::Entry { entry, long, .. } => print_entry(entry, long),
            Item::Site { name, site } => self.printer.data(&format!("{name:<15} {}", describe_site(site))),
            Item::Trusted { server, fingerprint } => {
                self.printer.data(&format!("{server:<30} {fingerprint}"))
            }
            Item::Facts(facts) => fact_lines(facts).iter().try_for_each(|line| self.printer.data(line)),
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
    }

    fn summary(&self, report: &Report, exit: Exit) {
        if self.dry_run {
            return;
        }
        self.say(&headline(report, exit));
        for (label, text) in summary_rows(report) {
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

/// `Copied 12 files, 3.4 GiB in 31 s (112 MiB/s).`
fn headline(report: &Report, exit: Exit) -> String {
    let bytes: u64 = report.files.iter().map(|file| file.size - file.resumed.min(file.size)).sum();
    let word = match exit {
        Exit::Done => styled(GOOD, "Copied"),
        Exit::Interrupted => styled(WARNING, "Interrupted after"),
        _ => styled(WARNING, "Copied"),
    };
    if report.files.is_empty() && !report.failures.is_empty() {
        return format!("{} nothing; {}", styled(WARNING, "Copied"), failed(report));
    }
    let mut line = format!(
        "{word} {}, {} in {}",
        measure::count(report.files.len() as u64, "file", "files"),
        measure::size(bytes),
        measure::time(report.elapsed)
    );
    if let Some(rate) = measure::rate(bytes, report.elapsed) {
        let _ = write!(line, " ({rate})");
    }
    if report.unchanged > 0 {
        let _ = write!(line, "; {} there already and equal", report.unchanged);
    }
    if !report.skipped.is_empty() {
        let _ = write!(line, "; {} left out", report.skipped.len());
    }
    if !report.failures.is_empty() {
        let _ = write!(line, "; {}", failed(report));
    }
    line
}

/// `1 file failed`
fn failed(report: &Report) -> String {
    let files = measure::count(report.failures.len() as u64, "file", "files");
    styled(ERROR, format_args!("{files} failed"))
}

/// Route, method, assurance, verification and notes, each value once.
pub(super) fn summary_rows(report: &Report) -> Vec<(&'static str, String)> {
    let files = &report.files;
    let mut rows = Vec::new();
    let mut add = |label, texts: Vec<String>| rows.extend(texts.into_iter().map(|text| (label, text)));
    let through = measure::size(report.through_client);
    add("route", each(files, |file| Some(route_word(file.route).to_owned())));
    if let Some((_, route)) = rows.last_mut().filter(|_| !files.is_empty()) {
        let _ = write!(route, ", {through} through this machine");
    }
    let mut add = |label, texts: Vec<String>| rows.extend(texts.into_iter().map(|text| (label, text)));
    add("method", each(files, |file| file.method.as_ref().map(method_sentence)));
    add(
        "assurance",
        each(files, |file| {
            Some(format!("{}: {}", assurance_word(file.assurance), assurance_meaning(file.assurance)))
        }),
    );
    add("verified", verification_sentences(files));
    let notes = each_of(files.iter().flat_map(|file| file.notes.iter().cloned()));
    let more = notes.len().saturating_sub(MAX_NOTES);
    add("note", notes.into_iter().take(MAX_NOTES).collect());
    if more > 0 {
        add("note", vec![format!("and {more} more; -v shows them all")]);
    }
    rows
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
fn verification_sentences(files: &[FileReport]) -> Vec<String> {
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

fn verified(verification: &Verification) -> String {
    match verification {
        Verification::Digest { algorithm, .. } => format!("{algorithm} (and the size)"),
        Verification::Size => "only the size".into(),
    }
}

/// The different values, in the order of their first appearance.
fn each(files: &[FileReport], value: impl Fn(&FileReport) -> Option<String>) -> Vec<String> {
    each_of(files.iter().filter_map(value))
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

/// Names go to a terminal in printable form, to a pipe byte by byte.
fn print_entry(entry: &Entry, long: bool) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if long {
        write!(stdout, "{}  ", long_columns(entry))?;
    }
    if stdout.is_terminal() {
        write!(stdout, "{}", entry.name)?;
    } else {
        stdout.write_all(entry.name.as_bytes())?;
    }
    match &entry.kind {
        Kind::Directory => write!(stdout, "/")?,
        Kind::Symlink(Some(target)) if long => write!(stdout, " -> {target}")?,
        _ => {}
    }
    writeln!(stdout)
}

/// `drwxr-xr-x          4096  2026-01-02 10:20`.
fn long_columns(entry: &Entry) -> String {
    let kind = match entry.kind {
        Kind::File => '-',
        Kind::Directory => 'd',
        Kind::Symlink(_) => 'l',
        Kind::Other => '?',
    };
    let mode = entry.mode.map_or_else(|| "?????????".into(), permissions);
    let size = entry.size.map_or_else(|| "-".into(), |size| size.to_string());
    let time = entry.modified.as_ref().and_then(|(time, precision)| {
        let stamp = jiff::Timestamp::new(time.seconds, time.nanoseconds.try_into().ok()?).ok()?;
        let zoned = stamp.to_zoned(jiff::tz::TimeZone::system());
        Some(match precision {
            // A day in an unknown zone stays that day.
            Precision::Day => stamp.strftime("%Y-%m-%d      ").to_string(),
            Precision::Minute => stamp.strftime("%Y-%m-%d %H:%M").to_string(),
            Precision::Second => zoned.strftime("%Y-%m-%d %H:%M").to_string(),
        })
    });
    format!("{kind}{mode} {size:>14}  {:<16}", time.unwrap_or_else(|| "-".into()))
}

fn permissions(mode: u32) -> String {
    (0..9).rev().map(|bit| if mode >> bit & 1 == 1 { ['x', 'w', 'r'][bit % 3] } else { '-' }).collect()
}

fn describe_site(site: &fxp_engine::site::Site) -> String {
    use fxp_engine::site::TlsMode;
    let scheme = match site.tls {
        Some(TlsMode::Require) => "ftpes",
        Some(TlsMode::Implicit) => "ftps",
        Some(TlsMode::Off | TlsMode::Try) | None => "ftp",
    };
    let mut text = format!("{scheme}://");
    if let Some(user) = &site.user {
        let _ = write!(text, "{user}@");
    }
    if site.host.contains(':') {
        let _ = write!(text, "[{}]", site.host);
    } else {
        text.push_str(&site.host);
    }
    if let Some(port) = site.port {
        let _ = write!(text, ":{port}");
    }
    if let Some(root) = &site.root {
        let _ = write!(text, "{}{root}", if root.starts_with('/') { "" } else { "/" });
    }
    let mut extra = Vec::new();
    if site.tls == Some(TlsMode::Off) {
        extra.push("TLS off".to_owned());
    }
    extra.extend(site.data_address.map(|address| format!("data by {address}")));
    extra.extend(
        site.passive.map(|listens| if listens { "always listens" } else { "never listens" }.to_owned()),
    );
    extra.extend(site.password_command.as_ref().map(|_| "password by command".to_owned()));
    extra.extend(site.certificate.as_ref().map(|file| format!("certificate {}", file.display())));
    if !extra.is_empty() {
        let _ = write!(text, "  ({})", extra.join(", "));
    }
    text
}

/// `site test`, line by line.
fn fact_lines(facts: &ServerFacts) -> Vec<String> {
    let mut lines = Vec::new();
    let mut row = |label: &str, text: &str| {
        lines.push(format!("{} {text}", styled(LABEL, format_args!("{label:<12}"))));
    };
    match facts.address == facts.server {
        true => row("server", &facts.server),
        false => row("server", &format!("{} ({})", facts.server, facts.address)),
    }
    facts.banner.iter().for_each(|line| row("greeting", line));
    if let Some(product) = facts.product {
        row("product", product);
    }
    if let Some(system) = &facts.system {
        row("system", system);
    }
    row("home", &facts.home);
    row("control", &control_sentence(facts));
    if let Some(fingerprint) = &facts.fingerprint {
        row("certificate", fingerprint);
    }
    row("features", &facts.features.join(", "));
    facts.fxp.iter().for_each(|sentence| row("fxp", sentence));
    learned(&facts.known).into_iter().for_each(|sentence| row("learned", sentence));
    lines
}

fn control_sentence(facts: &ServerFacts) -> String {
    let Some(tls) = &facts.tls else { return "in clear: everybody on the way can read along".into() };
    let cipher = facts.cipher.as_ref().map(|cipher| format!(" ({cipher})")).unwrap_or_default();
    match facts.verified {
        Some("pinned") => format!("{tls}{cipher}, certificate verified by its fingerprint"),
        Some(_) => format!("{tls}{cipher}, certificate verified by this machine's roots"),
        None => format!("{tls}{cipher}, certificate not verified"),
    }
}

/// What earlier copies found out the hard way.
fn learned(known: &Known) -> Vec<&'static str> {
    [
        (known.tls_seen, "it has offered TLS, so its absence would be an error"),
        (known.demands_reuse, "its data connections must resume the control connection's TLS session"),
        (known.no_rename, "it refuses to rename, so files are stored under their final names at once"),
        (known.no_foreign_passive, "it refuses foreign addresses when it listens"),
        (known.no_foreign_active, "it refuses foreign addresses when it connects"),
        (known.unreachable, "other servers could not reach it where it listened"),
    ]
    .into_iter()
    .filter_map(|(is_so, sentence)| is_so.then_some(sentence))
    .collect()
}
