//! The doctor: looks without touching, tries when asked to, and tidies up.

use std::collections::BTreeMap;
use std::path::Path;

use fxp_server::config::Config;
use fxp_server::config::fxp::Allowances;
use fxp_store::account::Rights;
use serde_json::Value;

use crate::servers::{Kind, Server};
use crate::{Machine, Ran};

/// Every path beneath, with content and time.
fn tree(server: &Server) -> BTreeMap<String, (Option<Vec<u8>>, std::time::SystemTime)> {
    fn walk(root: &Path, at: &Path, found: &mut BTreeMap<String, (Option<Vec<u8>>, std::time::SystemTime)>) {
        for entry in std::fs::read_dir(at).expect("a directory") {
            let path = entry.expect("an entry").path();
            let modified = path.metadata().and_then(|data| data.modified()).expect("a time");
            let name = path.strip_prefix(root).expect("beneath").display().to_string();
            found.insert(name, (std::fs::read(&path).ok(), modified));
            if path.is_dir() {
                walk(root, &path, found);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&server.file(""), &server.file(""), &mut found);
    found
}

/// Commands that were sent, by their first words.
fn commands(ran: &Ran) -> Vec<String> {
    let said = ran.stderr.lines().filter_map(|line| line.split_once(" > "));
    said.filter_map(|(_, command)| command.split(' ').next().map(str::to_owned)).collect()
}

fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("one object per line")).collect()
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

fn no_probe_is_left(servers: &[&Server]) {
    for server in servers {
        let left: Vec<String> = tree(server).into_keys().filter(|name| name.contains("fxp-doctor")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Lets others connect, and connects to nobody.
fn passive_only(config: &mut Config) {
    config.fxp.rules[0].ports = vec!["1-1".parse().expect("a range")];
    config.fxp.allowances = Allowances::Off;
}

#[test]
fn a_look_changes_nothing_and_tells_both_ladders() {
    let (one, two) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let machine = Machine::that_knows(&[&one, &two]);
    one.put("d/x", b"hello");
    two.put("y", b"there");
    let before = (tree(&one), tree(&two));
    let ran = machine.run(&["-v", "doctor", &one.url("d"), &two.url("")]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!((tree(&one), tree(&two)), before);
    let harmless = [
        "AUTH", "USER", "PASS", "PBSZ", "PROT", "FEAT", "SYST", "PWD", "TYPE", "OPTS", "CLNT", "QUIT", "HOST",
    ];
    for command in commands(&ran) {
        assert!(harmless.contains(&command.as_str()), "{command} was sent:\n{}", ran.stderr);
    }
    let ways =
        [(one.address, two.address), (two.address, one.address)].map(|(from, to)| format!("{from} to {to}"));
    for words in
        ["fxpd", "TLS 1.3", "fingerprint", "IPv4", "CPSV, SSCN", "REST", "SHA-256", "1. ", &ways[0], &ways[1]]
    {
        assert!(ran.stdout.contains(words), "no {words:?} in:\n{}", ran.stdout);
    }
    let one_way = machine.run(&["doctor", "--one-way", &one.url(""), &two.url("")]);
    assert!(one_way.stdout.contains(&ways[0]) && !one_way.stdout.contains(&ways[1]), "{}", one_way.stdout);
    let alone = machine.run(&["doctor", &one.url("")]);
    assert_eq!(alone.code, Some(0), "{}", alone.stderr);
    assert!(alone.stdout.contains("CPSV, SSCN") && !alone.stdout.contains("1. "), "{}", alone.stdout);
}

#[test]
fn what_is_impossible_has_its_reason_and_its_remedy() {
    let (safe, open) = (Server::start(2, Kind::TLS), Server::start(3, Kind::PLAIN));
    let machine = Machine::that_knows(&[&safe]);
    machine.run(&["site", "add", "open", &open.url(""), "--tls", "off"]);
    let ran = machine.run(&["doctor", &safe.url(""), "open"]);
    assert_eq!(ran.code, Some(8), "{}\n{}", ran.stdout, ran.stderr);
    for words in ["is impossible", "control connection is in clear", "ftpes://", "--via relay"] {
        assert!(ran.stdout.contains(words), "no {words:?} in:\n{}", ran.stdout);
    }
    let told = machine.run(&["--json", "doctor", &safe.url(""), "open"]);
    let told = events(&told);
    assert_eq!(of_kind(&told, "facts").len(), 2);
    assert_eq!(of_kind(&told, "ladder")[0]["struck"].as_array().expect("a list").len(), 8);
    for verdict in of_kind(&told, "verdict") {
        assert_eq!(verdict["possible"], false, "{verdict}");
        assert_eq!(verdict["trouble"]["exit_code"], 8, "{verdict}");
        assert!(verdict["trouble"]["remedy"].as_str().expect("a remedy").contains("ftpes://"), "{verdict}");
    }
    let allowed = machine.run(&["doctor", "--secure", "off", &safe.url(""), "open"]);
    assert_eq!(allowed.code, Some(0), "{}\n{}", allowed.stdout, allowed.stderr);
}

#[test]
fn a_probe_goes_through_every_rung_and_is_removed() {
    let (one, two) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let machine = Machine::that_knows(&[&one, &two]);
    one.put("d/x", b"hello");
    let ran = machine.run(&["--json", "doctor", "--try", &one.url("d"), &two.url("")]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let told = events(&ran);
    let trials = of_kind(&told, "trial");
    assert_eq!(trials.len(), 12, "six methods in each direction");
    for trial in trials {
        assert_eq!((&trial["outcome"], &trial["verified"]), (&"works".into(), &"SHA-256".into()), "{trial}");
        assert_eq!(trial["assurance"], "mutual", "{trial}");
    }
    assert!(
        of_kind(&told, "verdict")
            .iter()
            .all(|verdict| verdict["possible"] == true && verdict["tried"] == true)
    );
    no_probe_is_left(&[&one, &two]);
    assert!(one.file("d/x").exists());
}

#[test]
fn a_refusal_is_explained_spares_other_trials_and_is_remembered() {
    let any = "127.0.0.2:0".parse().expect("an address");
    let one = Server::start_with(any, Kind::TLS, passive_only);
    let two = Server::start(3, Kind::TLS);
    let machine = Machine::that_knows(&[&one, &two]);
    let ran = machine.run(&["--json", "doctor", "--one-way", "--try", &one.url(""), &two.url("")]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let told = events(&ran);
    let trials = of_kind(&told, "trial");
    let refused = &trials[0];
    assert_eq!(refused["outcome"], "fails", "{refused}");
    assert_eq!(refused["passive"], "destination", "{refused}");
    assert!(refused["remedy"].as_str().expect("a remedy").contains("[[fxp.rule]]"), "{refused}");
    for trial in &trials[1..] {
        let (outcome, because) = match trial["passive"] == "destination" {
            true => ("ruled_out", Value::from(1)),
            false => ("works", Value::Null),
        };
        assert_eq!((&trial["outcome"], &trial["ruled_out_by"]), (&outcome.into(), &because), "{trial}");
    }
    let shown = machine.run(&["site", "show", &one.url("")]);
    assert!(shown.stdout.contains("when it connects"), "{}", shown.stdout);
    no_probe_is_left(&[&one, &two]);
}

#[test]
fn nothing_works_where_nothing_is_allowed() {
    let closed = [4, 5].map(|last| Server::start(last, Kind { fxp: false, ..Kind::PLAIN }));
    let machine = Machine::that_knows(&[]);
    let (one, two) = (closed[0].url(""), closed[1].url(""));
    let ran = machine.run(&["--tls", "off", "doctor", "--one-way", "--try", &one, &two]);
    assert_eq!(ran.code, Some(8), "{}\n{}", ran.stdout, ran.stderr);
    for words in ["fails", "[[fxp.rule]]", "under id", "--via relay"] {
        assert!(ran.stdout.contains(words), "no {words:?} in:\n{}", ran.stdout);
    }
    no_probe_is_left(&[&closed[0], &closed[1]]);
}

#[test]
fn where_nothing_may_be_written_nothing_is_tried() {
    let one = Server::start(6, Kind::TLS);
    let read_only = Server::start(7, Kind { rights: Rights::READ_ONLY, ..Kind::TLS });
    let machine = Machine::that_knows(&[&one, &read_only]);
    for places in [[read_only.url(""), one.url("")], [one.url(""), read_only.url("")]] {
        let ran = machine.run(&["doctor", "--one-way", "--try", &places[0], &places[1]]);
        assert_eq!(ran.code, Some(4), "{places:?}\n{}\n{}", ran.stdout, ran.stderr);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains("hint"), "{said}");
        no_probe_is_left(&[&one, &read_only]);
    }
}
