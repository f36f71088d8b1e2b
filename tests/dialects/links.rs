//! Links to directories at a server whose MLSD shows what they lead to: nothing behind one is deleted.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use fxp_testkit::daemon::Setup;
use fxp_testkit::dialect::products::ORDINARY;
use fxp_testkit::dialect::{Dialect, Features};

use crate::fxp::Ran;
use crate::stage::Stage;

/// As pyftpdlib: only LIST tells which directories are links.
const BLIND: Dialect = Dialect {
    name: "blind",
    features: Features {
        list: &["SIZE", "MDTM", "REST STREAM", "UTF8", "MLST type*;size*;modify*;"],
        ..ORDINARY.features
    },
    facts: true,
    ..ORDINARY
};

/// A tree with a link in it that leads to a directory elsewhere, where a file is.
fn plant(root: &Path) {
    for directory in ["t/sub", "t/old/deep", "elsewhere/in"] {
        fs::create_dir_all(root.join(directory)).expect("a folder");
    }
    for file in ["t/sub/f", "t/old/deep/g", "elsewhere/in/precious"] {
        fs::write(root.join(file), "12345").expect("a file");
    }
    for link in ["t/link", "t/old/link"] {
        symlink(root.join("elsewhere"), root.join(link)).expect("a link");
    }
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn run(stage: &Stage, command: &[&str]) -> Ran {
    stage.fxp.run(["--json", "--tls", "off"].iter().chain(command))
}

#[test]
fn a_removal_deletes_the_link_and_nothing_behind_it() {
    let stage = Stage::new(Some(&BLIND), None, Setup::PLAIN);
    let root = stage.source.root();
    plant(root);
    let named = run(&stage, &["rm", "-r", &stage.source.url("t/old/link")]);
    assert_eq!(named.code, 0, "{}", stage.explain(&named));
    assert!(!is_there(&root.join("t/old/link")), "{}", stage.explain(&named));
    let ran = run(&stage, &["rm", "-r", &stage.source.url("t")]);
    assert_eq!(ran.code, 0, "{}", stage.explain(&ran));
    assert!(!is_there(&root.join("t")), "{}", stage.explain(&ran));
    assert!(is_there(&root.join("elsewhere/in/precious")), "{}", stage.explain(&ran));
}

#[test]
fn sync_deletes_surplus_links_and_nothing_behind_them() {
    let stage = Stage::new(None, Some(&BLIND), Setup::PLAIN);
    let root = stage.destination.root();
    plant(root);
    let wanted = stage.source.root().join("t/sub");
    fs::create_dir_all(&wanted).expect("a folder");
    fs::write(wanted.join("f"), "12345").expect("a file");
    let (from, to) = (stage.source.url("t/"), stage.destination.url("t/"));
    let ran = run(&stage, &["sync", "--delete", &from, &to]);
    assert_eq!(ran.code, 0, "{}", stage.explain(&ran));
    assert!(is_there(&root.join("elsewhere/in/precious")), "{}", stage.explain(&ran));
    assert!(is_there(&root.join("t/sub/f")), "{}", stage.explain(&ran));
    for surplus in ["t/link", "t/old"] {
        assert!(!is_there(&root.join(surplus)), "{surplus}: {}", stage.explain(&ran));
    }
}

#[test]
fn a_move_leaves_what_is_behind_a_link() {
    for (links, through) in [("skip", false), ("follow", true)] {
        let stage = Stage::new(Some(&BLIND), None, Setup::PLAIN);
        let root = stage.source.root();
        plant(root);
        fs::create_dir(root.join("elsewhere/empty")).expect("a folder");
        let (from, to) = (stage.source.url("t"), stage.destination.url(""));
        let ran = run(&stage, &["mv", "--links", links, &from, &to]);
        assert!(is_there(&root.join("elsewhere/in/precious")), "{links}: {}", stage.explain(&ran));
        assert!(is_there(&root.join("elsewhere/empty")), "{links}: {}", stage.explain(&ran));
        assert!(is_there(&root.join("t/link")), "{links}: {}", stage.explain(&ran));
        assert!(!is_there(&root.join("t/sub/f")), "{links}: {}", stage.explain(&ran));
        let moved = stage.destination.root().join("t");
        assert!(is_there(&moved.join("old/deep/g")), "{links}: {}", stage.explain(&ran));
        assert_eq!(is_there(&moved.join("link/in/precious")), through, "{links}: {}", stage.explain(&ran));
    }
}

#[test]
fn a_directory_without_list_keeps_its_surplus_and_the_rest_is_done() {
    let refusing = Dialect { no_list: Some("550 LIST is not for you"), ..BLIND };
    let stage = Stage::new(Some(&refusing), None, Setup::PLAIN);
    for (root, files) in [
        (stage.source.root(), ["t/a/f", "t/b/g"].as_slice()),
        (stage.destination.root(), ["t/a/surplus", "t/b/g"].as_slice()),
    ] {
        for file in files {
            let file = root.join(file);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, "12345").expect("a file");
        }
    }
    fs::write(stage.source.root().join("t/b/new"), "12345").expect("a file");
    let (from, to) = (stage.source.url("t/"), stage.destination.url("t/"));
    let ran = run(&stage, &["sync", "--delete", "--retries", "0", &from, &to]);
    assert_ne!(ran.code, 0, "{}", stage.explain(&ran));
    let root = stage.destination.root();
    for file in ["t/a/f", "t/a/surplus", "t/b/new"] {
        assert!(is_there(&root.join(file)), "{file}: {}", stage.explain(&ran));
    }
    let failed: Vec<_> = ran.events().into_iter().filter(|event| event["event"] == "failed").collect();
    assert_eq!(failed.len(), 1, "{}", stage.explain(&ran));
    assert!(failed[0].to_string().contains("LIST is not for you"), "{}", stage.explain(&ran));
}
