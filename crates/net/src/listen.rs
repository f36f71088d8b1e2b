//! Listening: the server's own ports, and passive data ports that a stranger can neither steal nor block.

mod admit;

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::RngExt;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::data::DataStream;
use crate::meter::Meter;
use crate::tls::{DataTls, HandshakeError};

/// The ports that passive data connections may use; each is drawn at random.
#[derive(Clone, Debug)]
pub struct PortPool {
    range: RangeInclusive<u16>,
    taken: Arc<Mutex<HashSet<(IpAddr, u16)>>>,
}

impl PortPool {
    /// A pool over `range`; `0..=0` leaves the choice to the kernel.
    pub fn new(range: RangeInclusive<u16>) -> Self {
        PortPool { range, taken: Arc::default() }
    }

    /// Listens on `ip` at a random free port of the range, and accepts from now on, until `lifetime` is
    /// over. Must be called within a tokio runtime.
    ///
    /// At most eight connections are held before somebody asks for them; the rest waits in the
    /// kernel's backlog. Dropping the listener frees the port.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if no port of the range is free, else as the system says.
    pub fn listen(&self, ip: IpAddr, lifetime: Duration) -> io::Result<PassiveListener> {
        self.listen_for(ip, lifetime, Box::new(|_| true))
    }

    /// The same, where it is known of some that they will not be let in whatever the port is asked for:
    /// while nobody asks, whoever `welcome` does not want is dropped at once, and takes nobody's place.
    ///
    /// # Errors
    ///
    /// As [`PortPool::listen`].
    pub fn listen_for(
        &self,
        ip: IpAddr,
        lifetime: Duration,
        welcome: Welcome,
    ) -> io::Result<PassiveListener> {
        let (listener, reservation) = self.bind(ip)?;
        let address = listener.local_addr()?;
        let deadline = Instant::now() + lifetime;
        let (hold, held) = mpsc::channel(HELD);
        let early = Arc::new(Early { asked: AtomicBool::new(false), strangers: Mutex::default(), welcome });
        let gate = early.clone();
        let acceptor = tokio::spawn(async move {
            // Both end together: the port is free for us once the kernel has it back.
            let _reservation = reservation;
            let _ = timeout_at(deadline, accept(listener, hold, &gate)).await;
        });
        Ok(PassiveListener { address, held, early, acceptor: acceptor.abort_handle() })
    }

    /// Draws ports at random; when the range is nearly full, tries all of them.
    fn bind(&self, ip: IpAddr) -> io::Result<(TcpListener, Reservation)> {
        let mut refused = io::Error::new(io::ErrorKind::AddrInUse, "every passive port is in use");
        for port in candidates(&self.range) {
            let Some(reservation) = self.reserve(ip, port) else { continue };
            match listen_at(SocketAddr::new(ip, port)) {
                Ok(listener) => return Ok((listener, reservation)),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => refused = error,
                Err(error) => return Err(error),
            }
        }
        Err(refused)
    }

    /// Marks a port as ours; `None` if it already is. Spares the system calls, no more.
    fn reserve(&self, ip: IpAddr, port: u16) -> Option<Reservation> {
        let fresh = port == 0 || self.taken.lock().expect("no holder panics").insert((ip, port));
        fresh.then(|| Reservation { address: (ip, port), taken: self.taken.clone() })
    }
}

/// A port that this process listens on.
struct Reservation {
    address: (IpAddr, u16),
    taken: Arc<Mutex<HashSet<(IpAddr, u16)>>>,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.taken.lock().expect("no holder panics").remove(&self.address);
    }
}

/// Ports in the order in which to try them: unpredictable, and in the end each of the range.
fn candidates(range: &RangeInclusive<u16>) -> impl Iterator<Item = u16> + use<> {
    let (first, last) = (*range.start(), *range.end());
    let draw = move || if first <= last { rand::rng().random_range(first..=last) } else { first };
    let turn = draw();
    let sweep = (turn..=last).chain(first..turn);
    std::iter::repeat_with(draw).take(DRAWS).chain(sweep)
}

/// Listens on `address` for control connections; port 0 takes a free one. An IPv6 address takes IPv6
/// alone. Needs no runtime, so that a program can bind its ports before it drops its privileges.
///
/// # Errors
///
/// As the system says.
pub fn control(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = bound(address, true)?;
    socket.listen(CONTROL_BACKLOG)?;
    Ok(socket.into())
}

/// The next connection; what goes wrong with a single one, and moments without free descriptors, are
/// waited out.
///
/// # Errors
///
/// The listener itself is broken.
pub async fn next_connection(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => return Ok((tcp, canonical(peer))),
            Err(error) if is_passing(&error) => sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
    }
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = bound(address, !address.ip().is_unspecified())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn bound(address: SocketAddr, one_family: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of the last transfer may still be in TIME_WAIT on this port. Two listeners cannot share it.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(one_family)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Takes connections off the backlog while there is room for them.
async fn accept(
    listener: TcpListener,
    hold: mpsc::Sender<io::Result<(Unadmitted, SocketAddr)>>,
    early: &Early,
) {
    while let Ok(place) = hold.reserve().await {
        match listener.accept().await {
            // On a socket for both families IPv4 peers look like ::ffff:192.0.2.1.
            Ok((tcp, peer)) => match (Unadmitted::new(tcp), canonical(peer)) {
                (tcp, peer) if early.keeps(peer) => place.send(Ok((tcp, peer))),
                (tcp, peer) => refuse(tcp, peer),
            },
            Err(error) if is_passing(&error) => sleep(PAUSE).await,
            Err(error) => {
                place.send(Err(error));
                return;
            }
        }
    }
}

/// What counts as one source: an IPv4 address, or the /64 of an IPv6 address, which one host owns whole.
pub fn source(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

/// An IPv4 address that came in an IPv6 one's clothes is itself again.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// True for errors of one connection, or of a moment without free descriptors; others break the listener.
fn is_passing(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let passing = [
        Errno::CONNABORTED,
        Errno::INTR,
        Errno::PROTO,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::PERM,
    ];
    error.raw_os_error().is_some_and(|code| passing.iter().any(|errno| errno.raw_os_error() == code))
}

/// Nothing is sent to a stranger but the end of the connection, a reset.
fn refuse(tcp: Unadmitted, peer: SocketAddr) {
    tracing::debug!(%peer, "a stranger on the passive port");
    drop(tcp);
}

/// Whether somebody may be let in, as far as that is known before a transfer command comes.
pub type Welcome = Box<dyn Fn(SocketAddr) -> bool + Send + Sync>;

/// Who came before anybody asked for a connection.
struct Early {
    /// A transfer command has come: everybody is passed on to its [`Admission`].
    asked: AtomicBool,
    strangers: Mutex<Strangers>,
    welcome: Welcome,
}

/// Those who were dropped.
#[derive(Clone, Copy, Default)]
struct Strangers {
    count: u64,
    first: Option<SocketAddr>,
}

impl Strangers {
    fn add(&mut self, peer: SocketAddr) {
        self.count += 1;
        self.first.get_or_insert(peer);
    }
}

impl Early {
    fn keeps(&self, peer: SocketAddr) -> bool {
        if self.asked.load(Ordering::Relaxed) || (self.welcome)(peer) {
            return true;
        }
        let mut strangers = self.strangers.lock().expect("no holder panics");
        // Somebody may have begun to ask meanwhile, who counts only those before: this one is for the admission.
        let asked = self.asked.load(Ordering::Relaxed);
        if !asked {
            strangers.add(peer);
        }
        asked
    }

    /// From now on somebody asks; the strangers so far.
    fn ask(&self) -> Strangers {
        let strangers = self.strangers.lock().expect("no holder panics");
        self.asked.store(true, Ordering::Relaxed);
        *strangers
    }
}

impl std::fmt::Debug for Early {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Early").field("asked", &self.asked).finish_non_exhaustive()
    }
}

/// A passive port that lives for one transfer.
#[derive(Debug)]
pub struct PassiveListener {
    address: SocketAddr,
    held: mpsc::Receiver<io::Result<(Unadmitted, SocketAddr)>>,
    early: Arc<Early>,
    acceptor: AbortHandle,
}

impl Drop for PassiveListener {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

/// Tells whether a [`PassiveListener`]'s port is still open.
#[derive(Clone, Debug)]
pub struct Lifeline(AbortHandle);

impl Lifeline {
    /// False once its time is over, or its peer is there.
    pub fn is_open(&self) -> bool {
        !self.0.is_finished()
    }
}

/// Whom to let in, and how, once the transfer command has come.
pub struct Admission<'a> {
    /// Asked for each connection, before any byte is sent to it.
    pub admit: &'a (dyn Fn(SocketAddr) -> bool + Send + Sync),
    /// The handshake that the data connection needs; `None` is clear.
    pub tls: Option<DataTls>,
    /// When to give up.
    pub deadline: Instant,
    /// When to give up once a stranger has come, if that is earlier: whoever was meant to come has mostly come by
    /// then, and the client should hear soon that it was not let in.
    pub deadline_after_stranger: Instant,
    /// Where the bytes will be counted.
    pub meter: Meter,
}

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// Nobody came in time.
    #[error("nobody connected in time")]
    NobodyCame,
    /// Strangers came, and nobody else.
    #[error("only strangers connected ({strangers} in all, the first from {first})")]
    OnlyStrangers {
        /// How many.
        strangers: u64,
        /// The first one's address.
        first: SocketAddr,
    },
    /// The peers that came failed their handshakes; this is the last one.
    #[error("handshake with {peer}: {error}")]
    Handshake {
        /// Who it was.
        peer: SocketAddr,
        /// What went wrong.
        error: HandshakeError,
    },
    /// The peers that came were gone again, with a reset, before anybody asked for them; this is the last
    /// one.
    #[error("{peer} has broken its connection off: {error}")]
    Lost {
        /// Who it was.
        peer: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The listener itself broke.
    #[error(transparent)]
    Listen(#[from] io::Error),
}

impl PassiveListener {
    /// Tells whether the port is still open, for as long as anybody wants to know.
    pub fn lifeline(&self) -> Lifeline {
        Lifeline(self.acceptor.clone())
    }

    /// The address that is listened on.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The first connection that `admission` lets in and whose handshake succeeds; the port is closed
    /// then. One that is gone already, or does not resume where it must, counts as a failed handshake. Strangers are dropped and the port keeps listening, until its lifetime or the deadline is
    /// over. Handshakes: five seconds each, four at a time per source address (IPv6: per /64), eight
    /// in all; beyond that the slowest one makes room.
    ///
    /// # Errors
    ///
    /// When the deadline has come, or the port's lifetime is over and nobody is left to wait for.
    pub async fn admit(&mut self, admission: Admission<'_>) -> Result<DataStream, AdmitError> {
        let admitted = admit::first_in(&mut self.held, admission, self.early.ask()).await;
        if admitted.is_ok() {
            self.acceptor.abort();
            self.held.close();
            while self.held.try_recv().is_ok() {}
        }
        admitted
    }
}

/// Takes over a connection that we opened: handshake if asked for, then ready for data.
///
/// # Errors
///
/// When the handshake fails or the deadline comes.
pub async fn secure(
    tcp: TcpStream,
    tls: Option<DataTls>,
    deadline: Instant,
    meter: Meter,
) -> Result<DataStream, HandshakeError> {
    match tls {
        None => Ok(DataStream::from_tcp(tcp, meter)?),
        Some(tls) => match timeout_at(deadline, handshake(Unadmitted::new(tcp), tls, meter)).await {
            Ok(secured) => secured,
            Err(_) => Err(HandshakeError::TimedOut),
        },
    }
}

async fn handshake(mut tcp: Unadmitted, tls: DataTls, meter: Meter) -> Result<DataStream, HandshakeError> {
    let peer = tcp.socket().peer_addr()?;
    // The flights are small, and each waits for the one before.
    tcp.socket().set_nodelay(true)?;
    match tls.handshake(tcp.socket()).await {
        Ok(secured) => Ok(DataStream::new(tcp.admit(), peer, Some(secured), meter)?),
        // The handshake itself went well, so that an orderly end would look like an empty file.
        Err(error @ (HandshakeError::NotResumed | HandshakeError::Unproven(_))) => Err(error),
        Err(error) => {
            // An alert is on its way, which a reset would take along.
            drop(tcp.admit());
            Err(error)
        }
    }
}

/// A socket that has not become a data connection. Dropped, it is reset: an orderly end would look like an empty
/// file to a peer that waits for one, or has one ready.
#[derive(Debug)]
struct Unadmitted(Option<TcpStream>);

impl Unadmitted {
    fn new(tcp: TcpStream) -> Self {
        Unadmitted(Some(tcp))
    }

    fn socket(&mut self) -> &mut TcpStream {
        self.0.as_mut().expect("it is taken out once, by value")
    }

    /// The socket, which from now on ends as its owner says.
    fn admit(mut self) -> TcpStream {
        self.0.take().expect("it is taken out once, by value")
    }
}

impl Drop for Unadmitted {
    fn drop(&mut self) {
        if let Some(tcp) = &self.0 {
            let _ = socket2::SockRef::from(tcp).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Connections that are held before anybody asks for them.
const HELD: usize = 8;

/// Connections that wait in the kernel, once eight are held: a crowd that says nothing must not keep the right peer
/// out, and one who finds the queue full comes again a second later at the earliest.
const BACKLOG: i32 = 256;

/// Control connections that wait for the server in the kernel: a burst of clients.
const CONTROL_BACKLOG: i32 = 1024;

/// Random draws before all ports of the range are tried in turn.
const DRAWS: usize = 64;

/// Before accepting is tried again when the process is out of descriptors.
const PAUSE: Duration = Duration::from_millis(50);
