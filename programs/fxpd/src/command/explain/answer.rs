//! The answers of `fxpd explain`, for people and for programs.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use fxp_proto::grammar::params::Protection;
use fxp_server::config::fxp::{Proof, Rule};
use fxp_server::explain::{Asked, Case, Explanation};
use fxp_server::never;
use fxp_server::policy::{Ground, Reason, Verdict, Way};
use fxp_store::VPath;
use serde::Serialize;

use crate::args::{Course, Evidence, Explain, Shield};
use crate::describe;

/// What was asked, and the answers to it. This is also the form of `--json`.
#[derive(Serialize)]
pub(super) struct Report {
    user: String,
    client: Option<IpAddr>,
    direction: Course,
    path: String,
    protection: Shield,
    proof: Evidence,
    /// Nothing is denied.
    pub(super) allowed: bool,
    unresolved: Vec<String>,
    answers: Vec<Answer>,
}

/// One way to one address.
#[derive(Serialize)]
pub(super) struct Answer {
    peer: IpAddr,
    way: &'static str,
    port: Option<u16>,
    allowed: bool,
    /// When the server says no: `address` (PORT, EPRT) or `transfer`.
    asked: &'static str,
    by: &'static str,
    rule: Option<usize>,
    rule_says: Option<String>,
    reason: String,
}

impl Report {
    pub(super) fn new(
        what: &Explain,
        path: &VPath,
        protection: Protection,
        unresolved: Vec<String>,
        answers: Vec<Answer>,
    ) -> Self {
        Report {
            user: what.user.clone(),
            client: what.client,
            direction: what.direction,
            path: path.to_string(),
            protection: protection.into(),
            proof: what.proof,
            allowed: answers.iter().all(|answer| answer.allowed),
            unresolved,
            answers,
        }
    }

    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).expect("a report holds strings, numbers and lists only")
    }
}

impl Answer {
    /// The policy's.
    pub(super) fn of(case: &Case<'_>, explanation: &Explanation, rules: &[Rule]) -> Self {
        let rule = explanation.verdict.rule();
        let (allowed, by, reason) = match explanation.verdict {
            Verdict::Allow(_, ground) => (true, ground_name(ground), ground.to_string()),
            Verdict::Deny(reason) => (false, reason_name(reason), explain(reason, case)),
            // With everything known there is no maybe left.
            Verdict::Maybe => (false, "no_rule", Reason::NoRule.to_string()),
        };
        let asked = match explanation.asked {
            Asked::AtAddress => "address",
            Asked::AtTransfer => "transfer",
        };
        let rule_says = rule.and_then(|at| rules.get(at)).map(describe::rule);
        Answer { allowed, by, rule, rule_says, reason, asked, ..Answer::about(case) }
    }

    /// The server asks no policy where it does not even begin.
    pub(super) fn refused_in_clear(case: &Case<'_>) -> Self {
        Answer {
            reason: "tls.data = \"required\": no file is moved in clear".to_owned(),
            ..Answer::about(case)
        }
    }

    fn about(case: &Case<'_>) -> Self {
        let (way, port) = match case.way {
            Way::Active(port) => ("active", Some(port)),
            Way::Passive => ("passive", None),
        };
        Answer {
            peer: case.peer,
            way,
            port,
            allowed: false,
            asked: "transfer",
            by: "protection",
            rule: None,
            rule_says: None,
            reason: String::new(),
        }
    }
}

/// The reason, and what the operator would ask next.
fn explain(reason: Reason, case: &Case<'_>) -> String {
    match (reason, never::range_of(case.peer)) {
        (Reason::NeverAddress, Some(range)) => format!("{reason}: it lies in {range}"),
        (Reason::Own, _) if case.proof == Proof::Key => {
            format!("{reason}; allowed only at a port on which this server itself waits for the same key")
        }
        (Reason::Scope | Reason::Own, _) if case.client.is_none() => {
            format!("{reason} (--client says where the user comes from)")
        }
        _ => reason.to_string(),
    }
}

/// Programs know these; docs/fxpd.md lists them.
fn ground_name(ground: Ground) -> &'static str {
    match ground {
        Ground::Client => "client",
        Ground::Rule(_) => "rule",
        Ground::Key => "key",
        Ground::Pin => "pin",
    }
}

fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::Rule(_) => "rule",
        Reason::Unresolved(_) => "unresolved_rule",
        Reason::NoRule => "no_rule",
        Reason::PinnedActive => "pinned_active",
        Reason::NeverAddress => "never_address",
        Reason::NeverPort => "never_port",
        Reason::Elsewhere => "elsewhere",
        Reason::Scope => "scope",
        Reason::Own => "own_address",
        Reason::Anonymous => "guest",
        Reason::MayNot => "may_fxp",
        Reason::Listing => "listing",
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = match self.client {
            Some(ip) => ip.to_string(),
            None => "a public host".to_owned(),
        };
        let direction = match self.direction {
            Course::In => "in",
            Course::Out => "out",
        };
        let shield = match self.protection {
            Shield::Clear => "in clear",
            Shield::Private => "inside TLS",
        };
        let proof = match self.proof {
            Evidence::None => "the peer proves nothing",
            Evidence::Pin => "the peer shows the expected certificate",
            Evidence::Key => "the peer proves the key",
        };
        writeln!(f, "{} from {client}, {direction}, {}, {shield}, {proof}", self.user, self.path)?;
        self.answers.iter().try_for_each(|answer| answer.fmt(f))?;
        if !self.unresolved.is_empty() {
            writeln!(f, "names in rules that have no address at the moment: {}", self.unresolved.join(" "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.allowed { "allowed" } else { "denied" };
        let early = if self.asked == "address" { ", at PORT or EPRT already" } else { "" };
        match self.port {
            Some(port) => writeln!(f, "{verdict:<8} active, to {}{early}", SocketAddr::new(self.peer, port))?,
            None => writeln!(f, "{verdict:<8} passive, from {}", self.peer)?,
        }
        writeln!(f, "         {}", self.reason)?;
        if let (Some(at), Some(words)) = (self.rule, &self.rule_says) {
            writeln!(f, "         {}: {words}", describe::rule_key(at))?;
        }
        Ok(())
    }
}
