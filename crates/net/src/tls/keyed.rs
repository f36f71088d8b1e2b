//! TLS for data connections whose ends prove a key to each other (`PEER KEY`).
//!
//! TLS 1.3 alone. Certificates play no part in it: the proof does not rest on them, so any is taken. The one
//! that is shown is made when the process starts and used for nothing else; if its key were ever lost,
//! nothing else would be.

use std::sync::{Arc, LazyLock};

use fxp_proto::grammar::params::TlsRole;
use fxp_proto::grammar::peer::PeerKey;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use tokio::net::TcpStream;

use super::client::{nameless_config, no_name};
use super::exporter::Exporter;
use super::pin::AnyPeer;
use super::proof::{self, ALPN, FileRole};
use super::server::without_sessions;
use super::{Engine, EngineError, HandshakeError, TlsInfo, Versions, blame, describe, protocol, provider};

/// How to secure one data connection under a key.
#[derive(Clone)]
pub(crate) struct Keyed {
    pub(super) key: PeerKey,
    pub(super) tls: TlsRole,
    pub(super) file: FileRole,
}

impl Keyed {
    /// Shakes hands, proves the key and has it proven.
    pub(super) async fn handshake(self, tcp: &mut TcpStream) -> Result<(Engine, TlsInfo), HandshakeError> {
        let exporter = Arc::new(Exporter::default());
        let mut engine = match self.tls {
            TlsRole::Client => {
                let mut config = CLIENT.clone();
                config.key_log = exporter.clone();
                let connection = UnbufferedClientConnection::new(Arc::new(config), no_name());
                Engine::client(connection.map_err(protocol)?, None)
            }
            TlsRole::Server => {
                let mut config = server()?.clone();
                config.key_log = exporter.clone();
                let connection = UnbufferedServerConnection::new(Arc::new(config));
                Engine::server(connection.map_err(protocol)?)
            }
        };
        engine.handshake(tcp).await.map_err(|error| match error {
            EngineError::Tls(error) => blame(error, None),
            EngineError::Io(error) => HandshakeError::Network(error),
        })?;
        let proven = proof::exchange(&mut engine, tcp, &exporter, &self.key, self.tls, self.file).await;
        if let Err(error) = proven {
            // Whatever went wrong after the handshake must not look like the end of a file.
            let _ = socket2::SockRef::from(&*tcp).set_linger(Some(std::time::Duration::ZERO));
            return Err(error);
        }
        let info = TlsInfo { proven: Some(super::Proven::Key), ..describe(engine.state(), None) };
        Ok((engine, info))
    }
}

/// No name, no certificate, nothing resumed.
static CLIENT: LazyLock<ClientConfig> = LazyLock::new(|| {
    let mut config = nameless_config(Versions::Only13, Arc::new(AnyPeer));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config
});

/// A certificate of its own, no tickets, nothing resumed.
fn server() -> Result<&'static ServerConfig, HandshakeError> {
    static SERVER: LazyLock<Result<ServerConfig, String>> = LazyLock::new(|| {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(Versions::Only13.list())
            .expect("the provider has suites for 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity()?)));
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(without_sessions(config))
    });
    SERVER.as_ref().map_err(|error| HandshakeError::Protocol(error.clone()))
}

/// ECDSA on P-256: every data connection is a full handshake, and this signature is cheap.
fn identity() -> Result<CertifiedKey, String> {
    let key = rcgen::KeyPair::generate().map_err(|error| error.to_string())?;
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "FTP data connection");
    let certificate = parameters.self_signed(&key).map_err(|error| error.to_string())?;
    let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(str::to_owned)?;
    CertifiedKey::from_der(vec![certificate.der().clone()], private, &provider())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Both configurations, with one cipher suite.
    pub(in super::super) fn configs(suite: &str) -> (ClientConfig, ServerConfig) {
        let mut one = (*provider()).clone();
        one.cipher_suites.retain(|offered| offered.suite().as_str() == Some(suite));
        let mut client = ClientConfig::builder_with_provider(Arc::new(one))
            .with_protocol_versions(Versions::Only13.list())
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyPeer))
            .with_no_client_auth();
        client.alpn_protocols = CLIENT.alpn_protocols.clone();
        (client, server().unwrap().clone())
    }
}
