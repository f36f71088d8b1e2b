//! Hands the schedule's jobs to the lanes, and tells the schedule what came of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::super::crew::{Arrived, Crew, Outcome};
use super::super::through::choose_way;
use super::place_name;
use super::schedule::{Blame, Job, SOURCE, Schedule};
use super::strength::{Ability, Bonds, Lack, Strength};
use super::survey::{Found, Ground};
use super::table::{Region, Table};
use crate::digest;
use crate::file::Way;
use crate::journal::Totals;
use crate::policy::VerifyChoice;
use crate::report::{Event, FileFailure, Served, Trouble, TroubleKind};
use crate::retry;
use crate::side::Side;

/// Surveys under way, each with the number of its place.
pub(super) type Surveys = JoinSet<(usize, Result<Found, Trouble>)>;

/// A copy on its way.
struct Sent {
    job: Job,
    at: Instant,
    size: u64,
}

/// All that is on its way, or will be.
pub(super) struct Traffic {
    crew: Arc<Crew>,
    ground: Arc<Ground>,
    schedule: Schedule,
    table: Table,
    /// Places of files that come from different servers count as one place; each has its row of pairs.
    sources: Vec<Ability>,
    /// What those can do that have joined.
    abilities: BTreeMap<usize, Ability>,
    /// Destinations that have joined.
    regions: BTreeMap<usize, Region>,
    sides: BTreeMap<usize, (Side, VPath)>,
    served: Vec<Served>,
    /// Copies on their way, by pair and final name.
    active: HashMap<(usize, VPath), Sent>,
    /// Bytes per second of the quickest copy so far.
    best: f64,
    /// What was left out, of which each survey tells.
    skipped: HashSet<String>,
    totals: Totals,
    directories: u64,
    complete: bool,
}

impl Traffic {
    pub(super) fn new(
        crew: Arc<Crew>,
        ground: Arc<Ground>,
        sources: Vec<Ability>,
        names: Vec<String>,
        each: usize,
    ) -> Self {
        let served: Vec<Served> =
            names.into_iter().map(|place| Served { place, ..Served::default() }).collect();
        let mut schedule = Schedule::new(served.len() - 1, each);
        schedule.bonds = Bonds::new(served.len(), ground.request.policy.assurance);
        Traffic {
            crew,
            ground,
            schedule,
            table: Table::default(),
            sources,
            abilities: BTreeMap::new(),
            regions: BTreeMap::new(),
            sides: BTreeMap::new(),
            served,
            active: HashMap::new(),
            best: 0.0,
            skipped: HashSet::new(),
            totals: Totals::default(),
            directories: 0,
            complete: false,
        }
    }

    /// These two do not feed each other.
    pub(super) fn bar(&mut self, holder: usize, needer: usize) {
        self.schedule.bar(holder, needer);
    }

    /// Until every destination has what it can get, or the run is stopped, or no lane works any more.
    pub(super) async fn conduct(
        &mut self,
        mut surveys: Surveys,
        outcomes: &mut UnboundedReceiver<Outcome>,
        mut lanes_gone: oneshot::Receiver<()>,
    ) -> Result<(), Trouble> {
        let mut stop = self.ground.stop.clone();
        let mut clock = tokio::time::interval(TICK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ended = loop {
            self.send_all().await;
            if surveys.is_empty() && self.schedule.is_over() {
                self.complete = true;
                break Ok(());
            }
            tokio::select! {
                Some(joined) = surveys.join_next(), if !surveys.is_empty() => {
                    if let Err(trouble) = self.joined(unwound(joined), surveys.is_empty()) {
                        break Err(trouble);
                    }
                }
                Some(outcome) = outcomes.recv() => self.came_of(outcome),
                _ = clock.tick() => self.lose_patience(),
                () = retry::stopped(&mut stop) => break Ok(()),
                _ = &mut lanes_gone => break Ok(()),
            }
        };
        match &ended {
            Ok(()) => self.crew.queue.close(),
            Err(_) => self.crew.queue.abandon(),
        }
        // Those who still look notice a stop themselves, and leave in good order.
        if self.crew.is_stopped() {
            while surveys.join_next().await.is_some() {}
        }
        ended
    }

    /// Tells what would be done, with all being equally quick.
    pub(super) async fn rehearse(&mut self, mut surveys: Surveys) -> Result<(), Trouble> {
        while let Some(joined) = surveys.join_next().await {
            self.joined(unwound(joined), false)?;
        }
        let ladder = self.ladders().await;
        self.planned(ladder);
        while !self.schedule.is_over() {
            let round: Vec<Job> = std::iter::from_fn(|| self.schedule.next()).collect();
            if round.is_empty() {
                break;
            }
            for job in round {
                if let Some(step) = self.table.order(job, self.pair(job)) {
                    let from = self.crew.source(step.side).name(&step.source);
                    let to = self.crew.destination(step.side).name(&step.destination);
                    self.crew.event(Event::Step(format!("{} {from} to {to}", step.verb())));
                }
                self.schedule.done(job);
            }
        }
        self.complete = true;
        Ok(())
    }

    /// Hands out all that can begin now.
    async fn send_all(&mut self) {
        while let Some(job) = self.schedule.next() {
            let pair = self.pair(job);
            let step = self.table.order(job, pair).expect("what is scheduled is in the table");
            let sent = Sent { job, at: Instant::now(), size: step.size.unwrap_or(0) };
            self.active.insert((pair, step.destination.clone()), sent);
            self.crew.queue.push(step).await;
        }
    }

    /// Nobody waits for a copy that takes much longer than others have taken.
    fn lose_patience(&mut self) {
        for sent in self.active.values() {
            let usual = if self.best > 0.0 { sent.size as f64 / self.best } else { 0.0 };
            if sent.at.elapsed().as_secs_f64() > PATIENCE.as_secs_f64() + SLOWER * usual {
                self.schedule.is_slow(sent.job);
            }
        }
    }

    /// The pair of servers that a job is for.
    fn pair(&self, job: Job) -> usize {
        let side = self.table.step(job.file, job.needer).map_or(0, |step| step.side);
        let row = if job.holder == SOURCE { side } else { self.sources.len() + job.holder - 1 };
        row * (self.served.len() - 1) + job.needer - 1
    }

    /// A destination was looked at; `last` if it was the last one.
    fn joined(&mut self, (place, found): (usize, Result<Found, Trouble>), last: bool) -> Result<(), Trouble> {
        match found {
            Ok(found) => self.welcome(place, found),
            Err(trouble) if trouble.kind == TroubleKind::Interrupted => return Ok(()),
            // It is about the source or the request, so it would be the same with any other.
            Err(trouble)
                if self.regions.is_empty()
                    && (trouble.leg == Some(Leg::Source) || trouble.kind == TroubleKind::Usage) =>
            {
                return Err(trouble);
            }
            Err(trouble) => {
                self.served[place].given_up = Some(trouble.to_string());
                let (source, destination) =
                    (self.served[SOURCE].place.clone(), self.served[place].place.clone());
                self.fail(place, None, FileFailure { source, destination, trouble });
                self.schedule.lose(place);
            }
        }
        if last {
            self.planned(Vec::new());
        } else {
            self.crew.run.context.ledger.planned(self.totals);
            let Totals { files, bytes, unchanged, .. } = self.totals;
            self.crew.event(Event::Walked {
                files,
                bytes,
                directories: self.directories,
                unchanged,
                ladder: Vec::new(),
            });
        }
        Ok(())
    }

    /// All destinations were looked at.
    fn planned(&mut self, ladder: Vec<String>) {
        self.totals.complete = true;
        for (holder, fed) in self.schedule.tree() {
            let name = |place: usize| self.served[place].place.clone();
            self.crew.event(Event::Feeds { from: name(holder), to: fed.into_iter().map(name).collect() });
        }
        self.crew.run.context.ledger.planned(self.totals);
        let Totals { files, bytes, unchanged, .. } = self.totals;
        self.crew.event(Event::Planned { files, bytes, directories: self.directories, unchanged, ladder });
    }

    /// How those travel who would feed each other, as it is printed.
    async fn ladders(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut sources = self.ground.sources();
        for (holder, fed) in self.schedule.tree() {
            for needer in fed {
                let Some((mut to, at)) = self.sides.remove(&needer) else { continue };
                let names = format!("{} > {}: ", self.served[holder].place, self.served[needer].place);
                let givers: Vec<&mut Side> = match self.sides.get_mut(&holder) {
                    Some((side, _)) => vec![side],
                    None if holder == SOURCE => sources.iter_mut().collect(),
                    None => Vec::new(),
                };
                for from in givers {
                    match choose_way(from, &mut to, &self.ground.request).await {
                        Ok(Way::Direct(lane)) => lines.extend(lane.ladder.lines(&names)),
                        Ok(Way::Through { .. }) => {}
                        Err(trouble) => lines.push(format!("{names}impossible: {trouble}")),
                    }
                }
                self.sides.insert(needer, (to, at));
            }
        }
        self.ground.give_back(sources);
        lines
    }

    /// From now on a destination gets files, and gives those that it has.
    fn welcome(&mut self, place: usize, mut found: Found) {
        let region = Region::new(&found);
        self.introduce(place, found.ability.clone());
        let plan = std::mem::take(&mut found.plan);
        if self.ground.request.dry_run {
            for path in &plan.directories {
                self.crew.event(Event::Step(format!("make directory {}", found.side.name(path))));
            }
            for link in &plan.links {
                self.crew.event(Event::Step(link.deed(&found.side)));
            }
        }
        let mut side = found.side;
        if let Some(link) = side.link() {
            link.park();
        }
        self.regions.insert(place, region);
        self.sides.insert(place, (side, found.goal.path));
        self.directories += plan.directories.len() as u64 + found.made;
        self.crew.report().directories += found.made;
        self.crew.report().links += found.links;
        self.crew.report().unchanged += plan.unchanged;
        self.served[place].unchanged = plan.unchanged;
        for skipped in plan.skipped {
            if self.skipped.insert(skipped.source.clone()) {
                self.crew.event(Event::Skipped(skipped.clone()));
                self.crew.report().leave_out(skipped);
            }
        }
        for failure in plan.conflicts.into_iter().chain(found.failures) {
            self.fail(place, None, failure);
        }
        self.totals.unchanged += plan.unchanged;
        for step in plan.steps {
            self.totals.files += 1;
            self.totals.bytes = self.totals.bytes.saturating_add(step.size.unwrap_or(0));
            let (file, new) = self.table.take(place, step);
            if new {
                let origin = self.table.step(file, place).map_or(0, |step| step.side);
                let same = self.schedule.add_file(origin);
                debug_assert_eq!(same, file, "both count in the same way");
                let others: Vec<usize> = self.regions.keys().copied().filter(|&at| at != place).collect();
                others.into_iter().for_each(|other| self.note_kept(file, other));
            }
            self.schedule.need(file, place);
        }
        (0..self.table.len()).for_each(|file| self.note_kept(file, place));
    }

    /// Finds out what the ways are worth between a destination and all others.
    fn introduce(&mut self, place: usize, ability: Ability) {
        let request = &self.ground.request;
        let bonds = &mut self.schedule.bonds;
        for (origin, source) in self.sources.iter().enumerate() {
            bonds.reach(origin, place, source.to(&ability, request));
        }
        for (&other, known) in &self.abilities {
            bonds.between(other, place, known.to(&ability, request));
            bonds.between(place, other, ability.to(known, request));
        }
        self.abilities.insert(place, ability);
    }

    /// A file that stands equal at a destination need not come from the source for the others.
    fn note_kept(&mut self, file: usize, place: usize) {
        let (side, _) = &self.sides[&place];
        let name = |path: &VPath| side.name(path);
        if self.table.is_kept(file, place, &self.regions, &self.ground.origins, name) {
            self.schedule.hold(file, place);
        }
    }

    /// A lane has ended its step.
    pub(super) fn came_of(&mut self, outcome: Outcome) {
        let Outcome { step, file, result } = outcome;
        let Some(sent) = self.active.remove(&(step.side, step.destination.clone())) else { return };
        let job = sent.job;
        let trouble = match result {
            Ok(arrived) => {
                let Some(Arrived { size, assurance, digest }) = arrived else {
                    self.schedule.done(job);
                    self.served[job.needer].unchanged += 1;
                    return;
                };
                let digest = match self.ground.request.verify {
                    VerifyChoice::Size => None,
                    VerifyChoice::Auto | VerifyChoice::Hash => digest.and_then(digest::named),
                };
                self.schedule.came(job, Strength::of(assurance, digest));
                self.schedule.done(job);
                let from = self.giver(job, step.side);
                self.served[job.needer].came_from(from, assurance);
                self.best = self.best.max(size as f64 / sent.at.elapsed().as_secs_f64().max(0.001));
                let got = &mut self.served[job.needer];
                (got.files, got.bytes) = (got.files + 1, got.bytes.saturating_add(size));
                let gave = &mut self.served[job.holder];
                (gave.sent, gave.sent_bytes) = (gave.sent + 1, gave.sent_bytes.saturating_add(size));
                return;
            }
            Err(trouble) => trouble,
        };
        if self.schedule.failed(job, blame(&trouble)) {
            let (from, to) = (&self.served[job.holder].place, &self.served[job.needer].place);
            let name = self.crew.source(step.side).name(&step.source);
            let text =
                format!("{from} could not give {name} to {to}, which gets it from another one: {trouble}");
            self.crew.event(Event::Rerouted { file, text });
        } else {
            self.served[job.needer].failed += u64::from(trouble.kind != TroubleKind::Interrupted);
            let told = self.with_who_has_it(job.file, job.needer, trouble.clone());
            self.crew.lost(file, &step, told);
        }
        if self.schedule.is_hopeless(job.needer) && !self.schedule.is_lost(job.needer) {
            self.served[job.needer].given_up = Some(trouble.to_string());
            for file in self.schedule.lose(job.needer) {
                self.not_tried(file, job.needer, &trouble);
            }
        }
        for (file, needer) in self.schedule.stranded() {
            self.not_tried(file, needer, &trouble);
        }
    }

    /// What the server is called that gives a file by the pair of that number.
    fn giver(&self, job: Job, pair: usize) -> String {
        match job.holder {
            SOURCE if self.sources.len() > 1 => place_name(&self.crew.pairs[pair].source, false),
            holder => self.served[holder].place.clone(),
        }
    }

    /// Somebody who could bring the file does not, because it would be worth less than what the source promises: the
    /// remedy says so.
    fn with_who_has_it(&self, file: usize, needer: usize, trouble: Trouble) -> Trouble {
        let Some((holder, lack)) = self.schedule.held_back(file, needer) else { return trouble };
        let (has, source) = (&self.served[holder].place, &self.served[SOURCE].place);
        let words = match lack {
            Lack::Proof => "with less protection or proof, which is enough with --assurance encrypted",
            Lack::Digest => "with a weaker comparison or none, which is enough with --verify size",
            Lack::Direct => "only through this machine, which is wanted with --via relay",
        };
        let more = format!("{has} has the file, and could bring it in place of {source}, but {words}");
        let remedy = match &trouble.remedy {
            Some(remedy) => format!("{remedy}; {more}"),
            None => more,
        };
        Trouble { remedy: Some(remedy), ..trouble }
    }

    /// Nobody brings a file to a destination, for this reason.
    fn not_tried(&mut self, file: usize, place: usize, trouble: &Trouble) {
        let trouble = self.with_who_has_it(file, place, trouble.of_untried());
        let pair = self.pair(Job { file, holder: SOURCE, needer: place });
        if let Some(step) = self.table.order(Job { file, holder: SOURCE, needer: place }, pair) {
            self.served[place].failed += u64::from(trouble.kind != TroubleKind::Interrupted);
            self.crew.lost(None, &step, trouble);
        }
    }

    fn fail(&mut self, place: usize, file: Option<u64>, failure: FileFailure) {
        self.served[place].failed += u64::from(failure.trouble.kind != TroubleKind::Interrupted);
        self.crew.failed(file, failure);
    }

    /// True if all was tried that there was to do.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// What each server got and gave.
    pub(super) fn balance(self) -> Vec<Served> {
        self.served
    }

    /// Says goodbye to the destinations.
    pub(super) async fn close(&mut self) {
        for (side, _) in self.sides.values_mut() {
            side.close().await;
        }
    }
}

/// How often the copies on their way are looked at.
const TICK: Duration = Duration::from_secs(1);

/// A copy that takes no longer is waited for, however small the file is.
const PATIENCE: Duration = Duration::from_secs(5);

/// So many times the time of the quickest copy is not slow yet: several copies share a line.
const SLOWER: f64 = 4.0;

/// Whose fault a failure is.
fn blame(trouble: &Trouble) -> Blame {
    let gone = matches!(trouble.kind, TroubleKind::Network | TroubleKind::Login);
    match (trouble.kind, trouble.leg) {
        (TroubleKind::Interrupted, _) => Blame::Needer { gone: false },
        (TroubleKind::FxpImpossible | TroubleKind::Tls | TroubleKind::Usage, _) => Blame::PairForEver,
        // A copy that differs may be one of a file that was damaged where it came from.
        (TroubleKind::Verification, _) | (_, None) => Blame::Pair,
        (_, Some(Leg::Destination)) => Blame::Needer { gone },
        (_, Some(Leg::Source)) => Blame::Holder { gone },
    }
}

/// What a task has found; its panic is ours.
fn unwound<T>(joined: Result<T, tokio::task::JoinError>) -> T {
    match joined {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => unreachable!("nobody aborts a survey"),
        },
    }
}
