//! A man in the middle of control connections: he passes lines on between `fxp` and a real server, at the
//! server's own address and another port, and does to them what he likes. Data connections do not come his way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

/// The man; he goes when dropped.
pub(crate) struct Between {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    /// What he answers in the server's place, by the first word of the command.
    instead: Vec<(&'static str, &'static str)>,
    active: AtomicBool,
    over: AtomicBool,
    heard: Mutex<Vec<u8>>,
}

impl Between {
    /// In front of `server`; until he is told to attack he changes nothing.
    pub(crate) fn before(server: SocketAddr, instead: &[(&'static str, &'static str)]) -> Between {
        let listener = TcpListener::bind((server.ip(), 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            server,
            instead: instead.to_vec(),
            active: AtomicBool::new(false),
            over: AtomicBool::new(false),
            heard: Mutex::default(),
        });
        let (accepting, own) = (shared.clone(), listener.try_clone().expect("a descriptor"));
        std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if accepting.over.load(SeqCst) {
                    return;
                }
                let shared = accepting.clone();
                std::thread::spawn(move || shared.join(client));
            }
        });
        Between { address, listener: own, shared }
    }

    /// From now on new connections are attacked.
    pub(crate) fn attack(&self) {
        self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.shared.active.store(true, SeqCst);
    }

    /// Every byte that came from the client since then.
    pub(crate) fn heard(&self) -> String {
        let heard = self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&heard).into_owned()
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.shared.over.store(true, SeqCst);
        // Wakes the one who accepts, whatever host he is on.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
    }
}

impl Shared {
    fn join(self: Arc<Self>, client: TcpStream) {
        let Ok(server) = TcpStream::connect(self.server) else { return };
        let clone = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
        let (from_server, to_client) = (clone(&server), clone(&client));
        std::thread::spawn(move || pass(from_server, to_client));
        if self.active.load(SeqCst) {
            self.attack(clone(&client), clone(&server));
        } else {
            pass(clone(&client), clone(&server));
        }
        for stream in [&client, &server] {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Passes the client's lines on, but for those that he answers himself.
    fn attack(&self, mut client: TcpStream, mut server: TcpStream) {
        let mut lines = BufReader::new(client.try_clone().expect("a descriptor"));
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            self.heard.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&line);
            let text = String::from_utf8_lossy(&line).trim_end().to_ascii_uppercase();
            let own = self.instead.iter().find(|(verb, _)| text.split(' ').next() == Some(verb));
            let passed = match own {
                Some((_, reply)) => client.write_all(format!("{reply}\r\n").as_bytes()),
                None => server.write_all(&line),
            };
            if passed.is_err() {
                return;
            }
            line.clear();
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(count) = from.read(&mut buffer)
        && count > 0
        && to.write_all(&buffer[..count]).is_ok()
    {}
    let _ = to.shutdown(Shutdown::Both);
}
