//! Copies are jobs: they are listed, stopped, continued, dropped, and sent into the background.

use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::servers::{Kind, Server};
use crate::{Machine, Ran};

/// As long as the slowest machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn what_failed_is_listed_continued_and_then_done() {
    let (source, destination) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let machine = Machine::that_knows(&[&source, &destination]);
    source.put("d/good", b"good");
    source.put("d/bad", b"bad");
    destination.put("d/bad/in the way", b"x");
    let ran = machine.run(&["cp", "-r", &source.url("d"), &destination.url("")]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);

    let listed = one_job(&machine, "resume");
    assert_eq!(
        (&listed["id"], &listed["state"], &listed["pid"]),
        (&1.into(), &"failed".into(), &Value::Null)
    );
    assert!(listed["why"].as_str().is_some_and(|why| why.contains("is a directory")), "{listed}");
    let command = format!("cp -r {} {}", source.url("d"), destination.url(""));
    assert_eq!(listed["command"], command.as_str());
    let seen = machine.run(&["resume"]);
    assert!(seen.stdout.contains("failed") && seen.stdout.contains(&command), "{}", seen.stdout);

    std::fs::remove_dir_all(destination.file("d/bad")).expect("removed");
    let resumed = machine.run(&["--json", "resume", "1"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stdout);
    let summary = events(&resumed).pop().expect("events");
    assert_eq!((&summary["event"], &summary["files"]), (&"summary".into(), &1.into()), "{summary}");
    assert_eq!(destination.get("d/bad"), Some(b"bad".to_vec()));
    assert_eq!(one_job(&machine, "jobs")["state"], "done");
    let left = machine.run(&["resume"]);
    assert!(left.stdout.is_empty() && left.stderr.contains("Nothing is left"), "{}", left.stderr);
}

#[test]
fn the_same_command_in_the_same_directory_is_the_same_job() {
    let destination = Server::start(3, Kind::TLS);
    let machine = Machine::that_knows(&[&destination]);
    let (here, there) = (machine.home().join("here"), machine.home().join("there"));
    for directory in [&here, &there] {
        std::fs::create_dir(directory).expect("made");
    }
    destination.put("taken/x", b"x");
    std::fs::write(here.join("taken"), b"mine").expect("written");
    std::fs::write(there.join("taken"), b"other").expect("written");
    let target = format!("{}taken", destination.url(""));
    // A directory is in the way of both, as `-r` is not typed and the name is.
    let copy = |directory| {
        let mut command = machine.command(&["cp", "taken", &format!("{target}/x/")]);
        Ran::from(command.current_dir(directory).output().expect("fxp starts")).code
    };
    for directory in [&here, &there, &here] {
        assert_ne!(copy(directory), Some(0));
    }
    // Nothing was begun, and nothing would be: such a command is no job.
    assert_eq!(machine.run(&["--json", "jobs"]).stdout, "");

    std::fs::remove_file(destination.file("taken/x")).expect("removed");
    std::fs::create_dir_all(destination.file("taken/x/taken")).expect("made");
    for (directory, jobs) in [(&here, 1), (&there, 2), (&here, 2)] {
        assert_ne!(copy(directory), Some(0));
        assert_eq!(events(&machine.run(&["--json", "jobs"])).len(), jobs);
    }
    std::fs::remove_dir(destination.file("taken/x/taken")).expect("removed");
    let numbers: Vec<i64> = events(&machine.run(&["--json", "resume"]))
        .iter()
        .filter(|job| job["directory"] == here.to_str().expect("UTF-8"))
        .map(|job| job["id"].as_i64().expect("a number"))
        .collect();
    let resumed = machine.run(&["resume", &numbers[0].to_string()]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert_eq!(destination.get("taken/x/taken"), Some(b"mine".to_vec()), "the path was seen from there");
}

#[test]
fn a_job_is_dropped_and_an_unknown_one_is_an_error() {
    let (source, destination) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let machine = Machine::that_knows(&[&source, &destination]);
    source.put("d/bad", b"bad");
    destination.put("d/bad/in the way", b"x");
    assert_ne!(machine.run(&["cp", "-r", &source.url("d"), &destination.url("")]).code, Some(0));
    let dropped = machine.run(&["resume", "--forget", "1"]);
    assert_eq!(dropped.code, Some(0), "{}", dropped.stderr);
    assert_eq!(machine.run(&["--json", "jobs"]).stdout, "");
    for arguments in [["resume", "1"].as_slice(), &["resume", "--forget", "1"], &["jobs", "--stop", "1"]] {
        let ran = machine.run(arguments);
        assert_eq!(ran.code, Some(3), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("there is no job 1"), "{}", ran.stderr);
    }
}

#[test]
fn a_running_job_is_seen_and_stopped_and_a_killed_one_is_interrupted() {
    let machine = Machine::new();
    machine.write_netrc("x");
    let silent = Silent::new();
    let copy = ["cp", silent.url.as_str(), "file"];
    let mut running = Running::start(&machine, &copy);
    let job = until(&machine, "a job", |job| job["state"] == "running");
    assert_eq!(job["pid"], running.0.id());
    let again = machine.run(&["resume", "1"]);
    assert_eq!(again.code, Some(2), "{}", again.stderr);
    assert!(again.stderr.contains("job 1 is running, as process"), "{}", again.stderr);
    let stopped = machine.run(&["jobs", "--stop", "1"]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert_eq!(running.0.wait().expect("it ends").code(), Some(130));
    assert_eq!(one_job(&machine, "jobs")["state"], "interrupted");

    let mut running = Running::start(&machine, &copy);
    let job = until(&machine, "the same job", |job| job["state"] == "running");
    assert_eq!(job["id"], 1);
    running.0.kill().expect("killed");
    running.0.wait().expect("it ends");
    assert_eq!(one_job(&machine, "resume")["state"], "interrupted");
    let stopped = machine.run(&["jobs", "--stop", "1"]);
    assert_eq!(stopped.code, Some(2), "{}", stopped.stderr);
}

#[test]
fn a_copy_in_the_background_is_done_without_its_terminal() {
    let (source, destination) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let machine = Machine::that_knows(&[&source, &destination]);
    source.put("d/one", &[1; 300_000]);
    source.put("d/two", b"two");
    let ran = machine.run(&["cp", "-r", "--background", &source.url("d"), &destination.url("")]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "1\n"), "{}", ran.stderr);
    let job = until(&machine, "the end", |job| job["state"] != "running");
    assert_eq!((&job["state"], &job["planned_all"]), (&"done".into(), &true.into()), "{job}");
    assert_eq!(
        (&job["files"], &job["done"], &job["done_bytes"]),
        (&2.into(), &2.into(), &300_003.into()),
        "{job}"
    );
    assert_eq!(destination.get("d/one"), Some(vec![1; 300_000]));
    let log = std::fs::read_to_string(machine.home().join(".local/state/fxp/jobs/1.log")).expect("a log");
    assert!(log.contains("Copied 2 files"), "{log}");
}

#[test]
fn a_copy_in_the_background_that_cannot_begin_says_so_at_once() {
    let (source, destination) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let machine = Machine::that_knows(&[&source, &destination]);
    machine.write_netrc("wrong");
    let ran = machine.run(&["cp", "--background", &source.url("x"), &destination.url("")]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("error:") && ran.stderr.contains("530"), "{}", ran.stderr);
}

#[test]
fn no_password_is_written_down() {
    let (source, destination) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let machine = Machine::that_knows(&[&source, &destination]);
    std::fs::remove_file(machine.home().join(".netrc")).expect("removed");
    source.put("d/bad", b"bad");
    destination.put("d/bad/in the way", b"x");
    let secret = format!("echo {}", crate::servers::PASSWORD);
    let (from, to) = (source.url("d"), destination.url(""));
    let first = machine.run(&["--password-command", &secret, "cp", "-r", &from, &to]);
    assert_eq!(first.code, Some(4), "{}", first.stderr);
    let state = machine.home().join(".local/state/fxp");
    let mut read = 0;
    for file in ["journal.sqlite", "journal.sqlite-wal", "jobs/1.lock"] {
        let Ok(content) = std::fs::read(state.join(file)) else { continue };
        let secret = crate::servers::PASSWORD.as_bytes();
        assert!(!content.windows(secret.len()).any(|window| window == secret), "{file}");
        read += content.len();
    }
    assert!(read > 0);
    std::fs::remove_dir_all(destination.file("d/bad")).expect("removed");
    let resumed = machine.run(&["--password-command", &secret, "resume", "1"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert_eq!(destination.get("d/bad"), Some(b"bad".to_vec()));
}

#[test]
fn a_damaged_journal_is_named_with_what_helps_and_what_it_costs() {
    let (source, destination) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let machine = Machine::that_knows(&[&source, &destination]);
    source.put("f", b"1");
    let file = machine.home().join(".local/state/fxp/journal.sqlite");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    std::fs::write(&file, [b'x'; 5000]).expect("written");
    let copy = ["cp", &source.url("f"), &destination.url("")];
    for command in [&["jobs"][..], &["resume"], &["resume", "1"], &copy] {
        let ran = machine.run(command);
        assert_eq!(ran.code == Some(0), command == copy, "{command:?}: {}", ran.stderr);
        for words in
            ["file is not a database", "journal.sqlite is damaged: move it away", "The list of jobs is lost"]
        {
            assert!(
                command == copy && words.starts_with("file") || ran.stderr.contains(words),
                "{words}: {}",
                ran.stderr
            );
        }
    }
    assert_eq!(destination.get("f"), Some(b"1".to_vec()));
    std::fs::rename(&file, file.with_extension("damaged")).expect("moved");
    let ran = machine.run(&copy);
    assert!(ran.code == Some(0) && !ran.stderr.contains("journal"), "{}", ran.stderr);
    assert_eq!(one_job(&machine, "jobs")["state"], "done");
}

#[test]
fn without_a_place_for_the_journal_a_copy_is_made_all_the_same() {
    let (source, destination) = (Server::start(2, Kind::TLS), Server::start(3, Kind::TLS));
    let machine = Machine::that_knows(&[&source, &destination]);
    source.put("x", b"hello");
    let mut copy = machine.command(&["cp", &source.url("x"), &destination.url("y")]);
    let ran = Ran::from(copy.env("FXP_STATE", "/dev/null/fxp").output().expect("fxp starts"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("this copy is not remembered"), "{}", ran.stderr);
    assert_eq!(destination.get("y"), Some(b"hello".to_vec()));
    let mut jobs = machine.command(&["jobs"]);
    let ran = Ran::from(jobs.env("FXP_STATE", "/dev/null/fxp").output().expect("fxp starts"));
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.contains("FXP_STATE"), "{}", ran.stderr);
}

/// A server that takes connections and never says a word.
struct Silent {
    url: String,
    _listener: TcpListener,
}

impl Silent {
    fn new() -> Silent {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("ftp://ann@{}/x", listener.local_addr().expect("an address"));
        Silent { url, _listener: listener }
    }
}

/// A program that is killed with the test.
struct Running(Child);

impl Running {
    fn start(machine: &Machine, arguments: &[&str]) -> Running {
        let mut command = machine.command(arguments);
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Running(quiet.spawn().expect("fxp starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something is so.
pub(crate) fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the newest job is as wanted.
pub(crate) fn until(machine: &Machine, what: &str, is_as_wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let jobs = events(&machine.run(&["--json", "jobs"]));
        match jobs.into_iter().next() {
            Some(job) if is_as_wanted(&job) => return job,
            job => assert!(Instant::now() < deadline, "no {what} in time: {job:?}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The only job that a command tells of.
pub(crate) fn one_job(machine: &Machine, command: &str) -> Value {
    let ran = machine.run(&["--json", command]);
    let mut jobs = events(&ran);
    assert_eq!(jobs.len(), 1, "{}{}", ran.stdout, ran.stderr);
    let job = jobs.remove(0);
    assert_eq!(job["event"], "job");
    job
}

fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("one object per line")).collect()
}
