//! Looks at the destination between two runs.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::tree;

/// What was seen of the copy of one tree.
pub(crate) struct Watch {
    source: PathBuf,
    copy: PathBuf,
    /// The copy as the server's log calls it.
    name: String,
    /// Files that have their final name, and how often they were sent when that was seen first.
    finished: HashMap<String, usize>,
}

impl Watch {
    pub(crate) fn new(source: &Path, copy: &Path, name: &str) -> Watch {
        Watch { source: source.into(), copy: copy.into(), name: name.into(), finished: HashMap::new() }
    }

    /// Whatever has its final name is whole and right, was not sent again since, and does not vanish. `sent` are the
    /// paths that the destination was sent so far, as often as they were.
    pub(crate) fn look(&mut self, sent: &[String]) {
        let mut times: HashMap<&str, usize> = HashMap::new();
        for path in sent.iter().filter_map(|path| path.strip_prefix(&self.name)) {
            *times.entry(path.strip_suffix(PART).unwrap_or(path)).or_default() += 1;
        }
        let files = tree::files(&self.copy);
        let here: HashSet<&str> =
            files.iter().map(String::as_str).filter(|file| !file.ends_with(PART)).collect();
        for (file, before) in &self.finished {
            assert!(here.contains(file.as_str()), "{file} had its final name and is gone");
            let now = times.get(file.as_str()).copied().unwrap_or_default();
            assert_eq!(now, *before, "{file} had its final name and was sent again");
        }
        for file in here {
            if self.finished.contains_key(file) {
                continue;
            }
            let (ours, theirs) = (std::fs::read(self.source.join(file)), std::fs::read(self.copy.join(file)));
            let theirs = theirs.expect("the copy");
            assert!(ours.expect("the source") == theirs, "{file} has its final name and is wrong");
            self.finished.insert(file.to_owned(), times.get(file).copied().unwrap_or_default());
        }
    }

    /// Everything is there, whole and right, and nothing else.
    pub(crate) fn is_complete(&mut self, sent: &[String]) {
        self.look(sent);
        assert_eq!(tree::files(&self.source), tree::files(&self.copy), "both sides");
    }
}

const PART: &str = ".fxp-part";
