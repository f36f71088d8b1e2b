//! Certificates on data connections: what a stolen one is worth, and what the one that `fxpd` shows is worth.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use fxp_testkit::certificate::Identity;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig, ServerConnection, SignatureScheme, StreamOwned};

use super::end::{End, KEY, Part, identity};
use super::victim::{Transfer, refused, start, start_impatient, untouched, user};
use crate::server_side::wire::Tls;

/// A certificate with a key that is not its own.
#[derive(Debug)]
struct Stolen(Arc<CertifiedKey>);

impl Stolen {
    fn new(certificate: &Identity, key: &Identity) -> Arc<Stolen> {
        let chain =
            CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(key.key.as_bytes()).expect("a key");
        // Without the check that they fit each other.
        let pair = CertifiedKey::new(vec![chain], any_supported_type(&key).expect("a key"));
        Arc::new(Stolen(Arc::new(pair)))
    }
}

impl ResolvesServerCert for Stolen {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

impl ResolvesClientCert for Stolen {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// As TLS server towards the victim, with whatever is resolved.
fn as_server(
    tcp: TcpStream,
    shown: Arc<Stolen>,
) -> std::io::Result<StreamOwned<ServerConnection, TcpStream>> {
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(shown);
    let mut connection = ServerConnection::new(Arc::new(config)).expect("a connection");
    let mut tcp = tcp;
    while connection.is_handshaking() {
        connection.complete_io(&mut tcp)?;
    }
    Ok(StreamOwned::new(connection, tcp))
}

/// As TLS client towards the victim: done with its handshake, it sends at once, and reads what it gets.
fn as_client(mut tcp: TcpStream, tls: &ClientConfig, bytes: &[u8]) -> Vec<u8> {
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let mut connection = rustls::ClientConnection::new(Arc::new(tls.clone()), name).expect("a connection");
    while connection.is_handshaking() {
        if connection.complete_io(&mut tcp).is_err() {
            return Vec::new();
        }
    }
    let mut stream = StreamOwned::new(connection, tcp);
    let mut got = Vec::new();
    let _ = stream.write_all(bytes).and_then(|()| stream.flush());
    stream.conn.send_close_notify();
    let _ = stream.flush();
    let _ = stream.read_to_end(&mut got);
    got
}

const EVIL: &[u8] = b"what the attacker wants to be stored";

#[test]
fn the_right_certificate_without_its_private_key() {
    let (right, wrong) = (identity(), identity());
    let server = start_impatient();
    let mut client = user(&server);
    client.expect(format!("PEER EXPECT {}", right.fingerprint()), "200");
    for file in ["source", "destination"] {
        // The victim is TLS client.
        let mut transfer = Transfer::prepare(&mut client, Part { tls: "server", file }, true);
        transfer.begin();
        let shown = as_server(transfer.meet().expect("a connection"), Stolen::new(&right, &wrong));
        if let Ok(mut stream) = shown {
            let _ = stream.write_all(EVIL).and_then(|()| stream.flush());
            let mut got = Vec::new();
            let _ = stream.read_to_end(&mut got);
            assert!(got.is_empty(), "{file}");
        }
        refused(&transfer.end(), file);
        // The victim is TLS server.
        let mut transfer = Transfer::prepare(&mut client, Part { tls: "client", file }, true);
        transfer.begin();
        let tls = Tls::newest().showing(Stolen::new(&right, &wrong));
        let got = as_client(transfer.meet().expect("a connection"), &tls, EVIL);
        assert!(got.is_empty(), "{file}");
        refused(&transfer.end(), file);
    }
    untouched(&server, "a stolen certificate");
    // With its key it opens the same door: else the above would show nothing.
    let mut transfer = Transfer::prepare(&mut client, Part { tls: "client", file: "source" }, true);
    transfer.begin();
    let tls = Tls::newest().showing(Stolen::new(&right, &right));
    as_client(transfer.meet().expect("a connection"), &tls, EVIL);
    assert!(transfer.end().starts_with("226"));
}

/// A TLS 1.3 client has finished its handshake before the server has judged its certificate, and may send at
/// once. Nothing is opened, cut off or said for its sake, and nothing is sent to it.
#[test]
fn a_client_that_is_judged_late() {
    let server = start_impatient();
    let mut client = user(&server);
    let none = Tls::newest();
    let other = identity();
    let wrong = Tls::newest().showing(Stolen::new(&other, &other));
    for file in ["source", "destination"] {
        for (how, tls) in [("none", none.config()), ("another", &wrong)] {
            client.expect(format!("PEER EXPECT {}", identity().fingerprint()), "200");
            let mut transfer = Transfer::prepare(&mut client, Part { tls: "client", file }, true);
            transfer.begin();
            let got = as_client(transfer.meet().expect("a connection"), tls, EVIL);
            assert!(got.is_empty(), "{file}, {how}");
            refused(&transfer.end(), how);
            untouched(&server, how);
        }
        // Under a key the certificate says nothing, and the tag that is missing is judged before the file.
        client.expect(KEY.1, "200");
        let mut transfer = Transfer::prepare(&mut client, Part { tls: "client", file }, true);
        transfer.begin();
        let mut end = transfer.shake().expect("a handshake");
        let _ = end.say(EVIL);
        assert!(end.hear_all().unwrap_or_default().is_empty());
        refused(&transfer.end(), file);
        untouched(&server, file);
    }
}

/// The certificate that is shown under a key is made for that: whoever stole its key could not pass for the
/// server's control connection, nor for the server under a pin.
#[test]
fn the_certificate_of_keyed_connections_is_worth_nothing_elsewhere() {
    let server = start();
    let control = server.fingerprint.clone();
    let mut client = user(&server);
    let mut shown = Vec::new();
    for _ in 0..2 {
        client.expect(KEY.1, "200");
        let part = Part { tls: "client", file: "source" };
        let mut transfer = Transfer::prepare(&mut client, part, true);
        transfer.begin();
        let mut end = transfer.shake().expect("a handshake");
        let certificate = end.certificate().expect("a TLS server shows one");
        assert_ne!(fingerprint(&certificate), control);
        shown.push(certificate);
        end.prove(KEY, part).expect("a proof");
        end.give(b"x").expect("taken");
        assert!(transfer.end().starts_with("226"));
    }
    // As TLS client it shows none at all.
    client.expect(KEY.1, "200");
    let part = Part { tls: "server", file: "source" };
    let mut transfer = Transfer::prepare(&mut client, part, true);
    transfer.begin();
    let mut end = transfer.shake().expect("a handshake");
    assert!(end.certificate().is_none());
    end.prove(KEY, part).expect("a proof");
    end.give(b"x").expect("taken");
    assert!(transfer.end().starts_with("226"));
}

/// SHA-256 of a certificate, as `fxp trust add` takes it.
fn fingerprint(certificate: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
    digest.as_ref().iter().fold(String::from("SHA-256="), |text, byte| text + &format!("{byte:02x}"))
}

/// Without `fxp-data/1` nothing is proven, whatever comes behind the handshake.
#[test]
fn another_protocol_or_none() {
    let server = start_impatient();
    let mut client = user(&server);
    for part in Part::ALL {
        for protocols in [&[][..], &["ftp-data"], &["http/1.1", "ftp"]] {
            client.expect(KEY.1, "200");
            let mut transfer = Transfer::prepare(&mut client, part, true);
            transfer.begin();
            if let Ok(mut end) = End::over(transfer.meet().expect("a connection"), part.tls, protocols) {
                // It has the key, but not the protocol.
                assert!(end.prove(KEY, part).is_err(), "{part:?} {protocols:?}");
            }
            refused(&transfer.end(), &format!("{part:?} {protocols:?}"));
        }
    }
    untouched(&server, "another protocol");
}
