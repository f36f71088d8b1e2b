//! Certificates, connected sockets, sources and sinks in memory.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use fxp_net::control::Control;
use fxp_net::data::{DataError, DataStream, Sink, Source};
use fxp_net::listen::secure;
use fxp_net::meter::Meter;
use fxp_net::tls::trust::Trust;
use fxp_net::tls::{ClientSession, ClientTls, DataTls, HandshakeError, ServerSession, ServerTls, Versions};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// A deadline that only a test that is broken reaches.
pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// A self-signed certificate and its key, in PEM.
pub(crate) fn certificate(name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

pub(crate) fn server_tls(versions: Versions) -> ServerTls {
    let (chain, key) = certificate("localhost");
    ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap().with_versions(versions)
}

/// A client session that trusts this server's certificate and no other.
pub(crate) fn client_session(server: &ServerTls) -> ClientSession {
    ClientTls::new().session("localhost", Trust { roots: false, pinned: vec![server.fingerprint()] })
}

/// Two ends of one connection: the one that connected, the one that accepted.
pub(crate) async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (active, passive) = tokio::join!(TcpStream::connect(address), listener.accept());
    (active.unwrap(), passive.unwrap().0)
}

/// Both ends of a control connection with TLS up: client, server.
pub(crate) async fn secure_control(client: &ClientSession, server: &ServerSession) -> (Control, Control) {
    let (active, passive) = connection().await;
    let mut here = Control::new(active, 512).unwrap();
    let mut there = Control::new(passive, 512).unwrap();
    let (one, other) = tokio::join!(here.secure_as_client(client), there.secure_as_server(server));
    one.unwrap();
    other.unwrap();
    // TLS 1.3 tickets come with the first line.
    there.queue(b"220 ready\r\n");
    there.flush().await.unwrap();
    here.receive().await.unwrap();
    (here, there)
}

/// Shakes hands for data on a new connection; who connected takes `first`.
pub(crate) async fn data_pair(
    first: Option<DataTls>,
    second: Option<DataTls>,
) -> (Result<DataStream, HandshakeError>, Result<DataStream, HandshakeError>) {
    let (active, passive) = connection().await;
    tokio::join!(
        secure(active, first, soon(), Meter::default()),
        secure(passive, second, soon(), Meter::default())
    )
}

/// Bytes that do not repeat within any batch.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ length as u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A source in memory.
pub(crate) struct Memory(pub(crate) Vec<u8>);

impl Source for Memory {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = &self.0[usize::try_from(offset).unwrap().min(self.0.len())..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

/// A sink in memory.
#[derive(Default)]
pub(crate) struct Collected(pub(crate) Vec<u8>);

impl Sink for Collected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

pub(crate) fn counter() -> Arc<AtomicU64> {
    Arc::default()
}

/// Sends all of `bytes` on a thread.
pub(crate) async fn send(stream: DataStream, bytes: Vec<u8>) -> Result<u64, DataError> {
    blocking(move || stream.send(&mut Memory(bytes), 0, None, &counter())).await
}

/// Receives on a thread.
pub(crate) async fn receive(stream: DataStream) -> Result<Vec<u8>, DataError> {
    blocking(move || {
        let mut sink = Collected::default();
        stream.receive(&mut sink, &counter()).map(|_| sink.0)
    })
    .await
}

pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
