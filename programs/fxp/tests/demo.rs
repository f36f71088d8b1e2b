//! The demonstration is the promise in small: no byte of a direct copy passes through the asker, both
//! sides are equal in the end, and nothing is left behind.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs `fxp demo` with nothing configured: no home, no variables but where temporary files go.
fn demo(arguments: &[&str], temporary: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fxp"));
    command.env_clear().env("TMPDIR", temporary).env("COLUMNS", "120").arg("demo").args(arguments);
    if let Some(value) = std::env::var_os("LLVM_PROFILE_FILE") {
        command.env("LLVM_PROFILE_FILE", value);
    }
    command.output().expect("fxp starts")
}

/// Runs it and looks for what it left behind.
fn run(arguments: &[&str]) -> String {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let output = demo(arguments, temporary.path());
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(0), "fxp demo {arguments:?}:\n{stdout}\n{stderr}");
    assert_eq!(stderr, "", "fxp demo {arguments:?}");
    let left: Vec<_> = std::fs::read_dir(temporary.path()).expect("the directory is there").collect();
    assert!(left.is_empty(), "fxp demo {arguments:?} left {left:?}");
    stdout
}

fn figures(arguments: &[&str]) -> Value {
    let stdout = run(&[&["--json"], arguments].concat());
    assert_eq!(stdout.lines().count(), 1, "one object:\n{stdout}");
    serde_json::from_str(&stdout).expect("an object")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

fn number(figures: &Value, key: &str) -> u64 {
    figures[key].as_u64().unwrap_or_else(|| panic!("{key} is a number in {figures}"))
}

/// What every run of the demonstration has in common.
fn check(arguments: &[&str], route: &str, method: Option<&str>, assurance: &str) -> Value {
    let figures = figures(arguments);
    assert_eq!(figures["files"], 6, "{figures}");
    assert!(number(&figures, "bytes") > 8_000_000, "{figures}");
    assert_eq!(figures["verified"], true, "{figures}");
    assert_eq!(figures["digests"].as_array().map(Vec::len), Some(6), "{figures}");
    assert_eq!(figures["route"], route, "{figures}");
    assert_eq!(figures["method"].as_str(), method, "{figures}");
    assert_eq!(figures["assurance"], assurance, "{figures}");
    figures
}

#[test]
fn a_direct_copy_sends_no_byte_through_the_client() {
    for (arguments, method, assurance) in [
        (&[][..], "cpsv", "mutual"),
        (&["--method", "sscn"], "sscn", "mutual"),
        (&["--passive", "source"], "sscn", "mutual"),
        (&["--secure", "off"], "plain", "clear"),
    ] {
        let figures = check(arguments, "direct", Some(method), assurance);
        assert_eq!(number(&figures, "payload_through_client"), 0, "{figures}");
        assert!(number(&figures, "payload_between_servers") >= number(&figures, "bytes"), "{figures}");
    }
}

#[test]
fn a_relayed_copy_sends_every_byte_through_the_client() {
    let figures = check(&["--via", "relay"], "relay", None, "relay");
    let bytes = number(&figures, "bytes");
    assert_eq!(number(&figures, "payload_between_servers"), 0, "{figures}");
    assert!(number(&figures, "received_by_client") >= bytes, "{figures}");
    assert!(number(&figures, "sent_by_client") >= bytes, "{figures}");
}

#[test]
fn a_person_sees_both_dialogues_and_no_secret() {
    let short = run(&[]);
    for word in [
        "source 127.0.0.2:",
        "destination 127.0.0.3:",
        "> CPSV",
        "> STOR",
        "> RETR",
        "PASS ****",
        "0 bytes through this machine",
        "mutual",
        "> PEER KEY ****",
        "Try next:",
        "--via relay",
    ] {
        assert!(short.contains(word), "fxp demo does not show {word:?}:\n{short}");
    }
    let whole = run(&["-v"]);
    assert!(whole.lines().count() > short.lines().count(), "-v shows the whole dialogue:\n{whole}");
    for line in whole.lines() {
        assert!(line.chars().count() <= 120, "too wide for the screen: {line}");
        let after = line.split("> PASS ").nth(1).unwrap_or("****");
        assert!(after.starts_with("****"), "a password is shown: {line}");
        let after = line.split("> PEER KEY ").nth(1).unwrap_or("****");
        assert!(after.starts_with("****"), "a key is shown: {line}");
    }
}

#[test]
fn quiet_says_nothing() {
    assert_eq!(run(&["-q"]), "");
}
