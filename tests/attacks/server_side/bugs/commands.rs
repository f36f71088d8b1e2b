//! Commands that did more than they should, or for others than they should.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::super::stage::as_it_comes;
use super::super::wire::Client;
use super::{fxpd, in_step, process, still_serves, user};

/// CVE-1999-0082: `CWD ~root` gave the rights of root, before PASS as we take it.
#[test]
fn nobody_is_in_before_pass() {
    let server = as_it_comes();
    fs::write(server.file("file"), b"x").expect("a file");
    for name in ["root", "mover", "anonymous"] {
        let mut client = Client::connect(server.address);
        for line in
            [format!("USER {name}"), "CWD ~root".to_owned(), format!("CWD ~{name}"), "PASS wrong".to_owned()]
        {
            client.ask(line);
        }
        for line in [
            "CWD ~root",
            "PWD",
            "PASV",
            "EPSV",
            "PORT 127,0,0,1,200,0",
            "LIST",
            "RETR file",
            "STOR planted",
            "DELE file",
            "MKD planted",
            "SIZE file",
            "RNFR file",
            "SITE CHMOD 777 file",
            "SITE CPFR file",
            "STAT file",
            "MLST file",
            "HASH file",
            "COMB a file",
            "MFMT 20200101000000 file",
        ] {
            // A stranger may be wrong only so many times. What is not served is not understood either.
            let reply = client.ask(line);
            let refused = ["530", "500", "421"].iter().any(|code| reply.starts_with(code));
            assert!(refused, "{name}, {line}: {reply}");
            if reply.starts_with("421") {
                client = Client::connect(server.address);
            }
        }
    }
    assert_eq!(fs::read_dir(server.root()).expect("the root").count(), 1);
}

/// CVE-1999-0080, CVE-1999-0955, CVE-2000-0573: SITE EXEC ran programs, and its argument as a format.
#[test]
fn nothing_is_executed() {
    let server = as_it_comes();
    let mut client = Client::logged_in(server.address);
    let proof = server.file("executed");
    let touch = format!("touch {}", proof.display());
    for line in [
        format!("SITE EXEC {touch}"),
        format!("SITE EXEC ../../bin/sh -c '{touch}'"),
        "SITE EXEC %p%p%p%p".to_owned(),
        "SITE EXEC %n%n%n%n".to_owned(),
        format!("SITE INDEX {touch}"),
        format!("SITE CHMOD 755 `{touch}`"),
        format!("LIST $({touch})"),
        format!("LIST |{touch}"),
        format!("RETR |{touch}"),
        format!("STAT ;{touch}"),
        format!("SITE UTIME 20200101000000 ;{touch}"),
    ] {
        let reply = in_step(&mut client, &line);
        assert!(matches!(&reply[..1], "4" | "5"), "{line}: {reply}");
        assert_eq!(process::children(&server), 0, "{line}");
    }
    assert!(!proof.exists());
}

/// CVE-2010-3867: ProFTPD's mod_site_misc made, removed and dated things outside of the user's root.
#[test]
fn site_commands_stay_beneath_the_root() {
    let server = as_it_comes();
    let outside = TempDir::new().expect("a folder");
    let secret = outside.path().join("secret");
    fs::write(&secret, b"outside").expect("a file");
    let before = fs::metadata(&secret).expect("a file");
    let up = "../".repeat(20);
    let mut client = Client::logged_in(server.address);
    let path = secret.display().to_string();
    client.expect(format!("SITE SYMLINK {path} absolute"), "200");
    client.expect(format!("SITE SYMLINK {up}{} relative", &path[1..]), "200");
    client.expect(format!("SITE SYMLINK {} folder", outside.path().display()), "200");
    for target in [&path, &format!("{up}{}", &path[1..]), "absolute", "relative", "folder/secret"] {
        for line in [
            format!("SITE CHMOD 777 {target}"),
            format!("SITE UTIME 20200101000000 {target}"),
            format!("MFMT 20200101000000 {target}"),
            format!("MFF UNIX.mode=777; {target}"),
            format!("SIZE {target}"),
            format!("HASH {target}"),
        ] {
            let reply = in_step(&mut client, &line);
            assert!(reply.starts_with('5'), "{line}: {reply}");
        }
        assert!(!client.upload(format!("STOR {target}"), b"planted").starts_with("226"), "{target}");
    }
    for line in [
        "MKD folder/planted",
        "SITE MKDIR ../../planted",
        "SITE SYMLINK x folder/planted",
        "RMD folder/.",
        "DELE folder/secret",
    ] {
        let reply = in_step(&mut client, line);
        assert!(reply.starts_with('5'), "{line}: {reply}");
    }
    assert_eq!(fs::read(&secret).expect("the file"), b"outside");
    let after = fs::metadata(&secret).expect("a file");
    assert_eq!(after.permissions().mode(), before.permissions().mode());
    assert_eq!(after.modified().expect("a time"), before.modified().expect("a time"));
    assert_eq!(fs::read_dir(outside.path()).expect("the folder").count(), 1);
}

/// CVE-2015-3306, CVE-2019-12815: SITE CPFR and CPTO copied for strangers, and for readers.
#[test]
fn who_may_only_read_changes_nothing_in_any_way() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("file"), b"as it was").expect("a file");
    fs::create_dir(folder.path().join("empty")).expect("a folder");
    let server = fxpd("", &user("reader", folder.path(), "rights = \"read_only\""));
    let mut client = Client::connect(server.address);
    client.log_in_as("reader", fxp_testkit::daemon::PASSWORD);
    for line in [
        "SITE CPFR file",
        "SITE CPTO copy",
        "SITE COPY file copy",
        "COMB copy file",
        "COMB file file",
        "DELE file",
        "RMD empty",
        "MKD planted",
        "RNTO renamed",
        "SITE CHMOD 777 file",
        "SITE UTIME 20200101000000 file",
        "SITE SYMLINK file link",
        "MFMT 20200101000000 file",
        "MDTM 20200101000000 file",
        "MFF modify=20200101000000; file",
    ] {
        let reply = in_step(&mut client, line);
        assert!(reply.starts_with('5'), "{line}: {reply}");
    }
    // RNFR alone changes nothing; what follows would.
    client.ask("RNFR file");
    assert!(client.ask("RNTO renamed").starts_with('5'));
    for line in ["STOR file", "STOR planted", "APPE file", "STOU"] {
        assert!(!client.upload(line, b"planted").starts_with("226"), "{line}");
    }
    assert_eq!(client.download("RETR file"), b"as it was");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 2);
    assert_eq!(fs::read(folder.path().join("file")).expect("the file"), b"as it was");
}

/// CVE-2011-2523: the vsftpd 2.3.4 that somebody had put a back door into opened port 6200 for `USER x:)`.
#[test]
fn a_smile_opens_no_door() {
    let server = as_it_comes();
    let before = process::listening(&server);
    assert_eq!(before.len(), 1, "{before:?}");
    for name in ["x:)", ":)", "mover:)", "ACIDBITCHEZ"] {
        let mut client = Client::connect(server.address);
        client.expect(format!("USER {name}"), "331");
        client.expect("PASS x", "530");
        client.ask("HELP ACIDBITCHEZ");
    }
    assert_eq!(process::listening(&server), before);
    assert_eq!(process::children(&server), 0);
}

/// Half-open FXP: each PASV left its port open until the next transfer, and nobody came.
#[test]
fn a_thousand_passive_ports_are_one() {
    let server = as_it_comes();
    let before = process::listening(&server).len();
    let mut client = Client::logged_in(server.address);
    for _ in 0..500 {
        client.passive();
        client.expect("EPSV", "229");
    }
    super::super::stage::until("one port", || process::listening(&server).len() == before + 1);
    client.expect("NOOP", "200");
    drop(client);
    super::super::stage::until("no port", || process::listening(&server).len() == before);
}

/// ASCII mode: the size of what would be sent can only be found out by reading all of it (RFC 3659, 4).
#[test]
fn sizes_are_not_counted_in_ascii_mode() {
    let server = as_it_comes();
    let huge = fs::File::create(server.file("huge")).expect("a file");
    huge.set_len(10 << 30).expect("ten sparse gigabytes");
    let mut client = Client::logged_in(server.address);
    client.expect("SIZE huge", "213 10737418240");
    client.expect("TYPE A", "200");
    let before = process::processor_time(&server);
    for _ in 0..50 {
        client.expect("SIZE huge", "550");
    }
    let spent = process::processor_time(&server) - before;
    assert!(spent.as_millis() < 2000, "{spent:?}");
    client.passive();
    let replies = [client.ask("REST 5"), client.ask("RETR huge")];
    assert!(replies.iter().any(|reply| reply.starts_with('5')), "{replies:?}");
}

/// CVE-2021-40524: the ceiling for a file's size, of Pure-FTPD's quota, did not hold. There are no quotas here, but a
/// hole of a terabyte is not made either.
#[test]
fn rest_makes_no_holes() {
    let server = as_it_comes();
    fs::write(server.file("file"), b"12345").expect("a file");
    let mut client = Client::logged_in(server.address);
    for (rest, command) in
        [("REST 1000000000000", "STOR file"), ("REST 6", "STOR file"), ("REST 1000000000000", "STOR new")]
    {
        client.expect(rest, "350");
        let reply = client.upload(command, b"x");
        assert!(reply.starts_with('5'), "{rest}, {command}: {reply}");
    }
    assert_eq!(fs::read(server.file("file")).expect("the file"), b"12345");
    assert!(!server.file("new").exists());
    still_serves(server.address);
}
