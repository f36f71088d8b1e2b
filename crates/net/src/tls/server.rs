//! TLS server: one certificate, and a session storage per control connection.
//!
//! A data connection that resumes proves that it belongs to the control connection, because no other
//! connection's sessions are in that storage.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, StoresServerSessions};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::trust::Fingerprint;
use super::{DataTls, HandshakeError, Role, TlsInfo, Versions, blame, client, describe, provider};

/// The server side, made once per certificate.
#[derive(Clone, Debug)]
pub struct ServerTls {
    fingerprint: Fingerprint,
    identity: Arc<SingleCertAndKey>,
    base: Arc<ServerConfig>,
    foreign: Arc<ServerConfig>,
    as_client: DataTls,
}

/// Why a certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Unreadable PEM, no certificate, no key, or one that does not fit the other.
    #[error("{0}")]
    Bad(String),
}

impl ServerTls {
    /// From PEM: a certificate chain, the server's own first, and its private key (PKCS #8, PKCS #1 or
    /// SEC 1). Accepts TLS 1.2 and 1.3.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| IdentityError::Bad(format!("unreadable certificate: {error}")))?;
        let first =
            chain.first().ok_or_else(|| IdentityError::Bad("no certificate in the PEM".to_owned()))?;
        let fingerprint = Fingerprint::of(first);
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| IdentityError::Bad(format!("unreadable private key: {error}")))?;
        let identity = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| {
            IdentityError::Bad(match error {
                rustls::Error::InconsistentKeys(_) => "the private key is not the certificate's".to_owned(),
                other => format!("unusable certificate or key: {other}"),
            })
        })?;
        Ok(ServerTls::new(fingerprint, Arc::new(SingleCertAndKey::from(identity)), Versions::Both))
    }

    fn new(fingerprint: Fingerprint, identity: Arc<SingleCertAndKey>, versions: Versions) -> Self {
        let mut base = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions.list())
            .expect("the provider has suites for 1.2 and for 1.3")
            .with_no_client_auth()
            .with_cert_resolver(identity.clone());
        // Off as by default, and it must stay off: the session storage below never forgets on use,
        // which would let early data be replayed.
        base.max_early_data_size = 0;
        base.send_half_rtt_data = false;
        base.session_storage = Arc::new(NoServerSessionStorage {});
        base.send_tls13_tickets = 0;
        let base = Arc::new(base);
        let foreign = base.clone();
        ServerTls { fingerprint, identity, base, foreign, as_client: client::anonymous(versions) }
    }

    /// The same certificate with other versions of TLS.
    #[must_use]
    pub fn with_versions(self, versions: Versions) -> Self {
        ServerTls::new(self.fingerprint, self.identity, versions)
    }

    /// SHA-256 of the certificate.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// A session for one control connection.
    pub fn session(&self) -> ServerSession {
        let storage = Arc::new(OneControlConnection::default());
        let with_tickets = |tickets| {
            let mut config = (*self.base).clone();
            config.session_storage = storage.clone();
            config.send_tls13_tickets = tickets;
            Arc::new(config)
        };
        ServerSession {
            control: with_tickets(CONTROL_TICKETS),
            data: with_tickets(DATA_TICKETS),
            foreign: self.foreign.clone(),
            as_client: self.as_client.clone(),
        }
    }
}

/// One control connection's server side: its own session storage.
#[derive(Clone, Debug)]
pub struct ServerSession {
    control: Arc<ServerConfig>,
    data: Arc<ServerConfig>,
    foreign: Arc<ServerConfig>,
    as_client: DataTls,
}

impl ServerSession {
    /// TLS server for a data connection with the control peer; `TlsInfo::resumed` tells whether it resumed.
    pub fn data(&self) -> DataTls {
        DataTls(Role::Server { config: self.data.clone() })
    }

    /// TLS server for a data connection with a foreign peer: no tickets, no resumption, control certificate.
    ///
    /// No tickets, because a sender that never reads (ProFTPD as TLS client, 2026-11) would close with
    /// them unread, and the kernel's reset would take the file's tail along.
    pub fn foreign(&self) -> DataTls {
        DataTls(Role::Server { config: self.foreign.clone() })
    }

    /// TLS server for a data connection whose other end is not known before it comes:
    /// [`ServerSession::data`] for `client`, [`ServerSession::foreign`] for everybody else.
    pub fn data_or_foreign(&self, client: IpAddr) -> DataTls {
        let client = client.to_canonical();
        DataTls(Role::ServerTo { client, own: self.data.clone(), foreign: self.foreign.clone() })
    }

    /// TLS client (CPSV, SSCN ON) for a data connection: accepts any certificate but checks the
    /// handshake signature, sends no SNI and no certificate, resumes nothing.
    pub fn as_client(&self) -> DataTls {
        self.as_client.clone()
    }

    /// For the control connection itself.
    pub(crate) async fn accept(
        &self,
        tcp: tokio::net::TcpStream,
    ) -> Result<(tokio_rustls::server::TlsStream<tokio::net::TcpStream>, TlsInfo), HandshakeError> {
        match tokio_rustls::TlsAcceptor::from(self.control.clone()).accept(tcp).await {
            Ok(stream) => {
                let info = describe(stream.get_ref().1, None);
                Ok((stream, info))
            }
            Err(error) => {
                Err(super::tls_error(error).map_or_else(HandshakeError::Network, |error| blame(error, None)))
            }
        }
    }
}

/// The sessions of one control connection and of the data connections that resumed it.
///
/// `take` leaves the entry where it is, against the letter of the trait, whose purpose is to stop the
/// replay of early data: there is none here. Clients that keep one session and present it for every
/// data connection (lftp and curl with OpenSSL, FileZilla with GnuTLS) could otherwise resume once.
#[derive(Debug, Default)]
struct OneControlConnection(Mutex<VecDeque<(Vec<u8>, Vec<u8>)>>);

impl OneControlConnection {
    fn entries(&self) -> std::sync::MutexGuard<'_, VecDeque<(Vec<u8>, Vec<u8>)>> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

impl StoresServerSessions for OneControlConnection {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let mut entries = self.entries();
        if let Some((_, known)) = entries.iter_mut().find(|(known, _)| *known == key) {
            *known = value;
            return true;
        }
        if entries.len() >= STORED_SESSIONS {
            // The first ones are the control connection's own, which some clients present for ever.
            entries.remove(CONTROL_TICKETS);
        }
        entries.push_back((key, value));
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.entries().iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.get(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// TLS 1.3 tickets for the control connection: some clients use each once, and open several data
/// connections before the first has brought a new one.
const CONTROL_TICKETS: usize = 4;

/// TLS 1.3 tickets for each data connection: it replaces the one that was used up.
const DATA_TICKETS: usize = 1;

/// Sessions kept per control connection, a few hundred bytes each: more than a client can have in use.
const STORED_SESSIONS: usize = 32;
