//! Rules in words.

use std::fmt::Display;

use fxp_server::config::fxp::{Action, Direction, Peer, Proof, Rule};
use fxp_server::config::network::TlsNeed;

/// How the log and all other texts call a rule: by its place in the configuration, counted from 0.
pub(crate) fn rule_key(at: usize) -> String {
    format!("fxp.rule[{at}]")
}

/// What a rule says, on one line.
pub(crate) fn rule(rule: &Rule) -> String {
    let action = match rule.action {
        Action::Allow => "allow",
        Action::Deny => "deny",
    };
    let who = if rule.who.is_empty() { "everybody".to_owned() } else { rule.who.join(" ") };
    let direction = match rule.direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::Any => "in and out",
    };
    let mut words = vec![format!("{action} {who}"), direction.to_owned(), rule.path.to_string(), peers(rule)];
    if !rule.ports.is_empty() {
        words.push(format!(
            "ports {}",
            joined(rule.ports.iter().map(|range| {
                let ports = range.ports();
                if ports.start() == ports.end() {
                    ports.start().to_string()
                } else {
                    format!("{}-{}", ports.start(), ports.end())
                }
            }))
        ));
    }
    words.extend((rule.tls == TlsNeed::Required).then(|| "TLS only".to_owned()));
    match rule.proof {
        Proof::None => {}
        Proof::Pin => words.push("with the expected certificate or the key".to_owned()),
        Proof::Key => words.push("with the key".to_owned()),
    }
    words.extend(rule.log.then(|| "logged".to_owned()));
    words.join(", ")
}

fn peers(rule: &Rule) -> String {
    match (rule.action, rule.peer.as_slice()) {
        (Action::Allow, []) => "any public peer".to_owned(),
        (Action::Deny, []) => "any peer but the client".to_owned(),
        (_, peers) => joined(peers.iter().map(Peer::to_string)),
    }
}

fn joined<T: Display>(words: impl Iterator<Item = T>) -> String {
    words.map(|word| word.to_string()).collect::<Vec<_>>().join(" ")
}
