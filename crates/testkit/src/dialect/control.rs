//! One control connection: lines in, replies out in the dialect's shape, and the news of a transfer that
//! runs beside it.

use std::io;
use std::sync::Arc;

use fxp_net::control::{Control, Received};
use fxp_net::tls::{ServerSession, ServerTls};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::yield_now;

use super::Wire;
use super::listen::Slot;
use super::peer::Shared;
use super::transfer::{Announcement, News, Running};

/// A session and its state.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) number: u32,
    pub(super) control: Control,
    pub(super) tls: Option<ServerSession>,
    /// The name of who is logging in, or is logged in.
    pub(super) user: Option<String>,
    pub(super) logged_in: bool,
    pub(super) buffer_size: bool,
    /// PROT P.
    pub(super) private: bool,
    /// TYPE I.
    pub(super) image: bool,
    /// REST.
    pub(super) restart: u64,
    /// SSCN ON, or what a sticky CPSV left behind.
    pub(super) client_role: bool,
    /// CPSV's role where it waits for a transfer.
    pub(super) armed: bool,
    /// CEPR ON, EPSV EXTENDED.
    pub(super) extended: bool,
    /// PRET.
    pub(super) announced: Option<Announcement>,
    pub(super) slot: Slot,
    /// The working directory, absolute.
    pub(super) inside: String,
    /// RNFR.
    pub(super) rename_from: Option<String>,
    /// Files that were begun.
    pub(super) transfers: u32,
    /// Those of them that were sent.
    pub(super) sent: u32,
    /// Transfers that were begun, listings too.
    pub(super) begun: u32,
    pub(super) running: Option<Running>,
    pub(super) tell: mpsc::UnboundedSender<News>,
    news: mpsc::UnboundedReceiver<News>,
    out: Vec<u8>,
}

/// What becomes of the session behind a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It goes on.
    Stay,
    /// The handshake, then it goes on.
    StartTls,
    /// It ends.
    HangUp,
}

/// Serves one client to its end.
pub(super) async fn serve(tcp: TcpStream, shared: Arc<Shared>, number: u32) {
    let Ok(control) = Control::new(tcp, LONGEST_COMMAND) else { return };
    let (tell, news) = mpsc::unbounded_channel();
    let mut session = Session {
        shared,
        number,
        control,
        tls: None,
        user: None,
        logged_in: false,
        buffer_size: false,
        private: false,
        image: false,
        restart: 0,
        client_role: false,
        armed: false,
        extended: false,
        announced: None,
        slot: Slot::Empty,
        inside: "/".to_owned(),
        rename_from: None,
        transfers: 0,
        sent: 0,
        begun: 0,
        running: None,
        tell,
        news,
        out: Vec::new(),
    };
    session.greet();
    if let Err(error) = session.run().await {
        session.shared.note(number, '!', &error.to_string());
    }
    if let Some(running) = session.running.take() {
        running.stop();
    }
    let _ = session.flush().await;
    session.control.close().await;
}

impl Session {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            self.flush().await?;
            let next = tokio::select! {
                received = self.control.receive() => match received? {
                    Received::Line(line) => self.hear(&String::from_utf8_lossy(&line)).await,
                    Received::TooLong | Received::BadBytes => self.say("500 Line not understood"),
                    Received::End => return Ok(()),
                },
                Some(news) = self.news.recv() => self.learn(news),
            };
            match next {
                Next::Stay => {}
                Next::HangUp => return Ok(()),
                Next::StartTls => self.secure().await?,
            }
        }
    }

    async fn secure(&mut self) -> io::Result<()> {
        self.flush().await?;
        let Some(tls) = &self.shared.tls else { return Err(io::ErrorKind::Unsupported.into()) };
        let session = match self.shared.setup.demand_reuse {
            true => tls.session().demanding_resumption(),
            false => tls.session(),
        };
        self.control.secure_as_server(&session).await.map_err(io::Error::other)?;
        self.tls = Some(self.shared.other_tls.as_ref().map_or(session, ServerTls::session));
        Ok(())
    }

    /// What the running transfer reports; news of one that was aborted come too late.
    fn learn(&mut self, news: News) -> Next {
        match news {
            News::Begun(id, words) if self.runs(id) => self.say(words),
            News::Ended(id, words, next) if self.runs(id) => {
                self.running = None;
                self.say(&words);
                next
            }
            News::Begun(..) | News::Ended(..) => Next::Stay,
        }
    }

    fn runs(&self, id: u32) -> bool {
        self.running.as_ref().is_some_and(|running| running.id == id)
    }

    /// Queues a reply, or one line of it.
    pub(super) fn say(&mut self, text: &str) -> Next {
        self.shared.note(self.number, '>', text);
        let wire = self.shared.dialect.wire;
        let code = text.get(..3).unwrap_or_default();
        match wire {
            Wire::Telnet => self.out.extend_from_slice(TELNET_NOP),
            // Of a reply of several lines only the last one has a blank behind its code.
            Wire::Long if text.as_bytes().get(3) == Some(&b' ') && code != "227" && code != "229" => {
                self.out.extend_from_slice(format!("{code}-{}\r\n", "X-DUPE: a ".repeat(500)).as_bytes());
            }
            _ => {}
        }
        let end: &[u8] = if wire == Wire::LineFeeds { b"\n" } else { b"\r\n" };
        for line in text.split("\r\n") {
            self.out.extend_from_slice(line.as_bytes());
            // Not where the text is a name or a number.
            if wire == Wire::Latin1 && matches!(code, "220" | "226" | "230" | "250" | "150") {
                self.out.extend_from_slice(b" caf\xe9");
            }
            self.out.extend_from_slice(end);
        }
        Next::Stay
    }

    /// The command is not known.
    pub(super) fn unknown(&mut self, verb: &str) -> Next {
        self.say(&format!("500 '{verb}': command not understood"))
    }

    async fn flush(&mut self) -> io::Result<()> {
        let out = std::mem::take(&mut self.out);
        let piece = if self.shared.dialect.wire == Wire::Dripping { 1 } else { out.len().max(1) };
        for bytes in out.chunks(piece) {
            self.control.queue(bytes);
            self.control.flush().await?;
            yield_now().await;
        }
        Ok(())
    }
}

/// The longest command line, in bytes.
const LONGEST_COMMAND: usize = 8 * 1024;

/// IAC NOP (RFC 854).
const TELNET_NOP: &[u8] = &[255, 241];
