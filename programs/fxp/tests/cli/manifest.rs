//! Manifests: written by a copy, and compared with a place later.

use serde_json::Value;

use crate::jobs::{until, wait_until};
use crate::servers::{Kind, Server};
use crate::{Machine, Ran};

/// The digest of `one`.
const SHA256_OF_ONE: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";

fn pair() -> (Server, Server, Machine, String) {
    let (source, destination) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let machine = Machine::that_knows(&[&source, &destination]);
    let file = machine.home().join("m.jsonl").to_str().expect("UTF-8").to_owned();
    (source, destination, machine, file)
}

#[track_caller]
fn exits(ran: &Ran, code: i32) {
    assert_eq!(ran.code, Some(code), "{}\n{}", ran.stdout, ran.stderr);
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("one object per line")).collect()
}

/// States by paths in the manifest or, of what is not in it, by the place's end.
fn states(ran: &Ran) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let compared = objects(&ran.stdout).into_iter().filter(|event| event["event"] == "compared");
    let mut states: Vec<_> = compared
        .map(|event| {
            let place = text(&event["source"]).or(text(&event["destination"])).expect("a place");
            let name = place.rsplit_once("/d/").map_or(place.as_str(), |(_, name)| name);
            (name.to_owned(), text(&event["state"]).expect("a state"))
        })
        .collect();
    states.sort();
    states
}

fn row(name: &str, state: &str) -> (String, String) {
    (name.to_owned(), state.to_owned())
}

#[test]
fn a_copy_is_written_down_and_both_sides_are_compared_with_it() {
    let (source, destination, machine, file) = pair();
    for (path, text) in [("d/a", "one"), ("d/sub/b c", "two"), ("d/sub/é", "three"), ("d/z", "four")] {
        source.put(path, text.as_bytes());
    }
    let (from, to) = (source.url("d/"), destination.url("d/"));
    exits(&machine.run(&["cp", "-n", "-r", "--manifest", &file, &from, &to]), 0);
    assert!(!std::fs::exists(&file).expect("asked"), "a dry run writes none");
    exits(&machine.run(&["cp", "-r", "--manifest", &file, &from, &to]), 0);
    let lines = objects(&std::fs::read_to_string(&file).expect("a manifest"));
    let mut paths: Vec<_> = lines.iter().map(|line| line["path"].as_str().expect("a path")).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["a", "sub/b c", "sub/é", "z"]);
    let line = lines.iter().find(|line| line["path"] == "a").expect("written");
    assert_eq!((&line["size"], &line["algorithm"]), (&3.into(), &"SHA-256".into()), "{line}");
    assert_eq!((&line["digest"], &line["route"]), (&SHA256_OF_ONE.into(), &"direct".into()), "{line}");
    assert_eq!((&line["attempts"], &line["time_kept"]), (&1.into(), &true.into()), "{line}");
    assert!(line["modified"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    assert!(line["method"].is_string() && line["assurance"].is_string(), "{line}");

    let check = |place: &str, more: &[&str]| {
        machine.run(&[&["--json", "check", "--manifest", &file, place], more].concat())
    };
    let on_disk = destination.file("d").to_str().expect("UTF-8").to_owned();
    for place in [&from, &to, &on_disk] {
        let ran = check(place, &[]);
        exits(&ran, 0);
        let told = objects(&ran.stdout).pop().expect("events");
        assert_eq!((&told["equal_by_digest"], &told["equal"]), (&4.into(), &true.into()), "{told}");
    }

    destination.put("d/a", b"eno");
    destination.put("d/z", b"longer");
    destination.put("d/new", b"");
    std::fs::remove_file(destination.file("d/sub/b c")).expect("removed");
    let expected = [
        row("a", "different"),
        row("new", "only_destination"),
        row("sub/b c", "only_source"),
        row("z", "different"),
    ];
    for place in [&to, &on_disk] {
        let ran = check(place, &[]);
        exits(&ran, 9);
        let mut told = states(&ran);
        // What is not in the manifest is told by its place.
        told.iter_mut()
            .for_each(|(name, _)| *name = name.trim_start_matches(&format!("{on_disk}/")).to_owned());
        assert_eq!(told, expected, "{}", ran.stdout);
    }
    let people = machine.run(&["check", "--manifest", &file, &to]);
    exits(&people, 9);
    for words in
        ["SHA-256 differs", "4 bytes in the manifest, 6 here", "only in the manifest", "not in the manifest"]
    {
        assert!(people.stdout.contains(words), "no {words:?} in:\n{}", people.stdout);
    }
    // Of a part alone all else is missing; the hint says how the part is meant, and means it.
    let part = machine.run(&["check", "--manifest", &file, &source.url("d/sub")]);
    exits(&part, 9);
    assert!(part.stderr.contains("--include 'part/***' --exclude '*'"), "{}", part.stderr);
    let part = machine.run(&["check", "--manifest", &file, &from, "--include", "sub/***", "--exclude", "*"]);
    exits(&part, 0);
    assert!(!part.stderr.contains("--include"), "{}", part.stderr);
    let sizes =
        check(&to, &["--size-only", "--exclude", "/sub/b c", "--exclude", "new", "--exclude", "z", "--all"]);
    exits(&sizes, 0);
    assert_eq!(states(&sizes), [row("a", "equal_size"), row("sub/é", "equal_size")]);
    let small = check(&to, &["--max-size", "3", "--exclude", "b c", "--exclude", "new"]);
    exits(&small, 9);
    assert_eq!(states(&small), [row("a", "different")], "a file that is out of bounds is not missing");
    let one = check(&destination.url("d/sub/é"), &["--all"]);
    exits(&one, 9);
    assert_eq!(
        states(&one).last().map(|(_, state)| state.as_str()),
        Some("only_destination"),
        "no such path"
    );
}

#[test]
fn a_single_file_goes_by_its_name_and_what_has_no_digest_is_doubtful() {
    let (source, destination, machine, file) = pair();
    source.put("f", b"one");
    let to = destination.url("g");
    exits(&machine.run(&["cp", "--verify", "size", "--manifest", &file, &source.url("f"), &to]), 0);
    let line = objects(&std::fs::read_to_string(&file).expect("a manifest")).pop().expect("a line");
    assert_eq!((&line["path"], &line["digest"]), (&"g".into(), &Value::Null), "{line}");
    let check = |more: &[&str]| machine.run(&[&["--json", "check", "--manifest", &file, &to], more].concat());
    let doubtful = check(&[]);
    exits(&doubtful, 0);
    assert_eq!(states(&doubtful), [row("g", "equal_size")], "it is told without --all");
    let strict = check(&["--checksum", "always"]);
    exits(&strict, 9);
    assert_eq!(states(&strict), [row("g", "different")]);

    let moved = machine.run(&["mv", "--manifest", &file, &to, &destination.url("h")]);
    exits(&moved, 0);
    assert!(moved.stderr.contains("what was renamed (1) is not in the manifest"), "{}", moved.stderr);
    assert_eq!(std::fs::read_to_string(&file).expect("a manifest"), "", "each run begins it anew");
}

#[test]
fn what_was_equal_already_is_in_it_with_how_that_is_known() {
    let (source, destination, machine, file) = pair();
    source.put("d/old", b"one");
    source.put("d/sub/old", b"one");
    let (from, to) = (source.url("d/"), destination.url("d/"));
    exits(&machine.run(&["cp", "-r", &from, &to]), 0);
    source.put("d/new", b"new");
    // how they are compared, what that is called, the digest
    let rows = [
        (["--size-only"].as_slice(), "size", Value::Null),
        (&["--checksum"], "digest", SHA256_OF_ONE.into()),
        (&[], "time", Value::Null),
    ];
    for (number, (how, word, digest)) in rows.into_iter().enumerate() {
        exits(&machine.run(&[&["sync"], how, &["--manifest", &file, &from, &to]].concat()), 0);
        let mut lines = objects(&std::fs::read_to_string(&file).expect("a manifest"));
        lines.sort_by_key(|line| line["path"].to_string());
        let paths: Vec<&Value> = lines.iter().map(|line| &line["path"]).collect();
        assert_eq!(paths, ["new", "old", "sub/old"], "{word}");
        // Only the first of these runs has copied something.
        assert_eq!(lines[0]["unchanged"].is_null(), number == 0, "{}", lines[0]);
        assert_eq!(lines[0]["route"].is_null(), number != 0, "{}", lines[0]);
        for line in &lines[1..] {
            assert_eq!((&line["unchanged"], &line["digest"]), (&word.into(), &digest), "{line}");
            assert_eq!((&line["size"], &line["attempts"]), (&3.into(), &0.into()), "{line}");
            assert!(line["modified"].is_string() && line["time_kept"] == true, "{line}");
            assert!(line["route"].is_null() && line["assurance"].is_null(), "{line}");
        }
        exits(&machine.run(&["check", "--manifest", &file, &to]), 0);
    }
}

#[test]
fn a_job_in_the_background_writes_manifest_and_report_where_it_was_typed() {
    let (source, destination, machine, _) = pair();
    source.put("d/good", b"one");
    source.put("d/bad", b"bad");
    destination.put("d/bad/in the way", b"x");
    let (from, to) = (source.url("d"), destination.url(""));
    let papers = ["--background", "--manifest", "m.jsonl", "--report", "r.json"];
    let mut command = machine.command(&[&["cp", "-r"], &papers[..], &[&from, &to]].concat());
    let begun = Ran::from(command.current_dir(machine.home()).output().expect("fxp starts"));
    exits(&begun, 0);
    let job = until(&machine, "the end", |job| job["state"] != "running");
    assert_eq!(job["state"], "failed", "{job}");
    let read = |name: &str| std::fs::read_to_string(machine.home().join(name)).expect("a file");
    let lines = objects(&read("m.jsonl"));
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["path"], &lines[0]["digest"]), (&"d/good".into(), &SHA256_OF_ONE.into()));
    assert!(lines[0]["unchanged"].is_null(), "{}", lines[0]);
    // The end of the job is written before the end of its report.
    let report = || serde_json::from_str::<Value>(&read("r.json")).expect("whole at any moment");
    wait_until(|| !report()["summary"].is_null());
    assert_eq!((&report()["summary"]["files"], &report()["summary"]["failed"]), (&1.into(), &1.into()));
    assert_eq!(report()["events"][0]["event"], "failed");

    // What is begun anew by another run is whole all the same.
    std::fs::remove_dir_all(destination.file("d/bad")).expect("removed");
    // Without its time, size and time do not tell that the file is there already; that there was a run before does.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(3600);
    let copy = std::fs::File::options().append(true).open(destination.file("d/good")).expect("there");
    copy.set_modified(later).expect("touched");
    exits(&machine.run(&["resume", "1"]), 0);
    let mut lines = objects(&read("m.jsonl"));
    lines.sort_by_key(|line| line["path"].to_string());
    let told: Vec<_> =
        lines.iter().map(|line| (&line["path"], &line["unchanged"], &line["digest"])).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].1.is_null(), "{told:?}");
    assert_eq!((told[1].0, told[1].1), (&"d/good".into(), &"earlier_run".into()), "{told:?}");
    assert_eq!(told[1].2, SHA256_OF_ONE, "{told:?}");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_done() {
    let (source, destination, machine, file) = pair();
    source.put("f", b"one");
    let (from, to) = (source.url("f"), destination.url("g"));
    exits(&machine.run(&["cp", "--manifest", "/nowhere/m", &from, &to]), 4);
    exits(&machine.run(&["check", "--manifest", &file, &from, &to]), 2);
    exits(&machine.run(&["check", &from]), 2);
    exits(&machine.run(&["check", "--manifest", &file, &from]), 3);
    std::fs::write(&file, "{\"path\":\"f\"}\n").expect("written");
    let refused = machine.run(&["check", "--manifest", &file, &from]);
    exits(&refused, 2);
    assert!(refused.stderr.contains("line 1 of"), "{}", refused.stderr);
    assert_eq!((destination.get("g"), destination.get("h")), (None, None));
}
