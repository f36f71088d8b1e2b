//! One data connection's TLS over buffers of our own: the handshake runs on the async socket, the
//! records on the blocking one.
//!
//! The library's buffered connection reads 4 KiB per call and copies every byte twice more; this
//! interface takes a whole batch of records at a time.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use rustls::CommonState;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, UnbufferedStatus,
    WriteTraffic,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::supply::{self, Supply};

/// A TLS connection of either role, with the records that came and those that must go.
pub(crate) struct Engine {
    side: Side,
    incoming: Vec<u8>,
    /// Where in `incoming` the unprocessed bytes are.
    filled: Range<usize>,
    outgoing: Outgoing,
    /// Payload that came right behind the end of the handshake.
    early: Vec<u8>,
    /// The peer has said close_notify. The library tells it once, which may be during the handshake: a
    /// short file comes whole with the handshake's last flight.
    peer_closed: bool,
    /// Where a ticket goes that this connection brings, and the ticket.
    supply: Option<(Arc<Supply>, Option<Vec<u8>>)>,
    /// What broke the connection; the library must not be shown the same records twice.
    broken: Option<rustls::Error>,
}

enum Side {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
}

/// What came of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was processed; there may be more.
    Again,
    /// Nothing to do before more bytes come.
    NeedInput,
    /// The peer said close_notify: no payload comes any more.
    PeerClosed,
}

/// Why the connection is broken.
#[derive(Debug)]
pub(crate) enum EngineError {
    Tls(rustls::Error),
    Io(io::Error),
}

impl From<rustls::Error> for EngineError {
    fn from(error: rustls::Error) -> Self {
        EngineError::Tls(error)
    }
}

impl From<io::Error> for EngineError {
    fn from(error: io::Error) -> Self {
        EngineError::Io(error)
    }
}

impl From<EngineError> for io::Error {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Tls(error) => io::Error::new(io::ErrorKind::InvalidData, error),
            EngineError::Io(error) => error,
        }
    }
}

impl Engine {
    pub(crate) fn client(connection: UnbufferedClientConnection, supply: Option<Arc<Supply>>) -> Self {
        let mut engine = Engine::new(Side::Client(Box::new(connection)));
        engine.supply = supply.map(|supply| (supply, None));
        engine
    }

    pub(crate) fn server(connection: UnbufferedServerConnection) -> Self {
        Engine::new(Side::Server(Box::new(connection)))
    }

    fn new(side: Side) -> Self {
        Engine {
            side,
            incoming: vec![0; HANDSHAKE_BUFFER],
            filled: 0..0,
            outgoing: Outgoing::default(),
            early: Vec::new(),
            peer_closed: false,
            supply: None,
            broken: None,
        }
    }

    /// The connection has ended; what may help the next ones is kept.
    pub(crate) fn retire(self) {
        if let (Some((supply, Some(ticket))), Side::Client(connection)) = (self.supply, self.side) {
            supply.store(*connection, ticket);
        }
    }

    /// What the library knows of the connection.
    pub(crate) fn state(&self) -> &CommonState {
        match &self.side {
            Side::Client(connection) => connection,
            Side::Server(connection) => connection,
        }
    }

    /// Shakes hands. An alert that explains a failure is sent before it is returned.
    pub(crate) async fn handshake(&mut self, tcp: &mut TcpStream) -> Result<(), EngineError> {
        let mut early = Vec::new();
        loop {
            match self.step(&mut early) {
                Ok(Step::Again) => continue,
                Ok(Step::NeedInput | Step::PeerClosed) => {}
                Err(error) => {
                    self.collect_alert();
                    // The handshake has failed already; whether the peer hears why changes nothing.
                    let _ = tcp.write_all(self.outgoing.take()).await;
                    return Err(error.into());
                }
            }
            tcp.write_all(self.outgoing.take()).await?;
            if !self.state().is_handshaking() {
                self.early = early;
                return Ok(());
            }
            if self.room().is_empty() {
                self.grow()?;
            }
            let count = tcp.read(self.room()).await?;
            self.arrived(count);
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }

    /// True if we are the TLS client.
    pub(crate) fn is_client(&self) -> bool {
        matches!(self.side, Side::Client(_))
    }

    /// Sends `payload` at once.
    pub(crate) async fn send(&mut self, tcp: &mut TcpStream, payload: &[u8]) -> Result<(), EngineError> {
        self.seal(payload)?;
        Ok(tcp.write_all(self.outgoing.take()).await?)
    }

    /// Fills `buffer` with the first payload that comes; what comes behind it is kept for
    /// [`Engine::take_early`].
    pub(crate) async fn receive_exact(
        &mut self,
        tcp: &mut TcpStream,
        buffer: &mut [u8],
    ) -> Result<(), EngineError> {
        let mut plain = self.take_early();
        while plain.len() < buffer.len() {
            match self.step(&mut plain)? {
                Step::Again => {}
                Step::PeerClosed => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Step::NeedInput => {
                    tcp.write_all(self.outgoing.take()).await?;
                    let count = tcp.read(self.room()).await?;
                    self.arrived(count);
                    if count == 0 {
                        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                    }
                }
            }
        }
        buffer.copy_from_slice(&plain[..buffer.len()]);
        self.keep_early(plain.split_off(buffer.len()));
        Ok(())
    }

    /// Puts payload back that was read too early.
    pub(crate) fn keep_early(&mut self, payload: Vec<u8>) {
        self.early = payload;
    }

    /// Payload that arrived with the end of the handshake; once.
    pub(crate) fn take_early(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.early)
    }

    /// Processes what lies in the incoming buffer, a record at most; payload is appended to `plain`.
    pub(crate) fn step(&mut self, plain: &mut Vec<u8>) -> Result<Step, rustls::Error> {
        match self.turn(plain, Wish::Nothing)? {
            Step::NeedInput if self.peer_closed => Ok(Step::PeerClosed),
            step => Ok(step),
        }
    }

    /// Encrypts `payload` behind the outgoing records.
    pub(crate) fn seal(&mut self, payload: &[u8]) -> Result<(), rustls::Error> {
        self.insist(Wish::Send(payload))
    }

    /// Puts close_notify behind the outgoing records.
    pub(crate) fn seal_close(&mut self) -> Result<(), rustls::Error> {
        self.insist(Wish::Close)
    }

    /// The records that must be sent now; they count as sent.
    pub(crate) fn outgoing(&mut self) -> &[u8] {
        self.outgoing.take()
    }

    /// Free space behind the unprocessed bytes, which move to the front first.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.filled.start > 0 {
            self.incoming.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
        }
        &mut self.incoming[self.filled.end..]
    }

    /// `count` bytes were read into [`Engine::room`].
    pub(crate) fn arrived(&mut self, count: usize) {
        self.filled.end += count;
    }

    /// Makes the incoming buffer at least `size` bytes.
    pub(crate) fn widen(&mut self, size: usize) {
        if self.incoming.len() < size {
            self.incoming.resize(size, 0);
        }
    }

    /// A handshake message is larger than the buffer.
    fn grow(&mut self) -> io::Result<()> {
        let size = self.incoming.len() * 2;
        if size > HANDSHAKE_CEILING {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the handshake message is too long"));
        }
        self.widen(size);
        Ok(())
    }

    /// Goes on until the wish is fulfilled.
    fn insist(&mut self, wish: Wish<'_>) -> Result<(), rustls::Error> {
        // Who only sends needs no payload from the peer; what little came is dropped.
        let mut unwanted = Vec::new();
        loop {
            match self.turn(&mut unwanted, wish)? {
                Step::Again | Step::PeerClosed => unwanted.clear(),
                Step::NeedInput => return Ok(()),
            }
        }
    }

    /// After a failure the library may hold an alert that tells the peer why. It hands such records
    /// out before it looks at the input; looking at that again would make it panic.
    fn collect_alert(&mut self) {
        while self.state().wants_write() {
            if self.process(&mut Vec::new(), Wish::Nothing).is_err() {
                return;
            }
        }
    }

    fn turn(&mut self, plain: &mut Vec<u8>, wish: Wish<'_>) -> Result<Step, rustls::Error> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.process(plain, wish).inspect_err(|error| self.broken = Some(error.clone()))
    }

    fn process(&mut self, plain: &mut Vec<u8>, wish: Wish<'_>) -> Result<Step, rustls::Error> {
        let incoming = &mut self.incoming[self.filled.clone()];
        let (discard, step) = match &mut self.side {
            Side::Client(side) => settle(side.process_tls_records(incoming), &mut self.outgoing, plain, wish),
            Side::Server(side) => settle(side.process_tls_records(incoming), &mut self.outgoing, plain, wish),
        };
        let done = self.filled.start..self.filled.start + discard;
        self.filled.start = done.end;
        if let Some((_, ticket)) = &mut self.supply
            && let Side::Client(connection) = &self.side
            && let Some(found) = supply::find(&self.incoming[done], connection.protocol_version())
        {
            *ticket = Some(found);
        }
        self.peer_closed |= matches!(step, Ok(Step::PeerClosed));
        step
    }
}

/// What to do as soon as the connection may send.
#[derive(Clone, Copy)]
enum Wish<'a> {
    Nothing,
    Send(&'a [u8]),
    Close,
}

/// Deals with one state of the library; also says how many incoming bytes are used up.
fn settle<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    outgoing: &mut Outgoing,
    plain: &mut Vec<u8>,
    wish: Wish<'_>,
) -> (usize, Result<Step, rustls::Error>) {
    let mut discard = status.discard;
    let step = match status.state {
        Err(error) => Err(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
            match traffic.next_record() {
                None => break Ok(Step::Again),
                Some(Err(error)) => break Err(error),
                Some(Ok(record)) => {
                    discard += record.discard;
                    plain.extend_from_slice(record.payload);
                }
            }
        },
        Ok(ConnectionState::EncodeTlsData(data)) => outgoing.encode(data),
        Ok(ConnectionState::TransmitTlsData(data)) => {
            // What is in `outgoing` goes out before anything is awaited.
            data.done();
            Ok(Step::Again)
        }
        Ok(ConnectionState::WriteTraffic(traffic)) => outgoing.fulfil(traffic, wish),
        Ok(ConnectionState::BlockedHandshake) => Ok(Step::NeedInput),
        Ok(ConnectionState::PeerClosed) => Ok(Step::PeerClosed),
        Ok(ConnectionState::Closed) => Ok(Step::NeedInput),
        // Early data is off, so the last states do not occur.
        Ok(_) => Err(rustls::Error::General("an unexpected state of the connection".to_owned())),
    };
    (discard, step)
}

/// Records that must be sent, in a buffer that keeps its length so that no byte is cleared twice.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    used: usize,
}

impl Outgoing {
    fn take(&mut self) -> &[u8] {
        &self.bytes[..std::mem::take(&mut self.used)]
    }

    fn reserve(&mut self, more: usize) {
        if self.bytes.len() < self.used + more {
            self.bytes.resize(self.used + more, 0);
        }
    }

    fn encode<Data>(&mut self, mut data: EncodeTlsData<'_, Data>) -> Result<Step, rustls::Error> {
        loop {
            match data.encode(&mut self.bytes[self.used..]) {
                Ok(written) => {
                    self.used += written;
                    return Ok(Step::Again);
                }
                Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => {
                    self.reserve(required_size);
                }
                Err(EncodeError::AlreadyEncoded) => return Ok(Step::Again),
            }
        }
    }

    fn fulfil<Data>(
        &mut self,
        mut traffic: WriteTraffic<'_, Data>,
        wish: Wish<'_>,
    ) -> Result<Step, rustls::Error> {
        loop {
            let room = &mut self.bytes[self.used..];
            let sealed = match wish {
                Wish::Nothing => return Ok(Step::NeedInput),
                Wish::Send(payload) => traffic.encrypt(payload, room),
                Wish::Close => traffic.queue_close_notify(room),
            };
            match sealed {
                Ok(written) => {
                    self.used += written;
                    return Ok(Step::NeedInput);
                }
                Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) => {
                    self.reserve(required_size);
                }
                Err(EncryptError::EncryptExhausted) => {
                    let limit = "TLS 1.2 protects no more data under one key; TLS 1.3 would renew it";
                    return Err(rustls::Error::General(limit.to_owned()));
                }
            }
        }
    }
}

/// Room for incoming records during the handshake: one record of the greatest size, and a bit.
const HANDSHAKE_BUFFER: usize = 20 * 1024;

/// The longest flight of handshake messages that is read: a chain of many large certificates. The
/// library itself refuses messages above 64 KiB.
const HANDSHAKE_CEILING: usize = 160 * 1024;
