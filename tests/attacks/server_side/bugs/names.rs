//! Names and paths: too long, too deep, with patterns in them, or leading somewhere else.

use std::fs;

use tempfile::TempDir;

use super::super::stage::{Bystander, as_it_comes, fxpd};
use super::super::wire::{Client, dial, port_argument};
use super::{in_step, process, still_serves};
use crate::server::Settings;

/// CVE-2001-0550 (wu-ftpd, `~{`), CVE-2005-0256, CVE-2010-2632, CVE-2011-0418 (patterns without end in wu-ftpd,
/// the BSDs' glob, Pure-FTPD), CVE-2009-3023 and CVE-2009-2521 (IIS, patterns and recursion),
/// CVE-2011-0762 (vsftpd): patterns cost all the time or memory there is, or overran a buffer.
#[test]
fn patterns_cost_nothing() {
    let server = as_it_comes();
    for folder in 0..40 {
        let folder = server.file(&format!("{folder}-{}", "p".repeat(200)));
        fs::create_dir_all(folder.join("inner").join("inner")).expect("folders");
    }
    let mut client = Client::logged_in(server.address);
    let before = process::processor_time(&server);
    let stars = "*/../".repeat(60);
    let braces = "{a,b}".repeat(30);
    let nested = format!("{}{}", "{".repeat(500), "}".repeat(500));
    let brackets = "[a-z]*".repeat(100);
    let vsftpd = format!("{{{}}}", "{{},{}},".repeat(60));
    for pattern in [
        "~{",
        "*/../*{",
        "~{,",
        "[",
        "\\",
        "**/**/**/**",
        &stars,
        &braces,
        &nested,
        &brackets,
        &vsftpd,
        "-R p*/../",
        "-R */../",
        "-lRat *",
    ] {
        for command in ["LIST", "NLST", "MLSD"] {
            let data = dial(client.passive(), None).expect("a connection");
            client.say(format!("{command} {pattern}"));
            drop(data);
            client.say("HELP");
            while !client.hears("").starts_with("214") {}
        }
        for command in ["CWD", "STAT", "MLST", "DELE", "RMD", "SIZE"] {
            in_step(&mut client, format!("{command} {pattern}"));
        }
    }
    let spent = process::processor_time(&server) - before;
    assert!(spent.as_secs() < 4, "{spent:?}");
    assert_eq!(fs::read_dir(server.root()).expect("the root").count(), 40);
    still_serves(server.address);
}

/// CVE-1999-0368 (palmetto): names nested until the path did not fit its buffer any more.
/// CVE-2019-20176 (Pure-FTPD): a listing took the stack along.
#[test]
fn as_deep_as_it_goes() {
    let server = as_it_comes();
    for length in [255, 1] {
        let name = "d".repeat(length);
        let mut client = Client::logged_in(server.address);
        let mut depth = 0;
        while depth < DEEPEST && client.ask(format!("MKD {name}")).starts_with("257") {
            if !client.ask(format!("CWD {name}")).starts_with("250") {
                break;
            }
            depth += 1;
        }
        // 4095 bytes hold 15 of the long ones.
        assert_eq!(depth, if length == 255 { 15 } else { DEEPEST }, "folders of {length} bytes");
        let place = client.expect("PWD", "257");
        assert_eq!(place.matches(&format!("/{name}")).count(), depth);
        for line in [
            format!("MKD {name}"),
            format!("DELE {name}"),
            format!("RNFR {name}"),
            "RMD x".to_owned(),
            format!("CWD {name}/{name}"),
        ] {
            in_step(&mut client, line);
        }
        client.download("LIST");
        client.expect("CWD /", "250");
        for listing in ["LIST -R", "NLST -R", "LIST -lR /", "MLSD"] {
            client.download(listing);
        }
        client.expect("NOOP", "200");
    }
}

/// Deep enough for a stack that grows with each level.
const DEEPEST: usize = 500;

/// CVE-2001-0053 (BSD's replydirname): the quotes that PWD has to double did not fit.
#[test]
fn folders_of_quotes() {
    let server = as_it_comes();
    let mut client = Client::logged_in(server.address);
    let name = "\"".repeat(250);
    let doubled = "\"".repeat(500);
    assert!(client.expect(format!("MKD {name}"), "257").contains(&format!("\"/{doubled}\"")));
    for depth in 1..=8 {
        client.expect(format!("CWD {name}"), "250");
        let place = client.expect("PWD", "257");
        assert_eq!(place.matches(&doubled).count(), depth, "{place}");
        client.expect(format!("MKD {name}"), "257");
    }
    client.expect("NOOP", "200");
}

/// CVE-2003-0466 (realpath of BSD, in wu-ftpd): off by one at the longest path, with links.
#[test]
fn paths_of_about_the_longest_length() {
    let server = as_it_comes();
    fs::write(server.file("file"), b"x").expect("a file");
    let mut client = Client::logged_in(server.address);
    client.expect("SITE SYMLINK . l", "200");
    client.expect("SITE SYMLINK / r", "200");
    client.expect("SITE SYMLINK loop loop", "200");
    for length in (250..260).chain(1020..1030).chain(4080..4110) {
        for unit in ["l/", "r/", "./", "loop/", "/", "l/../"] {
            let mut path = unit.repeat(length / unit.len());
            path.push_str(&"f".repeat(length.saturating_sub(path.len() + 4)));
            for line in [
                format!("SIZE {path}file"),
                format!("CWD {path}"),
                format!("MKD {path}/x"),
                "CWD /".to_owned(),
            ] {
                let reply = client.ask(line);
                assert!(!reply.is_empty(), "{length} of {unit}");
            }
        }
    }
    client.expect("NOOP", "200");
    client.expect("SIZE l/l/l/r/l/file", "213 1");
    client.expect("SIZE loop/file", "550");
}

/// Everything that anybody has taken for a way out: CVE-2024-4040 (CrushFTP, a template in a name), CVE-2024-28995
/// (Serv-U), and the classics of Windows, of URLs and of Unicode.
#[test]
fn no_spelling_leads_out() {
    let folder = TempDir::new().expect("a folder");
    let root = folder.path().join("root");
    fs::create_dir(&root).expect("the root");
    fs::write(folder.path().join("secret"), b"outside").expect("a file");
    let server = fxpd(Settings { closed: true, root: Some(&root), ..Settings::default() });
    let mut client = Client::logged_in(server.address);
    let outside = folder.path().join("secret").display().to_string();
    for way in [
        "../secret",
        "/../secret",
        "/../../../../../../../../etc/passwd",
        "....//secret",
        "..../secret",
        ".../secret",
        "..\\secret",
        "..\\..\\secret",
        "\\..\\secret",
        "%2e%2e/secret",
        "%2e%2e%2fsecret",
        "..%2fsecret",
        "..%c0%afsecret",
        "..\u{2215}secret",
        "\u{ff0e}\u{ff0e}/secret",
        "\u{2025}/secret",
        "..;/secret",
        "./.././secret",
        "x/../../secret",
        "C:\\secret",
        "C:/secret",
        "\\\\localhost\\secret",
        "//localhost/secret",
        "CON",
        "NUL",
        "secret::$DATA",
        "..\u{200b}/secret",
        ". ./secret",
        ".. /secret",
        "../secret ",
        "../secret.",
        "~/../secret",
        "file:///secret",
        "/proc/self/root/etc/passwd",
        "/dev/null/../secret",
        "<INCLUDE>secret</INCLUDE>",
        &outside,
    ] {
        for line in [
            format!("SIZE {way}"),
            format!("MLST {way}"),
            format!("HASH {way}"),
            format!("CWD {way}"),
            format!("RNFR {way}"),
        ] {
            let reply = client.ask(&line);
            assert!(reply.starts_with('5'), "{line}: {reply}");
            client.expect("NOOP", "200");
        }
        client.passive();
        let reply = client.ask(format!("RETR {way}"));
        assert!(reply.starts_with('5'), "{way}: {reply}");
        // Where it may be written, it is a name like others.
        client.upload(format!("STOR {way}"), b"planted");
        client.ask(format!("DELE {way}"));
        client.ask(format!("RMD {way}"));
    }
    assert_eq!(fs::read(folder.path().join("secret")).expect("the file"), b"outside");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 2);
}

/// CVE-2015-1419 (vsftpd): a name that was denied had a second spelling. Names in rules of FXP have one.
#[test]
fn a_denied_folder_has_one_spelling() {
    let deny = "[[fxp.rule]]\naction = \"deny\"\npath = \"/secret\"\n[[fxp.rule]]\naction = \"allow\"\npeer = \"127.0.0.0/8\"\n";
    let server = fxpd(Settings { closed: true, user: deny, ..Settings::default() });
    for folder in ["secret", "open", "Secret"] {
        fs::create_dir(server.file(folder)).expect("a folder");
        fs::write(server.file(&format!("{folder}/file")), b"x").expect("a file");
    }
    let bystander = Bystander::new();
    let mut client = Client::logged_in(server.address);
    let aim = format!("PORT {}", port_argument(bystander.address));
    for spelling in [
        "/secret/file",
        "secret/file",
        "//secret//file",
        "./secret/./file",
        "/open/../secret/file",
        "secret/../secret/file",
        "/../secret/file",
        "secret/file/",
        "secret/file/.",
        "/secret/x/../file",
        "/proc/self/root/secret/file",
        "/proc/self/cwd/secret/file",
    ] {
        for command in ["RETR", "STOR", "APPE"] {
            client.expect(&aim, "200");
            let reply = client.ask(format!("{command} {spelling}"));
            assert!(reply.starts_with('4') || reply.starts_with('5'), "{command} {spelling}: {reply}");
        }
    }
    client.expect("CWD secret", "250");
    client.expect(&aim, "200");
    client.expect("RETR file", "425");
    assert_eq!(bystander.visits(), 0);
    // Another folder is another one, in whatever case.
    for open in ["/open/file", "/Secret/file"] {
        client.expect(&aim, "200");
        client.expect(format!("RETR {open}"), "150");
        client.hears("226");
    }
    assert_eq!(bystander.visits(), 2);
}

/// A name with CR and LF, put there by somebody else, is one line in every listing, or none.
#[test]
fn names_with_line_ends_make_no_lines() {
    let server = as_it_comes();
    for name in ["evil\r\n226 done", "evil\n-rw-r--r-- 1 0 0 5 Jan 1 2020 fake", "evil\rfake"] {
        fs::write(server.file(name), b"x").expect("a file");
    }
    fs::write(server.file("good"), b"x").expect("a file");
    let mut client = Client::logged_in(server.address);
    for listing in ["LIST", "NLST", "MLSD", "LIST -a"] {
        let listed = String::from_utf8(client.download(listing)).expect("text");
        for line in listed.split("\r\n").filter(|line| !line.is_empty()) {
            assert!(!line.contains(['\r', '\n']), "{listing}: {line:?}");
            assert!(
                !line.starts_with("226") && !line.starts_with("-rw-r--r-- 1 0 0 5"),
                "{listing}: {line:?}"
            );
        }
        assert!(listed.contains("good"));
    }
    let told = client.ask("STAT /");
    assert!(told.lines().all(|line| !line.starts_with("226")), "{told}");
    client.expect("NOOP", "200");
}
