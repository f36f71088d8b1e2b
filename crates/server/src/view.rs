//! What the policy needs beyond the facts of one data connection: which addresses are ours, how far away a
//! host is, what names stand for. Found out for each question, because names and interfaces change.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use fxp_net::host;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::config::fxp::Peer;
use crate::config::network::PassiveAddress;
use crate::names::Names;
use crate::policy::{Host, Rulebook, Scope};

/// What was found out.
pub(crate) struct View {
    pub(crate) client: Host,
    /// What the rules' names stand for; those that have no answer are missing.
    pub(crate) names: BTreeMap<String, Vec<IpAddr>>,
    /// What `passive_address` stands for.
    pub(crate) announced: Vec<IpAddr>,
}

impl View {
    /// The rules of `config`, with what their names stand for.
    pub(crate) fn rulebook<'a>(&'a self, config: &'a Config) -> Rulebook<'a> {
        Rulebook { rules: &config.fxp.rules, allowances: config.fxp.allowances, names: &self.names }
    }

    /// The other end of a data connection, as the policy sees it.
    pub(crate) fn host(&self, ip: IpAddr) -> Host {
        let ip = ip.to_canonical();
        if ip == self.client.ip {
            return self.client;
        }
        Host { ip, scope: Scope::of(ip), own: host::is_own(ip) || self.announced.contains(&ip) }
    }
}

/// A client, as the policy sees it. Behind a translated address nobody can tell who is near, so
/// every client counts as far away.
pub(crate) fn client(config: &Config, ip: IpAddr) -> Host {
    if config.passive_address.is_some() || config.behind_proxy {
        return Host { ip, scope: Scope::Public, own: false };
    }
    let own = host::is_own(ip);
    let scope = match Scope::of(ip) {
        _ if own => Scope::Loopback,
        Scope::Public if host::is_connected(ip) => Scope::Private,
        scope => scope,
    };
    Host { ip, scope, own }
}

/// The rules' names that have an answer; asked for together, so that they cost the time of one.
pub(crate) async fn resolved(config: &Config, names: &Arc<Names>) -> BTreeMap<String, Vec<IpAddr>> {
    let mut questions = JoinSet::new();
    for name in in_rules(config) {
        let (names, name) = (names.clone(), name.clone());
        questions.spawn(async move {
            let addresses = names.addresses(&name).await?;
            Some((name, addresses))
        });
    }
    questions.join_all().await.into_iter().flatten().collect()
}

/// The names that the rules name, each once.
pub(crate) fn in_rules(config: &Config) -> BTreeSet<&String> {
    let peers = config.fxp.rules.iter().flat_map(|rule| &rule.peer);
    peers
        .filter_map(|peer| match peer {
            Peer::Name(name) => Some(name),
            Peer::Net(_) => None,
        })
        .collect()
}

/// What `passive_address` stands for, in the family of `like` where it has a choice; empty if it is
/// not configured, or if nobody knows.
pub(crate) async fn announced(config: &Config, names: &Names, like: IpAddr) -> Vec<IpAddr> {
    match &config.passive_address {
        None => Vec::new(),
        Some(PassiveAddress::Literal(ip)) => vec![*ip],
        Some(PassiveAddress::Interface(name)) => host::interface_address(name, like).into_iter().collect(),
        Some(PassiveAddress::Name(name)) => names.addresses(name).await.unwrap_or_default(),
    }
}
