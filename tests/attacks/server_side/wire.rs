//! A client that says exactly what an attacker wants said: bytes on real sockets, from any address of this
//! machine, inside TLS of its own choosing.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use fxp_testkit::daemon::{PASSWORD, USER};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};
use socket2::{Domain, Protocol, Socket, Type};

/// No step of a test takes this long, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A control connection from the attacker's side.
pub(crate) struct Client {
    line: Line,
    unread: Vec<u8>,
}

enum Line {
    Clear(TcpStream),
    Tls(Box<Stream>),
    /// A handshake took it and did not give it back.
    Gone,
}

/// A connection inside TLS.
pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

impl Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Line::Clear(tcp) => tcp.read(buffer),
            Line::Tls(stream) => stream.read(buffer),
            Line::Gone => Ok(0),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Line::Clear(tcp) => tcp.write_all(bytes),
            Line::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
            Line::Gone => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl Client {
    /// Has read the greeting.
    pub(crate) fn connect(address: SocketAddr) -> Client {
        Client::greeted(dial(address, None).expect("a control connection"))
    }

    /// The same from `ip`.
    pub(crate) fn connect_from(ip: IpAddr, address: SocketAddr) -> Client {
        Client::greeted(dial(address, Some(ip)).expect("a control connection"))
    }

    /// Has read the greeting, and logged in, TYPE I.
    pub(crate) fn logged_in(address: SocketAddr) -> Client {
        let mut client = Client::connect(address);
        client.log_in();
        client
    }

    /// Is inside TLS, has logged in, TYPE I, PROT P.
    pub(crate) fn private(address: SocketAddr, tls: &Tls) -> Client {
        let mut client = Client::connect(address);
        client.auth_tls(tls);
        client.log_in();
        client.expect("PBSZ 0", "200");
        client.expect("PROT P", "200");
        client
    }

    fn greeted(tcp: TcpStream) -> Client {
        let mut client = Client::silent(tcp);
        let greeting = client.reply();
        assert!(greeting.starts_with("220"), "{greeting}");
        client
    }

    /// On a connection on which nothing has been read.
    pub(crate) fn silent(tcp: TcpStream) -> Client {
        Client { line: Line::Clear(tcp), unread: Vec::new() }
    }

    /// Where it speaks from.
    pub(crate) fn address(&self) -> SocketAddr {
        self.tcp().local_addr().expect("a connected socket")
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        match &self.line {
            Line::Clear(tcp) => tcp,
            Line::Tls(stream) => &stream.sock,
            Line::Gone => panic!("the connection is gone"),
        }
    }

    pub(crate) fn auth_tls(&mut self, tls: &Tls) {
        self.expect("AUTH TLS", "234");
        self.secure(tls).expect("a handshake");
    }

    /// Goes inside TLS now. What has come in clear and was not read is forgotten.
    pub(crate) fn secure(&mut self, tls: &Tls) -> io::Result<()> {
        self.unread.clear();
        match std::mem::replace(&mut self.line, Line::Gone) {
            Line::Clear(tcp) => self.line = Line::Tls(Box::new(tls.start(tcp)?)),
            _ => panic!("not in clear"),
        }
        Ok(())
    }

    pub(crate) fn log_in(&mut self) {
        self.log_in_as(USER, PASSWORD);
    }

    pub(crate) fn log_in_as(&mut self, user: &str, password: &str) {
        self.expect(format!("USER {user}"), "331");
        self.expect(format!("PASS {password}"), "230");
        self.expect("TYPE I", "200");
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.line.write(bytes.as_ref())
    }

    /// Sends a line.
    pub(crate) fn say(&mut self, line: impl AsRef<[u8]>) {
        // Whoever was hung up on notices at the next reply.
        let _ = self.send([line.as_ref(), b"\r\n"].concat());
    }

    /// A whole reply, its lines joined by LF; empty at the end of the connection, however it came.
    pub(crate) fn reply(&mut self) -> String {
        let mut lines: Vec<String> = Vec::new();
        while let Some(line) = self.line() {
            let last = line.get(3..4) == Some(" ")
                && lines.first().is_none_or(|first| first.get(..3) == line.get(..3));
            lines.push(line);
            if last {
                break;
            }
        }
        lines.join("\n")
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
            let mut buffer = [0; 4096];
            match self.line.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
                Err(error) if is_late(&error) => panic!("no reply in time"),
                Err(_) => return None,
            }
        }
    }

    pub(crate) fn ask(&mut self, line: impl AsRef<[u8]>) -> String {
        self.say(line);
        self.reply()
    }

    /// Says `line`; the reply begins with `code`.
    #[track_caller]
    pub(crate) fn expect(&mut self, line: impl AsRef<[u8]>, code: &str) -> String {
        let reply = self.ask(&line);
        let line = line.as_ref().escape_ascii();
        assert!(reply.starts_with(code), "{line}: {reply} (expected {code})");
        reply
    }

    /// The next reply begins with `code`.
    #[track_caller]
    pub(crate) fn hears(&mut self, code: &str) -> String {
        let reply = self.reply();
        assert!(reply.starts_with(code), "{reply} (expected {code})");
        reply
    }

    /// Where PASV says that it listens.
    #[track_caller]
    pub(crate) fn passive(&mut self) -> SocketAddr {
        self.passive_by("PASV")
    }

    /// The same, by PASV or CPSV.
    #[track_caller]
    pub(crate) fn passive_by(&mut self, verb: &str) -> SocketAddr {
        let reply = self.expect(verb, "227");
        let inside = reply.split_once('(').and_then(|(_, rest)| rest.split_once(')')).expect("an address").0;
        let numbers: Vec<u8> = inside.split(',').map(|number| number.parse().expect("a byte")).collect();
        let ip = [numbers[0], numbers[1], numbers[2], numbers[3]];
        SocketAddr::from((ip, u16::from_be_bytes([numbers[4], numbers[5]])))
    }

    /// The next reply that is no preliminary one.
    pub(crate) fn last_reply(&mut self) -> String {
        loop {
            let reply = self.reply();
            if !reply.starts_with('1') {
                return reply;
            }
        }
    }

    /// Takes what `command` sends over a passive connection in clear.
    #[track_caller]
    pub(crate) fn download(&mut self, command: impl AsRef<[u8]>) -> Vec<u8> {
        let mut data = dial(self.passive(), None).expect("a data connection");
        self.expect(command, "150");
        let bytes = read_all(&mut data).expect("the file");
        // The server waits a while for this end of it.
        drop(data);
        self.hears("226");
        bytes
    }

    /// Gives `bytes` to `command` over a passive connection in clear; the last reply.
    #[track_caller]
    pub(crate) fn upload(&mut self, command: impl AsRef<[u8]>, bytes: &[u8]) -> String {
        let data = dial(self.passive(), None).expect("a data connection");
        let begun = self.ask(command);
        if !begun.starts_with('1') {
            return begun;
        }
        // Whether it was taken is in the reply.
        let _ = give(data, bytes);
        self.reply()
    }
}

/// The argument of PORT.
pub(crate) fn port_argument(address: SocketAddr) -> String {
    let [high, low] = address.port().to_be_bytes();
    format!("{},{high},{low}", address.ip().to_string().replace('.', ","))
}

/// The argument of EPRT.
pub(crate) fn eprt_argument(address: SocketAddr) -> String {
    let family = if address.is_ipv4() { 1 } else { 2 };
    format!("|{family}|{}|{}|", address.ip(), address.port())
}

/// Connects, from `from` if it matters; reading has an end.
pub(crate) fn dial(to: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(from) = from {
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    socket.connect_timeout(&to.into(), PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// Everything up to the end; a reset is an error.
pub(crate) fn read_all(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Sends a file in clear.
pub(crate) fn give(mut data: TcpStream, bytes: &[u8]) -> io::Result<()> {
    data.write_all(bytes)
}

/// Sends a file inside TLS, and waits until the other end has had all of it.
pub(crate) fn give_inside(mut data: Stream, bytes: &[u8]) -> io::Result<()> {
    data.write_all(bytes)?;
    data.conn.send_close_notify();
    data.flush()?;
    data.sock.shutdown(Shutdown::Write)?;
    read_all(&mut data).map(drop)
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// How somebody speaks TLS: takes any certificate, and remembers the sessions of all its connections as if
/// they were with one and the same server.
#[derive(Clone)]
pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// With this version, and without ALPN.
    pub(crate) fn new(version: &'static SupportedProtocolVersion) -> Tls {
        Tls::offering(version, &[])
    }

    /// The newest, without ALPN.
    pub(crate) fn newest() -> Tls {
        Tls::new(&rustls::version::TLS13)
    }

    /// Offers these protocols (ALPN).
    pub(crate) fn offering(version: &'static SupportedProtocolVersion, protocols: &[&str]) -> Tls {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[version])
            .expect("a version")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
            .with_no_client_auth();
        config.resumption = Resumption::store(Arc::new(ClientSessionMemoryCache::new(32)));
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Tls(Arc::new(config))
    }

    /// The same, with a certificate to show.
    pub(crate) fn showing(self, certificate: Arc<dyn rustls::client::ResolvesClientCert>) -> ClientConfig {
        let mut config = (*self.0).clone();
        config.client_auth_cert_resolver = certificate;
        config
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.0
    }

    /// A whole handshake.
    pub(crate) fn start(&self, mut tcp: TcpStream) -> io::Result<Stream> {
        let mut connection = self.connection();
        while connection.is_handshaking() {
            connection.complete_io(&mut tcp)?;
        }
        Ok(StreamOwned::new(connection, tcp))
    }

    /// A connection that has not said anything yet.
    pub(crate) fn connection(&self) -> ClientConnection {
        let name = ServerName::try_from("localhost").expect("a name");
        ClientConnection::new(self.0.clone(), name).expect("a connection")
    }
}

/// Takes any certificate whose key the other end has.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
