//! A server in this process, and a client that says exactly what a test tells it to say.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use fxp_net::control::{Control, Received};
use fxp_net::data::{DataError, DataStream, Sink, Source};
use fxp_net::dial;
use fxp_net::listen::{self, Admission, PortPool};
use fxp_net::meter::Meter;
use fxp_net::tls::trust::Trust;
use fxp_net::tls::{ClientSession, ClientTls, DataTls, ServerTls};
use fxp_server::accounts::FileAccounts;
use fxp_server::config::Config;
use fxp_server::config::user::User;
use fxp_server::server::{Handle, Server};
use fxp_store::Secret;
use fxp_store::memory::Memory;
use fxp_store::storage::Storage;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// No step of a test takes this long, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running server with one user, `alice`, whose password is `open sesame`.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    /// Of all listeners; the first one is `address`.
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) handle: Handle,
    pub(crate) files: Memory,
    pub(crate) certificate: Certificate,
    pub(crate) running: JoinHandle<()>,
}

/// A self-signed certificate, as PEM.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Certificate {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        Certificate { chain: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    /// What a client needs to trust it.
    pub(crate) fn trust(&self) -> Trust {
        let fingerprint =
            ServerTls::from_pem(self.chain.as_bytes(), self.key.as_bytes()).unwrap().fingerprint();
        Trust { roots: false, pinned: vec![fingerprint] }
    }
}

impl World {
    /// A server at 127.0.0.1 with everything as it comes, and TLS.
    pub(crate) fn new() -> Self {
        World::at("127.0.0.1", |config| config)
    }

    /// A server at `ip`, configured further.
    pub(crate) fn at(ip: &str, configure: impl FnOnce(Config) -> Config) -> Self {
        World::with(Memory::new(), ip, configure)
    }

    /// A server of these files.
    pub(crate) fn with(files: Memory, ip: &str, configure: impl FnOnce(Config) -> Config) -> Self {
        let storage = files.clone();
        World::opening(files, ip, configure, move || Arc::new(storage.clone()))
    }

    /// A server of these files, which it gets by `open` at each login.
    pub(crate) fn opening(
        files: Memory,
        ip: &str,
        configure: impl FnOnce(Config) -> Config,
        open: impl Fn() -> Arc<dyn Storage> + Send + Sync + 'static,
    ) -> Self {
        let ip: IpAddr = ip.parse().unwrap();
        let certificate = Certificate::new();
        let config = configure(
            Config::on((ip, 0))
                .with_certificate(certificate.chain.clone(), certificate.key.clone())
                .with_user(User::throwaway("alice", &Secret::new("open sesame"), "/")),
        );
        let accounts = FileAccounts::new(&config, move |_, _| Ok(open()));
        let server = Server::bind(config, Arc::new(accounts)).unwrap();
        let (addresses, handle) = (server.addresses(), server.handle());
        let running = tokio::spawn(server.run());
        World { address: addresses[0], addresses, handle, files, certificate, running }
    }

    /// A client that has read the greeting.
    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// A client that is logged in, TYPE I.
    pub(crate) async fn client(&self) -> Client {
        let mut client = self.connect().await;
        client.log_in().await;
        client
    }

    /// A client that is logged in over TLS, TYPE I, PROT P.
    pub(crate) async fn secure_client(&self) -> Client {
        let mut client = self.connect().await;
        client.auth_tls(&self.certificate).await;
        client.log_in().await;
        client.expect("PBSZ 0", "200").await;
        client.expect("PROT P", "200").await;
        client
    }
}

/// A control connection from the client's side.
pub(crate) struct Client {
    pub(crate) control: Control,
    pub(crate) session: Option<ClientSession>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let mut client = Client::connect_silently(address).await;
        assert!(client.reply().await.starts_with("220"));
        client
    }

    /// Reads no greeting.
    pub(crate) async fn connect_silently(address: SocketAddr) -> Self {
        Client::over(TcpStream::connect(address).await.unwrap())
    }

    /// The same over a connection that is there.
    pub(crate) fn over(tcp: TcpStream) -> Self {
        Client { control: Control::new(tcp, 64 * 1024).unwrap(), session: None }
    }

    pub(crate) async fn auth_tls(&mut self, certificate: &Certificate) {
        self.expect("AUTH TLS", "234").await;
        self.handshake(certificate).await;
    }

    pub(crate) async fn handshake(&mut self, certificate: &Certificate) {
        let session = ClientTls::new().session("localhost", certificate.trust());
        self.control.secure_as_client(&session).await.unwrap();
        self.session = Some(session);
    }

    pub(crate) async fn log_in(&mut self) {
        self.expect("USER alice", "331").await;
        self.expect("PASS open sesame", "230").await;
        self.expect("TYPE I", "200").await;
    }

    /// Sends one or more lines at once.
    pub(crate) async fn say(&mut self, lines: &str) {
        self.control.queue(lines.replace('\n', "\r\n").as_bytes());
        self.control.queue(b"\r\n");
        self.control.flush().await.unwrap();
    }

    /// A whole reply, its lines joined by LF; empty at the end of the connection.
    pub(crate) async fn reply(&mut self) -> String {
        let mut lines: Vec<String> = Vec::new();
        loop {
            let received = timeout(PATIENCE, self.control.receive()).await.expect("a reply in time");
            let line = match received {
                Ok(Received::Line(line)) => String::from_utf8(line).unwrap(),
                Ok(Received::End) | Err(_) => return lines.join("\n"),
                Ok(other) => panic!("{other:?}"),
            };
            let last = line.get(3..4) == Some(" ")
                && lines.first().is_none_or(|first| first.get(..3) == line.get(..3));
            lines.push(line);
            if last {
                return lines.join("\n");
            }
        }
    }

    pub(crate) async fn ask(&mut self, line: &str) -> String {
        self.say(line).await;
        self.reply().await
    }

    /// Says `line`; the reply begins with `code`.
    #[track_caller]
    pub(crate) fn expect<'a>(
        &'a mut self,
        line: &'a str,
        code: &'a str,
    ) -> impl Future<Output = String> + use<'a> {
        let place = std::panic::Location::caller();
        async move {
            let reply = self.ask(line).await;
            assert!(reply.starts_with(code), "{line}: {reply} (expected {code}, {place})");
            reply
        }
    }

    /// The next reply begins with `code`.
    #[track_caller]
    pub(crate) fn hears<'a>(&'a mut self, code: &'a str) -> impl Future<Output = String> + use<'a> {
        let place = std::panic::Location::caller();
        async move {
            let reply = self.reply().await;
            assert!(reply.starts_with(code), "{reply} (expected {code}, {place})");
            reply
        }
    }

    /// Says PASV or CPSV.
    pub(crate) async fn passive(&mut self, verb: &str) -> SocketAddr {
        parse_227(&self.expect(verb, "227").await)
    }

    /// PASV, and a data connection to it.
    pub(crate) async fn open(&mut self) -> TcpStream {
        let address = self.passive("PASV").await;
        dial::data(None, address, PATIENCE).await.unwrap()
    }

    /// How this client secures its data connections.
    pub(crate) fn data_tls(&self) -> Option<DataTls> {
        self.session.as_ref().map(ClientSession::data)
    }

    /// Handshake, if this client is inside TLS.
    pub(crate) async fn secured(&self, tcp: TcpStream) -> DataStream {
        listen::secure(tcp, self.data_tls(), Instant::now() + PATIENCE, Meter::default()).await.unwrap()
    }

    /// Uploads by `command`, over a passive connection; the final reply.
    pub(crate) async fn upload(&mut self, command: &str, bytes: &[u8]) -> String {
        let tcp = self.open().await;
        self.expect(command, "150").await;
        let stream = self.secured(tcp).await;
        let sent = send(stream, bytes.to_vec()).await;
        let reply = self.reply().await;
        if reply.starts_with("226") {
            assert_eq!(sent.expect(&reply), bytes.len() as u64);
        }
        reply
    }

    /// Downloads or lists by `command`, over a passive connection.
    pub(crate) async fn download(&mut self, command: &str) -> Vec<u8> {
        let tcp = self.open().await;
        self.expect(command, "150").await;
        let stream = self.secured(tcp).await;
        let bytes = receive(stream).await.unwrap();
        self.hears("226").await;
        bytes
    }

    /// Downloads or lists as text.
    pub(crate) async fn text(&mut self, command: &str) -> String {
        String::from_utf8(self.download(command).await).unwrap()
    }
}

/// The address of a 227 reply.
pub(crate) fn parse_227(reply: &str) -> SocketAddr {
    let inside = reply.split_once('(').unwrap().1.split_once(')').unwrap().0;
    let numbers: Vec<u8> = inside.split(',').map(|number| number.parse().unwrap()).collect();
    let ip = [numbers[0], numbers[1], numbers[2], numbers[3]];
    SocketAddr::from((ip, u16::from_be_bytes([numbers[4], numbers[5]])))
}

/// The argument of PORT.
pub(crate) fn port_argument(address: SocketAddr) -> String {
    let [high, low] = address.port().to_be_bytes();
    format!("{},{high},{low}", address.ip().to_string().replace('.', ","))
}

/// A listener of the client's own, for PORT.
pub(crate) fn listener(ip: &str) -> listen::PassiveListener {
    PortPool::new(0..=0).listen(ip.parse().unwrap(), PATIENCE).unwrap()
}

/// The first connection to it.
pub(crate) async fn admit(listener: &mut listen::PassiveListener, tls: Option<DataTls>) -> DataStream {
    let anybody = |_: SocketAddr| true;
    let admission = {
        let deadline = Instant::now() + PATIENCE;
        Admission {
            admit: &anybody,
            tls,
            deadline,
            deadline_after_stranger: deadline,
            meter: Meter::default(),
        }
    };
    listener.admit(admission).await.unwrap()
}

pub(crate) async fn send(stream: DataStream, bytes: Vec<u8>) -> Result<u64, DataError> {
    struct Bytes(Vec<u8>);
    impl Source for Bytes {
        fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let rest = &self.0[usize::try_from(offset).unwrap().min(self.0.len())..];
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        }
    }
    let work = move || stream.send(&mut Bytes(bytes), 0, None, &Arc::new(AtomicU64::new(0)));
    tokio::task::spawn_blocking(work).await.unwrap()
}

pub(crate) async fn receive(stream: DataStream) -> Result<Vec<u8>, DataError> {
    struct Bytes(Vec<u8>);
    impl Sink for Bytes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
    }
    let work = move || {
        let mut bytes = Bytes(Vec::new());
        stream.receive(&mut bytes, &Arc::new(AtomicU64::new(0))).map(|_| bytes.0)
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}
