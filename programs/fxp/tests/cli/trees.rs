//! Whole trees, between two real servers: made equal, compared, shown, counted, digested.

use serde_json::Value;

use crate::servers::{Kind, Server};
use crate::{Machine, Ran};

fn pair() -> (Server, Server, Machine) {
    let (source, destination) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let machine = Machine::that_knows(&[&source, &destination]);
    (source, destination, machine)
}

fn ok(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
}

fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("one object per line")).collect()
}

fn last(ran: &Ran) -> Value {
    events(ran).pop().expect("events")
}

#[test]
fn sync_lets_what_is_of_another_kind_make_way_and_cp_says_how() {
    let (source, destination, machine) = pair();
    let (from, to) = (source.url("d/"), destination.url("d/"));
    source.put("d/x", b"a file");
    source.put("d/y/in", b"in a directory");
    destination.put("d/x/deep/f", b"old");
    destination.put("d/y", b"old");
    for command in [&["cp", "-r", &from, &to][..], &["sync", &from, &to]] {
        let refused = machine.run(command);
        assert_eq!(refused.code, Some(4), "{}", refused.stderr);
        let told = format!("{}{}", refused.stdout, refused.stderr);
        for words in ["/d/x is a directory, and ", "/d/y is no directory, and ", "fxp sync --delete"] {
            assert!(told.contains(words), "no {words:?} in:\n{told}");
        }
        assert_eq!(destination.get("d/y"), Some(b"old".to_vec()));
    }
    let sync = ["sync", "--delete", &from, &to];
    let dry = machine.run(&[&sync[..], &["-n"]].concat());
    ok(&dry);
    let told: Vec<&str> = dry.stdout.lines().filter(|line| line.contains("delete ")).collect();
    let ends = ["/d/x/deep/f", "/d/x/deep", "/d/x", "/d/y"];
    assert!(told.len() == 4 && ends.iter().zip(&told).all(|(end, told)| told.ends_with(end)), "{told:?}");
    assert_eq!(destination.get("d/x/deep/f"), Some(b"old".to_vec()), "a dry run changes nothing");
    let limited = machine.run(&[&sync[..], &["--delete-limit", "3"]].concat());
    assert_eq!(limited.code, Some(10), "{}", limited.stderr);
    assert_eq!(destination.get("d/x/deep/f"), Some(b"old".to_vec()));
    let done = machine.run(&[&["--json"], &sync[..], &["--delete-limit", "4"]].concat());
    ok(&done);
    assert_eq!(last(&done)["deleted"], 4, "{}", done.stdout);
    ok(&machine.run(&["check", &from, &to]));
}

#[test]
fn sync_makes_equal_and_check_proves_it() {
    let (source, destination, machine) = pair();
    let (from, to) = (source.url("d/"), destination.url("d/"));
    for (path, text) in [("d/a", "one"), ("d/sub/b c", "two"), ("d/sub/x.tmp", "no"), ("d/éü", "three")] {
        source.put(path, text.as_bytes());
    }
    destination.put("d/gone", b"old");
    destination.put("d/old/deep/f", b"old");
    destination.put("d/keep.tmp", b"protected");
    destination.put("d/a", b"another");

    let check = machine.run(&["check", &from, &to, "--exclude", "*.tmp"]);
    assert_eq!(check.code, Some(9), "{}", check.stderr);
    for words in
        ["different", "only at the source", "/d/sub/", "only at the destination", "/d/old/", "Not equal:"]
    {
        assert!(check.stdout.contains(words), "no {words:?} in:\n{}", check.stdout);
    }
    assert!(!check.stdout.contains(".tmp"), "{}", check.stdout);

    let sync = ["sync", &from, &to, "--delete", "--exclude", "*.tmp"];
    let dry = machine.run(&[&sync[..], &["-n"]].concat());
    ok(&dry);
    assert!(dry.stdout.contains("delete ") && dry.stdout.contains("/d/old/deep/f"), "{}", dry.stdout);
    assert_eq!(destination.get("d/gone"), Some(b"old".to_vec()), "a dry run changes nothing");

    let limited = machine.run(&[&sync[..], &["--delete-limit", "3"]].concat());
    assert_eq!(limited.code, Some(10), "{}", limited.stderr);
    assert!(limited.stderr.contains("4 files and directories"), "{}", limited.stderr);
    assert_eq!(destination.get("d/gone"), Some(b"old".to_vec()), "more than allowed is nothing at all");

    let done = machine.run(&[&["--json"], &sync[..], &["--delete-limit", "4"]].concat());
    ok(&done);
    assert_eq!(last(&done)["deleted"], 4, "{}", done.stdout);
    assert_eq!(destination.get("d/a"), Some(b"one".to_vec()));
    assert_eq!(destination.get("d/sub/b c"), Some(b"two".to_vec()));
    assert_eq!(destination.get("d/éü"), Some(b"three".to_vec()));
    assert_eq!(destination.get("d/keep.tmp"), Some(b"protected".to_vec()));
    for gone in ["d/gone", "d/old/deep/f", "d/sub/x.tmp"] {
        assert_eq!(destination.get(gone), None, "{gone}");
    }

    let again = machine.run(&[&["--json"], &sync[..]].concat());
    ok(&again);
    let summary = last(&again);
    assert_eq!((&summary["files"], &summary["unchanged"]), (&0.into(), &3.into()), "{summary}");

    let check = machine.run(&["--json", "check", &from, &to, "--exclude", "*.tmp"]);
    ok(&check);
    let told = last(&check);
    assert_eq!(
        (&told["equal_by_digest"], &told["equal_unproven"], &told["equal"]),
        (&3.into(), &0.into(), &true.into())
    );
}

#[test]
fn what_counts_as_equal_is_chosen() {
    let (source, destination, machine) = pair();
    let (from, to) = (source.url("d/"), destination.url("d/"));
    source.put("d/f", b"1234");
    destination.put("d/f", b"4321");
    let state = |arguments: &[&str]| {
        let ran = machine.run(&[&["--json", "check", "--all", &from, &to], arguments].concat());
        let compared = events(&ran).into_iter().find(|event| event["event"] == "compared").expect("compared");
        (compared["state"].as_str().expect("a word").to_owned(), ran.code)
    };
    assert_eq!(state(&["--size-only"]), ("equal_size".into(), Some(0)));
    assert_eq!(state(&[]), ("different".into(), Some(9)));
    let copied = |arguments: &[&str]| {
        let ran = machine.run(&[&["--json", "sync", "-n", &from, &to], arguments].concat());
        ok(&ran);
        last(&ran)["unchanged"] == 0
    };
    assert!(!copied(&["--size-only"]) && copied(&["--checksum"]));
    ok(&machine.run(&["sync", "--checksum", &from, &to]));
    assert_eq!(destination.get("d/f"), Some(b"1234".to_vec()));
    assert_eq!(state(&[]), ("equal_digest".into(), Some(0)));
    assert_eq!(state(&["--checksum", "never"]), ("equal_time".into(), Some(0)));
}

#[test]
fn trees_are_shown_and_counted() {
    let (source, _, machine) = pair();
    for (path, size) in [("t/a/b/one", 1000), ("t/a/two", 2000), ("t/z", 5), ("t/a/no.tmp", 7)] {
        source.put(path, &vec![1; size]);
    }
    let place = source.url("t");
    let tree = machine.run(&["tree", &place, "--exclude", "*.tmp"]);
    ok(&tree);
    let expected = format!(
        "{place}\n├── a/\n│   ├── b/\n│   │   └── one  (1000 bytes)\n│   └── two  (2.0 KiB)\n└── z  (5 bytes)\n\
         2 directories, 3 files, 2.9 KiB\n"
    );
    assert_eq!(tree.stdout, expected);
    let shallow = machine.run(&["tree", "-L", "1", &place]);
    ok(&shallow);
    assert_eq!(shallow.stdout.lines().count(), 4, "{}", shallow.stdout);

    let du = machine.run(&["--json", "du", &place]);
    ok(&du);
    let told: Vec<(String, u64, u64)> = events(&du)
        .iter()
        .filter(|event| event["event"] == "usage")
        .map(|event| {
            let path =
                event["path"].as_str().expect("a path").rsplit("/t").next().expect("its end").to_owned();
            (path, event["files"].as_u64().expect("a number"), event["bytes"].as_u64().expect("a number"))
        })
        .collect();
    let expected = [("/a/b".into(), 1, 1000), ("/a".into(), 3, 3007), (String::new(), 4, 3012)];
    assert_eq!(told, expected);
    let sum = machine.run(&["du", "-s", "-b", &place]);
    ok(&sum);
    assert!(
        sum.stdout.trim_start().starts_with("3012 ") && sum.stdout.lines().count() == 1,
        "{}",
        sum.stdout
    );
    let missing = machine.run(&["tree", &source.url("nowhere")]);
    assert_eq!(missing.code, Some(3), "{}", missing.stderr);
}

#[test]
fn digests_are_the_servers_in_the_order_of_the_files() {
    let (source, _, machine) = pair();
    for number in 0..20 {
        source.put(&format!("h/{number:02}"), format!("{number}").as_bytes());
    }
    source.put("abc", b"abc");
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let one = machine.run(&["hash", &source.url("abc")]);
    ok(&one);
    assert!(one.stdout.starts_with(&format!("{ABC}  /")), "{}", one.stdout);
    let crc = machine.run(&["--json", "hash", "-a", "md5", &source.url("abc")]);
    ok(&crc);
    assert_eq!(last(&crc)["digest"], "900150983cd24fb0d6963f7d28e17f72", "{}", crc.stdout);
    let many = machine.run(&["hash", "-r", &source.url("h")]);
    ok(&many);
    let names: Vec<&str> = many.stdout.lines().filter_map(|line| line.rsplit('/').next()).collect();
    let expected: Vec<String> = (0..20).map(|number| format!("{number:02}")).collect();
    assert_eq!(names, expected);
    let directory = machine.run(&["hash", &source.url("h")]);
    assert_eq!(directory.code, Some(2), "{}", directory.stderr);
}

#[test]
fn whoever_looks_is_told_of_names_that_ftp_cannot_carry() {
    let (server, _, machine) = pair();
    server.put("d/plain", b"1");
    server.put("d/sub/line\nbreak", b"2");
    let place = server.url("d");
    for command in [&["tree"][..], &["du"], &["hash", "-r"]] {
        let ran = machine.run(&[command, &[place.as_str()]].concat());
        ok(&ran);
        assert!(
            ran.stderr.contains("/d/sub is not listed: a name that FTP cannot carry"),
            "{command:?}: {}",
            ran.stderr
        );
        assert!(!ran.stdout.contains("break"), "{command:?}: {}", ran.stdout);
    }
}

#[test]
fn a_move_removes_no_directory_with_something_in_it_that_has_no_name() {
    let (source, destination, machine) = pair();
    source.put("d/plain", b"1");
    source.put("d/sub/line\nbreak", b"2");
    let ran = machine.run(&["mv", &source.url("d"), &destination.url("")]);
    ok(&ran);
    let told = format!("{}{}", ran.stdout, ran.stderr);
    assert!(told.contains("has no name by which it could be moved"), "{told}");
    assert_eq!(source.get("d/sub/line\nbreak"), Some(b"2".to_vec()));
    assert_eq!(destination.get("d/plain"), Some(b"1".to_vec()));
}
