//! `fxp cp --to`: one source, several destinations.

use serde_json::Value;

use crate::Machine;
use crate::servers::{Kind, Server};

#[test]
fn every_destination_gets_every_file_and_the_summary_tells_who_sent_what() {
    let (source, servers, machine) = world();
    let to: Vec<String> = servers.iter().map(|server| server.url("")).collect();
    let typed = ["--json", "cp", "-r", &source.url("d"), &to[0], "--to", &to[1], "--to", &to[2]];
    let ran = machine.run(&typed);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    for server in &servers {
        assert_eq!(server.get("d/one"), Some(vec![1; 5000]));
        assert_eq!(server.get("d/e/two"), Some(vec![2; 7000]));
    }
    let events: Vec<Value> = events(&ran.stdout);
    let feeds: Vec<&Value> = of_kind(&events, "feeds");
    assert_eq!(feeds[0]["from"], source.address.to_string());
    let told: Vec<&Value> = of_kind(&events, "server");
    assert_eq!(told.len(), 4, "the source and three destinations");
    let sent: u64 = told.iter().map(|server| server["sent"].as_u64().expect("a number")).sum();
    assert_eq!(sent, 6);
    assert!(told[0]["sent"].as_u64() <= Some(4), "two copies of each file: {}", told[0]);
    for server in &told[1..] {
        assert_eq!((&server["files"], &server["bytes"]), (&2.into(), &12_000.into()), "{server}");
        let came = server["came"].as_array().expect("a list");
        assert_eq!(came.iter().filter_map(|came| came["files"].as_u64()).sum::<u64>(), 2, "{server}");
        for came in came {
            assert_eq!(came["assurance"], "mutual", "{server}");
            assert!(told.iter().any(|giver| giver["place"] == came["from"] && giver != server), "{server}");
        }
    }

    let again = machine.run(&["cp", "-r", &source.url("d"), &to[0], "--to", &to[1], "--to", &to[2]]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(again.stderr.contains("6 there already and equal"), "{}", again.stderr);
}

#[test]
fn one_destination_that_lacks_something_is_told_by_the_exit_code() {
    let (source, servers, machine) = world();
    let (first, second) = (servers[0].url(""), servers[1].url(""));
    // Nobody listens there.
    let dead = "ftp://ann@127.0.0.99:9/";
    let ran =
        machine.run(&["cp", "-r", "--retries", "0", &source.url("d"), &first, "--to", dead, "--to", &second]);
    assert_eq!(ran.code, Some(1), "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("127.0.0.99:9"), "{}", ran.stderr);
    assert!(ran.stderr.contains("given up"), "{}", ran.stderr);
    for server in &servers[..2] {
        assert_eq!(server.get("d/e/two"), Some(vec![2; 7000]));
    }
    let moved = machine.run(&["mv", &source.url("d"), &first, "--to", &second]);
    assert_eq!(moved.code, Some(2), "a move has one destination: {}", moved.stderr);
}

#[test]
fn each_destination_has_its_lines_in_the_manifest_and_its_record_in_the_report() {
    let (source, servers, machine) = world();
    let to: Vec<String> = servers.iter().map(|server| server.url("x/")).collect();
    // One has a file already.
    assert_eq!(machine.run(&["cp", "-r", "--exclude", "two", &source.url("d/"), &to[1]]).code, Some(0));
    let [manifest, report] =
        ["m.jsonl", "r.json"].map(|name| machine.home().join(name).display().to_string());
    let papers = ["cp", "-r", "--manifest", &manifest, "--report", &report];
    let places = [&source.url("d/"), &to[0], "--to", &to[1], "--to", &to[2]];
    let ran = machine.run(&[&papers[..], &places[..]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    let lines = events(&std::fs::read_to_string(&manifest).expect("a manifest"));
    assert_eq!(lines.len(), 6, "{lines:?}");
    for (number, server) in servers.iter().enumerate() {
        let place = server.address.to_string();
        let mut of_it: Vec<&Value> =
            lines.iter().filter(|line| line["destination"] == place.as_str()).collect();
        of_it.sort_by_key(|line| line["path"].to_string());
        let told: Vec<_> = of_it.iter().map(|line| (&line["path"], &line["size"])).collect();
        assert_eq!(told, [(&"e/two".into(), &7000.into()), (&"one".into(), &5000.into())], "{place}");
        for line in of_it {
            let stood = number == 1 && line["path"] == "one";
            assert_eq!(line["unchanged"] == "time", stood, "{line}");
            assert_eq!(line["digest"].is_null(), stood, "{line}");
        }
        let checked = machine.run(&["check", "--manifest", &manifest, &to[number]]);
        assert_eq!(checked.code, Some(0), "{}", checked.stdout);
    }
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(&report).expect("a report")).expect("JSON");
    assert_eq!(report["to"].as_array().map(Vec::len), Some(2));
    let told = report["servers"].as_array().expect("a list");
    let counts = told.iter().map(|server| [&server["files"], &server["unchanged"]].map(Value::as_u64));
    let expected = [(0, 0), (2, 0), (1, 1), (2, 0)].map(|(files, there)| [Some(files), Some(there)]);
    assert_eq!(counts.collect::<Vec<_>>(), expected);
    assert_eq!(report["summary"]["files"], 5);
}

fn world() -> (Server, Vec<Server>, Machine) {
    let source = Server::start(2, Kind::TLS);
    let servers: Vec<Server> = (30..33).map(|last| Server::start(last, Kind::TLS)).collect();
    source.put("d/one", &[1; 5000]);
    source.put("d/e/two", &[2; 7000]);
    let known: Vec<&Server> = std::iter::once(&source).chain(&servers).collect();
    let machine = Machine::that_knows(&known);
    (source, servers, machine)
}

fn events(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).expect("one object per line")).collect()
}

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == kind).collect()
}
