//! Certificates on data connections: what a stolen one is worth, and what the one that `fxpd` shows is worth.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use fxp_testkit::certificate::Identity;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig, ServerConnection, SignatureScheme, StreamOwned};

use super::end::{End, KEY, Part, identity};
use super::victim::{BEFORE, Transfer, refused, start, start_impatient, untouched, user};
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

/// What the attacker would be, and whether the victim is the passive end.
const MEETINGS: [(&str, bool); 4] =
    [("source", true), ("source", false), ("destination", true), ("destination", false)];

#[test]
fn the_right_certificate_without_its_private_key() {
    let (right, wrong) = (identity(), identity());
    // As the active end under a pin, fxpd connects to the client's own host, which needs no rule.
    let server = start_impatient();
    let mut client = user(&server);
    client.expect(format!("PEER EXPECT {}", right.fingerprint()), "200");
    for (file, victim_listens) in MEETINGS {
        let how = format!("{file}, victim listens: {victim_listens}");
        // The victim is TLS client.
        let mut transfer = Transfer::prepare(&mut client, Part { tls: "server", file }, victim_listens);
        transfer.begin();
        let shown = as_server(transfer.meet().expect("a connection"), Stolen::new(&right, &wrong));
        if let Ok(mut stream) = shown {
            let _ = stream.write_all(EVIL).and_then(|()| stream.flush());
            let mut got = Vec::new();
            let _ = stream.read_to_end(&mut got);
            assert!(got.is_empty(), "{how}");
        }
        refused(&transfer.end(), &how);
        // The victim is TLS server.
        let mut transfer = Transfer::prepare(&mut client, Part { tls: "client", file }, victim_listens);
        transfer.begin();
        let tls = Tls::newest().showing(Stolen::new(&right, &wrong));
        let got = as_client(transfer.meet().expect("a connection"), &tls, EVIL);
        assert!(got.is_empty(), "{how}");
        refused(&transfer.end(), &how);
    }
    untouched(&server, "a stolen certificate");
    // With its key it opens the same doors: else the above would show nothing.
    for victim_listens in [true, false] {
        let part = Part { tls: "client", file: "source" };
        let mut transfer = Transfer::prepare(&mut client, part, victim_listens);
        transfer.begin();
        let tls = Tls::newest().showing(Stolen::new(&right, &right));
        as_client(transfer.meet().expect("a connection"), &tls, EVIL);
        let reply = transfer.end();
        assert!(reply.starts_with("226"), "victim listens: {victim_listens}: {reply}");
    }
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
    for (file, victim_listens) in MEETINGS {
        let role = format!("{file}, victim listens: {victim_listens}");
        for (how, tls) in [("none", none.config()), ("another", &wrong)] {
            let how = format!("{role}, {how}");
            client.expect(format!("PEER EXPECT {}", identity().fingerprint()), "200");
            let mut transfer = Transfer::prepare(&mut client, Part { tls: "client", file }, victim_listens);
            transfer.begin();
            let got = as_client(transfer.meet().expect("a connection"), tls, EVIL);
            assert!(got.is_empty(), "{how}");
            refused(&transfer.end(), &how);
            untouched(&server, &how);
        }
        // Under a key the certificate says nothing, and the tag that is missing is judged before the file.
        client.expect(KEY.1, "200");
        let mut transfer = Transfer::prepare(&mut client, Part { tls: "client", file }, victim_listens);
        transfer.begin();
        let mut end = transfer.shake().expect("a handshake");
        let _ = end.say(EVIL);
        assert!(end.hear_all().unwrap_or_default().is_empty(), "{role}");
        refused(&transfer.end(), &role);
        untouched(&server, &role);
    }
}

/// The other way round: `fxpd` is TLS client and sends, and the right TLS server turns it away when `fxpd` is done
/// with its handshake: it demands a certificate, of which there is none, or resets behind the file. Only an end in
/// order is a 226.
#[test]
fn a_sender_that_is_judged_late_says_no_226() {
    let right = identity();
    let server = start_impatient();
    let mut client = user(&server);
    client.expect(format!("PEER EXPECT {}", right.fingerprint()), "200");
    for victim_listens in [true, false] {
        for verdict in [Verdict::NoCertificate, Verdict::Reset, Verdict::Taken] {
            let how = format!("{verdict:?}, victim listens: {victim_listens}");
            let part = Part { tls: "server", file: "destination" };
            let mut transfer = Transfer::prepare(&mut client, part, victim_listens);
            transfer.begin();
            verdict.falls(transfer.meet().expect("a connection"), &right, &how);
            let reply = transfer.end();
            match verdict {
                Verdict::Taken => assert!(reply.starts_with("226"), "{how}: {reply}"),
                _ => assert!(reply.starts_with("42"), "{how}: {reply}"),
            }
        }
    }
}

/// What a TLS server finds when the client is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    NoCertificate,
    Reset,
    Taken,
}

impl Verdict {
    fn falls(self, mut tcp: TcpStream, right: &Identity, how: &str) {
        if self == Verdict::NoCertificate {
            let mut connection = ServerConnection::new(Arc::new(demanding(right))).expect("a connection");
            let ended = loop {
                match connection.complete_io(&mut tcp) {
                    Ok(_) if connection.is_handshaking() => {}
                    ended => break ended,
                }
            };
            // It has said so in an alert.
            return assert!(ended.is_err(), "{how}");
        }
        let mut stream = as_server(tcp, Stolen::new(right, right)).expect("a handshake");
        let mut got = vec![0; BEFORE.len()];
        stream.read_exact(&mut got).expect("the file");
        assert_eq!(got, BEFORE, "{how}");
        if self == Verdict::Reset {
            return socket2::SockRef::from(&stream.sock).set_linger(Some(Duration::ZERO)).expect("a socket");
        }
        assert_eq!(stream.read(&mut [0]).expect("an end in order"), 0, "{how}");
        stream.conn.send_close_notify();
        stream.flush().expect("said");
    }
}

/// A TLS server with this certificate that wants to see one of the client, too.
fn demanding(identity: &Identity) -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).expect("a certificate");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let provider = Arc::new(default_provider());
    let judge = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(judge.build().expect("a judge"))
        .with_cert_resolver(Stolen::new(identity, identity))
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
