//! Sites and trusted certificates: kept, shown, forgotten.

use crate::{Machine, Ran};

const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn ok(ran: Ran) -> String {
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout
}

fn events(stdout: &str) -> Vec<serde_json::Value> {
    stdout.lines().map(|line| serde_json::from_str(line).expect("one object per line")).collect()
}

#[test]
fn sites_are_kept_shown_and_forgotten() {
    let machine = Machine::new();
    assert_eq!(ok(machine.run(&["site", "ls"])), "");
    ok(machine.run(&["site", "add", "work", "ftpes://me@ftp.example.org:2121/projects"]));
    ok(machine.run(&[
        "site",
        "add",
        "lab",
        "10.0.0.7",
        "--listens",
        "no",
        "--data-address",
        "10.0.0.8",
        "--tls",
        "off",
    ]));
    ok(machine.run(&["site", "add", "old", "ftps://h", "--password-command", "pass show old"]));
    ok(machine.run(&["site", "add", "six", "ftp://[2001:db8::1]/"]));

    assert_eq!(
        ok(machine.run(&["site", "ls"])),
        "lab             ftp://10.0.0.7  (TLS off, data by 10.0.0.8, never listens)\n\
         old             ftps://h  (password by command)\n\
         six             ftp://[2001:db8::1]\n\
         work            ftpes://me@ftp.example.org:2121/projects\n"
    );
    let sites = events(&ok(machine.run(&["site", "ls", "--json"])));
    assert_eq!(sites.len(), 4);
    assert_eq!(sites[0]["listens"], false);
    assert_eq!(sites[3]["host"], "ftp.example.org");
    assert_eq!(sites[3]["port"], 2121);
    assert_eq!(sites[3]["user"], "me");
    assert_eq!(sites[3]["tls"], "require");
    assert_eq!(sites[3]["root"], "projects");

    let again = machine.run(&["site", "add", "work", "ftp://other"]);
    assert_eq!(again.code, Some(2));
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
    ok(machine.run(&["site", "add", "--force", "work", "ftp://other"]));
    ok(machine.run(&["site", "rm", "lab", "old", "six"]));
    assert_eq!(ok(machine.run(&["site", "ls"])), "work            ftp://other\n");
    assert_eq!(machine.run(&["site", "rm", "lab"]).code, Some(3));
}

#[test]
fn a_site_needs_a_name_and_an_address() {
    let machine = Machine::new();
    for arguments in [
        ["a/b", "ftp://h"],
        ["a:b", "ftp://h"],
        ["", "ftp://h"],
        ["a b", "ftp://h"],
        [".a", "ftp://h"],
        ["a", "sftp://h"],
        ["a", "ftp://me:sesame@h"],
        ["a", "me:sesame@h"],
        ["a", ""],
    ] {
        let ran = machine.run(&[&["site", "add"], &arguments[..]].concat());
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("sesame"), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn books_can_be_elsewhere() {
    let machine = Machine::new();
    let sites = machine.home().join("elsewhere/sites.toml");
    let mut command = machine.command(&["site", "add", "a", "ftp://h"]);
    ok(Ran::from(command.env("FXP_SITES", &sites).output().expect("fxp starts")));
    assert!(std::fs::read_to_string(&sites).expect("the book is there").contains("[site.a]"));
    assert_eq!(ok(machine.run(&["site", "ls"])), "");

    let mut command = machine.command(&["site", "ls"]);
    std::fs::write(&sites, "[site.a]\nhots = \"h\"\n").expect("the book can be written");
    let ran = Ran::from(command.env("FXP_SITES", &sites).output().expect("fxp starts"));
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("line 2"), "{}", ran.stderr);
}

#[test]
fn trust_is_kept_shown_and_withdrawn() {
    let machine = Machine::new();
    assert_eq!(ok(machine.run(&["trust", "ls"])), "");
    let colons: Vec<&str> = (0..32).map(|at| &HEX[2 * at..2 * at + 2]).collect();
    ok(machine.run(&["trust", "add", "FTP.example.org", &colons.join(":").to_uppercase()]));
    ok(machine.run(&["trust", "add", "ftp.example.org:21", &format!("SHA-256={HEX}")]));
    ok(machine.run(&["trust", "add", "[2001:db8::1]:990", HEX]));
    assert_eq!(
        ok(machine.run(&["trust", "ls"])),
        format!("{:<30} SHA-256={HEX}\n{:<30} SHA-256={HEX}\n", "[2001:db8::1]:990", "ftp.example.org:21")
    );
    let trusted = events(&ok(machine.run(&["trust", "ls", "--json"])));
    assert_eq!(trusted[1]["server"], "ftp.example.org:21");
    assert_eq!(trusted[1]["fingerprint"], format!("SHA-256={HEX}"));

    let other = HEX.replace("00", "01");
    assert_eq!(machine.run(&["trust", "rm", "ftp.example.org", &other]).code, Some(3));
    ok(machine.run(&["trust", "rm", "ftp.example.org", HEX]));
    ok(machine.run(&["trust", "rm", "[2001:db8::1]:990"]));
    assert_eq!(ok(machine.run(&["trust", "ls"])), "");
    assert_eq!(machine.run(&["trust", "rm", "ftp.example.org"]).code, Some(3));

    for (server, fingerprint) in [("h", "abc"), ("h", ""), ("h:0", HEX), ("ftp://h", HEX), ("h", &HEX[1..])] {
        let ran = machine.run(&["trust", "add", server, fingerprint]);
        assert_eq!(ran.code, Some(2), "{server} {fingerprint}: {}", ran.stderr);
    }
}
