//! A destination without room: not the file fails, all lanes pause until there is some, for a while.
//!
//! The lane whose file was refused tries it again from time to time; the others wait for what comes of that. Once
//! nobody has made room for so long, waiting is over for this run, and files are refused one by one.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::Instant;

/// The room at the destination, as far as lanes know.
pub(crate) struct Space {
    room: watch::Sender<Room>,
    /// Whose turn it is to try.
    turn: Mutex<()>,
    /// How long to wait for room.
    patience: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Some,
    /// None, since then.
    None(Instant),
    /// None, and nobody waits any more.
    Hopeless,
}

/// The right to try whether there is room again. When it ends, whatever came of it, the others go on.
pub(crate) struct Turn<'a> {
    space: &'a Space,
    _turn: MutexGuard<'a, ()>,
    pause: Duration,
}

impl Space {
    pub(super) fn new(patience: Duration) -> Self {
        Space { room: watch::Sender::new(Room::Some), turn: Mutex::default(), patience }
    }

    /// True if a lane would have to wait before it begins a file.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(*self.room.borrow(), Room::None(_))
    }

    /// Comes back when there may be room for a file.
    pub(crate) async fn opened(&self) {
        let mut room = self.room.subscribe();
        // The sender lives as long as `self`.
        let _ = room.wait_for(|room| !matches!(room, Room::None(_))).await;
    }

    /// A file was refused for want of room. True when it is worth another try, false if nobody waits any more.
    /// `turn` is kept by the caller until its file has come to an end.
    pub(crate) async fn wait<'a>(&'a self, turn: &mut Option<Turn<'a>>) -> bool {
        if turn.is_none() {
            self.room.send_if_modified(|room| {
                let first = *room == Room::Some && !self.patience.is_zero();
                if first {
                    *room = Room::None(Instant::now());
                }
                first
            });
            // The others wait here for the one who tries.
            let guard = self.turn.lock().await;
            match *self.room.borrow() {
                Room::Some => return !self.patience.is_zero(),
                Room::Hopeless => return false,
                Room::None(_) => {}
            }
            *turn = Some(Turn { space: self, _turn: guard, pause: FIRST_PAUSE });
        }
        let (Some(turn), Room::None(since)) = (turn.as_mut(), *self.room.borrow()) else { return false };
        let left = self.patience.saturating_sub(since.elapsed());
        if left.is_zero() {
            self.room.send_replace(Room::Hopeless);
            return false;
        }
        tokio::time::sleep(turn.pause.min(left)).await;
        turn.pause = (2 * turn.pause).min(LONGEST_PAUSE);
        true
    }

    /// True if somebody waits for room, and did not wait in vain before.
    pub(crate) fn is_patient(&self) -> bool {
        !self.patience.is_zero() && *self.room.borrow() != Room::Hopeless
    }

    /// How long somebody waits for room.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.space.room.send_if_modified(|room| {
            let closed = matches!(room, Room::None(_));
            if closed {
                *room = Room::Some;
            }
            closed
        });
    }
}

/// Between the first two tries; then twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// People look into what fills a disk for minutes, not for seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_one_who_was_refused_tries_again_and_then_all_go_on() {
        let space = Space::new(Duration::from_secs(600));
        let mut turn = None;
        assert!(space.wait(&mut turn).await && turn.is_some());
        assert!(space.is_closed(), "others do not begin");
        let second = async {
            let mut other = None;
            assert!(space.wait(&mut other).await, "worth a try, since there is room");
            assert!(other.is_none(), "and nobody has to wait for that one");
        };
        let first = async {
            assert!(space.wait(&mut turn).await);
            // Now it was stored.
            drop(turn.take());
        };
        tokio::join!(second, first, space.opened());
        assert!(!space.is_closed());
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_once_for_all() {
        let space = Space::new(Duration::from_secs(60));
        let began = Instant::now();
        let mut turn = None;
        let mut tries = 0;
        while space.wait(&mut turn).await {
            tries += 1;
        }
        assert_eq!(began.elapsed(), Duration::from_secs(60));
        // 1 + 2 + 4 + 8 + 16, and the rest of the minute.
        assert_eq!(tries, 6);
        drop(turn);
        assert!(!space.is_closed());
        let mut another = None;
        assert!(!space.wait(&mut another).await, "refused at once from now on");
        assert_eq!(began.elapsed(), Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn without_patience_nobody_waits() {
        let space = Space::new(Duration::ZERO);
        let mut turn = None;
        assert!(!space.wait(&mut turn).await && turn.is_none() && !space.is_closed());
    }
}
