//! Checks about names: directories, renames, links, times, modes.

use super::{A_TIME, Check, at, fails, names, put, read, unsupported, write};
use crate::storage::{Create, Storage, StoreError};
use crate::{FtpTime, Kind, Precision, Text, VPath};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "the root is a directory that nobody can move or remove", run: keeps_the_root },
    Check { name: "directories are made, listed and removed", run: makes_directories },
    Check { name: "a listing tells kind, size and name", run: lists },
    Check { name: "a listing stops when told", run: stops_listing },
    Check { name: "a full directory is not removed", run: keeps_full_directories },
    Check { name: "delete is for files, remove for directories", run: tells_files_from_directories },
    Check { name: "rename moves files and directories", run: renames },
    Check { name: "rename replaces a file at once", run: rename_replaces },
    Check { name: "rename refuses what cannot be", run: rename_refuses },
    Check { name: "odd names are names", run: takes_odd_names },
    Check { name: "names that are too long are refused", run: refuses_long_names },
    Check { name: "times are kept", run: keeps_times },
    Check { name: "writing moves the time on", run: writing_moves_time },
    Check { name: "modes are kept", run: keeps_modes },
    Check { name: "unique tells files apart and survives a rename", run: tells_apart },
    Check { name: "links are followed inside the root", run: follows_links },
    Check { name: "no link leads out", run: contains_links },
    Check { name: "a link that leads nowhere is described as a link", run: describes_dangling_links },
    Check { name: "links are deleted and renamed themselves", run: handles_links_themselves },
    Check { name: "link loops end", run: ends_loops },
    Check { name: "free space is told", run: tells_space },
];

fn keeps_the_root(storage: &dyn Storage) {
    let root = VPath::root();
    assert_eq!(storage.stat(&root).unwrap().kind, Kind::Directory);
    assert_eq!(names(storage, "/"), [""; 0]);
    fails!(storage.make_directory(&root), StoreError::Exists | StoreError::Denied);
    fails!(storage.remove_directory(&root), StoreError::Denied);
    fails!(storage.delete(&root), StoreError::Denied | StoreError::IsDirectory);
    storage.make_directory(&at("/dir")).unwrap();
    fails!(storage.rename(&root, &at("/dir/below")), StoreError::Denied);
    fails!(storage.rename(&at("/dir"), &root), StoreError::Denied);
    assert_eq!(names(storage, "/"), ["dir"]);
}

fn makes_directories(storage: &dyn Storage) {
    storage.make_directory(&at("/a")).unwrap();
    storage.make_directory(&at("/a/b")).unwrap();
    fails!(storage.make_directory(&at("/a")), StoreError::Exists);
    fails!(storage.make_directory(&at("/x/y")), StoreError::NotFound);
    put(storage, "/file", b"");
    fails!(storage.make_directory(&at("/file")), StoreError::Exists);
    fails!(storage.make_directory(&at("/file/x")), StoreError::NotDirectory);
    assert_eq!(storage.stat(&at("/a/b")).unwrap().kind, Kind::Directory);
    storage.remove_directory(&at("/a/b")).unwrap();
    storage.remove_directory(&at("/a")).unwrap();
    fails!(storage.remove_directory(&at("/a")), StoreError::NotFound);
    assert_eq!(names(storage, "/"), ["file"]);
}

fn lists(storage: &dyn Storage) {
    put(storage, "/dir-not", b"123");
    storage.make_directory(&at("/dir")).unwrap();
    put(storage, "/dir/below", b"12345");
    let mut seen = Vec::new();
    storage
        .list(&VPath::root(), &mut |entry| {
            seen.push(entry);
            true
        })
        .unwrap();
    seen.sort_by(|one, other| one.name.cmp(&other.name));
    let kinds: Vec<_> = seen.iter().map(|entry| (entry.name.to_string(), &entry.kind)).collect();
    assert_eq!(kinds, [("dir".to_owned(), &Kind::Directory), ("dir-not".to_owned(), &Kind::File)]);
    assert_eq!(seen[1].size, Some(3));
    assert!(seen.iter().all(|entry| entry.modified.is_some()));
    assert_eq!(names(storage, "/dir"), ["below"]);
    // What a listing and a question tell about the same file is the same.
    assert_eq!(storage.stat(&at("/dir-not")).unwrap(), seen[1]);
}

fn stops_listing(storage: &dyn Storage) {
    for number in 0..10 {
        put(storage, &format!("/file-{number}"), b"");
    }
    let mut visits = 0;
    storage
        .list(&VPath::root(), &mut |_| {
            visits += 1;
            visits < 3
        })
        .unwrap();
    assert_eq!(visits, 3);
}

fn keeps_full_directories(storage: &dyn Storage) {
    storage.make_directory(&at("/dir")).unwrap();
    put(storage, "/dir/file", b"");
    fails!(storage.remove_directory(&at("/dir")), StoreError::NotEmpty);
    assert_eq!(names(storage, "/dir"), ["file"]);
}

fn tells_files_from_directories(storage: &dyn Storage) {
    storage.make_directory(&at("/dir")).unwrap();
    put(storage, "/file", b"");
    fails!(storage.delete(&at("/dir")), StoreError::IsDirectory);
    fails!(storage.remove_directory(&at("/file")), StoreError::NotDirectory);
    storage.delete(&at("/file")).unwrap();
    storage.remove_directory(&at("/dir")).unwrap();
    assert_eq!(names(storage, "/"), [""; 0]);
}

fn renames(storage: &dyn Storage) {
    storage.make_directory(&at("/a")).unwrap();
    put(storage, "/a/file", b"content");
    storage.rename(&at("/a/file"), &at("/a/other")).unwrap();
    storage.make_directory(&at("/b")).unwrap();
    storage.rename(&at("/a"), &at("/b/c")).unwrap();
    assert_eq!(names(storage, "/"), ["b"]);
    assert_eq!(read(storage, "/b/c/other"), b"content");
    storage.rename(&at("/b/c/other"), &at("/b/c/other")).unwrap();
    assert_eq!(read(storage, "/b/c/other"), b"content");
}

fn rename_replaces(storage: &dyn Storage) {
    put(storage, "/new", b"new");
    put(storage, "/old", b"old");
    storage.rename(&at("/new"), &at("/old")).unwrap();
    assert_eq!(names(storage, "/"), ["old"]);
    assert_eq!(read(storage, "/old"), b"new");
}

fn rename_refuses(storage: &dyn Storage) {
    storage.make_directory(&at("/dir")).unwrap();
    storage.make_directory(&at("/full")).unwrap();
    put(storage, "/full/file", b"");
    put(storage, "/file", b"kept");
    fails!(storage.rename(&at("/missing"), &at("/x")), StoreError::NotFound);
    fails!(storage.rename(&at("/file"), &at("/missing/x")), StoreError::NotFound);
    fails!(storage.rename(&at("/file"), &at("/dir")), StoreError::IsDirectory);
    fails!(storage.rename(&at("/dir"), &at("/file")), StoreError::NotDirectory);
    fails!(storage.rename(&at("/dir"), &at("/full")), StoreError::NotEmpty);
    fails!(storage.rename(&at("/dir"), &at("/dir/below")), StoreError::Denied);
    assert_eq!(names(storage, "/"), ["dir", "file", "full"]);
    assert_eq!(read(storage, "/file"), b"kept");
}

fn takes_odd_names(storage: &dyn Storage) {
    let odd: &[&[u8]] = &[
        b" leading and trailing ",
        b"quote\"and'quote",
        b"back\\slash",
        b"-rf",
        b"...",
        b"*?[x]",
        b"tab\tand\x7f",
        "\u{fc}ml\u{e4}ut \u{1f600}".as_bytes(),
        b"latin-1 \xfcml\xe4ut",
        b"\xff\xfe",
    ];
    let path = |name: &[u8]| VPath::root().child(&Text::new(name).unwrap()).unwrap();
    for name in odd {
        let mut file = storage.create(&path(name), Create::New).unwrap();
        file.write(name).unwrap();
        file.finish().unwrap();
    }
    let mut listed = Vec::new();
    storage
        .list(&VPath::root(), &mut |entry| {
            listed.push(entry.name.as_bytes().to_vec());
            true
        })
        .unwrap();
    listed.sort();
    let mut expected: Vec<_> = odd.iter().map(|name| name.to_vec()).collect();
    expected.sort();
    assert_eq!(listed, expected);
    for name in odd {
        assert_eq!(storage.open(&path(name)).unwrap().size().unwrap(), name.len() as u64);
        storage.delete(&path(name)).unwrap();
    }
}

fn refuses_long_names(storage: &dyn Storage) {
    let longest = format!("/{}", "n".repeat(255));
    let too_long = format!("/{}", "n".repeat(256));
    put(storage, &longest, b"x");
    assert_eq!(read(storage, &longest), b"x");
    fails!(storage.create(&at(&too_long), Create::Replace), StoreError::BadName);
    fails!(storage.make_directory(&at(&too_long)), StoreError::BadName);
    fails!(storage.rename(&at(&longest), &at(&too_long)), StoreError::BadName);
    assert_eq!(read(storage, &longest), b"x");
}

fn keeps_times(storage: &dyn Storage) {
    put(storage, "/file", b"x");
    storage.make_directory(&at("/dir")).unwrap();
    let before_1970 = FtpTime { seconds: -86_400, nanoseconds: 0 };
    for time in [A_TIME, before_1970] {
        for path in ["/file", "/dir"] {
            storage.set_time(&at(path), time).unwrap();
            let (kept, precision) = storage.stat(&at(path)).unwrap().modified.unwrap();
            // File systems differ below the second.
            assert_eq!((kept.seconds, precision), (time.seconds, Precision::Second), "{path}");
        }
    }
    fails!(storage.set_time(&at("/missing"), A_TIME), StoreError::NotFound);
}

fn writing_moves_time(storage: &dyn Storage) {
    put(storage, "/file", b"x");
    storage.set_time(&at("/file"), A_TIME).unwrap();
    write(storage, "/file", Create::Append, b"y");
    let (modified, _) = storage.stat(&at("/file")).unwrap().modified.unwrap();
    assert!(modified > A_TIME);
}

fn keeps_modes(storage: &dyn Storage) {
    put(storage, "/file", b"x");
    storage.make_directory(&at("/dir")).unwrap();
    if unsupported(&storage.set_mode(&at("/file"), 0o640)) {
        return;
    }
    for (path, mode) in [("/file", 0o600), ("/file", 0o444), ("/dir", 0o711)] {
        storage.set_mode(&at(path), mode).unwrap();
        assert_eq!(storage.stat(&at(path)).unwrap().mode.map(|mode| mode & 0o7777), Some(mode));
    }
    // Neither set-user-id nor sticky bits come over the wire.
    for mode in [0o1777, 0o2755, 0o4755, 0o10000, u32::MAX] {
        fails!(storage.set_mode(&at("/file"), mode), StoreError::Denied);
    }
    fails!(storage.set_mode(&at("/missing"), 0o600), StoreError::NotFound);
}

fn tells_apart(storage: &dyn Storage) {
    put(storage, "/one", b"");
    put(storage, "/two", b"");
    let unique = |path: &str| storage.stat(&at(path)).unwrap().unique;
    let Some(one) = unique("/one") else { return };
    assert_ne!(Some(&one), unique("/two").as_ref());
    storage.rename(&at("/one"), &at("/three")).unwrap();
    assert_eq!(Some(one), unique("/three"));
}

/// Makes a link; false if the back end has none.
fn link(storage: &dyn Storage, target: &'static str, path: &str) -> bool {
    let result = storage.symlink(&Text::from(target), &at(path));
    if unsupported(&result) {
        return false;
    }
    result.unwrap();
    true
}

fn follows_links(storage: &dyn Storage) {
    storage.make_directory(&at("/dir")).unwrap();
    put(storage, "/dir/file", b"content");
    if !link(storage, "dir/file", "/relative") {
        return;
    }
    assert!(link(storage, "/dir", "/absolute"));
    assert!(link(storage, "../absolute/./file", "/dir/around"));
    assert_eq!(read(storage, "/relative"), b"content");
    assert_eq!(read(storage, "/absolute/file"), b"content");
    assert_eq!(read(storage, "/dir/around"), b"content");
    assert_eq!(storage.stat(&at("/relative")).unwrap().kind, Kind::File);
    assert_eq!(storage.stat(&at("/relative")).unwrap().name, Text::from("relative"));
    assert_eq!(names(storage, "/absolute"), ["around", "file"]);
    // A listing shows the link itself.
    let mut kind = None;
    storage
        .list(&VPath::root(), &mut |entry| {
            if entry.name == Text::from("relative") {
                kind = Some(entry.kind);
            }
            true
        })
        .unwrap();
    assert_eq!(kind, Some(Kind::Symlink(Some(Text::from("dir/file")))));
    storage.set_time(&at("/relative"), A_TIME).unwrap();
    assert_eq!(storage.stat(&at("/dir/file")).unwrap().modified.unwrap().0.seconds, A_TIME.seconds);
    // Written through, or replaced: either way the name now holds the new bytes.
    put(storage, "/relative", b"changed");
    assert_eq!(read(storage, "/relative"), b"changed");
    // A directory is always written through.
    put(storage, "/absolute/file", b"changed again");
    assert_eq!(read(storage, "/dir/file"), b"changed again");
}

fn contains_links(storage: &dyn Storage) {
    storage.make_directory(&at("/etc")).unwrap();
    put(storage, "/etc/passwd", b"ours");
    storage.make_directory(&at("/deep")).unwrap();
    if !link(storage, "/etc/passwd", "/deep/absolute") {
        return;
    }
    assert!(link(storage, "../../../../../etc/passwd", "/deep/relative"));
    assert!(link(storage, "/..", "/deep/up"));
    assert_eq!(read(storage, "/deep/absolute"), b"ours");
    assert_eq!(read(storage, "/deep/relative"), b"ours");
    assert_eq!(names(storage, "/deep/up"), ["deep", "etc"]);
}

fn describes_dangling_links(storage: &dyn Storage) {
    if !link(storage, "nowhere/at/all", "/dangling") {
        return;
    }
    let entry = storage.stat(&at("/dangling")).unwrap();
    assert_eq!(entry.kind, Kind::Symlink(Some(Text::from("nowhere/at/all"))));
    assert_eq!(entry.name, Text::from("dangling"));
    fails!(storage.open(&at("/dangling")), StoreError::NotFound);
    fails!(storage.stat(&at("/dangling/below")), StoreError::NotFound);
    fails!(storage.symlink(&Text::from("x"), &at("/dangling")), StoreError::Exists);
}

fn handles_links_themselves(storage: &dyn Storage) {
    storage.make_directory(&at("/dir")).unwrap();
    put(storage, "/dir/file", b"kept");
    if !link(storage, "dir", "/link") {
        return;
    }
    fails!(storage.remove_directory(&at("/link")), StoreError::NotDirectory);
    storage.rename(&at("/link"), &at("/moved")).unwrap();
    assert_eq!(names(storage, "/"), ["dir", "moved"]);
    storage.delete(&at("/moved")).unwrap();
    assert_eq!(names(storage, "/"), ["dir"]);
    assert_eq!(read(storage, "/dir/file"), b"kept");
}

fn ends_loops(storage: &dyn Storage) {
    if !link(storage, "two", "/one") {
        return;
    }
    assert!(link(storage, "one", "/two"));
    fails!(storage.open(&at("/one")), StoreError::Denied | StoreError::NotFound);
    fails!(storage.create(&at("/one/below"), Create::Replace), StoreError::Denied | StoreError::NotFound);
    assert_eq!(storage.stat(&at("/one")).unwrap().kind, Kind::Symlink(Some(Text::from("two"))));
}

fn tells_space(storage: &dyn Storage) {
    put(storage, "/file", b"x");
    let space = storage.space(&VPath::root());
    if unsupported(&space) {
        return;
    }
    assert!(space.unwrap() > 0);
    storage.space(&at("/file")).unwrap();
    fails!(storage.space(&at("/missing")), StoreError::NotFound);
}
