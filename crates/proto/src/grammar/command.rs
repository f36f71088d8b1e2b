//! Commands: a verb of the table and its argument.

use std::fmt;

use super::verb::Verb;
use crate::wire::text::Text;

/// A command as it stands on the line.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// The row of the table.
    pub verb: Verb,
    /// What follows the verb and one space; empty if nothing does.
    pub argument: Text,
}

impl Command {
    /// A command without an argument.
    pub fn bare(verb: Verb) -> Self {
        Command { verb, argument: Text::default() }
    }

    /// A command with an argument.
    pub fn new(verb: Verb, argument: impl Into<Text>) -> Self {
        Command { verb, argument: argument.into() }
    }
}

impl fmt::Display for Command {
    /// As on the wire, with PASS's argument masked: what a transcript or a log shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.verb, self.argument.is_empty()) {
            (Verb::Pass, _) => write!(f, "{} ****", self.verb.name()),
            (_, true) => f.write_str(self.verb.name()),
            (_, false) => write!(f, "{} {}", self.verb.name(), self.argument),
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
