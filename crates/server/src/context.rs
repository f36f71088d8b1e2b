//! What effects know: the server they run in, and the session they run for.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, RwLock};

use fxp_net::listen::PortPool;
use fxp_net::meter::Meter;
use fxp_net::tls::{ServerSession, ServerTls};
use fxp_proto::server::machine::Settings;
use fxp_store::account::{Account, Accounts};
use fxp_store::storage::Storage;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::bans::Bans;
use crate::config::Config;
use crate::limits::{Budget, Counter, Door, Ticket};
use crate::names::Names;
use crate::own_ports::OwnPorts;
use crate::policy::Host;
use crate::rates::Rates;
use crate::view::{self, View};

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
    pub(crate) rates: Arc<Rates>,
    pub(crate) names: Arc<Names>,
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
    /// Bytes a second of all the user's transfers together.
    pub(crate) rate: Option<u64>,
    /// One of the sessions that the user may have.
    pub(crate) _ticket: Ticket<fxp_store::Text>,
}

impl Context {
    /// Addresses known; names resolved if somebody else than the client may be the peer.
    pub(crate) async fn view(&self, foreign: bool) -> View {
        let (config, names) = (&self.live.config, &self.shared.names);
        let resolved = if foreign { view::resolved(config, names).await } else { BTreeMap::new() };
        View { client: self.client_host, names: resolved, announced: self.announced(self.local.ip()).await }
    }

    /// What `passive_address` stands for, in the family of `like` where it has a choice; empty if it is
    /// not configured, or if nobody knows.
    pub(crate) async fn announced(&self, like: IpAddr) -> Vec<IpAddr> {
        view::announced(&self.live.config, &self.shared.names, like).await
    }
}
