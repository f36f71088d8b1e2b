//! A server that follows a script, line by line, and complains when the client does not.
//!
//! ```text
//! S: 220 Hello            is sent; {pasv} and {epsv} stand for the port that begins to listen now
//! C: USER anna            must come
//! >: tls                  the handshake of the control connection; PROT decides about data
//! >: give some text       accepts the data connection and sends the text (\n is a line end)
//! >: take some text       accepts the data connection and must be sent the text
//! >: hang up              closes the control connection
//! >: drip 200 Slowly      sends a reply byte by byte
//! ```

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use fxp_net::control::{Control, Received};
use fxp_net::data::{Sink, Source};
use fxp_net::listen::secure;
use fxp_net::meter::Meter;
use fxp_net::tls::{ServerSession, ServerTls};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A server in the course of its script.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    /// Begins to play `script` to the first client.
    pub(crate) async fn play(script: &str, tls: Option<ServerTls>) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = script.to_owned();
        let task = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            drop(listener);
            let control = Control::new(tcp, 4096).unwrap();
            let tls = tls.map(|tls| tls.session());
            let mut stage = Stage { control, tls, private: false, data: None };
            for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
                if !stage.play(line).await {
                    break;
                }
            }
        });
        Server { address, task }
    }

    /// The script has been played to its end.
    pub(crate) async fn done(self) {
        self.task.await.expect("the script is followed");
    }
}

struct Stage {
    control: Control,
    tls: Option<ServerSession>,
    private: bool,
    data: Option<TcpListener>,
}

impl Stage {
    /// Plays one line; false if the script ends with it.
    async fn play(&mut self, line: &str) -> bool {
        let (who, text) = line.split_once(": ").unwrap_or((line, ""));
        match who {
            "S" => self.say(text).await,
            "C" => self.hear(text).await,
            ">" => return self.act(text).await,
            other => panic!("nobody is called {other}"),
        }
        true
    }

    async fn say(&mut self, text: &str) {
        let mut text = text.to_owned();
        for (word, extended) in [("{pasv}", false), ("{epsv}", true)] {
            if text.contains(word) {
                text = text.replace(word, &self.listen(extended).await);
            }
        }
        self.control.queue(text.as_bytes());
        self.control.queue(b"\r\n");
        self.control.flush().await.unwrap();
    }

    async fn listen(&mut self, extended: bool) -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        self.data = Some(listener);
        if extended {
            return format!("(|||{port}|)");
        }
        // An address where nobody is: the client must not believe it.
        format!("(192,0,2,1,{},{})", port >> 8, port & 255)
    }

    async fn hear(&mut self, expected: &str) {
        match self.control.receive().await.unwrap() {
            Received::Line(line) => assert_eq!(String::from_utf8_lossy(&line), expected),
            other => panic!("expected {expected}, got {other:?}"),
        }
        match expected {
            "PROT P" => self.private = true,
            "PROT C" => self.private = false,
            _ => {}
        }
    }

    async fn act(&mut self, text: &str) -> bool {
        match text.split_once(' ').unwrap_or((text, "")) {
            ("tls", _) => {
                let session = self.tls.as_ref().expect("a script with TLS has an identity");
                // A client that does not trust us breaks off; the test looks at its error.
                if self.control.secure_as_server(session).await.is_err() {
                    return false;
                }
            }
            ("give", text) => self.give(&text.replace("\\n", "\r\n")).await,
            ("take", text) => self.take(text).await,
            ("hang", "up") => return false,
            ("drip", text) => self.drip(text).await,
            (other, _) => panic!("no server can {other}"),
        }
        true
    }

    async fn accept(&mut self) -> fxp_net::data::DataStream {
        let listener = self.data.take().expect("something listens");
        let (tcp, _) = listener.accept().await.unwrap();
        let tls = self.tls.as_ref().filter(|_| self.private).map(ServerSession::data);
        secure(tcp, tls, Instant::now() + Duration::from_secs(10), Meter::default()).await.unwrap()
    }

    async fn give(&mut self, text: &str) {
        let data = self.accept().await;
        let mut bytes = Bytes(text.as_bytes().to_vec());
        let send = move || data.send(&mut bytes, 0, None, &Arc::new(AtomicU64::new(0)));
        // A client that breaks off is a test's business, not ours.
        let _ = tokio::task::spawn_blocking(send).await.unwrap();
    }

    async fn take(&mut self, expected: &str) {
        let data = self.accept().await;
        let receive = move || {
            let mut bytes = Bytes(Vec::new());
            data.receive(&mut bytes, &Arc::new(AtomicU64::new(0))).map(|_| bytes.0)
        };
        let taken = tokio::task::spawn_blocking(receive).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&taken), expected);
    }

    async fn drip(&mut self, text: &str) {
        for byte in text.bytes().chain(*b"\r\n") {
            self.control.queue(&[byte]);
            self.control.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
    }
}

/// Bytes in memory, as where data comes from and where it goes.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Source for Bytes {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let start = usize::try_from(offset).unwrap().min(self.0.len());
        let length = buffer.len().min(self.0.len() - start);
        buffer[..length].copy_from_slice(&self.0[start..start + length]);
        Ok(length)
    }
}

impl Sink for Bytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}
