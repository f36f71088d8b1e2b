//! Lines that were too long, cut in the wrong place, or full of bytes that nobody expects.

use std::fs;

use fxp_testkit::daemon::{PASSWORD, USER};

use super::super::stage::as_it_comes;
use super::super::wire::Client;
use super::{in_step, process, still_serves};

/// CVE-2010-4221 (ProFTPD), CVE-2010-3972 (IIS): Telnet's escapes overran the buffer for the command, or the reply.
#[test]
fn telnet_escapes_at_every_edge() {
    let server = as_it_comes();
    let mut client = Client::logged_in(server.address);
    in_step(&mut client, [0xff; 64 * 1024]);
    for before in (0..6).chain(4090..4100).chain(9 * 1024 - 4..9 * 1024 + 4) {
        let mut line = b"CWD ".to_vec();
        line.extend(std::iter::repeat_n(b'a', before));
        client = Client::logged_in(server.address);
        for escape in
            [&b"\xff"[..], b"\xff\xff", b"\xff\xf4\xff\xf2", b"\xff\xfb", b"\xff\xfa\xff", b"\xff\xfd\x01"]
        {
            // Some of them swallow the end of the line, the last but one all up to IAC SE.
            client.send([&line, escape, b"\r\n\xff\xf0\r\nFEAT\r\n"].concat()).expect("it is sent");
            let mut wrong = 0;
            while !client.hears("").starts_with("211") {
                wrong += 1;
            }
            assert!(wrong <= 2, "{before}, {}: {wrong} replies too many", escape.escape_ascii());
        }
    }
    // The interrupt of RFC 959 in the middle of a line, as old clients send it.
    client.send(b"NO\xff\xf4\xff\xf2OP\r\n").expect("it is sent");
    client.hears("200");
    client.send(b"\xff\xf4\xff\xf2ABOR\r\n").expect("it is sent");
    client.hears("226");
    still_serves(server.address);
}

/// CVE-2006-5815 (ProFTPD): a long name was expanded into a message without looking at its length.
/// CVE-2013-4730, CVE-2024-48208 (Pure-FTPD, MLSD) and their many kin: one long argument for each command in turn.
#[test]
fn every_command_with_a_long_argument() {
    let server = as_it_comes();
    let table = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/commands.md"))
        .expect("the commands");
    let verbs: Vec<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(verbs.len() > 60, "{verbs:?}");
    for logged_in in [false, true] {
        let mut client = Client::connect(server.address);
        for verb in verbs.iter().filter(|verb| !matches!(**verb, "QUIT" | "AUTH" | "REIN")) {
            if logged_in {
                client = Client::logged_in(server.address);
            }
            for filling in ["A", "%n", "../", "\"", "{a,b}", " ", ",", "|", "9"] {
                let line = format!("{verb} {}", filling.repeat(8 * 1024 / filling.len()));
                client.say(&line);
                let reply = client.reply();
                assert!(reply.len() < 20_000, "{verb} {filling}: it answers with {} bytes", reply.len());
                // A stranger has only so many senseless commands.
                if reply.is_empty() || reply.contains("421") {
                    client = if logged_in {
                        Client::logged_in(server.address)
                    } else {
                        Client::connect(server.address)
                    };
                }
            }
        }
    }
    still_serves(server.address);
}

/// Numbers beside what fits, times that never were, and other arguments of the wrong form.
#[test]
fn numbers_that_do_not_fit() {
    let server = as_it_comes();
    fs::write(server.file("file"), b"12345").expect("a file");
    let mut client = Client::logged_in(server.address);
    for line in [
        "PORT 1,2,3",
        "PORT 1,2,3,4,5,6,7",
        "PORT -1,-1,-1,-1,-1,-1",
        "PORT 99999999999999999999,0,0,1,200,0",
        "PORT ,,,,,",
        "EPRT |",
        "EPRT ||||",
        "EPRT |1|127.0.0.1|99999999999|",
        "EPRT 1|127.0.0.1|50000|",
        "EPRT |1|127.0.0.1|50000",
        "EPSV 99999999999",
        "REST 9223372036854775808",
        "REST 18446744073709551616",
        "REST -1",
        "REST 1e3",
        "RANG 5 1",
        "RANG 18446744073709551616 18446744073709551617",
        "ALLO -1",
        "ALLO 999999999999999999999999",
        "MFMT 00000000000000 file",
        "MFMT 99999999999999 file",
        "MFMT 99999999999999999999 file",
        "MFMT 20211301000000 file",
        "MFMT 20210230000000 file",
        "MFMT -0210101000000 file",
        "SITE UTIME 20219999999999 file",
        "SITE CHMOD 99999 file",
        "SITE CHMOD -1 file",
        "SITE CHMOD 888 file",
        "TYPE L 99999999999",
        "TYPE L -8",
        "PBSZ 4294967296",
        "OPTS HASH SHA-0",
        "OPTS",
        "XCRC file 5 1",
        "XCRC file -1",
        "XCRC file 99999999999999999999",
        "STRU R",
        "MODE B",
        "TYPE E",
    ] {
        let reply = in_step(&mut client, line);
        assert!(reply.starts_with('5'), "{line}: {reply}");
        if client.ask("NOOP").is_empty() {
            client = Client::logged_in(server.address);
        }
    }
    // What fits a number, though no file.
    for line in ["REST 9223372036854775807", "REST 18446744073709551615", "RANG 0 18446744073709551615"] {
        let reply = in_step(&mut client, line);
        let address = client.passive();
        let begun = client.ask("RETR file");
        assert!(!begun.starts_with("226"), "{line}: {reply}, {begun}");
        if begun.starts_with("150") {
            let _ = super::super::wire::dial(address, None)
                .and_then(|mut tcp| super::super::wire::read_all(&mut tcp));
            client.reply();
        }
        in_step(&mut client, "NOOP");
    }
    assert_eq!(client.download("RETR file"), b"12345");
}

/// CVE-2019-18217: ProFTPD turned in a loop for ever once a line was too long.
#[test]
fn a_line_without_end_costs_nothing() {
    let server = as_it_comes();
    let mut client = Client::logged_in(server.address);
    let before = process::processor_time(&server);
    for _ in 0..16 {
        client.send(vec![b'A'; 64 * 1024]).expect("it reads on");
    }
    client.send(b"\r\n").expect("it reads on");
    client.hears("500");
    client.expect("NOOP", "200");
    let spent = process::processor_time(&server) - before;
    assert!(spent.as_secs() < 2, "{spent:?} for a megabyte");
}

/// CVE-2008-4242 (ProFTPD), CVE-2008-4247 (BSD): the rest of a line that was too long was the next command,
/// so that an address in a web page could give commands.
#[test]
fn the_rest_of_a_long_line_is_no_command() {
    let server = as_it_comes();
    fs::write(server.file("file"), b"x").expect("a file");
    let mut client = Client::logged_in(server.address);
    for length in [500, 512, 1023, 1024, 4091, 4096, 8187, 8192, 9 * 1024 - 5, 9 * 1024, 16 * 1024, 64 * 1024]
    {
        for separator in [" ", "", "\r", "\0"] {
            let line = format!("CWD {}{separator}DELE file", "/".repeat(length));
            let reply = in_step(&mut client, &line);
            assert!(reply.starts_with('5'), "{length}: {reply}");
            if client.ask("NOOP").is_empty() {
                client = Client::logged_in(server.address);
            }
        }
    }
    assert!(server.file("file").exists());
}

/// CVE-2025-47812 (Wing FTP's web pages): the name was cut at a NUL for the check, and not for what came after it.
/// CR and LF in names are the same for logs and replies.
#[test]
fn control_characters_in_names_are_refused_and_not_logged() {
    let server = as_it_comes();
    fs::write(server.file("file"), b"x").expect("a file");
    for name in [&b"mover\0"[..], b"mover\0--", b"\0mover", b"mo\rver"] {
        let mut client = Client::connect(server.address);
        let reply = client.ask([b"USER ", name].concat());
        assert!(reply.starts_with("500"), "{}: {reply}", name.escape_ascii());
        client.expect(format!("PASS {PASSWORD}"), "503");
    }
    let mut client = Client::connect(server.address);
    client.expect(b"USER \x1b[31mred\x07", "331");
    client.expect("PASS x", "530");
    client.log_in();
    client.expect("RNFR file", "350");
    for line in [&b"RNTO a\0b"[..], b"RNTO a\rb", b"RNTO a\r\0b", b"MKD \0", b"STOR a\0.txt"] {
        let reply = client.ask(line);
        assert!(reply.starts_with('5'), "{}: {reply}", line.escape_ascii());
    }
    assert_eq!(fs::read_dir(server.root()).expect("the root").count(), 1);
    let log = server.log();
    assert!(log.contains("[31mred"), "the refused login is in the log: {log}");
    let printed = log.bytes().all(|byte| byte == b'\n' || byte >= b' ');
    assert!(printed, "{}", log.escape_debug());
}

/// CVE-2000-0573 and its kin: what a client says is no format, in replies, listings or logs.
#[test]
fn percent_signs_stay_what_they_are() {
    let server = as_it_comes();
    let name = "%n%s%p%x%99999d%{x}$(x)";
    let mut client = Client::connect(server.address);
    client.expect(format!("USER {name}"), "331");
    client.expect(format!("PASS {name}"), "530");
    client.log_in();
    assert!(client.upload(format!("STOR {name}"), b"x").starts_with("226"));
    assert!(server.file(name).exists());
    let listed = String::from_utf8(client.download("NLST")).expect("text");
    assert_eq!(listed, format!("{name}\r\n"));
    client.expect(format!("MKD d{name}"), "257");
    client.expect(format!("CWD d{name}"), "250");
    assert!(client.expect("PWD", "257").contains(name));
    for line in [format!("SITE {name}"), format!("HELP {name}"), format!("OPTS {name}"), name.to_owned()] {
        in_step(&mut client, line);
    }
    assert!(server.log().contains("%n%s%p%x%99999d"), "{}", server.log());
}

/// CVE-2023-51713 (ProFTPD): a quote or a backslash at the end was read beyond.
#[test]
fn quotes_without_a_partner() {
    let server = as_it_comes();
    fs::write(server.file("file"), b"x").expect("a file");
    let mut client = Client::logged_in(server.address);
    for verb in [
        "XCRC",
        "XMD5",
        "XSHA256",
        "HASH",
        "MMD5",
        "COMB",
        "SITE SYMLINK",
        "SITE UTIME",
        "SITE CHMOD",
        "MFF",
        "MFMT",
        "OPTS",
        "LIST",
        "CLNT",
    ] {
        for argument in [
            "\"",
            "\\",
            "\"file",
            "file\"",
            "\"file\" \"",
            "\"\\\"",
            "\"\"\"",
            "'",
            "\"a\\",
            "file \\",
            "\" 0 1",
            "\"\"\"\"\"\" \"",
        ] {
            let line = format!("{verb} {argument}");
            client.say(&line);
            let reply = client.reply();
            assert!(!reply.is_empty(), "{line}: the connection ended");
            if reply.starts_with("150") {
                client.ask("ABOR");
            }
            client = if reply.starts_with('5') || reply.starts_with('4') {
                client
            } else {
                Client::logged_in(server.address)
            };
            client.expect("NOOP", "200");
        }
    }
    still_serves(server.address);
}

/// CVE-2008-2375 and user lists by timing or text: an unknown user and a wrong password look alike.
#[test]
fn unknown_users_hear_what_known_ones_hear() {
    let server = as_it_comes();
    let hear = |user: &str| {
        let mut client = Client::connect(server.address);
        [client.ask(format!("USER {user}")), client.ask("PASS wrong"), client.ask("PWD")]
    };
    let known = hear(USER);
    for unknown in ["nobody", "root", "Mover", "mover ", "anonymous", "%00", "'; DROP TABLE users; --"] {
        assert_eq!(hear(unknown), known, "{unknown}");
    }
}
