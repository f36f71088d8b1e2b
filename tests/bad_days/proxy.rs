//! A control connection that can be lost at a chosen moment: a relay of lines between `fxp` and a server, at
//! the server's own address and another port. Data connections do not come this way.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// The relay; it ends when dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    over: AtomicBool,
    /// Both halves of every connection.
    open: Mutex<Vec<TcpStream>>,
    plan: Mutex<Plan>,
}

/// What is to be lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plan {
    Nothing,
    /// The end of a transfer that was not asked for yet.
    Armed,
    /// The end of the one that runs.
    Running,
}

impl Proxy {
    /// In front of `server`.
    pub(crate) fn before(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind((server.ip(), 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            server,
            over: AtomicBool::new(false),
            open: Mutex::default(),
            plan: Mutex::new(Plan::Nothing),
        });
        let accepting = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.over.load(SeqCst) {
                    return;
                }
                accepting.clone().join(client);
            }
        });
        Proxy { address, shared }
    }

    /// Loses all connections that are open now; new ones are welcome.
    pub(crate) fn cut(&self) {
        self.shared.cut();
    }

    /// The last reply to the next STOR or RETR of the file does not come through, and its connection is lost.
    pub(crate) fn lose_transfer_end(&self) {
        *self.shared.plan.lock().expect("a lock") = Plan::Armed;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, SeqCst);
        self.cut();
        // Wakes the one who accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn cut(&self) {
        for stream in self.open.lock().expect("a lock").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Joins a client with the server.
    fn join(self: Arc<Self>, client: TcpStream) {
        let Ok(server) = TcpStream::connect(self.server) else { return };
        let clone = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
        self.open.lock().expect("a lock").extend([clone(&client), clone(&server)]);
        let (up, down) = (self.clone(), self);
        let (from_client, to_server) = (clone(&client), clone(&server));
        let asked = up.clone();
        std::thread::spawn(move || up.relay(from_client, to_server, |line| asked.hears_command(line)));
        let told = down.clone();
        std::thread::spawn(move || down.relay(server, client, |line| told.hears_reply(line)));
    }

    /// Notes that a transfer is asked for; no command is fatal.
    fn hears_command(&self, line: &[u8]) -> bool {
        let mut plan = self.plan.lock().expect("a lock");
        if *plan == Plan::Armed && is_transfer(line) {
            *plan = Plan::Running;
        }
        false
    }

    /// True for the reply that is to be lost.
    fn hears_reply(&self, line: &[u8]) -> bool {
        let mut plan = self.plan.lock().expect("a lock");
        let fatal = *plan == Plan::Running && line.starts_with(b"226");
        if fatal {
            *plan = Plan::Nothing;
        }
        fatal
    }

    /// Passes lines on until one of both is gone, or a line is fatal.
    fn relay(&self, from: TcpStream, mut to: TcpStream, is_fatal: impl Fn(&[u8]) -> bool) {
        let mut lines = BufReader::new(&from);
        let mut line = Vec::new();
        loop {
            line.clear();
            let more = lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0);
            if !more || is_fatal(&line) || to.write_all(&line).is_err() {
                break;
            }
        }
        for stream in [&from, &to] {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// The transfer of a story's file, not of the empty one by which renaming is tried.
fn is_transfer(line: &[u8]) -> bool {
    line.ends_with(b"copy.fxp-part\r\n") && line.starts_with(b"STOR ") || line.starts_with(b"RETR ")
}
