//! Sessions that are opened before anybody needs them.
//!
//! Whoever needs one while it is still on its way waits for it instead of opening another one; if nobody does, it is
//! parked. What goes wrong is for somebody else to find out, who knows what to do then: here nobody is asked anything,
//! and nothing is tried twice.

use std::sync::{Arc, Mutex, MutexGuard};

use fxp_client::session::Session;
use tokio::sync::oneshot::{self, Receiver, Sender};

use super::seats::Open;
use super::{Asks, Link, Parked, Pool};
use crate::report::Trouble;
use crate::site::Server;

/// Sessions on their way that nobody waits for yet.
#[derive(Default)]
pub(super) struct Ahead(Mutex<Coming>);

#[derive(Default)]
struct Coming {
    announced: u64,
    sessions: Vec<(u64, Promise)>,
}

/// A session that may come.
struct Promise {
    server: Server,
    leg: &'static str,
    /// Gives it to whoever waits for it then.
    gives: Receiver<(Session, Open)>,
}

/// The other end of a promise; broken when dropped.
struct Announced {
    pool: Arc<Pool>,
    number: u64,
    give: Option<Sender<(Session, Open)>>,
}

impl Ahead {
    /// The next session with this server as this leg, if one is on its way. It may never come.
    pub(super) fn claim(&self, server: &Server, leg: &str) -> Option<Receiver<(Session, Open)>> {
        let mut coming = self.lock();
        let fits = |(_, promise): &(u64, Promise)| promise.server == *server && promise.leg == leg;
        let at = coming.sessions.iter().position(fits)?;
        Some(coming.sessions.remove(at).1.gives)
    }

    fn lock(&self) -> MutexGuard<'_, Coming> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

impl Announced {
    fn new(pool: &Arc<Pool>, server: &Server, leg: &'static str) -> Self {
        let (give, gives) = oneshot::channel();
        let mut coming = pool.ahead.lock();
        coming.announced += 1;
        let number = coming.announced;
        coming.sessions.push((number, Promise { server: server.clone(), leg, gives }));
        drop(coming);
        Announced { pool: pool.clone(), number, give: Some(give) }
    }

    /// Gives the session to whoever waits for it. Handed back if nobody does, or if they are gone.
    fn keep(mut self, session: (Session, Open)) -> Option<(Session, Open)> {
        match self.give.take().filter(|_| self.is_claimed()) {
            Some(give) => give.send(session).err(),
            None => Some(session),
        }
    }

    /// True if somebody waits for it. From now on nobody can any more.
    fn is_claimed(&self) -> bool {
        let mut coming = self.pool.ahead.lock();
        let before = coming.sessions.len();
        coming.sessions.retain(|(number, _)| *number != self.number);
        coming.sessions.len() == before
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        self.is_claimed();
    }
}

impl Link {
    /// Opens one more session, for whoever needs it next, if the server has room for it.
    pub(crate) async fn open_ahead(&mut self) -> Result<(), Trouble> {
        let (pool, key) = (self.pool().clone(), self.server.key());
        if !self.sit_if_free() {
            return Ok(());
        }
        let Some(arriving) = pool.seats().arrives_if_free(&key) else {
            self.park();
            return Ok(());
        };
        let announced = Announced::new(&pool, &self.server, self.leg());
        let session = match pool.open(&self.server, Some(self.recorder()), Asks::Nobody).await {
            Ok(session) => session,
            Err(trouble) => {
                drop(arriving);
                if trouble.crowded {
                    self.learn_ceiling();
                }
                self.park();
                return Err(trouble);
            }
        };
        let open = self.welcome(&session);
        drop(arriving);
        self.park();
        if let Some((session, open)) = announced.keep((session, open)) {
            pool.seats().park(&key, Parked::new(self, session), open);
        }
        Ok(())
    }
}
