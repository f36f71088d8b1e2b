//! Symbolic links of each daemon: left out or followed, and circles end.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, Product, Setup};
use fxp_testkit::demand;
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

/// Everything beneath `root` that is no directory, by its name; no link is followed.
fn leaves(root: &Path) -> Vec<(String, fs::DirEntry)> {
    let mut found = Vec::new();
    let mut waiting = vec![root.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            if entry.file_type().expect("a kind").is_dir() {
                waiting.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(root).expect("beneath").display().to_string();
                found.push((name, entry));
            }
        }
    }
    found
}

/// All files beneath `root`, and what is in them.
fn files(root: &Path) -> BTreeMap<String, String> {
    let text = |entry: fs::DirEntry| fs::read_to_string(entry.path()).expect("a file");
    leaves(root).into_iter().map(|(name, entry)| (name, text(entry))).collect()
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
    // What has the name of a link that is left out is not deleted, not even where MLSD leaves the link out, too.
    fs::write(pair.destination.root.join("all/nowhere"), "of a link that leads nowhere").expect("a file");
    let all: BTreeMap<_, _> =
        all.into_iter().chain(of(&[("nowhere", "of a link that leads nowhere")])).collect();
    let synced = run(&["sync", "--via", "relay", "--delete"], "all/");
    assert_eq!(synced.code, 0, "{}", pair.explain(&synced));
    assert_eq!(last(&synced)["deleted"], 0, "{}", pair.explain(&synced));
    assert_eq!(files(&pair.destination.root.join("all")), all, "{}", pair.explain(&synced));
}

/// The links beneath `root`, and where they lead.
fn links(root: &Path) -> BTreeMap<String, String> {
    let target = |entry: fs::DirEntry| fs::read_link(entry.path()).expect("a target").display().to_string();
    let is_link = |entry: &fs::DirEntry| entry.file_type().expect("a kind").is_symlink();
    let links = leaves(root).into_iter().filter(|(_, entry)| is_link(entry));
    links.map(|(name, entry)| (name, target(entry))).collect()
}

#[test]
fn links_are_made_where_the_server_makes_some() {
    for product in [Product::Vsftpd, Product::Proftpd, Product::Pureftpd] {
        let Some(pair) = Pair::start("links", product, Product::Fxpd, Setup::PLAIN) else { return };
        plant(&pair.source.root);
        pair.source.adopt_files().expect("their owner");
        let (from, to) = (pair.source.url("w/t/"), pair.destination.url("t/"));
        let run = |command: &[&str], places: [&str; 2]| {
            let rest = ["--tls", "off", "--json"].iter().chain(command).chain(&places);
            pair.fxp.run(rest)
        };
        let made = run(&["cp", "-r", "--via", "relay", "--links", "copy"], [&from, &to]);
        // ProFTPD tells nowhere where a link leads that leads to its own directory or to the one above.
        let (told, untold): (Vec<_>, Vec<_>) = LINKS
            .iter()
            .copied()
            .partition(|(_, target)| product != Product::Proftpd || !target.starts_with('.'));
        assert_eq!(made.code, i32::from(!untold.is_empty()), "{}", pair.explain(&made));
        let summary = last(&made);
        let counted = (&summary["links"], &summary["failed"]);
        assert_eq!(counted, (&told.len().into(), &untold.len().into()), "{}", pair.explain(&made));
        assert_eq!(links(&pair.destination.root.join("t")), of(&told), "{}", pair.explain(&made));
        let compared = run(&["check", "--links", "copy"], [&from, &to]);
        assert_eq!(last(&compared)["equal_links"], told.len(), "{}", pair.explain(&compared));
        assert_eq!(compared.code == 0, untold.is_empty(), "{}", pair.explain(&compared));

        // And back: none of them makes links as it is set up here, and none is said to be made.
        let back = pair.source.url("back/");
        let refused = run(&["cp", "-r", "--via", "relay", "--links", "copy"], [&to, &back]);
        assert_ne!(refused.code, 0, "{}", pair.explain(&refused));
        let summary = last(&refused);
        assert_eq!(
            (&summary["links"], &summary["failed"]),
            (&0.into(), &told.len().into()),
            "{}",
            pair.explain(&refused)
        );
        assert!(refused.stdout.contains("--links follow"), "{}", pair.explain(&refused));
        assert_eq!(files(&pair.source.root.join("back")), of(&[("real/f", "12345"), ("real/sub/g", "6")]));
    }
}

#[test]
fn proftpd_makes_links_once_their_targets_are_there() {
    let Some(pair) = Pair::start("links", Product::Fxpd, Product::Vsftpd, Setup::PLAIN) else { return };
    if demand::demand("links", Product::Proftpd.available()).is_none() {
        return;
    }
    let authority = Authority::new().expect("an authority");
    let proftpd =
        Daemon::start_with(Product::Proftpd, Setup::PLAIN, &authority, &["LoadModule mod_site_misc.c"])
            .expect("it starts");
    let tree = pair.source.root.join("t");
    fs::create_dir_all(tree.join("z")).expect("a folder");
    fs::write(tree.join("z/f"), "12345").expect("a file");
    for (link, target) in [("a link", "z/f"), ("dir", "z"), ("z/up", "..")] {
        symlink(target, tree.join(link)).expect("a link");
    }
    let (from, to) = (pair.source.url("t/"), proftpd.url("t/"));
    let run = |command: &[&str]| {
        let places = [from.as_str(), to.as_str()];
        pair.fxp.run(["--tls", "off", "--json"].iter().chain(command).chain(&places))
    };
    let made = run(&["cp", "-r", "--via", "relay", "--links", "copy"]);
    assert_eq!((made.code, &last(&made)["links"]), (0, &3.into()), "{made:#?}{}", proftpd.log());
    let expected = of(&[("a link", "/t/z/f"), ("dir", "/t/z"), ("z/up", "/t")]);
    assert_eq!(links(&proftpd.root.join("t")), expected, "{made:#?}");
    let again = run(&["sync", "--via", "relay", "--links", "copy"]);
    let told = last(&again);
    assert_eq!((again.code, &told["links"], &told["unchanged"]), (0, &0.into(), &4.into()), "{again:#?}");
}
