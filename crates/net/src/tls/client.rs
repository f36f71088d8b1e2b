//! TLS client: one session per control connection, which its data connections resume.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};

use super::pin::{AnyPeer, OnePeer, Roots};
use super::showing::{Choosy, Showing};
use super::supply::Supply;
use super::trust::Trust;
use super::{DataTls, HandshakeError, Proven, Role, TlsInfo, Versions, blame, describe, provider};

/// The client side, made once per process.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    roots: Arc<Roots>,
    versions: Versions,
}

impl ClientTls {
    /// Offers TLS 1.2 and 1.3. The platform's roots are loaded at the first certificate that needs them.
    pub fn new() -> Self {
        ClientTls::default()
    }

    /// The same with other versions.
    #[must_use]
    pub fn with_versions(self, versions: Versions) -> Self {
        ClientTls { versions, ..self }
    }

    /// The same with these authorities as roots in place of the platform's. What is no certificate is no authority.
    #[must_use]
    pub fn with_roots(self, authorities: Vec<CertificateDer<'static>>) -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(authorities);
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider()).build();
        let verifier = verifier.map(|verifier| verifier as Arc<dyn ServerCertVerifier>);
        ClientTls { roots: Arc::new(Roots::from(verifier.map_err(|error| error.to_string()))), ..self }
    }

    /// A session for one control connection to `host` (a name, or an address with or without
    /// brackets), judged by `trust`.
    pub fn session(&self, host: &str, trust: Trust) -> ClientSession {
        self.session_with(host, trust, None)
    }

    /// The same, but the server is asked for a certificate of one kind. For looking at it: data connections of the
    /// session are of no use, for they ask alike.
    pub fn session_showing(&self, host: &str, trust: Trust, showing: Showing) -> ClientSession {
        self.session_with(host, trust, Some(showing))
    }

    /// All ways in which [`ClientTls::session_showing`] can ask `host`.
    pub fn showings(host: &str) -> Vec<Showing> {
        // An address is never sent as a name.
        Showing::all(matches!(server_name(host), Some(ServerName::DnsName(_))))
    }

    fn session_with(&self, host: &str, trust: Trust, showing: Option<Showing>) -> ClientSession {
        let name = server_name(host);
        let peer = Arc::new(OnePeer::new(trust, name.is_some(), self.roots.clone()));
        let judge: Arc<dyn ServerCertVerifier> = match showing {
            Some(showing) => Arc::new(Choosy::new(peer.clone(), showing.key)),
            None => peer.clone(),
        };
        let mut config = config(self.versions, judge);
        let supply = Arc::new(Supply::default());
        config.resumption = Resumption::store(supply.cache());
        config.enable_sni = name.is_some() && showing.is_none_or(|showing| showing.named);
        // Lets an ended connection be told of its ticket again; its secrets are dropped.
        config.enable_secret_extraction = true;
        ClientSession { config: Arc::new(config), name: name.unwrap_or_else(no_name), peer, supply }
    }
}

/// One control connection's client side: its own session cache, its own verdict.
#[derive(Clone, Debug)]
pub struct ClientSession {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    peer: Arc<OnePeer>,
    supply: Arc<Supply>,
}

impl ClientSession {
    /// For an ordinary data connection: TLS client, resumes the control connection's session, same name.
    /// If the server does not resume it must show the certificate of the control connection.
    pub fn data(&self) -> DataTls {
        DataTls(Role::Client {
            config: self.config.clone(),
            name: self.name.clone(),
            peer: Some(self.peer.clone()),
            supply: Some(self.supply.clone()),
            proven: None,
        })
    }

    /// True if the next data connection would use up the last TLS 1.3 ticket. A server that gives none
    /// with uploads, and demands them, refuses the one after that; a download or a listing brings a ticket
    /// that lasts for the whole session.
    pub fn is_running_out(&self) -> bool {
        self.supply.is_running_out()
    }

    /// For the control connection itself.
    pub(crate) async fn connect(
        &self,
        tcp: tokio::net::TcpStream,
    ) -> Result<(tokio_rustls::client::TlsStream<tokio::net::TcpStream>, TlsInfo), HandshakeError> {
        let connector = tokio_rustls::TlsConnector::from(self.config.clone());
        match connector.connect(self.name.clone(), tcp).await {
            Ok(stream) => {
                let info = describe(stream.get_ref().1, Some(&self.peer));
                Ok((stream, info))
            }
            Err(error) => Err(super::tls_error(error)
                .map_or_else(HandshakeError::Network, |error| blame(error, Some(&self.peer)))),
        }
    }
}

/// TLS client towards a peer that nobody introduced: no name, no certificate, nothing resumed.
pub(super) fn anonymous(versions: Versions) -> DataTls {
    nameless(nameless_config(versions, Arc::new(AnyPeer)), None)
}

/// For a peer without a name, which `judge` takes or not: no SNI, no certificate, nothing resumed.
pub(super) fn nameless_config(versions: Versions, judge: Arc<dyn ServerCertVerifier>) -> ClientConfig {
    let mut config = config(versions, judge);
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config
}

/// TLS client with `config`, towards a peer without a name.
pub(super) fn nameless(config: ClientConfig, proven: Option<Proven>) -> DataTls {
    DataTls(Role::Client { config: Arc::new(config), name: no_name(), peer: None, supply: None, proven })
}

fn config(versions: Versions, judge: Arc<dyn ServerCertVerifier>) -> ClientConfig {
    // Early data stays off, as it is unless asked for: what opens a data connection must not be replayable.
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions.list())
        .expect("the provider has suites for 1.2 and for 1.3")
        .dangerous()
        .with_custom_certificate_verifier(judge)
        .with_no_client_auth()
}

/// What the certificate must name: `None` if the host is neither an address nor a DNS name.
fn server_name(host: &str) -> Option<ServerName<'static>> {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    ServerName::try_from(host.to_owned()).ok()
}

/// Stands where a name is demanded and none is meant; never sent.
pub(super) fn no_name() -> ServerName<'static> {
    ServerName::from(std::net::Ipv4Addr::UNSPECIFIED)
}
