//! The whole story of a copy.
//!
//! * `feed` tells how far the planner has come;
//! * `conductor` takes what the planner yields, makes directories and starts lanes;
//! * `queue` decides which file is next;
//! * `worker` is one lane at work, `crew` what all lanes share;
//! * `tuner` decides how many lanes there are, from what `goodput` counts;
//! * `through` says what a way through this machine is worth;
//! * `warmth` logs in for lanes before there are any;
//! * `lessons` tells and learns how the times of copies look;
//! * `spread` does it for several destinations, which feed each other.

mod allowance;
mod ceiling;
mod conductor;
mod crew;
mod feed;
mod goals;
mod goodput;
mod lessons;
mod memory;
mod queue;
mod spread;
mod through;
mod tuner;
mod warmth;
mod worker;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use fxp_client::Meter;
use fxp_client::data::Throttle;
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;

use crate::context::Context;
use crate::file::Way;
use crate::journal::Totals;
use crate::plan::item::{Extra, Item};
use crate::plan::minute::Minutes;
use crate::plan::obstacle::Obstacle;
use crate::plan::planner::{self, Places};
use crate::plan::select::{Goal, Origin, Prepared, Wish, prepare};
use crate::plan::walk::interrupted;
use crate::pool::Pool;
use crate::publish::Publisher;
use crate::report::{Ending, Event, FileFailure, Left, Report, Trouble, TroubleKind};
use crate::retry;
use crate::side::Side;
use crate::site::{Location, locate};
use crate::url::Address;
use memory::Names;

use crew::{Crew, Pair, Shared};
use feed::{Fed, Found};
use goals::Goals;
use goodput::Goodput;
use lessons::Pupil;
use through::choose_way;

pub use crate::plan::ladder::Policy;
pub use crate::plan::links::Links;
pub use crate::plan::select::{Delete, Selection};
pub use crate::policy::{AssuranceChoice, EndChoice, MethodChoice, ResumeChoice, Secure, VerifyChoice, Via};

/// A copy to be done.
#[derive(Clone, Debug)]
pub struct CopyRequest {
    /// From where; one or more.
    pub sources: Vec<Address>,
    /// To where.
    pub destination: Address,
    /// To where else: what has arrived at one destination is a source for the others.
    pub others: Vec<Address>,
    /// Directories with all that is in them.
    pub recursive: bool,
    /// Route.
    pub via: Via,
    /// Protection, passive end, TLS client, method.
    pub policy: Policy,
    /// Verification.
    pub verify: VerifyChoice,
    /// Store under the final name at once, without `.fxp-part`.
    pub inplace: bool,
    /// Only plan; copy nothing.
    pub dry_run: bool,
    /// How often a transient failure is tried again, per file. What brought the file further does not count: a
    /// hundredth of it, but 64 KiB at least, and no more than 64 MiB. With 0 nothing is tried again.
    pub retries: u32,
    /// What is enough to continue a part.
    pub resume: ResumeChoice,
    /// How many files are copied side by side; `None`: as many as help.
    pub lanes: Option<usize>,
    /// Which files are meant, and which count as equal already.
    pub selection: Selection,
    /// Bytes a second of all files together, at most.
    pub bwlimit: Option<u64>,
    /// What puts an end to a run before everything was tried, and to waiting.
    pub bounds: Bounds,
}

/// What puts an end to a run before everything was tried, and to waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How long a destination without room is waited for, in all.
    pub space_wait: Duration,
    /// No file is begun with which more bytes than this would be transferred.
    pub max_transfer: Option<u64>,
    /// No file is begun later than this after the beginning of the run.
    pub max_duration: Option<Duration>,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { space_wait: SPACE_WAIT, max_transfer: None, max_duration: None }
    }
}

/// Somebody who is there can make room meanwhile; a script does not hang for long.
const SPACE_WAIT: Duration = Duration::from_secs(60);

/// What becomes of a source once its copy is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It stays.
    Kept,
    /// It is deleted: the copy was a move.
    Deleted,
}

impl CopyRequest {
    /// What the planner needs to know.
    pub(crate) fn wish(&self, after: After) -> Wish {
        Wish {
            recursive: self.recursive,
            // A file that merely looks equal is no reason to delete its source.
            even_unchanged: after == After::Deleted,
            selection: self.selection.clone(),
        }
    }
}

/// Stops a run: the current files end in an orderly way, partial files stay.
pub type Stop = tokio::sync::watch::Receiver<bool>;

/// Copies.
///
/// # Errors
///
/// What keeps the whole run from beginning: bad address, no login, source missing. Failures of single
/// files are in the report.
pub async fn copy(request: CopyRequest, context: &Context, stop: Stop) -> Result<Report, Trouble> {
    if !request.others.is_empty() {
        return spread::copy(request, context, stop).await;
    }
    let mut run = Run::begin(request, After::Kept, context, stop).await?;
    context.ledger.planned(Totals::default());
    let outcome = run.go().await;
    run.close().await;
    outcome.map(|report| run.balance(report))
}

/// Logs in everywhere, with all the questions that this may take, and does nothing there.
///
/// # Errors
///
/// As [`copy`].
pub async fn rehearse(request: &CopyRequest, context: &Context, stop: Stop) -> Result<(), Trouble> {
    if !request.others.is_empty() {
        return spread::rehearse(request, context, stop).await;
    }
    let mut run = Run::begin(request.clone(), After::Kept, context, stop).await?;
    run.close().await;
    Ok(())
}

/// A run with its sessions.
pub(crate) struct Run {
    pub(crate) request: CopyRequest,
    pub(crate) after: After,
    pub(crate) context: Context,
    goodput: Arc<Goodput>,
    pub(crate) stop: Stop,
    began: Instant,
    /// Payload bytes that had passed through this process before.
    before: Passed,
    /// One per server (or this machine) that something comes from.
    pub(crate) sources: Vec<Side>,
    pub(crate) destination: Side,
    pub(crate) origins: Vec<Origin>,
    pub(crate) goal: Goal,
    pool: Arc<Pool>,
    /// Where each of the sources is.
    locations: Vec<Location>,
    goal_location: Location,
}

impl Run {
    /// Finds the servers and connects to all of them at once.
    pub(crate) async fn begin(
        request: CopyRequest,
        after: After,
        context: &Context,
        mut stop: Stop,
    ) -> Result<Self, Trouble> {
        let (began, before) = (Instant::now(), passed_through(&context.environment.meter));
        let (locations, goal) = locations(&request, context)?;
        let (context, goodput) = Goodput::listen(context);
        let pool = Pool::new(context.clone(), request.policy.secure);
        let mut sources: Vec<Side> = Vec::new();
        let mut places = Vec::new();
        let mut sides = Vec::with_capacity(locations.len());
        for location in &locations {
            let side = Side::new(location, Leg::Source, &pool);
            let at = sources.iter().position(|other| other.same_place(&side)).unwrap_or(sources.len());
            if at == sources.len() {
                sources.push(side);
                places.push(location.clone());
            }
            sides.push(at);
        }
        let mut destination = Side::new(&goal, Leg::Destination, &pool);
        tokio::select! {
            connected = connect_all(&mut sources, &mut destination) => {
                connected.map_err(|trouble| explain_crowd(trouble, &sources, &destination))?;
            }
            () = retry::stopped(&mut stop) => return Err(interrupted()),
        }
        let mut origins = Vec::with_capacity(locations.len());
        for ((location, side), typed) in locations.iter().zip(sides).zip(&request.sources) {
            let path = sources[side].resolve(location).await.map_err(|error| error.on(Some(Leg::Source)))?;
            origins.push(Origin { side, path, contents: typed.means_contents() });
        }
        let target = goal;
        let path = destination.resolve(&target).await.map_err(|error| error.on(Some(Leg::Destination)))?;
        let goal = Goal { path, contents: request.destination.means_contents() };
        Ok(Run {
            request,
            after,
            context,
            goodput,
            stop,
            began,
            before,
            sources,
            destination,
            origins,
            goal,
            pool,
            locations: places,
            goal_location: target,
        })
    }

    /// The report with what is known only at the end.
    pub(crate) fn balance(&self, mut report: Report) -> Report {
        report.elapsed = self.began.elapsed();
        tracing::debug!(
            flights = self.context.environment.meter.flights(),
            "writes that something was waited for after"
        );
        report.through_client = passed_through(&self.context.environment.meter).since(self.before);
        report
    }

    /// Plans, then copies.
    pub(crate) async fn go(&mut self) -> Result<Report, Trouble> {
        let wish = self.request.wish(self.after);
        let looking = prepare(&mut self.sources, &self.origins, &mut self.destination, &self.goal, &wish);
        let prepared = retry::orderly(looking, &self.stop).await.unwrap_or_else(|| Err(interrupted()))?;
        let mut ways = self.choose_ways().await?;
        let times = self.tell_times();
        let throttle = self.request.bwlimit.map(|limit| ceiling::impose(limit, &mut ways)).transpose()?;
        let errand = Errand { prepared, wish, ladder: self.ladders(&ways) };
        match self.request.dry_run {
            true => Box::pin(self.tell_steps(errand)).await.map(|report| Report { times, ..report }),
            // Boxed: as below.
            false => Box::pin(self.carry_out(errand, ways, throttle)).await,
        }
    }

    /// Sends what there is to do into `items`, and tells how much it is.
    async fn plan(
        &mut self,
        errand: Errand,
        items: mpsc::Sender<Item>,
        files: Option<watch::Sender<u64>>,
    ) -> Planned {
        let sources = self.sources.iter().map(Side::twin).collect();
        let noted = memory::place_of(&self.destination);
        let places = Places::persistent(sources, self.destination.twin(), self.request.retries)
            .remembering(Minutes::new(self.context.ledger.clone(), noted));
        let Errand { prepared, wish, ladder } = errand;
        let (planner, found) = mpsc::channel(ITEMS);
        let whole = AtomicBool::new(false);
        let planning = async {
            // It lives until `whole` is known.
            let planner = planner;
            let walk = planner::stream(&places, prepared, &wish, &self.stop, planner.clone());
            let outcome = retry::orderly(walk, &self.stop).await.unwrap_or_else(|| Err(interrupted()));
            whole.store(outcome.is_ok(), Relaxed);
            outcome
        };
        let announcer = Announcer { context: &self.context, ladder, files };
        let feeding = feed::feed(found, items, || whole.load(Relaxed), |found| announcer.tell(found));
        let (outcome, fed) = tokio::join!(Box::pin(planning), feeding);
        places.park();
        Planned { outcome, fed }
    }

    /// Copies while it is planned, over as many lanes as it takes.
    async fn carry_out(
        &mut self,
        errand: Errand,
        ways: Vec<Way>,
        throttle: Option<Throttle>,
    ) -> Result<Report, Trouble> {
        let publisher = Publisher::new(&mut self.destination, self.request.inplace);
        let publisher = Arc::new(Mutex::new(publisher));
        self.park();
        let pair = |(from, way)| Pair::new(from, self.goal_location.clone(), publisher.clone(), Some(way));
        let pairs = self.locations.iter().cloned().zip(ways).map(pair).collect();
        let crew = Crew::new(
            Shared {
                request: self.request.clone(),
                throttle,
                shares: None,
                after: self.after,
                context: self.context.clone(),
                goodput: self.goodput.clone(),
                stop: self.stop.clone(),
                began: self.began,
                pool: self.pool.clone(),
                names: Names::of(&self.sources, &self.destination),
                goals: Goals::single(self.goal.path.clone()),
                outcomes: None,
            },
            pairs,
        );
        let (sender, items) = mpsc::channel(ITEMS);
        let goal = self.goal.path.clone();
        let (files, hear) = watch::channel(0);
        let (end, over) = watch::channel(false);
        let pupil = Pupil::of(self);
        let conducting = async {
            let conducted = conductor::conduct(&crew, items, &goal).await;
            end.send_replace(true);
            conducted
        };
        // Boxed: side by side they are too much for the stack of a thread.
        let (planned, conducted, (), ()) = tokio::join!(
            Box::pin(self.plan(errand, sender, Some(files))),
            Box::pin(conducting),
            Box::pin(warmth::warm_up(&crew, hear, over.clone())),
            Box::pin(pupil.learn(&crew, over)),
        );
        for pair in &crew.pairs {
            pair.close().await;
        }
        conducted?;
        let Planned { outcome, fed } = planned;
        match outcome {
            Err(trouble) if fed.found.items == 0 => return Err(trouble),
            // What was found before was copied all the same; what was not found is one failure.
            Err(trouble) if trouble.kind != TroubleKind::Interrupted => {
                let at =
                    |leg| if leg == Some(Leg::Destination) { &self.destination } else { &self.sources[0] };
                let place = at(trouble.leg).name(&VPath::root());
                crew.failed(None, FileFailure { source: place.clone(), destination: place, trouble });
            }
            _ => {}
        }
        let mut report = std::mem::take(&mut *crew.report());
        report.ending = conductor::ending(&crew, fed.all && report.interrupted == 0);
        report.left = (report.ending != Ending::Complete).then(|| left(&crew, fed.found));
        report.times = self.learn_times(&crew).await;
        Ok(report)
    }

    /// Leaves the sessions to whoever goes on with them.
    fn park(&mut self) {
        let sides = self.sources.iter_mut().chain([&mut self.destination]);
        sides.filter_map(Side::link).for_each(|link| link.park());
    }

    /// Direct or through this machine, for each source.
    async fn choose_ways(&mut self) -> Result<Vec<Way>, Trouble> {
        let mut ways = Vec::with_capacity(self.sources.len());
        for source in &mut self.sources {
            ways.push(choose_way(source, &mut self.destination, &self.request).await?);
        }
        Ok(ways)
    }

    /// The ladders of all ways, best rung first.
    fn ladders(&self, ways: &[Way]) -> Vec<String> {
        let many = ways.len() > 1;
        let mut ladder = Vec::new();
        for (way, source) in ways.iter().zip(&self.sources) {
            let Way::Direct(lane) = way else { continue };
            let from = if many { format!("{}: ", source.name(&VPath::root())) } else { String::new() };
            ladder.extend(lane.ladder.lines(&from));
        }
        ladder
    }

    /// A dry run prints what would be done.
    async fn tell_steps(&mut self, errand: Errand) -> Result<Report, Trouble> {
        self.park();
        let (sender, mut items) = mpsc::channel(ITEMS);
        let sources: Vec<Side> = self.sources.iter().map(Side::twin).collect();
        let (context, destination) = (self.context.clone(), self.destination.twin());
        let telling = async {
            let mut report = Report::default();
            while let Some(item) = items.recv().await {
                tell_step(item, &sources, &destination, &context, &mut report);
            }
            report
        };
        let (planned, report) = tokio::join!(Box::pin(self.plan(errand, sender, None)), telling);
        planned.outcome.map(|()| report)
    }

    pub(crate) fn failed(&self, failure: FileFailure, report: &mut Report) {
        self.event(Event::Failed { file: None, failure: Box::new(failure.clone()) });
        report.fail(failure);
    }

    pub(crate) fn event(&self, event: Event) {
        self.context.observer.event(event);
    }

    /// Says goodbye to everybody.
    pub(crate) async fn close(&mut self) {
        for side in self.sources.iter_mut().chain([&mut self.destination]) {
            side.close().await;
        }
        self.pool.close().await;
    }
}

/// What was found and not brought.
fn left(crew: &Crew, found: Found) -> Left {
    let (files, bytes) = crew.dealt();
    Left {
        files: found.files.saturating_sub(files),
        bytes: found.bytes.saturating_sub(bytes),
        all: found.complete,
    }
}

/// What is to be planned.
struct Errand {
    prepared: Prepared,
    wish: Wish,
    ladder: Vec<String>,
}

/// How the planning ended.
struct Planned {
    outcome: Result<(), Trouble>,
    fed: Fed,
}

/// Tells everybody how much there is to do.
struct Announcer<'a> {
    context: &'a Context,
    ladder: Vec<String>,
    /// For whoever only has to know how many files there are.
    files: Option<watch::Sender<u64>>,
}

impl Announcer<'_> {
    fn tell(&self, found: Found) {
        let Found { files, bytes, directories, unchanged, complete, .. } = found;
        self.context.ledger.planned(Totals { files, bytes, unchanged, complete });
        if let Some(told) = &self.files {
            told.send_if_modified(|before| std::mem::replace(before, files.max(*before)) < files);
        }
        let ladder = self.ladder.clone();
        self.context.observer.event(match complete {
            true => Event::Planned { files, bytes, directories, unchanged, ladder },
            false => Event::Walked { files, bytes, directories, unchanged, ladder },
        });
    }
}

/// What a dry run says of one thing.
fn tell_step(item: Item, sources: &[Side], destination: &Side, context: &Context, report: &mut Report) {
    let tell = |event| context.observer.event(event);
    let delete = |extra: &Extra| tell(Event::Step(format!("delete {}", destination.name(&extra.path))));
    let make_way = |obstacle: &Obstacle| obstacle.pile.into_iter().for_each(|extra| delete(&extra));
    match item {
        Item::Unchanged(same) => report.stood(same.doubt),
        Item::LinkStands => report.unchanged += 1,
        Item::Skipped(skipped) => {
            tell(Event::Skipped(skipped.clone()));
            report.leave_out(skipped);
        }
        Item::Conflict(failure) => {
            tell(Event::Failed { file: None, failure: failure.clone() });
            report.fail(*failure);
        }
        Item::Refused(count, failure) => {
            tell(Event::Failed { file: None, failure: failure.clone() });
            report.refuse(count, failure.trouble);
        }
        Item::Directory(path) => tell(Event::Step(format!("make directory {}", destination.name(&path)))),
        Item::Extra(extra) => delete(&extra),
        Item::MakeWay(obstacle) => make_way(&obstacle),
        Item::Link(link) => {
            link.in_the_way.as_deref().into_iter().for_each(make_way);
            tell(Event::Step(link.deed(destination)));
        }
        Item::Step(step) => {
            step.in_the_way.as_deref().into_iter().for_each(make_way);
            let (from, to) = (sources[step.side].name(&step.source), destination.name(&step.destination));
            tell(Event::Step(format!("{} {from} to {to}", step.verb())));
        }
    }
}

/// Where the addresses of a request lead.
fn locations(request: &CopyRequest, context: &Context) -> Result<(Vec<Location>, Location), Trouble> {
    if request.sources.is_empty() {
        return Err(Trouble::new(TroubleKind::Usage, "there is no source"));
    }
    let sources =
        request.sources.iter().map(|address| locate(address, context)).collect::<Result<Vec<_>, _>>()?;
    let destination = locate(&request.destination, context)?;
    let local = |location: &Location| matches!(location, Location::Local(_));
    if local(&destination) && sources.iter().any(local) {
        return Err(Trouble::new(
            TroubleKind::Usage,
            "source and destination are both on this machine; cp copies that",
        ));
    }
    Ok((sources, destination))
}

/// Logs in everywhere at the same time.
async fn connect_all(sources: &mut [Side], destination: &mut Side) -> Result<(), Trouble> {
    let from = async {
        for source in sources {
            source.connect().await.map_err(|error| error.on(Some(Leg::Source)))?;
        }
        Ok(())
    };
    let to = async { destination.connect().await.map_err(|error| error.on(Some(Leg::Destination))) };
    tokio::try_join!(from, to).map(drop)
}

/// One server at both ends has to let us in twice.
fn explain_crowd(trouble: Trouble, sources: &[Side], destination: &Side) -> Trouble {
    match trouble.crowded && sources.iter().any(|source| source.same_server(destination)) {
        true => Trouble { remedy: Some(TWO_SESSIONS.to_owned()), ..trouble },
        false => trouble,
    }
}

const TWO_SESSIONS: &str = "source and destination are on one server, which takes two sessions at once: allow this user \
                            and this address two, or wait until somebody else's ends";

/// Payload bytes of this process's data connections.
#[derive(Clone, Copy)]
struct Passed {
    sent: u64,
    received: u64,
}

impl Passed {
    /// Bytes that passed since `before`. A relayed byte came in and went out, and is one.
    fn since(self, before: Passed) -> u64 {
        self.sent.saturating_sub(before.sent).max(self.received.saturating_sub(before.received))
    }
}

fn passed_through(meter: &Meter) -> Passed {
    meter.snapshot().values().fold(Passed { sent: 0, received: 0 }, |passed, count| Passed {
        sent: passed.sent.saturating_add(count.sent),
        received: passed.received.saturating_add(count.received),
    })
}

/// Things that the planner may be ahead of the conductor.
const ITEMS: usize = 256;
