//! A link that is cut: everything on it stands still, nobody is told, and what comes anew finds nobody. Other cables
//! (`cable`) lose a connection; here both ends go on believing in it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};

use fxp_engine::url::Address;
use tokio::sync::watch;

use crate::world::USER;

/// Whether packets come through; all lines of a network share it.
#[derive(Clone)]
pub(crate) struct Weather {
    storm: Arc<(Mutex<bool>, Condvar)>,
    /// Bytes of data until the storm.
    calm: Arc<AtomicU64>,
    /// True from the moment of the storm on.
    pub(crate) broken: watch::Sender<bool>,
}

/// The way to a server: its control connections, and the data connections that come to it.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
}

impl Weather {
    /// Fine, until so many bytes of data have come through; then nothing does.
    pub(crate) fn calm_for(bytes: u64) -> Self {
        Weather { storm: Arc::default(), calm: Arc::new(bytes.into()), broken: watch::Sender::new(false) }
    }

    /// So many bytes of data have come through.
    fn passed(&self, bytes: usize) {
        let bytes = bytes as u64;
        let before = self.calm.fetch_update(Relaxed, Relaxed, |calm| Some(calm.saturating_sub(bytes)));
        if before.unwrap_or_default() <= bytes && !*self.broken.borrow() {
            *self.storm.0.lock().expect("not poisoned") = true;
            self.broken.send_replace(true);
        }
    }

    /// Everything comes through again, what stood still first.
    pub(crate) fn heal(&self) {
        *self.storm.0.lock().expect("not poisoned") = false;
        self.storm.1.notify_all();
    }

    fn wait(&self) {
        let (storm, changed) = &*self.storm;
        let storm = storm.lock().expect("not poisoned");
        drop(changed.wait_while(storm, |storm| *storm).expect("not poisoned"));
    }
}

impl Line {
    /// The way to `server`, which speaks in clear.
    pub(crate) fn to(server: SocketAddr, weather: &Weather) -> Line {
        let weather = weather.clone();
        let hears = weather.clone();
        let told = move |from: TcpStream, to: TcpStream| pass_replies(&from, to, &weather);
        Line { address: listen(server, false, hears, told) }
    }

    pub(crate) fn at(&self, path: &str) -> Address {
        format!("ftp://{USER}@{}/{path}", self.address).parse().expect("an address")
    }
}

/// Listens beside `server` for connections to it; `back` carries what it says.
fn listen(
    server: SocketAddr,
    is_data: bool,
    weather: Weather,
    back: impl Fn(TcpStream, TcpStream) + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind((server.ip(), 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (weather, back) = (weather.clone(), back.clone());
            std::thread::spawn(move || {
                weather.wait();
                let Ok(server) = TcpStream::connect(server) else { return };
                let twin = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
                let (home, out) = (twin(&client), twin(&server));
                std::thread::spawn(move || back(out, home));
                pass_bytes(client, server, &weather, is_data);
            });
        }
    });
    address
}

fn pass_bytes(mut from: TcpStream, mut to: TcpStream, weather: &Weather, is_data: bool) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).unwrap_or_default();
        weather.wait();
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            let _ = to.shutdown(std::net::Shutdown::Write);
            let _ = from.shutdown(std::net::Shutdown::Read);
            return;
        }
        if is_data {
            weather.passed(read);
        }
    }
}

/// Passes replies on; whoever is told to connect to the server comes by way of a line, too.
fn pass_replies(from: &TcpStream, mut to: TcpStream, weather: &Weather) {
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
        weather.wait();
        if let Some(target) = passive(&line) {
            let hears = weather.clone();
            let back = {
                let weather = weather.clone();
                move |from: TcpStream, to: TcpStream| pass_bytes(from, to, &weather, true)
            };
            let port = listen(target, true, hears, back).port();
            let ip = target.ip().to_string().replace('.', ",");
            line = format!("227 Entering Passive Mode ({ip},{},{})\r\n", port / 256, port % 256).into_bytes();
        }
        if to.write_all(&line).is_err() {
            break;
        }
        line.clear();
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
    let _ = from.shutdown(std::net::Shutdown::Both);
}

/// Where a 227 says that the server listens.
fn passive(line: &[u8]) -> Option<SocketAddr> {
    let line = std::str::from_utf8(line).ok()?.strip_prefix("227 ")?;
    let numbers = line.split_once('(')?.1.split_once(')')?.0;
    let numbers: Vec<u8> = numbers.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [a, b, c, d, high, low] = numbers[..] else { return None };
    Some(SocketAddr::new(IpAddr::from([a, b, c, d]), u16::from_be_bytes([high, low])))
}
