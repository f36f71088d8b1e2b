//! Listeners, and the life of the whole server.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use fxp_net::listen::{self, PortPool};
use fxp_net::meter::Meter;
use fxp_net::tls::{IdentityError, ServerTls};
use fxp_proto::server::machine::{Settings, TlsOffer};
use fxp_store::Text;
use fxp_store::account::Accounts;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::bans::Bans;
use crate::config::network::{Pem, TlsNeed};
use crate::config::{Config, ConfigError};
use crate::connection;
use crate::context::{Live, Shared};
use crate::limits::{Counter, Door};
use crate::observe::{self, BANNED};
use crate::own_ports::OwnPorts;
use crate::rates::Rates;

/// A server that listens: its ports are bound, nobody is served yet.
///
/// Binding needs no runtime, so that a program can drop its privileges between [`Server::bind`] and the
/// start of its first thread.
pub struct Server {
    doors: Vec<FrontDoor>,
    shared: Arc<Shared>,
}

/// One address that control connections come to.
struct FrontDoor {
    listener: std::net::TcpListener,
    address: SocketAddr,
    implicit_tls: bool,
}

/// Steers a running server; clones steer the same one.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// Why a server cannot start, or cannot take over a new configuration.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The configuration contradicts itself.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// Which one.
        address: SocketAddr,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Certificate or key cannot be read.
    #[error("{key}: {}: {error}", path.display())]
    Read {
        /// `tls.certificate` or `tls.key`.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Certificate or key cannot be used.
    #[error("tls: {0}")]
    Identity(#[from] IdentityError),
}

impl Server {
    /// Binds all listeners of `config`; `accounts` says who may log in (see
    /// [`FileAccounts`](crate::accounts::FileAccounts) for those of the configuration itself).
    ///
    /// # Errors
    ///
    /// See [`BindError`].
    pub fn bind(config: Config, accounts: Arc<dyn Accounts>) -> Result<Self, BindError> {
        let live = live(config, accounts)?;
        let mut doors = Vec::new();
        for listen in &live.config.listen {
            let broken = |error| BindError::Listen { address: listen.address, error };
            let listener = listen::control(listen.address).map_err(broken)?;
            let address = listener.local_addr().map_err(broken)?;
            doors.push(FrontDoor { listener, address, implicit_tls: listen.is_implicit() });
        }
        let config = &live.config;
        let shared = Shared {
            ports: PortPool::new(config.passive_ports.ports()),
            meter: Meter::default(),
            door: Door::default(),
            users: Counter::default(),
            bans: Bans::default(),
            budget: Arc::default(),
            own_ports: OwnPorts::default(),
            rates: Arc::new(Rates::default()),
            names: Arc::default(),
            logins: Arc::new(Semaphore::new(config.limits.logins_at_once.max(1))),
            digests: Arc::new(Semaphore::new(config.limits.digests_at_once.max(1))),
            drain: CancellationToken::new(),
            stop: CancellationToken::new(),
            live: RwLock::new(Arc::new(live)),
        };
        Ok(Server { doors, shared: Arc::new(shared) })
    }

    /// Where it listens, in the order of the configuration, with the ports that were really taken.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.doors.iter().map(|door| door.address).collect()
    }

    /// Payload bytes of data connections by peer.
    pub fn meter(&self) -> Meter {
        self.shared.meter.clone()
    }

    /// A handle to steer it.
    pub fn handle(&self) -> Handle {
        Handle { shared: self.shared.clone() }
    }

    /// Serves until a handle says [`Handle::drain`] or [`Handle::stop`] and the last session has ended.
    /// Dropping the future ends everything at once.
    ///
    /// Each running transfer keeps one thread of the runtime's blocking pool busy, and logins need one
    /// for a moment: give the runtime as many as there may be transfers at a time.
    pub async fn run(self) {
        let shared = self.shared.clone();
        let _end = shared.stop.clone().drop_guard();
        let sessions = TaskTracker::new();
        let mut doors = JoinSet::new();
        for door in self.doors {
            doors.spawn(welcome(door, shared.clone(), sessions.clone()));
        }
        tokio::select! {
            () = shared.drain.cancelled() => tracing::info!("draining"),
            () = shared.stop.cancelled() => {}
        }
        doors.shutdown().await;
        sessions.close();
        let patience = shared.live().config.limits.drain;
        tokio::select! {
            () = sessions.wait() => {}
            () = shared.stop.cancelled() => {}
            () = tokio::time::sleep(patience) => tracing::warn!("transfers still run; ending them"),
        }
        shared.stop.cancel();
        sessions.wait().await;
    }
}

impl Handle {
    /// No new connections; running transfers end (at most `limits.drain` long), then sessions close with 421.
    pub fn drain(&self) {
        self.shared.drain.cancel();
    }

    /// Ends everything now.
    pub fn stop(&self) {
        self.shared.stop.cancel();
    }

    /// Payload bytes of data connections by peer.
    pub fn meter(&self) -> Meter {
        self.shared.meter.clone()
    }

    /// New sessions use these accounts.
    pub fn set_accounts(&self, accounts: Arc<dyn Accounts>) {
        let old = self.shared.live();
        let (config, tls, settings) = (old.config.clone(), old.tls.clone(), old.settings.clone());
        self.replace(Live { config, accounts, tls, settings });
    }

    /// New sessions use `config`: certificate, rules, limits of a session, banner, and `accounts`.
    /// Listeners, the passive ports and how many logins and digests run at once stay as they are.
    ///
    /// # Errors
    ///
    /// The new configuration is unusable; the old one stays in force.
    pub fn reload(&self, config: Config, accounts: Arc<dyn Accounts>) -> Result<(), BindError> {
        self.replace(live(config, accounts)?);
        Ok(())
    }

    fn replace(&self, live: Live) {
        *self.shared.live.write().expect("no holder of the lock panics") = Arc::new(live);
    }
}

fn live(config: Config, accounts: Arc<dyn Accounts>) -> Result<Live, BindError> {
    config.check()?;
    let tls = match &config.tls {
        None => None,
        Some(tls) => Some(ServerTls::from_pem(
            &read("tls.certificate", &tls.certificate)?,
            &read("tls.key", &tls.key)?,
        )?),
    };
    let settings = Arc::new(settings(&config));
    Ok(Live { config, accounts, tls, settings })
}

fn read(key: &'static str, pem: &Pem) -> Result<Vec<u8>, BindError> {
    pem.read().map_err(|error| match pem {
        Pem::Path(path) => BindError::Read { key, path: path.clone(), error },
        Pem::Text(_) => BindError::Read { key, path: PathBuf::new(), error },
    })
}

fn settings(config: &Config) -> Settings {
    let limits = &config.limits;
    Settings {
        banner: Text::lossy(config.banner.clone()),
        software: Text::from("fxpd"),
        tls: match &config.tls {
            None => TlsOffer::None,
            Some(tls) if tls.control == TlsNeed::Required => TlsOffer::Required,
            Some(_) => TlsOffer::Offered,
        },
        require_private_data: config.tls.as_ref().is_some_and(|tls| tls.data == TlsNeed::Required),
        hosts: config.hosts.iter().map(|host| Text::lossy(host.clone())).collect(),
        advertise_pret: config.advertise_pret,
        cpsv_in_clear: config.cpsv_in_clear,
        login_attempts: limits.login_attempts,
        login_timeout: limits.login_timeout,
        idle_timeout: limits.idle_timeout,
    }
}

/// Lets clients in, for as long as the server lives.
async fn welcome(door: FrontDoor, shared: Arc<Shared>, sessions: TaskTracker) {
    let FrontDoor { listener, address, implicit_tls } = door;
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%address, %error, "cannot listen"),
    };
    tracing::info!(%address, implicit_tls, "listening");
    loop {
        match listen::next_connection(&listener).await {
            Ok((tcp, peer)) => let_in(tcp, peer, implicit_tls, &shared, &sessions),
            Err(error) => {
                tracing::error!(%address, %error, "cannot accept connections");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn let_in(
    tcp: TcpStream,
    peer: SocketAddr,
    implicit_tls: bool,
    shared: &Arc<Shared>,
    sessions: &TaskTracker,
) {
    let live = shared.live();
    let limits = &live.config.limits;
    if limits.ban_after(peer.ip()).is_some()
        && let Some(banned) = shared.bans.turn_away(peer.ip())
    {
        observe::turned_away(peer.ip(), banned);
        return turn_away(tcp, implicit_tls, BANNED);
    }
    let Some(place) = shared.door.enter(peer.ip(), limits.sessions, limits.sessions_per_address) else {
        tracing::warn!(%peer, "too many connections");
        return turn_away(tcp, implicit_tls, "too many connections, try again later");
    };
    let shared = shared.clone();
    let span = tracing::info_span!("session", %peer, user = tracing::field::Empty);
    sessions.spawn(
        async move {
            let _place = place;
            let stop = shared.stop.clone();
            tokio::select! {
                () = connection::serve(tcp, implicit_tls, shared) => {}
                () = stop.cancelled() => {}
            }
        }
        .instrument(span),
    );
}

/// Says so if it can be said without waiting.
fn turn_away(tcp: TcpStream, implicit_tls: bool, why: &str) {
    if let (false, Ok(mut tcp)) = (implicit_tls, tcp.into_std()) {
        // A fresh socket has room for a line; if it has not, the client sees the end and nothing else.
        let _ = tcp.write(format!("421 {why}\r\n").as_bytes());
    }
}

/// A listener that is broken may be healed by whoever reads the log.
const PAUSE: Duration = Duration::from_secs(1);
