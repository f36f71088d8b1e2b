//! What a local directory adds to the shared suite: permissions, links to owners, hidden uploads, limits
//! of names, a full disk.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use fxp_store::account::Rights;
use fxp_store::guarded::Guarded;
use fxp_store::storage::{Create, Storage, StoreError};
use fxp_store::{FtpTime, Kind, Precision, Text, VPath};
use fxp_store_disk::{Disk, Options, Upload};

const ATOMIC: Options = Options { upload: Upload::Atomic, file_mode: 0o644, directory_mode: 0o755 };

#[test]
fn an_entry_tells_what_the_system_knows() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, b"12345").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    fs::hard_link(&file, directory.path().join("again")).unwrap();
    let disk = Disk::open(directory.path(), Options::default()).unwrap();
    let time = FtpTime { seconds: 1_600_000_000, nanoseconds: 123_456_789 };
    disk.set_time(&at("/file"), time).unwrap();

    let entry = disk.stat(&at("/file")).unwrap();
    let system = fs::metadata(&file).unwrap();
    assert_eq!(entry.kind, Kind::File);
    assert_eq!(entry.size, Some(5));
    assert_eq!(entry.mode, Some(0o640));
    assert_eq!(entry.links, Some(2));
    assert_eq!(entry.modified, Some((time, Precision::Second)));
    assert_eq!(entry.owner, Some(Text::lossy(system.uid().to_string())));
    assert_eq!(entry.group, Some(Text::lossy(system.gid().to_string())));
    // Two names of one file.
    assert_eq!(entry.unique, disk.stat(&at("/again")).unwrap().unique);
}

#[test]
fn the_file_itself_is_there_for_sendfile() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), b"12345").unwrap();
    let disk = Disk::open(directory.path(), Options::default()).unwrap();
    let file = disk.open(&at("/file")).unwrap();
    assert_eq!(rustix::fs::fstat(file.file().unwrap()).unwrap().st_size, 5);
}

#[test]
fn new_files_and_directories_get_the_configured_permissions() {
    for upload in [Upload::InPlace, Upload::Atomic] {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { upload, file_mode: 0o600, directory_mode: 0o700 };
        let disk = Disk::open(directory.path(), options).unwrap();
        store(&disk, "/file", Create::Replace, b"");
        disk.make_directory(&at("/dir")).unwrap();
        assert_eq!(mode(&directory.path().join("file")), 0o600);
        assert_eq!(mode(&directory.path().join("dir")), 0o700);
    }
}

#[test]
fn replacing_a_file_keeps_its_permissions() {
    for upload in [Upload::InPlace, Upload::Atomic] {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::open(directory.path(), Options { upload, ..Options::default() }).unwrap();
        store(&disk, "/file", Create::Replace, b"old");
        disk.set_mode(&at("/file"), 0o606).unwrap();
        store(&disk, "/file", Create::Replace, b"new");
        assert_eq!(mode(&directory.path().join("file")), 0o606, "{upload:?}");
    }
}

/// A file that nobody may open can still be given permissions.
#[test]
fn modes_change_without_opening_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open(directory.path(), Options::default()).unwrap();
    store(&disk, "/file", Create::Replace, b"");
    disk.set_mode(&at("/file"), 0).unwrap();
    disk.set_time(&at("/file"), FtpTime { seconds: 1, nanoseconds: 0 }).unwrap();
    disk.set_mode(&at("/file"), 0o644).unwrap();
    assert_eq!(mode(&directory.path().join("file")), 0o644);
}

#[test]
fn in_place_uploads_are_seen_as_they_grow_and_go_through_links() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open(directory.path(), Options::default()).unwrap();
    store(&disk, "/file", Create::Replace, b"old content");
    disk.symlink(&Text::from("file"), &at("/link")).unwrap();
    let mut upload = disk.create(&at("/link"), Create::Replace).unwrap();
    upload.write(b"ne").unwrap();
    assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"ne");
    upload.write(b"w").unwrap();
    upload.finish().unwrap();
    assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"new");
}

#[test]
fn atomic_uploads_are_seen_when_whole() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open(directory.path(), ATOMIC).unwrap();
    store(&disk, "/file", Create::Replace, b"old content");
    let mut upload = disk.create(&at("/file"), Create::Replace).unwrap();
    upload.write(b"new").unwrap();
    assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"old content");
    upload.finish().unwrap();
    assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"new");
    assert_eq!(names(directory.path()), ["file"]);
}

#[test]
fn an_interrupted_atomic_upload_leaves_the_old_file_and_can_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open(directory.path(), ATOMIC).unwrap();
    let mut upload = disk.create(&at("/file"), Create::New).unwrap();
    upload.write(b"first half, ").unwrap();
    drop(upload);
    assert!(matches!(disk.stat(&at("/file")), Err(StoreError::NotFound)));
    assert!(matches!(disk.create(&at("/file"), Create::From(13)), Err(StoreError::BadOffset { size: 12 })));
    store(&disk, "/file", Create::From(6), b"part, second half");
    assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"first part, second half");
    assert_eq!(names(directory.path()), ["file"]);
}

/// Whoever may make new files, and no more, can go on with one.
#[test]
fn an_interrupted_atomic_upload_can_go_on_without_the_right_to_overwrite() {
    let directory = tempfile::tempdir().unwrap();
    let rights = Rights { overwrite: false, ..Rights::FULL };
    let files = Guarded::new(Arc::new(Disk::open(directory.path(), ATOMIC).unwrap()), rights);
    let mut upload = files.create(&at("/file"), Create::Replace).unwrap();
    upload.write(b"first half, ").unwrap();
    drop(upload);
    assert_eq!(files.resumable(&at("/file")).unwrap(), 12);
    let mut upload = files.create(&at("/file"), Create::From(12)).unwrap();
    upload.write(b"second half").unwrap();
    // Somebody else is faster: theirs stays.
    fs::write(directory.path().join("file"), b"theirs").unwrap();
    assert!(matches!(upload.finish(), Err(StoreError::Exists)));
    assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"theirs");
}

/// Resuming the file that is there leaves it whole until the end.
#[test]
fn resuming_a_whole_file_is_atomic_too() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open(directory.path(), ATOMIC).unwrap();
    store(&disk, "/file", Create::Replace, b"0123456789");
    let mut upload = disk.create(&at("/file"), Create::From(4)).unwrap();
    upload.write(b"AB").unwrap();
    assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"0123456789");
    upload.finish().unwrap();
    assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"0123AB");
}

#[test]
fn two_atomic_uploads_of_one_name_do_not_mix() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open(directory.path(), ATOMIC).unwrap();
    let mut first = disk.create(&at("/file"), Create::Replace).unwrap();
    assert!(matches!(disk.create(&at("/file"), Create::Replace), Err(StoreError::Busy)));
    assert!(matches!(disk.create(&at("/file"), Create::From(0)), Err(StoreError::Busy)));
    first.write(b"first").unwrap();
    first.finish().unwrap();
    store(&disk, "/file", Create::Replace, b"second");
    assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"second");
}

/// Whoever may only make new files does not replace one that came meanwhile.
#[test]
fn a_new_atomic_upload_does_not_replace_what_came_first() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open(directory.path(), ATOMIC).unwrap();
    let mut upload = disk.create(&at("/file"), Create::New).unwrap();
    upload.write(b"late").unwrap();
    fs::write(directory.path().join("file"), b"first").unwrap();
    assert!(matches!(upload.finish(), Err(StoreError::Exists)));
    assert_eq!(fs::read(directory.path().join("file")).unwrap(), b"first");
    assert_eq!(names(directory.path()), ["file"]);
}

#[test]
fn long_names_are_uploaded_atomically_and_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open(directory.path(), ATOMIC).unwrap();
    let (one, two) = (format!("/{}", "n".repeat(255)), format!("/{}m", "n".repeat(254)));
    let mut first = disk.create(&at(&one), Create::Replace).unwrap();
    let mut second = disk.create(&at(&two), Create::Replace).unwrap();
    first.write(b"one").unwrap();
    second.write(b"two").unwrap();
    first.finish().unwrap();
    second.finish().unwrap();
    assert_eq!(disk.open(&at(&one)).unwrap().size().unwrap(), 3);
    assert_eq!(names(directory.path()).len(), 2);
}

/// Two that append do not write over one another.
#[test]
fn appending_twice_at_once_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open(directory.path(), Options::default()).unwrap();
    let mut one = disk.create(&at("/log"), Create::Append).unwrap();
    let mut two = disk.create(&at("/log"), Create::Append).unwrap();
    one.write(b"one\n").unwrap();
    two.write(b"two\n").unwrap();
    one.write(b"three\n").unwrap();
    assert_eq!(fs::read(directory.path().join("log")).unwrap(), b"one\ntwo\nthree\n");
}

/// Names that are on the disk but can never cross a control line are listed without their name.
#[test]
fn names_with_line_ends_are_left_out_and_told() {
    let directory = tempfile::tempdir().unwrap();
    for name in [&b"good"[..], b"bad\nname", b"bad\rname", b"latin \xfc"] {
        fs::write(directory.path().join(std::ffi::OsStr::from_bytes(name)), b"").unwrap();
    }
    let disk = Disk::open(directory.path(), Options::default()).unwrap();
    let mut listed = Vec::new();
    disk.list(&VPath::root(), &mut |entry| {
        listed.push((entry.name.to_string(), entry.left_out.map(|told| told.to_string())));
        true
    })
    .unwrap();
    listed.sort();
    let told = |shown: &str| (String::new(), Some(shown.to_owned()));
    let named = |name: &[u8]| (Text::lossy(name).to_string(), None);
    let expected = [told(r#""bad\nname""#), told(r#""bad\rname""#), named(b"good"), named(b"latin \xfc")];
    assert_eq!(listed, expected);
}

/// As deep as a path can be written.
#[test]
fn paths_may_be_as_long_as_the_system_allows() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open(directory.path(), Options::default()).unwrap();
    let mut path = String::new();
    // 15 x 256 bytes are 3840; what is left of 4095 is the file's name.
    for _ in 0..15 {
        path += &format!("/{}", "d".repeat(255));
        disk.make_directory(&at(&path)).unwrap();
    }
    let file = format!("{path}/{}", "f".repeat(4095 - 3840 - 1));
    assert_eq!(file.len(), 4095);
    store(&disk, &file, Create::New, b"deep");
    assert_eq!(disk.stat(&at(&file)).unwrap().size, Some(4));
    disk.rename(&at(&file), &at("/shallow")).unwrap();
    assert_eq!(names(directory.path()).len(), 2);

    // 2047 directories, one letter each.
    let mut path = String::new();
    for _ in 0..2047 {
        path += "/d";
        disk.make_directory(&at(&path)).unwrap();
    }
    store(&disk, "/d/file", Create::New, b"");
    assert_eq!(disk.stat(&at(&path)).unwrap().kind, Kind::Directory);
}

/// A full disk is said to be full, both when it fills up and afterwards, and nothing is published.
#[test]
fn a_full_disk_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let _mounted = match SmallDisk::mount(directory.path()) {
        Ok(mounted) => mounted,
        Err(reason) => {
            assert!(std::env::var_os("CI").is_none(), "{reason}");
            eprintln!("SKIPPED: {reason}");
            return;
        }
    };
    for upload in [Upload::InPlace, Upload::Atomic] {
        let disk = Disk::open(directory.path(), Options { upload, ..Options::default() }).unwrap();
        assert!((1..=1 << 20).contains(&disk.space(&VPath::root()).unwrap()));
        let mut file = disk.create(&at("/file"), Create::Replace).unwrap();
        let failed = (0..64).find_map(|_| file.write(&[7; 65_536 - 1]).err());
        assert!(matches!(failed, Some(StoreError::NoSpace)), "{failed:?}");
        // What fitted into the last, failed write is counted.
        let position = file.position();
        assert!(position > 500_000, "{position}");
        assert_eq!(disk.space(&VPath::root()).unwrap(), 0);
        drop(file);
        if upload == Upload::Atomic {
            assert!(matches!(disk.stat(&at("/file")), Err(StoreError::NotFound)));
            disk.delete(&at("/.file.fxpd-part")).unwrap();
        } else {
            assert_eq!(disk.stat(&at("/file")).unwrap().size, Some(position));
            disk.delete(&at("/file")).unwrap();
        }
        store(&disk, "/small", Create::Replace, b"fits again");
        disk.delete(&at("/small")).unwrap();
    }
}

/// A file system of 1 MiB.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path) -> Result<Self, String> {
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(at)
            .output()
            .map_err(|error| format!("no mount command: {error}"))?;
        match output.status.success() {
            true => Ok(SmallDisk(at)),
            false => Err(format!("cannot mount a small disk: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "cannot unmount {}", self.0.display());
    }
}

#[track_caller]
fn store(disk: &Disk, path: &str, how: Create, bytes: &[u8]) {
    let mut file = disk.create(&at(path), how).unwrap();
    file.write(bytes).unwrap();
    file.finish().unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn at(path: &str) -> VPath {
    VPath::parse(path.as_bytes()).unwrap()
}
