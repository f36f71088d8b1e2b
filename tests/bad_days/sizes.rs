//! Nothing at all, and more than 32 bits can count.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::process::Command;

use fxp_testkit::daemon::Product;
use fxp_testkit::demand::demand;

use crate::mount::Tmpfs;
use crate::story::{OLD, Story};
use crate::world::{COPY, World, cp};

#[test]
fn an_empty_file() {
    let mut story = Story::new("empty_file");
    for product in Product::ALL {
        let Some(world) = World::new("an empty file", (product, &[]), (product, &[])) else { return };
        story.heading(&format!("{product} to {product}"));
        world.source.write("file", b"");
        world.destination.write("copy", OLD);
        story.copying(world.source.file("file"));
        story.run(&world, &COPY, 0);
        story.look(&world, "");
        story.run(&world, &COPY, 0);
    }
    story.finish();
}

const GIBI: u64 = 1 << 30;

/// Broken off beyond 4 GiB and resumed there, so that REST, sizes and progress need more than 32 bits.
#[test]
fn five_gibibytes() {
    let Some(world) = World::new("5 GiB", (Product::Vsftpd, &[]), (Product::Fxpd, &[])) else { return };
    let disk = demand("5 GiB", Tmpfs::on(&world.destination.file("disk"), "6g"));
    if disk.is_none() {
        return;
    }
    let mut story = Story::new("five_gibibytes");
    story.heading("vsftpd to fxpd");
    let path = world.source.file("file");
    let file = OpenOptions::new().write(true).create_new(true).open(&path).expect("the source");
    file.set_len(5 * GIBI).expect("a sparse file");
    // Marks where 32 bits, signed or not, would lead astray.
    for (number, at) in
        [0, GIBI, 2 * GIBI - 4, 4 * GIBI - 4, 4 * GIBI + GIBI / 2, 5 * GIBI - 8].into_iter().enumerate()
    {
        file.write_at(format!("mark {number:02}\n").as_bytes(), at).expect("a mark");
    }
    world.source.adopt();
    let copy = cp("ftp://mover@{source}/file", "ftp://mover@{destination}/disk/");
    let part = world.destination.file("disk/file.fxp-part");
    let mut running = story.begin(&world, &copy);
    running.await_size(&part, 4 * GIBI + (1 << 20));
    running.signal("INT");
    story.end(&world, running, 130);
    let arrived = std::fs::metadata(&part).expect("the part").len();
    assert!(arrived > 4 * GIBI && !world.destination.file("disk/file").exists(), "{arrived} bytes");
    story.tell("the same again");
    let ran = story.run(&world, &copy, 0);
    assert!(ran.stderr.contains("resumed after 4") || ran.stderr.contains("resumed after 5"), "{ran:#?}");
    let same = Command::new("cmp").arg(&path).arg(world.destination.file("disk/file")).status();
    assert!(same.is_ok_and(|status| status.success()), "the copy differs");
    story.finish();
}
