//! A server that protects its control connection and nothing else, as some load balancers and old
//! daemons do: it stands before a clear server and takes `AUTH TLS` and `PROT` upon itself.

use std::net::SocketAddr;

use fxp_engine::book::{Known, KnownBook};
use fxp_engine::client::tls::ServerTls;
use fxp_engine::url::Address;
use fxp_net::control::{Control, Received};
use tokio::net::{TcpListener, TcpStream};

use crate::world::{Desk, Server, USER};

/// Where it listens, and its certificate.
pub(crate) struct Front {
    address: SocketAddr,
    fingerprint: String,
}

impl Front {
    /// Before `behind`, on its address: data connections go past it.
    pub(crate) async fn start(behind: &Server) -> Self {
        let listener = TcpListener::bind((behind.address.ip(), 0)).await.expect("a port");
        let identity = rcgen::generate_simple_self_signed(vec![behind.address.ip().to_string()]);
        let identity = identity.expect("a certificate");
        let (chain, key) = (identity.cert.pem(), identity.signing_key.serialize_pem());
        let tls = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).expect("an identity");
        let front = Front {
            address: listener.local_addr().expect("bound"),
            fingerprint: tls.fingerprint().to_string(),
        };
        let behind = behind.address;
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(tcp, behind, tls.clone()));
            }
        });
        front
    }

    pub(crate) fn at(&self, path: &str) -> Address {
        format!("ftp://{USER}@{}/{path}", self.address).parse().expect("an address")
    }

    /// Lets a desk trust its certificate.
    pub(crate) fn trusted_by(&self, desk: &Desk) {
        let key = KnownBook::key(&self.address.ip().to_string(), self.address.port());
        let known = Known { trusted: vec![self.fingerprint.clone()], ..Known::default() };
        desk.context.known.lock().expect("not poisoned").servers.insert(key, known);
    }
}

/// One control connection. Ends with either side.
async fn serve(tcp: TcpStream, behind: SocketAddr, tls: ServerTls) {
    let mut client = Control::new(tcp, LINE).expect("a connection");
    let mut server = Control::new(TcpStream::connect(behind).await.expect("it listens"), LINE).expect("too");
    loop {
        tokio::select! {
            said = client.receive() => {
                let Ok(Received::Line(line)) = said else { return };
                let own = match line.as_slice() {
                    b"AUTH TLS" => Some("234 go ahead"),
                    b"PBSZ 0" | b"PROT C" => Some("200 fine"),
                    b"PROT P" => Some("536 data is never protected here"),
                    _ => None,
                };
                match own {
                    Some(reply) => pass(reply.as_bytes(), &mut client).await,
                    None => pass(&line, &mut server).await,
                }
                if line == b"AUTH TLS" && client.secure_as_server(&tls.session()).await.is_err() {
                    return;
                }
            }
            said = server.receive() => {
                let Ok(Received::Line(line)) = said else { return };
                pass(&line, &mut client).await;
            }
        }
    }
}

pub(crate) async fn pass(line: &[u8], to: &mut Control) {
    to.queue(line);
    to.queue(b"\r\n");
    // Whoever is gone is noticed at the next line.
    let _ = to.flush().await;
}

/// Longer than any line of these tests, in bytes.
pub(crate) const LINE: usize = 4096;
