//! A source that does not hold still: it shrinks, grows or is rewritten while it is copied.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};

use fxp_testkit::daemon::Product;

use crate::story::{OLD, Story};
use crate::world::{COPY, MEBI, World, content};

/// Copies from a slow source of each kind, and changes the file once some of it has arrived.
fn check(name: &'static str, what: &str, change: impl Fn(&std::path::Path)) {
    let mut story = Story::new(name);
    let sources: [(Product, &[&str]); 3] = [
        (Product::Proftpd, &["TransferRate RETR 2000"]),
        (Product::Vsftpd, &["local_max_rate=2000000"]),
        (Product::Pureftpd, &["-T", "2000"]),
    ];
    for source in sources {
        let Some(world) = World::new(name, source, (Product::Fxpd, &[])) else { return };
        story.heading(&format!("{}, the source", source.0));
        world.source.write("file", &content(4 * MEBI));
        let yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
        let file = OpenOptions::new().write(true).open(world.source.file("file")).expect("the source");
        file.set_modified(yesterday).expect("its time");
        world.destination.write("copy", OLD);
        let mut copy = story.begin(&world, &COPY);
        copy.await_size(&world.destination.file("copy.fxp-part"), MEBI as u64 / 2);
        change(&world.source.file("file"));
        story.tell(what);
        story.copying(world.source.file("file"));
        story.end(&world, copy, 0);
        story.look(&world, "");
        story.tell("the source is left alone");
        story.run(&world, &COPY, 0);
        story.look(&world, "");
    }
    story.finish();
}

#[test]
fn it_shrinks() {
    check("source_shrinks", "the file is cut off at 2 MiB while it is copied", |path| {
        let file = OpenOptions::new().write(true).open(path).expect("the source");
        file.set_len(2 * MEBI as u64).expect("a shorter file");
    });
}

#[test]
fn it_grows() {
    check("source_grows", "a megabyte is added to the file while it is copied", |path| {
        let mut file = OpenOptions::new().append(true).open(path).expect("the source");
        file.write_all(&content(MEBI)).expect("a longer file");
    });
}

#[test]
fn it_is_rewritten() {
    check("source_rewritten", "the first bytes are written anew while it is copied", |path| {
        let mut file = OpenOptions::new().write(true).open(path).expect("the source");
        file.seek(SeekFrom::Start(0)).expect("its beginning");
        file.write_all(b"not what it was").expect("another file");
    });
}
