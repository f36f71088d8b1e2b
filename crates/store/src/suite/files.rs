//! Checks about the bytes of files: reading and writing at offsets.

use super::{Check, at, fails, put, read, write};
use crate::storage::{Create, Storage, StoreError};

pub(super) const CHECKS: &[Check] = &[
    Check { name: "a stored file is read back", run: stores_and_reads },
    Check { name: "an empty file is a file", run: stores_nothing },
    Check { name: "many small writes add up", run: adds_up },
    Check { name: "reading at or beyond the end gives nothing", run: reads_beyond_the_end },
    Check { name: "Replace empties what was there", run: replaces },
    Check { name: "New refuses what is there", run: refuses_existing },
    Check { name: "From resumes and cuts off the rest", run: resumes },
    Check { name: "From needs a file at least that long", run: resumes_only_what_is_there },
    Check { name: "Within leaves what it does not touch", run: writes_within },
    Check { name: "Within beyond the end leaves zeros", run: writes_segments_in_any_order },
    Check { name: "Append goes to the end", run: appends },
    Check { name: "an unfinished file can be continued", run: continues_after_a_break },
    Check { name: "where an upload can go on is told", run: tells_where_to_go_on },
    Check { name: "offsets beyond 4 GiB work", run: counts_beyond_32_bits },
    Check { name: "absurd offsets fail and harm nothing", run: survives_absurd_offsets },
    Check { name: "a reader keeps what was deleted", run: reads_on_after_delete },
    Check { name: "directories are not files", run: refuses_directories },
    Check { name: "missing files and directories are missing", run: misses },
];

fn stores_and_reads(storage: &dyn Storage) {
    let bytes: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
    put(storage, "/file", &bytes);
    assert_eq!(read(storage, "/file"), bytes);
    assert_eq!(storage.stat(&at("/file")).unwrap().size, Some(200_000));

    let mut file = storage.open(&at("/file")).unwrap();
    let mut middle = [0; 3];
    assert_eq!(file.read_at(&mut middle, 100_000).unwrap(), 3);
    assert_eq!(middle, bytes[100_000..100_003]);
}

fn stores_nothing(storage: &dyn Storage) {
    put(storage, "/empty", b"");
    assert_eq!(read(storage, "/empty"), b"");
    assert_eq!(storage.stat(&at("/empty")).unwrap().size, Some(0));
}

fn adds_up(storage: &dyn Storage) {
    let mut file = storage.create(&at("/file"), Create::New).unwrap();
    let mut expected = Vec::new();
    for number in 0..500_u32 {
        assert_eq!(file.position(), expected.len() as u64);
        let line = format!("line {number}\n");
        file.write(line.as_bytes()).unwrap();
        expected.extend_from_slice(line.as_bytes());
    }
    file.finish().unwrap();
    assert_eq!(read(storage, "/file"), expected);
}

fn reads_beyond_the_end(storage: &dyn Storage) {
    put(storage, "/file", b"12345");
    let mut file = storage.open(&at("/file")).unwrap();
    let mut buffer = [0; 10];
    assert_eq!(file.read_at(&mut buffer, 3).unwrap(), 2);
    for offset in [5, 6, 1 << 40, i64::MAX as u64, u64::MAX] {
        assert_eq!(file.read_at(&mut buffer, offset).unwrap(), 0, "at {offset}");
    }
}

fn replaces(storage: &dyn Storage) {
    put(storage, "/file", b"a long first version");
    put(storage, "/file", b"short");
    assert_eq!(read(storage, "/file"), b"short");
}

fn refuses_existing(storage: &dyn Storage) {
    write(storage, "/file", Create::New, b"first");
    fails!(storage.create(&at("/file"), Create::New), StoreError::Exists);
    assert_eq!(read(storage, "/file"), b"first");
}

fn resumes(storage: &dyn Storage) {
    put(storage, "/file", b"0123456789");
    write(storage, "/file", Create::From(4), b"ABC");
    assert_eq!(read(storage, "/file"), b"0123ABC");
    write(storage, "/file", Create::From(7), b"DE");
    assert_eq!(read(storage, "/file"), b"0123ABCDE");
    write(storage, "/file", Create::From(0), b"");
    assert_eq!(read(storage, "/file"), b"");
}

fn resumes_only_what_is_there(storage: &dyn Storage) {
    fails!(storage.create(&at("/file"), Create::From(0)), StoreError::NotFound);
    put(storage, "/file", b"12345");
    fails!(storage.create(&at("/file"), Create::From(6)), StoreError::BadOffset { size: 5 });
    assert_eq!(read(storage, "/file"), b"12345");
}

fn writes_within(storage: &dyn Storage) {
    put(storage, "/file", b"0123456789");
    write(storage, "/file", Create::Within(3), b"abc");
    assert_eq!(read(storage, "/file"), b"012abc6789");
    write(storage, "/file", Create::Within(8), b"xyz");
    assert_eq!(read(storage, "/file"), b"012abc67xyz");
}

fn writes_segments_in_any_order(storage: &dyn Storage) {
    write(storage, "/file", Create::Within(6), b"end");
    assert_eq!(read(storage, "/file"), b"\0\0\0\0\0\0end");
    write(storage, "/file", Create::Within(0), b"start");
    assert_eq!(read(storage, "/file"), b"start\0end");
}

fn appends(storage: &dyn Storage) {
    write(storage, "/file", Create::Append, b"one");
    let mut file = storage.create(&at("/file"), Create::Append).unwrap();
    assert_eq!(file.position(), 3);
    file.write(b" two").unwrap();
    assert_eq!(file.position(), 7);
    file.finish().unwrap();
    assert_eq!(read(storage, "/file"), b"one two");
}

/// In place or hidden: whoever was interrupted after `n` bytes goes on with `From(n)`.
fn continues_after_a_break(storage: &dyn Storage) {
    let mut file = storage.create(&at("/file"), Create::Replace).unwrap();
    file.write(b"first half, ").unwrap();
    drop(file);
    write(storage, "/file", Create::From(12), b"second half");
    assert_eq!(read(storage, "/file"), b"first half, second half");
}

fn tells_where_to_go_on(storage: &dyn Storage) {
    fails!(storage.resumable(&at("/file")), StoreError::NotFound);
    fails!(storage.resumable(&at("/")), StoreError::IsDirectory);
    let mut file = storage.create(&at("/file"), Create::Replace).unwrap();
    file.write(b"12345").unwrap();
    drop(file);
    assert_eq!(storage.resumable(&at("/file")).unwrap(), 5);
    fails!(storage.create(&at("/file"), Create::From(6)), StoreError::BadOffset { size: 5 });
    write(storage, "/file", Create::From(5), b"678");
    assert_eq!(storage.resumable(&at("/file")).unwrap(), 8);
}

fn counts_beyond_32_bits(storage: &dyn Storage) {
    const FIVE_GIB: u64 = 5 << 30;
    write(storage, "/big", Create::Within(FIVE_GIB), b"tail");
    assert_eq!(storage.stat(&at("/big")).unwrap().size, Some(FIVE_GIB + 4));

    let mut file = storage.open(&at("/big")).unwrap();
    let mut buffer = [1; 8];
    assert_eq!(file.read_at(&mut buffer, FIVE_GIB).unwrap(), 4);
    assert_eq!(&buffer[..4], b"tail");
    assert_eq!(file.read_at(&mut buffer, FIVE_GIB - 100).unwrap(), 8);
    assert_eq!(buffer, [0; 8]);

    let file = storage.create(&at("/big"), Create::Append).unwrap();
    assert_eq!(file.position(), FIVE_GIB + 4);
}

fn survives_absurd_offsets(storage: &dyn Storage) {
    put(storage, "/file", b"12345");
    for offset in [i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
        let result =
            storage.create(&at("/file"), Create::Within(offset)).and_then(|mut file| file.write(b"x"));
        assert!(result.is_err(), "wrote at {offset}");
        fails!(storage.create(&at("/file"), Create::From(offset)), StoreError::BadOffset { size: 5 });
    }
    assert_eq!(read(storage, "/file"), b"12345");
}

fn reads_on_after_delete(storage: &dyn Storage) {
    put(storage, "/file", b"still here");
    let mut file = storage.open(&at("/file")).unwrap();
    storage.delete(&at("/file")).unwrap();
    let mut buffer = [0; 10];
    assert_eq!(file.read_at(&mut buffer, 0).unwrap(), 10);
    assert_eq!(&buffer, b"still here");
    fails!(storage.open(&at("/file")), StoreError::NotFound);
}

fn refuses_directories(storage: &dyn Storage) {
    storage.make_directory(&at("/dir")).unwrap();
    for path in ["/dir", "/"] {
        fails!(storage.open(&at(path)), StoreError::IsDirectory);
        for how in [Create::Replace, Create::From(0), Create::Within(0), Create::Append] {
            fails!(storage.create(&at(path), how), StoreError::IsDirectory);
        }
        fails!(storage.create(&at(path), Create::New), StoreError::IsDirectory | StoreError::Exists);
    }
}

fn misses(storage: &dyn Storage) {
    put(storage, "/file", b"");
    for path in ["/missing", "/missing/below"] {
        fails!(storage.stat(&at(path)), StoreError::NotFound);
        fails!(storage.open(&at(path)), StoreError::NotFound);
        fails!(storage.list(&at(path), &mut |_| true), StoreError::NotFound);
        fails!(storage.delete(&at(path)), StoreError::NotFound);
    }
    fails!(storage.create(&at("/missing/file"), Create::Replace), StoreError::NotFound);
    fails!(storage.stat(&at("/file/below")), StoreError::NotDirectory);
    fails!(storage.open(&at("/file/below")), StoreError::NotDirectory);
    fails!(storage.create(&at("/file/below"), Create::Replace), StoreError::NotDirectory);
    fails!(storage.list(&at("/file"), &mut |_| true), StoreError::NotDirectory);
}
