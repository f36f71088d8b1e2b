//! What every back end must do, as named checks: a back end's test is one call of [`run`].
//!
//! Links, modes and free space are optional: a back end without them answers
//! [`StoreError::Unsupported`]. Everything else is not.
//!
//! ```
//! use std::sync::Arc;
//! use fxp_store::{memory::Memory, suite};
//!
//! suite::run(|| Arc::new(Memory::new()));
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::storage::{Create, Storage, StoreError};
use crate::{FtpTime, VPath};

mod files;
mod names;

/// One behaviour.
#[derive(Clone, Copy)]
pub struct Check {
    /// What must hold, in a few words.
    pub name: &'static str,
    /// Panics where it does not hold; gets an empty storage of its own.
    pub run: fn(&dyn Storage),
}

/// All of them.
pub fn checks() -> Vec<Check> {
    [files::CHECKS, names::CHECKS].concat()
}

/// Runs every check, each on a storage that `fresh` makes.
///
/// # Panics
///
/// After the last check, with the names of those that failed.
pub fn run(mut fresh: impl FnMut() -> Arc<dyn Storage>) {
    let checks = checks();
    let mut failed = Vec::new();
    for check in &checks {
        let storage = fresh();
        println!("check: {}", check.name);
        if catch_unwind(AssertUnwindSafe(|| (check.run)(storage.as_ref()))).is_err() {
            failed.push(check.name);
        }
    }
    assert!(failed.is_empty(), "{} of {} checks failed: {failed:#?}", failed.len(), checks.len());
}

/// A path from a literal of the suite.
fn at(path: &str) -> VPath {
    VPath::parse(path.as_bytes()).expect("the suite's own paths are well formed")
}

/// Stores a whole file.
#[track_caller]
fn put(storage: &dyn Storage, path: &str, bytes: &[u8]) {
    write(storage, path, Create::Replace, bytes);
}

/// Opens, writes, finishes.
#[track_caller]
fn write(storage: &dyn Storage, path: &str, how: Create, bytes: &[u8]) {
    let mut file = storage.create(&at(path), how).expect("the file can be opened for writing");
    file.write(bytes).expect("the bytes can be written");
    file.finish().expect("the file can be finished");
}

/// Reads a whole file.
#[track_caller]
fn read(storage: &dyn Storage, path: &str) -> Vec<u8> {
    let mut file = storage.open(&at(path)).expect("the file can be opened");
    let mut bytes = vec![0; file.size().expect("the file has a size") as usize];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], filled as u64).expect("the file can be read") {
            0 => panic!("the file ended after {filled} of {} bytes", bytes.len()),
            read => filled += read,
        }
    }
    bytes
}

/// The names in a directory, sorted.
#[track_caller]
fn names(storage: &dyn Storage, path: &str) -> Vec<String> {
    let mut names = Vec::new();
    storage
        .list(&at(path), &mut |entry| {
            names.push(entry.name.to_string());
            true
        })
        .expect("the directory can be listed");
    names.sort();
    names
}

/// Asserts the kind of failure.
macro_rules! fails {
    ($result:expr, $error:pat) => {
        match $result {
            Err($error) => {}
            Err(other) => panic!("{} failed with {other:?}, not {}", stringify!($result), stringify!($error)),
            Ok(_) => panic!("{} did not fail with {}", stringify!($result), stringify!($error)),
        }
    };
}
use fails;

/// True if the back end has said that it cannot do this at all.
fn unsupported<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Unsupported))
}

/// 2001-09-09 01:46:40.5 UTC.
const A_TIME: FtpTime = FtpTime { seconds: 1_000_000_000, nanoseconds: 500_000_000 };
