//! The line is cut for a while, the disk is full for a while, and a server lets few in.

use std::time::{Duration, Instant};

use fxp_testkit::certificate::Authority;
use fxp_testkit::demand::demand;

use crate::chance::Chance;
use crate::lab::Lab;
use crate::mount::Tmpfs;
use crate::server::{Host, Server, Settings};
use crate::tree::{self, Shape};
use crate::watch::Watch;
use crate::world::{PATIENCE, Run, client, fxpd, received, unfinished, url};

#[test]
fn the_line_between_the_servers_is_cut_for_a_while() {
    let Some(lab) = demand("a line that is cut", Lab::up(&["--rtt", "2ms", "--rate", "a-b=20mbit"])) else {
        return;
    };
    let authority = Authority::new().expect("an authority");
    let top = "[limits]\ntransfer_idle = 2\n[log]\nformat = \"json\"\n";
    let start = |host: &str, address: &str| {
        let settings = Settings { top, ..Settings::default() };
        Server::start(Host::Lab(&lab, host), address.parse().expect("an address"), &authority, settings)
    };
    let (source, destination) = (start("a", "10.77.0.2:21"), start("b", "10.77.0.3:21"));
    let fxp = client([
        (source.address, source.fingerprint.as_str()),
        (destination.address, destination.fingerprint.as_str()),
    ]);
    let mut chance = Chance::new();
    let shape = Shape { small: 60, large: 7, size: 900_000 };
    tree::make(&source.file("t"), shape, &mut chance);
    let mut watch = Watch::new(&source.file("t"), &destination.file("t"), "/t/");
    let (from, to) = (url(source.address, "t"), url(destination.address, ""));
    let copy = ["cp", "-r", &from, &to];
    let begin = || Run::of(fxp.command_on(&lab, "client"), fxp.home(), &copy);
    let run = begin();
    // Three seconds are needed for all of it.
    let deadline = Instant::now() + PATIENCE;
    while tree::files(&destination.file("t")).is_empty() {
        assert!(Instant::now() < deadline, "nothing arrives\n{}", destination.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    lab.change(&["cut", "a-b"]);
    std::thread::sleep(Duration::from_secs(4));
    lab.change(&["heal", "a-b"]);
    // Its retries may outlast that or not.
    run.wait();
    watch.look(&received(&destination));
    begin().succeeds();
    watch.is_complete(&received(&destination));
}

#[test]
fn the_disk_is_full_for_a_while() {
    let authority = Authority::new().expect("an authority");
    let (source, destination) = (fxpd(&authority, ""), fxpd(&authority, ""));
    let Some(disk) = demand("a full disk", Tmpfs::on(&destination.file("disk"), "1m")) else { return };
    let fxp = client([
        (source.address, source.fingerprint.as_str()),
        (destination.address, destination.fingerprint.as_str()),
    ]);
    let mut chance = Chance::new();
    let shape = Shape { small: 80, large: 3, size: 600_000 };
    tree::make(&source.file("t"), shape, &mut chance);
    let mut watch = Watch::new(&source.file("t"), &destination.file("disk/t"), "/disk/t/");
    let (from, to) = (url(source.address, "t"), url(destination.address, "disk/"));
    let run = Run::start(&fxp, &["cp", "-r", "--retries", "0", &from, &to]);
    let deadline = Instant::now() + PATIENCE;
    while !destination.log().contains("no space left") {
        assert!(Instant::now() < deadline, "the disk does not fill up\n{}", destination.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    watch.look(&received(&destination));
    disk.remount("size=16m");
    // It may have given up before there was room.
    let (status, _) = run.wait();
    watch.look(&received(&destination));
    if !status.success() {
        let job = unfinished(&fxp).expect("a job");
        Run::start(&fxp, &["resume", &job]).succeeds();
    }
    watch.is_complete(&received(&destination));
    assert_eq!(unfinished(&fxp), None);
}

#[test]
fn servers_that_let_few_in_get_everything() {
    let authority = Authority::new().expect("an authority");
    let few = "[limits]\nsessions_per_user = 2\n";
    let (source, destination) = (fxpd(&authority, few), fxpd(&authority, few));
    let fxp = client([
        (source.address, source.fingerprint.as_str()),
        (destination.address, destination.fingerprint.as_str()),
    ]);
    let mut chance = Chance::new();
    tree::make(&source.file("t"), Shape { small: 80, large: 2, size: 300_000 }, &mut chance);
    let mut watch = Watch::new(&source.file("t"), &destination.file("t"), "/t/");
    let (from, to) = (url(source.address, "t"), url(destination.address, ""));
    let copy = ["cp", "-r", &from, &to];
    // A session of a client that was killed may be open for a moment, and take one of the places.
    Run::start(&fxp, &copy).kill_after(Duration::from_millis(300));
    watch.look(&received(&destination));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, said) = Run::start(&fxp, &copy).wait();
        watch.look(&received(&destination));
        if status.success() {
            break;
        }
        assert!(Instant::now() < deadline, "{said}");
    }
    watch.is_complete(&received(&destination));
}
