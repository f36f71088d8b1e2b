//! One end of a lane, or one who browses: a server, and the session with it, which is opened when it is needed and
//! replaced when it is lost.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fxp_client::session::{Session, SessionError};
use fxp_client::tls::TlsInfo;
use fxp_client::transcript::Recorder;
use fxp_client::trust::{Fingerprint, Verified};
use fxp_proto::client::request::Request;
use fxp_proto::grammar::command::Command;
use fxp_proto::grammar::params::Protection;
use fxp_proto::grammar::verb::Verb;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

use super::seats::{Holder, Open, Seat};
use super::{Asks, FIRST_LOOK, Pool, verified_word};
use crate::book::Known;
use crate::clock::now;
use crate::report::{Event, Trouble, TroubleKind};
use crate::site::Server;
use crate::trouble;

/// One server and the session with it, which is replaced when it is lost.
pub(crate) struct Link {
    pool: Arc<Pool>,
    /// The server.
    pub(crate) server: Server,
    /// `source`, `destination`, or `server` for single operations.
    leg: &'static str,
    /// The right to have a session; taken for browsing where a lane has not brought one.
    seat: Option<Seat>,
    session: Option<(Session, Open)>,
    /// The latest session was inside TLS.
    secured: bool,
    /// The latest session protects data.
    protects: bool,
    /// The certificate of the latest session, if nothing but somebody's yes speaks for it.
    on_trust: Option<Fingerprint>,
    /// As whom and where the latest session was opened.
    reached: Option<(Text, SocketAddr)>,
    /// When the session was last asked for.
    used: Instant,
}

/// What a session is asked, and what comes of it. Boxed, so that the future can be sent between threads.
pub(crate) type Operation<'s, T> = Pin<Box<dyn Future<Output = Result<T, SessionError>> + Send + 's>>;

/// A session that nobody needs just now; it keeps what its link knew.
pub(crate) struct Parked {
    server: Server,
    leg: &'static str,
    session: Session,
    used: Instant,
}

/// So often a browser whose run fills the server itself is refused before that counts. The pauses between are about a
/// second in all.
const MOST_REFUSED: u32 = 5;

/// So many sessions may be lost over one operation that may be repeated.
const MOST_LOST: u32 = 3;

/// A session that was not needed for so long may be gone; it is asked with a NOOP.
const QUESTIONABLE: Duration = Duration::from_secs(30);

impl Link {
    pub(super) fn new(pool: Arc<Pool>, server: Server, leg: &'static str) -> Self {
        Link {
            pool,
            server,
            leg,
            seat: None,
            session: None,
            secured: false,
            protects: false,
            on_trust: None,
            reached: None,
            used: Instant::now(),
        }
    }

    /// The session, opened if there is none or the one there was is lost.
    pub(crate) async fn session(&mut self) -> Result<&mut Session, Trouble> {
        self.drop_if_gone().await;
        if self.session.is_none() {
            let found = self.find_session().await?;
            self.look_at(&found.0).await?;
            self.session = Some(found);
        }
        Ok(self.session.as_mut().map(|(session, _)| session).expect("it was opened above"))
    }

    /// A parked session, or a new one. Needs a seat, and takes one for browsing if none was brought.
    async fn find_session(&mut self) -> Result<(Session, Open), Trouble> {
        let (pool, key) = (self.pool.clone(), self.server.key());
        let mut refused = 0;
        loop {
            if self.seat.is_none() {
                self.seat = Some(pool.seats.for_browser(&key).await);
            }
            let fits = |parked: &Parked| parked.server == self.server && parked.leg == self.leg;
            if let Some((mut parked, open)) = pool.seats.unpark(&key, fits) {
                if parked.is_there().await {
                    return Ok((parked.session, open));
                }
                continue;
            }
            if let Some(coming) = pool.ahead.claim(&self.server, self.leg) {
                if let Ok(found) = coming.await {
                    return Ok(found);
                }
                continue;
            }
            let (arriving, surplus) = pool.seats.arrives(&key);
            for (parked, open) in surplus {
                parked.make_way(open).await;
            }
            let contested = pool.seats.has_lane(&key);
            let trouble = match pool.open(&self.server, Some(self.recorder()), Asks::ThePerson).await {
                Ok(session) => {
                    let open = self.welcome(&session);
                    drop(arriving);
                    return Ok((session, open));
                }
                Err(trouble) => trouble,
            };
            drop(arriving);
            if !trouble.crowded {
                return Err(trouble);
            }
            self.learn_ceiling();
            let browses = self.seat.as_ref().is_some_and(|seat| seat.holder() == Holder::Browser);
            // A lane of this run may stand up, or has done so meanwhile; lanes have their own way of waiting.
            let contested = contested || pool.seats.has_lane(&key);
            if !browses || refused >= MOST_REFUSED || !contested {
                return Err(trouble);
            }
            self.seat = None;
            // Sessions that were closed just now may still be counted there.
            tokio::time::sleep(FIRST_LOOK * 2_u32.pow(refused)).await;
            refused += 1;
        }
    }

    /// Takes note of a session that was opened.
    pub(super) fn welcome(&self, session: &Session) -> Open {
        self.tell_connected(session);
        let key = self.server.key();
        let open = self.pool.seats.opened(&key);
        // It has room for more than we thought.
        let (remembered, now_open) = (self.known().most_sessions, self.pool.seats.open(&key));
        if remembered.is_some_and(|most| now_open > most as usize) {
            self.learn(|known| known.has_room_for(now_open, now()));
        }
        open
    }

    /// The server had no room for one more session.
    pub(super) fn learn_ceiling(&self) {
        let (seats, key) = (&self.pool.seats, self.server.key());
        if let Some(others) = seats.refused(&key) {
            // One that was on its way at that moment may be open by now.
            self.learn(|known| known.has_room_for(seats.open(&key).max(others), now()));
        }
    }

    fn tell_connected(&self, session: &Session) {
        self.pool.context.observer.event(Event::Connected {
            leg: self.leg,
            server: self.server.key(),
            tls: session.tls().map(|tls| tls.version.to_owned()),
            verified: session.tls().and_then(|tls| tls.verified).map(verified_word),
        });
    }

    /// Takes note of what the session is worth.
    async fn look_at(&mut self, session: &Session) -> Result<(), Trouble> {
        self.secured = session.facts().secured;
        self.protects = self.secured && session.facts().protection == Protection::Private;
        let (user, _) = self.pool.credentials(&self.server).await?;
        self.on_trust = session.tls().and_then(|tls| self.taken_on_trust(tls));
        self.reached = Some((user, session.peer_addr()));
        Ok(())
    }

    /// Servers hang up on idle sessions, and routers forget them. Better asked now than found out in the
    /// middle of the next file.
    async fn drop_if_gone(&mut self) {
        let idle = self.used.elapsed() > QUESTIONABLE;
        self.used = Instant::now();
        if let Some((session, _)) = self.session.as_mut().filter(|(session, _)| idle && session.is_usable()) {
            // Whatever it answers, it is there.
            let _ = session.run(Request::Command(Command::bare(Verb::Noop))).await;
        }
        self.session = self.session.take().filter(|(session, _)| session.is_usable());
    }

    /// The session if there is a usable one.
    pub(crate) fn open_session(&mut self) -> Option<&mut Session> {
        self.session.as_mut().map(|(session, _)| session).filter(|session| session.is_usable())
    }

    /// Gives up the session: its replies are out of step.
    pub(crate) fn retire(&mut self) {
        self.session = None;
    }

    /// Brings a seat, so that none has to be waited for.
    pub(crate) fn sit(&mut self, seat: Seat) {
        self.seat = Some(seat);
    }

    /// Takes a seat for a session that can be done without, if there is room; false if not.
    pub(crate) fn sit_if_free(&mut self) -> bool {
        let (seats, key) = (&self.pool.seats, self.server.key());
        // A parked session will be needed again: none is closed for this one.
        if !seats.has_room(&key) {
            return false;
        }
        self.seat = self.seat.take().or_else(|| self.pool.seats.if_free(&self.server.key()));
        self.seat.is_some()
    }

    /// True if it has a seat.
    pub(crate) fn is_seated(&self) -> bool {
        self.seat.is_some()
    }

    /// Leaves the session to whoever needs one next, and gives the seat back. To be done before any wait for
    /// somebody else: whoever waits has no seat.
    pub(crate) fn park(&mut self) {
        if let Some((session, open)) = self.session.take().filter(|(session, _)| session.is_usable()) {
            let parked = Parked { server: self.server.clone(), leg: self.leg, session, used: self.used };
            self.pool.seats.park(&self.server.key(), parked, open);
        }
        self.seat = None;
    }

    /// Says goodbye.
    pub(crate) async fn close(&mut self) {
        if let Some((session, _open)) = self.session.take().filter(|(session, _)| session.is_usable()) {
            session.quit().await;
        }
        self.seat = None;
    }

    /// An operation that may be repeated: if the session is lost (idle for too long, say), a few times over a new one.
    pub(crate) async fn perform<T>(
        &mut self,
        what: &str,
        path_kind: TroubleKind,
        mut operation: impl for<'s> FnMut(&'s mut Session) -> Operation<'s, T> + Send,
    ) -> Result<T, Trouble> {
        let mut lost = 0;
        let error = loop {
            let session = match self.session().await {
                Ok(session) => session,
                Err(trouble)
                    if (1..MOST_LOST).contains(&lost)
                        && trouble.kind == TroubleKind::Network
                        && !trouble.crowded =>
                {
                    lost += 1;
                    continue;
                }
                Err(trouble) => return Err(trouble),
            };
            match operation(session).await {
                Err(SessionError::Lost { .. }) if lost < MOST_LOST => {
                    self.retire();
                    lost += 1;
                }
                Ok(done) => return Ok(done),
                Err(error) => break error,
            }
        };
        Err(trouble::of_session(&error, what, path_kind))
    }

    /// A typed path, absolute: seen from the site's root, or from where the session started.
    pub(crate) async fn resolve(&mut self, typed: &[u8]) -> Result<VPath, Trouble> {
        let root = self.server.site.root.clone().unwrap_or_default();
        let home = self.session().await?.facts().home.clone();
        home.join(root.as_bytes())
            .and_then(|root| root.join(typed))
            .map_err(|error| Trouble::new(TroubleKind::Usage, error.to_string()))
    }

    /// The user and the address of the latest session: names differ where servers do not.
    pub(crate) fn reached(&self) -> Option<&(Text, SocketAddr)> {
        self.reached.as_ref()
    }

    /// True if the control connection is, or was, inside TLS.
    pub(crate) fn is_secured(&self) -> bool {
        self.secured
    }

    /// True if files of the latest session can travel inside TLS.
    pub(crate) fn protects_data(&self) -> bool {
        self.protects
    }

    /// The certificate of the latest session, if nobody has said that it is the server's: it was accepted by a yes,
    /// in this run or an earlier one, and never compared.
    pub(crate) fn on_trust(&self) -> Option<&Fingerprint> {
        self.on_trust.as_ref()
    }

    fn taken_on_trust(&self, tls: &TlsInfo) -> Option<Fingerprint> {
        let by_file = self.server.site.certificate.is_some();
        if by_file || tls.verified != Some(Verified::Pinned) {
            return None;
        }
        let shown = tls.peer?;
        self.known().uncompared.contains(&shown.to_string()).then_some(shown)
    }

    /// `source`, `destination` or `server`.
    pub(crate) fn leg(&self) -> &'static str {
        self.leg
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(crate) fn known(&self) -> Known {
        self.pool.known(&self.server)
    }

    pub(crate) fn learn(&self, change: impl FnOnce(&mut Known)) {
        self.pool.learn(&self.server, change);
    }

    pub(super) fn recorder(&self) -> Recorder {
        let (observer, leg) = (self.pool.context.observer.clone(), self.leg);
        Arc::new(move |line| observer.line(leg, line))
    }
}

impl Parked {
    /// A session of that link that was not used yet.
    pub(super) fn new(link: &Link, session: Session) -> Self {
        Parked { server: link.server.clone(), leg: link.leg, session, used: Instant::now() }
    }

    /// True if the session is still there; one that has been idle for long is asked.
    async fn is_there(&mut self) -> bool {
        if self.session.is_alive() && self.used.elapsed() > QUESTIONABLE {
            let _ = self.session.run(Request::Command(Command::bare(Verb::Noop))).await;
        }
        self.session.is_usable()
    }

    /// Says goodbye; only then the session is not counted any more.
    pub(super) async fn leave(mut self, _open: Open) {
        if self.session.is_alive() {
            self.session.quit().await;
        }
    }

    /// The same for the sake of another session, which follows at once.
    async fn make_way(mut self, _open: Open) {
        if self.session.is_alive() {
            self.session.make_way().await;
        }
    }
}
