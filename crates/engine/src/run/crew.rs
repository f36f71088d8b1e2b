//! What the lanes of a run share: the queue, what is known of each pair of servers, the report.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};

use fxp_proto::pair::leg::Leg;
use tokio::sync::watch;

use super::memory::Names;
use super::queue::Queue;
use super::{After, CopyRequest, Stop};
use crate::context::Context;
use crate::file::Way;
use crate::plan::Step;
use crate::pool::Pool;
use crate::publish::Publisher;
use crate::report::{Event, FileFailure, FileReport, Report, Trouble};
use crate::side::Side;
use crate::site::Location;

/// What a run is about.
pub(crate) struct Shared {
    pub(crate) request: CopyRequest,
    pub(crate) after: After,
    pub(crate) context: Context,
    pub(crate) stop: Stop,
    pub(crate) pool: Arc<Pool>,
    pub(crate) destination: Location,
    pub(crate) names: Names,
}

/// What the lanes of a run share.
pub(crate) struct Crew {
    pub(crate) run: Shared,
    /// One per source side.
    pub(crate) pairs: Vec<Pair>,
    pub(crate) queue: Queue,
    /// What the destination does about renaming.
    publisher: Mutex<Publisher>,
    report: Mutex<Report>,
    /// Files that were begun.
    files: AtomicU64,
    /// Lanes that shall work now: those with a higher number end after their file.
    lanes: watch::Sender<usize>,
}

/// One source and the destination, and what the first file between them has found out.
pub(crate) struct Pair {
    pub(crate) source: Location,
    /// Locked by the lane whose file finds out how this pair works; the others wait for that.
    pub(crate) way: tokio::sync::Mutex<Way>,
    /// Grows when `way` has become another one, so that lanes notice.
    version: AtomicU64,
    /// What stopped one file and would stop each of the others too.
    hopeless: Mutex<Option<Trouble>>,
}

impl Crew {
    pub(crate) fn new(run: Shared, pairs: Vec<Pair>, publisher: Publisher) -> Arc<Self> {
        Arc::new(Crew {
            run,
            pairs,
            queue: Queue::default(),
            publisher: Mutex::new(publisher),
            report: Mutex::default(),
            files: AtomicU64::new(0),
            // One finds out how files travel; the others need not find out the same.
            lanes: watch::Sender::new(1),
        })
    }

    /// A side of its own for a lane.
    pub(crate) fn source(&self, pair: usize) -> Side {
        Side::new(&self.pairs[pair].source, Leg::Source, &self.run.pool)
    }

    /// As [`Crew::source`].
    pub(crate) fn destination(&self) -> Side {
        Side::new(&self.run.destination, Leg::Destination, &self.run.pool)
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

    /// The first file has found out how files travel: now there is work for more lanes than one.
    pub(crate) fn open_up(&self) {
        if self.lanes() > 1 {
            return;
        }
        match self.run.request.lanes {
            Some(1) => {}
            Some(lanes) => self.set_lanes(lanes, "as asked for by --lanes".to_owned()),
            None => {
                self.set_lanes(FIRST_LANES, "the first file has found out how the others travel".to_owned())
            }
        }
    }

    /// Changes how many lanes shall work, and says why.
    pub(crate) fn set_lanes(&self, lanes: usize, reason: String) {
        tracing::info!(lanes, reason, "lanes");
        self.lanes.send_replace(lanes);
        self.event(Event::Lanes { lanes, reason });
        self.queue.wake();
    }

    /// True once the user has stopped the run.
    pub(crate) fn is_stopped(&self) -> bool {
        *self.run.stop.borrow()
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

    /// A file is done, and verified.
    pub(crate) fn done(&self, file: u64, done: FileReport) {
        self.event(Event::Done { file, report: Box::new(done.clone()) });
        self.report().add(done);
    }

    /// A file failed for good, or something else that the report must tell.
    pub(crate) fn failed(&self, file: Option<u64>, failure: FileFailure) {
        self.event(Event::Failed { file, failure: Box::new(failure.clone()) });
        self.report().fail(failure);
    }

    /// The failure of a step.
    pub(crate) fn failure(&self, step: &Step, trouble: Trouble) -> FileFailure {
        FileFailure {
            source: self.source(step.side).name(&step.source),
            destination: self.destination().name(&step.destination),
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
    pub(crate) fn new(source: Location, way: Way) -> Self {
        Pair { source, way: way.into(), version: AtomicU64::new(0), hopeless: Mutex::default() }
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
        if let Way::Direct(lane) = &*self.way.lock().await {
            lane.close().await;
        }
    }

    /// From now on nothing of this pair is tried any more.
    pub(crate) fn give_up(&self, trouble: &Trouble) {
        self.hopeless.lock().expect("no holder of the lock panics").get_or_insert_with(|| trouble.clone());
    }
}

/// Lanes to begin with where nobody said how many.
const FIRST_LANES: usize = 4;
