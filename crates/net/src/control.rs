//! A control connection: lines in, bytes out, TLS in between once it is asked for.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use fxp_proto::wire::line::{Line, LineSplitter};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroize;

use crate::dial;
use crate::listen::canonical;
use crate::tls::{ClientSession, HandshakeError, ServerSession, TlsInfo};

/// One line from the peer, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A line, without its end, Telnet commands removed.
    Line(Vec<u8>),
    /// A line beyond the ceiling; it was swallowed whole.
    TooLong,
    /// A line with a NUL or a stray CR in it; it was swallowed whole.
    BadBytes,
    /// The peer closed; inside TLS, whether or not with close_notify.
    End,
}

/// A control connection.
pub struct Control {
    stream: Stream,
    peer: SocketAddr,
    local: SocketAddr,
    ceiling: usize,
    splitter: LineSplitter,
    /// What was read; the first `seen` bytes have been cut into lines.
    unread: Vec<u8>,
    seen: usize,
    queue: Vec<u8>,
    /// More was queued than may be.
    overflown: bool,
}

impl std::fmt::Debug for Control {
    /// The peer, and never a byte of what was said: passwords pass here.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Control {
    /// Takes a connected socket: TCP_NODELAY, keep-alive. `ceiling` is the most bytes a line may have.
    ///
    /// # Errors
    ///
    /// If the socket is no longer connected.
    pub fn new(tcp: TcpStream, ceiling: usize) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        dial::keep_alive(&tcp)?;
        Ok(Control {
            peer: canonical(tcp.peer_addr()?),
            local: canonical(tcp.local_addr()?),
            stream: Stream::Plain(tcp),
            ceiling,
            splitter: LineSplitter::new(ceiling),
            unread: Vec::with_capacity(READ_BATCH),
            seen: 0,
            queue: Vec::new(),
            overflown: false,
        })
    }

    /// The peer's address; an IPv4 peer's is never in the mapped form.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// Our address, in the same form.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// True once TLS protects the connection.
    pub fn is_secure(&self) -> bool {
        !matches!(self.stream, Stream::Plain(_))
    }

    /// The next line. Cancel-safe: nothing is lost if the future is dropped.
    ///
    /// Between the reply that announces TLS and the call that starts it, nothing may be received:
    /// what comes then is the peer's handshake.
    ///
    /// # Errors
    ///
    /// A reset, a broken TLS record, a keep-alive that found nobody.
    pub async fn receive(&mut self) -> io::Result<Received> {
        loop {
            if let Some(line) = self.next_line() {
                return Ok(line);
            }
            // A password or a key may have been among it.
            self.unread.zeroize();
            self.seen = 0;
            match self.stream.read_buf(&mut self.unread).await {
                Ok(0) => return Ok(Received::End),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Received::End),
                Err(error) => return Err(error),
            }
        }
    }

    /// The next line that has already been read, if there is one; waits for nothing.
    pub fn next_line(&mut self) -> Option<Received> {
        let mut rest = &self.unread[self.seen..];
        let line = self.splitter.next_line(&mut rest);
        self.seen = self.unread.len() - rest.len();
        line.map(|line| match line {
            Line::Text(line) => Received::Line(line),
            Line::TooLong => Received::TooLong,
            Line::BadBytes => Received::BadBytes,
        })
    }

    /// Puts bytes into the send buffer. If that grows beyond its ceiling because nobody flushes it,
    /// it is emptied, and [`Control::flush`] fails.
    pub fn queue(&mut self, bytes: &[u8]) {
        if self.overflown || self.queue.len() + bytes.len() > QUEUE_CEILING {
            self.overflown = true;
            self.queue = Vec::new();
        } else {
            self.queue.extend_from_slice(bytes);
        }
    }

    /// Sends what is queued. Cancel-safe: what has been sent has left the queue, the rest goes out with
    /// the next call.
    ///
    /// # Errors
    ///
    /// As the system says; `TimedOut` if the peer takes nothing for two minutes; `OutOfMemory` if the
    /// queue has overflown.
    pub async fn flush(&mut self) -> io::Result<()> {
        if self.overflown {
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, "too much is waiting to be sent"));
        }
        let sending = async {
            while !self.queue.is_empty() {
                match self.stream.write(&self.queue).await? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    sent => drop(self.queue.drain(..sent)),
                }
            }
            self.stream.flush().await
        };
        match timeout(WRITE_TIMEOUT, sending).await {
            Ok(sent) => sent?,
            Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")),
        }
        self.queue.shrink_to(QUEUE_KEPT);
        Ok(())
    }

    /// Drops every unread byte, then plays TLS server (after `234`, or at once for implicit TLS).
    ///
    /// # Errors
    ///
    /// The connection is unusable afterwards.
    pub async fn secure_as_server(&mut self, tls: &ServerSession) -> Result<TlsInfo, HandshakeError> {
        let tcp = self.take_plain()?;
        let (stream, info) = in_time(tls.accept(tcp)).await?;
        self.stream = Stream::Server(Box::new(stream));
        Ok(info)
    }

    /// Drops every unread byte, then plays TLS client.
    ///
    /// # Errors
    ///
    /// The connection is unusable afterwards.
    pub async fn secure_as_client(&mut self, tls: &ClientSession) -> Result<TlsInfo, HandshakeError> {
        let tcp = self.take_plain()?;
        let (stream, info) = in_time(tls.connect(tcp)).await?;
        self.stream = Stream::Client(Box::new(stream));
        Ok(info)
    }

    /// Flushes, sends close_notify if inside TLS, and closes.
    pub async fn close(mut self) {
        // The peer may be gone already; there is nobody left to tell.
        let _ = timeout(CLOSE_TIMEOUT, async {
            self.flush().await?;
            self.stream.shutdown().await
        })
        .await;
    }

    /// As [`Control::close`], and waits a moment for the peer to close, too: after that it does not count this
    /// connection any more.
    pub async fn leave(mut self) {
        let _ = timeout(LEAVE_TIMEOUT, async {
            self.flush().await?;
            self.stream.shutdown().await?;
            let mut unheard = [0; 512];
            while self.stream.read(&mut unheard).await? > 0 {}
            io::Result::Ok(())
        })
        .await;
    }

    /// Takes the socket out for a handshake. What was sent in clear and not yet looked at, commands or
    /// replies, is forgotten: nobody knows who wrote it (CVE-2011-1575, CVE-2021-22947).
    fn take_plain(&mut self) -> io::Result<TcpStream> {
        self.unread.clear();
        self.seen = 0;
        self.splitter = LineSplitter::new(self.ceiling);
        self.queue.clear();
        match std::mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Plain(tcp) => Ok(tcp),
            _ => Err(io::Error::new(io::ErrorKind::AlreadyExists, "TLS is already there")),
        }
    }
}

async fn in_time<T>(handshake: impl Future<Output = Result<T, HandshakeError>>) -> Result<T, HandshakeError> {
    timeout(HANDSHAKE_TIMEOUT, handshake).await.unwrap_or(Err(HandshakeError::TimedOut))
}

/// What lines travel on. `Gone` is left behind by a handshake that failed.
enum Stream {
    Plain(TcpStream),
    Client(Box<tokio_rustls::client::TlsStream<TcpStream>>),
    Server(Box<tokio_rustls::server::TlsStream<TcpStream>>),
    Gone,
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the TLS handshake failed")
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Stream::Client(tls) => Pin::new(tls).poll_read(context, buffer),
            Stream::Server(tls) => Pin::new(tls).poll_read(context, buffer),
            Stream::Gone => Poll::Ready(Err(gone())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Stream::Client(tls) => Pin::new(tls).poll_write(context, bytes),
            Stream::Server(tls) => Pin::new(tls).poll_write(context, bytes),
            Stream::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Stream::Client(tls) => Pin::new(tls).poll_flush(context),
            Stream::Server(tls) => Pin::new(tls).poll_flush(context),
            Stream::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Stream::Client(tls) => Pin::new(tls).poll_shutdown(context),
            Stream::Server(tls) => Pin::new(tls).poll_shutdown(context),
            Stream::Gone => Poll::Ready(Err(gone())),
        }
    }
}

/// Bytes read at once: several pipelined commands; the greatest line may take several reads.
const READ_BATCH: usize = 4 * 1024;

/// The most bytes that may wait to be sent: the longest reply (a listing over the control connection)
/// fits, a peer that pipelines commands and never reads the answers does not get further.
const QUEUE_CEILING: usize = 1024 * 1024;

/// Room that an idle connection keeps for its replies.
const QUEUE_KEPT: usize = 4 * 1024;

/// How long the peer may take to make room for queued bytes: more than any outage that TCP bridges in
/// practice, and short enough that a peer which never reads is got rid of.
const WRITE_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a control connection's handshake may take: several round trips by satellite, and a slow peer.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a closing connection may take to send its last bytes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the peer may take to close its end, too. Nothing depends on it.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);
