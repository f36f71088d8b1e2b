//! A server that knows nothing of PEER and has two certificates: one for who asks for it by its name, as our control
//! connection does, and another one for who does not, as other servers do on data connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use fxp_engine::client::tls::{ClientTls, ServerTls};
use fxp_engine::client::trust::Trust;
use fxp_engine::report::{Assurance, Route};
use fxp_engine::url::Address;
use fxp_net::control::{Control, Received};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::front::{LINE, pass};
use crate::world::{Desk, Identity, NAMELESS, Server, TLS, USER, noise, request};

/// It stands before a server of ours, with implicit TLS, and leaves PEER out of what that one offers.
struct Legacy {
    behind: Server,
    port: u16,
    named: Identity,
    nameless: Identity,
    authority: CertificateDer<'static>,
    /// Connections that did not ask for a name.
    strangers: Arc<AtomicUsize>,
}

impl Legacy {
    async fn start() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
        let authority = authority.expect("an authority");
        let identity = || {
            let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
            let key = KeyPair::generate().expect("a key");
            Identity::of(&params.signed_by(&key, &authority).expect("signed"), &key)
        };
        let (named, nameless) = (identity(), identity());
        let behind = Server::start_as(&nameless, TLS);
        let listener = TcpListener::bind((behind.address.ip(), 0)).await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let strangers = Arc::new(AtomicUsize::new(0));
        let door = Door {
            behind: behind.address,
            trust: Trust { roots: false, pinned: vec![nameless.fingerprint.parse().expect("a fingerprint")] },
            named: tls(&named),
            nameless: tls(&nameless),
            strangers: strangers.clone(),
        };
        let door = Arc::new(door);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let door = door.clone();
                tokio::spawn(async move { door.serve(tcp).await });
            }
        });
        let authority = CertificateDer::from(authority.der().to_vec());
        Legacy { behind, port, named, nameless, authority, strangers }
    }

    fn at(&self, path: &str) -> Address {
        format!("ftps://{USER}@localhost:{}/{path}", self.port).parse().expect("an address")
    }
}

fn tls(identity: &Identity) -> ServerTls {
    ServerTls::from_pem(identity.chain.as_bytes(), identity.key.as_bytes()).expect("an identity")
}

struct Door {
    behind: std::net::SocketAddr,
    trust: Trust,
    named: ServerTls,
    nameless: ServerTls,
    strangers: Arc<AtomicUsize>,
}

impl Door {
    /// One control connection. Ends with either side.
    async fn serve(&self, tcp: TcpStream) -> Option<()> {
        let tls = match asks_by_name(&tcp).await? {
            true => &self.named,
            false => {
                self.strangers.fetch_add(1, Relaxed);
                &self.nameless
            }
        };
        let mut client = Control::new(tcp, LINE).ok()?;
        client.secure_as_server(&tls.session()).await.ok()?;
        let mut server = Control::new(TcpStream::connect(self.behind).await.ok()?, LINE).ok()?;
        let Ok(Received::Line(greeting)) = server.receive().await else { return None };
        pass(b"AUTH TLS", &mut server).await;
        server.receive().await.ok()?;
        server.secure_as_client(&ClientTls::new().session("localhost", self.trust.clone())).await.ok()?;
        pass(&greeting, &mut client).await;
        loop {
            let (said, to) = tokio::select! {
                said = client.receive() => (said, &mut server),
                said = server.receive() => (said, &mut client),
            };
            let Ok(Received::Line(line)) = said else { return None };
            if !line.starts_with(b" PEER") {
                pass(&line, to).await;
            }
        }
    }
}

/// Looks into the ClientHello, and leaves it where it is.
async fn asks_by_name(tcp: &TcpStream) -> Option<bool> {
    let mut hello = vec![0; 16 * 1024];
    loop {
        let seen = tcp.peek(&mut hello).await.ok().filter(|seen| *seen > 0)?;
        // The record's length stands in its fourth and fifth byte.
        if seen > 5 && seen >= 5 + usize::from(u16::from_be_bytes([hello[3], hello[4]])) {
            return Some(hello[..seen].windows(9).any(|window| window == b"localhost"));
        }
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_show_the_other_server_another_certificate_than_us() {
    let (legacy, destination) = (Legacy::start().await, Server::start(3, NAMELESS));
    let content = noise(100_000);
    for name in ["a", "b", "c"] {
        legacy.behind.put(&format!("/{name}"), &content);
    }
    let mut desk = Desk::new(&[&destination]);
    desk.context.environment.tls = ClientTls::new().with_roots(vec![legacy.authority.clone()]);
    // One by one: listings go to us, who expect the certificate of the control connection.
    let files = ["a", "b", "c"].map(|name| legacy.at(name)).to_vec();
    let report = desk.copied(request(files, destination.at(""))).await;
    assert_eq!(report.files.len(), 3);
    for file in &report.files {
        assert_eq!((file.route, file.assurance), (Route::Direct, Assurance::Authentic), "{:?}", file.notes);
    }
    assert_eq!(destination.get("/c").as_ref(), Some(&content));
    let expected = format!(
        "destination Client PEER EXPECT {},{}",
        legacy.named.fingerprint, legacy.nameless.fingerprint
    );
    let dialogue = desk.dialogue();
    assert!(dialogue.lines().any(|line| line == expected), "{expected}\n{dialogue}");
    // For an RSA key, which it does not have, and for another one; once for all files.
    assert_eq!(legacy.strangers.load(Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_whose_certificate_was_pinned() {
    let (legacy, destination) = (Legacy::start().await, Server::start(3, NAMELESS));
    legacy.behind.put("/f", b"hello");
    let desk = Desk::new(&[&destination]);
    let key = fxp_engine::book::KnownBook::key("localhost", legacy.port);
    let trusted = vec![legacy.named.fingerprint.clone(), legacy.nameless.fingerprint.clone()];
    let known = fxp_engine::book::Known { trusted, ..Default::default() };
    desk.context.known.lock().expect("not poisoned").servers.insert(key, known);
    let report = desk.copied(request(vec![legacy.at("f")], destination.at(""))).await;
    assert_eq!(report.files[0].assurance, Assurance::Authentic);
    assert_eq!(legacy.strangers.load(Relaxed), 0);
}
