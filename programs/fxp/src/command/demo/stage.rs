//! The two servers of the demonstration, and where they keep their files.
//!
//! They listen on 127.0.0.2 and 127.0.0.3 while the client comes from 127.0.0.1: to each server the
//! other one's address is foreign, as it would be between two machines. Inside TLS they let each other in
//! because each proves who it is; in clear the transfer needs the rule that [`Server`] configures.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fxp_client::Meter;
use fxp_client::connect::Environment;
use fxp_client::tls::ClientTls;
use fxp_client::trust::Untrusted;
use fxp_engine::book::{Known, KnownBook, SiteBook};
use fxp_engine::context::{Context, Observer, Person};
use fxp_engine::journal::Forgetful;
use fxp_engine::site::TlsMode;
use fxp_engine::url::{Address, Scheme, Url};
use fxp_proto::wire::secret::Secret;
use fxp_server::accounts::FileAccounts;
use fxp_server::config::Config;
use fxp_server::config::fxp::{Peer, Rule};
use fxp_server::config::user::{self, User};
use fxp_server::server::Handle;
use fxp_store::storage::Storage;
use fxp_store_disk::{Disk, Options};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{tree, unfit};
use crate::exit::Outcome;

const SOURCE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// The servers that may exchange files in clear: what the rule in their configuration says.
pub(super) const PEERS: &str = "127.0.0.0/8";

/// The user on both servers.
const USER: &str = "demo";

/// How long a server may take to end; after that the program's own end takes it along.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Two running servers.
pub(super) struct Stage {
    pub(super) source: Server,
    pub(super) destination: Server,
    password: Secret,
    encrypted: bool,
    /// Payload of the client's own data connections.
    meter: Meter,
    /// Books that the engine may write to.
    books: TempDir,
}

/// One running server.
pub(super) struct Server {
    address: SocketAddr,
    /// `SHA-256=...` of its certificate.
    fingerprint: String,
    encrypted: bool,
    files: TempDir,
    meter: Meter,
    handle: Handle,
    task: JoinHandle<()>,
}

/// What the two servers are called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
}

/// Payload bytes, as the meters of all three parties have counted them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// By the source, to the destination's address.
    pub(super) sent_to_destination: u64,
    /// By the destination, from the source's address.
    pub(super) received_from_source: u64,
    /// By the client, from anybody.
    pub(super) into_client: u64,
    /// By the client, to anybody.
    pub(super) out_of_client: u64,
}

impl Stage {
    /// Makes the files and starts the servers.
    pub(super) fn set(encrypted: bool) -> Outcome<Self> {
        let password = Secret::new(hex(&rand::random::<[u8; 16]>()));
        let books = directory()?;
        let source = Server::start(SOURCE, &password, encrypted)?;
        let destination = Server::start(DESTINATION, &password, encrypted)?;
        tree::make(&source.root())?;
        Ok(Stage { source, destination, password, encrypted, meter: Meter::default(), books })
    }

    /// What the engine works with: the demonstration's servers, its user, and nothing of this machine's.
    pub(super) fn context(&self, timeout: Duration, observer: Arc<dyn Observer>) -> Outcome<Context> {
        let book = |name: &str| self.books.path().join(name);
        let broken = |error| unfit("cannot keep books for the demonstration", &error);
        let sites = SiteBook::load(book("sites.toml")).map_err(broken)?;
        let mut known = KnownBook::load(book("known.toml")).map_err(broken)?;
        for server in [&self.source, &self.destination] {
            let key = KnownBook::key(&server.address.ip().to_string(), server.address.port());
            known
                .servers
                .insert(key, Known { trusted: vec![server.fingerprint.clone()], ..Known::default() });
        }
        Ok(Context {
            sites: Arc::new(Mutex::new(sites)),
            known: Arc::new(Mutex::new(known)),
            environment: Environment { tls: ClientTls::new(), meter: self.meter.clone(), timeout },
            person: Arc::new(Visitor { password: self.password.clone() }),
            observer,
            tls: (!self.encrypted).then_some(TlsMode::Off),
            local: None,
            ledger: Arc::new(Forgetful),
        })
    }

    /// What was counted so far.
    pub(super) fn counts(&self) -> Counts {
        let source = self.source.meter.snapshot();
        let destination = self.destination.meter.snapshot();
        let client = self.meter.snapshot();
        Counts {
            sent_to_destination: source.get(&IpAddr::V4(DESTINATION)).map_or(0, |count| count.sent),
            received_from_source: destination.get(&IpAddr::V4(SOURCE)).map_or(0, |count| count.received),
            into_client: client.values().map(|count| count.received).sum(),
            out_of_client: client.values().map(|count| count.sent).sum(),
        }
    }

    pub(super) fn names(&self) -> Names {
        Names { source: self.source.address, destination: self.destination.address }
    }

    /// Ends the servers and deletes their files.
    pub(super) async fn clear(self) {
        for server in [self.source, self.destination] {
            server.handle.stop();
            // A server that does not end has nothing left to lose.
            let _ = tokio::time::timeout(LAST_WAIT, server.task).await;
            drop(server.files);
        }
    }
}

impl Server {
    fn start(ip: Ipv4Addr, password: &Secret, encrypted: bool) -> Outcome<Self> {
        let files = directory()?;
        let mut config = Config::on(SocketAddr::new(ip.into(), 0)).with_user(User::throwaway(
            USER,
            password,
            files.path(),
        ));
        let mut fingerprint = String::new();
        if encrypted {
            let identity = rcgen::generate_simple_self_signed(vec![ip.to_string()])
                .map_err(|error| unfit("cannot make a certificate for the demonstration", &error))?;
            fingerprint = format!("SHA-256={}", hex(&Sha256::digest(identity.cert.der())));
            config = config.with_certificate(identity.cert.pem(), identity.signing_key.serialize_pem());
        } else {
            config = config.with_rule(Rule::allow(PEERS.parse::<Peer>().expect("the literal is a prefix")));
        }
        let accounts = FileAccounts::new(&config, open_home);
        let server = fxp_server::server::Server::bind(config, Arc::new(accounts))
            .map_err(|error| unfit("cannot start a server for the demonstration", &error))?;
        let address = server.addresses()[0];
        let (meter, handle) = (server.meter(), server.handle());
        let task = tokio::spawn(server.run());
        Ok(Server { address, fingerprint, encrypted, files, meter, handle, task })
    }

    /// Where its files are.
    pub(super) fn root(&self) -> PathBuf {
        self.files.path().to_owned()
    }

    /// A path on it, as a person would type it.
    pub(super) fn address(&self, path: &str) -> Address {
        Address::Url(Url {
            scheme: if self.encrypted { Scheme::Ftpes } else { Scheme::Ftp },
            user: Some(USER.into()),
            host: self.address.ip().to_string(),
            port: Some(self.address.port()),
            path: path.into(),
        })
    }
}

/// Knows the password and nothing else.
struct Visitor {
    password: Secret,
}

impl Person for Visitor {
    fn password(&self, _host: &str, _user: &str, _command: Option<&str>) -> Option<Secret> {
        Some(self.password.clone())
    }

    fn user(&self, _host: &str) -> Option<String> {
        Some(USER.into())
    }

    fn trust(&self, _host: &str, _certificate: &Untrusted) -> bool {
        // Both certificates are pinned; any other one is not ours.
        false
    }

    fn clear_password(&self, _host: &str) -> bool {
        // It was drawn for this demonstration and never leaves this machine.
        true
    }
}

fn open_home(home: &std::path::Path, _upload: user::Upload) -> std::io::Result<Arc<dyn Storage>> {
    let disk = Disk::open(home, Options::default()).map_err(std::io::Error::other)?;
    Ok(Arc::new(disk))
}

fn directory() -> Outcome<TempDir> {
    tempfile::Builder::new()
        .prefix("fxp-demo-")
        .tempdir()
        .map_err(|error| unfit("cannot make a temporary directory", &error))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
