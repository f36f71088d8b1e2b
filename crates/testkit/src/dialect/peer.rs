//! A peer that runs: it listens on an address of its own, keeps a folder, and remembers what was said.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use fxp_net::tls::{ServerTls, Versions};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::{Announce, Dialect, Tls, control};
use crate::certificate::{Authority, Identity};
use crate::daemon::{Setup, USER};
use crate::port;

/// A server that speaks a [`Dialect`]; it ends when it is dropped.
pub struct Peer {
    /// Where it listens.
    pub address: SocketAddr,
    /// What its user sees as `/`.
    pub root: PathBuf,
    /// SHA-256 of its certificate, as `fxp trust add` takes it.
    pub fingerprint: String,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
    _folder: TempDir,
}

/// What all sessions of a peer share.
pub(super) struct Shared {
    pub(super) dialect: Dialect,
    pub(super) setup: Setup,
    pub(super) root: PathBuf,
    pub(super) tls: Option<ServerTls>,
    /// For data connections, where they show another certificate.
    pub(super) other_tls: Option<ServerTls>,
    /// Where files live: the control connection's address, or a slave's.
    pub(super) data: IpAddr,
    sessions: AtomicU32,
    /// Bytes of files that arrived.
    pub(super) received: AtomicU64,
    /// Digests that were asked for.
    pub(super) digests: AtomicU32,
    transcript: Mutex<Vec<String>>,
    roles: Mutex<Roles>,
}

/// What a peer counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Data connections on which it sent the ClientHello, handshake done.
    pub as_tls_client: u32,
    /// Data connections on which it waited for one, handshake done.
    pub as_tls_server: u32,
    /// Data connections in clear.
    pub in_clear: u32,
}

impl Peer {
    /// Starts a server that speaks `dialect`, with an empty root. Of `setup` it heeds all: TLS on offer, FXP
    /// allowed, session reuse demanded.
    ///
    /// # Errors
    ///
    /// If there is no socket, no folder or no key.
    pub fn start(dialect: Dialect, setup: Setup, authority: &Authority) -> Result<Peer> {
        let folder = TempDir::with_prefix("fxp-dialect-")?;
        let root = folder.path().join("root");
        std::fs::create_dir(&root)?;
        let ip = dialect.ip.unwrap_or_else(port::loopback);
        let data = if dialect.announce == Announce::Slave { port::loopback() } else { ip };
        let identity = authority.identity(ip)?;
        let versions = if dialect.tls == Tls::Only12 { Versions::Only12 } else { Versions::Both };
        let offer = |identity: &Identity| -> Result<Option<ServerTls>> {
            let (chain, key) = (identity.certificate.as_bytes(), identity.key.as_bytes());
            let made = setup.tls.then(|| ServerTls::from_pem(chain, key)).transpose()?;
            Ok(made.map(|tls| tls.with_versions(versions)))
        };
        let other =
            if dialect.tls == Tls::OtherCertificate { offer(&authority.identity(ip)?)? } else { None };
        let tls = offer(&identity)?;
        let shared = Arc::new(Shared {
            dialect,
            setup,
            root: root.clone(),
            tls,
            other_tls: other,
            data,
            sessions: AtomicU32::new(0),
            digests: AtomicU32::new(0),
            received: AtomicU64::new(0),
            transcript: Mutex::default(),
            roles: Mutex::default(),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((ip, 0)))?;
        let address = listener.local_addr()?;
        runtime.spawn(serve(listener, shared.clone()));
        Ok(Peer {
            address,
            root,
            fingerprint: identity.fingerprint(),
            shared,
            runtime: Some(runtime),
            _folder: folder,
        })
    }

    /// `ftp://user@address/path` for fxp.
    pub fn url(&self, path: &str) -> String {
        format!("ftp://{USER}@{}/{path}", self.address)
    }

    /// Bytes of files that it has received so far.
    pub fn received(&self) -> u64 {
        self.shared.received.load(Relaxed)
    }

    /// The name of its product.
    pub fn name(&self) -> &'static str {
        self.shared.dialect.name
    }

    /// Everything that was said on its control connections so far.
    pub fn log(&self) -> String {
        let lines = self.shared.transcript.lock().unwrap_or_else(PoisonError::into_inner);
        format!("--- {} at {}\n{}\n", self.name(), self.address, lines.join("\n"))
    }

    /// How many of the commands that it heard begin with `words`.
    pub fn heard(&self, words: &str) -> usize {
        let lines = self.shared.transcript.lock().unwrap_or_else(PoisonError::into_inner);
        let command = |line: &&String| {
            line.split_once("< ").is_some_and(|(number, rest)| {
                number.bytes().all(|byte| byte.is_ascii_digit()) && rest.starts_with(words)
            })
        };
        lines.iter().filter(command).count()
    }

    /// In which roles its data connections were.
    pub fn roles(&self) -> Roles {
        *self.shared.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Not waiting for transfers that a test left hanging.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    /// Writes down a line of the dialogue: `3< USER anna`, `3> 331 Password`.
    pub(super) fn note(&self, session: u32, arrow: char, text: &str) {
        let line = format!("{session}{arrow} {text}");
        self.transcript.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// Counts a data connection.
    pub(super) fn count(&self, count: impl FnOnce(&mut Roles)) {
        count(&mut self.roles.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((tcp, _)) = listener.accept().await {
        let number = shared.sessions.fetch_add(1, Relaxed) + 1;
        tokio::spawn(control::serve(tcp, shared.clone(), number));
    }
}
