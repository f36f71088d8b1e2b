//! One cell: a source, a destination, a world; and what comes of it.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use fxp_testkit::daemon::Product;
use fxp_testkit::data;
use serde_json::Value;

use crate::fxp::Ran;
use crate::grounds::{FILE, Grounds, Role};
use crate::servers::{Kind, Server, World};

/// The longest that a cell may take: the direct attempt and, where that is refused, the relay.
const CEILING: Duration = Duration::from_secs(20);
/// What `fxp` says when FXP is impossible and relaying was not allowed.
pub(crate) const IMPOSSIBLE: i32 = 8;

/// Who copies to whom, and how they meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    pub(crate) source: Kind,
    pub(crate) destination: Kind,
    pub(crate) world: World,
}

/// What came of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was copied directly, by this method.
    Copied { method: String, passive: String, tls_client: Option<String> },
    /// It was refused or is impossible, for these reasons; the relay worked.
    Refused { reasons: Vec<Reason> },
    /// What must not be: a paragraph for whoever has to find out why.
    Wrong(String),
}

/// One thing that would have to be otherwise, as the remedy says it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reason {
    /// `source` or `destination`; empty where it is about both.
    pub(crate) leg: String,
    /// The setting.
    pub(crate) setting: &'static str,
}

/// The settings that remedies name, by which reasons are told apart.
const SETTINGS: [&str; 12] = [
    "[[fxp.rule]]",
    "AllowForeignAddress",
    "port_promiscuous",
    "pasv_promiscuous",
    "option -w",
    "permit_foreign_addresses",
    "NoSessionReuseRequired",
    "require_ssl_reuse",
    "TLSCACertificateFile",
    "can be TLS client",
    "data_tls_reuse",
    "passive ports in the firewall",
];

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}, {}", self.source, self.destination, self.world)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Copied { method, passive, tls_client: None } => write!(f, "{method} {}", short(passive)),
            Outcome::Copied { method, passive, tls_client: Some(client) } => {
                write!(f, "{method} {}/{}", short(passive), short(client))
            }
            Outcome::Refused { reasons } => {
                let reasons: Vec<String> = reasons.iter().map(Reason::to_string).collect();
                write!(f, "no: {}", reasons.join(", "))
            }
            Outcome::Wrong(why) => write!(f, "WRONG: {why}"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.leg.as_str() {
            "" => f.write_str(self.setting),
            leg => write!(f, "{} {}", short(leg), self.setting),
        }
    }
}

fn short(leg: &str) -> &str {
    match leg {
        "source" => "src",
        "destination" => "dst",
        other => other,
    }
}

impl Cell {
    /// `FXP_MATRIX=vsftpd` runs only cells with that in their name, to look at them; then nothing is compared.
    pub(crate) fn is_wanted(&self) -> bool {
        std::env::var(ONLY).map_or(true, |only| self.to_string().contains(&only))
    }

    /// Runs it. A pyftpdlib stands still now and then, in the middle of a login or a listing (seen in about one of
    /// four hundred runs, 2026-11-25), so a cell that it takes part in has a second try, which is said. So has one in which
    /// a ProFTPD sends as TLS client, which loses the end of some files. Each attempt brings more, and `fxp` goes on: of
    /// 120 copies to vsftpd all arrived, four of them by five attempts (2026-11-28). But the last records are too few to
    /// count as more, and may be lost as often as there are retries.
    pub(crate) fn run(&self, grounds: &Grounds) -> Outcome {
        let outcome = self.attempt(grounds, 1);
        let stands_still =
            [self.source, self.destination].iter().any(|kind| kind.product == Product::Pyftpdlib);
        // With the other two the destination is TLS client.
        let source_is_client = !matches!(self.destination.product, Product::Fxpd | Product::Proftpd);
        let loses_ends = self.world.tls && self.source.product == Product::Proftpd && source_is_client;
        match outcome {
            Outcome::Wrong(why) if stands_still || loses_ends => {
                eprintln!("*** {self} is tried again: {why}");
                self.attempt(grounds, 2)
            }
            outcome => outcome,
        }
    }

    /// What two servers can prove to each other: `fxpd` speaks PEER, the others show their certificates to `fxp`.
    pub(crate) fn assurance(&self) -> &'static str {
        match (self.source.product, self.destination.product) {
            _ if !self.world.tls => "clear",
            (Product::Fxpd, Product::Fxpd) => "mutual",
            (Product::Fxpd, _) => "confidential",
            (_, Product::Fxpd) => "authentic",
            _ => "encrypted",
        }
    }

    fn attempt(&self, grounds: &Grounds, attempt: u32) -> Outcome {
        let begin = Instant::now();
        let source = grounds.server(self.source, Role::Source, self.world.v6);
        let destination = grounds.server(self.destination, Role::Destination, self.world.v6);
        let outcome = Place { cell: self, grounds, source, destination, begin, attempt }.copy();
        let elapsed = begin.elapsed();
        eprintln!("{:5.1} s  {self}: {outcome}", elapsed.as_secs_f64());
        match outcome {
            Outcome::Wrong(_) => outcome,
            _ if elapsed > CEILING => Outcome::Wrong(format!("it took {elapsed:?}, then: {outcome}")),
            _ => outcome,
        }
    }
}

/// Picks cells by their names.
pub(crate) const ONLY: &str = "FXP_MATRIX";

struct Place<'a> {
    cell: &'a Cell,
    grounds: &'a Grounds,
    source: &'a Server,
    destination: &'a Server,
    begin: Instant,
    attempt: u32,
}

impl Place<'_> {
    fn copy(&self) -> Outcome {
        let name = self.name("direct");
        let ran = self.fxp(&name, "direct");
        let outcome = match ran.code {
            0 => self.copied(&ran, &name),
            IMPOSSIBLE => self.refused(&ran, &name),
            _ => Err(format!("exit code {}", ran.code)),
        };
        outcome.unwrap_or_else(|why| {
            Outcome::Wrong(format!(
                "{why}\n{}\n{}\n--- source\n{}\n--- destination\n{}",
                ran.stdout,
                ran.stderr,
                self.source.log(),
                self.destination.log()
            ))
        })
    }

    /// A name of its own at the destination: cells run side by side.
    fn name(&self, route: &str) -> String {
        let family = if self.cell.world.v6 { 6 } else { 4 };
        let tls = if self.cell.world.tls { "tls" } else { "plain" };
        format!("{}-{tls}-{family}-{route}-{}", self.cell.source, self.attempt)
    }

    fn fxp(&self, name: &str, via: &str) -> Ran {
        let tls = if self.cell.world.tls { "require" } else { "off" };
        let (from, to) = (self.source.url(FILE), self.destination.url(name));
        let left = CEILING.saturating_sub(self.begin.elapsed());
        self.grounds.fxp(&["--json", "cp", "--tls", tls, "--via", via, &from, &to], left)
    }

    /// It said that it is done: is it?
    fn copied(&self, ran: &Ran, name: &str) -> Result<Outcome, String> {
        self.assert_equal(name)?;
        let events = ran.events();
        let done =
            events.iter().find(|event| event["event"] == "done").ok_or("no event tells that it is done")?;
        let end = events.last().ok_or("there are no events")?;
        if end["payload_through_client"] != 0 {
            return Err(format!("{} bytes went through the client", end["payload_through_client"]));
        }
        let expected = self.cell.assurance();
        if done["assurance"] != expected {
            return Err(format!("the assurance is {}", done["assurance"]));
        }
        let word = |key: &str| done[key].as_str().map(str::to_owned);
        Ok(Outcome::Copied {
            method: word("method").ok_or("no method")?,
            passive: word("passive").ok_or("no passive end")?,
            tls_client: word("tls_client"),
        })
    }

    /// It said that FXP is impossible: why, and does the relay work?
    fn refused(&self, ran: &Ran, name: &str) -> Result<Outcome, String> {
        if self.destination.root.join(name).exists() {
            return Err("refused, and yet something stands under the final name".to_owned());
        }
        let events = ran.events();
        let failed =
            events.iter().find(|event| event["event"] == "failed").ok_or("nothing tells what failed")?;
        let reasons = reasons(failed)?;
        let name = self.name("relay");
        let relayed = self.fxp(&name, "relay");
        if relayed.code != 0 {
            return Err(format!("the relay failed with {}: {}", relayed.code, relayed.stdout));
        }
        self.assert_equal(&name)?;
        Ok(Outcome::Refused { reasons })
    }

    /// The copy is what the source is, and nothing half done lies beside it. It is removed.
    fn assert_equal(&self, name: &str) -> Result<(), String> {
        let copy = self.destination.root.join(name);
        let seen = data::sha256(&copy).map_err(|error| format!("{}: {error}", copy.display()))?;
        if seen != self.grounds.digest {
            let size = std::fs::metadata(&copy).map_or(0, |metadata| metadata.len());
            return Err(format!(
                "the copy differs from its source ({size} bytes), and fxp says that it is done"
            ));
        }
        let part = self.destination.root.join(format!("{name}.fxp-part"));
        if Path::exists(&part) {
            return Err("a part was left behind".to_owned());
        }
        std::fs::remove_file(&copy).map_err(|error| error.to_string())
    }
}

/// What the remedy of a refusal names, each setting with its leg.
fn reasons(failed: &Value) -> Result<Vec<Reason>, String> {
    let remedy = failed["remedy"].as_str().ok_or("it names no remedy")?;
    if !remedy.contains("--via relay") {
        return Err(format!("the remedy does not name the relay: {remedy}"));
    }
    let mut reasons = Vec::new();
    let flags = |part: &str| part.starts_with("--");
    for part in remedy.split("; or ").filter(|part| !flags(part)) {
        let leg = ["source", "destination"].into_iter().find(|leg| {
            part.starts_with(&format!("at the {leg}")) || part.starts_with(&format!("let the {leg}"))
        });
        let setting = SETTINGS.iter().find(|setting| part.contains(*setting));
        let setting =
            setting.ok_or_else(|| format!("the remedy names no setting that is known here: {part}"))?;
        let leg = leg.or_else(|| {
            ["source", "destination"].into_iter().find(|leg| part.starts_with(&format!("the {leg}")))
        });
        reasons.push(Reason { leg: leg.unwrap_or_default().to_owned(), setting });
    }
    reasons.sort();
    reasons.dedup();
    match reasons.is_empty() {
        true => Err(format!("it names no reason: {failed}")),
        false => Ok(reasons),
    }
}
