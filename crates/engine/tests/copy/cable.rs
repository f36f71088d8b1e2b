//! A control connection that can be cut, and that can hide what a server offers.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use fxp_engine::url::Address;

use crate::world::USER;

/// A control connection that is cut once, in place of the first reply that begins with a text. Only one
/// that has carried a PASV or PORT is cut, if the text is a transfer's.
pub(crate) struct Cable {
    pub(crate) address: SocketAddr,
    pub(crate) cut: Arc<AtomicBool>,
}

impl Cable {
    /// Cut in place of `text`.
    pub(crate) fn to(server: SocketAddr, text: &'static str) -> Self {
        Cable::lay(server, Some(text))
    }

    /// Never cut; but the server seems to compute no digests, and to limit no speed.
    pub(crate) fn without_digests(server: SocketAddr) -> Self {
        Cable::lay(server, None)
    }

    /// Never cut, but the server seems not to notice what becomes of what it sends, as some do: a data connection that broke is
    /// told as one that ended well.
    pub(crate) fn unaware(server: SocketAddr) -> Self {
        Cable::through(server, |server, mut client, _| {
            let mut lines = BufReader::new(&server);
            let mut line = Vec::new();
            while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
                if line.starts_with(b"425 ") || line.starts_with(b"426 ") {
                    line = b"226 sent\r\n".to_vec();
                }
                if client.write_all(&line).is_err() {
                    break;
                }
                line.clear();
            }
            let _ = client.shutdown(std::net::Shutdown::Both);
        })
    }

    /// Cut again and again, in place of each reply whose number (of all connections together) is a multiple of
    /// `each`.
    pub(crate) fn fraying(server: SocketAddr, each: u64) -> Self {
        let replies = AtomicU64::new(0);
        Cable::through(server, move |server, client, cuts| {
            fray(&server, client, || {
                let fatal = replies.fetch_add(1, Relaxed) % each == each - 1;
                cuts.fetch_or(fatal, Relaxed);
                fatal
            });
        })
    }

    /// Never cut, but it takes a while until a client is greeted. The number tells how many waited for that at most.
    pub(crate) fn with_a_slow_door(server: SocketAddr) -> (Self, Arc<AtomicUsize>) {
        let (waiting, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let told = most.clone();
        let cable = Cable::through(server, move |server, mut client, _| {
            told.fetch_max(waiting.fetch_add(1, Relaxed) + 1, Relaxed);
            std::thread::sleep(SLOW);
            waiting.fetch_sub(1, Relaxed);
            let _ = std::io::copy(&mut &server, &mut client);
            let _ = client.shutdown(std::net::Shutdown::Both);
        });
        (cable, most)
    }

    /// Never cut, but of all clients only the first `few` are greeted before the door is opened.
    pub(crate) fn with_a_door_for(server: SocketAddr, few: usize, door: Arc<AtomicBool>) -> Self {
        let clients = AtomicUsize::new(0);
        Cable::through(server, move |server, mut client, _| {
            if clients.fetch_add(1, Relaxed) >= few {
                while !door.load(Relaxed) {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            let _ = std::io::copy(&mut &server, &mut client);
            let _ = client.shutdown(std::net::Shutdown::Both);
        })
    }

    fn lay(server: SocketAddr, text: Option<&'static str>) -> Self {
        Cable::through(server, move |server, client, cuts| pass(server, client, text, cuts))
    }

    /// A cable that has `back` carry what the server says to the client, and note what it cuts.
    fn through(
        server: SocketAddr,
        back: impl Fn(TcpStream, TcpStream, &AtomicBool) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((server.ip(), 0)).expect("bound");
        let address = listener.local_addr().expect("bound");
        let (cut, back) = (Arc::new(AtomicBool::new(false)), Arc::new(back));
        let cuts = cut.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(server) else { return };
                let (home, forth) =
                    (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
                std::thread::spawn(move || std::io::copy(&mut &client, &mut &forth));
                let (cuts, back) = (cuts.clone(), back.clone());
                std::thread::spawn(move || back(server, home, &cuts));
            }
        });
        Cable { address, cut }
    }

    pub(crate) fn at(&self, path: &str) -> Address {
        format!("ftp://{USER}@{}/{path}", self.address).parse().expect("an address")
    }
}

/// Long enough for many to wait side by side.
const SLOW: Duration = Duration::from_millis(300);

/// Passes lines on, until one that ends a reply is fatal.
fn fray(server: &TcpStream, mut client: TcpStream, is_fatal: impl Fn() -> bool) {
    let mut lines = BufReader::new(server);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
        let ends = line.get(3) == Some(&b' ') && line[..3].iter().all(u8::is_ascii_digit);
        if (ends && is_fatal()) || client.write_all(&line).is_err() {
            break;
        }
        line.clear();
    }
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = server.shutdown(std::net::Shutdown::Both);
}

/// Passes lines on, until one is to be cut.
fn pass(server: TcpStream, mut client: TcpStream, text: Option<&str>, cuts: &AtomicBool) {
    let mut transfers = text.is_some_and(|text| text.starts_with("250 "));
    let mut lines = BufReader::new(&server);
    let mut line = Vec::new();
    while matches!(lines.read_until(b'\n', &mut line), Ok(1..)) {
        // The transfer's own 226, not the one of a listing before it.
        transfers |=
            line.starts_with(b"200 PORT") || line.starts_with(b"150 ") && line.windows(2).any(|w| w == b"/g");
        transfers |= line.starts_with(b"227 ") || line.starts_with(b"229 ");
        if transfers
            && text.is_some_and(|text| line.starts_with(text.as_bytes()))
            && !cuts.swap(true, Relaxed)
        {
            let _ = client.shutdown(std::net::Shutdown::Both);
            let _ = server.shutdown(std::net::Shutdown::Both);
            return;
        }
        let hidden = text.is_none() && is_extra(&line);
        if !hidden && client.write_all(&line).is_err() {
            return;
        }
        line.clear();
    }
    let _ = client.shutdown(std::net::Shutdown::Both);
}

/// True for a line of FEAT that offers a digest, or RATE.
fn is_extra(line: &[u8]) -> bool {
    let names: [&[u8]; 6] = [b" HASH", b" XCRC", b" XMD5", b" XSHA", b" MD5", b" RATE"];
    names.iter().any(|name| line.starts_with(name))
}
