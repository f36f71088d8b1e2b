//! What the transcript tests share: reading scripts, and writing down what a machine did.

use std::collections::BTreeMap;
use std::path::Path;

use fxp_proto::client::machine::{Action, Parting};
use fxp_proto::client::request::{Answer, LoggedIn};
use fxp_proto::grammar::reply::{Reply, ReplyParser};

/// One line of a script.
pub(crate) struct Line {
    /// Counted from 1.
    pub(crate) number: usize,
    /// Who speaks: `C`, `S`, `>` (the driver), `!` (the machine).
    pub(crate) speaker: String,
    /// What.
    pub(crate) text: String,
}

/// A script is lines of `speaker: text`; `#` begins a comment.
pub(crate) fn lines(script: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for (index, line) in script.lines().enumerate() {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (speaker, text) = line.split_once(": ").unwrap_or_else(|| panic!("line {}: {line}", index + 1));
        lines.push(Line { number: index + 1, speaker: speaker.to_owned(), text: text.to_owned() });
    }
    lines
}

/// Plays every script of `folder` beneath tests/transcripts, and reports all that went wrong.
pub(crate) fn every_script(folder: &str, play: impl Fn(&str) -> Result<(), String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts").join(folder);
    let mut scripts: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.sort();
    assert!(!scripts.is_empty(), "no scripts in {}", folder.display());
    let wrong: Vec<String> = scripts
        .iter()
        .filter_map(|path| {
            let script = std::fs::read_to_string(path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            play(&script).err().map(|what| format!("{name}: {what}"))
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

/// `key=value` words.
pub(crate) fn options(text: &str) -> BTreeMap<&str, &str> {
    text.split_whitespace().filter_map(|word| word.split_once('=')).collect()
}

/// Feeds one line to a parser, which must not choke on it.
pub(crate) fn reply_line(parser: &mut ReplyParser, text: &str) -> Option<Reply> {
    parser.line(text.as_bytes()).unwrap()
}

/// An action as scripts write it, on one line.
pub(crate) fn show(action: &Action) -> String {
    let text = match action {
        Action::Send(command) => format!("C: {command}"),
        Action::StartTls => "!: handshake".to_owned(),
        Action::Preliminary(id, reply) => format!("!: {} preliminary {reply}", id.0),
        Action::Done(id, answer) => format!("!: {} {}", id.0, answer_words(answer)),
        Action::Close(parting) => format!("!: close, {}", parting_words(parting)),
    };
    text.replace('\n', " / ")
}

fn answer_words(answer: &Answer) -> String {
    match answer {
        Answer::Reply(reply) => format!("reply {reply}"),
        Answer::Skipped => "skipped".to_owned(),
        Answer::Listening { ip: Some(ip), port, .. } => format!("listening at {ip} port {port}"),
        Answer::Listening { ip: None, port, .. } => format!("listening at port {port}"),
        Answer::LoggedIn(facts) => format!(
            "logged in, {}, data {:?}, home {}, system {}, features {}",
            if facts.secured { "secured" } else { "in clear" },
            facts.protection,
            facts.home,
            facts.system.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string),
            features(facts),
        ),
        Answer::Refused { command, reply } => format!("refused {command} with {reply}"),
        Answer::Lost => "lost".to_owned(),
        Answer::TimedOut => "timed out".to_owned(),
    }
}

fn features(facts: &LoggedIn) -> String {
    let lines: Vec<_> = facts.features.lines().iter().map(ToString::to_string).collect();
    if lines.is_empty() { "none".to_owned() } else { lines.join(";") }
}

fn parting_words(parting: &Parting) -> String {
    match parting {
        Parting::Quit => "quit".to_owned(),
        Parting::Ended => "ended".to_owned(),
        Parting::Dismissed(reply) => format!("dismissed with {reply}"),
        Parting::Handshake => "no handshake".to_owned(),
        Parting::OutOfStep(reply) => format!("out of step at {reply}"),
        Parting::TimedOut => "timed out".to_owned(),
        Parting::Abandoned => "abandoned".to_owned(),
    }
}
