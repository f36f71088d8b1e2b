//! TLS: all types of the library stay behind this module.
//!
//! A [`ClientTls`] or [`ServerTls`] is made once; each control connection gets a session of its own
//! from it, and the data connections of that control connection are secured through the session, so
//! that they resume it (client) or can be told to have resumed it (server).
//!
//! The provider is named explicitly (aws-lc-rs): no process-wide default is installed or relied on.
//! Its order of preference is kept, AES-256-GCM, AES-128-GCM, ChaCha20: on machines with AES
//! instructions the last one is three to five times slower.

mod accept;
mod client;
mod engine;
mod expect;
mod exporter;
mod keyed;
mod outdated;
mod pin;
mod proof;
mod server;
mod showing;
mod supply;
pub mod trust;

use std::sync::Arc;

use fxp_proto::grammar::params::TlsRole;
use rustls::client::UnbufferedClientConnection;
use rustls::crypto::CryptoProvider;
use rustls::server::UnbufferedServerConnection;
use rustls::{ClientConfig, CommonState, HandshakeKind, ProtocolVersion};
use rustls_pki_types::ServerName;

use accept::Accepting;
pub use client::{ClientSession, ClientTls};
pub(crate) use engine::{Engine, EngineError, Step};
use keyed::Keyed;
pub use outdated::Outdated;
use pin::OnePeer;
pub use proof::FileRole;
pub use server::{IdentityError, ServerSession, ServerTls};
pub use showing::{KeyKind, Showing};
use supply::Supply;
use trust::Fingerprint;

/// What a handshake agreed on.
#[derive(Clone, Debug)]
pub struct TlsInfo {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: &'static str,
    /// Cipher suite, in IANA's name.
    pub cipher: String,
    /// The TLS session was resumed; on a server's data connection: it resumed *this* control connection's.
    pub resumed: bool,
    /// SHA-256 of the peer's certificate, where it showed one (a resumed session shows none again, the
    /// first one's is kept for client sessions).
    pub peer: Option<Fingerprint>,
    /// How the peer's certificate was verified; `None` if it was not.
    pub verified: Option<trust::Verified>,
    /// What the other end of a data connection between two servers has proven; `None` if nothing was asked.
    pub proven: Option<Proven>,
}

/// What the other end of a data connection has proven (PEER).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven {
    /// That it holds the key of this file.
    Key,
    /// That it owns a certificate that was expected.
    Pin,
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// It took too long.
    #[error("the TLS handshake took too long")]
    TimedOut,
    /// The peer's certificate is not trusted.
    #[error("{0}")]
    Untrusted(#[source] Box<trust::Untrusted>),
    /// The data connection had to resume the control connection's TLS session, and did not.
    #[error("the data connection must resume the TLS session of the control connection")]
    NotResumed,
    /// The peer did not prove that it holds the key of the file (PEER KEY).
    #[error("{0}")]
    Unproven(&'static str),
    /// The peer shows another certificate than the expected one (PEER EXPECT).
    #[error("the peer shows the certificate {0}, which is not the expected one")]
    Unexpected(Fingerprint),
    /// The server's TLS is too old.
    #[error("{0}")]
    Outdated(Outdated),
    /// TLS itself: an alert, no common version or cipher, not TLS at all.
    #[error("{0}")]
    Protocol(String),
    /// The network.
    #[error(transparent)]
    Network(#[from] std::io::Error),
}

/// Which versions of TLS are offered or accepted. Older ones than 1.2 do not exist here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// 1.2 and 1.3; the newer one wins.
    #[default]
    Both,
    /// 1.2 alone.
    Only12,
    /// 1.3 alone.
    Only13,
}

impl Versions {
    fn list(self) -> &'static [&'static rustls::SupportedProtocolVersion] {
        static ONLY_12: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];
        static ONLY_13: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];
        match self {
            Versions::Both => rustls::ALL_VERSIONS,
            Versions::Only12 => ONLY_12,
            Versions::Only13 => ONLY_13,
        }
    }
}

/// How to secure one data connection: our role in the handshake, which has nothing to do with who
/// connected, and what is asked of the other end.
#[derive(Clone)]
pub struct DataTls(pub(crate) Role);

#[derive(Clone)]
pub(crate) enum Role {
    Client {
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        peer: Option<Arc<OnePeer>>,
        supply: Option<Arc<Supply>>,
        proven: Option<Proven>,
    },
    Server(Accepting),
    /// Either role, with a proof behind the handshake.
    Keyed(Keyed),
}

impl std::fmt::Debug for DataTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_client() { "DataTls(client)" } else { "DataTls(server)" })
    }
}

impl DataTls {
    /// True if we are the TLS client.
    pub fn is_client(&self) -> bool {
        match &self.0 {
            Role::Client { .. } => true,
            Role::Server(_) => false,
            Role::Keyed(keyed) => keyed.tls == TlsRole::Client,
        }
    }

    /// Shakes hands on a connected socket. Blocks nothing, but has no deadline of its own.
    pub(crate) async fn handshake(
        self,
        tcp: &mut tokio::net::TcpStream,
    ) -> Result<(Engine, TlsInfo), HandshakeError> {
        let (mut engine, peer, visit, proven) = match self.0 {
            Role::Keyed(keyed) => return keyed.handshake(tcp).await,
            Role::Client { config, name, peer, supply, proven } => {
                if let Some(supply) = &supply {
                    supply.refill();
                }
                let connection = UnbufferedClientConnection::new(config, name).map_err(protocol)?;
                (Engine::client(connection, supply), peer, None, proven)
            }
            Role::Server(accepting) => {
                let proven = accepting.proves();
                let (config, visit) = accepting.begin(tcp.peer_addr()?.ip());
                let connection = UnbufferedServerConnection::new(config).map_err(protocol)?;
                (Engine::server(connection), None, visit, proven)
            }
        };
        match engine.handshake(tcp).await {
            Ok(()) => {
                let info = TlsInfo { proven, ..describe(engine.state(), peer.as_deref()) };
                visit.map_or(Ok(()), |visit| visit.end(info.resumed))?;
                Ok((engine, info))
            }
            Err(EngineError::Tls(error)) => Err(blame(error, peer.as_deref())),
            Err(EngineError::Io(error)) => Err(HandshakeError::Network(error)),
        }
    }
}

/// The provider of cryptography, for everything in this crate.
fn provider() -> Arc<CryptoProvider> {
    use std::sync::LazyLock;
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    PROVIDER.clone()
}

/// What a finished handshake agreed on; `peer` is what a client session remembers of its server.
fn describe(state: &CommonState, peer: Option<&OnePeer>) -> TlsInfo {
    let shown = state.peer_certificates().and_then(|chain| chain.first()).map(Fingerprint::of);
    TlsInfo {
        version: match state.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS 1.3",
        },
        cipher: state.negotiated_cipher_suite().map_or(String::new(), |suite| iana_name(suite.suite())),
        resumed: state.handshake_kind() == Some(HandshakeKind::Resumed),
        peer: peer.and_then(OnePeer::fingerprint).or(shown),
        verified: peer.and_then(OnePeer::verified),
        proven: None,
    }
}

/// The library calls the suites of TLS 1.3 `TLS13_...`, IANA calls them `TLS_...`.
fn iana_name(suite: rustls::CipherSuite) -> String {
    let name = suite.as_str().unwrap_or("unknown");
    match name.strip_prefix("TLS13_") {
        Some(rest) => format!("TLS_{rest}"),
        None => name.to_owned(),
    }
}

/// The error of a failed handshake. `peer` is the server, where we are its client: what was wrong with its
/// certificate was put down by the verifier.
fn blame(error: rustls::Error, peer: Option<&OnePeer>) -> HandshakeError {
    let Some(peer) = peer else {
        return expect::unexpected(&error).map_or_else(|| protocol(error), HandshakeError::Unexpected);
    };
    let refusal = match error {
        rustls::Error::InvalidCertificate(_) => peer.take_refusal(),
        _ => None,
    };
    refusal.or_else(|| Outdated::by(&error).map(HandshakeError::Outdated)).unwrap_or_else(|| protocol(error))
}

/// The TLS error inside an error of the asynchronous stream, or the error itself.
fn tls_error(error: std::io::Error) -> Result<rustls::Error, std::io::Error> {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(inner) => Ok(inner.clone()),
        None => Err(error),
    }
}

fn protocol(error: rustls::Error) -> HandshakeError {
    HandshakeError::Protocol(error.to_string())
}
