//! The disk does what every back end must, in both ways of writing.

use std::sync::Arc;

use fxp_store::account::Rights;
use fxp_store::guarded::Guarded;
use fxp_store::suite;
use fxp_store_disk::{Disk, Options, Upload};
use tempfile::TempDir;

#[test]
fn in_place() {
    run(Upload::InPlace);
}

#[test]
fn atomic() {
    run(Upload::Atomic);
}

#[test]
fn with_full_rights() {
    let mut kept = Vec::new();
    suite::run(|| Arc::new(Guarded::new(Arc::new(disk(&mut kept, Upload::InPlace)), Rights::FULL)));
}

fn run(upload: Upload) {
    let mut kept = Vec::new();
    suite::run(|| Arc::new(disk(&mut kept, upload)));
}

/// A disk in a directory that lives as long as `kept`.
fn disk(kept: &mut Vec<TempDir>, upload: Upload) -> Disk {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open(directory.path(), Options { upload, ..Options::default() }).unwrap();
    kept.push(directory);
    disk
}
