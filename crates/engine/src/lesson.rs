//! Learns from the copies of a run how the times of two places compare, and remembers it with the servers.
//!
//! A few finished files are looked at once more as a listing shows them, which costs one listing, and only where
//! nothing is known yet or what is known has just led to a copy in vain.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard};

use fxp_proto::listing::entry::Precision;
use fxp_proto::path::VPath;
use tokio::sync::Notify;

use crate::clock::now;
use crate::file::{NO_TIME, NO_WAY_OF_TIMES};
use crate::journal::Finished;
use crate::plan::Step;
use crate::report::{FileReport, Trouble};
use crate::side::Side;
use crate::times::{self, Lesson, Sample, Shown, THIS_MACHINE, Times, Told};

/// What was learned of copies from `source` to `destination`.
pub(crate) fn remembered(source: &Side, destination: &Side) -> Option<Times> {
    let (from, to) = (key(source), key(destination));
    let times = keeper(source, destination)?.known().times_of(&from, &to).cloned();
    times.filter(|times| times.arrival.is_none() || may_show_arrival(destination))
}

/// This machine has more than one disk: that times cannot be set on one of them says nothing about the others.
fn may_show_arrival(destination: &Side) -> bool {
    matches!(destination, Side::Remote(_))
}

/// What is seen of a finished copy, until somebody looks at it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    side: usize,
    source: VPath,
    copy: VPath,
    size: u64,
    told: Told,
    kept: bool,
    arrived: i64,
    /// A file of the same size was replaced because of its time.
    in_vain: bool,
}

/// Finished copies, a few of them.
#[derive(Debug, Default)]
pub(crate) struct Witnesses {
    taken: Mutex<Taken>,
    /// There are as many of one source as are needed.
    enough: Notify,
}

/// What was taken note of.
#[derive(Debug, Default)]
struct Taken {
    seen: Vec<Seen>,
    /// Sources whose copies somebody has looked at already.
    looked_at: HashSet<usize>,
}

impl Witnesses {
    /// Takes note of a finished copy, if it can show anything.
    pub(crate) fn note(&self, step: &Step, report: &FileReport) {
        let powerless = report.notes.iter().any(|note| note == NO_WAY_OF_TIMES || note == NO_TIME);
        if report.time_kept || powerless {
            let as_large =
                step.stands.is_some_and(|stands| stands.size.is_some() && stands.size == step.size);
            self.see(step, report.size, report.time_kept, now(), as_large);
        }
    }

    /// The same for a copy that an earlier run has finished, which was broken off before it could learn from it.
    pub(crate) fn recall(&self, step: &Step, finished: &Finished) {
        self.see(step, finished.size, finished.time_kept, finished.at, false);
    }

    fn see(&self, step: &Step, size: u64, kept: bool, arrived: i64, in_vain: bool) {
        let Some(told) = step.modified else { return };
        let mut taken = self.lock();
        if taken.looked_at.contains(&step.side) {
            return;
        }
        let others: Vec<&Seen> = taken.of(step.side).collect();
        // All of them are seen in one listing.
        let beside = others.iter().all(|seen| seen.copy.parent() == step.destination.parent());
        if !beside || others.len() >= MAX_SEEN {
            return;
        }
        taken.seen.push(Seen {
            side: step.side,
            source: step.source.clone(),
            copy: step.destination.clone(),
            size,
            told,
            kept,
            arrived,
            in_vain,
        });
        if taken.of(step.side).count() == MAX_SEEN {
            self.enough.notify_one();
        }
    }

    /// Those of one source.
    pub(crate) fn of(&self, side: usize) -> Vec<Seen> {
        self.lock().of(side).cloned().collect()
    }

    /// Somebody has learned from those of one source: no more are needed.
    pub(crate) fn dismiss(&self, side: usize) {
        let mut taken = self.lock();
        taken.looked_at.insert(side);
        taken.seen.retain(|seen| seen.side != side);
    }

    /// A source of which there are as many as are needed, once there is one.
    pub(crate) async fn enough(&self) -> usize {
        loop {
            let full = {
                let taken = self.lock();
                taken.seen.iter().map(|seen| seen.side).find(|&side| taken.of(side).count() == MAX_SEEN)
            };
            match full {
                Some(side) => return side,
                None => self.enough.notified().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().expect("no holder of the lock panics")
    }
}

impl Taken {
    fn of(&self, side: usize) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(move |seen| seen.side == side)
    }
}

/// What is known after a lesson.
pub(crate) struct Learned {
    pub(crate) times: Option<Times>,
    /// What was seen has served its purpose. If not, it may do so another time.
    pub(crate) served: bool,
}

/// Learns from what was seen, and remembers it. What cannot be found out now is found out another time.
pub(crate) async fn learn(seen: Vec<Seen>, source: &mut Side, destination: &mut Side) -> Learned {
    let known = remembered(source, destination);
    if !is_worth_a_listing(&seen, known.as_ref()) {
        return Learned { times: known, served: true };
    }
    match look(&seen, source, destination).await {
        Ok(Some(times)) => {
            let times = times.with(known.as_ref());
            if let Some(keeper) = keeper(source, destination) {
                keeper.learn(|known| known.has_shown(times.clone()));
            }
            Learned { times: Some(times), served: true }
        }
        Ok(None) => Learned { times: known, served: false },
        Err(trouble) => {
            tracing::debug!(%trouble, "nothing is learned about times");
            Learned { times: known, served: false }
        }
    }
}

fn is_worth_a_listing(seen: &[Seen], known: Option<&Times>) -> bool {
    match known {
        // What the time of arrival looks like changes with the season.
        None | Some(Times { arrival: Some(_), .. }) => !seen.is_empty(),
        Some(_) => seen.iter().any(|seen| seen.in_vain || !seen.kept),
    }
}

async fn look(seen: &[Seen], source: &mut Side, destination: &mut Side) -> Result<Option<Times>, Trouble> {
    let Some(directory) = seen.first().map(|seen| seen.copy.parent()) else { return Ok(None) };
    let entries = destination.list(&directory).await?;
    let mut samples = Vec::new();
    let mut told = Vec::new();
    for seen in seen {
        let entry = entries.iter().find(|entry| Some(&entry.name) == seen.copy.name());
        if let Some(entry) = entry.filter(|entry| entry.size == Some(seen.size))
            && let Some(copy) = entry.modified
        {
            samples.push(Sample { source: seen.told, copy, kept: seen.kept, arrived: seen.arrived });
            told.push(seen);
        }
    }
    let mut times = Times {
        from: key(source),
        to: key(destination),
        arrival: None,
        listed: Shown::default(),
        asked: None,
    };
    match times::learn(&samples) {
        None => return Ok(None),
        Some(Lesson::Arrival(_)) if !may_show_arrival(destination) => return Ok(None),
        Some(Lesson::Arrival(late)) => times.arrival = Some(late),
        Some(Lesson::Kept(listed)) => times.listed = listed,
    }
    let rough = |sample: &Sample| sample.source.1.min(sample.copy.1) < Precision::Second;
    if times.arrival.is_none() && samples.iter().any(rough) {
        times.asked = ask(&told, source, destination).await?;
    }
    Ok(Some(times))
}

/// What questions about single files tell, which may be more than listings do.
async fn ask(seen: &[&Seen], source: &mut Side, destination: &mut Side) -> Result<Option<Shown>, Trouble> {
    let mut samples = Vec::new();
    for seen in seen.iter().take(MAX_ASKED) {
        let (ours, theirs) = tokio::join!(source.stat(&seen.source), destination.stat(&seen.copy));
        let time = |entry: Option<fxp_proto::listing::entry::Entry>| {
            entry.and_then(|entry| entry.modified).filter(|(_, precision)| *precision == Precision::Second)
        };
        if let (Some(source), Some(copy)) = (time(ours?), time(theirs?)) {
            samples.push(Sample { source, copy, kept: seen.kept, arrived: seen.arrived });
        }
    }
    Ok(match times::learn(&samples) {
        Some(Lesson::Kept(shown)) => Some(shown),
        Some(Lesson::Arrival(_)) | None => None,
    })
}

/// The server with which it is remembered.
fn keeper<'a>(source: &'a Side, destination: &'a Side) -> Option<&'a crate::pool::Link> {
    [destination, source].into_iter().find_map(|side| match side {
        Side::Remote(link) => Some(&**link),
        Side::Local(_) => None,
    })
}

/// A place whose times are all told in one way: a server may keep its users' files on different disks, and show them to
/// each user in another zone.
fn key(side: &Side) -> String {
    match side {
        Side::Remote(link) => times::place(link.server.user.as_deref(), &link.server.key()),
        Side::Local(_) => THIS_MACHINE.to_owned(),
    }
}

/// Copies to be looked at: enough to meet summer and winter.
const MAX_SEEN: usize = 64;

/// Questions about single files.
const MAX_ASKED: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn of_this_machine_no_time_of_arrival_is_learned() {
        let (mut source, mut destination) = testing::one_machine(&[("/s/f", "text"), ("/d/f", "text")]);
        let path = |text: &str| VPath::parse(text.as_bytes()).expect("a path");
        let entry = destination.stat(&path("/d/f")).await.expect("asked").expect("it is there");
        let (arrived, precision) = entry.modified.expect("a time");
        let long_ago = fxp_proto::listing::time::FtpTime { seconds: 119, ..arrived };
        let seen = |told, kept| Seen {
            side: 0,
            source: path("/s/f"),
            copy: path("/d/f"),
            size: 4,
            told,
            kept,
            arrived: arrived.seconds,
            in_vain: false,
        };
        let learned = learn(vec![seen((long_ago, precision), false)], &mut source, &mut destination).await;
        assert_eq!((learned.times, learned.served), (None, false));
        let learned = learn(vec![seen((arrived, precision), true)], &mut source, &mut destination).await;
        assert_eq!(learned.times.map(|times| (times.arrival, times.listed.later)), Some((None, vec![0])));
    }
}
