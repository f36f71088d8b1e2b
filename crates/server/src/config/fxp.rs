//! The rules for data connections with other servers.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use fxp_store::VPath;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};

use super::network::{PortRange, TlsNeed, is_host_name};
use super::user::User;
use super::{ConfigError, invalid};

/// Transfers with other servers: `fxp = "off"`, or a table with rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fxp {
    /// What is allowed to peers that prove who they are, without a rule.
    pub allowances: Allowances,
    /// The first one that matches decides.
    pub rules: Vec<Rule>,
}

impl Fxp {
    /// True if some peer might be let in for this user. If not, `PEER` says so at once, and nobody waits for a data
    /// connection that cannot come about.
    pub fn knows_peers_for(&self, user: &[u8]) -> bool {
        let names = |rule: &Rule| rule.who.is_empty() || rule.who.iter().any(|who| who.as_bytes() == user);
        self.allowances == Allowances::On
            || self.rules.iter().any(|rule| rule.action == Action::Allow && names(rule))
    }
}

/// The built-in allowances for foreign peers.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Allowances {
    /// A peer that proves a key needs no rule, one that shows an expected certificate needs none where it
    /// connects to us.
    #[default]
    On,
    /// Foreign peers need a rule, always.
    Off,
}

/// One rule. A fact that the rule does not mention may be anything.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it says.
    pub action: Action,
    /// Names of users; empty is every user.
    #[serde(default, deserialize_with = "one_or_many")]
    pub who: Vec<String>,
    /// Which way the file goes, seen from this server.
    #[serde(default)]
    pub direction: Direction,
    /// This path and everything beneath it, as the user sees it.
    #[serde(default, deserialize_with = "path")]
    pub path: VPath,
    /// The other server; empty is any other than the client, in an allow rule any public one that is not
    /// on the list of those never connected to.
    #[serde(default, deserialize_with = "one_or_many")]
    pub peer: Vec<Peer>,
    /// The ports that we may connect to; left out: 1024 and above, without those of well-known services.
    #[serde(default, deserialize_with = "one_or_many")]
    pub ports: Vec<PortRange>,
    /// What the peer must prove.
    #[serde(default)]
    pub proof: Proof,
    /// Must the data connection be protected?
    #[serde(default)]
    pub tls: TlsNeed,
    /// Is each data connection that this rule decides worth a line in the log? Refused ones leave one anyway.
    #[serde(default)]
    pub log: bool,
}

impl Rule {
    /// Allows every user to exchange files with `peer` in both directions, in clear or protected.
    pub fn allow(peer: impl Into<Peer>) -> Self {
        Rule {
            action: Action::Allow,
            who: Vec::new(),
            direction: Direction::Any,
            path: VPath::root(),
            peer: vec![peer.into()],
            ports: Vec::new(),
            proof: Proof::None,
            tls: TlsNeed::Offered,
            log: false,
        }
    }
}

/// What a rule says.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Yes.
    Allow,
    /// No.
    Deny,
}

/// Which way the file goes, seen from this server.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into this server.
    In,
    /// Out of it.
    Out,
    /// Both.
    #[default]
    Any,
}

/// What a peer must prove (`PEER`, `docs/spec/peer.md`).
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Nothing: its address is enough.
    #[default]
    None,
    /// That it is the server which the client saw: by a certificate, or by a key.
    Pin,
    /// That the client gave it the same key for this very file.
    Key,
}

impl Proof {
    /// True if who has proven this has proven `demanded`, too.
    pub fn satisfies(self, demanded: Proof) -> bool {
        match demanded {
            Proof::None => true,
            Proof::Pin => self != Proof::None,
            Proof::Key => self == Proof::Key,
        }
    }
}

/// Another server in a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A prefix, or one address.
    Net(IpNet),
    /// A host name, resolved when a transfer begins. It never lifts the list of addresses that are never
    /// connected to: whoever runs the zone could name anything.
    Name(String),
}

impl From<IpNet> for Peer {
    fn from(net: IpNet) -> Self {
        Peer::Net(net)
    }
}

impl From<IpAddr> for Peer {
    fn from(ip: IpAddr) -> Self {
        Peer::Net(ip.into())
    }
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(net) = text.parse::<IpNet>() {
            return Ok(Peer::Net(net.trunc()));
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(ip.into());
        }
        if is_host_name(text) {
            Ok(Peer::Name(text.to_owned()))
        } else {
            Err(format!("\"{text}\" is no address, no prefix and no host name"))
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Net(net) if net.prefix_len() == net.max_prefix_len() => net.addr().fmt(f),
            Peer::Net(net) => net.fmt(f),
            Peer::Name(name) => f.write_str(name),
        }
    }
}

impl<'de> Deserialize<'de> for Peer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Fxp {
    /// A name in `who` that nobody has is a typing error, and a dangerous one in a deny rule.
    pub(super) fn check(&self, users: &[User]) -> Result<(), ConfigError> {
        for (at, rule) in self.rules.iter().enumerate() {
            let unknown = |name: &&String| !users.is_empty() && !users.iter().any(|user| user.name == **name);
            if let Some(name) = rule.who.iter().find(unknown) {
                return Err(invalid(format!("fxp.rule[{at}].who"), format!("there is no user {name}")));
            }
            if rule.action == Action::Deny && rule.proof != Proof::None {
                let problem = "a deny rule that holds for proven peers only would be read the wrong way \
                               round; write an allow rule with proof";
                return Err(invalid(format!("fxp.rule[{at}].proof"), problem));
            }
            if rule.action == Action::Deny && rule.tls == TlsNeed::Required {
                let problem = "a deny rule that holds for protected connections only would be read the \
                               wrong way round; write an allow rule with tls = \"required\"";
                return Err(invalid(format!("fxp.rule[{at}].tls"), problem));
            }
        }
        Ok(())
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.action == Action::Deny) {
            let everybody = |peer: &&Peer| matches!(peer, Peer::Net(net) if net.prefix_len() == 0);
            if let Some(net) = rule.peer.iter().find(everybody) {
                warnings.push(format!(
                    "fxp.rule[{at}] denies {net}, which clients are in, too: their ordinary transfers fail; \
                     without peer it would speak of other servers only"
                ));
            }
        }
        for (at, rule) in self.rules.iter().enumerate().filter(|(_, rule)| rule.action == Action::Allow) {
            if rule.peer.is_empty() && rule.proof != Proof::Key {
                warnings.push(format!(
                    "fxp.rule[{at}] has no peer: its users may make this server connect to any public host"
                ));
            }
            // What is proven is proven inside TLS.
            if rule.tls == TlsNeed::Offered && rule.proof == Proof::None {
                warnings
                    .push(format!("fxp.rule[{at}] allows transfers in clear (tls = \"required\" would not)"));
            }
            if rule.ports.iter().any(|range| *range.ports().start() < 1024) {
                warnings.push(format!("fxp.rule[{at}].ports includes ports below 1024"));
            }
        }
        warnings
    }
}

impl<'de> Deserialize<'de> for Fxp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, default)]
        #[derive(Default)]
        struct Table {
            allowances: Allowances,
            rule: Vec<Rule>,
        }
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Fxp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"on\", \"off\", or a table with rules")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Fxp, E> {
                let allowances = match text {
                    "on" => Allowances::On,
                    "off" => Allowances::Off,
                    _ => return Err(E::custom(format!("\"{text}\" is neither \"on\" nor \"off\""))),
                };
                Ok(Fxp { allowances, rules: Vec::new() })
            }

            fn visit_map<M: de::MapAccess<'de>>(self, map: M) -> Result<Fxp, M::Error> {
                let table = Table::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Fxp { allowances: table.allowances, rules: table.rule })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VPath, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.strip_prefix('/') {
        Some(_) => VPath::parse(text.as_bytes()).map_err(de::Error::custom),
        None => Err(de::Error::custom(format!("\"{text}\" does not begin with /"))),
    }
}

/// `"one"` or `["one", "two"]`.
fn one_or_many<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Visitor<T>(std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("one value, or a list of them")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(de::value::StrDeserializer::new(text)).map(|value| vec![value])
        }

        fn visit_seq<S: de::SeqAccess<'de>>(self, seq: S) -> Result<Vec<T>, S::Error> {
            Vec::deserialize(de::value::SeqAccessDeserializer::new(seq))
        }
    }
    deserializer.deserialize_any(Visitor(std::marker::PhantomData))
}
