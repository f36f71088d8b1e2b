//! A client that says what chance tells it, and holds the server to one final reply for each command.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use fxp_net::control::{Control, Received};
use fxp_net::data::{DataStream, Sink, Source};
use fxp_net::listen;
use fxp_net::meter::Meter;
use fxp_net::tls::trust::Trust;
use fxp_net::tls::{ClientSession, ClientTls};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

/// The server has parted: whatever a session wanted, it is over.
pub(crate) struct Parted;

/// What a step of a session comes to.
pub(crate) type Step<T = ()> = Result<T, Parted>;

/// No reply takes this long, on however busy a machine; the server's own waits are a few seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A control connection.
pub(crate) struct Client {
    control: Control,
    session: Option<ClientSession>,
    /// Where it comes from; data connections, too.
    source: Ipv4Addr,
    /// What was said last, for the message of a failing test.
    last: String,
    /// The last line that was heard, for the same.
    heard: String,
}

impl Client {
    /// Connects from `source`; `None` if the machine has no port left at the moment.
    pub(crate) async fn connect(to: SocketAddr, source: Ipv4Addr) -> Option<Self> {
        let tcp = dial(to, source).await.ok()?;
        let control = Control::new(tcp, 64 * 1024).ok()?;
        Some(Client {
            control,
            session: None,
            source,
            last: "(the greeting)".to_owned(),
            heard: String::new(),
        })
    }

    /// Where the conversation stands.
    pub(crate) fn story(&self) -> String {
        format!("said last: {:?}; heard last: {:?}", self.last, self.heard)
    }

    /// True inside TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.session.is_some()
    }

    /// The handshake on the control connection.
    pub(crate) async fn secure(&mut self, trust: &Trust) -> Step {
        let session = ClientTls::new().session("localhost", trust.clone());
        let secured = timeout(PATIENCE, self.control.secure_as_client(&session)).await;
        match secured.expect("a handshake has an end") {
            Ok(_) => {
                self.session = Some(session);
                Ok(())
            }
            Err(_) => Err(Parted),
        }
    }

    /// Sends lines, all at once.
    pub(crate) async fn say(&mut self, lines: &str) -> Step {
        self.last = lines.to_owned();
        self.send(format!("{}\r\n", lines.replace('\n', "\r\n")).as_bytes()).await
    }

    /// Sends bytes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Step {
        self.control.queue(bytes);
        self.control.flush().await.map_err(|_| Parted)
    }

    /// Sends a line and reads its final reply.
    pub(crate) async fn ask(&mut self, line: &str) -> Step<String> {
        self.say(line).await?;
        self.hear().await
    }

    /// The last line of the next final reply.
    pub(crate) async fn hear(&mut self) -> Step<String> {
        loop {
            let reply = self.reply().await?;
            if !reply.starts_with('1') {
                return Ok(reply);
            }
        }
    }

    /// The last line of the next reply.
    pub(crate) async fn reply(&mut self) -> Step<String> {
        let mut code: Option<String> = None;
        loop {
            let received = timeout(PATIENCE, self.control.receive()).await;
            let line = match received.unwrap_or_else(|_| panic!("no reply to {:?}", self.last)) {
                Ok(Received::Line(line)) => String::from_utf8_lossy(&line).into_owned(),
                Ok(Received::End) | Err(_) => return Err(Parted),
                Ok(other) => panic!("{other:?} in answer to {:?}", self.last),
            };
            self.heard.clone_from(&line);
            let begins = line.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()));
            let wanted = code.as_deref().or(begins).map(str::to_owned);
            match (wanted, line.as_bytes().get(3)) {
                (Some(wanted), Some(b' ')) if line.starts_with(&wanted) => return Ok(line),
                (Some(wanted), _) => code = Some(wanted),
                (None, _) => panic!("{line:?} in answer to {:?}", self.last),
            }
        }
    }

    /// PASV or EPSV, and a data connection to it; `None` if there is none.
    pub(crate) async fn open(&mut self, verb: &str) -> Step<Option<TcpStream>> {
        let reply = self.ask(verb).await?;
        match passive(&reply, self.control.peer_addr()) {
            Some(address) => Ok(dial(address, self.source).await.ok()),
            None => Ok(None),
        }
    }

    /// Sends a transfer command; what the server says if it begins.
    pub(crate) async fn begins(&mut self, command: &str) -> Step<Option<String>> {
        self.say(command).await?;
        Ok(Some(self.reply().await?).filter(|reply| reply.starts_with('1')))
    }

    /// Moves bytes over a data connection, inside TLS where `protected`: sends these, or takes what comes.
    pub(crate) async fn moves(
        &self,
        tcp: TcpStream,
        protected: bool,
        bytes: Option<Vec<u8>>,
    ) -> io::Result<u64> {
        let tls = self.session.as_ref().filter(|_| protected).map(ClientSession::data);
        let deadline = Instant::now() + PATIENCE;
        let stream = listen::secure(tcp, tls, deadline, Meter::default()).await.map_err(io::Error::other)?;
        let work = tokio::task::spawn_blocking(move || exchange(stream, bytes));
        work.await.expect("it does not panic")
    }

    /// Says goodbye, or whatever is left to say, in an orderly way.
    pub(crate) async fn close(self) {
        self.control.close().await;
    }
}

fn exchange(stream: DataStream, bytes: Option<Vec<u8>>) -> io::Result<u64> {
    let progress = Arc::new(AtomicU64::new(0));
    let moved = match bytes {
        Some(bytes) => stream.send(&mut Bytes(bytes), 0, None, &progress),
        None => stream.receive(&mut Nowhere, &progress),
    };
    moved.map_err(io::Error::other)
}

/// Connects from one of this machine's many addresses.
pub(crate) async fn dial(to: SocketAddr, source: Ipv4Addr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((source, 0)))?;
    match timeout(PATIENCE, socket.connect(to)).await {
        Ok(connected) => connected,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// The address in a 227 or a 229.
fn passive(reply: &str, server: SocketAddr) -> Option<SocketAddr> {
    let (_, inside) = reply.split_once('(')?;
    let (inside, _) = inside.split_once(')')?;
    if reply.starts_with("229") {
        let port = inside.trim_matches('|').parse().ok()?;
        return Some(SocketAddr::new(server.ip(), port));
    }
    let numbers: Vec<u8> = inside.split(',').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let [a, b, c, d, high, low] = numbers.try_into().ok()?;
    Some(SocketAddr::from(([a, b, c, d], u16::from_be_bytes([high, low]))))
}

struct Bytes(Vec<u8>);

impl Source for Bytes {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.0.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

struct Nowhere;

impl Sink for Nowhere {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }
}
