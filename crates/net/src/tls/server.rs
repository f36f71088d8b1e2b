//! TLS server: one certificate, and a session storage per control connection.
//!
//! A data connection that resumes proves that it belongs to the control connection, because no other
//! connection's sessions are in that storage: a data connection adds to it only after having resumed.

use std::net::IpAddr;
use std::sync::Arc;

use fxp_proto::grammar::params::TlsRole;
use fxp_proto::grammar::peer::{PeerKey, PeerPin};
use rustls::ServerConfig;
use rustls::server::{Acceptor, ClientHello, NoServerSessionStorage};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::accept::{Accepting, CONTROL_TICKETS, DATA_TICKETS, OneControlConnection, Own, Resumption};
use super::keyed::Keyed;
use super::trust::Fingerprint;
use super::{
    DataTls, FileRole, HandshakeError, Proven, Role, TlsInfo, Versions, blame, client, describe, expect,
    provider,
};

/// The server side, made once per certificate.
#[derive(Clone, Debug)]
pub struct ServerTls {
    fingerprint: Fingerprint,
    identity: Arc<SingleCertAndKey>,
    base: Arc<ServerConfig>,
    foreign: Arc<ServerConfig>,
    as_client: DataTls,
    versions: Versions,
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
        let base = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions.list())
            .expect("the provider has suites for 1.2 and for 1.3")
            .with_no_client_auth()
            .with_cert_resolver(identity.clone());
        let base = Arc::new(without_sessions(base));
        let foreign = base.clone();
        ServerTls { fingerprint, identity, base, foreign, as_client: client::anonymous(versions), versions }
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
        let sessions = Arc::new(OneControlConnection::default());
        let mut control = (*self.base).clone();
        control.session_storage = sessions.clone();
        control.send_tls13_tickets = CONTROL_TICKETS;
        ServerSession {
            control: Arc::new(control),
            data: Own {
                base: self.base.clone(),
                sessions,
                resumption: Resumption::Offered,
                tickets: DATA_TICKETS,
            },
            foreign: self.foreign.clone(),
            as_client: self.as_client.clone(),
            identity: self.identity.clone(),
            versions: self.versions,
        }
    }
}

/// The same, but it gives out no tickets and resumes nothing.
pub(super) fn without_sessions(mut config: ServerConfig) -> ServerConfig {
    // Off as by default, and it must stay off: the session storage of a control connection never forgets on
    // use, which would let early data be replayed.
    config.max_early_data_size = 0;
    config.send_half_rtt_data = false;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}

/// One control connection's server side: its own session storage.
#[derive(Clone, Debug)]
pub struct ServerSession {
    control: Arc<ServerConfig>,
    data: Own,
    foreign: Arc<ServerConfig>,
    as_client: DataTls,
    identity: Arc<SingleCertAndKey>,
    versions: Versions,
}

impl ServerSession {
    /// TLS server for a data connection with the control peer; `TlsInfo::resumed` tells whether it resumed.
    pub fn data(&self) -> DataTls {
        DataTls(Role::Server(Accepting::Own(self.data.clone())))
    }

    /// The same session, but [`ServerSession::data`], with or without foreign peers beside it, takes only
    /// data connections that resume: the handshake of any other fails with
    /// [`HandshakeError::NotResumed`].
    #[must_use]
    pub fn demanding_resumption(&self) -> Self {
        let data = Own { resumption: Resumption::Demanded, ..self.data.clone() };
        ServerSession { data, ..self.clone() }
    }

    /// The same session, for data connections on which we receive: they bring no tickets.
    ///
    /// Most clients never read while they upload (curl 7.88 and lftp 4.9 in TLS 1.3, 2026-11-25): they would
    /// close with the ticket unread, and the kernel's reset would take the file's tail along. Sessions can
    /// be resumed more than once, so nobody runs out of them.
    #[must_use]
    pub fn receiving(&self) -> Self {
        let data = Own { tickets: 0, ..self.data.clone() };
        ServerSession { data, ..self.clone() }
    }

    /// TLS server for a data connection with a foreign peer: no tickets, no resumption, control certificate.
    ///
    /// No tickets, because a sender that never reads (ProFTPD as TLS client, 2026-11) would close with
    /// them unread, and the kernel's reset would take the file's tail along.
    pub fn foreign(&self) -> DataTls {
        DataTls(Role::Server(Accepting::Foreign(self.foreign.clone())))
    }

    /// TLS server for a data connection whose other end is not known before it comes:
    /// [`ServerSession::data`] for `client`, [`ServerSession::foreign`] for everybody else.
    pub fn data_or_foreign(&self, client: IpAddr) -> DataTls {
        let client = client.to_canonical();
        let (own, foreign) = (self.data.clone(), self.foreign.clone());
        DataTls(Role::Server(Accepting::Either { client, own, foreign }))
    }

    /// TLS client (CPSV, SSCN ON) for a data connection: accepts any certificate but checks the
    /// handshake signature, sends no SNI and no certificate, resumes nothing.
    pub fn as_client(&self) -> DataTls {
        self.as_client.clone()
    }

    /// For a data connection whose two ends prove `key` to each other (`PEER KEY`); we are `tls` in the
    /// handshake and `file` in the transfer.
    pub fn keyed(key: PeerKey, tls: TlsRole, file: FileRole) -> DataTls {
        DataTls(Role::Keyed(Keyed { key, tls, file }))
    }

    /// For a data connection whose other end shows a certificate of `pin` (`PEER EXPECT`). As TLS server we
    /// show the control connection's, as TLS client none.
    pub fn expecting(&self, pin: &PeerPin, tls: TlsRole) -> DataTls {
        match tls {
            TlsRole::Client => client::nameless(expect::as_client(pin, self.versions), Some(Proven::Pin)),
            TlsRole::Server => {
                let config = expect::as_server(pin, self.identity.clone(), self.versions);
                DataTls(Role::Server(Accepting::Expected(Arc::new(config))))
            }
        }
    }

    /// For the control connection itself.
    pub(crate) async fn accept(
        &self,
        tcp: tokio::net::TcpStream,
    ) -> Result<(tokio_rustls::server::TlsStream<tokio::net::TcpStream>, TlsInfo), HandshakeError> {
        let accepted = async {
            let start = tokio_rustls::LazyConfigAcceptor::new(Acceptor::default(), tcp).await?;
            let config = self.control_for(&start.client_hello());
            start.into_stream(config).await
        };
        match accepted.await {
            Ok(stream) => {
                let info = describe(stream.get_ref().1, None);
                Ok((stream, info))
            }
            Err(error) => {
                Err(super::tls_error(error).map_or_else(HandshakeError::Network, |error| blame(error, None)))
            }
        }
    }

    /// Whoever names protocols (ALPN) must have FTP among them, or the handshake ends with the alert
    /// `no_application_protocol`: a browser that was led here means another server (ALPACA, CVE-2021-3618).
    /// Clients of FTP mostly name none.
    fn control_for(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let names = |wanted: &[u8]| hello.alpn().is_some_and(|mut names| names.any(|name| name == wanted));
        if names(FILEZILLA) && !names(FTP) {
            // It means FTP, too, but to choose that name would promise things about data connections.
            return self.control.clone();
        }
        let mut config = (*self.control).clone();
        config.alpn_protocols = vec![FTP.to_vec()];
        Arc::new(config)
    }
}

/// FTP's name in ALPN (IANA, RFC 4217).
const FTP: &[u8] = b"ftp";

/// What FileZilla's client says that it speaks (3.6x, 2026-11-27).
const FILEZILLA: &[u8] = b"x-filezilla-ftp";
