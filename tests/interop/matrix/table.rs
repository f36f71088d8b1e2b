//! What should come of every cell, and what came of it: one line per pair, one column per world.
//!
//! ```text
//! source > destination | plain IPv4 | TLS IPv4 | plain IPv6 | TLS IPv6
//! ```
//!
//! A field says the method, the passive end and, after a slash, the TLS client; or `no:` and the settings that would
//! have to be otherwise. `or` separates what is as good. `FXP_UPDATE=1` writes the file anew; then read the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::cell::{Cell, ONLY, Outcome, Reason};
use crate::servers::{KINDS, WORLDS};

/// All outcomes, by cell.
pub(crate) struct Table(BTreeMap<Cell, Outcome>);

const HEAD: &str = "\
# What comes of a copy from each server to each other one; see table.rs for how a field is read.
# pyftpdlib resets a finished data connection now and then. Then fxp takes the next rung and says so, so that where it
# takes part two outcomes may be as good; ProFTPD as TLS client loses the end of a file now and then, to the same effect.
";

impl Table {
    pub(crate) fn new(observed: Vec<(Cell, Outcome)>) -> Table {
        Table(observed.into_iter().collect())
    }

    /// What came of `cell`; `None` if it was not run.
    pub(crate) fn get(&self, cell: &Cell) -> Option<&Outcome> {
        self.0.get(cell)
    }

    /// True if something went wrong.
    pub(crate) fn has_wrong(&self) -> bool {
        !self.wrong().is_empty()
    }

    /// Everything that would have to be otherwise somewhere.
    pub(crate) fn reasons(&self) -> BTreeSet<Reason> {
        let refused = self.0.values().filter_map(|outcome| match outcome {
            Outcome::Refused { reasons } => Some(reasons.clone()),
            _ => None,
        });
        refused.flatten().collect()
    }

    /// What went wrong, with all that helps.
    fn wrong(&self) -> Vec<String> {
        let wrong = self.0.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Wrong(_)));
        wrong.map(|(cell, outcome)| format!("=== {cell}\n{outcome}")).collect()
    }
}

/// Fails where something went wrong, or came out otherwise than the file says.
pub(crate) fn compare(observed: &Table) {
    let wrong = observed.wrong();
    assert!(wrong.is_empty(), "{} cells went wrong\n{}", wrong.len(), wrong.join("\n\n"));
    let path = file();
    if std::env::var_os("FXP_UPDATE").is_some() {
        std::fs::write(&path, text(observed)).expect("written");
        return;
    }
    let expected = read(&std::fs::read_to_string(&path).expect("the expected table"));
    let mut differences = Vec::new();
    for source in KINDS {
        for destination in KINDS {
            for world in WORLDS {
                let cell = Cell { source, destination, world };
                let name = cell.to_string();
                let Some(observed) = observed.get(&cell) else { continue };
                let observed = observed.to_string();
                match expected.get(&name) {
                    Some(good) if good.contains(&observed) => {}
                    good => differences.push(format!("{name}: expected {good:?}, observed {observed:?}")),
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}\n{}", path.display(), differences.join("\n"));
    assert!(std::env::var_os(ONLY).is_none(), "{ONLY} is set: only a part was compared");
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/matrix/expected.txt")
}

/// The file: by the cell's name, what is good.
fn read(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut expected = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let mut fields = line.split('|').map(str::trim);
        let pair = fields.next().expect("a line has a first field");
        let fields: Vec<&str> = fields.collect();
        assert_eq!(fields.len(), WORLDS.len(), "{line}");
        for (world, field) in WORLDS.iter().zip(fields) {
            let good = field.split(" or ").map(|good| good.trim().to_owned()).collect();
            let pair = pair.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(expected.insert(format!("{pair}, {world}"), good).is_none(), "twice: {line}");
        }
    }
    expected
}

/// The file as it would be after this run.
fn text(observed: &Table) -> String {
    let mut text = HEAD.to_owned();
    for source in KINDS {
        for destination in KINDS {
            let fields = WORLDS.map(|world| {
                let outcome = observed.get(&Cell { source, destination, world });
                outcome.map_or_else(|| "?".to_owned(), Outcome::to_string)
            });
            let pair = format!("{source} > {destination}");
            writeln!(text, "{pair:<36} | {}", fields.join(" | ")).expect("a String takes everything");
        }
    }
    text
}

#[test]
fn the_expected_table_names_every_cell() {
    let expected = read(&std::fs::read_to_string(file()).expect("the expected table"));
    assert_eq!(expected.len(), KINDS.len() * KINDS.len() * WORLDS.len());
}
