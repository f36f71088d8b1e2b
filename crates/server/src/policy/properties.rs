//! What holds of the policy whatever the rules and the facts are. Both come from a generator; a failure names
//! its seed.

use std::collections::BTreeSet;

use ipnet::IpNet;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::config::fxp::{Action, Direction, Peer};
use crate::config::network::TlsNeed;

const SEEDS: u64 = 100;
const CASES: usize = 150;

/// Of every range that matters one or two, and neighbours of one another.
const ADDRESSES: [&str; 16] = [
    "1.1.1.1",
    "8.8.8.8",
    "8.8.8.9",
    "8.8.4.4",
    "9.9.9.9",
    "10.3.3.3",
    "10.0.0.1",
    "127.0.0.1",
    "127.0.0.3",
    "169.254.169.254",
    "192.0.2.8",
    "100.64.3.3",
    "2a00::1",
    "2a00::2",
    "64:ff9b::808:808",
    "fd00::1",
];

const NETS: [&str; 13] = [
    "0.0.0.0/0",
    "8.8.8.0/24",
    "8.8.0.0/16",
    "8.8.8.8/32",
    "9.9.9.9/32",
    "10.0.0.0/8",
    "127.0.0.0/8",
    "192.0.2.0/24",
    "169.254.0.0/16",
    "1.1.1.1/32",
    "::/0",
    "2a00::/16",
    "64:ff9b::/96",
];

/// What names stand for, where anybody knows.
const NAMES: [(&str, &str); 3] =
    [("one.example.org", "8.8.8.8"), ("two.example.org", "2a00::2"), ("own.example.org", "10.0.0.1")];

const PORTS: [u16; 6] = [21, 1023, 2100, 6379, 50000, 65535];
const PATHS: [&str; 4] = ["/", "/in", "/in/a", "/inner"];
const USERS: [&str; 3] = ["alice", "bob", "anonymous"];

#[test]
fn a_no_is_final_and_a_yes_was_never_ruled_out() {
    let mut seen = BTreeSet::new();
    for_all(|case| {
        let early = judge(case.book(&case.names_early), &case.facts(None));
        assert!(!matches!(early, Verdict::Allow(..)), "a yes before the file is known");
        for intent in case.intents() {
            let facts = case.facts(Some(intent));
            let late = judge(case.book(&case.names_late), &facts);
            assert_eq!(late, judge(case.book(&case.names_late), &facts), "the same question, another answer");
            seen.insert(kind(early));
            seen.insert(kind(late));
            match (early, late) {
                (Verdict::Deny(_), Verdict::Allow(..)) => panic!("{early:?}, then {late:?} for {intent:?}"),
                (_, Verdict::Maybe) => panic!("nothing is unknown, and yet a maybe"),
                _ => {}
            }
        }
        // Before anybody has come nobody is refused.
        let nobody = Facts { peer: None, way: Way::Passive, ..case.facts(None) };
        assert_eq!(judge(case.book(&case.names_early), &nobody), Verdict::Maybe);
    });
    let all = [
        "Allow(ControlPeer, Client)",
        "Allow(ControlPeer, Rule())",
        "Allow(Foreign, Key)",
        "Allow(Foreign, Pin)",
        "Allow(Foreign, Rule())",
        "Deny(Anonymous)",
        "Deny(Elsewhere)",
        "Deny(Listing)",
        "Deny(MayNot)",
        "Deny(NeverAddress)",
        "Deny(NeverPort)",
        "Deny(NoRule)",
        "Deny(Own)",
        "Deny(PinnedActive)",
        "Deny(Rule())",
        "Deny(Scope)",
        "Deny(Unresolved())",
        "Maybe",
    ];
    assert_eq!(seen, all.map(str::to_owned).into(), "the generator reaches every answer");
}

#[test]
fn proving_more_never_costs_anything() {
    for_all(|case| {
        for intent in case.intents() {
            let clear = Facts { protection: Protection::Clear, ..case.facts(Some(intent)) };
            let mut before = false;
            for (protection, proof) in [
                (Protection::Clear, Proof::None),
                (Protection::Private, Proof::None),
                (Protection::Private, Proof::Pin),
                (Protection::Private, Proof::Key),
            ] {
                let facts = Facts { protection, proof, meets_itself: false, ..clear.clone() };
                let allowed = is_allowed(judge(case.book(&case.names_late), &facts));
                assert!(allowed || !before, "{proof:?} is refused what less was allowed");
                before = allowed;
            }
        }
    });
}

/// What no rule lifts, and what takes a rule that says so.
#[test]
fn every_yes_to_another_host_has_its_reason() {
    for_all(|case| {
        for intent in case.intents() {
            let facts = case.facts(Some(intent));
            let Verdict::Allow(relation, ground) = judge(case.book(&case.names_late), &facts) else {
                continue;
            };
            let peer = case.peer;
            let foreign = peer.ip != case.client.ip;
            assert_eq!(foreign, relation == Relation::Foreign);
            assert!(facts.from.is_empty() || facts.from.contains(&peer.ip), "FROM= says where");
            if let Ground::Rule(at) = ground {
                check_rule(case, at, &facts);
            }
            let names_port = |port: u16| match ground {
                Ground::Rule(at) => case.rules[at].ports.iter().any(|range| range.contains(port)),
                _ => false,
            };
            if let Way::Active(port) = facts.way {
                assert!(!never::is_unsafe_port(port) || names_port(port), "nobody has named port {port}");
            }
            if foreign {
                check_foreign(case, &facts, ground);
            }
        }
    });
}

fn check_rule(case: &Case, at: usize, facts: &Facts<'_>) {
    let rule = &case.rules[at];
    assert_eq!(rule.action, Action::Allow);
    assert!(facts.proof.satisfies(rule.proof));
    assert!(rule.tls == TlsNeed::Offered || case.protection == Protection::Private);
    assert!(rule.who.is_empty() || rule.who.contains(&case.user));
    match facts.intent {
        None | Some(Intent::Listing) => {}
        Some(Intent::In(path)) => assert!(rule.direction != Direction::Out && path.is_beneath(&rule.path)),
        Some(Intent::Out(path)) => assert!(rule.direction != Direction::In && path.is_beneath(&rule.path)),
    }
}

fn check_foreign(case: &Case, facts: &Facts<'_>, ground: Ground) {
    assert!(!case.anonymous && case.may_fxp && facts.intent != Some(Intent::Listing));
    match ground {
        Ground::Client => panic!("this is not the client"),
        Ground::Rule(_) => {}
        Ground::Key => assert!(case.allowances == Allowances::On && case.proof == Proof::Key),
        Ground::Pin => {
            let listens = case.way == Way::Passive;
            assert!(case.allowances == Allowances::On && case.proof == Proof::Pin && listens);
        }
    }
    if let Some(range) = never::range_of(case.peer.ip) {
        let Ground::Rule(at) = ground else { panic!("{} without a rule", case.peer.ip) };
        let within = |peer: &Peer| matches!(peer, Peer::Net(net) if range.contains(net) && net.contains(&case.peer.ip));
        assert!(case.rules[at].peer.iter().any(within), "no rule names {}", case.peer.ip);
    }
    if let Way::Active(_) = case.way {
        assert!(!case.peer.own || case.client.own || case.meets_itself, "own services");
        let (from, to) = (case.client.scope, case.peer.scope);
        assert!(from != Scope::Public || to == Scope::Public || case.peer.own, "from {from:?} to {to:?}");
    }
}

/// Rules, and a data connection.
#[derive(Debug)]
struct Case {
    rules: Vec<Rule>,
    allowances: Allowances,
    /// What was resolved at the first question, and at the others.
    names_early: BTreeMap<String, Vec<IpAddr>>,
    names_late: BTreeMap<String, Vec<IpAddr>>,
    client: Host,
    peer: Host,
    user: String,
    text: Text,
    anonymous: bool,
    may_fxp: bool,
    way: Way,
    path: VPath,
    protection: Protection,
    proof: Proof,
    from: Vec<IpAddr>,
    meets_itself: bool,
}

impl Case {
    fn new(random: &mut StdRng) -> Self {
        let client = host(pick(random, &ADDRESSES));
        // A client that comes from its own address is the usual case.
        let peer = if random.random_ratio(1, 4) { client } else { host(pick(random, &ADDRESSES)) };
        let user = (*pick(random, &USERS)).to_owned();
        let way = if random.random() { Way::Active(*pick(random, &PORTS)) } else { Way::Passive };
        let proof = *pick(random, &[Proof::None, Proof::None, Proof::Pin, Proof::Key]);
        let from = match proof {
            Proof::Pin if random.random_ratio(1, 4) => vec![host(pick(random, &ADDRESSES)).ip],
            _ => Vec::new(),
        };
        Case {
            rules: (0..random.random_range(0..5)).map(|_| rule(random)).collect(),
            allowances: if random.random_ratio(3, 4) { Allowances::On } else { Allowances::Off },
            names_early: names(random),
            names_late: names(random),
            client,
            peer,
            text: Text::lossy(user.as_str()),
            anonymous: user == "anonymous",
            user,
            may_fxp: random.random_ratio(7, 8),
            way,
            path: VPath::parse(pick(random, &PATHS).as_bytes()).unwrap(),
            protection: if proof == Proof::None && random.random() {
                Protection::Clear
            } else {
                Protection::Private
            },
            proof,
            from,
            meets_itself: proof == Proof::Key && peer.own && way != Way::Passive && random.random(),
        }
    }

    fn book<'a>(&'a self, names: &'a BTreeMap<String, Vec<IpAddr>>) -> Rulebook<'a> {
        Rulebook { rules: &self.rules, allowances: self.allowances, names }
    }

    /// A listing is for the client, of whom PEER demands nothing.
    fn facts<'a>(&'a self, intent: Option<Intent<'a>>) -> Facts<'a> {
        let is_listing = intent == Some(Intent::Listing);
        Facts {
            client: self.client,
            user: &self.text,
            anonymous: self.anonymous,
            may_fxp: self.may_fxp,
            way: self.way,
            peer: Some(self.peer),
            intent,
            protection: self.protection,
            proof: if is_listing { Proof::None } else { self.proof },
            from: if is_listing { &[] } else { &self.from },
            meets_itself: self.meets_itself && !is_listing,
        }
    }

    fn intents(&self) -> [Intent<'_>; 3] {
        [Intent::In(&self.path), Intent::Out(&self.path), Intent::Listing]
    }
}

/// A rule that a configuration may hold.
fn rule(random: &mut StdRng) -> Rule {
    let action = if random.random_ratio(2, 3) { Action::Allow } else { Action::Deny };
    let peer = (0..random.random_range(0..3)).map(|_| peer(random)).collect();
    let ports = match random.random_range(0..4) {
        0 => vec![pick(random, &["21", "2100", "1024-65535", "1-1023"]).parse().unwrap()],
        _ => Vec::new(),
    };
    let mut rule = Rule { action, peer, ports, ..Rule::allow(IpAddr::from([8, 8, 8, 8])) };
    if random.random_ratio(1, 3) {
        rule.who = vec![(*pick(random, &USERS[..2])).to_owned()];
    }
    rule.direction = *pick(random, &[Direction::In, Direction::Out, Direction::Any, Direction::Any]);
    if random.random_ratio(1, 3) {
        rule.path = VPath::parse(pick(random, &PATHS).as_bytes()).unwrap();
    }
    if action == Action::Allow {
        rule.proof = *pick(random, &[Proof::None, Proof::None, Proof::Pin, Proof::Key]);
        rule.tls = *pick(random, &[TlsNeed::Offered, TlsNeed::Required]);
    }
    rule
}

fn peer(random: &mut StdRng) -> Peer {
    match random.random_range(0..4) {
        0 => Peer::Name(pick(random, &NAMES).0.to_owned()),
        _ => Peer::Net(pick(random, &NETS).parse::<IpNet>().unwrap()),
    }
}

/// Each name may have no answer at the moment.
fn names(random: &mut StdRng) -> BTreeMap<String, Vec<IpAddr>> {
    let known = NAMES.iter().filter(|_| random.random_ratio(2, 3));
    known.map(|(name, ip)| ((*name).to_owned(), vec![ip.parse().unwrap()])).collect()
}

fn host(ip: &&str) -> Host {
    let ip: IpAddr = ip.parse().unwrap();
    let own =
        ip.is_loopback() || ["9.9.9.9", "10.0.0.1"].iter().any(|own| ip == own.parse::<IpAddr>().unwrap());
    Host { ip, scope: Scope::of(ip), own }
}

fn pick<'a, T>(random: &mut StdRng, choices: &'a [T]) -> &'a T {
    choices.choose(random).expect("there are choices")
}

fn is_allowed(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Allow(..))
}

/// The answer without the number of its rule.
fn kind(verdict: Verdict) -> String {
    format!("{verdict:?}").replace(|letter: char| letter.is_ascii_digit(), "")
}

/// Says which case it was if `property` does not hold.
fn for_all(mut property: impl FnMut(&Case)) {
    for seed in 0..SEEDS {
        let mut random = StdRng::seed_from_u64(seed);
        for number in 0..CASES {
            let case = Case::new(&mut random);
            let holds = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| property(&case)));
            if let Err(panic) = holds {
                eprintln!("seed {seed}, case {number}: {case:#?}");
                std::panic::resume_unwind(panic);
            }
        }
    }
}
