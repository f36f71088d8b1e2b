//! Data connections whose ends prove who they are: a key that both hold, or a certificate that was expected.

use std::sync::Arc;
use std::time::Duration;

use fxp_net::tls::{DataTls, FileRole, HandshakeError, Proven, ServerSession, Versions};
use fxp_proto::grammar::params::TlsRole;
use fxp_proto::grammar::peer::{PeerKey, PeerPin};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::*;

fn keyed(byte: u8, tls: TlsRole, file: FileRole) -> Option<DataTls> {
    Some(ServerSession::keyed(PeerKey::new([byte; 32]), tls, file))
}

fn pin(digests: &[[u8; 32]]) -> PeerPin {
    PeerPin { digests: digests.to_vec(), from: Vec::new() }
}

const ROLES: [(TlsRole, FileRole); 4] = [
    (TlsRole::Client, FileRole::Source),
    (TlsRole::Client, FileRole::Destination),
    (TlsRole::Server, FileRole::Source),
    (TlsRole::Server, FileRole::Destination),
];

fn other(file: FileRole) -> FileRole {
    if file == FileRole::Source { FileRole::Destination } else { FileRole::Source }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_joins_two_ends_in_every_role() {
    for (tls, file) in ROLES {
        for length in [0, 1, 100_000] {
            let peer = if tls == TlsRole::Client { TlsRole::Server } else { TlsRole::Client };
            let (one, two) = data_pair(keyed(1, tls, file), keyed(1, peer, other(file))).await;
            let (one, two) = (one.unwrap(), two.unwrap());
            for end in [&one, &two] {
                let info = end.tls().unwrap();
                assert_eq!((info.version, info.proven, info.resumed), ("TLS 1.3", Some(Proven::Key), false));
            }
            let (source, destination) = if file == FileRole::Source { (one, two) } else { (two, one) };
            let (sent, received) = tokio::join!(send(source, pattern(length)), receive(destination));
            assert_eq!(sent.unwrap(), length as u64);
            assert!(received.unwrap() == pattern(length));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_or_the_same_part_is_no_proof() {
    for (tls, file) in ROLES {
        let peer = if tls == TlsRole::Client { TlsRole::Server } else { TlsRole::Client };
        for (key, part) in [(2, other(file)), (1, file)] {
            let (one, two) = data_pair(keyed(1, tls, file), keyed(key, peer, part)).await;
            assert!(matches!(one, Err(HandshakeError::Unproven(_) | HandshakeError::Network(_))), "{one:?}");
            assert!(matches!(two, Err(HandshakeError::Unproven(_) | HandshakeError::Network(_))), "{two:?}");
        }
    }
}

/// Ends without a key get an alert, or are told apart by the protocol that they did not agree on.
#[tokio::test(flavor = "multi_thread")]
async fn ends_that_were_not_introduced() {
    for versions in [Versions::Both, Versions::Only12] {
        let stranger = server_tls(versions).session();
        for file in [FileRole::Source, FileRole::Destination] {
            let (one, _) = data_pair(keyed(1, TlsRole::Client, file), Some(stranger.foreign())).await;
            assert!(one.is_err(), "{one:?}");
            let (one, _) = data_pair(keyed(1, TlsRole::Server, file), Some(stranger.as_client())).await;
            assert!(one.is_err(), "{one:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_expected_server() {
    for versions in [Versions::Both, Versions::Only12] {
        let peer = server_tls(versions);
        let ours = server_tls(Versions::Both).session();
        let right = peer.fingerprint().0;
        for (digests, fits) in
            [(vec![right], true), (vec![[0; 32], right], true), (vec![[0; 32]], false), (vec![], false)]
        {
            let expecting = ours.expecting(&pin(&digests), TlsRole::Client);
            let (one, two) = data_pair(Some(expecting), Some(peer.session().foreign())).await;
            assert_eq!(one.is_ok(), fits, "{one:?}");
            let Ok(one) = one else {
                assert!(one.unwrap_err().to_string().contains("not the expected one"));
                continue;
            };
            assert_eq!(one.tls().unwrap().proven, Some(Proven::Pin));
            let (sent, received) = tokio::join!(send(one, pattern(100_000)), receive(two.unwrap()));
            sent.unwrap();
            assert!(received.unwrap() == pattern(100_000));
        }
    }
}

/// A server of another make that plays TLS client shows its own certificate, or none.
#[tokio::test(flavor = "multi_thread")]
async fn the_expected_client() {
    let (chain, key) = certificate("localhost");
    let chain = CertificateDer::from_pem_slice(chain.as_bytes()).unwrap();
    let right = fxp_net::tls::trust::Fingerprint::of(&chain).0;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (shows, digest, fits) in [(true, right, true), (true, [0; 32], false), (false, right, false)] {
            let ours = server_tls(Versions::Both);
            let expecting = ours.session().expecting(&pin(&[digest]), TlsRole::Server);
            let config = another_make(version, shows.then_some((&chain, &key)));
            let (active, passive) = connection().await;
            let peer = async {
                let name = ServerName::try_from("localhost").unwrap();
                let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
                let mut stream = connector.connect(name, active).await?;
                stream.write_all(b"from the peer").await?;
                stream.shutdown().await?;
                stream.read_to_end(&mut Vec::new()).await
            };
            let here = fxp_net::listen::secure(passive, Some(expecting), soon(), Default::default());
            let (_, admitted) = tokio::join!(tokio::time::timeout(Duration::from_secs(20), peer), async {
                match here.await {
                    Ok(stream) => {
                        assert_eq!(stream.tls().unwrap().proven, Some(Proven::Pin));
                        Some(receive(stream).await.unwrap())
                    }
                    Err(_) => None,
                }
            });
            assert_eq!(admitted, fits.then(|| b"from the peer".to_vec()), "{version:?} {shows}");
        }
    }
}

/// A TLS client of another make, which shows this certificate or none.
fn another_make(
    version: &'static rustls::SupportedProtocolVersion,
    shows: Option<(&CertificateDer<'static>, &String)>,
) -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody));
    match shows {
        Some((chain, key)) => {
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![chain.clone()], key).unwrap()
        }
        None => builder.with_no_client_auth(),
    }
}

/// A server that finds out late that it cannot send: nothing may be changed for the sake of its handshake.
#[tokio::test(flavor = "multi_thread")]
async fn an_expected_client_that_leaves_behind_its_handshake() {
    let (chain, key) = certificate("localhost");
    let chain = CertificateDer::from_pem_slice(chain.as_bytes()).unwrap();
    let digest = fxp_net::tls::trust::Fingerprint::of(&chain).0;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        // It says nothing more; it ends an empty file; it begins one.
        for says in [None, Some(""), Some("from the peer")] {
            let expecting = server_tls(Versions::Both).session().expecting(&pin(&[digest]), TlsRole::Server);
            let (active, passive) = connection().await;
            let config = another_make(version, Some((&chain, &key)));
            let peer = async {
                let name = ServerName::try_from("localhost").unwrap();
                let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
                let mut stream = connector.connect(name, active).await.unwrap();
                if let Some(content) = says {
                    stream.write_all(content.as_bytes()).await.unwrap();
                    stream.shutdown().await.unwrap();
                }
            };
            let here = fxp_net::listen::secure(passive, Some(expecting), soon(), Default::default());
            let (_, here) = tokio::join!(peer, here);
            let mut here = here.unwrap();
            let waited = blocking(move || here.await_first().map(|()| here)).await;
            match says {
                None => assert!(waited.is_err(), "{version:?}"),
                Some(content) => assert_eq!(receive(waited.unwrap()).await.unwrap(), content.as_bytes()),
            }
        }
    }
}

/// A TLS 1.3 client is done before the server has judged it: nothing may be changed for its sake until then.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_waits_for_the_first_sign_of_approval() {
    let peer = server_tls(Versions::Both);
    let ours = server_tls(Versions::Both).session();
    let expecting = || Some(ours.expecting(&pin(&[peer.fingerprint().0]), TlsRole::Client));
    // A server that wants a certificate: ours is refused after our handshake.
    let strict = peer.session().expecting(&pin(&[[0; 32]]), TlsRole::Server);
    let (one, two) = data_pair(expecting(), Some(strict)).await;
    assert!(two.is_err());
    let mut one = one.expect("this end cannot know yet");
    assert!(blocking(move || one.await_first()).await.is_err());
    // One that sends, and one that sends nothing.
    for length in [0, 1, 100_000] {
        let (one, two) = data_pair(expecting(), Some(peer.session().foreign())).await;
        let mut one = one.unwrap();
        let waiting = blocking(move || one.await_first().map(|()| one));
        let (sent, waited) = tokio::join!(send(two.unwrap(), pattern(length)), async {
            receive(waiting.await.unwrap()).await.unwrap()
        });
        sent.unwrap();
        assert!(waited == pattern(length));
    }
}

#[derive(Debug)]
struct Anybody;

impl rustls::client::danger::ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
