//! Seats: how many sessions each server lets us have at once, and who has them.
//!
//! Whoever opens a session needs a seat first. A lane takes the seats for both its ends in one go or none of them,
//! and one stays free for browsing (listing, making directories, progress) where the server has room for it. So a
//! copy from a server to itself cannot stop itself half way: nobody holds one seat while waiting for another.
//!
//! A ceiling is learned from a refusal: as many as were open at that moment. Those who wait are not told to hope for
//! ever: after a while they ask the server, which is the only one who knows, and its answer counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Parked;

/// The seats of all servers of a run.
#[derive(Default)]
pub(crate) struct Seats {
    rooms: Mutex<HashMap<String, Room>>,
    /// Somebody stood up, or a ceiling changed.
    changed: Notify,
}

/// One server.
#[derive(Default)]
struct Room {
    /// Seats of lanes.
    lanes: usize,
    /// Seats of those who browse.
    browsers: usize,
    /// Browsers who wait for a seat.
    waiting: usize,
    /// Sessions that are open, in use or parked.
    open: usize,
    /// Sessions that are being opened.
    arriving: usize,
    /// The most sessions that the server allows, and when that was learned.
    ceiling: Option<(usize, Instant)>,
    /// Sessions that nobody needs just now.
    parked: Vec<Parked>,
}

/// The right to have one session with one server. Given back when dropped.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    server: String,
    holder: Holder,
}

/// Counts a session that is being opened, until it is open or was refused.
pub(crate) struct Arriving {
    seats: Arc<Seats>,
    server: String,
}

/// Counts one open session for as long as it lives.
pub(crate) struct Open {
    seats: Arc<Seats>,
    server: String,
    /// False once somebody else counts it.
    counts: bool,
}

/// Who has a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A lane.
    Lane,
    /// Somebody who lists, makes directories, or looks at the progress.
    Browser,
}

impl Seats {
    /// Takes the ceiling that an earlier run has learned, unless this run knows better.
    pub(crate) fn expect(&self, server: &str, ceiling: usize) {
        self.room(server, |room| {
            room.ceiling.get_or_insert((ceiling, Instant::now()));
        });
    }

    /// As [`Seats::for_lane`], if nobody has to be waited for.
    pub(crate) fn for_lane_now(self: &Arc<Self>, servers: &[String]) -> Option<Vec<Seat>> {
        self.try_lane(servers, false)
    }

    /// Seats for a lane: one per server named (twice, if both ends are the same server), all at once.
    pub(crate) async fn for_lane(self: &Arc<Self>, servers: &[String]) -> Vec<Seat> {
        let mut deadline = Instant::now() + PATIENCE;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(seats) = self.try_lane(servers, Instant::now() >= deadline) {
                return seats;
            }
            if timeout_at(deadline, changed).await.is_err() && self.has_lanes(servers) {
                // Lanes end their files and stand up, however long that takes.
                deadline = Instant::now() + PATIENCE;
            }
        }
    }

    /// All seats at once, or none; with `ask` whatever is known of the ceiling.
    fn try_lane(self: &Arc<Self>, servers: &[String], ask: bool) -> Option<Vec<Seat>> {
        let mut rooms = self.lock();
        let free = servers.iter().all(|server| {
            let wanted = servers.iter().filter(|other| *other == server).count();
            rooms.get(server).is_none_or(|room| room.has_room_for_lane(wanted))
        });
        (free || ask).then(|| {
            let mut take = |server: &String| {
                rooms.entry(server.clone()).or_default().lanes += 1;
                self.seat(server, Holder::Lane)
            };
            servers.iter().map(&mut take).collect()
        })
    }

    fn has_lanes(&self, servers: &[String]) -> bool {
        servers.iter().any(|server| self.has_lane(server))
    }

    /// A seat for browsing. Waits for lanes to give one back, which they do after their file.
    pub(crate) async fn for_browser(self: &Arc<Self>, server: &str) -> Seat {
        let _queued = Queued::new(self, server);
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let seated = self.room(server, |room| {
                // Without lanes nobody would ever stand up: then the server decides.
                let free = room.has_room_for_browser() || room.lanes == 0;
                room.browsers += usize::from(free);
                free
            });
            if seated {
                return self.seat(server, Holder::Browser);
            }
            changed.await;
        }
    }

    /// A seat for something that can be done without, if there is room.
    pub(crate) fn if_free(self: &Arc<Self>, server: &str) -> Option<Seat> {
        let seated = self.room(server, |room| {
            let free = room.waiting == 0 && room.has_room_for_browser();
            room.browsers += usize::from(free);
            free
        });
        seated.then(|| self.seat(server, Holder::Browser))
    }

    /// True if somebody who browses waits for a seat on one of these servers: a lane stands up after its file.
    pub(crate) fn is_wanted(&self, servers: &[String]) -> bool {
        servers.iter().any(|server| self.room(server, |room| room.waiting > 0))
    }

    /// True if a lane has a seat there, which it will give back.
    pub(crate) fn has_lane(&self, server: &str) -> bool {
        self.room(server, |room| room.lanes > 0)
    }

    /// False if this server has as many sessions open as it allows, in use or parked, or soon will have.
    pub(crate) fn has_room(&self, server: &str) -> bool {
        self.room(server, |room| room.has_room())
    }

    /// How many lanes with these ends have room at once, as far as a ceiling is known, and the server it is known of.
    pub(crate) fn lanes_that_fit(&self, servers: &[String]) -> Option<(usize, String)> {
        let fit = |server: &String| {
            let wanted = servers.iter().filter(|other| *other == server).count();
            let ceiling = self.room(server, |room| room.ceiling())?;
            let kept = usize::from(ceiling > wanted);
            Some((((ceiling - kept) / wanted).max(1), server.clone()))
        };
        servers.iter().filter_map(fit).min()
    }

    /// Sessions with this server that are open.
    pub(crate) fn open(&self, server: &str) -> usize {
        self.room(server, |room| room.open)
    }

    /// A session is about to be opened. Parked ones that the server would allow no longer then have to go first.
    pub(crate) fn arrives(self: &Arc<Self>, server: &str) -> (Arriving, Vec<(Parked, Open)>) {
        let surplus: Vec<Parked> = self.room(server, |room| {
            room.arriving += 1;
            let soon = room.open + room.arriving;
            let over = room.ceiling().map_or(0, |ceiling| soon.saturating_sub(ceiling));
            room.parked.drain(..over.min(room.parked.len())).collect()
        });
        let surplus = surplus.into_iter().map(|parked| (parked, self.counted(server))).collect();
        (Arriving { seats: self.clone(), server: server.to_owned() }, surplus)
    }

    /// A session is about to be opened that can be done without, if there is room for it beside all others.
    pub(crate) fn arrives_if_free(self: &Arc<Self>, server: &str) -> Option<Arriving> {
        let free = self.room(server, |room| {
            let free = room.has_room();
            room.arriving += usize::from(free);
            free
        });
        free.then(|| Arriving { seats: self.clone(), server: server.to_owned() })
    }

    /// A session was opened.
    pub(crate) fn opened(self: &Arc<Self>, server: &str) -> Open {
        self.room(server, |room| {
            room.open += 1;
            // It had room for one more than we thought.
            if let Some((ceiling, _)) = &mut room.ceiling {
                *ceiling = room.open.max(*ceiling);
            }
        });
        self.counted(server)
    }

    /// The server had no room for one more: the new ceiling, or `None` if it let nobody in at all.
    pub(crate) fn refused(&self, server: &str) -> Option<usize> {
        let learned = self.room(server, |room| {
            let open = room.open;
            room.ceiling = (open > 0).then(|| (open, Instant::now()));
            (open > 0).then_some(open)
        });
        self.changed.notify_waiters();
        learned
    }

    /// Keeps a session that nobody needs just now.
    pub(crate) fn park(&self, server: &str, parked: Parked, mut open: Open) {
        // It stays open, so it stays counted.
        open.counts = false;
        self.room(server, |room| room.parked.push(parked));
    }

    /// A parked session that `fits`, which is in use again.
    pub(crate) fn unpark(
        self: &Arc<Self>,
        server: &str,
        fits: impl Fn(&Parked) -> bool,
    ) -> Option<(Parked, Open)> {
        let parked = self.room(server, |room| {
            let at = room.parked.iter().rposition(fits)?;
            Some(room.parked.remove(at))
        })?;
        Some((parked, self.counted(server)))
    }

    /// All parked sessions of all servers.
    pub(crate) fn parked(self: &Arc<Self>) -> Vec<(Parked, Open)> {
        let mut all = Vec::new();
        for (server, room) in self.lock().iter_mut() {
            all.extend(room.parked.drain(..).map(|parked| (server.clone(), parked)));
        }
        all.into_iter().map(|(server, parked)| (parked, self.counted(&server))).collect()
    }

    /// Stands for a session that is counted already.
    fn counted(self: &Arc<Self>, server: &str) -> Open {
        Open { seats: self.clone(), server: server.to_owned(), counts: true }
    }

    fn seat(self: &Arc<Self>, server: &str, holder: Holder) -> Seat {
        Seat { seats: self.clone(), server: server.to_owned(), holder }
    }

    fn room<T>(&self, server: &str, look: impl FnOnce(&mut Room) -> T) -> T {
        let mut rooms = self.lock();
        match rooms.get_mut(server) {
            Some(room) => look(room),
            None => look(rooms.entry(server.to_owned()).or_default()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Room>> {
        self.rooms.lock().expect("no holder of the lock panics")
    }
}

impl Room {
    /// The ceiling, unless it is so old that it is worth finding out anew.
    fn ceiling(&self) -> Option<usize> {
        self.ceiling.filter(|(_, learned)| learned.elapsed() < STALE).map(|(ceiling, _)| ceiling)
    }

    fn has_room(&self) -> bool {
        self.ceiling().is_none_or(|ceiling| self.open + self.arriving < ceiling)
    }

    /// One seat stays free for browsing where the server allows more than a lane needs.
    fn has_room_for_lane(&self, wanted: usize) -> bool {
        let Some(ceiling) = self.ceiling() else { return self.waiting == 0 };
        let browsing = self.browsers + self.waiting;
        let kept = browsing.max(usize::from(ceiling > wanted));
        self.lanes + wanted + kept <= ceiling
    }

    fn has_room_for_browser(&self) -> bool {
        self.ceiling().is_none_or(|ceiling| self.lanes + self.browsers < ceiling)
    }
}

impl Seat {
    /// Who has it.
    pub(crate) fn holder(&self) -> Holder {
        self.holder
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.room(&self.server, |room| match self.holder {
            Holder::Lane => room.lanes -= 1,
            Holder::Browser => room.browsers -= 1,
        });
        self.seats.changed.notify_waiters();
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.seats.room(&self.server, |room| room.arriving -= 1);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.counts {
            self.seats.room(&self.server, |room| room.open -= 1);
        }
    }
}

/// A browser in the queue; it leaves the queue when it is dropped.
struct Queued<'a> {
    seats: &'a Seats,
    server: &'a str,
}

impl<'a> Queued<'a> {
    fn new(seats: &'a Seats, server: &'a str) -> Self {
        seats.room(server, |room| room.waiting += 1);
        Queued { seats, server }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.seats.room(self.server, |room| room.waiting -= 1);
        self.seats.changed.notify_waiters();
    }
}

/// How long a lane that is alone waits for those who browse, who give their seats back when they wait themselves.
const PATIENCE: Duration = Duration::from_secs(10);

/// After this time the server may have more room: other people leave.
const STALE: Duration = Duration::from_secs(120);
