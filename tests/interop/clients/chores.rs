//! The ordinary work that every client is given: what lies on both sides before, and what must lie there after.
//!
//! What is half there begins with other bytes than the whole has: a client that begins anew instead of
//! resuming, or a server that does, leaves something else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fxp_testkit::data;
use tempfile::TempDir;

/// A client's folder and a server's root.
pub(super) struct Chores {
    here: TempDir,
    root: PathBuf,
}

/// How much of a file is there before it is resumed.
pub(super) const HALF: u64 = 1_000_001;

/// Names that are trouble for somebody.
const NAMES: &[&str] = &[
    "plain",
    "with space",
    "two  spaces",
    "-leading dash",
    ".hidden",
    "single ' and double \" quotes",
    "gr\u{fc}n \u{65e5}\u{672c}\u{8a9e}",
    "100% or %20",
    "[brackets] {braces} (parentheses)",
    "star * question ? hash # semicolon ; colon :",
    "back\\slash",
    "~tilde $HOME & | < >",
    "e\u{301} decomposed",
];

/// Directories, one of them empty.
const DIRECTORIES: &[&str] = &["sub", "sub/deeper", "-dir with space", "[dir] 100%", "empty"];

impl Chores {
    /// Puts everything in its place. The server's root is empty before. The smallest file of the trees has
    /// `smallest` bytes.
    pub(super) fn prepare(root: &Path, smallest: u64) -> Chores {
        let chores =
            Chores { here: TempDir::with_prefix("fxp-client-").expect("a folder"), root: root.into() };
        let (here, there) = (chores.here(), &chores.root);
        data::write(&here.join("up"), 2_500_003, 1).expect("a file");
        data::write(&there.join("down"), 3_000_007, 2).expect("a file");
        for partial in [there.join("partial"), here.join("partial-down")] {
            data::write(&partial, HALF, 3).expect("a file");
        }
        plant(&here.join("tree"), 100, smallest);
        plant(&there.join("tree"), 200, smallest);
        data::write(&there.join("to-rename"), 1234, 4).expect("a file");
        data::write(&there.join("to-delete"), 1234, 5).expect("a file");
        std::fs::create_dir(there.join("to-remove")).expect("a folder");
        chores
    }

    /// The client's folder.
    pub(super) fn here(&self) -> &Path {
        self.here.path()
    }

    /// The files of the tree, the same on both sides, with `/` between names.
    pub(super) fn tree_files() -> Vec<String> {
        let folders = std::iter::once(String::new()).chain(DIRECTORIES.iter().map(|name| format!("{name}/")));
        let files = |folder: String| NAMES.iter().map(move |name| format!("{folder}{name}"));
        folders.filter(|folder| folder != "empty/").flat_map(files).collect()
    }

    /// The chores whose results are not as they must be; the trees count if `trees`.
    pub(super) fn undone(&self, trees: bool) -> Vec<String> {
        let (here, there) = (self.here(), &self.root);
        let resumed = |partial: &Path, whole: &Path| {
            let (partial, whole) = (read(partial), read(whole));
            let half = HALF as usize;
            partial.len() == whole.len()
                && partial.get(half..) == whole.get(half..)
                && partial.get(..half) != whole.get(..half)
        };
        let mut undone: Vec<String> = [
            (
                "upload",
                !read(&here.join("up")).is_empty() && read(&there.join("up")) == read(&here.join("up")),
            ),
            ("download", read(&here.join("down")) == read(&there.join("down"))),
            ("resumed upload", resumed(&there.join("partial"), &here.join("up"))),
            ("resumed download", resumed(&here.join("partial-down"), &there.join("down"))),
            ("rename", there.join("renamed it").is_file() && !there.join("to-rename").exists()),
            ("delete", !there.join("to-delete").exists()),
            ("make a directory", there.join("made").is_dir()),
            ("remove a directory", !there.join("to-remove").exists()),
        ]
        .into_iter()
        .filter_map(|(chore, done)| (!done).then_some(chore.to_owned()))
        .collect();
        let pairs = [
            ("tree up", here.join("tree"), there.join("tree-up")),
            ("tree down", there.join("tree"), here.join("tree-down")),
        ];
        for (chore, from, to) in pairs.into_iter().filter(|_| trees) {
            let (from, to) = (files_of(&from), files_of(&to));
            let names: BTreeSet<_> = from.keys().chain(to.keys()).collect();
            let other = names.into_iter().filter(|name| from.get(*name) != to.get(*name));
            undone.extend(other.map(|name| format!("{chore}: {}", name.display())));
        }
        undone
    }
}

/// A tree with all names in each directory, and different contents everywhere.
fn plant(root: &Path, seed: u64, smallest: u64) {
    for directory in DIRECTORIES {
        std::fs::create_dir_all(root.join(directory)).expect("a folder");
    }
    for (number, name) in Chores::tree_files().iter().enumerate() {
        let number = number as u64;
        data::write(&root.join(name), smallest + 300 * number, seed + number).expect("a file");
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_default()
}

/// All files beneath `root` with their contents; directories do not count, since curl has no way to fetch
/// an empty one.
fn files_of(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => {
                    let name = path.strip_prefix(root).expect("beneath it").to_owned();
                    files.insert(name, read(&path));
                }
            }
        }
    }
    files
}
