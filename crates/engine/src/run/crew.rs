//! What the lanes of a run share: the queue, what is known of each pair of servers, the report.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use fxp_client::data::Throttle;
use fxp_proto::pair::leg::Leg;
use tokio::sync::{mpsc, watch};

use super::allowance::{Allowance, Taken};
use super::ceiling::Shares;
use super::goals::Goals;
use super::goodput::Goodput;
use super::memory::Names;
use super::queue::Queue;
use super::tuner::{Count, Tuner};
use super::{After, CopyRequest, Stop};
use crate::alias::Aliases;
use crate::context::Context;
use crate::file::Way;
use crate::journal::Finished;
use crate::lesson::Witnesses;
use crate::patience::Patience;
use crate::plan::Step;
use crate::plan::item::Same;
use crate::pool::Pool;
use crate::publish::Publisher;
use crate::report::{
    Assurance, Equality, Event, FileFailure, FileReport, Report, Trouble, TroubleKind, Unchanged,
    Verification,
};
use crate::side::Side;
use crate::site::Location;
use crate::surplus::Gone;

/// What a run is about.
pub(crate) struct Shared {
    pub(crate) request: CopyRequest,
    /// For what goes through this machine.
    pub(crate) throttle: Option<Throttle>,
    /// The same where there are several destinations.
    pub(crate) shares: Option<Shares>,
    pub(crate) after: After,
    pub(crate) context: Context,
    pub(crate) goodput: Arc<Goodput>,
    pub(crate) stop: Stop,
    /// When the run began.
    pub(crate) began: Instant,
    pub(crate) pool: Arc<Pool>,
    pub(crate) names: Names,
    pub(crate) goals: Goals,
    /// Hears what came of each step, where that decides about others.
    pub(crate) outcomes: Option<mpsc::UnboundedSender<Outcome>>,
}

/// What came of a step.
pub(crate) struct Outcome {
    pub(crate) step: Step,
    /// Its number, if it was begun.
    pub(crate) file: Option<u64>,
    /// `None` if an earlier run had brought it.
    pub(crate) result: Result<Option<Arrived>, Trouble>,
}

/// How a file has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    /// How many bytes it has.
    pub(crate) size: u64,
    pub(crate) assurance: Assurance,
    /// The digest that was compared.
    pub(crate) digest: Option<&'static str>,
}

/// What the lanes of a run share.
pub(crate) struct Crew {
    pub(crate) run: Shared,
    /// One per source side; where there are several destinations, one per way that a file can take.
    pub(crate) pairs: Vec<Pair>,
    pub(crate) queue: Queue,
    report: Mutex<Report>,
    /// Copies that show how times are told.
    pub(crate) witnesses: Witnesses,
    /// Files that were begun.
    files: AtomicU64,
    /// Lanes that shall work now: those with a higher number end after their file.
    lanes: watch::Sender<usize>,
    /// Decides about them, where nobody said how many.
    tuner: Mutex<Option<Tuner>>,
    /// What may still be begun.
    allowance: Mutex<Allowance>,
    /// No file is begun any more, on account of a limit.
    ended_at_limit: AtomicBool,
    /// A file was left because it alone is more than may be transferred.
    too_large: AtomicBool,
    /// Steps that need nothing more, and their bytes.
    dealt_with: Mutex<(u64, u64)>,
    pub(crate) patience: Patience,
}

/// One source and one destination, and what the first file between them has found out.
pub(crate) struct Pair {
    pub(crate) source: Location,
    pub(crate) destination: Location,
    /// What the destination does about renaming.
    publisher: Arc<Mutex<Publisher>>,
    /// Whether files of both are one file under two names.
    pub(crate) aliases: Aliases,
    /// False if the source is itself the destination of another pair.
    pub(crate) original: bool,
    /// Locked by the lane whose file finds out how this pair works; the others wait for that. `None`: nobody has
    /// looked at the two servers yet.
    pub(crate) way: tokio::sync::Mutex<Option<Way>>,
    /// Grows when `way` has become another one, so that lanes notice.
    version: AtomicU64,
    /// What stopped one file and would stop each of the others too.
    hopeless: Mutex<Option<Trouble>>,
}

impl Crew {
    pub(crate) fn new(run: Shared, pairs: Vec<Pair>) -> Arc<Self> {
        let patience = Patience::new(run.request.bounds.space_wait, run.pool.budgets().clone());
        let allowance = Allowance::new(run.request.bounds.max_transfer);
        Arc::new(Crew {
            run,
            pairs,
            queue: Queue::default(),
            report: Mutex::default(),
            witnesses: Witnesses::default(),
            files: AtomicU64::new(0),
            // One finds out how files travel; the others need not find out the same.
            lanes: watch::Sender::new(1),
            tuner: Mutex::default(),
            allowance: Mutex::new(allowance),
            ended_at_limit: AtomicBool::new(false),
            too_large: AtomicBool::new(false),
            dealt_with: Mutex::default(),
            patience,
        })
    }

    /// A side of its own for a lane.
    pub(crate) fn source(&self, pair: usize) -> Side {
        Side::new(&self.pairs[pair].source, Leg::Source, &self.run.pool)
    }

    /// As [`Crew::source`].
    pub(crate) fn destination(&self, pair: usize) -> Side {
        Side::new(&self.pairs[pair].destination, Leg::Destination, &self.run.pool)
    }

    /// The number of a file that begins, counted from 1.
    pub(crate) fn next_file(&self) -> u64 {
        self.files.fetch_add(1, Relaxed) + 1
    }

    /// How many lanes shall work now.
    pub(crate) fn lanes(&self) -> usize {
        *self.lanes.borrow()
    }

    /// Tells of each change of [`Crew::lanes`].
    pub(crate) fn watch_lanes(&self) -> watch::Receiver<usize> {
        self.lanes.subscribe()
    }

    /// So many lanes work once the first file has found out how files travel.
    pub(crate) fn lanes_at_first(&self) -> usize {
        self.run.request.lanes.unwrap_or(FIRST_LANES)
    }

    /// The first file has found out how files travel: now there is work for more lanes than one.
    pub(crate) fn open_up(&self) {
        if self.lanes() > 1 {
            return;
        }
        match self.run.request.lanes {
            Some(1) => {}
            Some(lanes) => self.set_lanes(lanes, "as asked for by --lanes".to_owned()),
            None => {
                let mut tuner = self.tuner.lock().expect("no holder of the lock panics");
                if tuner.is_none() {
                    *tuner = Some(Tuner::new(FIRST_LANES));
                    let reason = "the first file has found out how the others travel";
                    self.set_lanes(FIRST_LANES, reason.to_owned());
                }
            }
        }
    }

    /// Looks whether another number of lanes would be better.
    pub(crate) fn tune(&self) {
        let (work, files) = self.run.goodput.so_far();
        let troubles = self.patience.troubles();
        let count = Count { work, files, troubles, waiting: self.queue.len() };
        let mut tuner = self.tuner.lock().expect("no holder of the lock panics");
        let change = tuner.as_mut().and_then(|tuner| tuner.observe(self.run.began.elapsed(), count));
        if let Some(change) = change {
            self.set_lanes(change.lanes, change.reason);
        }
    }

    /// One of these servers, the ends of a lane, has no room for it: the lanes that fit are enough.
    pub(crate) fn crowded(&self, servers: &[String]) {
        // One small destination of several is no reason for fewer lanes with the others.
        if self.is_spread() {
            return;
        }
        let Some((fit, server)) = self.run.pool.seats().lanes_that_fit(servers) else { return };
        let mut tuner = self.tuner.lock().expect("no holder of the lock panics");
        let change = match tuner.as_mut() {
            Some(tuner) => tuner
                .crowded(self.run.began.elapsed(), fit, &server)
                .map(|change| (change.lanes, change.reason)),
            None => (fit < self.lanes()).then(|| (fit, format!("{server} has no room for more sessions"))),
        };
        if let Some((lanes, reason)) = change {
            self.set_lanes(lanes, reason);
        }
    }

    /// Changes how many lanes shall work, and says why.
    pub(super) fn set_lanes(&self, lanes: usize, reason: String) {
        tracing::info!(lanes, reason, "lanes");
        self.lanes.send_replace(lanes);
        self.event(Event::Lanes { lanes, reason });
        self.queue.wake();
    }

    /// True if this file may be begun. If not, it is left, and unless it was too large by itself, the run ends with those
    /// that are on their way.
    pub(crate) fn may_begin(&self, step: &Step) -> bool {
        // Not only from time to time: no file is begun later than was said.
        self.look_at_the_clock();
        if self.ended_at_limit.load(Relaxed) {
            return false;
        }
        match self.allowance.lock().expect("no holder of the lock panics").take(step.size) {
            Taken::Yes => return true,
            Taken::UsedUp => self.end_at_limit("--max-transfer is reached"),
            Taken::TooLarge => {
                if !self.too_large.swap(true, Relaxed) {
                    let text = "files that are larger than --max-transfer by themselves are left".to_owned();
                    self.event(Event::Fallback { file: None, text });
                }
            }
        }
        false
    }

    /// Looks whether the time is over.
    pub(crate) fn look_at_the_clock(&self) {
        let most = self.run.request.bounds.max_duration;
        if most.is_some_and(|most| self.run.began.elapsed() >= most) && !self.queue.is_over() {
            self.end_at_limit("--max-duration is reached");
        }
    }

    /// No file is begun any more.
    fn end_at_limit(&self, what: &str) {
        if !self.ended_at_limit.swap(true, Relaxed) {
            let text = format!("{what}: files that are on their way are finished, and no other one is begun");
            self.event(Event::Fallback { file: None, text });
        }
        self.queue.abandon();
    }

    /// True if a limit has left something, or ended the run.
    pub(crate) fn is_at_limit(&self) -> bool {
        self.ended_at_limit.load(Relaxed) || self.too_large.load(Relaxed)
    }

    /// Holds back what goes through this machine by the pair of that number.
    pub(super) fn throttle(&self, pair: usize) -> Option<&Throttle> {
        let share = || self.run.shares.as_ref().map(|shares| shares.throttle(pair));
        self.run.throttle.as_ref().or_else(share)
    }

    /// True if there are several destinations, which must not hold up each other.
    pub(crate) fn is_spread(&self) -> bool {
        self.run.outcomes.is_some()
    }

    /// True once the user has stopped the run.
    pub(crate) fn is_stopped(&self) -> bool {
        *self.run.stop.borrow()
    }

    /// A file is done, and verified.
    pub(crate) fn done(&self, file: u64, step: &Step, done: FileReport) {
        let size = done.size;
        let digest = match &done.verified {
            Verification::Digest { algorithm, .. } => Some(*algorithm),
            Verification::Size => None,
        };
        let arrived = Arrived { size, assurance: done.assurance, digest };
        self.witnesses.note(step, &done);
        if step.size.is_none() {
            self.allowance.lock().expect("no holder of the lock panics").count(size);
        }
        let modified = step.modified.map(|(time, _)| time);
        let placed = self.run.goals.placed(step.side, &step.destination, modified);
        self.event(Event::Done { file, report: Box::new(done.clone()), placed });
        self.dealt_with(step);
        self.report().add(done);
        self.came_of(step, Some(file), Ok(Some(arrived)));
    }

    /// An earlier run had brought the file, and noted it.
    pub(crate) fn recalled(&self, step: &Step, finished: &Finished) {
        self.witnesses.recall(step, finished);
        self.stood(step, finished.verified.clone(), finished.time_kept);
    }

    /// An earlier run had brought the file already, and verified it so.
    pub(crate) fn stood(&self, step: &Step, verified: Verification, time_kept: bool) {
        self.dealt_with(step);
        self.unchanged(Same {
            side: step.side,
            destination: step.destination.clone(),
            size: step.size,
            modified: step.modified.map(|(time, _)| time),
            how: Equality::Brought(verified),
            time_kept,
            doubt: None,
        });
        self.came_of(step, None, Ok(None));
    }

    /// A step needs nothing more in this run.
    fn dealt_with(&self, step: &Step) {
        let mut dealt = self.dealt_with.lock().expect("no holder of the lock panics");
        dealt.0 += 1;
        dealt.1 = dealt.1.saturating_add(step.size.unwrap_or_default());
    }

    /// How many steps need nothing more, and how many bytes they have, as far as was known beforehand.
    pub(crate) fn dealt(&self) -> (u64, u64) {
        *self.dealt_with.lock().expect("no holder of the lock panics")
    }

    /// A file was there already.
    pub(crate) fn unchanged(&self, same: Same) {
        self.report().stood(same.doubt.clone());
        self.tell_unchanged(same);
    }

    /// The same, for whoever counts them elsewhere. The side is the number of a pair.
    pub(crate) fn tell_unchanged(&self, same: Same) {
        let Same { side, destination, size, modified, how, time_kept, .. } = same;
        if let Some(placed) = self.run.goals.placed(side, &destination, modified) {
            self.event(Event::Unchanged(Box::new(Unchanged { placed, size, how, time_kept })));
        }
    }

    /// A step failed for good; whoever hears the outcomes decides whether that is a failure of the run.
    pub(crate) fn step_failed(&self, file: Option<u64>, step: &Step, trouble: Trouble) {
        if trouble.kind != TroubleKind::Interrupted {
            self.dealt_with(step);
        }
        if !self.came_of(step, file, Err(trouble.clone())) {
            self.lost(file, step, trouble);
        }
    }

    /// Nobody will bring the file of a step in this run.
    pub(crate) fn lost(&self, file: Option<u64>, step: &Step, trouble: Trouble) {
        let failure = self.failure(step, trouble);
        // What was interrupted has not failed: it is begun, and goes on.
        if file.is_some() && failure.trouble.kind != TroubleKind::Interrupted {
            self.run.context.ledger.failed(&self.subject(step), &failure);
        }
        self.failed(file, failure);
    }

    /// False if nobody hears it.
    fn came_of(&self, step: &Step, file: Option<u64>, result: Result<Option<Arrived>, Trouble>) -> bool {
        let Some(hears) = &self.run.outcomes else { return false };
        hears.send(Outcome { step: step.clone(), file, result }).is_ok()
    }

    /// Something was deleted at the destination.
    pub(crate) fn deleted(&self, Gone { place, directory }: Gone) {
        self.report().deleted += 1;
        self.event(Event::Deleted { place, directory });
    }

    /// A file failed for good, or something else that the report must tell.
    pub(crate) fn failed(&self, file: Option<u64>, failure: FileFailure) {
        self.event(Event::Failed { file, failure: Box::new(failure.clone()) });
        self.report().fail(failure);
    }

    /// Nothing was deleted, since it would have been too much.
    pub(crate) fn refused(&self, count: u64, failure: FileFailure) {
        self.event(Event::Failed { file: None, failure: Box::new(failure.clone()) });
        self.report().refuse(count, failure.trouble);
    }

    /// The failure of a step.
    pub(crate) fn failure(&self, step: &Step, trouble: Trouble) -> FileFailure {
        FileFailure {
            source: self.source(step.side).name(&step.source),
            destination: self.destination(step.side).name(&step.destination),
            trouble,
        }
    }

    pub(crate) fn event(&self, event: Event) {
        self.run.context.observer.event(event);
    }

    pub(crate) fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().expect("no holder of the lock panics")
    }
}

impl Pair {
    pub(crate) fn new(
        source: Location,
        destination: Location,
        publisher: Arc<Mutex<Publisher>>,
        way: Option<Way>,
    ) -> Self {
        Pair {
            source,
            destination,
            publisher,
            aliases: Aliases::default(),
            original: true,
            way: way.into(),
            version: AtomicU64::new(0),
            hopeless: Mutex::default(),
        }
    }

    /// The same, from a place that is itself a destination.
    #[must_use]
    pub(crate) fn of_copies(self) -> Self {
        Pair { original: false, ..self }
    }

    pub(crate) fn publisher(&self) -> Publisher {
        *self.publisher.lock().expect("no holder of the lock panics")
    }

    /// What a lane has found out about renaming.
    pub(crate) fn learn_publisher(&self, before: Publisher, now: Publisher) {
        if before != now {
            *self.publisher.lock().expect("no holder of the lock panics") = now;
        }
    }

    /// Changes whenever the way has become another one.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Relaxed)
    }

    /// A lane has found out something that all others should know. The new version.
    pub(crate) fn changed(&self) -> u64 {
        self.version.fetch_add(1, Relaxed) + 1
    }

    pub(crate) fn hopeless(&self) -> Option<Trouble> {
        self.hopeless.lock().expect("no holder of the lock panics").clone()
    }

    /// Says goodbye to the session that looked at the progress.
    pub(crate) async fn close(&self) {
        if let Some(Way::Direct(lane)) = &*self.way.lock().await {
            lane.close().await;
        }
    }

    /// From now on nothing of this pair is tried any more.
    pub(crate) fn give_up(&self, trouble: &Trouble) {
        self.hopeless.lock().expect("no holder of the lock panics").get_or_insert_with(|| trouble.clone());
    }
}

/// Lanes to begin with where nobody said how many.
const FIRST_LANES: usize = 8;
