//! What the commands that only look have found: each thing as a line for people and as a record for scripts.

use fxp_engine::checking::{Checked, Compared};
use fxp_engine::plan::filter::{Decision, Verdict};
use fxp_engine::plan::judge::Likeness;
use fxp_engine::roaming::Content;
use fxp_engine::url::Address;
use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::path::VPath;
use serde::Serialize;

use super::json::TimesFields;
use super::measure::{count, size};

/// One thing that was found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    /// `filter test`: what the rules say of a path.
    Ruling { path: &'a VPath, directory: bool, decision: &'a Decision<'a> },
    /// `tree`: one entry; `branches` tells for each directory above whether something follows in it.
    Branch { typed: &'a Address, branches: &'a [bool], path: &'a VPath, entry: &'a Entry },
    /// `tree`: the end of a place.
    Leaves { content: &'a Content },
    /// `du`: how much is in a directory.
    Usage { path: &'a VPath, content: &'a Content, exact: bool },
    /// `hash`: the digest of a file.
    Digest { path: &'a VPath, algorithm: &'a str, hex: &'a str },
    /// `check`: one thing that was compared.
    Compared(&'a Compared, Measure),
    /// `check`: the end.
    Checked(&'a Checked, Measure),
}

/// What a destination is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    Source,
    Manifest,
}

impl Measure {
    /// Where something is that only the one has, and where it is that only the other has; equally long.
    fn only(self) -> [&'static str; 2] {
        match self {
            Measure::Source => ["only at the source     ", "only at the destination"],
            Measure::Manifest => ["only in the manifest   ", "not in the manifest    "],
        }
    }
}

/// The same for scripts.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Record {
    Ruling {
        path: String,
        directory: bool,
        taken: bool,
        rule: Option<String>,
        at: String,
    },
    Branch {
        path: String,
        depth: usize,
        kind: &'static str,
        size: Option<u64>,
    },
    Leaves {
        files: u64,
        directories: u64,
        others: u64,
        bytes: u64,
        size_unknown: u64,
    },
    Usage {
        path: String,
        files: u64,
        directories: u64,
        others: u64,
        bytes: u64,
        size_unknown: u64,
    },
    Digest {
        path: String,
        algorithm: String,
        digest: String,
    },
    Compared {
        source: Option<String>,
        destination: Option<String>,
        directory: bool,
        state: &'static str,
        algorithm: Option<String>,
        text: Option<String>,
    },
    Checked {
        equal_by_digest: u64,
        equal_unproven: u64,
        equal_links: u64,
        different: u64,
        only_source: u64,
        only_destination: u64,
        failed: u64,
        skipped: u64,
        elapsed_seconds: f64,
        times: Option<TimesFields>,
        equal: bool,
    },
}

impl Found<'_> {
    /// For people.
    pub(super) fn line(&self) -> String {
        match self {
            Found::Ruling { path, directory, decision } => ruling(path, *directory, decision),
            Found::Branch { typed, branches, entry, .. } => branch(typed, branches, entry),
            Found::Leaves { content } => {
                let files = count(content.files, "file", "files");
                let directories = count(content.directories, "directory", "directories");
                format!("{directories}, {files}, {}", size(content.bytes))
            }
            Found::Usage { path, content, exact } => {
                let bytes = if *exact { content.bytes.to_string() } else { size(content.bytes) };
                let doubt = if content.unknown > 0 { " or more" } else { "" };
                format!("{:>12}  {:>14}  {path}", bytes + doubt, count(content.files, "file", "files"))
            }
            // As sha256sum and its kin, whose option -c can read it.
            Found::Digest { path, hex, .. } => format!("{hex}  {path}"),
            Found::Compared(compared, measure) => compared_line(compared, *measure),
            Found::Checked(checked, measure) => checked_line(checked, *measure),
        }
    }

    /// For scripts.
    pub(super) fn record(&self) -> Record {
        match self {
            Found::Ruling { path, directory, decision } => Record::Ruling {
                path: relative(path),
                directory: *directory,
                taken: decision.verdict == Verdict::Include,
                rule: decision.rule.map(ToString::to_string),
                at: relative(&decision.at),
            },
            Found::Branch { branches, path, entry, .. } => Record::Branch {
                path: path.to_string(),
                depth: branches.len() - 1,
                kind: kind_word(&entry.kind),
                size: entry.size.filter(|_| entry.kind == Kind::File),
            },
            Found::Leaves { content } => Record::Leaves {
                files: content.files,
                directories: content.directories,
                others: content.others,
                bytes: content.bytes,
                size_unknown: content.unknown,
            },
            Found::Usage { path, content, .. } => Record::Usage {
                path: path.to_string(),
                files: content.files,
                directories: content.directories,
                others: content.others,
                bytes: content.bytes,
                size_unknown: content.unknown,
            },
            Found::Digest { path, algorithm, hex } => Record::Digest {
                path: path.to_string(),
                algorithm: (*algorithm).to_owned(),
                digest: (*hex).to_owned(),
            },
            Found::Compared(compared, _) => compared_record(compared),
            Found::Checked(checked, _) => Record::Checked {
                equal_by_digest: checked.proven,
                equal_unproven: checked.alike,
                equal_links: checked.links,
                different: checked.different,
                only_source: checked.only_source,
                only_destination: checked.only_destination,
                failed: checked.failed,
                skipped: checked.skipped,
                elapsed_seconds: checked.elapsed.as_secs_f64(),
                times: checked.times.as_ref().map(TimesFields::of),
                equal: checked.is_equal(),
            },
        }
    }
}

fn ruling(path: &VPath, directory: bool, decision: &Decision<'_>) -> String {
    let word = if decision.verdict == Verdict::Include { "take" } else { "leave out" };
    let because = match decision.rule {
        None => "no rule matches".to_owned(),
        Some(rule) if decision.at == *path => rule.to_string(),
        Some(rule) => format!("{rule} matches {}/", relative(&decision.at)),
    };
    let slash = if directory { "/" } else { "" };
    format!("{word:<9}  {}{slash}  {because}", relative(path))
}

fn branch(typed: &Address, branches: &[bool], entry: &Entry) -> String {
    let [above @ .., follows] = branches else { return typed.to_string() };
    // The place itself is called what the user called it.
    let [_, above @ ..] = above else { return typed.to_string() };
    let mut line = String::new();
    above.iter().for_each(|follows| line.push_str(if *follows { "│   " } else { "    " }));
    line.push_str(if *follows { "├── " } else { "└── " });
    line.push_str(&entry.name.to_string());
    match &entry.kind {
        Kind::Directory => line.push('/'),
        Kind::Symlink(Some(target)) => line.push_str(&format!(" -> {target}")),
        Kind::File => entry.size.iter().for_each(|bytes| line.push_str(&format!("  ({})", size(*bytes)))),
        Kind::Symlink(None) | Kind::Other => {}
    }
    line
}

fn compared_line(compared: &Compared, measure: Measure) -> String {
    let [only_there, only_here] = measure.only();
    let slash = |directory: &bool| if *directory { "/" } else { "" };
    match compared {
        Compared::OnlySource { place, directory } => {
            format!("{only_there}  {place}{}", slash(directory))
        }
        Compared::OnlyDestination { place, directory } => {
            format!("{only_here}  {place}{}", slash(directory))
        }
        Compared::File { source, likeness, .. } => match likeness {
            Likeness::SameDigest { algorithm, .. } => format!("equal ({algorithm})  {source}"),
            Likeness::SameTime => format!("equal (size and time)  {source}"),
            Likeness::NotNewer => format!("equal (size, not newer)  {source}"),
            Likeness::SameSize { why: None } => format!("equal (size)  {source}"),
            Likeness::SameSize { why: Some(why) } => format!("not proven equal         {source}: {why}"),
            Likeness::Unproven(why) => format!("not proven equal         {source}: {why}"),
            Likeness::SameTarget => format!("equal (link)  {source}"),
            Likeness::Different(what) | Likeness::OtherDigest(what) => {
                format!("different                {source}: {what}")
            }
            Likeness::Alone => format!("{only_there}  {source}"),
        },
        Compared::Skipped(skipped) => {
            format!("not compared             {}: {}", skipped.source, skipped.reason)
        }
        Compared::Failed(failure) => {
            format!("failed                   {}: {}", failure.source, failure.trouble)
        }
    }
}

fn compared_record(compared: &Compared) -> Record {
    let record = |source, destination, directory, state, algorithm, text| Record::Compared {
        source,
        destination,
        directory,
        state,
        algorithm,
        text,
    };
    match compared {
        Compared::OnlySource { place, directory } => {
            record(Some(place.clone()), None, *directory, "only_source", None, None)
        }
        Compared::OnlyDestination { place, directory } => {
            record(None, Some(place.clone()), *directory, "only_destination", None, None)
        }
        Compared::File { source, destination, likeness } => {
            let (state, algorithm, text) = match likeness {
                Likeness::SameDigest { algorithm, .. } => {
                    ("equal_digest", Some((*algorithm).to_owned()), None)
                }
                Likeness::SameTime => ("equal_time", None, None),
                Likeness::NotNewer => ("equal_not_newer", None, None),
                Likeness::SameSize { why } => ("equal_size", None, why.clone()),
                Likeness::Unproven(why) => ("not_proven", None, Some(why.clone())),
                Likeness::SameTarget => ("equal_link", None, None),
                Likeness::Different(what) | Likeness::OtherDigest(what) => {
                    ("different", None, Some(what.clone()))
                }
                Likeness::Alone => ("only_source", None, None),
            };
            record(Some(source.clone()), Some(destination.clone()), false, state, algorithm, text)
        }
        Compared::Skipped(skipped) => {
            record(Some(skipped.source.clone()), None, false, "skipped", None, Some(skipped.reason.clone()))
        }
        Compared::Failed(failure) => {
            let (source, destination) = (failure.source.clone(), failure.destination.clone());
            record(Some(source), Some(destination), false, "failed", None, Some(failure.trouble.to_string()))
        }
    }
}

fn checked_line(checked: &Checked, measure: Measure) -> String {
    let [only_there, only_here] = measure.only().map(str::trim_end);
    let mut parts = Vec::new();
    let mut part = |number: u64, what: &str| {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    };
    part(checked.proven, "equal by digest");
    part(checked.alike, "equal, but not proven by a digest");
    part(checked.links, "equal links");
    part(checked.different, "different");
    part(checked.only_source, only_there);
    part(checked.only_destination, only_here);
    part(checked.failed, "not comparable");
    part(checked.skipped, "left out");
    let word = if checked.is_equal() { "Equal" } else { "Not equal" };
    let counts = match parts.is_empty() {
        true => format!("{word}: there is nothing to compare"),
        false => format!("{word}: {}", parts.join(", ")),
    };
    match checked.times.as_ref().filter(|times| times.is_remarkable()) {
        Some(times) => format!("{counts}; {}", times.sentence()),
        None => counts,
    }
}

fn kind_word(kind: &Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink(_) => "symlink",
        Kind::Other => "other",
    }
}

/// A path without the slash of its root.
fn relative(path: &VPath) -> String {
    let text = path.to_string();
    text.strip_prefix('/').map(ToOwned::to_owned).unwrap_or(text)
}

/// One record of each kind.
#[cfg(test)]
pub(super) fn samples() -> Vec<Record> {
    let path = VPath::root();
    let decision = Decision { verdict: Verdict::Include, rule: None, at: path.clone() };
    let entry = Entry::new("x".into(), Kind::File);
    let (content, checked) = (Content::default(), Checked::default());
    let compared = Compared::OnlySource { place: String::new(), directory: false };
    let typed = "h:x".parse().expect("an address");
    [
        Found::Ruling { path: &path, directory: false, decision: &decision },
        Found::Branch { typed: &typed, branches: &[false], path: &path, entry: &entry },
        Found::Leaves { content: &content },
        Found::Usage { path: &path, content: &content, exact: false },
        Found::Digest { path: &path, algorithm: "", hex: "" },
        Found::Compared(&compared, Measure::Source),
        Found::Checked(&checked, Measure::Source),
    ]
    .iter()
    .map(Found::record)
    .collect()
}
