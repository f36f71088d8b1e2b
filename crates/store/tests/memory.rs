//! The back end in memory does what every back end must, and counts its bytes.

use std::sync::Arc;

use fxp_store::memory::Memory;
use fxp_store::storage::{Create, Storage, StoreError};
use fxp_store::{VPath, suite};

#[test]
fn passes_the_shared_suite() {
    suite::run(|| Arc::new(Memory::new()));
}

#[test]
fn full_memory_is_reported_and_freed_by_deleting() {
    let memory = Memory::with_capacity(128 * 1024);
    let path = VPath::parse(b"/file").unwrap();
    let mut file = memory.create(&path, Create::New).unwrap();
    file.write(&[1; 100_000]).unwrap();
    assert!(matches!(file.write(&[2; 100_000]), Err(StoreError::NoSpace)));
    // What fitted is there, and the position says how much.
    assert_eq!(file.position(), 128 * 1024);
    drop(file);
    assert_eq!(memory.read("/file").unwrap().len(), 128 * 1024);
    assert_eq!(memory.space(&path).unwrap(), 0);
    memory.delete(&path).unwrap();
    assert_eq!(memory.space(&VPath::root()).unwrap(), 128 * 1024);
    memory.put("/a/b/c", b"fits again").unwrap();
}

#[test]
fn what_was_cut_off_never_comes_back() {
    let memory = Memory::new();
    memory.put("/file", &[7; 1000]).unwrap();
    let path = VPath::parse(b"/file").unwrap();
    memory.create(&path, Create::From(10)).unwrap().finish().unwrap();
    let mut file = memory.create(&path, Create::Within(20)).unwrap();
    file.write(b"x").unwrap();
    assert_eq!(memory.read("/file").unwrap()[9..], *b"\x07\0\0\0\0\0\0\0\0\0\0x");
}
