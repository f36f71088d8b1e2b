//! A server that lies: a small FTP server of threads and blocking sockets, polite until its twist says
//! otherwise. It remembers every byte that came, and whether TLS protected it.
//!
//! It shares no line of code with `fxp`, so that both cannot be wrong in the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fxp_testkit::certificate::Identity;
use fxp_testkit::daemon::USER;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The server; it ends when dropped.
pub(crate) struct Hostile {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
    shared: Arc<Shared>,
}

/// What becomes of a command.
pub(crate) enum Turn {
    /// The polite server answers it.
    Polite,
    /// The twist has answered it.
    Answered,
    /// The connection is dropped.
    HangUp,
}

/// The command that stands for the connection itself: the greeting is its answer.
pub(crate) const GREETING: &str = "";

type Twist = dyn Fn(&mut Dialogue, &str) -> Turn + Send + Sync;

struct Shared {
    tls: Option<Arc<ServerConfig>>,
    twist: Box<Twist>,
    /// What it serves and what it was given, by absolute path.
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    over: AtomicBool,
    sessions: AtomicUsize,
    heard: Mutex<Heard>,
    open: Mutex<Vec<TcpStream>>,
}

/// All that a server was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// Commands, with the number of the session (from 1) and whether TLS protected them.
    pub(crate) commands: Vec<(usize, bool, String)>,
    /// Every byte that came outside of TLS on control connections.
    pub(crate) in_clear: Vec<u8>,
    /// Every byte that came on data connections as it stood on the wire.
    pub(crate) data: Vec<u8>,
    /// How many data connections stood, and from where.
    pub(crate) data_from: Vec<IpAddr>,
}

impl Heard {
    /// How many commands began with `words`.
    pub(crate) fn count(&self, words: &str) -> usize {
        self.commands.iter().filter(|(_, _, line)| line.starts_with(words)).count()
    }

    /// What came in clear, as far as it is text.
    pub(crate) fn clear_text(&self) -> String {
        String::from_utf8_lossy(&self.in_clear).into_owned()
    }
}

impl Hostile {
    /// Listens at a port of `ip`, with TLS if it has an identity.
    pub(crate) fn start(
        ip: IpAddr,
        identity: Option<&Identity>,
        files: &[(&str, &[u8])],
        twist: impl Fn(&mut Dialogue, &str) -> Turn + Send + Sync + 'static,
    ) -> Hostile {
        let listener = TcpListener::bind((ip, 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let files: BTreeMap<_, _> =
            files.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect();
        let shared = Arc::new(Shared {
            tls: identity.map(config),
            twist: Box::new(twist),
            files: Mutex::new(files),
            over: AtomicBool::new(false),
            sessions: AtomicUsize::new(0),
            heard: Mutex::default(),
            open: Mutex::default(),
        });
        let (accepting, own) = (shared.clone(), listener.try_clone().expect("a descriptor"));
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if accepting.over.load(SeqCst) {
                    return;
                }
                let shared = accepting.clone();
                std::thread::spawn(move || Dialogue::new(stream, shared).run());
            }
        });
        Hostile { address, listener: own, shared }
    }

    /// `ftp://user@address/path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("ftp://{USER}@{}/{path}", self.address)
    }

    /// What it heard so far.
    pub(crate) fn heard(&self) -> Heard {
        self.shared.heard().clone()
    }

    /// What it heard, for the message of a failing test.
    pub(crate) fn log(&self) -> String {
        let heard = self.heard();
        let line = |(session, tls, line): &(usize, bool, String)| {
            format!("{session}{} {line:?}\n", if *tls { "*" } else { "<" })
        };
        format!("--- hostile at {}\n{}", self.address, heard.commands.iter().map(line).collect::<String>())
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.shared.over.store(true, SeqCst);
        for stream in self.shared.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        // Wakes the one who accepts, whatever host he is on.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
    }
}

impl Shared {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One control connection, as a twist sees it.
pub(crate) struct Dialogue {
    shared: Arc<Shared>,
    /// The first connection is 1.
    pub(crate) number: usize,
    stream: Stream,
    unread: Vec<u8>,
    /// Where it listens.
    pub(crate) ip: IpAddr,
    /// The working directory, for twists that need one.
    pub(crate) inside: String,
    /// PROT P was accepted, so that data connections are inside TLS.
    pub(crate) protects: bool,
    listener: Option<TcpListener>,
    active: Option<SocketAddr>,
    rename_from: String,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
    Gone,
}

impl Drop for Dialogue {
    /// Whatever ended it, the client hears of it.
    fn drop(&mut self) {
        let tcp = match &self.stream {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => &tls.sock,
            Stream::Gone => return,
        };
        let _ = tcp.shutdown(std::net::Shutdown::Both);
    }
}

impl Dialogue {
    fn new(stream: TcpStream, shared: Arc<Shared>) -> Dialogue {
        let number = shared.sessions.fetch_add(1, SeqCst) + 1;
        let ip = stream.local_addr().expect("an address").ip();
        let _ = stream.set_nodelay(true);
        if let Ok(clone) = stream.try_clone() {
            shared.open.lock().unwrap_or_else(PoisonError::into_inner).push(clone);
        }
        Dialogue {
            shared,
            number,
            stream: Stream::Plain(stream),
            unread: Vec::new(),
            ip,
            inside: String::new(),
            protects: false,
            listener: None,
            active: None,
            rename_from: String::new(),
        }
    }

    fn run(mut self) {
        let shared = self.shared.clone();
        let mut line = GREETING.to_owned();
        loop {
            match (shared.twist)(&mut self, &line) {
                Turn::Polite => {
                    if !self.polite(&line) {
                        return;
                    }
                }
                Turn::Answered => {}
                Turn::HangUp => return,
            }
            match self.line() {
                Some(next) => line = next,
                None => return,
            }
        }
    }

    /// True once TLS protects the control connection.
    pub(crate) fn is_secure(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Says one line or several, each with its end; false if nobody listens any more.
    pub(crate) fn say(&mut self, text: &str) -> bool {
        self.write(format!("{text}\r\n").as_bytes())
    }

    /// [`Turn::Answered`] with `text`.
    pub(crate) fn answer(&mut self, text: &str) -> Turn {
        if self.say(text) { Turn::Answered } else { Turn::HangUp }
    }

    /// Bytes as they are, in one piece.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> bool {
        match &mut self.stream {
            Stream::Plain(tcp) => tcp.write_all(bytes).is_ok(),
            Stream::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()).is_ok(),
            Stream::Gone => false,
        }
    }

    /// Says `bytes` again and again until nobody listens any more.
    pub(crate) fn flood(&mut self, bytes: &[u8]) -> Turn {
        let piece = bytes.repeat(PIECE / bytes.len() + 1);
        while self.write(&piece) {}
        Turn::HangUp
    }

    /// Says nothing until the client has gone.
    pub(crate) fn be_silent(&mut self) -> Turn {
        while self.line().is_some() {}
        Turn::HangUp
    }

    /// Waits until the client has sent something that was not looked at, and leaves it there.
    pub(crate) fn await_bytes(&mut self) {
        if let Stream::Plain(tcp) = &self.stream {
            let _ = tcp.peek(&mut [0]);
        }
    }

    /// The handshake, as the server.
    pub(crate) fn secure(&mut self) -> bool {
        let (Stream::Plain(tcp), Some(tls)) =
            (std::mem::replace(&mut self.stream, Stream::Gone), &self.shared.tls)
        else {
            return false;
        };
        match handshake(tcp, tls) {
            Some(stream) => {
                self.stream = Stream::Tls(Box::new(stream));
                true
            }
            None => false,
        }
    }

    /// Where the next data connection is to come to: a port of its own address.
    pub(crate) fn listen(&mut self) -> u16 {
        self.listen_at(SocketAddr::new(self.ip, 0))
    }

    /// The same anywhere; the port.
    pub(crate) fn listen_at(&mut self, address: SocketAddr) -> u16 {
        self.active = None;
        self.listener = None;
        let listener = TcpListener::bind(address).expect("a data port");
        let port = listener.local_addr().expect("an address").port();
        self.listener = Some(listener);
        port
    }

    /// The data connection; `None` if none came within five seconds, or nobody listens where it should go.
    pub(crate) fn data(&mut self) -> Option<TcpStream> {
        let tcp = match (self.active.take(), self.listener.take()) {
            (Some(address), _) => TcpStream::connect_timeout(&address, DATA_WAIT).ok()?,
            (None, Some(listener)) => accept(&listener)?,
            (None, None) => return None,
        };
        let from = tcp.peer_addr().ok()?.ip();
        self.shared.heard().data_from.push(from);
        let _ = tcp.set_read_timeout(Some(DATA_WAIT));
        Some(tcp)
    }

    /// Sends `bytes` over a data connection as it was agreed: inside TLS, with its farewell, if PROT P was.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        let Some(mut tcp) = self.data() else { return false };
        match self.shared.tls.as_ref().filter(|_| self.protects) {
            None => tcp.write_all(bytes).is_ok() && tcp.shutdown(std::net::Shutdown::Write).is_ok(),
            Some(tls) => handshake(tcp, tls).is_some_and(|stream| send_protected(stream, bytes)),
        }
    }

    /// Sends `bytes` over a data connection in clear, whatever was agreed.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) -> bool {
        self.data().is_some_and(|mut tcp| tcp.write_all(bytes).is_ok())
    }

    /// Sends `bytes` so many times over a data connection in clear, or until nobody takes them.
    pub(crate) fn flood_data(&mut self, bytes: &[u8], times: usize) {
        let Some(mut tcp) = self.data() else { return };
        let piece = bytes.repeat((PIECE / bytes.len() + 1).min(times));
        let mut left = times;
        while left > 0 {
            let now = left.min(piece.len() / bytes.len());
            if tcp.write_all(&piece[..now * bytes.len()]).is_err() {
                return;
            }
            left -= now;
        }
    }

    /// Takes what comes over a data connection within `time`, and keeps it as it stands on the wire.
    pub(crate) fn receive_for(&mut self, time: Duration) {
        let Some(mut tcp) = self.data() else { return };
        let _ = tcp.set_read_timeout(Some(time));
        let mut bytes = Vec::new();
        let _ = tcp.read_to_end(&mut bytes);
        self.shared.heard().data.extend_from_slice(&bytes);
    }

    /// Takes what comes over a data connection, and keeps it as it stands on the wire.
    pub(crate) fn receive_raw(&mut self) -> Option<Vec<u8>> {
        let mut tcp = self.data()?;
        let mut bytes = Vec::new();
        let _ = tcp.read_to_end(&mut bytes);
        self.shared.heard().data.extend_from_slice(&bytes);
        Some(bytes)
    }

    /// Takes what comes over a data connection as it was agreed.
    fn receive(&mut self) -> Option<Vec<u8>> {
        let Some(tls) = self.shared.tls.clone().filter(|_| self.protects) else { return self.receive_raw() };
        let mut stream = handshake(self.data()?, &tls)?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn store(&mut self, path: &str) -> bool {
        let Some(bytes) = self.receive() else { return false };
        self.shared.files().insert(path.to_owned(), bytes);
        true
    }

    /// The content of a file.
    pub(crate) fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.shared.files().get(path).cloned()
    }

    /// The next command; `None` once the client has gone.
    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
                let secure = self.is_secure();
                self.shared.heard().commands.push((self.number, secure, line.clone()));
                return Some(line);
            }
            let mut buffer = [0; 4096];
            let count = match &mut self.stream {
                Stream::Plain(tcp) => tcp.read(&mut buffer).ok()?,
                Stream::Tls(tls) => tls.read(&mut buffer).ok()?,
                Stream::Gone => return None,
            };
            if count == 0 {
                return None;
            }
            if !self.is_secure() {
                self.shared.heard().in_clear.extend_from_slice(&buffer[..count]);
            }
            self.unread.extend_from_slice(&buffer[..count]);
        }
    }

    /// What a polite server answers; false once the session is over.
    fn polite(&mut self, line: &str) -> bool {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let path = if argument.starts_with('/') { argument.to_owned() } else { format!("/{argument}") };
        match verb {
            "" => self.say("220 Service ready"),
            "AUTH" if self.shared.tls.is_some() => self.say("234 Go ahead") && self.secure(),
            "AUTH" => self.say("502 Not known here"),
            "USER" => self.say("331 Password, please"),
            "PASS" => self.say("230 Welcome"),
            "FEAT" => self.say(&features(self.is_secure())),
            "SYST" => self.say("215 UNIX Type: L8"),
            "PBSZ" => self.say("200 PBSZ=0"),
            "PROT" => {
                self.protects = argument == "P";
                self.say("200 So be it")
            }
            "PWD" => self.say("257 \"/\" is where you are"),
            "PASV" => {
                let port = self.listen();
                let (high, low) = (port >> 8, port & 255);
                let ip = self.ip.to_string().replace('.', ",");
                self.say(&format!("227 Entering Passive Mode ({ip},{high},{low})"))
            }
            "EPSV" => {
                let port = self.listen();
                self.say(&format!("229 Entering Extended Passive Mode (|||{port}|)"))
            }
            "PORT" => {
                self.active = fxp_port(argument);
                self.say("200 PORT successful")
            }
            "MLSD" => {
                let listing = self.listing(&path);
                self.say("150 Here it comes") && self.transferred(|dialogue| dialogue.send(&listing))
            }
            "RETR" => match self.file(&path) {
                Some(content) => {
                    self.say("150 Here it comes") && self.transferred(|dialogue| dialogue.send(&content))
                }
                None => self.say("550 No such file"),
            },
            "STOR" => self.say("150 Send it") && self.transferred(|dialogue| dialogue.store(&path)),
            "MLST" => match self.facts(&path) {
                Some(facts) => self.say(&format!("250-Listing\r\n {facts} {path}\r\n250 End")),
                None => self.say("550 Nothing there"),
            },
            "SIZE" => match self.file(&path) {
                Some(content) => self.say(&format!("213 {}", content.len())),
                None => self.say("550 No such file"),
            },
            "REST" => self.say("350 Go on there"),
            "RNFR" => {
                self.rename_from = path;
                self.say("350 And the new name?")
            }
            "RNTO" => {
                let content = self.shared.files().remove(&self.rename_from);
                match content {
                    Some(content) => {
                        self.shared.files().insert(path, content);
                        self.say("250 Renamed")
                    }
                    None => self.say("550 No such file"),
                }
            }
            "MKD" => self.say(&format!("257 \"{path}\" made")),
            "ABOR" => self.say("226 Nothing runs"),
            "TYPE" | "OPTS" | "CLNT" | "NOOP" | "MODE" | "STRU" | "PRET" | "SSCN" | "MFMT" | "CWD"
            | "DELE" => self.say("200 Fine"),
            "QUIT" => {
                self.say("221 Bye");
                false
            }
            _ => self.say("500 Not known here"),
        }
    }

    fn transferred(&mut self, transfer: impl FnOnce(&mut Dialogue) -> bool) -> bool {
        let well = transfer(self);
        self.say(if well { "226 Done" } else { "425 No data connection" })
    }

    /// The facts of what stands at `path`; a directory is what has files beneath it.
    fn facts(&self, path: &str) -> Option<String> {
        let beneath = format!("{}/", path.trim_end_matches('/'));
        match self.file(path) {
            Some(content) => Some(format!("type=file;size={};", content.len())),
            None if self.shared.files().keys().any(|name| name.starts_with(&beneath)) => {
                Some("type=dir;".to_owned())
            }
            None => None,
        }
    }

    fn listing(&self, path: &str) -> Vec<u8> {
        let beneath = format!("{}/", path.trim_end_matches('/'));
        let names: Vec<String> = self.shared.files().keys().cloned().collect();
        let names = names.iter().filter_map(|name| name.strip_prefix(&beneath));
        let children: BTreeSet<&str> = names.map(|rest| rest.split('/').next().unwrap_or_default()).collect();
        let line = |name: &str| {
            let facts = self.facts(&format!("{beneath}{name}")).unwrap_or_default();
            format!("{facts} {name}\r\n")
        };
        children.into_iter().map(line).collect::<String>().into_bytes()
    }
}

/// The answer to FEAT of a server with everything that FXP needs.
pub(crate) fn features(secure: bool) -> String {
    let tls = if secure { " PBSZ\r\n PROT\r\n SSCN\r\n" } else { "" };
    format!("211-Features\r\n SIZE\r\n MLST type*;size*;\r\n REST STREAM\r\n AUTH TLS\r\n{tls}211 End")
}

/// The address of a PORT.
pub(crate) fn fxp_port(argument: &str) -> Option<SocketAddr> {
    let numbers: Vec<u8> = argument.split(',').map_while(|number| number.trim().parse().ok()).collect();
    match numbers.as_slice() {
        &[a, b, c, d, high, low] => {
            Some(SocketAddr::new(IpAddr::from([a, b, c, d]), u16::from_be_bytes([high, low])))
        }
        _ => None,
    }
}

fn config(identity: &Identity) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes());
    let chain = chain.collect::<Result<Vec<_>, _>>().expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key);
    Arc::new(config.expect("a key that fits the certificate"))
}

fn handshake(
    mut tcp: TcpStream,
    tls: &Arc<ServerConfig>,
) -> Option<StreamOwned<ServerConnection, TcpStream>> {
    let mut connection = ServerConnection::new(tls.clone()).ok()?;
    while connection.is_handshaking() {
        connection.complete_io(&mut tcp).ok()?;
    }
    Some(StreamOwned::new(connection, tcp))
}

fn send_protected(mut stream: StreamOwned<ServerConnection, TcpStream>, bytes: &[u8]) -> bool {
    let sent = stream.write_all(bytes).and_then(|()| stream.flush()).is_ok();
    stream.conn.send_close_notify();
    let said = stream.conn.complete_io(&mut stream.sock).is_ok();
    sent && said && stream.sock.shutdown(std::net::Shutdown::Write).is_ok()
}

/// Accepts, for a while.
fn accept(listener: &TcpListener) -> Option<TcpStream> {
    listener.set_nonblocking(true).ok()?;
    let deadline = Instant::now() + DATA_WAIT;
    while Instant::now() < deadline {
        match listener.accept() {
            Ok((tcp, _)) => {
                tcp.set_nonblocking(false).ok()?;
                return Some(tcp);
            }
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    None
}

/// How long it waits for data connections and for what comes over them.
const DATA_WAIT: Duration = Duration::from_secs(5);

/// What is said at once where much is said.
const PIECE: usize = 64 * 1024;
