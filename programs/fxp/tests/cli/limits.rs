//! What a run says that ended before everything was tried.

use serde_json::{Value, json};

use crate::Machine;
use crate::servers::{Kind, Server};

fn summary(stdout: &str) -> Value {
    serde_json::from_str(stdout.lines().last().expect("a summary")).expect("JSON")
}

#[test]
fn a_limit_that_leaves_files_says_how_many() {
    let (source, destination) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let machine = Machine::that_knows(&[&source, &destination]);
    for name in ["d/one", "d/two", "d/three"] {
        source.put(name, &[7; 100]);
    }
    let (from, to) = (source.url("d"), destination.url(""));
    let none = "A limit was reached before any file was copied; 3 files (300 bytes) are left";
    for (limit, words) in [
        (["--max-transfer", "0"], none),
        (["--max-duration", "0"], none),
        (["--max-transfer", "0.1K"], "Copied 1 file"),
    ] {
        let ran = machine.run(&[&["cp", "-r", "--lanes", "1", &from, &to][..], &limit].concat());
        assert_eq!(ran.code, Some(10), "{limit:?}: {}", ran.stderr);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(told.contains(words), "{limit:?}: {told}");
    }
    let ran = machine.run(&["--json", "cp", "-r", "--lanes", "1", "--max-transfer", "0.1K", &from, &to]);
    let told = summary(&ran.stdout);
    let left = json!({ "files": 1, "bytes": 100, "all": true });
    assert_eq!((&told["files"], &told["unchanged"], &told["left"]), (&json!(1), &json!(1), &left), "{told}");
    let ran = machine.run(&["--json", "cp", "-r", &from, &to]);
    assert_eq!((ran.code, &summary(&ran.stdout)["left"]), (Some(0), &Value::Null), "{}", ran.stdout);
}

#[test]
fn deletions_that_are_refused_are_no_failed_file() {
    let (source, destination) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let machine = Machine::that_knows(&[&source, &destination]);
    source.put("d/one", b"1");
    destination.put("d/gone/f", b"old");
    let sync = ["sync", "--delete", "--delete-limit", "1", &source.url("d/"), &destination.url("d/")];
    let ran = machine.run(&sync);
    assert_eq!(ran.code, Some(10), "{}", ran.stderr);
    let told = format!("{}{}", ran.stdout, ran.stderr);
    assert!(told.contains("Copied 1 file") && !told.contains("failed"), "{told}");
    assert!(told.contains("2 files and directories not deleted (--delete-limit)"), "{told}");
    let ran = machine.run(&[&["--json"], &sync[..]].concat());
    let summary = summary(&ran.stdout);
    assert_eq!((ran.code, &summary["failed"], &summary["not_deleted"]), (Some(10), &json!(0), &json!(2)));
    let jobs = machine.run(&["jobs"]);
    assert!(jobs.stdout.contains("2 files and directories would have to be deleted"), "{}", jobs.stdout);
}
