//! A bad day as a text: what was typed, what was said, how it ended, what lies at the destination.
//!
//! The text is compared with `expected/NAME.txt`. Addresses and times have names there. Two things are
//! judged by the code and not by the text, so that no update can make them true: no secret is ever
//! printed, and under a final name there is only what was there before, or the whole file.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fxp_testkit::daemon::PASSWORD;

use crate::alternatives;
use crate::fxp::Ran;
use crate::mask::mask;
use crate::world::World;

/// What stands at a destination before, in the tests where something does.
pub(crate) const OLD: &[u8] = b"what was there before\n";

/// A story being told.
pub(crate) struct Story {
    name: &'static str,
    text: String,
    /// More values that have names.
    names: Vec<(String, String)>,
    /// The file that is copied, to compare what arrives with; there may be none.
    original: Option<PathBuf>,
    /// What must never be said.
    secrets: Vec<String>,
    /// What no expected text can make right.
    wrong: Vec<String>,
}

impl Story {
    /// A story whose text is `expected/NAME.txt`.
    pub(crate) fn new(name: &'static str) -> Story {
        let secrets = vec![PASSWORD.to_owned()];
        Story { name, text: String::new(), names: Vec::new(), original: None, secrets, wrong: Vec::new() }
    }

    /// A heading: the next part of the story.
    pub(crate) fn heading(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text += &format!("# {text}\n");
    }

    /// What happens besides.
    pub(crate) fn tell(&mut self, text: &str) {
        self.text += &format!("({text})\n");
    }

    /// `value` is called `name` in the text.
    pub(crate) fn call(&mut self, value: impl ToString, name: &str) {
        // The same name means something else in the next part of a story.
        self.names.retain(|(_, other)| other != name);
        self.names.push((value.to_string(), name.to_owned()));
    }

    /// `word` must never be said.
    pub(crate) fn secret(&mut self, word: &str) {
        self.secrets.push(word.to_owned());
    }

    /// What is copied from now on.
    pub(crate) fn copying(&mut self, original: PathBuf) {
        self.original = Some(original);
    }

    /// Types `fxp ARGUMENTS`, in which `{source}` and `{destination}` stand for addresses; it must end with
    /// `exit`.
    pub(crate) fn run(&mut self, world: &World, arguments: &[&str], exit: i32) -> Ran {
        let typed = self.fill(world, arguments);
        let ran = world.fxp.run(&typed);
        self.heard(world, arguments, &ran, exit);
        ran
    }

    /// The same, where servers differ in what they let a client see; the expected text holds the exit code.
    pub(crate) fn run_whatever_comes(&mut self, world: &World, arguments: &[&str]) -> Ran {
        let ran = world.fxp.run(self.fill(world, arguments));
        self.heard(world, arguments, &ran, ran.code);
        ran
    }

    /// The same, where the words depend on which end notices first. `exits` are those that tell the truth.
    pub(crate) fn run_loosely(&mut self, world: &World, arguments: &[&str], exits: &[i32]) -> Ran {
        let ran = world.fxp.run(self.fill(world, arguments));
        let exit = if exits.contains(&ran.code) { ran.code } else { exits[0] };
        let before = std::mem::take(&mut self.text);
        self.heard(world, arguments, &ran, exit);
        let typed = self.text.lines().next().unwrap_or_default().to_owned();
        self.text = format!(
            "{before}{typed}\n(the words depend on which end notices first)\nexit one of {exits:?}\n"
        );
        ran
    }

    /// The same, without waiting for the end.
    pub(crate) fn begin(&mut self, world: &World, arguments: &[&str]) -> Running {
        let mut command = world.fxp.command();
        command.args(self.fill(world, arguments));
        Running::start(command, arguments)
    }

    /// Waits for the end of what was begun.
    pub(crate) fn end(&mut self, world: &World, running: Running, exit: i32) -> Ran {
        let (arguments, ran) = running.end();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.heard(world, &arguments, &ran, exit);
        ran
    }

    /// Waits for the end of what was begun in a lab, whose addresses never change.
    pub(crate) fn end_in_lab(&mut self, running: Running, exit: i32) {
        let (arguments, ran) = running.end();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.heard_from(&[], &arguments, &ran, exit);
    }

    /// Compares the text with the expected one.
    pub(crate) fn finish(self) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("bad_days/expected");
        let path = path.join(format!("{}.txt", self.name));
        if std::env::var_os("FXP_UPDATE").is_some() {
            std::fs::write(&path, &self.text).expect("the expected text");
        }
        assert!(self.wrong.is_empty(), "{}: {:#?}\n{}", self.name, self.wrong, self.text);
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            alternatives::fits(&expected, &self.text)
                || alternatives::fits(&expected, &alternatives::without_resets(&self.text)),
            "{} is another story today (FXP_UPDATE=1 writes it):\n--- expected\n{expected}\n--- told\n{}",
            path.display(),
            self.text
        );
    }

    fn names(&self, world: &World) -> Vec<(String, String)> {
        let mut names = self.names.clone();
        for (end, name) in [(&world.source, "source"), (&world.destination, "destination")] {
            let address = end.address();
            names.push((address.to_string(), format!("{{{name}}}")));
            names.push((address.ip().to_string(), format!("{{{name}'s IP}}")));
            // As in PASV and PORT.
            let commas = address.ip().to_string().replace('.', ",");
            names.push((commas, format!("{{{name}'s IP}}")));
            names.push((address.port().to_string(), format!("{{{name}'s port}}")));
        }
        names
    }

    fn fill(&self, world: &World, arguments: &[&str]) -> Vec<String> {
        let fill = |argument: &&str| {
            let mut filled = (*argument).to_owned();
            for (value, name) in self.names(world) {
                filled = filled.replace(&name, &value);
            }
            filled
        };
        arguments.iter().map(fill).collect()
    }

    fn heard(&mut self, world: &World, arguments: &[&str], ran: &Ran, exit: i32) {
        self.heard_from(&self.names(world), arguments, ran, exit);
    }

    fn heard_from(&mut self, names: &[(String, String)], arguments: &[&str], ran: &Ran, exit: i32) {
        for secret in &self.secrets {
            let said = ran.stdout.contains(secret.as_str()) || ran.stderr.contains(secret.as_str());
            if said {
                self.wrong.push(format!("{secret} was printed"));
            }
        }
        let quoted = arguments.iter().map(|argument| quote(argument)).collect::<Vec<_>>().join(" ");
        let said = without_progress(&format!("{}{}", ran.stdout, ran.stderr));
        let said = mask(&said, names);
        self.text += &format!("$ fxp {quoted}\n{said}exit {}\n", ran.code);
        if ran.code != exit {
            self.wrong.push(format!("fxp {quoted}: exit {} instead of {exit}", ran.code));
        }
    }

    /// Tells what lies in `folder`, beneath the destination's root.
    pub(crate) fn look(&mut self, world: &World, folder: &str) {
        self.look_at(&world.destination.file(folder), &self.names(world));
    }

    /// The same for any folder.
    pub(crate) fn look_in(&mut self, folder: &Path) {
        self.look_at(folder, &[]);
    }

    fn look_at(&mut self, folder: &Path, names: &[(String, String)]) {
        let mut seen = Vec::new();
        look_into(folder, "", &mut seen);
        let mut shown = Vec::new();
        for (name, path) in &seen {
            let state = self.state(path);
            let name = mask(name, names).trim_end().to_owned();
            if !name.ends_with(".fxp-part") && !matches!(state, "whole" | "as before" | "a directory") {
                self.wrong.push(format!("{name} is {state}"));
            }
            shown.push(format!("{name} ({state})"));
        }
        let shown = if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") };
        self.text += &format!("at the destination: {shown}\n");
    }

    /// What a file is, compared with the original.
    fn state(&self, path: &Path) -> &'static str {
        if path.is_dir() {
            return "a directory";
        }
        let content = std::fs::read(path).expect("a file");
        let original = self.original.as_ref().and_then(|path| std::fs::read(path).ok());
        match original {
            _ if content == OLD => "as before",
            Some(original) if content == original => "whole",
            _ if content.is_empty() => "empty",
            Some(original) if original.starts_with(&content) => "the beginning",
            _ => "something else",
        }
    }
}

/// All files, and directories without any, with their names beneath `folder`.
fn look_into(folder: &Path, prefix: &str, seen: &mut Vec<(String, PathBuf)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            let before = seen.len();
            look_into(&path, &format!("{name}/"), seen);
            if seen.len() > before {
                continue;
            }
        }
        // Pure-FTPD's own.
        if name != ".ftpquota" {
            seen.push((name, path));
        }
    }
}

fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@{}=+,%".contains(c);
    if argument.chars().all(plain) { argument.to_owned() } else { format!("'{}'", argument.escape_debug()) }
}

/// A command that was begun; killed if the test fails meanwhile.
pub(crate) struct Running {
    arguments: Vec<String>,
    child: Option<Child>,
}

impl Running {
    /// Starts `command`, which is told as `arguments`.
    pub(crate) fn start(mut command: Command, arguments: &[&str]) -> Running {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("fxp starts");
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Running { arguments, child: Some(child) }
    }

    /// Sends a signal, such as `INT`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.as_ref().expect("it was not waited for").id();
        let status = Command::new("kill").args(["-s", signal, &id.to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()), "kill -s {signal}");
    }

    /// Waits until the file at `path` has `bytes` at least, while the command runs.
    pub(crate) fn await_size(&mut self, path: &Path, bytes: u64) {
        let deadline = Instant::now() + PATIENCE;
        while std::fs::metadata(path).map_or(0, |file| file.len()) < bytes {
            let ended = self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if ended || Instant::now() > deadline {
                let why = if ended { "fxp ended too early" } else { "it takes too long" };
                let child = self.child.take().expect("it was not waited for");
                panic!("{why}: {} has not {bytes} bytes\n{:#?}", path.display(), finish(child));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn end(mut self) -> (Vec<String>, Ran) {
        let mut child = self.child.take().expect("it was not waited for");
        let deadline = Instant::now() + PATIENCE;
        while matches!(child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = child.kill();
                panic!("fxp {:?} does not end: {:#?}", self.arguments, finish(child));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        (std::mem::take(&mut self.arguments), finish(child))
    }
}

fn finish(mut child: Child) -> Ran {
    if matches!(child.try_wait(), Ok(None)) {
        let _ = child.kill();
    }
    child.wait_with_output().expect("its output").into()
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// How long anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is said without the lines that tell how far a copy is: how many there are is a matter of time.
fn without_progress(said: &str) -> String {
    let is_progress = |line: &str| {
        line.starts_with(|first: char| first.is_ascii_digit())
            && line.contains(" of ")
            && line.contains(" bytes")
    };
    said.lines().filter(|line| !is_progress(line)).map(|line| format!("{line}\n")).collect()
}
