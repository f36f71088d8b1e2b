//! The ladder: the methods that are possible for this pair of servers under this policy, best first.
//!
//! Passive end, TLS client and verb are chosen together. There are six ways to join two legs inside
//! TLS and two in clear; each is struck out with a reason or becomes a rung. What is left is sorted by
//! the wishes of [`wishes`]. All of it is a pure function of what is known before the first attempt,
//! and all of it can be printed.

mod print;
mod proof;

use fxp_proto::client::request::{LoggedIn, Passive};
use fxp_proto::grammar::addr::Family;
use fxp_proto::grammar::feat::Features;
use fxp_proto::grammar::params::Protection;
use fxp_proto::pair::leg::Leg;
use fxp_proto::pair::method::{Method, RoleVerb, TlsPart};

use crate::book::Known;
use crate::policy::{AssuranceChoice, EndChoice, MethodChoice, Secure};
use crate::product::{Product, Products};
use crate::report::Assurance;

pub use proof::Peer;

/// What decides about one end.
#[derive(Clone, Debug)]
pub struct End {
    /// SSCN is offered.
    pub sscn: bool,
    /// CPSV is offered.
    pub cpsv: bool,
    /// PRET has to precede the passive verb.
    pub pret: bool,
    /// CEPR is offered: EPSV can answer with an address.
    pub cepr: bool,
    /// PEER KEY is offered.
    pub peer_key: bool,
    /// PEER EXPECT is offered.
    pub peer_expect: bool,
    /// Its certificate is known: its control connection showed it.
    pub certified: bool,
    /// Family of its data address.
    pub family: Family,
    /// Its control connection is inside TLS.
    pub secured: bool,
    /// What was learned about it.
    pub known: Known,
    /// The site entry's `passive`: `Some(false)` never listens, `Some(true)` always does.
    pub passive: Option<bool>,
    /// Learned: with the other end TLS failed where this one was TLS client.
    pub failed_as_client: bool,
}

/// What the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Protection of data.
    pub secure: Secure,
    /// Passive end.
    pub passive: EndChoice,
    /// The end that sends the ClientHello; says nothing about data in clear.
    pub tls_client: EndChoice,
    /// Method.
    pub method: MethodChoice,
    /// The least that a copy has to achieve.
    pub assurance: AssuranceChoice,
}

/// The methods for a pair, best first, and those that were struck out.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// What can be tried, best first.
    pub rungs: Vec<Rung>,
    /// What cannot, and why.
    pub struck: Vec<Struck>,
}

/// One method that can be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// How the legs are joined.
    pub method: Method,
    /// What the servers prove to each other.
    pub peer: Peer,
    /// What a transfer by it achieves.
    pub assurance: Assurance,
    /// What the source is told, in the order of the wire.
    pub source: String,
    /// What the destination is told.
    pub destination: String,
}

/// One method that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Struck {
    /// How the legs would be joined.
    pub method: Method,
    /// Why not.
    pub why: Why,
}

/// Why a method is struck out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// One end has an IPv4 address, the other an IPv6 one.
    Families,
    /// Clear data, which the policy forbids.
    ClearForbidden,
    /// Clear data, which the policy forbids by default because this control connection is TLS.
    ClearForbiddenBy(Leg),
    /// Protected data, which `--secure off` does not want.
    ProtectionOff,
    /// `--method` names another one.
    OtherMethod,
    /// `--passive` names the other end.
    OtherPassive,
    /// `--tls-client` names the other end.
    OtherTlsClient,
    /// The control connection of this leg is in clear, so it cannot protect data.
    ControlInClear(Leg),
    /// This leg would have to be TLS client and does not offer the verb.
    NotOffered(Leg, RoleVerb),
    /// CPSV's reply has no room for an IPv6 address.
    CpsvIsIpv4(Leg),
    /// The site entry says that this end never listens.
    NeverPassive(Leg),
    /// The site entry says that this end always listens.
    AlwaysPassive(Leg),
    /// Clear data, although the two servers could prove something to each other.
    Unproven(Peer),
    /// `--assurance` asks for more than this pair can prove, because this leg, or both if none is named, does not speak
    /// PEER.
    NotProvable(AssuranceChoice, Option<Leg>),
    /// Clear data, which the named assurance forbids.
    ClearIsNotEnough(AssuranceChoice),
    /// Learned: as TLS server this end demands that the session be resumed, which only its client can.
    DemandsReuse(Leg),
    /// Learned: it refuses foreign addresses when it listens.
    NoForeignPassive(Leg),
    /// Learned: it refuses foreign addresses when it connects.
    NoForeignActive(Leg),
}

/// The ladder for a pair. See the module's description.
pub fn ladder(source: &End, destination: &End, policy: &Policy) -> Ladder {
    let pair = Pair { source, destination, policy };
    let mut ladder = Ladder { rungs: Vec::new(), struck: Vec::new() };
    let proof = pair.proof();
    for method in pair.combinations() {
        let peer = if method.tls.is_some() { proof } else { Peer::None };
        match pair.objection(&method).or_else(|| pair.objection_to_assurance(&method, peer)) {
            Some(why) => ladder.struck.push(Struck { method, why }),
            None => {
                ladder.rungs.push(pair.rung(method, peer));
                if pair.may_do_without(peer) {
                    ladder.rungs.push(pair.rung(method, Peer::None));
                }
            }
        }
    }
    ladder.rungs.sort_by_key(|rung| pair.wishes(rung));
    ladder
}

impl End {
    /// From what a login told and what is remembered. `family` is that of the address its data
    /// connections will have.
    pub fn new(facts: &LoggedIn, family: Family, known: Known, passive: Option<bool>) -> Self {
        let banner = facts.banner.lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let system = facts.system.as_ref().map(ToString::to_string).unwrap_or_default();
        let product = Product::recognise(&banner, &system, &facts.features);
        let offered = End::offering(&facts.features, family, product);
        // What cannot be protected cannot be proven either.
        let proves = facts.secured && facts.protection == Protection::Private;
        End {
            secured: facts.secured,
            peer_key: proves && offered.peer_key,
            peer_expect: proves && offered.peer_expect,
            certified: proves,
            known,
            passive,
            ..offered
        }
    }

    /// From FEAT alone: TLS on the control connection, nothing learned.
    pub fn offering(features: &Features, family: Family, product: Option<&Product>) -> Self {
        End {
            // CCSN is its older twin; which of them is sent is the session's business.
            sscn: features.has("SSCN") || features.has("CCSN"),
            cpsv: features.has("CPSV"),
            pret: features.has("PRET") && !product.is_some_and(|product| product.idle_pret),
            cepr: features.has("CEPR"),
            peer_key: features.peer_key(),
            peer_expect: features.peer_expect(),
            certified: true,
            family,
            secured: true,
            known: Known::default(),
            passive: None,
            failed_as_client: false,
        }
    }

    fn offers(&self, verb: RoleVerb) -> bool {
        match verb {
            RoleVerb::Cpsv => self.cpsv,
            RoleVerb::Sscn => self.sscn,
        }
    }
}

impl Ladder {
    /// True if something was struck out only because of what was learned earlier. A server may have been
    /// configured anew since, so when nothing else is left these are worth a try.
    pub fn learned_objections(&self) -> bool {
        self.struck.iter().any(|struck| struck.why.is_learned())
    }

    /// The reasons, each once, those that the user could change last.
    pub fn reasons(&self) -> Vec<Why> {
        let mut reasons: Vec<Why> = Vec::new();
        for struck in &self.struck {
            if !reasons.contains(&struck.why) {
                reasons.push(struck.why);
            }
        }
        reasons.sort_by_key(|why| why.weight() == Weight::Choice);
        reasons
    }

    /// As it is printed, each line with something before it; where there is none, one line that says why.
    pub(crate) fn lines(&self, before: &str) -> Vec<String> {
        match self.rungs.is_empty() {
            true => vec![format!("{before}impossible: {}", self.why_impossible())],
            false => self.rungs.iter().map(|rung| format!("{before}{rung}")).collect(),
        }
    }

    /// Why no rung is left, in one sentence.
    pub fn why_impossible(&self) -> String {
        self.why_impossible_for(&Products::default())
    }

    /// The same, with the names of the products.
    pub fn why_impossible_for(&self, products: &Products) -> String {
        let reasons = self.reasons();
        let of = |weight| -> Vec<String> {
            reasons.iter().filter(|why| why.weight() == weight).map(|why| why.sentence(products)).collect()
        };
        let missing = |leg| reasons.contains(&Why::NotOffered(leg, RoleVerb::Sscn));
        let certain = of(Weight::Certain);
        let sentences = if !certain.is_empty() {
            certain
        } else if missing(Leg::Source) && missing(Leg::Destination) {
            vec![NO_TLS_CLIENT.to_owned()]
        } else {
            [Weight::Verb, Weight::Clear, Weight::Choice]
                .into_iter()
                .map(of)
                .find(|sentences| !sentences.is_empty())
                .unwrap_or_default()
        };
        sentences.join("; ")
    }
}

impl Why {
    /// How much this reason explains when nothing is left.
    fn weight(self) -> Weight {
        match self {
            Why::NotOffered(..) => Weight::Verb,
            Why::ClearForbidden | Why::ClearForbiddenBy(_) => Weight::Clear,
            Why::Unproven(_) | Why::ClearIsNotEnough(_) => Weight::Clear,
            Why::ProtectionOff | Why::OtherMethod | Why::OtherPassive | Why::OtherTlsClient => Weight::Choice,
            _ => Weight::Certain,
        }
    }

    /// Learned in an earlier transfer, rather than read from FEAT, the policy or the site entry.
    pub fn is_learned(self) -> bool {
        matches!(self, Why::DemandsReuse(_) | Why::NoForeignPassive(_) | Why::NoForeignActive(_))
    }
}

/// Reasons by how much they explain: see [`Ladder::why_impossible`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    Certain,
    Verb,
    Clear,
    Choice,
}

const NO_TLS_CLIENT: &str =
    "neither server offers CPSV or SSCN, so both would wait for the other to begin the TLS handshake";

struct Pair<'a> {
    source: &'a End,
    destination: &'a End,
    policy: &'a Policy,
}

impl Pair<'_> {
    fn end(&self, leg: Leg) -> &End {
        match leg {
            Leg::Source => self.source,
            Leg::Destination => self.destination,
        }
    }

    /// All eight: who listens, who is TLS client, by which verb.
    fn combinations(&self) -> Vec<Method> {
        let mut methods = Vec::with_capacity(8);
        for passive in [Leg::Destination, Leg::Source] {
            // EPSV without a number asks for the control connection's own family, which every server
            // takes; with a number ebftpd and dual-stack pyftpdlib refuse it.
            let listen = match self.end(passive).family {
                Family::V4 => Passive::Pasv,
                Family::V6 => Passive::Epsv(None),
            };
            let tls = |client, by, verb| Method { passive, verb, tls: Some(TlsPart { client, by }) };
            methods.push(tls(passive, RoleVerb::Cpsv, Passive::Cpsv));
            methods.push(tls(passive, RoleVerb::Sscn, listen));
            methods.push(tls(passive.other(), RoleVerb::Sscn, listen));
            methods.push(Method { passive, verb: listen, tls: None });
        }
        methods
    }

    /// The first reason against a method; the user's own choice comes early, so that the other reasons
    /// speak only of what was asked for.
    fn objection(&self, method: &Method) -> Option<Why> {
        if self.source.family != self.destination.family {
            return Some(Why::Families);
        }
        self.objection_by_choice(method)
            .or_else(|| match method.tls {
                None => self.objection_to_clear(),
                Some(part) => self.objection_to_tls(method, part),
            })
            .or_else(|| self.objection_to_addresses(method))
    }

    fn objection_to_clear(&self) -> Option<Why> {
        match self.policy.secure {
            Secure::Off | Secure::Prefer => None,
            Secure::Require => Some(Why::ClearForbidden),
            Secure::Default => {
                Leg::BOTH.into_iter().find(|&leg| self.end(leg).secured).map(Why::ClearForbiddenBy)
            }
        }
    }

    fn objection_to_tls(&self, method: &Method, part: TlsPart) -> Option<Why> {
        if self.policy.secure == Secure::Off {
            return Some(Why::ProtectionOff);
        }
        if let Some(leg) = Leg::BOTH.into_iter().find(|&leg| !self.end(leg).secured) {
            return Some(Why::ControlInClear(leg));
        }
        if !self.end(part.client).offers(part.by) {
            return Some(Why::NotOffered(part.client, part.by));
        }
        if method.verb == Passive::Cpsv && self.end(method.passive).family == Family::V6 {
            return Some(Why::CpsvIsIpv4(method.passive));
        }
        // The check sits in the servers' accepting path only: as TLS client such a server works.
        let server = part.client.other();
        self.end(server).known.demands_reuse.then_some(Why::DemandsReuse(server))
    }

    fn objection_by_choice(&self, method: &Method) -> Option<Why> {
        let chosen = match self.policy.method {
            MethodChoice::Auto => true,
            MethodChoice::Plain => method.tls.is_none(),
            MethodChoice::Cpsv => matches!(method.tls, Some(part) if part.by == RoleVerb::Cpsv),
            MethodChoice::Sscn => matches!(method.tls, Some(part) if part.by == RoleVerb::Sscn),
        };
        if !chosen {
            return Some(Why::OtherMethod);
        }
        if let (Some(named), Some(part)) = (self.policy.tls_client.leg(), method.tls)
            && part.client != named
        {
            return Some(Why::OtherTlsClient);
        }
        match self.policy.passive.leg() {
            // The flag outranks the site entries.
            Some(named) => (method.passive != named).then_some(Why::OtherPassive),
            None => self.objection_by_site(method),
        }
    }

    fn objection_by_site(&self, method: &Method) -> Option<Why> {
        let (passive, active) = (method.passive, method.passive.other());
        if self.end(passive).passive == Some(false) {
            return Some(Why::NeverPassive(passive));
        }
        (self.end(active).passive == Some(true)).then_some(Why::AlwaysPassive(active))
    }

    fn objection_to_addresses(&self, method: &Method) -> Option<Why> {
        let (passive, active) = (method.passive, method.passive.other());
        if self.end(passive).known.no_foreign_passive {
            return Some(Why::NoForeignPassive(passive));
        }
        self.end(active).known.no_foreign_active.then_some(Why::NoForeignActive(active))
    }

    /// The sort key; smaller is better. In this order:
    ///
    /// 1. the higher assurance;
    /// 2. a TLS client that has not failed with this partner before;
    /// 3. where only one end verifies the other, that end listens and is TLS client: nobody can get in between from
    ///    aside, and it depends on no certificate that the other end may not show;
    /// 4. the destination is TLS client: a TLS 1.3 server sends tickets, and a sender that plays TLS
    ///    client, never reads, and closes with them unread loses the tail of the file to a reset;
    /// 5. the passive end can be reached; the source, which authenticates nobody, is active, so that
    ///    nobody can snatch the file by racing to its port;
    /// 6. CPSV, which lasts for one transfer, rather than SSCN, which has to be switched off again.
    fn wishes(&self, rung: &Rung) -> impl Ord + use<> {
        let method = rung.method;
        let client = method.tls.map(|part| part.client);
        let by_sscn =
            matches!(method.tls, Some(part) if part.client == method.passive && part.by == RoleVerb::Sscn);
        (
            rank(rung.assurance),
            client.is_some_and(|client| self.end(client).failed_as_client),
            rung.peer.exposure(&method),
            client != Some(Leg::Destination),
            self.end(method.passive).known.unreachable,
            method.passive != Leg::Destination,
            by_sscn,
        )
    }

    fn rung(&self, method: Method, peer: Peer) -> Rung {
        Rung {
            method,
            peer,
            assurance: peer.assurance(&method),
            source: self.told(Leg::Source, &method, peer),
            destination: self.told(Leg::Destination, &method, peer),
        }
    }

    /// What a leg is told, in the order of the wire.
    fn told(&self, leg: Leg, method: &Method, peer: Peer) -> String {
        let end = self.end(leg);
        let mut words = Vec::new();
        if let (Some(part), true) = (method.tls, end.sscn) {
            let on = part.client == leg && part.by == RoleVerb::Sscn;
            words.push(if on { "SSCN ON" } else { "SSCN OFF" });
        }
        words.extend((peer == Peer::Expect(leg)).then_some("PEER EXPECT"));
        let v6 = end.family == Family::V6;
        if method.passive != leg {
            words.extend((peer == Peer::Key).then_some("PEER KEY"));
            words.push(if v6 { "EPRT" } else { "PORT" });
            return words.join(", ");
        }
        if v6 && end.cepr {
            words.push("CEPR ON");
        }
        words.extend((peer == Peer::Key).then_some("PEER KEY"));
        if end.pret {
            words.push(if leg == Leg::Source { "PRET RETR" } else { "PRET STOR" });
        }
        words.push(match method.verb {
            Passive::Pasv => "PASV",
            Passive::Epsv(_) => "EPSV",
            Passive::Cpsv => "CPSV",
        });
        words.join(", ")
    }
}

/// Assurances from the highest down. Of `confidential` and `authentic` a pair can have but one.
fn rank(assurance: Assurance) -> u8 {
    match assurance {
        Assurance::Mutual => 0,
        Assurance::Confidential | Assurance::Authentic => 1,
        Assurance::Encrypted => 2,
        Assurance::Clear | Assurance::Relay | Assurance::Unknown => 3,
    }
}
