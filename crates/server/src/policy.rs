//! The one function that judges data connections, for `PORT`, `EPRT`, `PASV`, `EPSV` and `CPSV` alike.
//!
//! It is asked three times, each time with all that is known by then, and the first no is final:
//!
//! 1. at the address command: could any rule ever allow this?
//! 2. when the transfer begins: user, path, direction and protection are known too; so is the peer, if we
//!    connect to it. If we listen, the question is asked again for everybody who comes. Nothing is
//!    sent to a peer before this yes.
//! 3. after the handshake, with the peer that is really there.
//!
//! The attack behind it all is the *bounce*: a user makes the server connect to, or take data from,
//! a host that never consented (CERT CA-1997-27, RFC 2577). So without a rule there is only the control
//! peer itself, whose consent is its control connection.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fxp_proto::grammar::params::Protection;
use fxp_store::{Text, VPath};
use ipnet::IpNet;

use crate::config::fxp::{Action, Direction, Peer, Rule};
use crate::config::network::TlsNeed;
use crate::never;

/// What is known about one data connection.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The client: the other end of the control connection.
    pub client: Host,
    /// The user's name.
    pub user: &'a Text,
    /// A guest.
    pub anonymous: bool,
    /// This user may have foreign peers at all.
    pub may_fxp: bool,
    /// Who connects.
    pub way: Way,
    /// The other end of the data connection; unknown while we listen and nobody has come.
    pub peer: Option<Host>,
    /// What the connection is for; unknown at the address command.
    pub intent: Option<Intent<'a>>,
    /// In clear or inside TLS.
    pub protection: Protection,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its address, IPv4 as IPv4 (never mapped into IPv6).
    pub ip: IpAddr,
    /// How far away it is.
    pub scope: Scope,
    /// It is this machine.
    pub own: bool,
}

/// How far away a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On this machine: 127/8, ::1.
    Loopback,
    /// In a private network.
    Private,
    /// Anywhere.
    Public,
}

impl Scope {
    /// What the address alone tells.
    pub fn of(ip: IpAddr) -> Self {
        let private = match ip.to_canonical() {
            IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || never::SHARED_V4.contains(&ip),
            IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
        };
        match private {
            _ if ip.to_canonical().is_loopback() => Scope::Loopback,
            true => Scope::Private,
            false => Scope::Public,
        }
    }
}

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// We connect, to this port.
    Active(u16),
    /// We listen.
    Passive,
}

/// What a data connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent<'a> {
    /// A listing: goes to the control peer only.
    Listing,
    /// The file comes in.
    In(&'a VPath),
    /// The file goes out.
    Out(&'a VPath),
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Allow(Relation),
    /// Not no; ask again when more is known.
    Maybe,
    /// No.
    Deny(Reason),
}

/// Who the peer is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The client itself: ordinary FTP between two.
    ControlPeer,
    /// Another host: FXP.
    Foreign,
}

/// Why not. For the log; a client hears less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// In the never-list, and no rule names it.
    #[error("the address is never connected to unless a rule names it")]
    NeverAddress,
    /// Below 1024 or a well-known service, and no rule names it.
    #[error("the port belongs to another service and no rule names it")]
    NeverPort,
    /// A deny rule.
    #[error("fxp.rule[{0}] denies it")]
    Rule(usize),
    /// A deny rule names a host whose address could not be found out.
    #[error("fxp.rule[{0}] may deny it: its host name cannot be resolved")]
    Unresolved(usize),
    /// No rule speaks of it.
    #[error("another host than the client, and no rule allows it")]
    NoRule,
    /// The client is farther away than the peer.
    #[error("the client is in a wider network than the peer")]
    Scope,
    /// Our own address, and the client is not on this machine.
    #[error("the peer is this machine and the client is not")]
    Own,
    /// Guests have no foreign peers.
    #[error("guests have no foreign peers")]
    Anonymous,
    /// This user has no foreign peers.
    #[error("the user has may_fxp = false")]
    MayNot,
    /// Listings go to the client.
    #[error("listings go to the client only")]
    Listing,
}

/// The configured rules, with what their host names stand for at the moment.
#[derive(Clone, Copy, Debug)]
pub struct Rulebook<'a> {
    /// In the order of the configuration.
    pub rules: &'a [Rule],
    /// Addresses by name; a name that is missing has not been asked for or has no answer.
    pub names: &'a BTreeMap<String, Vec<IpAddr>>,
}

/// Judges one data connection.
pub fn judge(book: Rulebook<'_>, facts: &Facts<'_>) -> Verdict {
    match facts.peer {
        // Whoever listens can at least be reached by the client.
        None => Verdict::Maybe,
        Some(peer) if peer.ip == facts.client.ip => judge_client(book, facts, peer),
        Some(peer) => judge_foreign(book, facts, peer),
    }
}

/// The client's own address needs no rule. It was proven by the control connection, so the list of
/// addresses does not hold for it; the list of ports does, for other users' services live there.
fn judge_client(book: Rulebook<'_>, facts: &Facts<'_>, peer: Host) -> Verdict {
    match (first_match(book, facts, peer), facts.intent) {
        (Found::Allow | Found::Perhaps, _) => with_intent(facts, Relation::ControlPeer),
        (Found::Deny(reason), Some(Intent::In(_) | Intent::Out(_))) => Verdict::Deny(reason),
        // A listing that a rule for files denies, or what may still become one.
        (Found::Deny(_) | Found::Nothing, _) if has_unsafe_port(facts) => Verdict::Deny(Reason::NeverPort),
        (Found::Deny(_) | Found::Nothing, _) => with_intent(facts, Relation::ControlPeer),
    }
}

fn judge_foreign(book: Rulebook<'_>, facts: &Facts<'_>, peer: Host) -> Verdict {
    if facts.intent == Some(Intent::Listing) {
        return Verdict::Deny(Reason::Listing);
    }
    if facts.anonymous {
        return Verdict::Deny(Reason::Anonymous);
    }
    if !facts.may_fxp {
        return Verdict::Deny(Reason::MayNot);
    }
    if let Some(reason) = out_of_reach(facts, peer) {
        return Verdict::Deny(reason);
    }
    match first_match(book, facts, peer) {
        Found::Allow | Found::Perhaps => with_intent(facts, Relation::Foreign),
        Found::Deny(reason) => Verdict::Deny(reason),
        Found::Nothing if never::range_of(peer.ip).is_some() => Verdict::Deny(Reason::NeverAddress),
        Found::Nothing if has_unsafe_port(facts) => Verdict::Deny(Reason::NeverPort),
        Found::Nothing => Verdict::Deny(Reason::NoRule),
    }
}

/// At the address command a yes is only a maybe.
fn with_intent(facts: &Facts<'_>, relation: Relation) -> Verdict {
    if facts.intent.is_some() { Verdict::Allow(relation) } else { Verdict::Maybe }
}

/// Where we connect on a client's behalf, the client gets no farther than it could get itself: no rule
/// lifts this.
fn out_of_reach(facts: &Facts<'_>, peer: Host) -> Option<Reason> {
    if facts.way == Way::Passive {
        return None;
    }
    if peer.own {
        return (!facts.client.own).then_some(Reason::Own);
    }
    let reaches = match facts.client.scope {
        Scope::Loopback => true,
        Scope::Private => peer.scope != Scope::Loopback,
        Scope::Public => peer.scope == Scope::Public,
    };
    (!reaches).then_some(Reason::Scope)
}

fn has_unsafe_port(facts: &Facts<'_>) -> bool {
    matches!(facts.way, Way::Active(port) if never::is_unsafe_port(port))
}

/// What the rules say.
enum Found {
    Allow,
    /// Only at the address command: a rule might allow it once more is known.
    Perhaps,
    Deny(Reason),
    Nothing,
}

/// The first rule that surely matches decides. A rule of which too little is known is passed over,
/// and remembered if it allows; at the end of the three questions only a name that cannot be resolved
/// is still unknown, and then a deny rule counts and an allow rule does not.
fn first_match(book: Rulebook<'_>, facts: &Facts<'_>, peer: Host) -> Found {
    let early = facts.intent.is_none();
    let mut perhaps = false;
    for (at, rule) in book.rules.iter().enumerate() {
        match (fit(book, rule, facts, peer), rule.action) {
            (Fit::No, _) => {}
            (Fit::Yes, Action::Allow) => return Found::Allow,
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

#[cfg(test)]
mod tests;
