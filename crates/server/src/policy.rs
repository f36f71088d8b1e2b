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
//! peer itself, whose consent is its control connection, and whoever proves a key or, where we listen,
//! shows the certificate that the client expects (PEER).

mod rules;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use fxp_proto::grammar::params::Protection;
use fxp_store::{Text, VPath};

use crate::config::fxp::{Allowances, Proof, Rule};
use crate::never;
use rules::{Found, first_match};

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
    /// What the other end has to prove (PEER): at the third question, what it has proven.
    pub proof: Proof,
    /// Where the other end may be (`PEER EXPECT ... FROM=`); empty is anywhere.
    pub from: &'a [IpAddr],
    /// The target is a port of this very process, which waits for the same key there.
    pub meets_itself: bool,
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
    /// Yes: to whom, and why.
    Allow(Relation, Ground),
    /// Not no; ask again when more is known.
    Maybe,
    /// No.
    Deny(Reason),
}

impl Verdict {
    /// The rule that decided, counted from 0, if one did.
    pub fn rule(self) -> Option<usize> {
        match self {
            Verdict::Allow(_, Ground::Rule(at)) => Some(at),
            Verdict::Deny(reason) => reason.rule(),
            Verdict::Allow(..) | Verdict::Maybe => None,
        }
    }
}

/// Who the peer is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The client itself: ordinary FTP between two.
    ControlPeer,
    /// Another host: FXP.
    Foreign,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The client needs no rule.
    Client,
    /// An allow rule.
    Rule(usize),
    /// Who proves the key needs no rule.
    Key,
    /// Who shows the expected certificate needs no rule where we listen.
    Pin,
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ground::Client => f.write_str("the peer is the client itself, who needs no rule"),
            Ground::Rule(at) => write!(f, "fxp.rule[{at}] allows it"),
            Ground::Key => f.write_str("a peer that proves the key needs no rule"),
            Ground::Pin => {
                f.write_str("a peer that connects and shows the expected certificate needs no rule")
            }
        }
    }
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
    /// No rule speaks of it, and a pin does not stand in for one where we connect.
    #[error("the peer is pinned, but to connect to it takes a key or a rule")]
    PinnedActive,
    /// The client has said where the peer would come from.
    #[error("the client expects the peer elsewhere")]
    Elsewhere,
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

impl Reason {
    /// The rule that said no, if one did.
    pub fn rule(self) -> Option<usize> {
        match self {
            Reason::Rule(at) | Reason::Unresolved(at) => Some(at),
            _ => None,
        }
    }
}

/// The configured rules, with what their host names stand for at the moment.
#[derive(Clone, Copy, Debug)]
pub struct Rulebook<'a> {
    /// In the order of the configuration.
    pub rules: &'a [Rule],
    /// Whether a proof stands in for a rule.
    pub allowances: Allowances,
    /// Addresses by name; a name that is missing has not been asked for or has no answer.
    pub names: &'a BTreeMap<String, Vec<IpAddr>>,
}

/// Judges one data connection.
pub fn judge(book: Rulebook<'_>, facts: &Facts<'_>) -> Verdict {
    match facts.peer {
        // Whoever listens can at least be reached by the client.
        None => Verdict::Maybe,
        Some(peer) if is_elsewhere(facts, peer) => Verdict::Deny(Reason::Elsewhere),
        Some(peer) if peer.ip == facts.client.ip => judge_client(book, facts, peer),
        Some(peer) => judge_foreign(book, facts, peer),
    }
}

/// PEER speaks of files: a listing goes to the client wherever the other server is, and before the transfer
/// command it may be a listing that the client wants.
fn is_elsewhere(facts: &Facts<'_>, peer: Host) -> bool {
    let expected = facts.from.is_empty() || facts.from.contains(&peer.ip);
    let is_file = matches!(facts.intent, Some(Intent::In(_) | Intent::Out(_)));
    !expected && (is_file || peer.ip != facts.client.ip)
}

/// The client's own address needs no rule. It was proven by the control connection, so the list of
/// addresses does not hold for it; the list of ports does, for other users' services live there.
fn judge_client(book: Rulebook<'_>, facts: &Facts<'_>, peer: Host) -> Verdict {
    match (first_match(book, facts, peer), facts.intent) {
        (Found::Perhaps, _) => Verdict::Maybe,
        (Found::Allow(at), _) => with_intent(facts, Relation::ControlPeer, Ground::Rule(at)),
        (Found::Deny(reason), Some(Intent::In(_) | Intent::Out(_))) => Verdict::Deny(reason),
        // A listing that a rule for files denies, or what may still become one.
        (Found::Deny(_) | Found::Nothing, _) if has_unsafe_port(facts) => Verdict::Deny(Reason::NeverPort),
        (Found::Deny(_) | Found::Nothing, _) => with_intent(facts, Relation::ControlPeer, Ground::Client),
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
        Found::Perhaps => Verdict::Maybe,
        Found::Allow(at) => with_intent(facts, Relation::Foreign, Ground::Rule(at)),
        Found::Deny(reason) => Verdict::Deny(reason),
        Found::Nothing if never::range_of(peer.ip).is_some() => Verdict::Deny(Reason::NeverAddress),
        Found::Nothing if has_unsafe_port(facts) => Verdict::Deny(Reason::NeverPort),
        Found::Nothing => match allowance(book, facts) {
            Ok(ground) => with_intent(facts, Relation::Foreign, ground),
            Err(reason) => Verdict::Deny(reason),
        },
    }
}

/// A peer that proves a key consents by that to this very transfer, whoever connects. A certificate says who
/// the peer is, not that it consents; so a pin stands in for a rule only where we connect to nobody.
fn allowance(book: Rulebook<'_>, facts: &Facts<'_>) -> Result<Ground, Reason> {
    match (book.allowances, facts.proof, facts.way) {
        (Allowances::On, Proof::Key, _) => Ok(Ground::Key),
        (Allowances::On, Proof::Pin, Way::Passive) => Ok(Ground::Pin),
        (Allowances::On, Proof::Pin, Way::Active(_)) => Err(Reason::PinnedActive),
        (Allowances::On, Proof::None, _) | (Allowances::Off, _, _) => Err(Reason::NoRule),
    }
}

/// At the address command a yes is only a maybe.
fn with_intent(facts: &Facts<'_>, relation: Relation, ground: Ground) -> Verdict {
    if facts.intent.is_some() { Verdict::Allow(relation, ground) } else { Verdict::Maybe }
}

/// Where we connect on a client's behalf, the client gets no farther than it could get itself: no rule
/// lifts this.
fn out_of_reach(facts: &Facts<'_>, peer: Host) -> Option<Reason> {
    if facts.way == Way::Passive {
        return None;
    }
    if peer.own {
        return (!facts.client.own && !facts.meets_itself).then_some(Reason::Own);
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

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
