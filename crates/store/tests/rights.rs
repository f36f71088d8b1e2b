//! Rights: what each account may and may not do, one row per act.

use std::sync::Arc;

use fxp_store::account::Rights;
use fxp_store::guarded::Guarded;
use fxp_store::memory::Memory;
use fxp_store::storage::{Create, Result, Storage, StoreError};
use fxp_store::{FtpTime, Text, VPath, suite};

const NOTHING: Rights =
    Rights { read: false, list: false, write: false, overwrite: false, delete: false, change: false };
const READ: Rights = Rights { read: true, ..NOTHING };
const LIST: Rights = Rights { list: true, ..NOTHING };
const WRITE: Rights = Rights { write: true, ..NOTHING };
const OVERWRITE: Rights = Rights { overwrite: true, ..NOTHING };
const DELETE: Rights = Rights { delete: true, ..NOTHING };
const CHANGE: Rights = Rights { change: true, ..NOTHING };

#[test]
fn full_rights_change_nothing() {
    suite::run(|| Arc::new(Guarded::new(Arc::new(Memory::new()), Rights::FULL)));
}

/// Every act, and the rights that suffice for it. With any other single right it is denied and changes nothing.
#[test]
fn each_act_needs_its_right() {
    check("read a file", &[READ], |files| files.open(&at("/file")).map(drop));
    check("list", &[LIST], |files| files.list(&at("/"), &mut |_| true));
    check("see a directory", &[READ, LIST, WRITE], |files| files.stat(&at("/dir")).map(drop));
    check("store a new file", &[WRITE], |files| create(files, "/new", Create::Replace));
    check("store a new file, and only a new one", &[WRITE], |files| create(files, "/new", Create::New));
    check("store a new file by segments", &[WRITE], |files| create(files, "/new", Create::Within(0)));
    check("append", &[WRITE], |files| create(files, "/file", Create::Append));
    check("resume at the end", &[WRITE, OVERWRITE], |files| create(files, "/file", Create::From(5)));
    check("resume before the end", &[OVERWRITE], |files| create(files, "/file", Create::From(4)));
    check("ask where to go on", &[WRITE, OVERWRITE], |files| files.resumable(&at("/file")).map(drop));
    check("replace", &[OVERWRITE], |files| create(files, "/file", Create::Replace));
    check("write into a file", &[], |files| create(files, "/file", Create::Within(2)));
    check("make a directory", &[WRITE], |files| files.make_directory(&at("/new")));
    check("remove a directory", &[DELETE], |files| files.remove_directory(&at("/dir")));
    check("delete", &[DELETE], |files| files.delete(&at("/file")));
    check("rename", &[OVERWRITE], |files| files.rename(&at("/file"), &at("/moved")));
    check("set a time", &[CHANGE], |files| {
        files.set_time(&at("/file"), FtpTime { seconds: 0, nanoseconds: 0 })
    });
    check("set a mode", &[CHANGE], |files| files.set_mode(&at("/file"), 0o600));
    check("make a link", &[CHANGE], |files| files.symlink(&Text::from("file"), &at("/link")));
    check("ask for space", &[LIST, WRITE], |files| files.space(&at("/")).map(drop));
}

#[test]
fn a_drop_box_does_not_tell_which_files_are_there() {
    let files = guarded(WRITE);
    for path in ["/file", "/missing"] {
        assert!(matches!(files.stat(&at(path)), Err(StoreError::NotFound)), "{path}");
    }
}

#[test]
fn resuming_without_overwrite_says_where_the_end_is() {
    let result = guarded(WRITE).create(&at("/file"), Create::From(6));
    assert!(matches!(result, Err(StoreError::BadOffset { size: 5 })));
}

#[test]
fn entries_say_what_may_be_done() {
    let rows = [
        (Rights::FULL, "adfrw", "cdeflmp"),
        (Rights::READ_ONLY, "r", "el"),
        (Rights { list: true, ..WRITE }, "a", "celm"),
    ];
    for (rights, file, directory) in rows {
        let files = guarded(rights);
        assert_eq!(files.stat(&at("/file")).unwrap().perm, Some(Text::from(file)));
        assert_eq!(files.stat(&at("/dir")).unwrap().perm, Some(Text::from(directory)));
    }
}

fn check(act: &str, sufficient: &[Rights], run: fn(&dyn Storage) -> Result<()>) {
    for rights in [NOTHING, READ, LIST, WRITE, OVERWRITE, DELETE, CHANGE] {
        let memory = memory();
        let result = run(&Guarded::new(Arc::new(memory.clone()), rights));
        if sufficient.contains(&rights) {
            assert!(result.is_ok(), "{act} with {rights:?}: {result:?}");
        } else {
            assert!(matches!(result, Err(StoreError::Denied)), "{act} with {rights:?}: {result:?}");
            assert_eq!(memory.read("/file").unwrap(), b"12345", "{act} with {rights:?}");
            assert!(matches!(memory.stat(&at("/new")), Err(StoreError::NotFound)), "{act}");
        }
    }
}

fn create(files: &dyn Storage, path: &str, how: Create) -> Result<()> {
    files.create(&at(path), how)?.finish()
}

fn guarded(rights: Rights) -> Guarded {
    Guarded::new(Arc::new(memory()), rights)
}

fn memory() -> Memory {
    let memory = Memory::new();
    memory.put("/file", b"12345").unwrap();
    memory.make_directory(&at("/dir")).unwrap();
    memory
}

fn at(path: &str) -> VPath {
    VPath::parse(path.as_bytes()).unwrap()
}
