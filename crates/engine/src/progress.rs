//! How far a file is: counted where its bytes pass through this machine, else asked for by a spare
//! session with the destination.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fxp_client::session::Session;
use fxp_proto::path::VPath;
use tokio::sync::{Mutex, Notify};

use crate::context::Observer;
use crate::pool::{Asks, Open, Pool, Seat};
use crate::report::Event;
use crate::site::Server;

/// A session with the destination of direct copies, for nothing but SIZE. All lanes of a pair share one.
#[derive(Clone, Default)]
pub(crate) struct Spare(Arc<Mutex<Looking>>);

#[derive(Default)]
struct Looking {
    session: Option<(Session, Open, Seat)>,
    /// The server lets nobody in twice, or does not know SIZE: nobody asks again.
    hopeless: bool,
}

impl Spare {
    /// Reports the size of the growing file, and wakes `grown` each time it has, until it is dropped. Quiet
    /// where the server does not play along.
    pub(crate) async fn watch(
        &self,
        pool: &Arc<Pool>,
        server: &Server,
        (file, path): (u64, &VPath),
        grown: &Notify,
    ) -> Infallible {
        tokio::time::sleep(FIRST_LOOK).await;
        let mut last = None;
        loop {
            if let Some(size) = self.0.lock().await.size(pool, server, path).await
                && last != Some(size)
            {
                pool.context().observer.event(Event::Progress { file, bytes: size });
                grown.notify_one();
                last = Some(size);
            }
            tokio::time::sleep(EACH_LOOK).await;
        }
    }

    /// Says goodbye.
    pub(crate) async fn close(&self) {
        if let Some((session, ..)) =
            self.0.lock().await.session.take().filter(|(session, ..)| session.is_usable())
        {
            session.quit().await;
        }
    }
}

impl Looking {
    async fn size(&mut self, pool: &Pool, server: &Server, path: &VPath) -> Option<u64> {
        if self.hopeless {
            return None;
        }
        // Whoever needs a seat for more than looking has it first.
        let wanted = pool.seats().is_wanted(&[server.key()]);
        self.session = self.session.take().filter(|(session, ..)| !wanted && session.is_usable());
        if self.session.is_none() {
            // No room now is no reason not to ask later.
            let seat = pool.seats().if_free(&server.key())?;
            let Ok(session) = pool.open(server, None, Asks::Nobody).await else {
                self.hopeless = true;
                return None;
            };
            self.session = Some((session, pool.seats().opened(&server.key()), seat));
        }
        let (session, ..) = self.session.as_mut()?;
        let size = session.size(path).await;
        self.hopeless = !matches!(size, Ok(Some(_)));
        size.ok()?
    }
}

/// Reports a counter until it is dropped. `offset` bytes were there before.
pub(crate) async fn count(
    observer: &Arc<dyn Observer>,
    file: u64,
    counter: &Arc<AtomicU64>,
    offset: u64,
) -> Infallible {
    loop {
        tokio::time::sleep(EACH_COUNT).await;
        observer.event(Event::Progress { file, bytes: offset + counter.load(Ordering::Relaxed) });
    }
}

/// A file that takes less needs no second login.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// Each look is a command to somebody's server.
const EACH_LOOK: Duration = Duration::from_secs(1);

/// A look at our own counter costs nothing.
const EACH_COUNT: Duration = Duration::from_millis(200);
