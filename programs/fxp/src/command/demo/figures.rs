//! What came of the demonstration, for people and for scripts.

use std::time::Duration;

use fxp_engine::report::FileReport;
use fxp_proto::pair::method::Method;
use serde::Serialize;

use super::stage::{Counts, Names, PEERS};
use super::tree::{self, Equal};
use crate::output::human::summary;
use crate::output::printer::{GOOD, HINT, LABEL, styled};
use crate::output::{assurance_meaning, assurance_word, measure, route_word};

/// The one object that `demo --json` prints. `docs/json.md` describes it.
#[derive(Serialize)]
pub(super) struct Figures {
    event: &'static str,
    source: String,
    destination: String,
    files: u64,
    directories: u64,
    bytes: u64,
    verified: bool,
    verified_by: &'static str,
    digests: Vec<Equal>,
    route: &'static str,
    method: Option<&'static str>,
    passive: Option<String>,
    tls_client: Option<String>,
    assurance: &'static str,
    payload_between_servers: u64,
    sent_by_source_to_destination: u64,
    received_by_destination_from_source: u64,
    payload_through_client: u64,
    received_by_client: u64,
    sent_by_client: u64,
    elapsed_seconds: f64,
    notes: Vec<String>,
    #[serde(skip)]
    meaning: &'static str,
    #[serde(skip)]
    how: Option<Method>,
}

impl Figures {
    /// All files go the same way, so the first one speaks for them.
    pub(super) fn new(
        files: &[FileReport],
        directories: u64,
        counts: Counts,
        digests: Vec<Equal>,
        elapsed: Duration,
        names: Names,
    ) -> Self {
        let first = files.first().expect("the demonstration has files, and none has failed");
        let mut notes: Vec<String> = Vec::new();
        for note in files.iter().flat_map(|file| &file.notes) {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
        Figures {
            event: "demo",
            source: names.source.to_string(),
            destination: names.destination.to_string(),
            files: files.len() as u64,
            directories,
            bytes: files.iter().map(|file| file.size).sum(),
            verified: digests.len() == files.len(),
            verified_by: "SHA-256",
            digests,
            route: route_word(first.route),
            method: first.method.as_ref().map(Method::word),
            passive: first.method.map(|method| method.passive.to_string()),
            tls_client: first.method.and_then(|method| method.tls).map(|tls| tls.client.to_string()),
            assurance: assurance_word(first.assurance),
            // What both servers have counted, so what really went between them.
            payload_between_servers: counts.sent_to_destination.min(counts.received_from_source),
            sent_by_source_to_destination: counts.sent_to_destination,
            received_by_destination_from_source: counts.received_from_source,
            payload_through_client: counts.into_client + counts.out_of_client,
            received_by_client: counts.into_client,
            sent_by_client: counts.out_of_client,
            elapsed_seconds: elapsed.as_secs_f64(),
            notes,
            meaning: assurance_meaning(first.assurance),
            how: first.method,
        }
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).expect("figures are strings, numbers and lists")
    }

    /// The end of the show.
    pub(super) fn closing(&self) -> Vec<String> {
        let elapsed = Duration::from_secs_f64(self.elapsed_seconds);
        let rate = measure::rate(self.bytes, elapsed).map(|rate| format!(" ({rate})")).unwrap_or_default();
        let mut lines = vec![format!(
            "{} {}, {} in {}{rate}",
            styled(GOOD, "Copied"),
            measure::count(self.files, "file", "files"),
            measure::size(self.bytes),
            measure::time(elapsed),
        )];
        let mut row = |label: &str, text: String| {
            lines.push(format!("  {} {text}", styled(LABEL, format_args!("{label:<10}"))));
        };
        row("route", self.route.to_owned());
        if let Some(method) = &self.how {
            row("method", summary::method_sentence(method));
        }
        row("assurance", format!("{}: {}", self.assurance, self.meaning));
        row("verified", format!("{} of every file is the same on both disks:", self.verified_by));
        for equal in &self.digests {
            row("", format!("{}...  {}", &equal.sha256[..16], equal.path));
        }
        row("payload", self.payload());
        for note in &self.notes {
            row("note", note.clone());
        }
        lines.push(String::new());
        lines.extend(self.next());
        lines
    }

    /// Where the bytes went, in words and in bytes.
    fn payload(&self) -> String {
        let between = format!("{} bytes from server to server", grouped(self.payload_between_servers));
        let through = match self.payload_through_client {
            0 => styled(GOOD, "0 bytes through this machine"),
            bytes => format!(
                "{} bytes through this machine ({} in, {} out)",
                grouped(bytes),
                grouped(self.received_by_client),
                grouped(self.sent_by_client)
            ),
        };
        format!("{between}, {through}")
    }

    /// What to type next, without what was just typed.
    fn next(&self) -> Vec<String> {
        let mut lines = vec![styled(HINT, "Try next:")];
        let mut add = |command: &str, what: &str| lines.push(format!("  {command:<58} {what}"));
        if self.route == "direct" {
            add("fxp demo --via relay", "the same through this machine: see the bytes pass");
        } else {
            add("fxp demo", "from server to server: see no byte pass");
        }
        match self.method {
            Some("plain") => add("fxp demo", "the same, encrypted"),
            Some("cpsv") => add("fxp demo --method sscn", "the other way to encrypt between two servers"),
            _ => add("fxp demo --secure off", "in clear, as in 1985"),
        }
        add("fxp site add NAME ftp://user@host", "remember one of your own servers");
        add("fxp site test NAME", "log in there, and see what it can do");
        add("fxp cp -n -r NAME:directory OTHER:", "plan and ladder of a copy, without copying");
        lines
    }
}

/// What the audience must know beforehand.
pub(super) fn opening(names: &Names, encrypted: bool) -> Vec<String> {
    let scheme = if encrypted { "ftpes" } else { "ftp" };
    let Names { source, destination } = names;
    vec![
        format!("Two FTP servers have come to life: {source} and {destination}."),
        match encrypted {
            true => "fxp talks to both from 127.0.0.1. To each server the other one is a stranger; fxp gives both a key\n\
                     for each file (PEER), and they prove to each other that they have it:"
                .to_owned(),
            false => format!(
                "fxp talks to both from 127.0.0.1. To each server the other one is a stranger; a rule in their\n\
                 configuration lets {PEERS} in, so that they may exchange files:"
            ),
        },
        String::new(),
        format!("  fxp cp -r {scheme}://demo@{source}/{} {scheme}://demo@{destination}/", tree::NAME),
        String::new(),
    ]
}

/// `8,680,892`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
