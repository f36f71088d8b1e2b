//! The whole story of a copy.

use std::time::Instant;

use fxp_client::Meter;
use fxp_proto::grammar::params::Protection;
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;

use crate::claim::Claim;
use crate::context::Context;
use crate::file::{Courier, Way};
use crate::journal::Totals;
use crate::lane::Lane;
use crate::plan::select::{self, Goal, Origin, Wish};
use crate::plan::walk::interrupted;
use crate::plan::{Plan, Step};
use crate::pool::Pool;
use crate::publish::Publisher;
use crate::report::{Assurance, Event, FileFailure, FileReport, Report, Route, Trouble, TroubleKind};
use crate::retry;
use crate::side::Side;
use crate::site::{Location, locate};
use crate::url::Address;

pub use crate::plan::ladder::Policy;
pub use crate::policy::{AssuranceChoice, EndChoice, MethodChoice, Secure, VerifyChoice, Via};

/// A copy to be done.
#[derive(Clone, Debug)]
pub struct CopyRequest {
    /// From where; one or more.
    pub sources: Vec<Address>,
    /// To where.
    pub destination: Address,
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
    /// How often a transient failure is tried again, per file.
    pub retries: u32,
}

/// What becomes of a source once its copy is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// It stays.
    Kept,
    /// It is deleted: the copy was a move.
    Deleted,
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
    let mut run = Run::begin(request.clone(), After::Kept, context, stop).await?;
    run.close().await;
    Ok(())
}

/// A run with its sessions.
pub(crate) struct Run<'a> {
    pub(crate) request: CopyRequest,
    pub(crate) after: After,
    context: &'a Context,
    pub(crate) stop: Stop,
    began: Instant,
    /// Payload bytes that had passed through this process before.
    before: Passed,
    /// One per server (or this machine) that something comes from.
    pub(crate) sources: Vec<Side>,
    pub(crate) destination: Side,
    pub(crate) origins: Vec<Origin>,
    pub(crate) goal: Goal,
    /// How files of each source travel.
    ways: Vec<Way>,
}

impl<'a> Run<'a> {
    /// Finds the servers and connects to all of them at once.
    pub(crate) async fn begin(
        request: CopyRequest,
        after: After,
        context: &'a Context,
        mut stop: Stop,
    ) -> Result<Self, Trouble> {
        let (began, before) = (Instant::now(), passed_through(&context.environment.meter));
        let (locations, goal) = locations(&request, context)?;
        let pool = Pool::new(context.clone(), request.policy.secure);
        let mut sources: Vec<Side> = Vec::new();
        let mut sides = Vec::with_capacity(locations.len());
        for location in &locations {
            let side = Side::new(location, Leg::Source, &pool);
            let at = sources.iter().position(|other| other.same_place(&side)).unwrap_or(sources.len());
            if at == sources.len() {
                sources.push(side);
            }
            sides.push(at);
        }
        let mut destination = Side::new(&goal, Leg::Destination, &pool);
        tokio::select! {
            connected = connect_all(&mut sources, &mut destination) => connected?,
            () = retry::stopped(&mut stop) => return Err(interrupted()),
        }
        let mut origins = Vec::with_capacity(locations.len());
        for ((location, side), typed) in locations.iter().zip(sides).zip(&request.sources) {
            let path = sources[side].resolve(location).await.map_err(|error| error.on(Some(Leg::Source)))?;
            origins.push(Origin { side, path, contents: typed.means_contents() });
        }
        let path = destination.resolve(&goal).await.map_err(|error| error.on(Some(Leg::Destination)))?;
        let goal = Goal { path, contents: request.destination.means_contents() };
        Ok(Run {
            request,
            after,
            context,
            stop,
            began,
            before,
            sources,
            destination,
            origins,
            goal,
            ways: Vec::new(),
        })
    }

    /// The report with what is known only at the end.
    pub(crate) fn balance(&self, mut report: Report) -> Report {
        report.elapsed = self.began.elapsed();
        report.through_client = passed_through(&self.context.environment.meter).since(self.before);
        report
    }

    /// Plans, then copies.
    pub(crate) async fn go(&mut self) -> Result<Report, Trouble> {
        let planning = select::plan(
            &mut self.sources,
            &self.origins,
            &mut self.destination,
            &self.goal,
            Wish {
                recursive: self.request.recursive,
                // A file that merely looks equal is no reason to delete its source.
                even_unchanged: self.after == After::Deleted,
            },
            &self.stop,
        );
        let plan = retry::orderly(planning, &self.stop).await.unwrap_or_else(|| Err(interrupted()))?;
        self.choose_ways().await?;
        self.announce(&plan);
        let mut report =
            Report { unchanged: plan.unchanged, skipped: plan.skipped.clone(), ..Report::default() };
        for conflict in plan.conflicts.clone() {
            self.failed(conflict, &mut report);
        }
        if self.request.dry_run {
            self.tell_steps(&plan);
            return Ok(report);
        }
        let blocked = self.make_directories(&plan, &mut report).await?;
        self.copy_files(&plan, &blocked, &mut report).await;
        Ok(report)
    }

    /// Direct or through this machine, for each source.
    async fn choose_ways(&mut self) -> Result<(), Trouble> {
        for source in &mut self.sources {
            let way = match (&mut *source, &mut self.destination) {
                (Side::Remote(from), Side::Remote(to)) if self.request.via != Via::Relay => {
                    Way::Direct(Box::new(Lane::new(from, to, &self.request.policy).await?))
                }
                (from, to) => {
                    let local = matches!((&*from, &*to), (Side::Local(_), _) | (_, Side::Local(_)));
                    let (protection, assurance) = through(from, to, &self.request.policy)?;
                    let route = if local { Route::Local } else { Route::Relay };
                    let lowered =
                        assurance == Assurance::Clear && from.is_secured().max(to.is_secured()) == Some(true);
                    let why = if protection == Protection::Clear { ALL_CLEAR } else { HALF_CLEAR };
                    let because = lowered.then(|| why.to_owned());
                    Way::Through { protection, assurance, route, because }
                }
            };
            self.ways.push(way);
        }
        Ok(())
    }

    fn announce(&self, plan: &Plan) {
        let many = self.ways.len() > 1;
        let mut ladder = Vec::new();
        for (way, source) in self.ways.iter().zip(&self.sources) {
            let Way::Direct(lane) = way else { continue };
            let from = if many { format!("{}: ", source.name(&VPath::root())) } else { String::new() };
            match lane.ladder.rungs.is_empty() {
                true => ladder.push(format!("{from}impossible: {}", lane.ladder.why_impossible())),
                false => ladder.extend(lane.ladder.rungs.iter().map(|rung| format!("{from}{rung}"))),
            }
        }
        self.event(Event::Planned {
            files: plan.steps.len() as u64,
            bytes: plan.bytes(),
            directories: plan.directories.len() as u64,
            unchanged: plan.unchanged,
            ladder,
        });
        for skipped in &plan.skipped {
            self.event(Event::Skipped(skipped.clone()));
        }
    }

    /// A dry run prints what would be done.
    fn tell_steps(&self, plan: &Plan) {
        for path in &plan.directories {
            self.event(Event::Step(format!("make directory {}", self.destination.name(path))));
        }
        for step in &plan.steps {
            let verb = match (step.leftover, step.replaces) {
                (Some(_), _) => "resume",
                (None, true) => "replace",
                (None, false) => "copy",
            };
            self.event(Event::Step(format!(
                "{verb} {} to {}",
                self.sources[step.side].name(&step.source),
                self.destination.name(&step.destination)
            )));
        }
    }

    /// Makes directories, parents first. Those that cannot be made are returned: nothing is copied there.
    async fn make_directories(&mut self, plan: &Plan, report: &mut Report) -> Result<Vec<VPath>, Trouble> {
        let mut blocked: Vec<VPath> = Vec::new();
        for path in &plan.directories {
            if *self.stop.borrow() {
                return Err(interrupted());
            }
            if blocked.iter().any(|above| path.is_beneath(above)) {
                continue;
            }
            match self.destination.make_directory(path).await {
                Ok(()) => report.directories += 1,
                Err(trouble) if *path == self.goal.path => return Err(trouble.on(Some(Leg::Destination))),
                Err(trouble) => {
                    let destination = self.destination.name(path);
                    let trouble = trouble.on(Some(Leg::Destination));
                    self.failed(FileFailure { source: destination.clone(), destination, trouble }, report);
                    blocked.push(path.clone());
                }
            }
        }
        Ok(blocked)
    }

    async fn copy_files(&mut self, plan: &Plan, blocked: &[VPath], report: &mut Report) {
        let mut publisher = Publisher::new(&mut self.destination, self.request.inplace);
        // What stopped one file of a source and would stop each of the others too.
        let mut hopeless: Vec<Option<Trouble>> = vec![None; self.sources.len()];
        for step in &plan.steps {
            if blocked.iter().any(|above| step.destination.is_beneath(above)) {
                continue;
            }
            let outcome = match &hopeless[step.side] {
                _ if *self.stop.borrow() => Err(interrupted()),
                Some(trouble) => Err(not_tried(trouble)),
                None => self.copy_file(step, &mut publisher).await,
            };
            match outcome {
                Ok(done) => {
                    self.event(Event::Done(Box::new(done.clone())));
                    report.files.push(done);
                    if let Err(trouble) = self.leave_source(step).await {
                        self.failed(self.failure(step, trouble), report);
                    }
                }
                Err(trouble) => {
                    if hopeless[step.side].is_none() && would_stop_all(&trouble, &self.ways[step.side]) {
                        hopeless[step.side] = Some(trouble.clone());
                    }
                    let interrupted = trouble.kind == TroubleKind::Interrupted;
                    self.failed(self.failure(step, trouble), report);
                    if interrupted {
                        return;
                    }
                }
            }
        }
    }

    async fn copy_file(&mut self, step: &Step, publisher: &mut Publisher) -> Result<FileReport, Trouble> {
        let source = &mut self.sources[step.side];
        let relay = match self.request.via {
            Via::Auto => through(source, &mut self.destination, &self.request.policy),
            Via::Direct | Via::Relay => Err(Trouble::new(TroubleKind::Usage, "no relay was asked for")),
        };
        let way = &mut self.ways[step.side];
        self.context.observer.event(Event::Started {
            source: source.name(&step.source),
            destination: self.destination.name(&step.destination),
            size: step.size,
            route: way.route(),
        });
        let mut courier = Courier {
            observer: &self.context.observer,
            way,
            publisher,
            source,
            destination: &mut self.destination,
            via: self.request.via,
            relay,
            verify: self.request.verify,
            retries: self.request.retries,
            stop: &mut self.stop,
            known: &self.context.known,
            claim: Claim::default(),
        };
        let stop = courier.stop.clone();
        retry::orderly(courier.deliver(step), &stop).await.unwrap_or_else(|| Err(interrupted()))
    }

    /// Deletes the source of a move, whose copy is good; unless the copy may be that very file.
    async fn leave_source(&mut self, step: &Step) -> Result<(), Trouble> {
        if self.after == After::Kept {
            return Ok(());
        }
        let source = &mut self.sources[step.side];
        if step.source == step.destination && source.same_server(&self.destination) {
            let why = "the copy is good, but the source stays: on the same server under the same path it may be one \
                       file for both users";
            return Err(Trouble::new(TroubleKind::Other, why).on(Some(Leg::Source)));
        }
        source.delete(&step.source).await.map_err(|refused| Trouble {
            kind: TroubleKind::Other,
            what: format!("the copy is good, but the source stays: {}", refused.what),
            leg: Some(Leg::Source),
            ..refused
        })
    }

    fn failure(&self, step: &Step, trouble: Trouble) -> FileFailure {
        FileFailure {
            source: self.sources[step.side].name(&step.source),
            destination: self.destination.name(&step.destination),
            trouble,
        }
    }

    pub(crate) fn failed(&self, failure: FileFailure, report: &mut Report) {
        self.event(Event::Failed(Box::new(failure.clone())));
        report.failures.push(failure);
    }

    pub(crate) fn event(&self, event: Event) {
        self.context.observer.event(event);
    }

    /// Says goodbye to everybody.
    pub(crate) async fn close(&mut self) {
        for way in &mut self.ways {
            if let Way::Direct(lane) = way {
                lane.close().await;
            }
        }
        for source in &mut self.sources {
            source.close().await;
        }
        self.destination.close().await;
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

/// How data is protected on its way through this machine: each leg inside TLS whose server
/// protects data. A leg in clear needs the user's leave, unless everything is in clear anyway.
fn through(
    source: &mut Side,
    destination: &mut Side,
    policy: &Policy,
) -> Result<(Protection, Assurance), Trouble> {
    let legs = [source, destination].map(|side| side.protects_data()).into_iter().flatten();
    let (any, all) = legs.fold((false, true), |(any, all), protects| (any || protects, all && protects));
    let refused = |why: &str| {
        Err(Trouble::new(TroubleKind::Tls, why).remedy("--secure prefer protects what can be protected"))
    };
    let (protection, assurance) = match policy.secure {
        Secure::Off => (Protection::Clear, Assurance::Clear),
        Secure::Require if !all => return refused("a leg is in clear, and --secure require forbids that"),
        Secure::Default if any && !all => {
            return refused(
                "one leg is inside TLS and the other in clear, where the bytes would lose their protection",
            );
        }
        _ if all => (Protection::Private, Assurance::Relay),
        _ => (Protection::Private, Assurance::Clear),
    };
    if !policy.assurance.is_met_by(assurance) {
        let why =
            format!("the data would go in clear, and --assurance {} forbids that", policy.assurance.word());
        return Err(
            Trouble::new(TroubleKind::Tls, why).remedy("reach the servers by TLS, without --secure off")
        );
    }
    Ok((protection, assurance))
}

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

const ALL_CLEAR: &str = "the data went in clear: --secure off";

const HALF_CLEAR: &str = "the data went in clear where a server does not protect it (--secure prefer)";

/// What stopped an earlier file, told of one that was not even tried.
fn not_tried(trouble: &Trouble) -> Trouble {
    Trouble { what: format!("not tried: {}", trouble.what), ..trouble.clone() }
}

/// True for what would fail each further file in the same way.
fn would_stop_all(trouble: &Trouble, way: &Way) -> bool {
    let others_passed = matches!(way, Way::Direct(lane) if lane.has_worked());
    !others_passed
        && matches!(
            trouble.kind,
            TroubleKind::FxpImpossible | TroubleKind::Login | TroubleKind::Tls | TroubleKind::Usage
        )
}
