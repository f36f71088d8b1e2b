//! The configured rules: which of them speak of one data connection, and what the first one says.

use fxp_proto::grammar::params::Protection;
use ipnet::IpNet;

use super::{Facts, Host, Intent, Reason, Rulebook, Scope, Way};
use crate::config::fxp::{Action, Direction, Peer, Rule};
use crate::config::network::TlsNeed;
use crate::never;

/// What the rules say.
pub(super) enum Found {
    /// This rule allows.
    Allow(usize),
    /// Only at the address command: a rule might allow it once more is known.
    Perhaps,
    Deny(Reason),
    Nothing,
}

/// The first rule that surely matches decides. A rule of which too little is known is passed over,
/// and remembered if it allows; at the end of the three questions only a name that cannot be resolved
/// is still unknown, and then a deny rule counts and an allow rule does not.
pub(super) fn first_match(book: Rulebook<'_>, facts: &Facts<'_>, peer: Host) -> Found {
    let early = facts.intent.is_none();
    let mut perhaps = false;
    for (at, rule) in book.rules.iter().enumerate() {
        match (fit(book, rule, facts, peer), rule.action) {
            (Fit::No, _) => {}
            (Fit::Yes, Action::Allow) => return Found::Allow(at),
            (Fit::Yes, Action::Deny) if perhaps => return Found::Perhaps,
            (Fit::Yes, Action::Deny) => return Found::Deny(Reason::Rule(at)),
            (Fit::Unknown, Action::Allow) => perhaps |= early,
            (Fit::Unknown, Action::Deny) if early => {}
            (Fit::Unknown, Action::Deny) => return Found::Deny(Reason::Unresolved(at)),
        }
    }
    if perhaps { Found::Perhaps } else { Found::Nothing }
}

/// Does a rule, or a part of it, match?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Yes,
    No,
    Unknown,
}

impl From<bool> for Fit {
    fn from(fits: bool) -> Self {
        if fits { Fit::Yes } else { Fit::No }
    }
}

impl Fit {
    /// All parts must match.
    fn all(parts: impl IntoIterator<Item = Fit>) -> Fit {
        parts.into_iter().fold(Fit::Yes, |so_far, part| match (so_far, part) {
            (Fit::No, _) | (_, Fit::No) => Fit::No,
            (Fit::Unknown, _) | (_, Fit::Unknown) => Fit::Unknown,
            (Fit::Yes, Fit::Yes) => Fit::Yes,
        })
    }

    /// One must match.
    fn any(parts: impl IntoIterator<Item = Fit>) -> Fit {
        parts.into_iter().fold(Fit::No, |so_far, part| match (so_far, part) {
            (Fit::Yes, _) | (_, Fit::Yes) => Fit::Yes,
            (Fit::Unknown, _) | (_, Fit::Unknown) => Fit::Unknown,
            (Fit::No, Fit::No) => Fit::No,
        })
    }
}

fn fit(book: Rulebook<'_>, rule: &Rule, facts: &Facts<'_>, peer: Host) -> Fit {
    Fit::all([
        fit_user(rule, facts),
        fit_intent(rule, facts),
        fit_protection(rule, facts),
        facts.proof.satisfies(rule.proof).into(),
        fit_port(rule, facts),
        fit_peer(book, rule, facts, peer),
    ])
}

fn fit_user(rule: &Rule, facts: &Facts<'_>) -> Fit {
    let named = |name: &String| name.as_bytes() == facts.user.as_bytes();
    (rule.who.is_empty() || (!facts.anonymous && rule.who.iter().any(named))).into()
}

fn fit_intent(rule: &Rule, facts: &Facts<'_>) -> Fit {
    let (direction, path) = match facts.intent {
        None if rule.direction == Direction::Any && rule.path.is_root() => return Fit::Yes,
        None => return Fit::Unknown,
        // A listing has no direction and no file; of rules it knows only whom and which port they name.
        Some(Intent::Listing) => return Fit::Yes,
        Some(Intent::In(path)) => (Direction::In, path),
        Some(Intent::Out(path)) => (Direction::Out, path),
    };
    ((rule.direction == Direction::Any || rule.direction == direction) && path.is_beneath(&rule.path)).into()
}

fn fit_protection(rule: &Rule, facts: &Facts<'_>) -> Fit {
    (rule.tls == TlsNeed::Offered || facts.protection == Protection::Private).into()
}

fn fit_port(rule: &Rule, facts: &Facts<'_>) -> Fit {
    match facts.way {
        // A peer that connects to us may come from any port; servers like to use port 20.
        Way::Passive => Fit::Yes,
        Way::Active(port) if rule.ports.is_empty() => {
            (rule.action == Action::Deny || !never::is_unsafe_port(port)).into()
        }
        Way::Active(port) => rule.ports.iter().any(|range| range.contains(port)).into(),
    }
}

/// A rule that names no peer speaks of every *other* server, never of the client itself; if it allows, of
/// public ones only and of nothing on the never-list. A host name does not mean the client either, lest
/// every transfer between two wait for a name server.
fn fit_peer(book: Rulebook<'_>, rule: &Rule, facts: &Facts<'_>, peer: Host) -> Fit {
    let foreign = peer.ip != facts.client.ip;
    let never = never::range_of(peer.ip).filter(|_| foreign && rule.action == Action::Allow);
    if rule.peer.is_empty() {
        let public = peer.scope == Scope::Public && never.is_none();
        return (foreign && (public || rule.action == Action::Deny)).into();
    }
    Fit::any(rule.peer.iter().map(|named| match named {
        Peer::Net(net) => (net.contains(&peer.ip) && never.is_none_or(|range| names(*net, range))).into(),
        Peer::Name(_) if never.is_some() || !foreign => Fit::No,
        Peer::Name(name) => match book.names.get(name) {
            None => Fit::Unknown,
            Some(addresses) => addresses.iter().any(|ip| ip.to_canonical() == peer.ip).into(),
        },
    }))
}

/// A prefix names a range of the never-list if it lies within it; 0.0.0.0/0 names nothing.
fn names(net: IpNet, range: IpNet) -> bool {
    net.prefix_len() >= range.prefix_len()
}
