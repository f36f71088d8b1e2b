//! Looks at one place over several sessions at once.
//!
//! The first session is the one that the run has anyway; more are opened when somebody waits, up to a few, and only
//! as far as the server allows: what it refuses is no failure, the first session does the work then.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fxp_proto::grammar::params::DigestKind;
use fxp_proto::listing::entry::Entry;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::desk::Desk;
use super::links::{self, Contents, Links};
use crate::lesson;
use crate::report::{Trouble, TroubleKind};
use crate::retry;
use crate::side::Side;
use crate::times::Times;

/// One place, and the sessions that look at it.
pub(crate) struct Explorer {
    /// Not connected: it gives names, and more of its kind.
    face: Side,
    idle: Mutex<Vec<Side>>,
    /// Directories that are to be listed.
    desk: Desk,
    /// One permit per session that may be in use.
    seats: Semaphore,
    /// Sessions that are open.
    open: AtomicUsize,
    /// Those that nobody has asked for yet.
    more: AtomicUsize,
    /// Questions that wait for a session.
    waiting: AtomicUsize,
    /// A question about a file has shown that times are told by listings only.
    lists_times_only: AtomicBool,
    /// How often a question is asked again that had no answer for a reason that may pass.
    retries: u32,
}

/// A session for one question. One that is dropped in the middle of its work is gone.
struct Lease<'a> {
    explorer: &'a Explorer,
    side: Option<Side>,
    _permit: SemaphorePermit<'a>,
}

/// What a side says to a question. Boxed, so that the future can be sent between threads.
type Answer<'s, T> = Pin<Box<dyn Future<Output = Result<T, Trouble>> + Send + 's>>;

impl Explorer {
    /// Looks through `side`, and through at most `most` sessions in all.
    pub(crate) fn new(side: Side, most: usize, retries: u32) -> Arc<Self> {
        Arc::new(Explorer {
            face: side.twin(),
            idle: Mutex::new(vec![side]),
            desk: Desk::default(),
            seats: Semaphore::new(1),
            open: AtomicUsize::new(1),
            more: AtomicUsize::new(most.saturating_sub(1)),
            waiting: AtomicUsize::new(0),
            lists_times_only: AtomicBool::new(false),
            retries,
        })
    }

    /// The sessions, for whoever needs them next; the one that is best known first.
    pub(crate) fn dissolve(self: Arc<Self>) -> Vec<Side> {
        std::mem::take(&mut *self.idle.lock().expect("no holder of the lock panics"))
    }

    /// A place, printable.
    pub(crate) fn name(&self, path: &VPath) -> String {
        self.face.name(path)
    }

    /// What was learned of the times of copies from here to there.
    pub(crate) fn times_to(&self, destination: &Explorer) -> Option<Times> {
        lesson::remembered(&self.face, &destination.face)
    }

    /// The entries of a directory.
    pub(crate) async fn list(&self, path: &VPath) -> Result<Vec<Entry>, Trouble> {
        self.again(|| self.list_once(path)).await
    }

    /// Whoever gets a session first lists what others wait for as well, as much as the server takes at once.
    async fn list_once(&self, path: &VPath) -> Result<Vec<Entry>, Trouble> {
        let mut slip = self.desk.order(path);
        loop {
            tokio::select! {
                biased;
                listed = &mut slip => match listed {
                    Ok(listed) => return listed,
                    // Whoever was at it was stopped.
                    Err(_) => slip = self.desk.order(path),
                },
                // Where nothing waits, somebody is at it.
                seat = self.seat(WORTH_A_LOGIN), if !self.desk.is_empty() => self.work(seat).await?,
            }
        }
    }

    /// Lists what waits, as much as the server takes at once.
    async fn work(&self, seat: SemaphorePermit<'_>) -> Result<(), Trouble> {
        // Others may have taken it all meanwhile, and no session is opened for nothing.
        if self.desk.is_empty() {
            return Ok(());
        }
        let Some(mut lease) = self.sit(seat).await? else { return Ok(()) };
        let at_once = lease.side().listed_at_once().await;
        let workers = self.open.load(Ordering::Relaxed);
        // Those who were asked for together with this one order now.
        tokio::task::yield_now().await;
        let orders = self.desk.take(at_once, workers);
        let paths: Vec<VPath> = orders.iter().map(|order| order.path.clone()).collect();
        let listed = lease.side().list_several(&paths).await;
        lease.give_back();
        for (order, listed) in orders.into_iter().zip(listed) {
            order.answer(listed);
        }
        Ok(())
    }

    /// The entries of a directory in which something may be deleted: no link passes for a directory.
    pub(crate) async fn list_to_delete(&self, path: &VPath) -> Result<Vec<Entry>, Trouble> {
        self.contents(path, Links::Skip, true).await.map(|contents| contents.entries)
    }

    /// What is in a directory of a source, its links looked at as is wanted. If what is copied is `taken` from there,
    /// no link passes for a directory.
    pub(crate) async fn contents(
        &self,
        path: &VPath,
        links: Links,
        taken: bool,
    ) -> Result<Contents, Trouble> {
        let entries = self.list(path).await?;
        if links::is_enough(&entries, links, taken) {
            return Ok(Contents { entries, ..Contents::default() });
        }
        self.persist(WORTH_A_LOGIN, |side| {
            let (path, entries) = (path.clone(), entries.clone());
            Box::pin(async move { links::contents(side, &path, entries, links, taken).await })
        })
        .await
    }

    /// The names of links in a directory that its listing may have left out.
    pub(crate) async fn names_of_links(&self, path: &VPath) -> Result<Vec<Text>, Trouble> {
        let links = self.persist(WORTH_A_LOGIN, |side| {
            let path = path.clone();
            Box::pin(async move { side.links_in(&path, &[]).await })
        });
        Ok(links.await?.into_iter().map(|link| link.name).collect())
    }

    /// What the link at `path` leads to, if that is a file or a directory.
    pub(crate) async fn leads_to(&self, path: &VPath) -> Result<Option<Entry>, Trouble> {
        let followed = self.persist(WORTH_A_LOGIN, |side| {
            let path = path.clone();
            Box::pin(async move { side.follow(&path).await })
        });
        Ok(followed.await?.map(|followed| followed.entry))
    }

    /// What stands at `path`.
    pub(crate) async fn stat(&self, path: &VPath) -> Result<Option<Entry>, Trouble> {
        let asked = self.persist(WORTH_A_LOGIN, |side| {
            let path = path.clone();
            Box::pin(async move { Ok((side.stat(&path).await?, side.lists_times_only())) })
        });
        let (entry, lists_times_only) = asked.await?;
        self.lists_times_only.fetch_or(lists_times_only, Ordering::Relaxed);
        Ok(entry)
    }

    /// True if it has turned out that no question about a file tells more of its time than a listing.
    pub(crate) fn lists_times_only(&self) -> bool {
        self.lists_times_only.load(Ordering::Relaxed)
    }

    /// The digests that this side computes, best first.
    pub(crate) async fn digests(&self) -> Result<Vec<DigestKind>, Trouble> {
        self.persist(WORTH_A_LOGIN, offered).await
    }

    /// The digest of a file. A server that is there and does not come to an end with this one is trouble with this
    /// file only.
    pub(crate) async fn digest(&self, kind: DigestKind, path: &VPath) -> Result<String, Trouble> {
        let digest = self.persist(WORTH_A_LOGIN_FOR_DIGESTS, |side| {
            let path = path.clone();
            Box::pin(async move { side.digest(kind, &path, None).await })
        });
        match digest.await {
            Err(trouble) if retry::judge(&trouble).may_help() => {
                self.once(WORTH_A_LOGIN, offered).await?;
                Err(Trouble { kind: TroubleKind::Other, ..trouble })
            }
            digest => digest,
        }
    }

    /// Asks a question, and asks it again as long as that may help.
    async fn persist<T>(
        &self,
        worth_it: usize,
        ask: impl for<'s> Fn(&'s mut Side) -> Answer<'s, T> + Send + Sync,
    ) -> Result<T, Trouble> {
        self.again(|| self.once(worth_it, &ask)).await
    }

    /// Does what may fail for a reason that passes, and does it again as long as that may help.
    async fn again<T, F: Future<Output = Result<T, Trouble>>>(
        &self,
        deed: impl Fn() -> F,
    ) -> Result<T, Trouble> {
        let mut attempt = 0;
        loop {
            match deed().await {
                Err(trouble) if self.bears(&trouble, &mut attempt).await => {}
                done => return done,
            }
        }
    }

    async fn once<T>(
        &self,
        worth_it: usize,
        ask: impl for<'s> Fn(&'s mut Side) -> Answer<'s, T> + Send + Sync,
    ) -> Result<T, Trouble> {
        let mut lease = self.lease(worth_it).await?;
        let answer = ask(lease.side()).await;
        lease.give_back();
        answer
    }

    /// True if what failed may work now: after a pause that those who copy and those who look around share.
    async fn bears(&self, trouble: &Trouble, attempt: &mut u32) -> bool {
        if *attempt >= self.retries || !retry::judge(trouble).may_help() {
            return false;
        }
        *attempt += 1;
        let pause = match &self.face {
            Side::Remote(link) => link.pool().budgets().pause(*attempt, &[link.server.key()]),
            Side::Local(_) => retry::pause(*attempt, 0.0),
        };
        tracing::debug!(%trouble, attempt, ?pause, "asked again");
        tokio::time::sleep(pause).await;
        true
    }

    /// Says goodbye on all sessions.
    pub(crate) async fn close(self: Arc<Self>) {
        for mut side in self.dissolve() {
            if let Some(link) = side.link() {
                let pool = link.pool().clone();
                pool.close().await;
            }
            side.close().await;
        }
    }

    /// A session, when one is free; another one is opened if `worth_it` questions for each of those that are open wait.
    async fn lease(&self, worth_it: usize) -> Result<Lease<'_>, Trouble> {
        loop {
            let seat = self.seat(worth_it).await;
            if let Some(lease) = self.sit(seat).await? {
                return Ok(lease);
            }
        }
    }

    /// The right to use a session. Cancel-safe.
    async fn seat(&self, worth_it: usize) -> SemaphorePermit<'_> {
        let _queued = Queued::new(self, worth_it);
        self.seats.acquire().await.expect("nobody closes it")
    }

    /// The session of a seat, which is opened if it has none yet; `None` if there is no room for it, and one seat less.
    async fn sit<'a>(&'a self, seat: SemaphorePermit<'a>) -> Result<Option<Lease<'a>>, Trouble> {
        let idle = self.idle.lock().expect("no holder of the lock panics").pop();
        if let Some(side) = idle {
            return Ok(Some(Lease { explorer: self, side: Some(side), _permit: seat }));
        }
        let mut side = self.face.twin();
        // Without any other session this one cannot be done without: then its seat is waited for.
        let one_more = self.open.load(Ordering::Relaxed) > 0;
        if one_more && side.link().is_some_and(|link| !link.sit_if_free()) {
            seat.forget();
            return Ok(None);
        }
        match side.connect().await {
            Ok(()) => {
                self.open.fetch_add(1, Ordering::Relaxed);
                Ok(Some(Lease { explorer: self, side: Some(side), _permit: seat }))
            }
            Err(trouble) if self.open.load(Ordering::Relaxed) > 0 => {
                tracing::debug!(%trouble, "one session less to look around with");
                seat.forget();
                Ok(None)
            }
            Err(trouble) => Err(trouble),
        }
    }
}

/// A question that waits for a session; it leaves the queue when it is dropped.
struct Queued<'a>(&'a Explorer);

impl<'a> Queued<'a> {
    fn new(explorer: &'a Explorer, worth_it: usize) -> Self {
        let waiting = explorer.waiting.fetch_add(1, Ordering::Relaxed);
        let worth_it = waiting >= worth_it * explorer.open.load(Ordering::Relaxed);
        let one_less = |more: usize| more.checked_sub(1);
        if worth_it && explorer.more.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
            explorer.seats.add_permits(1);
        }
        Queued(explorer)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The digests that a side computes.
fn offered(side: &mut Side) -> Answer<'_, Vec<DigestKind>> {
    Box::pin(async move {
        side.connect().await?;
        Ok(side.digests())
    })
}

impl Lease<'_> {
    fn side(&mut self) -> &mut Side {
        self.side.as_mut().expect("it is there until it is given back")
    }

    fn give_back(mut self) {
        let mut side = self.side.take();
        // Whoever waits has no seat, or those who copy and those who look around would wait for each other.
        if let Some(link) = side.as_mut().and_then(Side::link) {
            link.park();
        }
        self.explorer.idle.lock().expect("no holder of the lock panics").extend(side);
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.side.is_some() {
            // Somebody stopped in the middle of a question: its answer would be taken for that of the next.
            self.explorer.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// So many questions per session have to wait before another one is opened: a login takes as long as a few of them.
const WORTH_A_LOGIN: usize = 10;

/// The same for digests, for each of which a server may read a whole disk.
const WORTH_A_LOGIN_FOR_DIGESTS: usize = 1;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fxp_client::connect::Environment;
    use fxp_client::tls::ClientTls;
    use fxp_client::transcript::Line;
    use fxp_client::trust::Untrusted;
    use fxp_net::meter::Meter;
    use fxp_proto::wire::secret::Secret;
    use tokio::time::timeout;

    use super::*;
    use crate::book::{KnownBook, SiteBook};
    use crate::context::{Context, Observer, Person};
    use crate::journal::Forgetful;
    use crate::policy::Secure;
    use crate::pool::Pool;
    use crate::report::Event;
    use crate::site::{Server, Site, TlsMode};

    struct Nobody;

    impl Person for Nobody {
        fn password(&self, _: &str, _: &str, _: Option<&str>) -> Option<Secret> {
            None
        }

        fn user(&self, _: &str) -> Option<String> {
            None
        }

        fn trust(&self, _: &str, _: &Untrusted) -> bool {
            false
        }

        fn clear_password(&self, _: &str) -> bool {
            true
        }
    }

    impl Observer for Nobody {
        fn event(&self, _: Event) {}

        fn line(&self, _: &str, _: Line) {}
    }

    #[tokio::test]
    async fn where_no_session_is_left_and_there_is_no_room_a_lane_is_waited_for() {
        let nowhere = || std::env::temp_dir().join("fxp-no-such-directory/book.toml");
        let context = Context {
            sites: Arc::new(Mutex::new(SiteBook::load(nowhere()).unwrap())),
            known: Arc::new(Mutex::new(KnownBook::load(nowhere()).unwrap())),
            environment: Environment {
                tls: ClientTls::new(),
                meter: Meter::default(),
                timeout: Duration::from_secs(5),
            },
            person: Arc::new(Nobody),
            observer: Arc::new(Nobody),
            tls: None,
            local: None,
            ledger: Arc::new(Forgetful),
        };
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let server = Server {
            label: "closed".into(),
            host: closed.ip().to_string(),
            port: closed.port(),
            tls: TlsMode::Off,
            user: Some(b"anonymous".to_vec()),
            site: Site::default(),
            is_site: false,
        };
        let (pool, key) = (Pool::new(context, Secure::Default), server.key());
        let explorer = Explorer::new(Side::Remote(Box::new(pool.link(server, "source"))), 1, 0);
        // Somebody was stopped in the middle of a question, and a lane has the only seat.
        drop(explorer.lease(1).await.ok());
        pool.seats().expect(&key, 1);
        let lane = pool.seats().for_lane_now(&[key]).expect("there is room for one");
        let early = timeout(Duration::from_millis(50), explorer.lease(1)).await;
        assert!(early.is_err(), "the lane is still there");
        drop(lane);
        let late =
            timeout(Duration::from_secs(20), explorer.lease(1)).await.expect("the seat is not forgotten");
        assert!(late.is_err(), "nobody listens there");
    }
}
