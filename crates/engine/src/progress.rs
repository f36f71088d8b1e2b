//! How far a file is: counted where its bytes pass through this machine, else asked for by a spare
//! session with the destination.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fxp_client::session::Session;
use fxp_proto::path::VPath;
use tokio::sync::Notify;

use crate::context::Observer;
use crate::pool::Pool;
use crate::report::Event;
use crate::site::Server;

/// A second session with the destination of a direct copy, for nothing but SIZE.
#[derive(Default)]
pub(crate) struct Spare {
    session: Option<Session>,
    /// The server lets nobody in twice, or does not know SIZE: nobody asks again.
    hopeless: bool,
}

impl Spare {
    /// Reports the size of the growing file, and wakes `grown` each time it has, until it is dropped. Quiet
    /// where the server does not play along.
    pub(crate) async fn watch(
        &mut self,
        pool: &Arc<Pool>,
        server: &Server,
        path: &VPath,
        grown: &Notify,
    ) -> Infallible {
        tokio::time::sleep(FIRST_LOOK).await;
        let mut last = None;
        while !self.hopeless {
            match self.size(pool, server, path).await {
                Some(size) => {
                    if last != Some(size) {
                        pool.context().observer.event(Event::Progress { bytes: size });
                        grown.notify_one();
                    }
                    last = Some(size);
                }
                None => self.hopeless = true,
            }
            tokio::time::sleep(EACH_LOOK).await;
        }
        pending().await
    }

    async fn size(&mut self, pool: &Pool, server: &Server, path: &VPath) -> Option<u64> {
        let session = match self.session.take().filter(Session::is_usable) {
            Some(session) => session,
            None => pool.open(server, None).await.ok()?,
        };
        let session = self.session.insert(session);
        session.size(path).await.ok()?
    }

    /// Says goodbye.
    pub(crate) async fn close(&mut self) {
        if let Some(session) = self.session.take().filter(Session::is_usable) {
            session.quit().await;
        }
    }
}

/// Reports a counter until it is dropped. `offset` bytes were there before.
pub(crate) async fn count(observer: &Arc<dyn Observer>, counter: &Arc<AtomicU64>, offset: u64) -> Infallible {
    loop {
        tokio::time::sleep(EACH_COUNT).await;
        observer.event(Event::Progress { bytes: offset + counter.load(Ordering::Relaxed) });
    }
}

/// A file that takes less needs no second login.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// Each look is a command to somebody's server.
const EACH_LOOK: Duration = Duration::from_secs(1);

/// A look at our own counter costs nothing.
const EACH_COUNT: Duration = Duration::from_millis(200);
