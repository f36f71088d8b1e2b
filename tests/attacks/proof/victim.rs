//! The victim: an `fxpd` as it comes, and a session of a user who has introduced another server to it.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

use super::end::{End, Part};
use crate::server::{Server, Settings};
use crate::server_side::stage::fxpd;
use crate::server_side::wire::{Client, PATIENCE, Tls, port_argument};

/// What lies there before, and what the right peer brings.
pub(crate) const BEFORE: &[u8] = b"what was there before";
pub(crate) const RIGHT: &[u8] = b"what the right peer sends";

/// An `fxpd` as it comes.
pub(crate) fn start() -> Server {
    started(Settings { closed: true, ..Settings::default() })
}

/// The same, but it gives data connections up after a second: for attacks that must fail.
pub(crate) fn start_impatient() -> Server {
    let top = "[limits]\ndata_timeout = 1\nforeign_timeout = 1\n";
    started(Settings { closed: true, top, ..Settings::default() })
}

/// One that knows nothing of PEER, as far as anybody can tell: it has a rule for every server of a test.
pub(crate) fn start_legacy() -> Server {
    started(Settings::default())
}

fn started(settings: Settings<'_>) -> Server {
    let server = fxpd(settings);
    put_back(&server);
    server
}

/// As it was before any attack.
pub(crate) fn put_back(server: &Server) {
    for name in ["in", "out"] {
        std::fs::write(server.file(name), BEFORE).expect("a file");
    }
}

/// A user of it.
pub(crate) fn user(server: &Server) -> Client {
    Client::private(server.address, &Tls::newest())
}

/// One transfer of the victim's, as the attacker sees it.
pub(crate) struct Transfer<'a> {
    pub(crate) client: &'a mut Client,
    /// What the *attacker* would have to be.
    pub(crate) part: Part,
    meeting: Meeting,
}

/// Where the two meet.
enum Meeting {
    /// The victim listens.
    At(SocketAddr),
    /// The attacker does.
    Here(TcpListener),
}

impl<'a> Transfer<'a> {
    /// Prepares it: PEER has been said. The victim listens, or connects to the attacker.
    pub(crate) fn prepare(client: &'a mut Client, part: Part, victim_listens: bool) -> Transfer<'a> {
        let speaks = part.other().tls == "client";
        client.expect(if speaks { "SSCN ON" } else { "SSCN OFF" }, "200");
        let meeting = if victim_listens {
            Meeting::At(client.passive())
        } else {
            let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a listener");
            let address = listener.local_addr().expect("an address");
            client.expect(format!("PORT {}", port_argument(address)), "200");
            Meeting::Here(listener)
        };
        Transfer { client, part, meeting }
    }

    /// Says STOR or RETR, and does not wait.
    pub(crate) fn begin(&mut self) {
        self.client.say(if self.part.file == "source" { "STOR in" } else { "RETR out" });
    }

    /// A connection with the victim.
    pub(crate) fn meet(&self) -> io::Result<TcpStream> {
        let tcp = match &self.meeting {
            Meeting::At(address) => crate::server_side::wire::dial(*address, None)?,
            Meeting::Here(listener) => listener.accept()?.0,
        };
        tcp.set_read_timeout(Some(PATIENCE))?;
        Ok(tcp)
    }

    /// The same, with the handshake done.
    pub(crate) fn shake(&self) -> io::Result<End> {
        End::over(self.meet()?, self.part.tls, &["fxp-data/1"])
    }

    /// The last reply.
    pub(crate) fn end(self) -> String {
        self.client.last_reply()
    }
}

/// What the destination would hold if the attack had changed nothing.
#[track_caller]
pub(crate) fn untouched(server: &Server, how: &str) {
    assert_eq!(std::fs::read(server.file("in")).expect("a file"), BEFORE, "{how}");
}

/// What a failed proof sounds like.
#[track_caller]
pub(crate) fn refused(reply: &str, how: &str) {
    assert!(reply.starts_with("425 "), "{how}: {reply}");
}
