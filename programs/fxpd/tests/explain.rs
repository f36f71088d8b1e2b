//! `fxpd explain`: what a configuration says of a data connection, without a server.

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

/// Two users, guests and rules; TLS is not opened for that.
const CONFIGURATION: &str = r#"
[tls]
certificate = "not-there.pem"
key = "not-there.pem"

[[user]]
name = "alice"
password = "HASH"
home = "/"

[[user]]
name = "homebody"
password = "HASH"
home = "/"
may_fxp = false

[anonymous]
home = "/"

[[fxp.rule]]
action = "deny"
peer = "8.8.8.66"

[[fxp.rule]]
action = "allow"
peer = "8.8.8.0/24"
direction = "in"
path = "/incoming"
tls = "required"

[[fxp.rule]]
action = "allow"
who = "alice"
peer = ["localhost", "8.8.4.4", "10.0.0.0/8"]
ports = "2100"
"#;

/// Arguments, the exit code, and words of the answer in this order, each on a later line than the one before.
const ROWS: &[(&str, i32, &[&str])] = &[
    (
        "--user alice --peer 8.8.8.8 --direction in --path /incoming/a.iso",
        0,
        &[
            "alice from a public host, in, /incoming/a.iso, inside TLS, the peer proves nothing",
            "allowed  active, to 8.8.8.8:50000",
            "fxp.rule[1] allows it",
            "fxp.rule[1]: allow everybody, in, /incoming, 8.8.8.0/24, TLS only",
            "allowed  passive, from 8.8.8.8",
            "fxp.rule[1]: allow",
        ],
    ),
    (
        "--user alice --peer 8.8.8.66 --direction in --path /incoming/a.iso",
        3,
        &[
            "denied   active, to 8.8.8.66:50000, at PORT or EPRT already\n",
            "fxp.rule[0] denies it\n",
            "fxp.rule[0]: deny everybody, in and out, /, 8.8.8.66",
            "denied   passive, from 8.8.8.66",
            "fxp.rule[0] denies it",
        ],
    ),
    // PORT cannot know the direction yet.
    (
        "--user alice --peer 8.8.8.8 --direction out --path /incoming/a.iso --active 50001",
        3,
        &["denied   active, to 8.8.8.8:50001\n", "another host than the client, and no rule allows it\n"],
    ),
    (
        "--user alice --peer 8.8.8.8 --direction in --path /incoming --protection clear --passive",
        3,
        &["in clear", "denied   passive", "no rule allows it"],
    ),
    (
        "--user alice --peer 1.2.3.4 --direction in --path /x --proof key",
        0,
        &["the peer proves the key", "allowed  active", "proves the key needs no rule", "allowed  passive"],
    ),
    // A pin is no reason to connect.
    (
        "--user alice --peer 1.2.3.4 --direction in --path /x --proof pin",
        3,
        &[
            "denied   active",
            "pinned, but to connect",
            "allowed  passive",
            "expected certificate needs no rule",
        ],
    ),
    ("--user alice --peer 1.2.3.4 --direction out --path /x --proof pin --passive", 0, &["allowed  passive"]),
    (
        "--user homebody --peer 8.8.8.8 --direction in --path /incoming",
        3,
        &["at PORT or EPRT already", "may_fxp = false", "passive", "may_fxp = false"],
    ),
    ("--user ftp --peer 8.8.8.8 --direction in --path /incoming", 3, &["guests have no foreign peers"]),
    (
        "--user alice --peer 203.0.113.9 --direction in --path /x --proof key --passive",
        3,
        &["never connected to unless a rule names it: it lies in 203.0.113.0/24"],
    ),
    (
        "--user alice --peer 1.2.3.4 --direction in --path /x --proof key --active 6379",
        3,
        &["the port belongs to another service"],
    ),
    // The scope binds who connects, and --client tells where from.
    (
        "--user alice --peer 10.9.9.9 --direction in --path /x --active 2100",
        3,
        &["the client is in a wider network than the peer (--client says where the user comes from)"],
    ),
    (
        "--user alice --peer 10.9.9.9 --direction in --path /x --active 2100 --client 10.1.1.1",
        0,
        &["alice from 10.1.1.1", "fxp.rule[2] allows it"],
    ),
    ("--user alice --peer 10.9.9.9 --direction in --path /x --passive", 0, &["fxp.rule[2] allows it"]),
    ("--user alice --peer 8.8.4.4 --direction in --path /x --active 2101", 3, &["no rule allows it"]),
    (
        "--user alice --peer 10.1.1.1 --direction in --path /x --client 10.1.1.1 --active 50000",
        0,
        &["the peer is the client itself"],
    ),
    (
        "--user homebody --peer 8.8.8.1 --direction in --path /incoming --client 8.8.8.1",
        0,
        &["fxp.rule[1] allows it"],
    ),
    // Names are resolved, in the rule and on the command line.
    (
        "--user alice --peer 127.0.0.1 --direction in --path /x --active 2100",
        3,
        &["the peer is this machine and the client is not (--client says"],
    ),
    (
        "--user alice --peer 127.0.0.1 --direction in --path /x --active 2100 --proof key",
        3,
        &["at a port on which this server itself waits for the same key"],
    ),
    (
        "--user alice --peer 127.0.0.1 --direction in --path /x --active 2100 --client 127.0.0.9",
        0,
        &["fxp.rule[2]: allow alice, in and out, /, localhost 8.8.4.4 10.0.0.0/8, ports 2100"],
    ),
    (
        "--user alice --peer localhost --direction in --path /x --active 2100 --client 127.0.0.9",
        0,
        &["allowed  active, to 127.0.0.1:2100", "fxp.rule[2] allows it"],
    ),
];

#[test]
fn the_rule_that_decides_is_named() {
    let place = Place::of(CONFIGURATION);
    for (arguments, code, words) in ROWS {
        let output = place.explain(arguments);
        assert_eq!(output.status.code(), Some(*code), "{arguments}: {output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        let mut rest = said.as_str();
        for words in *words {
            let (_, after) =
                rest.split_once(words).unwrap_or_else(|| panic!("{arguments}: {words:?} in\n{said}"));
            rest = after;
        }
        assert!(output.stderr.is_empty(), "{arguments}");
    }
}

#[test]
fn a_deny_rule_whose_name_has_no_address_denies() {
    let place =
        Place::of(&format!("{CONFIGURATION}\n[[fxp.rule]]\naction = \"deny\"\npeer = \"dark.invalid\"\n"));
    let output = place.explain("--user alice --peer 1.2.3.4 --direction in --path /x --proof key");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    for words in [
        "fxp.rule[3] may deny it: its host name cannot be resolved\n",
        "fxp.rule[3]: deny everybody, in and out, /, dark.invalid\n",
        "no address at the moment: dark.invalid\n",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn what_never_begins_is_denied() {
    let required =
        CONFIGURATION.replace("key = \"not-there.pem\"", "key = \"not-there.pem\"\ndata = \"required\"");
    let place = Place::of(&required);
    let arguments = "--user alice --peer 10.9.9.9 --direction in --path /x --passive --protection";
    assert_eq!(place.explain(&format!("{arguments} private")).status.code(), Some(0));
    let output = place.explain(&format!("{arguments} clear"));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("tls.data = \"required\""));
}

#[test]
fn programs_get_json() {
    let place = Place::of(CONFIGURATION);
    let output = place.explain("--user alice --peer 8.8.8.8 --direction out --path /a --json");
    assert_eq!(output.status.code(), Some(3));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let denied = |way: &str, port: Option<u16>| {
        serde_json::json!({
            "peer": "8.8.8.8", "way": way, "port": port, "allowed": false, "asked": "transfer", "by": "no_rule",
            "rule": null, "rule_says": null, "reason": "another host than the client, and no rule allows it",
        })
    };
    let expected = serde_json::json!({
        "user": "alice", "client": null, "direction": "out", "path": "/a", "protection": "private",
        "proof": "none", "allowed": false, "unresolved": [],
        "answers": [denied("active", Some(50000)), denied("passive", None)],
    });
    assert_eq!(said, expected);

    let output = place.explain(
        "--user alice --peer 8.8.8.8 --direction in --path /incoming/a --client 9.9.9.9 --passive --json",
    );
    assert_eq!(output.status.code(), Some(0));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["allowed"], true);
    assert_eq!(said["client"], "9.9.9.9");
    let answer = &said["answers"][0];
    assert_eq!((&answer["by"], &answer["rule"]), (&"rule".into(), &1.into()));
    assert_eq!(answer["rule_says"], "allow everybody, in, /incoming, 8.8.8.0/24, TLS only");
}

#[test]
fn what_cannot_be_asked_is_explained() {
    let place = Place::of(CONFIGURATION);
    let complete = "--user alice --peer 8.8.8.8 --direction in --path /x";
    for (arguments, words) in [
        ("--user bob --peer 8.8.8.8 --direction in --path /x", "there is no user bob"),
        ("--user alice --peer 8.8.8.0/24 --direction in --path /x", "no address and no host name"),
        (
            "--user alice --peer dark.invalid --direction in --path /x",
            "nobody knows the address of dark.invalid",
        ),
        ("--user alice --peer 8.8.8.8 --direction in --path x", "does not begin with /"),
        ("--user alice --peer 8.8.8.8 --direction up --path /x", "--direction"),
        ("--user alice --peer 8.8.8.8 --direction in", "--path"),
        (&format!("{complete} --active 2100 --passive"), "--passive"),
        (&format!("{complete} --active 0"), "--active"),
        (&format!("{complete} --proof key --protection clear"), "nothing is proven in clear"),
    ] {
        let output = place.explain(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(words), "{arguments}: {said}");
        assert!(output.stdout.is_empty());
    }
    // Without [tls] data connections are in clear.
    let place = Place::of("fxp = \"off\"\n[anonymous]\nhome = \"/\"");
    let arguments = "--user anonymous --peer 8.8.8.8 --client 8.8.8.8 --direction out --path /x";
    assert_eq!(place.explain(arguments).status.code(), Some(0));
    let output = place.explain(&format!("{arguments} --protection private"));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("no [tls]"));
}

struct Place(TempDir);

impl Place {
    fn of(configuration: &str) -> Self {
        let hash =
            "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$pmIQLBSrsPMUt7bWWo2bzNa2XVpHgrREykPGblr0XUk";
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("fxpd.toml"), configuration.replace("HASH", hash)).unwrap();
        Place(directory)
    }

    fn explain(&self, arguments: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_fxpd"))
            .args(["explain", "--config"])
            .arg(self.0.path().join("fxpd.toml"))
            .args(arguments.split(' '))
            .env_remove("FXPD_CONFIG")
            .output()
            .unwrap()
    }
}
