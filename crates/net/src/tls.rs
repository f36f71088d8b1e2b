//! TLS: all types of the library stay behind this module.
//!
//! A [`ClientTls`] or [`ServerTls`] is made once; each control connection gets a session of its own
//! from it, and the data connections of that control connection are secured through the session, so
//! that they resume it (client) or can be told to have resumed it (server).

pub mod trust;

use std::sync::Arc;

use trust::{Fingerprint, Trust};

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
    /// TLS itself: an alert, no common version or cipher, not TLS at all.
    #[error("{0}")]
    Protocol(String),
    /// The network.
    #[error(transparent)]
    Network(#[from] std::io::Error),
}

/// The client side, made once per process.
#[derive(Clone, Debug)]
pub struct ClientTls {
    _private: (),
}

impl ClientTls {
    /// Loads the platform's roots (lazily).
    pub fn new() -> Self {
        todo!("net")
    }

    /// A session for one control connection to `host`, judged by `trust`.
    pub fn session(&self, _host: &str, _trust: Trust) -> ClientSession {
        todo!("net")
    }
}

/// One control connection's client side: its own session cache, its own verdict.
#[derive(Clone, Debug)]
pub struct ClientSession {
    _private: (),
}

impl ClientSession {
    /// For an ordinary data connection: TLS client, resumes the control connection's session, same name.
    pub fn data(&self) -> DataTls {
        todo!("net")
    }
}

/// The server side, made once per certificate.
#[derive(Clone, Debug)]
pub struct ServerTls {
    _private: (),
}

/// Why a certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Unreadable PEM, no certificate, no key, or one that does not fit the other.
    #[error("{0}")]
    Bad(String),
}

impl ServerTls {
    /// From PEM: a certificate chain and its private key. Also makes the key pair for data connections
    /// with foreign peers, which is never the control certificate where PEER is spoken.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn from_pem(_chain: &[u8], _key: &[u8]) -> Result<Self, IdentityError> {
        todo!("net")
    }

    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        todo!("net")
    }

    /// A session for one control connection.
    pub fn session(&self) -> ServerSession {
        todo!("net")
    }
}

/// One control connection's server side: its own session storage.
#[derive(Clone, Debug)]
pub struct ServerSession {
    _private: (),
}

impl ServerSession {
    /// TLS server for a data connection with the control peer; `TlsInfo::resumed` tells whether it resumed.
    pub fn data(&self) -> DataTls {
        todo!("net")
    }

    /// TLS server for a data connection with a foreign peer: no tickets, no resumption, control certificate.
    pub fn foreign(&self) -> DataTls {
        todo!("net")
    }

    /// TLS client (CPSV, SSCN ON) for a data connection: accepts any certificate but checks the
    /// handshake signature, sends no SNI and no certificate, resumes nothing.
    pub fn as_client(&self) -> DataTls {
        todo!("net")
    }
}

/// How to secure one data connection.
#[derive(Clone)]
pub struct DataTls(#[allow(dead_code, reason = "skeleton")] pub(crate) Arc<()>);
