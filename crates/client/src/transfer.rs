//! Two-party transfers: a data connection between us and the server.
//!
//! We listen nowhere: the server does, and we connect. The address in its reply is not believed (a
//! malicious one would make us connect to somebody else, CVE-2020-8284): the control connection's peer
//! is meant, except where PRET says that the data may be on another host.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fxp_net::data::{DataError, DataStream, Sink};
use fxp_net::dial;
use fxp_net::listen::secure;
use fxp_net::meter::Meter;
use fxp_net::tls::{DataTls, HandshakeError};
use fxp_proto::client::request::{Answer, Passive, Request, RequestId, Setting};
use fxp_proto::grammar::command::Command;
use fxp_proto::grammar::params::{Protection, TlsRole, TransferType};
use fxp_proto::grammar::reply::Reply;
use fxp_proto::grammar::verb::Verb;
use fxp_proto::pair::address;
use fxp_proto::pair::job::LegFacts;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::error::{SessionError, result};
use crate::session::{Session, SessionEvent};

/// Bytes as they are.
pub(crate) const BINARY: Setting = Setting::Type(TransferType::Image);

/// How long the final reply may take once the data connection has ended: a server may have to write
/// out what it received, and some count or scan it first.
const ENDING: Duration = Duration::from_secs(300);

/// How long the server's own words are waited for when the data connection has failed.
const AFTERMATH: Duration = Duration::from_secs(5);

/// A transfer whose data connection is open; the caller moves the bytes (blocking, on a thread made
/// for it), then asks for the end by [`Session::finish_transfer`].
#[derive(Debug)]
pub struct Open {
    /// The data connection, TLS done.
    pub data: DataStream,
    /// What to wait for.
    pub request: RequestId,
}

impl Session {
    /// RETR from `offset`.
    ///
    /// # Errors
    ///
    /// Refused, lost, no data connection.
    pub async fn open_download(&mut self, path: &VPath, offset: u64) -> Result<Open, SessionError> {
        self.open(Command::new(Verb::Retr, path.to_text()), offset).await
    }

    /// STOR from `offset` (REST).
    ///
    /// # Errors
    ///
    /// Refused, lost, no data connection.
    pub async fn open_upload(&mut self, path: &VPath, offset: u64) -> Result<Open, SessionError> {
        if self.files == Protection::Private && self.tls.as_ref().is_some_and(|(tls, _)| tls.is_running_out())
        {
            self.fetch_ticket().await;
        }
        self.open(Command::new(Verb::Stor, path.to_text()), offset).await
    }

    /// Waits for the final reply of a transfer, after its data connection has ended.
    ///
    /// # Errors
    ///
    /// Refused, lost, timed out.
    pub async fn finish_transfer(&mut self, request: RequestId) -> Result<(), SessionError> {
        self.final_reply(request).await.map(drop)
    }

    /// Ends a transfer that nobody wants any more. Drop or cancel the data connection first: some
    /// servers hear ABOR only then. Afterwards the session is in step, or no longer usable.
    pub async fn abort_transfer(&mut self, request: RequestId) {
        let abort = self.ask(Request::Abort);
        // Its reply is the server's view of what we did; ours is known.
        let _ = self.answer_to(abort).await;
        let _ = self.answer_to(request).await;
    }

    /// Opens a listing for the sake of the TLS ticket that comes along. If that fails, so may an upload
    /// later, with the server's own words.
    async fn fetch_ticket(&mut self) {
        struct Enough;
        impl Sink for Enough {
            fn write(&mut self, _: &[u8]) -> std::io::Result<()> {
                Err(std::io::Error::other("the ticket is there"))
            }
        }
        let Ok(Open { data, request }) = self.open(Command::bare(Verb::List), 0).await else { return };
        let read = tokio::task::spawn_blocking(move || data.receive(&mut Enough, &Arc::default())).await;
        match read {
            Ok(Ok(_)) => drop(self.final_reply(request).await),
            _ => self.abort_transfer(request).await,
        }
    }

    /// A transfer that is open, its TLS done and its 150 received.
    pub(crate) async fn open(&mut self, command: Command, offset: u64) -> Result<Open, SessionError> {
        let protection = self.protection_of(command.verb);
        if self.demands_protection && protection == Protection::Clear {
            return Err(SessionError::Unprotected { during: command.to_string() });
        }
        self.settle_parameters(protection).await?;
        let target = self.listening(&command).await?;
        let during = command.to_string();
        let tcp = dial::data(Some(self.local.ip()), target, self.patience)
            .await
            .map_err(|error| SessionError::Data { during, error: DataError::Network(error) })?;
        match self.run(Request::Restart(offset)).await {
            // A server without REST starts at 0 anyway.
            Err(SessionError::Refused { .. }) if offset == 0 => {}
            answered => drop(answered?),
        }
        self.begin(command, tcp).await
    }

    /// The final reply of a transfer.
    pub(crate) async fn final_reply(&mut self, request: RequestId) -> Result<Reply, SessionError> {
        const DURING: &str = "the transfer";
        match timeout(ENDING, self.answer_to(request)).await {
            Ok(answer) => match result(answer, DURING)? {
                Answer::Reply(reply) if reply.code.is_completion() => Ok(reply),
                Answer::Reply(reply) => Err(SessionError::Nonsense { command: DURING.to_owned(), reply }),
                _ => Err(SessionError::Lost { during: DURING.to_owned() }),
            },
            Err(_) => {
                self.abort_transfer(request).await;
                Err(SessionError::TimedOut { during: DURING.to_owned() })
            }
        }
    }

    /// What an FXP copy, or CPSV on a server that does not forget it, may have left behind.
    async fn settle_parameters(&mut self, protection: Protection) -> Result<(), SessionError> {
        self.run(Request::Set(BINARY)).await?;
        match self.run(Request::Set(Setting::Protection(protection))).await {
            // A server that does not know PROT sends in clear (RFC 2228, 3).
            Err(error) if error.is_unsupported() && self.facts.protection == Protection::Clear => {}
            answered => drop(answered?),
        }
        match self.run(Request::Set(Setting::Role(TlsRole::Server))).await {
            Err(SessionError::Refused { .. }) => {}
            answered => drop(answered?),
        }
        // We prove nothing to the server; our own session with it is what it knows us by.
        self.run(Request::Set(Setting::Peer(None))).await.map(drop)
    }

    /// Makes the server listen, and tells where to connect.
    async fn listening(&mut self, command: &Command) -> Result<SocketAddr, SessionError> {
        let pret = self.facts.features.has("PRET");
        if pret {
            match self.command(Verb::Pret, announcement(command)).await {
                Err(error) if error.is_unsupported() => {}
                answered => drop(answered?),
            }
        }
        // PASV is what clusters know, and what tells on which of their machines the data is.
        let extended = self.peer.is_ipv6() || (self.facts.features.has("EPSV") && !pret);
        if extended && !self.habits.no_epsv {
            match self.run(Request::Passive(Passive::Epsv(None))).await {
                Err(SessionError::Refused { .. }) if self.peer.is_ipv4() => self.habits.no_epsv = true,
                answered => return self.target(answered?, pret),
            }
        }
        let answer = self.run(Request::Passive(Passive::Pasv)).await?;
        self.target(answer, pret)
    }

    fn target(&self, answer: Answer, pret: bool) -> Result<SocketAddr, SessionError> {
        let Answer::Listening { ip, port, .. } = answer else {
            return Err(SessionError::Lost { during: Verb::Pasv.name().to_owned() });
        };
        let peer = SocketAddr::new(self.peer.ip(), port);
        if !pret {
            return Ok(peer);
        }
        // Pure-FTPD offers PRET too, and has but one address, which NAT may have made unfit.
        Ok(elsewhere(self.peer.ip(), ip, port, self.local.ip()).unwrap_or(peer))
    }

    /// Sends the command and does the handshake at once: some servers finish TLS before their 150,
    /// others send it before they begin.
    async fn begin(&mut self, command: Command, tcp: TcpStream) -> Result<Open, SessionError> {
        let during = command.to_string();
        let (meter, protection) = (self.meter_of(command.verb), self.protection_of(command.verb));
        let request = self.ask(Request::Transfer(command));
        let deadline = Instant::now() + self.patience;
        let handshake = secure(tcp, self.data_tls(protection), deadline, meter);
        tokio::pin!(handshake);
        let (mut data, mut begun) = (None, false);
        loop {
            if let (Some(_), true) = (&data, begun)
                && let Some(data) = data.take()
            {
                return Ok(Open { data, request });
            }
            tokio::select! {
                secured = &mut handshake, if data.is_none() => match secured {
                    Ok(secured) => data = Some(secured),
                    Err(error) => return Err(self.no_handshake(request, during, error).await),
                },
                event = self.fresh_event(), if !begun => match event {
                    SessionEvent::Preliminary(id, _) if id == request => begun = true,
                    SessionEvent::Done(id, answer) if id == request => {
                        let answer = result(answer, &during)?;
                        // 226 at once: the data is on its way, or there is none.
                        self.keep(SessionEvent::Done(id, answer));
                        begun = true;
                    }
                    SessionEvent::Lost => return Err(SessionError::Lost { during }),
                    other => self.keep(other),
                },
            }
        }
    }

    /// Listings are no payload: the promise that no byte of a direct copy passes through here is about files.
    fn meter_of(&self, verb: Verb) -> Meter {
        if is_listing(verb) { Meter::default() } else { self.meter.clone() }
    }

    /// Nobody asks for names in clear: a listing is as safe as the login made it.
    fn protection_of(&self, verb: Verb) -> Protection {
        if is_listing(verb) { self.facts.protection } else { self.files }
    }

    fn data_tls(&self, protection: Protection) -> Option<DataTls> {
        match protection {
            Protection::Private => self.tls.as_ref().map(|(session, _)| session.data()),
            Protection::Clear => None,
        }
    }

    /// The reason why there is no data connection: ours if it is about trust or old TLS, else the server's own
    /// words if it has any.
    async fn no_handshake(
        &mut self,
        request: RequestId,
        during: String,
        error: HandshakeError,
    ) -> SessionError {
        let words = timeout(AFTERMATH, self.answer_to(request)).await;
        if words.is_err() {
            self.abort_transfer(request).await;
        }
        match (words, error) {
            (Ok(Answer::Refused { command, reply }), error)
                if !matches!(error, HandshakeError::Untrusted(_) | HandshakeError::Outdated(_)) =>
            {
                SessionError::Refused { command, reply }
            }
            (_, error) => SessionError::Tls { during, error },
        }
    }
}

fn is_listing(verb: Verb) -> bool {
    matches!(verb, Verb::List | Verb::Nlst | Verb::Mlsd)
}

/// `RETR name`, `LIST`: what PRET announces.
fn announcement(command: &Command) -> Text {
    Text::lossy(command.to_string())
}

/// Where a cluster's data is: where it says, unless nobody should connect there.
fn elsewhere(
    peer: IpAddr,
    announced: Option<IpAddr>,
    port: u16,
    local: IpAddr,
) -> Result<SocketAddr, address::Unfit> {
    let facts = LegFacts {
        path: VPath::root(),
        control_peer: peer,
        data_address: None,
        pret: true,
        cepr: false,
        sscn: false,
        deaf: false,
        rate: None,
    };
    address::choose(&facts, announced, port, local).map(|address| address.socket_addr())
}
