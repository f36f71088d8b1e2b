//! A job in the background and the terminal that it was begun in, which gets its prompt back and may be closed; and
//! where there never was a terminal. `script` makes the terminal.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use fxp_store::memory::Memory;

use crate::gate::{Gate, gate};
use crate::jobs::{one_job, until, wait_until};
use crate::servers::{Kind, Server};
use crate::{Machine, Ran};

/// Two servers and a file that stays on its way until the gate is opened.
struct World {
    machine: Machine,
    destination: Server,
    /// What copies it in the background, for a shell.
    command: String,
    /// Gone before its server, who may wait for it.
    gate: Gate,
    _source: Server,
}

impl World {
    /// With a program of util-linux. `None` where that is not to be had, which only CI does not bear.
    fn with(program: &str) -> Option<World> {
        let found = Command::new(program).arg("--version").stdout(Stdio::null()).status();
        if found.is_ok_and(|status| status.success()) {
            return Some(World::new());
        }
        assert!(std::env::var_os("CI").is_none(), "{program} is missing");
        eprintln!("\n*** SKIPPED a test of terminals: {program} is missing\n");
        None
    }

    fn new() -> World {
        let files = Memory::new();
        files.put("/file", CONTENT).expect("there is room");
        let (gate, behind) = gate(files);
        let source = Server::with_storage(2, Kind::PLAIN, behind);
        let destination = Server::start(3, Kind::PLAIN);
        let machine = Machine::that_knows(&[]);
        let fxp = env!("CARGO_BIN_EXE_fxp");
        // It waits as long as the slowest machine needs to get here.
        let flags = "--tls off --timeout 300";
        let (from, to) = (source.url("file"), destination.url(""));
        let command = format!("'{fxp}' {flags} cp --background {from} {to}");
        World { machine, destination, command, gate, _source: source }
    }

    /// A program that sees the machine as `fxp` does.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let of_fxp = self.machine.command::<&str>(&[]);
        let mut command = Command::new(program);
        command.env_clear().args(arguments).stdin(Stdio::null());
        command.envs(of_fxp.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    }

    /// The job goes on, and comes to its end once the gate is open.
    fn ends_well(&self) {
        let job = one_job(&self.machine, "jobs");
        assert_eq!((&job["id"], &job["state"]), (&1.into(), &"running".into()), "{job}");
        // Nothing is left to be continued as long as somebody is at it.
        assert_eq!(self.machine.run(&["--json", "resume"]).stdout, "");
        assert_eq!(self.destination.get("file"), None);
        self.gate.open();
        let job = until(&self.machine, "the end", |job| job["state"] != "running");
        assert_eq!((&job["state"], &job["done"]), (&"done".into(), &1.into()), "{job}");
        assert_eq!(self.destination.get("file").as_deref(), Some(CONTENT));
    }
}

#[test]
fn without_a_terminal_a_shell_gets_the_number_and_goes_on() {
    let Some(world) = World::with("setsid") else { return };
    let line = format!("{} && echo next", world.command);
    // A session of its own has no terminal.
    let mut shell = world.command("setsid", &["--wait", "sh", "-c", &line]);
    let ran = Ran::from(shell.output().expect("setsid is there"));
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "1\nnext\n"), "{}", ran.stderr);
    world.ends_well();
}

#[test]
fn a_job_outlives_the_terminal_that_it_was_begun_in() {
    let Some(world) = World::with("script") else { return };
    let mut terminal = Terminal::open(&world, &format!("{}; echo \"back in $$\"; read typed", world.command));
    let shell = terminal.read_until("back in ");
    assert!(terminal.seen.contains("Job 1 runs in the background"), "{}", terminal.seen);
    terminal.close();
    wait_until(|| !is_alive(&shell));
    world.ends_well();
}

#[test]
fn a_job_whose_terminal_is_gone_can_be_stopped_and_continued() {
    let Some(world) = World::with("script") else { return };
    let mut terminal = Terminal::open(&world, &format!("{}; echo \"back in $$\"; read typed", world.command));
    let shell = terminal.read_until("back in ");
    terminal.close();
    wait_until(|| !is_alive(&shell));
    let stopped = world.machine.run(&["jobs", "--stop", "1"]);
    assert_eq!(stopped.code, Some(0), "{}", stopped.stderr);
    assert_eq!(one_job(&world.machine, "resume")["state"], "interrupted");
    world.gate.open();
    let resumed = world.machine.run(&["resume", "1"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert_eq!(world.destination.get("file").as_deref(), Some(CONTENT));
}

/// A terminal with a shell in it.
struct Terminal {
    script: Child,
    output: Box<dyn BufRead>,
    /// What it has shown.
    seen: String,
}

impl Terminal {
    fn open(world: &World, line: &str) -> Terminal {
        let mut command = world.command("script", &["--quiet", "--command", line, "/dev/null"]);
        // As long as this pipe is open, so is the terminal.
        command.env("SHELL", "/bin/sh").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut script = command.spawn().expect("script is there (util-linux)");
        let output = BufReader::new(script.stdout.take().expect("it is a pipe"));
        Terminal { script, output: Box::new(output), seen: String::new() }
    }

    /// Reads on until a line begins so; the rest of it.
    fn read_until(&mut self, beginning: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).expect("text");
            self.seen.push_str(&line);
            assert!(read > 0, "it has ended:\n{}", self.seen);
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.trim().to_owned();
            }
        }
    }

    /// As a window that is closed: all who are in it get SIGHUP.
    fn close(mut self) {
        self.script.kill().expect("it is ours");
        self.script.wait().expect("it is ours");
    }
}

/// True for a process that has not ended, whether somebody has asked how or not.
fn is_alive(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

const CONTENT: &[u8] = b"on its way for as long as a test wants";
