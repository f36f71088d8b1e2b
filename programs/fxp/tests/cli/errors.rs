//! Mistakes on the command line: the exit code, one sentence, and what to do about it, on stderr.

use std::net::SocketAddr;
use std::time::Duration;

use crate::servers::{Kind, Server};
use crate::{Machine, Ran};

#[test]
fn mistakes_are_explained() {
    // Arguments, and words that stderr must hold.
    let rows: [(&[&str], &[&str]); 15] = [
        (&["cp", "sftp://host/x", "b:"], &["fxp speaks ftp://, ftpes:// and ftps://, not sftp://", "hint"]),
        (&["cp", "a:x", "https://host/x"], &["not https://"]),
        (&["ls", "scp://host/"], &["not scp://"]),
        (
            &["cp", "ftp://me:sesame@host/x", "b:"],
            &["a password does not belong in an address", "FXP_PASSWORD"],
        ),
        (&["ls", "ftp://me:sesame@host/"], &["a password does not belong in an address"]),
        (&["cp", "ftp:///x", "b:"], &["error:"]),
        (&["cp", "ftp://host:99999/x", "b:"], &["error:"]),
        (&["cp", "only-one"], &["Usage"]),
        (&["cp", "a:", "b:", "--via", "pigeon"], &["pigeon", "direct, relay, auto"]),
        (&["cp", "a:", "b:", "--retries", "1000"], &["1000"]),
        (&["cp", "a:", "b:", "-q", "-v"], &["cannot be used with"]),
        (&["frobnicate"], &["frobnicate"]),
        (&["man", "frobnicate"], &["no command `frobnicate`"]),
        (&["site", "test", "scp://x"], &["not scp://"]),
        (&["completions", "tcl"], &["tcl", "bash"]),
    ];
    let machine = Machine::new();
    for (arguments, words) in rows {
        let ran = machine.run(arguments);
        assert_eq!(ran.code, Some(2), "fxp {arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "fxp {arguments:?}");
        for word in words {
            assert!(ran.stderr.contains(word), "fxp {arguments:?} does not say {word:?}:\n{}", ran.stderr);
        }
        assert!(!ran.stderr.contains("sesame"), "fxp {arguments:?} shows the password:\n{}", ran.stderr);
    }
}

#[test]
fn an_error_is_an_event_too() {
    let machine = Machine::new();
    let ran = machine.run(&["--json", "cp", "sftp://host/x", "b:"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), ""));
    let event: serde_json::Value = serde_json::from_str(&ran.stdout).expect("one object");
    assert_eq!(event["event"], "error");
    assert_eq!(event["exit_code"], 2);
    assert_eq!(event["kind"], "usage");
    assert!(event["remedy"].is_string());
}

#[test]
fn without_a_home_the_books_must_be_named() {
    let machine = Machine::new();
    let ran = Ran::from(machine.command(&["site", "ls"]).env_remove("HOME").output().expect("fxp starts"));
    // The system's user database may know a home directory where HOME does not.
    if ran.code != Some(0) {
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains("FXP_SITES"), "{}", ran.stderr);
    }
}

#[test]
fn files_that_a_refused_pair_was_not_asked_for_are_told_in_one_line() {
    let [source, destination] = [2, 3].map(|last| {
        let kind = Kind { fxp: last == 2, ..Kind::TLS };
        Server::start_with(SocketAddr::from(([127, 0, 0, last], 0)), kind, |config| {
            config.limits.foreign_timeout = Duration::from_millis(300);
        })
    });
    for number in 0..30 {
        source.put(&format!("t/{number:02}"), b"text");
    }
    let machine = Machine::that_knows(&[&source, &destination]);
    let copy = ["cp", "-r", &source.url("t/"), &destination.url("to/")];
    let ran = machine.run(&copy);
    assert_eq!(ran.code, Some(8), "{}", ran.stderr);
    let errors: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    let [first, others] = errors[..] else { panic!("{}", ran.stderr) };
    assert!(first.starts_with("error: FXP of "), "{first}");
    assert!(others.starts_with("error: 29 more files: not tried: FXP of "), "{others}");
    assert!(others.ends_with(", for the same reasons"), "{others}");
    assert!(ran.stderr.contains("Copied nothing; 30 files failed"), "{}", ran.stderr);

    let told = machine.run(&[&["--json"], &copy[..]].concat());
    let failed = told.stdout.lines().filter(|line| line.contains(r#""event":"failed""#)).count();
    assert_eq!(failed, 30, "programs hear of each: {}", told.stdout);
}
