//! Trees made equal and compared, between `fxpd` and each daemon: odd names, rules, deletions.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fxp_testkit::daemon::{Product, Setup};
use serde_json::Value;

use crate::fxp::Ran;
use crate::pairs::Pair;

/// Names that listings, patterns and options could take for something else.
const NAMES: &[&str] = &[
    "plain",
    "two  words",
    "-rf",
    "[set]",
    "star*",
    "émigré",
    ".hidden",
    "semi; colon",
    "sub/100%",
    "sub/deep/#",
];

fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().expect("a folder above")).expect("a folder");
    fs::write(file, text).expect("a file");
}

/// All files beneath `root` with what is in them, and all directories with nothing.
fn files(root: &Path) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let name = entry.path().strip_prefix(root).expect("beneath").display().to_string();
            if entry.path().is_dir() {
                waiting.push(entry.path());
                found.insert(name, None);
            } else {
                found.insert(name, Some(fs::read_to_string(entry.path()).expect("a file")));
            }
        }
    }
    found
}

fn last(ran: &Ran) -> Value {
    ran.events().pop().expect("events")
}

#[test]
fn trees_are_made_equal_and_compared() {
    // pyftpdlib stands still now and then, whoever asks it.
    for product in [Product::Vsftpd, Product::Proftpd, Product::Pureftpd] {
        for (source, destination) in [(product, Product::Fxpd), (Product::Fxpd, product)] {
            let Some(pair) = Pair::start("sync", source, destination, Setup::PLAIN) else { return };
            story(&pair);
        }
    }
}

fn story(pair: &Pair) {
    let (ours, theirs) = (pair.source.root.join("t"), pair.destination.root.join("t"));
    for (number, name) in NAMES.iter().enumerate() {
        write(&ours, name, &format!("{number} of {name}"));
    }
    fs::create_dir(ours.join("empty")).expect("a folder");
    write(&ours, "left.tmp", "no");
    for path in ["gone", "old/deep/f", "kept/keep.tmp", "kept/gone too"] {
        write(&theirs, path, "old");
    }
    write(&theirs, "plain", "of another size");
    pair.source.adopt_files().expect("their owner");
    pair.destination.adopt_files().expect("their owner");

    // That FXP works is for other tests; this one is about what is seen and decided.
    let (from, to) = (pair.source.url("t/"), pair.destination.url("t/"));
    let run = |before: &[&str], after: &[&str]| {
        let rest = ["--tls", "off", &from, &to, "--exclude", "*.tmp"];
        pair.fxp.run(["--json"].iter().chain(before).chain(&rest).chain(after))
    };
    let check = || run(&["check"], &[]);
    let sync = |arguments: &[&str]| run(&["sync", "--via", "relay", "--delete"], arguments);

    let differing = check();
    assert_eq!(differing.code, 9, "{}", pair.explain(&differing));
    let refused = sync(&["--delete-limit", "4"]);
    assert_eq!(refused.code, 10, "{}", pair.explain(&refused));
    assert!(
        theirs.join("gone").exists() && theirs.join("kept/gone too").exists(),
        "{}",
        pair.explain(&refused)
    );
    let done = sync(&["--delete-limit", "5"]);
    assert_eq!(done.code, 0, "{}", pair.explain(&done));
    assert_eq!(last(&done)["deleted"], 5, "{}", pair.explain(&done));

    let mut expected = files(&ours);
    expected.remove("left.tmp");
    // What a rule leaves out is protected, and so is the directory above it.
    expected.insert("kept".into(), None);
    expected.insert("kept/keep.tmp".into(), Some("old".into()));
    assert_eq!(files(&theirs), expected, "{}", pair.names());

    let again = sync(&[]);
    assert_eq!(again.code, 0, "{}", pair.explain(&again));
    let planned = again.events().into_iter().find(|event| event["event"] == "planned").expect("a plan");
    assert_eq!(planned["files"], 0, "equal by what the servers tell: {}", pair.explain(&again));
    let summary = last(&again);
    let equal = (&summary["files"], &summary["unchanged"], &summary["deleted"]);
    assert_eq!(equal, (&0.into(), &NAMES.len().into(), &0.into()), "{}", pair.explain(&again));

    // `kept` stands at the destination only, and says so; without it both are equal.
    let told = run(&["check"], &["--exclude", "kept/"]);
    assert_eq!(told.code, 0, "{}", pair.explain(&told));
    let told = last(&told);
    let equal = told["equal_by_digest"].as_u64().zip(told["equal_unproven"].as_u64());
    assert_eq!(
        equal.map(|(proven, alike)| proven + alike),
        Some(NAMES.len() as u64),
        "{}: {told}",
        pair.names()
    );
    fs::write(theirs.join("sub/100%"), "longer than it was before").expect("written");
    let told = run(&["check"], &["--exclude", "kept/"]);
    assert_eq!((told.code, &last(&told)["different"]), (9, &1.into()), "{}", pair.explain(&told));

    // What is of another kind now makes way, and without --delete it stays.
    fs::remove_dir_all(ours.join("sub")).expect("removed");
    fs::remove_file(ours.join("plain")).expect("removed");
    write(&ours, "sub", "a file");
    write(&ours, "plain/in", "a directory");
    pair.source.adopt_files().expect("their owner");
    let refused = run(&["sync", "--via", "relay"], &[]);
    assert_eq!((refused.code, &last(&refused)["failed"]), (1, &2.into()), "{}", pair.explain(&refused));
    assert!(theirs.join("sub/deep/#").exists() && theirs.join("plain").is_file());
    let made = sync(&[]);
    // Two directories with a file each, and a file.
    assert_eq!((made.code, &last(&made)["deleted"]), (0, &5.into()), "{}", pair.explain(&made));
    expected.retain(|name, _| name != "plain" && !name.starts_with("sub"));
    expected.insert("sub".into(), Some("a file".into()));
    expected.insert("plain".into(), None);
    expected.insert("plain/in".into(), Some("a directory".into()));
    assert_eq!(files(&theirs), expected, "{}", pair.names());
}
