//! No room at the destination: a full disk, a used-up quota.

use fxp_testkit::daemon::Product;
use fxp_testkit::demand::demand;

use crate::mount::Tmpfs;
use crate::story::{OLD, Story};
use crate::world::{MEBI, World, content};

#[test]
fn a_full_disk() {
    let mut story = Story::new("disk_full");
    for product in Product::ALL {
        let Some(world) = World::new("a full disk", (Product::Fxpd, &[]), (product, &[])) else { return };
        let Some(disk) = demand("a full disk", Tmpfs::on(&world.destination.file("disk"), "2m")) else {
            return;
        };
        story.heading(&format!("{product}, the destination"));
        world.source.write("file", &content(4 * MEBI));
        world.destination.write("disk/file", OLD);
        story.copying(world.source.file("file"));
        let copy = hasty("ftp://mover@{source}/file", "ftp://mover@{destination}/disk/");
        match product {
            Product::Fxpd | Product::Vsftpd => story.run(&world, &copy, 4),
            // Pure-FTPD tells how long it took, ProFTPD not always the reason, and pyftpdlib none.
            _ => {
                let ran = story.run_loosely(&world, &copy, &[4]);
                let told = ["the destination (", ") has no room: 4", "make room at the destination"];
                assert!(told.iter().all(|part| ran.stderr.contains(part)), "{ran:?}");
                ran
            }
        };
        story.look(&world, "");
        disk.remount("size=16m");
        story.tell("the disk is larger now");
        story.run(&world, &copy, 0);
        story.look(&world, "");
    }
    story.finish();
}

#[test]
fn a_quota_used_up() {
    // A hundred files, one megabyte.
    let quota = (Product::Pureftpd, ["-n", "100:1"]);
    let Some(world) = World::new("a quota", (Product::Fxpd, &[]), (quota.0, &quota.1)) else { return };
    let mut story = Story::new("quota");
    story.heading("pureftpd, the destination");
    world.source.write("file", &content(2 * MEBI));
    world.destination.write("copy", OLD);
    world.destination.write("rubbish", &content(MEBI / 2));
    story.copying(world.source.file("file"));
    let before = std::fs::read(world.destination.file("rubbish")).expect("the rubbish");
    let copy = hasty("ftp://mover@{source}/file", "ftp://mover@{destination}/copy");
    story.run(&world, &copy, 4);
    assert_eq!(std::fs::read(world.destination.file("rubbish")).expect("the rubbish"), before);
    std::fs::remove_file(world.destination.file("rubbish")).expect("the rubbish");
    story.look(&world, "");
    world.source.write("file", &content(MEBI / 2));
    story.tell("the file is smaller now, and other files have made room");
    story.run(&world, &copy, 0);
    story.look(&world, "");
    story.finish();
}

/// `fxp cp` in clear, which does not wait for somebody who makes room.
fn hasty<'a>(from: &'a str, to: &'a str) -> [&'a str; 7] {
    ["cp", "--tls", "off", "--space-wait", "0", from, to]
}
