//! Names that are hard to say: every byte of them arrives, or the copy is refused and nothing is made.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use fxp_testkit::daemon::Product;

use crate::story::Story;
use crate::world::{World, cp};

/// The last two are no UTF-8: "café" in Latin-1, and a byte that is a command of Telnet.
const NAMES: [&[u8]; 16] = [
    b"two words",
    b"it's",
    b"say \"hi\"",
    b"-r",
    b"--via=relay",
    b"100%",
    b"%41",
    b"#1;type=a",
    b"back\\slash",
    b"[a-z]*?",
    b"{b,c}",
    b"~mover",
    b"dot.",
    "gr\u{fc}\u{df}e \u{1f600}".as_bytes(),
    b"caf\xe9",
    b"\xffa \xff\xffb",
];

#[test]
fn every_byte_of_a_name_arrives() {
    let mut story = Story::new("names");
    // pyftpdlib resets data connections now and then, which makes another story.
    for product in [Product::Fxpd, Product::Proftpd, Product::Vsftpd, Product::Pureftpd] {
        let Some(world) = World::new("names", (Product::Fxpd, &[]), (product, &[])) else { return };
        story.heading(&format!("{product}: there and back"));
        for name in NAMES {
            if !takes(product, name) {
                continue;
            }
            let path = world.source.file("names").join(OsString::from_vec(name.to_vec()));
            std::fs::create_dir_all(world.source.file("names")).expect("a folder");
            std::fs::write(path, name).expect("a file");
        }
        world.source.adopt();
        let mut there = cp("ftp://mover@{source}/names", "ftp://mover@{destination}/");
        there.push("-r");
        let ran = story.run(&world, &there, 0);
        let names = files(&world.source.file("names"));
        assert_eq!(names, files(&world.destination.file("names")), "{product} {ran:#?}");
        let mut back = cp("ftp://mover@{destination}/names/", "ftp://mover@{source}/back");
        back.push("-r");
        story.run(&world, &back, 0);
        assert_eq!(names, files(&world.source.file("back")), "{product}");
        story.run(&world, &there, 0);
    }
    story.finish();
}

#[test]
fn a_line_break_in_a_name_is_refused() {
    let mut story = Story::new("line_breaks");
    for product in Product::ALL {
        let Some(world) = World::new("line breaks", (product, &[]), (Product::Fxpd, &[])) else { return };
        story.heading(&format!("{product}, the source"));
        world.source.write("tree/good", b"hello");
        world.source.write("tree/new\nline", b"hello");
        world.source.write("tree/carriage\rreturn", b"hello");
        story.copying(world.source.file("tree/good"));
        for typed in ["ftp://mover@{source}/tree/new%0Aline", "ftp://mover@{source}/tree/carriage%0Dreturn"] {
            story.run(&world, &cp(typed, "ftp://mover@{destination}/copy"), 2);
        }
        story.run(
            &world,
            &cp("ftp://mover@{source}/tree/good", "ftp://mover@{destination}/a%0D%0ADELE%20x"),
            2,
        );
        story.look(&world, "");
        let mut tree = cp("ftp://mover@{source}/tree", "ftp://mover@{destination}/");
        tree.push("-r");
        let ran = story.run_whatever_comes(&world, &tree);
        assert!(!world.destination.file("new").exists(), "{ran:#?}");
        // Pure-FTPD lists no such name, and says nothing of it: nobody who asks it can know.
        let told = ran.stderr.contains("FTP cannot carry") && ran.stderr.contains("left out");
        assert!(told || product == Product::Pureftpd, "{ran:#?}");
        // What could be named has arrived, and nothing else.
        let arrived: Vec<OsString> = files(&world.destination.file("tree")).into_keys().collect();
        assert_eq!(arrived, [OsString::from("good")], "{ran:#?}");
        story.look(&world, "");
        if product == Product::Fxpd {
            let compared =
                ["check", "--tls", "off", "ftp://mover@{source}/tree", "ftp://mover@{destination}/"];
            story.run_whatever_comes(&world, &compared);
            let mut moved = tree.clone();
            moved[0] = "mv";
            story.run_whatever_comes(&world, &moved);
            let left = files(&world.source.file("tree"));
            assert_eq!(left.len(), 2, "what could not be named stays at the source: {left:?}");
        }
    }
    story.finish();
}

/// Pure-FTPD makes a slash of a backslash.
fn takes(product: Product, name: &[u8]) -> bool {
    match product {
        Product::Pureftpd => !name.contains(&b'\\'),
        _ => true,
    }
}

/// Names and contents.
fn files(folder: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    let read = |entry: std::fs::DirEntry| (entry.file_name(), std::fs::read(entry.path()).expect("a file"));
    entries.flatten().map(read).collect()
}
