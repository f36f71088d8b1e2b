//! What the commands that only look have found: each thing as a line for people and as a record for scripts.

use fxp_engine::plan::filter::{Decision, Verdict};
use fxp_proto::path::VPath;
use serde::Serialize;

/// One thing that was found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    /// `filter test`: what the rules say of a path.
    Ruling { path: &'a VPath, directory: bool, decision: &'a Decision<'a> },
}

/// The same for scripts.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Record {
    Ruling { path: String, directory: bool, taken: bool, rule: Option<String>, at: String },
}

impl Found<'_> {
    /// For people.
    pub(super) fn line(&self) -> String {
        match self {
            Found::Ruling { path, directory, decision } => {
                let word = if decision.verdict == Verdict::Include { "take" } else { "leave out" };
                let because = match decision.rule {
                    None => "no rule matches".to_owned(),
                    Some(rule) if decision.at == **path => rule.to_string(),
                    Some(rule) => format!("{rule} matches {}/", relative(&decision.at)),
                };
                let slash = if *directory { "/" } else { "" };
                format!("{word:<9}  {}{slash}  {because}", relative(path))
            }
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
        }
    }
}

/// A path without the slash of its root.
fn relative(path: &VPath) -> String {
    let text = path.to_string();
    text.strip_prefix('/').map(ToOwned::to_owned).unwrap_or(text)
}
