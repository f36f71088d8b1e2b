//! Nothing leads out of the root: no link, no `..`, no rename at the right moment, no device.
//!
//! Every test puts a secret outside the root and tries to reach it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use fxp_store::storage::{Create, Storage, StoreError};
use fxp_store::{FtpTime, Kind, Text, VPath};
use fxp_store_disk::{Disk, Options, RootError, Upload};
use rustix::fs::{CWD, FileType, Mode, RenameFlags};
use tempfile::TempDir;

const SECRET: &[u8] = b"outside";

/// `outside/secret`, `root/`, and the disk of the latter.
struct World {
    _kept: TempDir,
    outside: PathBuf,
    root: PathBuf,
    disk: Disk,
}

impl World {
    fn new() -> Self {
        World::with(Upload::InPlace)
    }

    fn with(upload: Upload) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let (outside, root) = (kept.path().join("outside"), kept.path().join("root"));
        fs::create_dir(&outside).unwrap();
        fs::create_dir(&root).unwrap();
        fs::write(outside.join("secret"), SECRET).unwrap();
        let disk = Disk::open(&root, Options { upload, ..Options::default() }).unwrap();
        World { _kept: kept, outside, root, disk }
    }

    /// The world outside is as it was.
    #[track_caller]
    fn assert_untouched(&self) {
        assert_eq!(fs::read(self.outside.join("secret")).unwrap(), SECRET);
        assert_eq!(fs::read_dir(&self.outside).unwrap().count(), 1);
    }
}

/// Links that the operator, or a user by other ways, may have left: none is a way to anything outside.
#[test]
fn links_do_not_lead_out() {
    for upload in [Upload::InPlace, Upload::Atomic] {
        let world = World::with(upload);
        let climbing_to_slash = format!("{}{}", "../".repeat(40), world.outside.display());
        let rows: &[(&str, PathBuf)] = &[
            ("absolute", world.outside.clone()),
            ("up", "../outside".into()),
            ("far-up", climbing_to_slash.into()),
            ("around", "./x/../../outside".into()),
            ("magic", Path::new("/proc/self/root").join(world.outside.strip_prefix("/").unwrap())),
        ];
        fs::create_dir(world.root.join("x")).unwrap();
        for (name, target) in rows {
            symlink(target, world.root.join(name)).unwrap();
            symlink(target.join("secret"), world.root.join(format!("{name}-secret"))).unwrap();
            for path in [
                format!("/{name}/secret"),
                format!("/{name}-secret"),
                format!("/{name}/made"),
                format!("/{name}/../outside/secret"),
                format!("/x/../{name}/secret"),
            ] {
                reach(&world, &path);
            }
        }
        world.assert_untouched();
    }
}

/// Every operation on a path that seems to lead out.
fn reach(world: &World, path: &str) {
    let path = at(path);
    if let Ok(mut file) = world.disk.open(&path) {
        let mut bytes = [0; 64];
        let read = file.read_at(&mut bytes, 0).unwrap();
        assert_ne!(&bytes[..read], SECRET, "{path}");
    }
    if let Ok(entry) = world.disk.stat(&path) {
        assert!(!matches!(entry.kind, Kind::File) || entry.size != Some(SECRET.len() as u64), "{path}");
    }
    for how in [Create::From(0), Create::Append, Create::Within(1), Create::Replace, Create::New] {
        if let Ok(mut file) = world.disk.create(&path, how) {
            // Made inside, where the link now leads.
            file.write(b"ours").unwrap();
            file.finish().unwrap();
        }
    }
    let _ = world.disk.set_time(&path, FtpTime { seconds: 0, nanoseconds: 0 });
    let _ = world.disk.set_mode(&path, 0o777);
    let _ = world.disk.make_directory(&at(&format!("{path}/made")));
    let _ = world.disk.rename(&path, &at("/stolen"));
    let _ = world.disk.delete(&at("/stolen"));
    let _ = world.disk.delete(&path);
    world.assert_untouched();
}

/// The same towards the machine's own files, which a test must only try to read: should the wall ever
/// break, it is not the tester's machine that pays.
#[test]
fn links_to_system_files_are_not_read() {
    let world = World::new();
    let rows = [
        ("to-etc", "/etc/passwd"),
        ("to-root", "/"),
        ("far-up", "../../../../../../../../../../etc/passwd"),
        ("magic", "/proc/self/root/etc/passwd"),
        ("magic-directory", "/proc/self/cwd"),
    ];
    for (name, target) in rows {
        symlink(target, world.root.join(name)).unwrap();
        let path = at(&format!("/{name}"));
        assert!(world.disk.open(&path).is_err(), "{name}");
        assert!(world.disk.open(&path.join(b"etc/passwd").unwrap()).is_err(), "{name}");
    }
    // `/` is the root itself.
    let mut names = Vec::new();
    world
        .disk
        .list(&at("/to-root"), &mut |entry| {
            names.push(entry.name.to_string());
            true
        })
        .unwrap();
    assert!(names.contains(&"to-root".to_owned()) && !names.contains(&"etc".to_owned()));
}

/// A user's own links mean what the same path means when typed.
#[test]
fn the_users_own_links_stay_inside() {
    let world = World::new();
    world.disk.make_directory(&at("/a")).unwrap();
    let target = world.outside.join("secret");
    let target = Text::new(target.to_str().unwrap()).unwrap();
    world.disk.symlink(&target, &at("/a/link")).unwrap();
    assert!(matches!(world.disk.open(&at("/a/link")), Err(StoreError::NotFound)));
    assert_eq!(world.disk.stat(&at("/a/link")).unwrap().kind, Kind::Symlink(Some(target)));
    world.disk.symlink(&Text::from("/a"), &at("/again")).unwrap();
    assert_eq!(world.disk.stat(&at("/again")).unwrap().kind, Kind::Directory);
}

/// While one thread swaps a directory for a link to the outside and back, another walks through it.
#[test]
fn swapping_a_directory_for_a_link_opens_nothing_outside() {
    const WALKS: usize = 20_000;
    for relative in [true, false] {
        let world = World::new();
        let target = if relative { "../outside".into() } else { world.outside.clone() };
        fs::create_dir(world.root.join("dir")).unwrap();
        fs::write(world.root.join("dir/secret"), b"inside").unwrap();
        symlink(target, world.root.join("link")).unwrap();
        let (one, two) = (world.root.join("dir"), world.root.join("link"));
        let mut inside = 0;
        while_another(
            || rustix::fs::renameat_with(CWD, &one, CWD, &two, RenameFlags::EXCHANGE).unwrap(),
            || {
                for _ in 0..WALKS {
                    inside += usize::from(never_outside(&world.disk, "/dir/secret"));
                    if let Ok(file) = world.disk.create(&at("/dir/new"), Create::Replace) {
                        file.finish().unwrap();
                    }
                    let _ = world.disk.delete(&at("/dir/new"));
                }
            },
        );
        assert!(inside > 0, "the race never let anybody in: it tested nothing");
        world.assert_untouched();
    }
}

/// While one thread moves a directory out of the root and back, another follows a link that climbs from
/// inside it: a walk that went on by `..` from out there would end outside.
#[test]
fn moving_a_directory_out_while_climbing_opens_nothing_outside() {
    const WALKS: usize = 20_000;
    let world = World::new();
    let parent = world.root.parent().unwrap().to_owned();
    fs::write(parent.join("secret"), SECRET).unwrap();
    fs::write(world.root.join("secret"), b"inside").unwrap();
    fs::create_dir_all(world.root.join("a/b/c")).unwrap();
    symlink("../../../secret", world.root.join("a/b/c/link")).unwrap();
    let (inside, outside) = (world.root.join("a/b"), parent.join("b"));
    let mut opened = 0;
    let mut out = false;
    while_another(
        || {
            let (from, to) = if out { (&outside, &inside) } else { (&inside, &outside) };
            fs::rename(from, to).unwrap();
            out = !out;
        },
        || {
            for _ in 0..WALKS {
                opened += usize::from(never_outside(&world.disk, "/a/b/c/link"));
            }
        },
    );
    assert!(opened > 0, "the race never let anybody in: it tested nothing");
}

/// Opens and reads; true if it was the file inside.
fn never_outside(disk: &Disk, path: &str) -> bool {
    let Ok(mut file) = disk.open(&at(path)) else { return false };
    let mut bytes = [0; 16];
    let read = file.read_at(&mut bytes, 0).unwrap();
    assert_eq!(&bytes[..read], b"inside");
    true
}

/// Runs `disturb` without pause in a second thread until `act` is done, or has panicked.
fn while_another(mut disturb: impl FnMut() + Send, act: impl FnOnce()) {
    struct Done<'a>(&'a AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                disturb();
            }
        });
        let _done = Done(&done);
        act();
    });
}

/// Pipes and devices are refused at once: a pipe would block the thread for ever.
#[test]
fn only_regular_files_are_opened() {
    for upload in [Upload::InPlace, Upload::Atomic] {
        let world = World::with(upload);
        rustix::fs::mknodat(CWD, world.root.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(world.root.join("socket")).unwrap();
        let null = rustix::fs::makedev(1, 3);
        let device =
            rustix::fs::mknodat(CWD, world.root.join("device"), FileType::CharacterDevice, Mode::RWXU, null);
        let mut names = vec!["/pipe", "/socket"];
        match device {
            Ok(()) => names.push("/device"),
            Err(error) => skip(&format!("cannot make a device: {error}")),
        }
        for name in names {
            assert_eq!(world.disk.stat(&at(name)).unwrap().kind, Kind::Other);
            assert!(matches!(world.disk.open(&at(name)), Err(StoreError::Denied)), "{name}");
            for how in [Create::Replace, Create::From(0), Create::Within(0), Create::Append] {
                assert!(matches!(world.disk.create(&at(name), how), Err(StoreError::Denied)), "{name}");
            }
            assert!(matches!(world.disk.set_mode(&at(name), 0o600), Err(StoreError::Denied)), "{name}");
        }
        // With a reader at its other end a pipe could be opened for writing, too.
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
        let _reader = rustix::fs::openat(CWD, world.root.join("pipe"), flags, Mode::empty()).unwrap();
        assert!(matches!(world.disk.create(&at("/pipe"), Create::Append), Err(StoreError::Denied)));
    }
}

/// A hidden name that somebody turned into a link is not written through.
#[test]
fn a_link_under_the_hidden_name_is_refused() {
    let world = World::with(Upload::Atomic);
    symlink(world.outside.join("secret"), world.root.join(".file.fxpd-part")).unwrap();
    for how in [Create::Replace, Create::New, Create::From(0)] {
        assert!(matches!(world.disk.create(&at("/file"), how), Err(StoreError::Denied)));
    }
    world.assert_untouched();
}

#[test]
fn a_root_must_be_a_directory() {
    let world = World::new();
    for path in [world.outside.join("secret"), world.outside.join("missing")] {
        assert!(matches!(Disk::open(&path, Options::default()), Err(RootError::Unusable { .. })));
    }
}

/// Whoever may change the way to a root must not choose what the root is (CVE-2017-7418).
#[test]
fn a_root_beneath_another_root_is_reached_without_links() {
    let world = World::new();
    let home = world.root.join("part/home");
    fs::create_dir_all(&home).unwrap();
    fs::create_dir(world.outside.join("home")).unwrap();
    let open = |home: &Path| Disk::open_beneath(&world.root, home, Options::default());
    assert!(open(&home).is_ok());
    fs::rename(world.root.join("part"), world.root.join("away")).unwrap();
    for target in [world.outside.as_path(), Path::new("../outside"), Path::new("away")] {
        symlink(target, world.root.join("part")).unwrap();
        assert!(matches!(open(&home), Err(RootError::Unusable { .. })), "{}", target.display());
        fs::remove_file(world.root.join("part")).unwrap();
    }
    assert!(open(&world.root.join("away/home")).is_ok());
    assert!(open(&world.root.join("away/../../outside")).is_err());
    assert!(open(&world.outside).is_err(), "it is not beneath");
}

/// The root is the directory, not its name.
#[test]
fn a_root_that_is_replaced_stays_the_same() {
    let world = World::new();
    fs::write(world.root.join("file"), b"ours").unwrap();
    fs::rename(&world.root, world.root.with_extension("moved")).unwrap();
    symlink(&world.outside, &world.root).unwrap();
    assert!(world.disk.stat(&at("/file")).is_ok());
    assert!(matches!(world.disk.stat(&at("/secret")), Err(StoreError::NotFound)));
}

fn at(path: &str) -> VPath {
    VPath::parse(path.as_bytes()).unwrap()
}

/// Says what was not tested; in CI everything is.
fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "{reason}");
    eprintln!("SKIPPED: {reason}");
}
