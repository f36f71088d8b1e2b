//! A tree of many small files and a few larger ones.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::chance::Chance;

/// How large a tree is.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) small: usize,
    pub(crate) large: usize,
    /// Bytes of a larger file. From a megabyte on `fxp` finds out by a small file whether renaming is allowed, and if
    /// the server dies in that moment, the small file stays.
    pub(crate) size: usize,
}

/// Makes one in `folder`.
pub(crate) fn make(folder: &Path, shape: Shape, chance: &mut Chance) {
    for number in 0..shape.small {
        let directory = folder.join(format!("d{}", number % 7));
        std::fs::create_dir_all(&directory).expect("a folder");
        let size = chance.number(6_000) as usize;
        write(&directory.join(format!("small{number}")), &chance.bytes(size));
    }
    for number in 0..shape.large {
        let directory = folder.join(format!("d{number}/deep"));
        std::fs::create_dir_all(&directory).expect("a folder");
        write(&directory.join(format!("large{number}")), &chance.bytes(shape.size));
    }
}

/// A file from some days ago, so that a copy of today cannot pass for one that has its time.
fn write(path: &Path, content: &[u8]) {
    std::fs::write(path, content).expect("a file");
    let then = SystemTime::now() - Duration::from_secs(3 * 24 * 3600);
    let file = File::options().write(true).open(path).expect("the file");
    file.set_modified(then).expect("its time");
}

/// The paths of all files beneath `folder`, relative to it.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    collect(folder, "", &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, above: &str, found: &mut Vec<String>) {
    // A folder that is not there yet holds nothing.
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let entry = entry.expect("an entry");
        let name = format!("{above}{}", entry.file_name().to_str().expect("an ASCII name"));
        match entry.file_type().expect("a type").is_dir() {
            true => collect(&entry.path(), &format!("{name}/"), found),
            false => found.push(name),
        }
    }
}
