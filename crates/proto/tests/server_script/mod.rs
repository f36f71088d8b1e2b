//! The player: reads a transcript, drives a machine with it, compares what comes out.

mod effects;

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, atomic::Ordering};
use std::time::Duration;

use fxp_proto::moment::Moment;
use fxp_proto::server::effect::{Effect, EffectId, Progress};
use fxp_proto::server::machine::{Action, Appetite, Endpoints, Input, Machine, Settings, TlsOffer};
use fxp_proto::wire::text::Text;

/// The password of every transcript; it must not appear in anything that can be printed.
const PASSWORD: &str = "hunter2";

const LOGIN: &[&str] =
    &["S: 220", "C: USER bob", "S: 331", "C: PASS hunter2", "E: Login bob hunter2", "O: in /", "S: 230"];

/// Plays all sessions of a file: how many there were, and a report of each that failed.
pub(crate) fn play(file: &str, text: &str) -> (usize, Vec<String>) {
    let mut sessions: Vec<(String, Vec<(usize, &str)>)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(title) = line.strip_prefix("===") {
            sessions.push((title.trim().to_owned(), Vec::new()));
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            sessions.last_mut().expect("a session begins with ===").1.push((index + 1, line));
        }
    }
    let failures = sessions
        .iter()
        .filter_map(|(title, lines)| {
            let mut player = Player::new(lines);
            let (line, problem) = player.play(lines).err()?;
            Some(format!("{file}:{line}: {title}\n{}  {problem}", player.log))
        })
        .collect();
    (sessions.len(), failures)
}

struct Player {
    machine: Machine,
    now: Moment,
    /// What came out and was not expected yet.
    seen: VecDeque<String>,
    /// Kinds and counters of the effects by their number.
    effects: Vec<(EffectId, Option<Progress>)>,
    /// The last few steps, for the report.
    log: String,
}

type Step = Result<(), String>;

impl Player {
    fn new(lines: &[(usize, &str)]) -> Self {
        let mut settings = settings();
        let mut endpoints = Endpoints {
            peer: "192.0.2.7:50000".parse().expect("an address"),
            local: "192.0.2.1:21".parse().expect("an address"),
            secured: false,
        };
        for (_, line) in lines {
            if let Some(setting) = line.strip_prefix("set: ") {
                apply(setting.trim(), &mut settings, &mut endpoints);
            }
        }
        let now = Moment::after_start(Duration::from_secs(1000));
        let machine = Machine::new(Arc::new(settings), endpoints, now);
        Player { machine, now, seen: VecDeque::new(), effects: Vec::new(), log: String::new() }
    }

    fn play(&mut self, lines: &[(usize, &str)]) -> Result<(), (usize, String)> {
        self.drain();
        let mut last = 0;
        for &(number, line) in lines {
            last = number;
            if line.starts_with("set:") {
                continue;
            }
            if line.starts_with("login:") {
                for step in LOGIN {
                    self.step(step).map_err(|problem| (number, problem))?;
                }
                continue;
            }
            let _ = writeln!(self.log, "  | {line}");
            self.step(line).map_err(|problem| (number, problem))?;
        }
        match self.seen.pop_front() {
            None => Ok(()),
            Some(more) => Err((last, format!("the transcript ends, but there is more: {more}"))),
        }
    }

    fn step(&mut self, line: &str) -> Step {
        let (head, rest) = line.split_once([':', ' ']).ok_or(format!("no step: {line}"))?;
        let text = rest.strip_prefix(' ').unwrap_or(rest);
        match head {
            "S" | "E" => return self.expect(head, text),
            _ if head.starts_with("S*") => {
                return (0..number(&head[2..])?).try_for_each(|_| self.expect("S", text));
            }
            "A" => return self.appetite(text),
            "W" => return self.wake(text),
            _ => {}
        }
        if let Some(unexpected) = self.seen.front() {
            return Err(format!("before this, expected nothing\n  seen      {unexpected}"));
        }
        match head {
            "C" => self.machine.input(Input::Line(bytes(text)), self.now),
            "C!" => self.odd_input(text)?,
            "!" => self.machine.shutdown(),
            "P" => self.progress(text)?,
            "TLS" => self.machine.tls(text == "ok", self.now),
            "T" => {
                self.now = self.now + Duration::from_secs(number(text.trim_start_matches('+'))?);
                self.machine.tick(self.now);
            }
            _ if head.starts_with("C*") => {
                for _ in 0..number(&head[2..])? {
                    self.machine.input(Input::Line(bytes(text)), self.now);
                }
            }
            _ if head.starts_with('O') => {
                let outcome = effects::outcome(text)?;
                self.machine.done(self.effect(&head[1..])?, outcome, self.now);
            }
            _ if head.starts_with('N') => {
                let event = effects::event(text)?;
                self.machine.event(self.effect(&head[1..])?, event);
            }
            _ => return Err(format!("no step: {line}")),
        }
        self.drain();
        self.check_secrets()
    }

    fn odd_input(&mut self, what: &str) -> Step {
        match what {
            "too long" => self.machine.input(Input::TooLong, self.now),
            "bad bytes" => self.machine.input(Input::BadBytes, self.now),
            "eof" => self.machine.eof(),
            _ => return Err(format!("no such input: {what}")),
        }
        Ok(())
    }

    fn progress(&mut self, bytes: &str) -> Step {
        let (_, progress) = self.effects.last().ok_or("no effect")?;
        progress.as_ref().ok_or("the effect counts nothing")?.0.store(number(bytes)?, Ordering::Relaxed);
        Ok(())
    }

    /// The effect that a step is about: the latest one, or the one after `#`.
    fn effect(&self, which: &str) -> Result<EffectId, String> {
        let (id, _) = match which.strip_prefix('#') {
            None => self.effects.last().ok_or("no effect runs")?,
            Some(which) => self.effects.get(number::<usize>(which)? - 1).ok_or("no such effect")?,
        };
        Ok(*id)
    }

    fn drain(&mut self) {
        while let Some(action) = self.machine.next() {
            match action {
                Action::Reply(reply) => {
                    self.seen.extend(reply.to_string().lines().map(|line| format!("S: {line}")));
                }
                Action::Lines(lines) => self.seen.extend(lines.iter().map(|line| format!("S: {line}"))),
                Action::Do(_, rekey @ Effect::Rekey(..)) => {
                    self.seen.push_back(format!("E: {}", effects::described(&rekey)));
                }
                Action::Do(_, Effect::Release(slot)) => {
                    self.seen.push_back(format!("E: Release slot{}", slot.0))
                }
                Action::Do(id, effect) => {
                    self.effects.push((id, effects::progress(&effect)));
                    self.seen.push_back(format!("E: {}", effects::described(&effect)));
                }
                Action::Cancel(id) => {
                    let position = self.effects.iter().position(|(known, _)| *known == id);
                    let which = position.map_or(String::from("?"), |at| (at + 1).to_string());
                    self.seen.push_back(format!("E: Cancel #{which}"));
                }
                Action::StartTls => self.seen.push_back(String::from("E: StartTls")),
                Action::Close => self.seen.push_back(String::from("E: Close")),
            }
        }
    }

    fn expect(&mut self, kind: &str, text: &str) -> Step {
        let expected = format!("{kind}: {text}");
        let seen = self.seen.pop_front().unwrap_or_else(|| String::from("nothing"));
        let matches = match expected.strip_suffix('$') {
            Some(whole) => seen == whole,
            None => seen.starts_with(&expected),
        };
        if matches { Ok(()) } else { Err(format!("expected  {expected}\n  seen      {seen}")) }
    }

    fn appetite(&self, expected: &str) -> Step {
        let seen = match self.machine.appetite() {
            Appetite::Any => "any",
            Appetite::UrgentOnly => "urgent",
            Appetite::None => "none",
        };
        if seen == expected { Ok(()) } else { Err(format!("expected appetite {expected}, seen {seen}")) }
    }

    fn wake(&self, expected: &str) -> Step {
        let seen = match self.machine.wake_at() {
            None => String::from("never"),
            Some(moment) => format!("+{}", moment.since(self.now).as_secs()),
        };
        if seen == expected { Ok(()) } else { Err(format!("expected to be woken {expected}, seen {seen}")) }
    }

    fn check_secrets(&self) -> Step {
        let machine = format!("{:?}", self.machine);
        let leaks = machine.contains(PASSWORD)
            || self.seen.iter().any(|seen| seen.contains(PASSWORD) && !seen.starts_with("E: Login"));
        if leaks { Err(format!("the password can be read in: {machine}")) } else { Ok(()) }
    }
}

fn settings() -> Settings {
    Settings {
        banner: Text::from("fxpd ready"),
        software: Text::from("fxpd"),
        tls: TlsOffer::Offered,
        require_private_data: false,
        hosts: Vec::new(),
        advertise_pret: false,
        cpsv_in_clear: false,
        login_attempts: 3,
        login_timeout: Duration::from_secs(60),
        idle_timeout: Duration::from_secs(300),
    }
}

fn apply(setting: &str, settings: &mut Settings, endpoints: &mut Endpoints) {
    match setting.split_once(' ').unwrap_or((setting, "")) {
        ("tls", "none") => settings.tls = TlsOffer::None,
        ("tls", "required") => settings.tls = TlsOffer::Required,
        ("secured", _) => endpoints.secured = true,
        ("peer", address) => endpoints.peer = address.parse().expect("an address"),
        ("local", address) => endpoints.local = address.parse().expect("an address"),
        ("private data", _) | ("private", _) => settings.require_private_data = true,
        ("host", name) => settings.hosts.push(Text::lossy(name)),
        ("pret", _) => settings.advertise_pret = true,
        ("careless", _) => settings.cpsv_in_clear = true,
        _ => panic!("no such setting: {setting}"),
    }
}

/// A line with `\xNN` for bytes that a text file cannot show, and `{9|ab}` for nine times `ab`.
fn bytes(text: &str) -> Vec<u8> {
    if let Some((before, rest)) = text.split_once('{')
        && let Some((repeated, after)) = rest.split_once('}')
        && let Some((times, what)) = repeated.split_once('|')
    {
        let repeated = what.repeat(times.parse().expect("a number"));
        return bytes(&[before, &repeated, after].concat());
    }
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("\\x") {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        bytes.push(u8::from_str_radix(&rest[at + 2..at + 4], 16).expect("two hexadecimal digits"));
        rest = &rest[at + 4..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("no number: {text}"))
}
