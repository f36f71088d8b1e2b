//! Paths that lead nowhere, or where nobody may go.

use fxp_testkit::daemon::Product;
use fxp_testkit::demand::demand;

use crate::mount::Tmpfs;
use crate::story::{OLD, Story};
use crate::world::{COPY, World, content, cp};

#[test]
fn a_path_that_does_not_exist() {
    let mut story = Story::new("no_such_path");
    for product in Product::ALL {
        let Some(world) = World::new("no such path", (product, &[]), (product, &[])) else { return };
        world.source.write("file", b"hello");
        story.copying(world.source.file("file"));
        story.heading(&format!("{product}, the source"));
        story.run(&world, &cp("ftp://mover@{source}/no/such", "ftp://mover@{destination}/copy"), 3);
        story.look(&world, "");
        story.heading(&format!("{product}, the destination"));
        let to = cp("ftp://mover@{source}/file", "ftp://mover@{destination}/no/such/copy");
        story.run(&world, &to, 4);
        story.look(&world, "");
        std::fs::create_dir_all(world.destination.file("no/such")).expect("a folder");
        world.destination.adopt();
        story.tell("the directory is made");
        story.run(&world, &to, 0);
        story.look(&world, "");
    }
    story.finish();
}

#[test]
fn a_directory_where_a_file_is_expected() {
    let mut story = Story::new("a_directory_instead");
    for product in Product::ALL {
        let Some(world) = World::new("a directory", (product, &[]), (product, &[])) else { return };
        world.source.write("tree/file", b"hello");
        world.source.write("file", b"hello");
        world.destination.write("taken/copy/old", OLD);
        story.copying(world.source.file("file"));
        story.heading(&format!("{product}, the source"));
        story.run(&world, &cp("ftp://mover@{source}/tree", "ftp://mover@{destination}/copy"), 2);
        story.look(&world, "");
        story.heading(&format!("{product}, the destination"));
        // The name that the file would get in the directory is a directory.
        let into = cp("ftp://mover@{source}/file", "ftp://mover@{destination}/taken/");
        std::fs::rename(world.destination.file("taken/copy"), world.destination.file("taken/file"))
            .expect("renamed");
        story.run(&world, &into, 4);
        story.look(&world, "");
        std::fs::rename(world.destination.file("taken/file"), world.destination.file("taken/moved"))
            .expect("renamed");
        story.tell("the directory is moved away");
        story.run(&world, &into, 0);
        story.look(&world, "");
    }
    story.finish();
}

/// The source refuses RETR, after the destination has accepted STOR: some destinations call the empty file that
/// they have made a success.
#[test]
fn a_source_that_may_not_be_read() {
    let mut story = Story::new("source_not_readable");
    for product in [Product::Proftpd, Product::Vsftpd, Product::Pureftpd] {
        for destination in [Product::Fxpd, product] {
            let Some(world) = World::new("no permission", (product, &[]), (destination, &[])) else { return };
            story.heading(&format!("{product} to {destination}"));
            world.source.write("file", b"hello");
            world.destination.write("copy", OLD);
            story.copying(world.source.file("file"));
            set_mode(&world.source.file("file"), 0o000);
            story.run(&world, &COPY, 3);
            story.look(&world, "");
            set_mode(&world.source.file("file"), 0o644);
            story.tell("the file may be read now");
            story.run(&world, &COPY, 0);
            story.look(&world, "");
        }
    }
    story.finish();
}

#[test]
fn a_destination_that_may_not_be_written() {
    let mut story = Story::new("destination_not_writable");
    let rows: [(Product, &[&str]); 6] = [
        (Product::Proftpd, &[]),
        (Product::Vsftpd, &[]),
        (Product::Pureftpd, &[]),
        (Product::Fxpd, &["user.rights = \"read_only\""]),
        (Product::Vsftpd, &["write_enable=NO"]),
        (Product::Pyftpdlib, &["authorizer.user_table[user]['perm'] = 'elr'"]),
    ];
    for (product, settings) in rows {
        let by = if settings.is_empty() { "by the mode of the directory" } else { "by its configuration" };
        let Some(world) = World::new("no permission", (Product::Fxpd, &[]), (product, settings)) else {
            return;
        };
        story.heading(&format!("{product}, {by}"));
        world.source.write("file", b"hello");
        world.destination.write("copy", OLD);
        story.copying(world.source.file("file"));
        if settings.is_empty() {
            set_mode(world.destination.root(), 0o555);
        }
        story.run(&world, &COPY, 4);
        story.look(&world, "");
        if settings.is_empty() {
            set_mode(world.destination.root(), 0o755);
            story.tell("the directory may be written now");
            story.run(&world, &COPY, 0);
            story.look(&world, "");
        }
    }
    story.finish();
}

#[test]
fn a_read_only_file_system() {
    let mut story = Story::new("read_only_file_system");
    for product in [Product::Fxpd, Product::Proftpd, Product::Vsftpd, Product::Pureftpd] {
        let Some(world) = World::new("read-only", (Product::Fxpd, &[]), (product, &[])) else { return };
        let Some(disk) = demand("read-only", Tmpfs::on(&world.destination.file("disk"), "1m")) else {
            return;
        };
        story.heading(&format!("{product}, the destination"));
        world.source.write("file", b"hello");
        world.destination.write("disk/file", OLD);
        story.copying(world.source.file("file"));
        disk.remount("ro");
        let copy = cp("ftp://mover@{source}/file", "ftp://mover@{destination}/disk/");
        story.run(&world, &copy, 4);
        story.look(&world, "");
        disk.remount("rw");
        story.tell("the file system may be written now");
        story.run(&world, &copy, 0);
        story.look(&world, "");
    }
    story.finish();
}

/// Small files find out by trying; large ones are not copied twice.
#[test]
fn a_destination_that_does_not_rename() {
    let mut story = Story::new("no_rename");
    let rows: [(Product, &[&str]); 3] = [
        (Product::Proftpd, &["<Limit RNFR RNTO>\nDenyAll\n</Limit>"]),
        (Product::Vsftpd, &["cmds_denied=RNFR,RNTO"]),
        (Product::Pyftpdlib, &["authorizer.user_table[user]['perm'] = 'elradmwMT'"]),
    ];
    for cast in rows {
        for size in [5, 3 << 20] {
            let Some(world) = World::new("no rename", (Product::Fxpd, &[]), cast) else { return };
            story.heading(&format!("{}, {size} bytes", cast.0));
            world.source.write("file", &content(size));
            story.copying(world.source.file("file"));
            story.run(&world, &COPY, 0);
            story.look(&world, "");
            world.source.write("file", &content(size + 1));
            story.tell("the source has changed");
            story.run(&world, &COPY, 0);
            story.look(&world, "");
        }
    }
    story.finish();
}

#[test]
fn a_name_too_long_for_the_destination() {
    let mut story = Story::new("name_too_long");
    let long = "n".repeat(256);
    story.call(&long, "{256 characters}");
    // One that fits, but not together with what an unfinished file has at its end.
    let fits = "m".repeat(255);
    story.call(&fits, "{255 characters}");
    story.call("m".repeat(246), "{246 characters}");
    for product in Product::ALL {
        let Some(world) = World::new("a long name", (Product::Fxpd, &[]), (product, &[])) else { return };
        story.heading(&format!("{product}, the destination"));
        world.source.write("file", b"hello");
        story.copying(world.source.file("file"));
        let to = "ftp://mover@{destination}/{256 characters}";
        story.run(&world, &cp("ftp://mover@{source}/file", to), 4);
        story.look(&world, "");
        let to = "ftp://mover@{destination}/{255 characters}";
        story.run(&world, &cp("ftp://mover@{source}/file", to), 0);
        assert_eq!(std::fs::read(world.destination.file(&fits)).expect("the copy"), b"hello");
    }
    story.finish();
}

fn set_mode(path: &std::path::Path, mode: u32) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("a mode");
}
