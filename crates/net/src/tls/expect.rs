//! TLS for data connections with a server that cannot prove a key, but shows a known certificate
//! (`PEER EXPECT`).
//!
//! The client saw that certificate on the control connection that it verified. The pin replaces everything
//! else that a certificate says: names, dates, issuers, purposes. That its owner holds the key is always
//! checked, by the signature in the handshake.

use std::sync::Arc;

use fxp_proto::grammar::peer::PeerPin;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{CertificateError, ClientConfig, DistinguishedName, OtherError, ServerConfig};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::pin::check_handshake_signatures;
use super::trust::Fingerprint;
use super::{Versions, client, provider, server};

/// As TLS client: no name, no certificate, nothing resumed, and the peer's certificate is one of `pin`.
pub(super) fn as_client(pin: &PeerPin, versions: Versions) -> ClientConfig {
    let mut config = client::nameless_config(versions, Arc::new(ExpectedPeer::new(pin)));
    config.require_ems = true;
    config
}

/// As TLS server: the control connection's certificate, no tickets, nothing resumed, and the peer must show
/// one of `pin`.
pub(super) fn as_server(pin: &PeerPin, identity: Arc<SingleCertAndKey>, versions: Versions) -> ServerConfig {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions.list())
        .expect("the provider has suites for 1.2 and for 1.3")
        .with_client_cert_verifier(Arc::new(ExpectedPeer::new(pin)))
        .with_cert_resolver(identity);
    config.require_ems = true;
    server::without_sessions(config)
}

/// Takes certificates by their digest alone.
#[derive(Debug)]
struct ExpectedPeer {
    digests: Vec<Fingerprint>,
}

/// Another certificate than the expected one.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not the expected certificate")]
struct Unexpected(Fingerprint);

/// The certificate that was refused because it is not the expected one, if that is what `error` says.
pub(super) fn unexpected(error: &rustls::Error) -> Option<Fingerprint> {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) => {
            cause.downcast_ref::<Unexpected>().map(|unexpected| unexpected.0)
        }
        _ => None,
    }
}

impl ExpectedPeer {
    fn new(pin: &PeerPin) -> Self {
        ExpectedPeer { digests: pin.digests.iter().map(|digest| Fingerprint(*digest)).collect() }
    }

    fn judge(&self, certificate: &CertificateDer<'_>) -> Result<(), rustls::Error> {
        let shown = Fingerprint::of(certificate);
        if self.digests.contains(&shown) {
            return Ok(());
        }
        let reason = CertificateError::Other(OtherError(Arc::new(Unexpected(shown))));
        Err(rustls::Error::InvalidCertificate(reason))
    }
}

impl ServerCertVerifier for ExpectedPeer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.judge(end_entity).map(|()| ServerCertVerified::assertion())
    }

    check_handshake_signatures!();
}

impl ClientCertVerifier for ExpectedPeer {
    /// No hints: whatever certificate the peer has is the one to show.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.judge(end_entity).map(|()| ClientCertVerified::assertion())
    }

    check_handshake_signatures!();
}
