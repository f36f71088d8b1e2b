//! A session: requests out, answers in.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use fxp_net::meter::Meter;
use fxp_net::tls::{ClientSession, TlsInfo};
use fxp_proto::client::request::{Answer, LoggedIn, Request, RequestId};
use fxp_proto::grammar::command::Command;
use fxp_proto::grammar::params::Protection;
use fxp_proto::grammar::reply::Reply;
use fxp_proto::grammar::verb::Verb;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;
use tokio::time::timeout;

use crate::driver::{Driver, Event};
pub use crate::error::SessionError;
use crate::error::{name_of, result};
use crate::habits::Habits;

/// What happens on a session, as a driver of several sessions sees it.
#[derive(Debug)]
pub enum SessionEvent {
    /// A preliminary reply.
    Preliminary(RequestId, Reply),
    /// A request ended.
    Done(RequestId, Answer),
    /// The control connection is gone. Nothing else will happen any more.
    Lost,
}

/// A session that is logged in.
///
/// All its paths are absolute; the server's working directory is nobody else's business.
#[derive(Debug)]
pub struct Session {
    pub(crate) driver: Driver,
    pub(crate) facts: LoggedIn,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    /// TLS of the control connection, and what data connections are resumed from.
    pub(crate) tls: Option<(ClientSession, TlsInfo)>,
    /// Protection of the data connections of files; listings have what the login got.
    pub(crate) files: Protection,
    /// Data in clear is an error, be it a listing.
    pub(crate) demands_protection: bool,
    pub(crate) meter: Meter,
    /// For connecting and for handshakes of data connections.
    pub(crate) patience: Duration,
    /// What was found out about this server.
    pub(crate) habits: Habits,
    /// The working directory, as far as we changed it.
    pub(crate) inside: VPath,
    /// Events that came while somebody waited for another one.
    kept: VecDeque<SessionEvent>,
}

/// The most events that are kept for a later call. They belong to requests that somebody has asked
/// and not yet looked after; a caller that forgets them loses the oldest.
const MAX_KEPT: usize = 256;

/// How long QUIT's reply is waited for. Nothing depends on it.
const QUIT_PATIENCE: Duration = Duration::from_secs(2);

impl Session {
    pub(crate) fn new(
        driver: Driver,
        facts: LoggedIn,
        (peer, local): (SocketAddr, SocketAddr),
        tls: Option<(ClientSession, TlsInfo)>,
        meter: Meter,
        patience: Duration,
    ) -> Self {
        Session {
            driver,
            files: facts.protection,
            facts,
            peer,
            local,
            tls,
            demands_protection: false,
            meter,
            patience,
            habits: Habits::default(),
            inside: VPath::root(),
            kept: VecDeque::new(),
        }
    }

    /// What the login told: banner, features, home.
    pub fn facts(&self) -> &LoggedIn {
        &self.facts
    }

    /// The server's end of the control connection.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// TLS of the control connection.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref().map(|(_, info)| info)
    }

    /// From now on files travel with this protection. A session that did not get `PROT P` at its login
    /// cannot protect them: there it changes nothing.
    pub fn protect_files(&mut self, wanted: Protection) {
        if self.facts.protection == Protection::Private {
            self.files = wanted;
        }
    }

    /// From now on no data connection of this process is in clear, not even for a listing; it is an error.
    pub fn demand_protection(&mut self) {
        self.demands_protection = true;
    }

    /// False once the connection is lost or its replies are out of step.
    pub fn is_usable(&self) -> bool {
        self.driver.is_usable()
    }

    /// True if it was given up since a reply never came, or one too many; false if the server hung up or took its leave.
    pub fn is_out_of_step(&self) -> bool {
        self.driver.is_out_of_step()
    }

    /// As [`Session::is_usable`], after a look at what the server may have said meanwhile: for a session
    /// that has been idle. Waits for nothing.
    pub fn is_alive(&mut self) -> bool {
        self.driver.catch_up();
        self.is_usable()
    }

    /// Queues a request; [`Session::event`] sends it and reports what comes of it.
    pub fn ask(&mut self, request: Request) -> RequestId {
        self.driver.ask(request)
    }

    /// Sends what is queued and waits for the next event. Cancel-safe.
    pub async fn event(&mut self) -> SessionEvent {
        match self.kept.pop_front() {
            Some(event) => event,
            None => self.fresh_event().await,
        }
    }

    /// Asks and waits for the end.
    ///
    /// # Errors
    ///
    /// Refused, lost, timed out.
    pub async fn run(&mut self, request: Request) -> Result<Answer, SessionError> {
        let name = name_of(&request);
        let id = self.ask(request);
        let answer = self.answer_to(id).await;
        result(answer, &name)
    }

    /// Asks one command and waits for its final reply.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn command(&mut self, verb: Verb, argument: impl Into<Text>) -> Result<Reply, SessionError> {
        match self.run(Request::Command(Command::new(verb, argument))).await? {
            Answer::Reply(reply) => Ok(reply),
            // The machine answers commands with nothing else.
            _ => Err(SessionError::Lost { during: verb.name().to_owned() }),
        }
    }

    /// SIZE, `None` where the server says 550 or does not know the command.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn size(&mut self, path: &VPath) -> Result<Option<u64>, SessionError> {
        // In ASCII the size of the file on the wire is meant, which no server wants to compute.
        self.run(Request::Set(crate::transfer::BINARY)).await?;
        match self.command(Verb::Size, path.to_text()).await {
            Ok(reply) => match number(&reply) {
                Some(size) => Ok(Some(size)),
                None => Err(SessionError::Nonsense { command: format!("SIZE {path}"), reply }),
            },
            Err(SessionError::Refused { reply, .. }) if !reply.code.is_transient() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// MKD; fine if the directory is there already.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn make_directory(&mut self, path: &VPath) -> Result<(), SessionError> {
        if path.is_root() {
            return Ok(());
        }
        let made = self.command(Verb::Mkd, path.to_text()).await.map(drop);
        self.made_or_there(path, made).await
    }

    /// What came of MKD, if it is no failure that the directory was there already.
    pub(crate) async fn made_or_there(
        &mut self,
        path: &VPath,
        made: Result<(), SessionError>,
    ) -> Result<(), SessionError> {
        match made {
            // "It exists" has many codes and words; CWD knows for certain.
            Err(SessionError::Refused { .. }) if self.is_directory(path).await? => Ok(()),
            made => made,
        }
    }

    /// RMD.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn remove_directory(&mut self, path: &VPath) -> Result<(), SessionError> {
        self.leave(path).await?;
        self.command(Verb::Rmd, path.to_text()).await.map(drop)
    }

    /// DELE.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn delete(&mut self, path: &VPath) -> Result<(), SessionError> {
        self.command(Verb::Dele, path.to_text()).await.map(drop)
    }

    /// RNFR, RNTO.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn rename(&mut self, from: &VPath, to: &VPath) -> Result<(), SessionError> {
        self.leave(from).await?;
        self.command(Verb::Rnfr, from.to_text()).await?;
        self.command(Verb::Rnto, to.to_text()).await.map(drop)
    }

    /// True if `path` can be changed into.
    pub(crate) async fn is_directory(&mut self, path: &VPath) -> Result<bool, SessionError> {
        match self.enter(path).await {
            Ok(()) => Ok(true),
            Err(SessionError::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// CWD.
    pub(crate) async fn enter(&mut self, path: &VPath) -> Result<(), SessionError> {
        self.command(Verb::Cwd, path.to_text()).await?;
        self.inside = path.clone();
        Ok(())
    }

    /// Goes to the root if the working directory is `path` or beneath it: Pure-FTPD ends a session
    /// whose working directory has vanished (2026-11).
    async fn leave(&mut self, path: &VPath) -> Result<(), SessionError> {
        if !self.inside.is_root() && self.inside.is_beneath(path) {
            self.enter(&VPath::root()).await?;
        }
        Ok(())
    }

    /// QUIT, waits briefly for the reply, closes.
    pub async fn quit(mut self) {
        self.say_goodbye().await;
        self.driver.close().await;
    }

    /// As [`Session::quit`], and waits a moment until the server has hung up: before that it may count this session
    /// as one too many when another one comes.
    pub async fn make_way(mut self) {
        self.say_goodbye().await;
        self.driver.leave().await;
    }

    async fn say_goodbye(&mut self) {
        // Whether the server says goodbye changes nothing.
        let _ = timeout(QUIT_PATIENCE, self.run(Request::Quit)).await;
    }

    /// The end of request `id`; what else happens meanwhile is kept.
    pub(crate) async fn answer_to(&mut self, id: RequestId) -> Answer {
        let known = |event: &SessionEvent| matches!(event, SessionEvent::Done(done, _) if *done == id);
        if let Some(at) = self.kept.iter().position(known)
            && let Some(SessionEvent::Done(_, answer)) = self.kept.remove(at)
        {
            return answer;
        }
        loop {
            match self.fresh_event().await {
                SessionEvent::Done(done, answer) if done == id => return answer,
                SessionEvent::Lost => return Answer::Lost,
                other => self.keep(other),
            }
        }
    }

    /// The next event that nobody has kept. Cancel-safe.
    pub(crate) async fn fresh_event(&mut self) -> SessionEvent {
        loop {
            match self.driver.event().await {
                Event::Preliminary(id, reply) => return SessionEvent::Preliminary(id, reply),
                Event::Done(id, answer) => return SessionEvent::Done(id, answer),
                Event::Closed => return SessionEvent::Lost,
                // The machine starts TLS in a login only, and this session is logged in.
                Event::StartTls => self.driver.secured(false, "TLS at the wrong time"),
            }
        }
    }

    /// Keeps an event for whoever asks for it.
    pub(crate) fn keep(&mut self, event: SessionEvent) {
        if self.kept.len() >= MAX_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(event);
    }
}

/// The first number of a 213.
fn number(reply: &Reply) -> Option<u64> {
    reply.text().to_str()?.split_whitespace().next()?.parse().ok()
}
