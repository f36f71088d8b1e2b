//! A destination whose disk is full, until somebody makes room: however it says so, the copy waits and then goes on.

use std::time::{Duration, Instant};

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, Product, Setup};
use fxp_testkit::demand::demand;

use crate::chance::Chance;
use crate::fxp::Fxp;
use crate::mount::Tmpfs;
use crate::tree::{self, Shape};
use crate::world::{PATIENCE, Run};

#[test]
fn proftpd_has_no_room_for_a_while() {
    waits_for_room(Product::Proftpd, "2");
}

#[test]
fn vsftpd_has_no_room_for_a_while() {
    waits_for_room(Product::Vsftpd, "2");
}

#[test]
fn pureftpd_has_no_room_for_a_while() {
    waits_for_room(Product::Pureftpd, "2");
}

/// With several lanes it may be the last bytes of a file that it has no room for, and then it never answers.
#[test]
fn pyftpdlib_has_no_room_for_a_while() {
    waits_for_room(Product::Pyftpdlib, "1");
}

/// No file fails, though nothing is tried again but for want of room.
fn waits_for_room(product: Product, lanes: &str) {
    let Some(()) = demand("a full disk", product.available()) else { return };
    let authority = Authority::new().expect("an authority");
    let source = Daemon::start(Product::Fxpd, Setup::PLAIN, &authority, None).expect("fxpd");
    let destination = Daemon::start(product, Setup::PLAIN, &authority, None).expect("it starts");
    let Some(disk) = demand("a full disk", Tmpfs::on(&destination.root.join("disk"), "2m")) else { return };
    let fxp = Fxp::new(&[]);
    let mut chance = Chance::new();
    tree::make(&source.root.join("t"), Shape { small: 0, large: 6, size: 600_000 }, &mut chance);
    let (from, to) = (source.url("t/"), destination.url("disk/"));
    let copy =
        ["--json", "cp", "-r", "--tls", "off", "--retries", "0", "--space-wait", "100", "--lanes", lanes];
    let run = Run::start(&fxp, &[&copy[..], &[from.as_str(), to.as_str()]].concat());
    let deadline = Instant::now() + PATIENCE;
    while !run.said().contains("waiting for room") {
        assert!(Instant::now() < deadline, "the disk does not fill up\n{}", run.said());
        std::thread::sleep(Duration::from_millis(10));
    }
    disk.remount("size=16m");
    run.succeeds();
    let contents = |daemon: &Daemon, folder: &str| {
        let folder = daemon.root.join(folder);
        let read = |name: String| (std::fs::read(folder.join(&name)).expect("a file"), name);
        tree::files(&folder).into_iter().map(read).collect::<Vec<_>>()
    };
    assert!(contents(&source, "t") == contents(&destination, "disk"), "not all is there as it was");
}
