//! Symbolic links of each daemon: left out or followed, and circles end.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use fxp_testkit::daemon::{Product, Setup};
use serde_json::Value;

use crate::fxp::Ran;
use crate::pairs::Pair;

/// Names of links, and where they lead.
const LINKS: &[(&str, &str)] = &[
    ("to file", "real/f"),
    ("to directory", "real"),
    ("nowhere", "missing"),
    ("up", ".."),
    ("real/sub/self", "."),
    ("round", "about"),
    ("about", "round"),
];

/// A tree with links of all kinds.
fn plant(root: &Path) {
    fs::create_dir_all(root.join("w/t/real/sub")).expect("folders");
    fs::write(root.join("w/t/real/f"), "12345").expect("a file");
    fs::write(root.join("w/t/real/sub/g"), "6").expect("a file");
    for (link, target) in LINKS {
        symlink(target, root.join("w/t").join(link)).expect("a link");
    }
}

/// All files beneath `root`; no link is followed.
fn files(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let name = entry.path().strip_prefix(root).expect("beneath").display().to_string();
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() {
                waiting.push(entry.path());
            } else {
                found.insert(name, fs::read_to_string(entry.path()).expect("a file"));
            }
        }
    }
    found
}

fn of(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
    rows.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// What was left out, and why.
fn skipped(ran: &Ran) -> BTreeMap<String, String> {
    let events = ran.events();
    let skipped = events.iter().filter(|event| event["event"] == "skipped");
    skipped
        .map(|event| {
            let source = event["source"].as_str().expect("a place");
            let name = source.split_once("/w/t/").map_or(source, |(_, name)| name);
            (name.to_owned(), event["text"].as_str().expect("a reason").to_owned())
        })
        .collect()
}

fn last(ran: &Ran) -> Value {
    ran.events().pop().expect("events")
}

#[test]
fn links_are_left_out_or_followed_and_circles_end() {
    // pyftpdlib stands still now and then, whoever asks it.
    for product in [Product::Fxpd, Product::Vsftpd, Product::Proftpd, Product::Pureftpd] {
        let Some(pair) = Pair::start("links", product, Product::Fxpd, Setup::PLAIN) else { return };
        plant(&pair.source.root);
        pair.source.adopt_files().expect("their owner");
        story(&pair);
    }
}

fn story(pair: &Pair) {
    let plain: &[(&str, &str)] = &[("real/f", "12345"), ("real/sub/g", "6")];
    let through: &[(&str, &str)] =
        &[("to file", "12345"), ("to directory/f", "12345"), ("to directory/sub/g", "6")];
    let from = pair.source.url("w/t/");
    let run = |command: &[&str], to: &str| {
        let to = pair.destination.url(to);
        let rest = [from.as_str(), to.as_str()];
        pair.fxp.run(["--json", "--tls", "off"].iter().chain(command).chain(&rest))
    };
    let left_out = run(&["cp", "-r", "--via", "relay"], "plain/");
    assert_eq!(left_out.code, 0, "{}", pair.explain(&left_out));
    assert_eq!(files(&pair.destination.root.join("plain")), of(plain), "{}", pair.explain(&left_out));
    for link in ["to file", "to directory", "up", "real/sub/self"] {
        let told = skipped(&left_out);
        assert!(
            told.get(link).is_some_and(|why| why.contains("link")),
            "{link}: {}",
            pair.explain(&left_out)
        );
    }
    let followed = run(&["cp", "-r", "--via", "relay", "--links", "follow"], "all/");
    assert_eq!(followed.code, 0, "{}", pair.explain(&followed));
    let all = of(&[plain, through].concat());
    assert_eq!(files(&pair.destination.root.join("all")), all, "{}", pair.explain(&followed));
    let told = skipped(&followed);
    for circle in ["up/t", "real/sub/self", "to directory/sub/self"] {
        assert!(
            told.get(circle).is_some_and(|why| why.contains("no end")),
            "{circle}: {}",
            pair.explain(&followed)
        );
    }
    // ProFTPD does not list links that lead nowhere.
    if pair.source.product != Product::Proftpd {
        for lost in ["nowhere", "round", "about"] {
            assert!(told.contains_key(lost), "{lost}: {}", pair.explain(&followed));
        }
    }
    let equal = run(&["check", "--links", "follow"], "all/");
    assert_eq!(equal.code, 0, "{}", pair.explain(&equal));
    // What has the name of a link that is left out is not deleted.
    let synced = run(&["sync", "--via", "relay", "--delete"], "all/");
    assert_eq!(synced.code, 0, "{}", pair.explain(&synced));
    assert_eq!(last(&synced)["deleted"], 0, "{}", pair.explain(&synced));
    assert_eq!(files(&pair.destination.root.join("all")), all, "{}", pair.explain(&synced));
}
