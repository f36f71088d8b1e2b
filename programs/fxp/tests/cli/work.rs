//! The commands at work, between two real servers.

use fxp_store::account::Rights;
use serde_json::Value;

use crate::servers::{Kind, PASSWORD, Server};
use crate::{Machine, Ran};

fn pair(kind: Kind) -> (Server, Server, Machine) {
    let (source, destination) = (Server::start(2, kind), Server::start(3, kind));
    let machine = Machine::that_knows(&[&source, &destination]);
    (source, destination, machine)
}

fn ok(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
}

fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("one object per line")).collect()
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}

#[test]
fn a_tree_goes_from_server_to_server_once() {
    for (kind, tls, assurance) in [(Kind::PLAIN, "off", "clear"), (Kind::TLS, "require", "mutual")] {
        let (source, destination, machine) = pair(kind);
        source.put("d/one.bin", &[7; 100_000]);
        source.put("d/e/two words", b"two");
        let arguments = ["--json", "--tls", tls, "cp", "-r", &source.url("d"), &destination.url("")];

        let first = machine.run(&arguments);
        ok(&first);
        assert_eq!(first.stderr, "");
        let told = events(&first);
        assert_eq!(of_kind(&told, "planned")[0]["files"], 2);
        assert!(!of_kind(&told, "planned")[0]["ladder"].as_array().expect("a list").is_empty());
        assert_eq!(of_kind(&told, "started").len(), 2);
        for done in of_kind(&told, "done") {
            assert_eq!(done["route"], "direct", "{done}");
            assert_eq!(done["assurance"], assurance, "{done}");
            assert!(done["digest"].is_string(), "{done}");
        }
        let summary = told.last().expect("events");
        assert_eq!(summary["event"], "summary");
        assert_eq!(summary["files"], 2);
        assert_eq!(summary["bytes"], 100_003);
        assert_eq!(summary["payload_through_client"], 0);
        let achieved = summary["assurances"].as_array().expect("a list");
        assert_eq!(achieved.len(), 1, "{summary}");
        assert_eq!((&achieved[0]["assurance"], &achieved[0]["files"]), (&assurance.into(), &2.into()));
        let words = if assurance == "clear" { "anybody on the way" } else { "both servers proved" };
        let meaning = achieved[0]["meaning"].as_str().expect("a sentence");
        assert!(meaning.starts_with(words), "{meaning}");
        assert_eq!(destination.get("d/one.bin"), Some(vec![7; 100_000]));
        assert_eq!(destination.get("d/e/two words"), Some(b"two".to_vec()));

        let again = machine.run(&arguments);
        ok(&again);
        let summary = events(&again).pop().expect("events");
        assert_eq!((&summary["files"], &summary["unchanged"]), (&0.into(), &2.into()), "{summary}");
    }
}

#[test]
fn a_person_is_told_route_method_assurance_and_verification() {
    let (source, destination, machine) = pair(Kind::TLS);
    source.put("x", b"hello");
    let ran = machine.run(&["cp", &source.url("x"), &destination.url("y")]);
    ok(&ran);
    assert_eq!(ran.stdout, "", "everything but data goes to stderr");
    for words in
        ["Copied 1 file, 5 bytes", "direct, 0 bytes through this machine", "cpsv", "mutual:", "SHA-256"]
    {
        assert!(ran.stderr.contains(words), "no {words:?} in:\n{}", ran.stderr);
    }
    let quiet = machine.run(&["-q", "cp", &source.url("x"), &destination.url("z")]);
    ok(&quiet);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn a_dry_run_shows_plan_and_ladder_and_copies_nothing() {
    let (source, destination, machine) = pair(Kind::TLS);
    source.put("d/x", b"hello");
    let ran = machine.run(&["cp", "-n", "-r", &source.url("d"), &destination.url("")]);
    ok(&ran);
    for words in ["1 file, 5 bytes to copy", "ladder", "1. ", "x"] {
        assert!(ran.stdout.contains(words), "no {words:?} in:\n{}", ran.stdout);
    }
    assert_eq!(destination.get("d/x"), None);
    assert!(!destination.file("d").exists());
}

#[test]
fn single_places_are_listed_shown_made_moved_and_deleted() {
    let (source, _, machine) = pair(Kind::TLS);
    source.put("d/b.txt", b"bee\n");
    source.put("d/a.txt", b"ay\n");
    source.put("d/.hidden", b"");
    source.put("d/sub/c.txt", b"sea\n");

    let listed = machine.run(&["ls", &source.url("d")]);
    ok(&listed);
    assert_eq!(listed.stdout, "a.txt\nb.txt\nsub/\n");
    assert_eq!(machine.run(&["ls", "-a", &source.url("d")]).stdout, ".hidden\na.txt\nb.txt\nsub/\n");
    let long = machine.run(&["ls", "-l", &source.url("d/b.txt")]);
    assert!(long.stdout.starts_with('-') && long.stdout.contains(" 4  2"), "{}", long.stdout);
    let told = events(&machine.run(&["ls", "--json", &source.url("d")]));
    let entries = of_kind(&told, "entry");
    assert_eq!(entries[0]["name"], "a.txt");
    assert_eq!(entries[0]["size"], 3);
    assert_eq!(entries[2]["kind"], "directory");

    let shown = machine.run(&["cat", &source.url("d/a.txt"), &source.url("d/b.txt")]);
    ok(&shown);
    assert_eq!(shown.stdout, "ay\nbee\n");

    ok(&machine.run(&["mkdir", "-p", &source.url("n/m")]));
    assert!(source.file("n/m").is_dir());
    ok(&machine.run(&["mv", &source.url("d/a.txt"), &source.url("n/m/moved.txt")]));
    assert_eq!(source.get("n/m/moved.txt"), Some(b"ay\n".to_vec()));
    assert_eq!(source.get("d/a.txt"), None);

    let refused = machine.run(&["rm", &source.url("d")]);
    assert_ne!(refused.code, Some(0), "a directory needs -r");
    assert!(source.file("d/b.txt").exists());
    let removed = machine.run(&["rm", "-r", &source.url("d"), &source.url("n")]);
    ok(&removed);
    assert!(!source.file("d").exists() && !source.file("n").exists());
    assert!(removed.stderr.contains("Deleted 4 files and 4 directories"), "{}", removed.stderr);
}

#[test]
fn one_place_that_fails_does_not_keep_the_others() {
    let (source, _, machine) = pair(Kind::TLS);
    source.put("a", b"ay");
    source.put("b", b"bee");
    let (a, b, c) = (source.url("a"), source.url("b"), source.url("c"));
    let rows: [(&[&str], i32, &str); 6] = [
        (&["cat", &a, &c, &b], 1, "aybee"),
        (&["cat", &c, &c], 3, ""),
        (&["ls", &a, &c, &b], 1, "a\nb\n"),
        (&["mkdir", &a, &source.url("d")], 1, ""),
        (&["rm", &a, &c, &b], 1, ""),
        (&["rm", &a, &c], 3, ""),
    ];
    for (arguments, code, stdout) in rows {
        let ran = machine.run(arguments);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (Some(code), stdout),
            "fxp {arguments:?}\n{}",
            ran.stderr
        );
    }
    assert_eq!((source.get("a"), source.get("b")), (None, None));
    assert!(source.file("d").is_dir());
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let (source, _, machine) = pair(Kind::TLS);
    source.put("large", &vec![b'x'; 5_000_000]);
    for arguments in [["cat", &source.url("large")], ["ls", &source.url("")]] {
        let mut command = machine.command(&arguments);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let ran = Ran::from(command.stdout(writer).output().expect("fxp starts"));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "fxp {arguments:?}");
    }
}

#[test]
fn between_servers_a_move_leaves_the_source_empty() {
    let (source, destination, machine) = pair(Kind::TLS);
    source.put("x", b"hello");
    ok(&machine.run(&["mv", &source.url("x"), &destination.url("x")]));
    assert_eq!((source.get("x"), destination.get("x")), (None, Some(b"hello".to_vec())));
}

#[test]
fn files_of_this_machine_go_up_and_down() {
    let (server, _, machine) = pair(Kind::TLS);
    let (here, back) = (machine.home().join("here"), machine.home().join("back"));
    std::fs::write(&here, b"from here").expect("the file can be written");
    ok(&machine.run(&["cp".as_ref(), here.as_os_str(), server.url("up").as_ref()]));
    assert_eq!(server.get("up"), Some(b"from here".to_vec()));
    ok(&machine.run(&["cp".as_ref(), server.url("up").as_ref(), back.as_os_str()]));
    assert_eq!(std::fs::read(&back).expect("the file is here"), b"from here");
}

#[test]
fn sites_are_short_for_servers() {
    let (source, destination, machine) = pair(Kind::TLS);
    source.put("pub/x", b"hello");
    ok(&machine.run(&["site", "add", "from", &source.url("pub")]));
    ok(&machine.run(&["site", "add", "to", &destination.url("")]));
    ok(&machine.run(&["cp", "from:x", "to:y"]));
    assert_eq!(destination.get("y"), Some(b"hello".to_vec()));

    let facts = machine.run(&["site", "test", "from"]);
    ok(&facts);
    for words in ["TLS 1.3", "fingerprint", "CPSV", source.fingerprint.as_deref().expect("TLS")] {
        assert!(facts.stdout.contains(words), "no {words:?} in:\n{}", facts.stdout);
    }
    let told = events(&machine.run(&["--json", "site", "test", "from"]));
    let facts = of_kind(&told, "facts")[0];
    assert_eq!(facts["verified"], "pinned", "{facts}");
    assert_eq!(facts["server"], source.address.to_string(), "{facts}");
}

#[test]
fn passwords_come_from_many_places_and_are_never_shown() {
    let server = Server::start(2, Kind::TLS);
    server.put("x", b"hello");
    let place = server.url("x");
    let shown = |machine: &Machine, extra: &[&str], variable: Option<&str>| {
        let mut command = machine.command(&[&["-v", "cat", &place], extra].concat());
        if let Some(value) = variable {
            command.env("FXP_PASSWORD", value);
        }
        let ran = Ran::from(command.output().expect("fxp starts"));
        assert!(!ran.stderr.contains("sesame"), "the password is shown:\n{}", ran.stderr);
        assert!(ran.stderr.contains("PASS ****") || ran.code == Some(5), "{}", ran.stderr);
        (ran.code, ran.stdout)
    };
    let (good, bad) = ((Some(0), "hello".to_owned()), (Some(5), String::new()));
    let machine = Machine::that_knows(&[&server]);
    assert_eq!(shown(&machine, &[], None), good, "netrc");
    assert_eq!(shown(&machine, &[], Some("wrong")), good, "netrc goes before the variable");

    std::fs::remove_file(machine.home().join(".netrc")).expect("the netrc is there");
    assert_eq!(shown(&machine, &[], None), bad, "nobody knows it and nobody can be asked");
    assert_eq!(shown(&machine, &[], Some(PASSWORD)), good, "the variable");
    assert_eq!(shown(&machine, &[], Some("open sesame?")), bad, "the wrong variable");
    let command = format!("test $FXP_USER@$FXP_HOST = ann@127.0.0.2 && echo '{PASSWORD}'");
    assert_eq!(shown(&machine, &["--password-command", &command], Some("wrong")), good, "a command");
}

#[test]
fn a_netrc_that_others_can_read_is_worth_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::start(2, Kind::TLS);
    let machine = Machine::that_knows(&[&server]);
    let list = || {
        let ran = machine.run(&["ls", &server.url("")]);
        ok(&ran);
        ran.stderr
    };
    assert_eq!(list(), "");
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(machine.home().join(".netrc"), open).expect("the mode can be changed");
    assert!(list().contains("chmod 600"));
}

#[test]
fn an_unknown_certificate_is_an_error_that_says_what_to_type() {
    let server = Server::start(2, Kind::TLS);
    let machine = Machine::new();
    machine.write_netrc(PASSWORD);
    let refused = machine.run(&["ls", &server.url("")]);
    assert_eq!(refused.code, Some(6), "{}", refused.stderr);
    let line = refused.stderr.lines().find_map(|line| line.split_once("fxp trust add "));
    let (_, rest) = line.unwrap_or_else(|| panic!("no command to type in:\n{}", refused.stderr));
    let words: Vec<&str> = rest.split([' ', '`', '\'']).take(2).collect();
    assert_eq!(words, [server.address.to_string().as_str(), server.fingerprint.as_deref().expect("TLS")]);
    ok(&machine.run(&["trust", "add", words[0], words[1]]));
    ok(&machine.run(&["ls", &server.url("")]));
}

#[test]
fn every_failure_has_its_exit_code() {
    let (source, destination) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let closed = [4, 8].map(|last| Server::start(last, Kind { fxp: false, ..Kind::TLS }));
    let read_only = Server::start(5, Kind { rights: Rights::READ_ONLY, ..Kind::TLS });
    let in_clear = Server::start(6, Kind::PLAIN);
    let machine = Machine::that_knows(&[&source, &destination, &closed[0], &closed[1], &read_only]);
    source.put("x", b"hello");
    closed[0].put("x", b"hello");
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.7:0").expect("a port");
        format!("ftp://ann@{}/", listener.local_addr().expect("an address"))
    };
    let (x, missing) = (source.url("x"), source.url("missing"));
    let rows: [(i32, &[&str], &str); 11] = [
        (3, &["cp", &missing, &destination.url("")], "missing"),
        (3, &["cat", &missing], "missing"),
        (3, &["ls", &missing], "missing"),
        (4, &["cp", &x, &read_only.url("")], "destination"),
        (6, &["--tls", "require", "ls", &in_clear.url("")], "TLS"),
        (6, &["ls", &in_clear.url("")], "--tls off"),
        (7, &["ls", &nobody], "127.0.0.7"),
        (8, &["cp", &closed[0].url("x"), &closed[1].url("")], "--via relay"),
        (
            6,
            &["--tls", "off", "cp", "--secure", "prefer", "--assurance", "mutual", &x, &in_clear.url("")],
            "control connection is in clear",
        ),
        (
            6,
            &["cp", "--assurance", "encrypted", "--secure", "off", &x, &destination.url("")],
            "forbids clear data",
        ),
        (2, &["cp", "nosuchsite:x", &destination.url("")], "nosuchsite"),
    ];
    for (code, arguments, word) in rows {
        let ran = machine.run(arguments);
        assert_eq!(ran.code, Some(code), "fxp {arguments:?}\n{}", ran.stderr);
        assert!(ran.stderr.contains("error:"), "fxp {arguments:?}\n{}", ran.stderr);
        assert!(ran.stderr.contains(word), "fxp {arguments:?} does not say {word:?}:\n{}", ran.stderr);
    }
    // What is forbidden between the servers is possible through this machine, if one says so.
    let relayed = machine.run(&["cp", "--via", "auto", &closed[0].url("x"), &closed[1].url("")]);
    ok(&relayed);
    assert_eq!(closed[1].get("x"), Some(b"hello".to_vec()));
    assert!(relayed.stderr.contains("relay"), "the fallback is told:\n{}", relayed.stderr);
}

#[test]
fn ctrl_c_ends_an_endless_wait() {
    let machine = Machine::that_knows(&[]);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = format!("ftp://ann@{}/", silent.local_addr().expect("an address"));
    let mut command = machine.command(&["ls", &place]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("fxp starts");
    // Once it is connected it waits for a greeting that never comes.
    silent.set_nonblocking(true).expect("the listener can be polled");
    let _connection = loop {
        match silent.accept() {
            Ok(connection) => break connection,
            Err(_) if child.try_wait().expect("fxp can be watched").is_none() => std::thread::yield_now(),
            Err(_) => panic!("fxp ended before it connected"),
        }
    };
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill runs").success());
    let ran = Ran::from(child.wait_with_output().expect("fxp ends"));
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
}

#[test]
fn a_report_tells_what_is_not_proven_and_what_failed() {
    let (source, destination, machine) = pair(Kind::TLS);
    source.put("d/a", b"one");
    source.put("d/b", b"two");
    let report = machine.home().join("report.json");
    let file = report.to_str().expect("UTF-8");
    let read = || -> Value {
        serde_json::from_slice(&std::fs::read(&report).expect("a report")).expect("one JSON object")
    };
    let arguments = ["cp", "-r", "--report", file, "--verify"];
    ok(&machine.run(&[&arguments[..], &["size", &source.url("d"), &destination.url("")]].concat()));
    let told = read();
    assert_eq!((&told["program"], &told["error"]), (&"fxp".into(), &Value::Null));
    let events = told["events"].as_array().expect("a list");
    assert_eq!(of_kind(events, "done").len(), 2, "only the sizes were compared: {told}");
    assert_eq!((&told["summary"]["files"], &told["summary"]["unproven"]), (&2.into(), &2.into()));

    let ran = machine.run(&[&arguments[..], &["auto", &source.url("none"), &destination.url("")]].concat());
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let told = read();
    assert_eq!((&told["summary"], &told["error"]["exit_code"]), (&Value::Null, &3.into()));

    let refused = machine.run(&["cp", "--report", "/nowhere/r", &source.url("d/a"), &destination.url("x")]);
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    assert_eq!(destination.get("x"), None, "nothing was done");
}
