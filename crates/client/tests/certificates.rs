//! A server with several certificates is asked for each of them.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fxp_client::Meter;
use fxp_client::certificates::certificates;
use fxp_client::connect::Environment;
use fxp_client::tls::ClientTls;
use fxp_client::trust::{Fingerprint, Trust};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SignatureAlgorithm};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SignatureScheme};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Made once per test: signs what is to be trusted.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed"))
    }

    fn certify(&self, algorithm: &'static SignatureAlgorithm) -> Arc<CertifiedKey> {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        let params =
            CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let chain = vec![certificate.der().clone()];
        Arc::new(CertifiedKey::from_der(chain, private, &provider).expect("they fit"))
    }

    fn tls(&self) -> ClientTls {
        ClientTls::new().with_roots(vec![CertificateDer::from(self.0.der().to_vec())])
    }
}

fn fingerprint(key: &CertifiedKey) -> Fingerprint {
    Fingerprint::of(key.cert.first().expect("a certificate"))
}

/// What the server has, for those who ask by name and for the others: a certificate with an RSA key, and another one.
#[derive(Debug)]
struct Wardrobe {
    named: [Option<Arc<CertifiedKey>>; 2],
    nameless: [Option<Arc<CertifiedKey>>; 2],
}

impl ResolvesServerCert for Wardrobe {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let [rsa, other] = if hello.server_name().is_some() { &self.named } else { &self.nameless };
        let knows = |scheme| hello.signature_schemes().contains(&scheme);
        match (knows(SignatureScheme::RSA_PSS_SHA256), knows(SignatureScheme::ECDSA_NISTP256_SHA256)) {
            (true, false) => rsa.clone(),
            (false, true) => other.clone(),
            both => panic!("{both:?}: one kind at a time was to be asked for"),
        }
    }
}

/// How it serves.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Explicit,
    Implicit,
    /// No AUTH TLS.
    Never,
    /// No word of greeting.
    Silent,
}

struct Server {
    port: u16,
    visits: Arc<AtomicUsize>,
    /// What was said, in clear and inside TLS.
    said: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(wardrobe: Wardrobe, manner: Manner) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider's")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(wardrobe));
        let (visits, said) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::default()));
        let (count, heard) = (visits.clone(), said.clone());
        tokio::spawn(async move {
            let tls = TlsAcceptor::from(Arc::new(config));
            while let Ok((tcp, _)) = listener.accept().await {
                count.fetch_add(1, Relaxed);
                tokio::spawn(serve(tcp, tls.clone(), manner, heard.clone()));
            }
        });
        Server { port, visits, said }
    }

    async fn shows(
        &self,
        host: &str,
        implicit: bool,
        trust: &Trust,
        environment: &Environment,
    ) -> Vec<Fingerprint> {
        certificates(host, self.port, implicit, trust, environment).await
    }
}

/// Ends with the connection, however it ends.
async fn serve(
    tcp: TcpStream,
    tls: TlsAcceptor,
    manner: Manner,
    said: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let mut tcp = BufReader::new(tcp);
    if manner == Manner::Silent {
        std::future::pending::<()>().await;
    }
    if manner != Manner::Implicit {
        tcp.write_all(b"120 Wait\r\n220-Hello\r\n220 there\r\n").await.ok()?;
        let mut line = String::new();
        tcp.read_line(&mut line).await.ok()?;
        said.lock().expect("not poisoned").push(line.trim_end().to_owned());
        if manner == Manner::Never {
            return tcp.write_all(b"502 No\r\n").await.ok();
        }
        tcp.write_all(b"234 Go on\r\n").await.ok()?;
    }
    let secured = tls.accept(tcp).await.ok()?;
    let mut lines = BufReader::new(secured).lines();
    while let Some(line) = lines.next_line().await.ok()? {
        said.lock().expect("not poisoned").push(line);
    }
    Some(())
}

fn environment(tls: ClientTls, seconds: u64) -> Environment {
    Environment { tls, meter: Meter::default(), timeout: Duration::from_secs(seconds) }
}

const ROOTS: Trust = Trust { roots: true, pinned: Vec::new() };

#[tokio::test(flavor = "multi_thread")]
async fn each_is_shown_to_somebody() {
    let authority = Authority::new();
    let [rsa, other, nameless_rsa, nameless] = [
        &rcgen::PKCS_RSA_SHA256,
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_RSA_SHA256,
        &rcgen::PKCS_ECDSA_P256_SHA256,
    ]
    .map(|algorithm| authority.certify(algorithm));
    let all = [&rsa, &other, &nameless_rsa, &nameless].map(|key| fingerprint(key));
    for manner in [Manner::Explicit, Manner::Implicit] {
        let wardrobe = Wardrobe {
            named: [Some(rsa.clone()), Some(other.clone())],
            nameless: [Some(nameless_rsa.clone()), Some(nameless.clone())],
        };
        let server = Server::start(wardrobe, manner).await;
        let (implicit, environment) = (manner == Manner::Implicit, environment(authority.tls(), 60));
        assert_eq!(server.shows("localhost", implicit, &ROOTS, &environment).await, all);
        assert_eq!(server.visits.load(Relaxed), 4);
        // An address is no name.
        assert_eq!(server.shows("127.0.0.1", implicit, &ROOTS, &environment).await, all[2..]);
        assert_eq!(server.visits.load(Relaxed), 6);
        let said = server.said.lock().expect("not poisoned").clone();
        assert!(said.iter().all(|line| line == "AUTH TLS" || line == "QUIT"), "nobody logs in: {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_trusted_or_not_there_is_passed_over() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let good = authority.certify(&rcgen::PKCS_ECDSA_P256_SHA256);
    let bad = stranger.certify(&rcgen::PKCS_ECDSA_P256_SHA256);
    // No RSA at all, and without a name another one's certificate.
    let wardrobe = || Wardrobe { named: [None, Some(good.clone())], nameless: [None, Some(bad.clone())] };
    let server = Server::start(wardrobe(), Manner::Explicit).await;
    let environment = environment(authority.tls(), 60);
    assert_eq!(server.shows("localhost", false, &ROOTS, &environment).await, [fingerprint(&good)]);
    let pinned = Trust { roots: false, pinned: vec![fingerprint(&bad)] };
    assert_eq!(server.shows("localhost", false, &pinned, &environment).await, [fingerprint(&bad)]);
    // The same one twice is one.
    let twice = Wardrobe { named: [None, Some(good.clone())], nameless: [None, Some(good.clone())] };
    let server = Server::start(twice, Manner::Explicit).await;
    assert_eq!(server.shows("localhost", false, &ROOTS, &environment).await, [fingerprint(&good)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_want_to_is_left_alone() {
    let authority = Authority::new();
    for (manner, visits) in [(Manner::Never, 4), (Manner::Silent, 1)] {
        let server = Server::start(Wardrobe { named: [None, None], nameless: [None, None] }, manner).await;
        // The silent one costs the whole of it.
        let environment = environment(authority.tls(), if manner == Manner::Silent { 1 } else { 60 });
        assert_eq!(server.shows("localhost", false, &ROOTS, &environment).await, []);
        assert!(server.visits.load(Relaxed) <= visits);
    }
}
