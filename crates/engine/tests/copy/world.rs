//! Two servers in this process, each on a loopback address of its own, and somebody who knows the
//! passwords and hears everything.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fxp_engine::book::{Known, KnownBook, SiteBook};
use fxp_engine::client::Meter;
use fxp_engine::client::connect::Environment;
use fxp_engine::client::tls::ClientTls;
use fxp_engine::client::transcript::Line;
use fxp_engine::client::trust::Untrusted;
use fxp_engine::context::{Context, Observer, Person};
use fxp_engine::journal::Forgetful;
use fxp_engine::place;
use fxp_engine::proto::path::VPath;
use fxp_engine::proto::wire::{secret::Secret, text::Text};
use fxp_engine::report::{Event, Report, Trouble};
use fxp_engine::run::{Bounds, CopyRequest, Policy, ResumeChoice, Selection, Stop, VerifyChoice, Via};
use fxp_engine::url::Address;
use fxp_server::config::Config;
use fxp_server::config::fxp::{Action, Allowances, Peer, Rule};
use fxp_server::config::network::TlsNeed;
use fxp_server::server::Handle;
use fxp_store::account::{Account, Accounts, LoginError, Rights};
use fxp_store::memory::Memory;

use crate::faults::{Faults, Faulty};

pub(crate) const USER: &str = "ann";
/// Another user, with the same files and the same password.
pub(crate) const TWIN: &str = "anns-twin";
pub(crate) const PASSWORD: &str = "open sesame";

/// How a server differs from the usual one.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) tls: bool,
    /// Who is let in of the other servers.
    pub(crate) fxp: Fxp,
    /// Data must be protected.
    pub(crate) strict: bool,
}

/// Who is let in of the other servers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fxp {
    /// All, by a rule.
    Rule,
    /// Those that prove who they are, as it comes.
    Proof,
    /// None, by a rule: what they are told is the same for everybody.
    Denied,
    /// None, and nobody need ask.
    Off,
}

pub(crate) const PLAIN: Kind = Kind { tls: false, fxp: Fxp::Rule, strict: false };
pub(crate) const TLS: Kind = Kind { tls: true, ..PLAIN };
pub(crate) const NAMELESS: Kind = Kind { fxp: Fxp::Proof, ..TLS };
pub(crate) const CLOSED: Kind = Kind { fxp: Fxp::Denied, ..TLS };
pub(crate) const OFF: Kind = Kind { fxp: Fxp::Off, ..TLS };
pub(crate) const STRICT: Kind = Kind { strict: true, ..TLS };

/// A certificate and its key, in PEM.
pub(crate) struct Identity {
    pub(crate) chain: String,
    pub(crate) key: String,
    pub(crate) fingerprint: String,
}

impl Identity {
    pub(crate) fn of(certificate: &rcgen::Certificate, key: &rcgen::KeyPair) -> Self {
        let fingerprint = fxp_engine::client::trust::Fingerprint::of(certificate.der()).to_string();
        Identity { chain: certificate.pem(), key: key.serialize_pem(), fingerprint }
    }
}

/// A running server with files in memory; it ends with the value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: Option<String>,
    pub(crate) files: Memory,
    pub(crate) faults: Arc<Faults>,
    pub(crate) meter: Meter,
    handle: Handle,
}

impl Server {
    /// `last` is the last number of its address, 127.0.0.`last`.
    pub(crate) fn start(last: u8, kind: Kind) -> Self {
        Server::start_on(Ipv4Addr::new(127, 0, 0, last).into(), "127.0.0.0/8", kind, |_| {})
    }

    /// With room for so many sessions; it says 421 to any other.
    pub(crate) fn start_small(last: u8, kind: Kind, sessions: usize) -> Self {
        Server::start_on(Ipv4Addr::new(127, 0, 0, last).into(), "127.0.0.0/8", kind, |config| {
            config.limits.sessions = sessions;
        })
    }

    /// One that ends a transfer on whose data connection nothing has moved for so long.
    pub(crate) fn start_impatient(last: u8, kind: Kind, idle: Duration) -> Self {
        Server::start_on(Ipv4Addr::new(127, 0, 0, last).into(), "127.0.0.0/8", kind, |config| {
            config.limits.transfer_idle = idle;
        })
    }

    /// One that does not wait long for another server where it listens.
    pub(crate) fn start_hasty(last: u8, kind: Kind) -> Self {
        Server::start_on(Ipv4Addr::new(127, 0, 0, last).into(), "127.0.0.0/8", kind, |config| {
            config.limits.foreign_timeout = Duration::from_millis(300);
        })
    }

    /// On `::1`, which is the only loopback address that IPv6 has.
    pub(crate) fn start_v6(kind: Kind) -> Self {
        Server::start_on(Ipv6Addr::LOCALHOST.into(), "::1/128", kind, |_| {})
    }

    /// On 127.0.0.1, with this certificate.
    pub(crate) fn start_as(identity: &Identity, kind: Kind) -> Self {
        Server::start_with(Ipv4Addr::LOCALHOST.into(), "127.0.0.0/8", kind, Some(identity), |_| {})
    }

    fn start_on(ip: IpAddr, peers: &str, kind: Kind, adjust: impl FnOnce(&mut Config)) -> Self {
        let identity = kind.tls.then(|| {
            let made = rcgen::generate_simple_self_signed(vec![ip.to_string()]).expect("a certificate");
            Identity::of(&made.cert, &made.signing_key)
        });
        Server::start_with(ip, peers, kind, identity.as_ref(), adjust)
    }

    fn start_with(
        ip: IpAddr,
        peers: &str,
        kind: Kind,
        identity: Option<&Identity>,
        adjust: impl FnOnce(&mut Config),
    ) -> Self {
        let files = Memory::new();
        let faults = Arc::new(Faults::default());
        let mut config = Config::on(SocketAddr::new(ip, 0));
        let rule = Rule::allow(peers.parse::<Peer>().expect("a prefix"));
        match kind.fxp {
            Fxp::Rule => config = config.with_rule(rule),
            Fxp::Proof => {}
            Fxp::Denied => config = config.with_rule(Rule { action: Action::Deny, peer: Vec::new(), ..rule }),
            Fxp::Off => config.fxp.allowances = Allowances::Off,
        }
        let mut fingerprint = None;
        if let Some(identity) = identity {
            fingerprint = Some(identity.fingerprint.clone());
            config = config.with_certificate(identity.chain.clone(), identity.key.clone());
            if let (Some(tls), true) = (&mut config.tls, kind.strict) {
                tls.data = TlsNeed::Required;
            }
        }
        adjust(&mut config);
        let storage = Faulty { files: files.clone(), faults: faults.clone() };
        let accounts = OneUser { storage: Arc::new(storage) };
        let server = fxp_server::server::Server::bind(config, Arc::new(accounts)).expect("the server binds");
        let address = server.addresses()[0];
        let (meter, handle) = (server.meter(), server.handle());
        tokio::spawn(server.run());
        Server { address, fingerprint, files, faults, meter, handle }
    }

    /// Ends the server and all its sessions when called.
    pub(crate) fn killer(&self) -> impl Fn() + Send + 'static {
        let handle = self.handle.clone();
        move || handle.stop()
    }

    pub(crate) fn at(&self, path: &str) -> Address {
        format!("ftp://{USER}@{}/{path}", self.address).parse().expect("an address")
    }

    pub(crate) fn key(&self) -> String {
        KnownBook::key(&self.address.ip().to_string(), self.address.port())
    }

    /// What is in a file; `None` if it is not there.
    pub(crate) fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.files.read(path).ok()
    }

    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        self.files.put(path, bytes).expect("written");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

struct OneUser {
    storage: Arc<Faulty>,
}

impl Accounts for OneUser {
    fn login(
        &self,
        user: &Text,
        password: &Secret,
        _peer: IpAddr,
        _secured: bool,
    ) -> Result<Account, LoginError> {
        let is_user = [USER, TWIN].iter().any(|name| user.as_bytes() == name.as_bytes());
        if !is_user || password.expose() != PASSWORD.as_bytes() {
            return Err(LoginError::Wrong);
        }
        Ok(Account {
            name: user.clone(),
            anonymous: false,
            storage: self.storage.clone(),
            rights: Rights::FULL,
            home: VPath::root(),
        })
    }
}

/// The person and the ear.
pub(crate) struct Ann {
    pub(crate) trusts: AtomicBool,
    pub(crate) goes_in_clear: AtomicBool,
    pub(crate) asked: AtomicU64,
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) lines: Mutex<Vec<String>>,
    /// Hears each event as it comes.
    pub(crate) hears: Mutex<Option<Ear>>,
}

pub(crate) type Ear = Box<dyn Fn(&Event) + Send>;

impl Person for Ann {
    fn password(&self, _host: &str, _user: &str, _command: Option<&str>) -> Option<Secret> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Some(Secret::new(PASSWORD))
    }

    fn user(&self, _host: &str) -> Option<String> {
        Some(USER.into())
    }

    fn trust(&self, _host: &str, _certificate: &Untrusted) -> bool {
        self.trusts.load(Ordering::Relaxed)
    }

    fn clear_password(&self, _host: &str) -> bool {
        self.goes_in_clear.load(Ordering::Relaxed)
    }
}

impl Observer for Ann {
    fn event(&self, event: Event) {
        if let Some(ear) = &*self.hears.lock().expect("not poisoned") {
            ear(&event);
        }
        self.events.lock().expect("not poisoned").push(event);
    }

    fn line(&self, leg: &str, line: Line) {
        self.lines.lock().expect("not poisoned").push(format!("{leg} {:?} {}", line.from, line.text));
    }
}

/// A context that trusts the given servers, with local files in memory.
pub(crate) struct Desk {
    pub(crate) context: Context,
    pub(crate) ann: Arc<Ann>,
    pub(crate) local: Memory,
    pub(crate) books: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new(servers: &[&Server]) -> Self {
        let books = tempfile::tempdir().expect("a folder");
        let sites = SiteBook::load(books.path().join("sites.toml")).expect("empty");
        let mut known = KnownBook::load(known_path(&books)).expect("empty");
        for server in servers {
            if let Some(fingerprint) = &server.fingerprint {
                let trusted = vec![fingerprint.clone()];
                known.servers.insert(server.key(), Known { trusted, ..Known::default() });
            }
        }
        let ann = Arc::new(Ann {
            trusts: AtomicBool::new(false),
            goes_in_clear: AtomicBool::new(true),
            asked: AtomicU64::new(0),
            events: Mutex::default(),
            lines: Mutex::default(),
            hears: Mutex::default(),
        });
        let local = Memory::new();
        let context = Context {
            sites: Arc::new(Mutex::new(sites)),
            known: Arc::new(Mutex::new(known)),
            environment: Environment {
                tls: ClientTls::new(),
                meter: Meter::default(),
                timeout: Duration::from_secs(20),
            },
            person: ann.clone(),
            observer: ann.clone(),
            tls: None,
            local: Some(Arc::new(local.clone())),
            ledger: Arc::new(Forgetful),
        };
        Desk { context, ann, local, books }
    }

    pub(crate) async fn copy(&self, request: CopyRequest) -> Result<Report, Trouble> {
        fxp_engine::run::copy(request, &self.context, go_on()).await
    }

    /// Copies without a retry and expects that every file arrives.
    pub(crate) async fn copied(&self, request: CopyRequest) -> Report {
        let report = self.copy(request).await;
        let report = report.unwrap_or_else(|trouble| panic!("{trouble:?}\n{}", self.dialogue()));
        assert!(report.failures.is_empty(), "{:#?}", report.failures);
        report
    }

    /// Moves; the report may tell of failures.
    pub(crate) async fn moved(&self, request: CopyRequest) -> Report {
        let report = place::move_to(request, &self.context, go_on()).await;
        report.unwrap_or_else(|trouble| panic!("{trouble:?}\n{}", self.dialogue()))
    }

    /// From now on somebody hears each event as it comes.
    pub(crate) fn listen(&self, ear: impl Fn(&Event) + Send + 'static) {
        *self.ann.hears.lock().expect("not poisoned") = Some(Box::new(ear));
    }

    /// Knows this of a server from now on.
    pub(crate) fn teach(&self, server: &Server, known: Known) {
        self.context.known.lock().expect("not poisoned").servers.insert(server.key(), known);
    }

    /// What is remembered of a server, as the next run would read it.
    pub(crate) fn remembered(&self, server: &Server) -> Known {
        KnownBook::load(known_path(&self.books)).expect("read").of(&server.key())
    }

    /// All that was said on the control connections.
    pub(crate) fn dialogue(&self) -> String {
        self.ann.lines.lock().expect("not poisoned").join("\n")
    }
}

fn known_path(books: &tempfile::TempDir) -> PathBuf {
    books.path().join("known.toml")
}

/// A plain request: direct, verified, no retry.
pub(crate) fn request(sources: Vec<Address>, destination: Address) -> CopyRequest {
    CopyRequest {
        sources,
        destination,
        others: Vec::new(),
        recursive: true,
        via: Via::Direct,
        policy: Policy::default(),
        verify: VerifyChoice::Auto,
        resume: ResumeChoice::Noted,
        inplace: false,
        dry_run: false,
        retries: 0,
        lanes: None,
        selection: Selection::default(),
        bwlimit: None,
        bounds: Bounds { space_wait: Duration::ZERO, ..Bounds::default() },
    }
}

/// Nobody stops the run.
pub(crate) fn go_on() -> Stop {
    tokio::sync::watch::channel(false).1
}

pub(crate) fn path(text: &str) -> VPath {
    VPath::parse(text.as_bytes()).expect("a path")
}

/// Bytes that are not all the same.
pub(crate) fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    (0..size)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        })
        .collect()
}
