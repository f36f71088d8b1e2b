//! What effects know: the server they run in, and the session they run for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, RwLock};

use fxp_net::host;
use fxp_net::listen::PortPool;
use fxp_net::meter::Meter;
use fxp_net::tls::{ServerSession, ServerTls};
use fxp_proto::server::machine::Settings;
use fxp_store::account::{Account, Accounts};
use fxp_store::storage::Storage;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bans::Bans;
use crate::config::Config;
use crate::config::fxp::Peer;
use crate::config::network::PassiveAddress;
use crate::limits::{Budget, Counter, Door, Ticket};
use crate::names::Names;
use crate::own_ports::OwnPorts;
use crate::policy::{Host, Rulebook, Scope};

/// One server: what all its connections share.
pub(crate) struct Shared {
    /// What a reload replaces; read once by each new connection.
    pub(crate) live: RwLock<Arc<Live>>,
    pub(crate) ports: PortPool,
    pub(crate) meter: Meter,
    pub(crate) door: Door,
    pub(crate) users: Counter<fxp_store::Text>,
    pub(crate) bans: Bans,
    pub(crate) budget: Arc<Budget>,
    pub(crate) own_ports: OwnPorts,
    pub(crate) names: Names,
    /// Password checks at a time: each takes memory and a core.
    pub(crate) logins: Arc<Semaphore>,
    /// Digests at a time: each takes a core and the disk.
    pub(crate) digests: Arc<Semaphore>,
    /// No new connections; idle sessions close.
    pub(crate) drain: CancellationToken,
    /// Everything ends.
    pub(crate) stop: CancellationToken,
}

impl Shared {
    /// The configuration that new connections get.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.read().expect("no holder of the lock panics").clone()
    }
}

/// A configuration in force.
pub(crate) struct Live {
    pub(crate) config: Config,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) settings: Arc<Settings>,
}

/// One session, as it is when an effect begins. Clones are cheap.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) shared: Arc<Shared>,
    pub(crate) live: Arc<Live>,
    /// The client's end of the control connection, canonical.
    pub(crate) client: SocketAddr,
    /// The client, as the policy sees it.
    pub(crate) client_host: Host,
    /// Our end.
    pub(crate) local: SocketAddr,
    /// The control connection's TLS session, once it has one.
    pub(crate) tls: Option<ServerSession>,
    /// Who is logged in.
    pub(crate) user: Option<Arc<User>>,
}

/// Who is logged in.
pub(crate) struct User {
    pub(crate) account: Account,
    /// The account's files, as its rights allow.
    pub(crate) files: Arc<dyn Storage>,
    /// False: no foreign peers, whatever the rules say.
    pub(crate) may_fxp: bool,
    /// One of the sessions that the user may have.
    pub(crate) _ticket: Ticket<fxp_store::Text>,
}

/// What the policy needs beyond the facts of one connection: found out for each question, because names
/// and interfaces change.
pub(crate) struct View {
    client: Host,
    names: BTreeMap<String, Vec<IpAddr>>,
    /// What `passive_address` stands for.
    announced: Vec<IpAddr>,
}

impl Context {
    /// Addresses known; names resolved if somebody else than the client may be the peer.
    pub(crate) async fn view(&self, foreign: bool) -> View {
        let names = if foreign { self.resolved().await } else { BTreeMap::new() };
        View { client: self.client_host, names, announced: self.announced(self.local.ip()).await }
    }

    /// The rules' names that have an answer; asked for together, so that they cost the time of one.
    async fn resolved(&self) -> BTreeMap<String, Vec<IpAddr>> {
        let mut questions = JoinSet::new();
        let peers = self.live.config.fxp.rules.iter().flat_map(|rule| &rule.peer);
        let names: BTreeSet<&String> = peers
            .filter_map(|peer| match peer {
                Peer::Name(name) => Some(name),
                Peer::Net(_) => None,
            })
            .collect();
        for name in names {
            let (shared, name) = (self.shared.clone(), name.clone());
            questions.spawn(async move {
                let addresses = shared.names.addresses(&name).await?;
                Some((name, addresses))
            });
        }
        questions.join_all().await.into_iter().flatten().collect()
    }

    /// What `passive_address` stands for, in the family of `like` where it has a choice; empty if it is
    /// not configured, or if nobody knows.
    pub(crate) async fn announced(&self, like: IpAddr) -> Vec<IpAddr> {
        match &self.live.config.passive_address {
            None => Vec::new(),
            Some(PassiveAddress::Literal(ip)) => vec![*ip],
            Some(PassiveAddress::Interface(name)) => {
                host::interface_address(name, like).into_iter().collect()
            }
            Some(PassiveAddress::Name(name)) => self.shared.names.addresses(name).await.unwrap_or_default(),
        }
    }
}

impl Live {
    /// A client, as the policy sees it. Behind a translated address nobody can tell who is near, so
    /// every client counts as far away.
    pub(crate) fn client_host(&self, ip: IpAddr) -> Host {
        if self.config.passive_address.is_some() {
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
}

impl View {
    /// The rules, with what their names stand for.
    pub(crate) fn rulebook<'a>(&'a self, context: &'a Context) -> Rulebook<'a> {
        let fxp = &context.live.config.fxp;
        Rulebook { rules: &fxp.rules, allowances: fxp.allowances, names: &self.names }
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
