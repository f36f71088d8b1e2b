//! The quick way of many files: as long as they are ordinary new ones and all goes well, they follow each other
//! over the two sessions of a lane without a wait that could be saved.
//!
//! What a convoy does not bring to its end comes back, and is copied with care: explained, tried again, resumed.

use std::collections::HashMap;
use std::time::Instant;

use fxp_proto::grammar::params::DigestKind;
use fxp_proto::grammar::peer::PeerKey;
use fxp_proto::grammar::verb::Verb;
use fxp_proto::listing::entry::Precision;
use fxp_proto::pair::convoy::{Cause, Introduction, Load, Outcome, Queueing, Settled, TimeKept};
use fxp_proto::pair::exchange::{Failure, Refusal};
use fxp_proto::pair::leg::Leg;

use super::{Worker, connect, must_stay, source_stays};
use crate::digest;
use crate::file::{self, Way};
use crate::journal::{Answer, Subject};
use crate::lane::{Lane, Paved};
use crate::part;
use crate::plan::Step;
use crate::plan::ladder::Rung;
use crate::policy::VerifyChoice;
use crate::publish::Publisher;
use crate::queueing;
use crate::report::{Event, FileReport, Route, Trouble, Verification};
use crate::run::After;
use crate::run::crew::Crew;
use crate::run::queue::{Choice, Drawn};
use crate::side::Side;
use crate::transfer::convoy::{self, Cargo};

/// A file that needs care.
pub(super) struct Left {
    /// Its number, if it was begun.
    pub(super) file: Option<u64>,
    pub(super) step: Step,
    /// What came in between, in a sentence.
    pub(super) why: Option<String>,
}

impl Worker {
    /// Copies `step` and whatever may follow it in the same way. Returns what has to be copied with care: `step`
    /// itself, if nothing can be done in convoy now.
    pub(super) async fn in_convoy(&mut self, step: Step) -> Vec<Left> {
        let Some(lane) = self.lane_for(&step) else { return vec![Left::untouched(step)] };
        let Some(Paved { rung, road }) = self.pave(&lane).await else { return vec![Left::untouched(step)] };
        let queueing = (road.source_queueing, road.destination_queueing);
        let mut notes: Vec<String> = lane.why_clear(&rung).into_iter().collect();
        notes.extend(file::on_sand(&mut self.source, &mut self.destination, rung.assurance));
        let servers = self.servers();
        let mut freight = Freight {
            crew: &self.crew,
            lane: self.number,
            names: (self.crew.source(step.side), self.crew.destination(step.side)),
            servers,
            side: step.side,
            kind: road.digest.map(|digests| digests.kind),
            keyed: road.proof == Introduction::Keys,
            rung: &rung,
            notes,
            first: Some(step),
            enough: false,
            under_way: HashMap::new(),
            moves: self.crew.run.after == After::Deleted,
            same_server: self.source.same_server(&self.destination),
            parting: HashMap::new(),
            unheard: Vec::new(),
            settled: 0,
            left: Vec::new(),
        };
        let (Side::Remote(source), Side::Remote(destination)) = (&mut self.source, &mut self.destination)
        else {
            unreachable!("a lane joins two servers")
        };
        let (Some(from), Some(to)) = (source.open_session(), destination.open_session()) else {
            return freight.first.take().map(Left::untouched).into_iter().collect();
        };
        let mut stop = self.crew.run.stop.clone();
        let arrival = convoy::run(road, from, to, &mut freight, &mut stop).await;
        if !arrival.source_usable {
            source.retire();
        }
        if !arrival.destination_usable {
            destination.retire();
        }
        // A server that is known to bear it and hangs up all the same has other reasons.
        if let Some(Failure { leg, class: Refusal::Other | Refusal::TimedOut, .. }) = &arrival.failure {
            match leg {
                Leg::Source if !arrival.source_usable => queueing::lower(source, queueing.0),
                Leg::Destination if !arrival.destination_usable => queueing::lower(destination, queueing.1),
                _ => {}
            }
        }
        tracing::debug!(
            lane = self.number,
            files = freight.settled,
            left = freight.left.len(),
            "a convoy ended"
        );
        let Freight { settled, left, unheard, .. } = freight;
        self.spoiled = match arrival.failure {
            Some(_) if settled < WORTH_IT => self.spoiled + 1,
            _ => 0,
        };
        for (file, step) in unheard {
            if let Err(trouble) = self.leave_source_again(&step).await {
                self.crew.lost(Some(file), &step, trouble);
            }
            self.crew.queue.done();
        }
        left
    }

    /// As [`Worker::leave_source`], where nobody heard whether that was done.
    async fn leave_source_again(&mut self, step: &Step) -> Result<(), Trouble> {
        match self.source.stat(&step.source).await {
            Ok(None) => Ok(()),
            _ => self.leave_source(step).await,
        }
    }

    /// The lane of the pair, if `step` can go in convoy.
    fn lane_for(&self, step: &Step) -> Option<Box<Lane>> {
        let crew = &self.crew;
        let pair = &crew.pairs[step.side];
        let renames = matches!(pair.publisher(), Publisher::Renames | Publisher::Remembered);
        if !renames || self.spoiled >= MOST_SPOILED || !suits(step) {
            return None;
        }
        let moves = crew.run.after == After::Deleted;
        if moves && must_stay(step, self.source.same_server(&self.destination)).is_some() {
            return None;
        }
        // What a copy says of its time is not what the plan knows of the source.
        if !pair.original || pair.hopeless().is_some() || crew.is_stopped() || crew.patience.space.is_closed()
        {
            return None;
        }
        let own = self.ways[step.side].as_ref().filter(|(version, _)| *version == pair.version());
        let way = match own {
            Some((_, way)) => way.fork(),
            None => pair.way.try_lock().ok()?.as_ref()?.fork(),
        };
        match way {
            Way::Direct(lane) if lane.is_proven() => Some(lane),
            _ => None,
        }
    }

    /// Finds out what the two servers bear. `None`: something is not known, or does not work; whoever copies with
    /// care will tell.
    async fn pave(&mut self, lane: &Lane) -> Option<Paved> {
        connect(&mut self.source, &mut self.destination).await.ok()?;
        let (Side::Remote(source), Side::Remote(destination)) = (&mut self.source, &mut self.destination)
        else {
            return None;
        };
        let (from, to) = tokio::join!(queueing::of(source), queueing::of(destination));
        let queueing = (from.ok()?, to.ok()?);
        let verify = self.crew.run.request.verify;
        let paved = lane.road(source, destination, queueing, verify != VerifyChoice::Size).await.ok()??;
        let lacks_digest = verify == VerifyChoice::Hash && paved.road.digest.is_none();
        (!lacks_digest && queueing.0.min(queueing.1) > Queueing::None).then_some(paved)
    }
}

impl Left {
    fn untouched(step: Step) -> Self {
        Left { file: None, step, why: None }
    }
}

/// True for an ordinary new file: nothing stands in its place, nothing of it is left from earlier, its size is known,
/// and it is no larger than one can do without seeing it grow.
fn suits(step: &Step) -> bool {
    step.leftover.is_none()
        && step.stands.is_none()
        && step.in_the_way.is_none()
        && step.size.is_some_and(|size| size <= LARGEST)
        && !part::is_ambiguous(&step.destination)
        && part::part_of(&step.destination).is_some()
}

/// A file on its way.
struct UnderWay {
    step: Step,
    subject: Subject,
    began: Instant,
}

/// The files of one convoy.
struct Freight<'a> {
    crew: &'a Crew,
    lane: usize,
    /// Source and destination, for their names.
    names: (Side, Side),
    servers: Vec<String>,
    side: usize,
    kind: Option<DigestKind>,
    keyed: bool,
    rung: &'a Rung,
    /// What is to be said of each file.
    notes: Vec<String>,
    first: Option<Step>,
    /// No more files are drawn: somebody else needs the sessions, or the next step is of another kind.
    enough: bool,
    under_way: HashMap<u64, UnderWay>,
    settled: u64,
    left: Vec<Left>,
    /// What is copied is deleted at the source.
    moves: bool,
    /// Both ends are.
    same_server: bool,
    /// Files that have moved, but for that.
    parting: HashMap<u64, Step>,
    /// Those of which nobody knows whether it was done.
    unheard: Vec<(u64, Step)>,
}

impl Freight<'_> {
    fn draw(&mut self) -> Option<Step> {
        let lanes = self.crew.lanes();
        self.enough |= self.crew.is_stopped()
            || self.crew.patience.space.is_closed()
            || self.lane > lanes
            || self.crew.run.pool.seats().is_wanted(&self.servers)
            || self.crew.pairs[self.side].hopeless().is_some();
        if self.enough {
            return None;
        }
        match self.crew.queue.draw(lanes, Choice::Best) {
            Drawn::Step(step) if step.side == self.side && suits(&step) && !self.must_stay(&step) => {
                Some(*step)
            }
            Drawn::Step(step) => {
                self.crew.queue.put_back(*step);
                self.enough = true;
                None
            }
            Drawn::Wait | Drawn::End => None,
        }
    }

    /// True for what is copied to be moved, and has to stay.
    fn must_stay(&self, step: &Step) -> bool {
        self.moves && must_stay(step, self.same_server).is_some()
    }

    fn report(&self, step: &Step, began: Instant, settled: Settled) -> FileReport {
        let time_kept = settled.time == TimeKept::Yes;
        let mut notes: Vec<String> = match settled.time {
            TimeKept::Yes => Vec::new(),
            TimeKept::NotTold => vec![file::NO_TIME.to_owned()],
            TimeKept::NoWay => vec![file::NO_WAY_OF_TIMES.to_owned()],
            TimeKept::Refused(reply) => {
                vec![format!("the time was not kept: the destination said {} {}", reply.code, reply.text())]
            }
        };
        notes.extend(self.notes.iter().cloned());
        FileReport {
            source: self.names.0.name(&step.source),
            destination: self.names.1.name(&step.destination),
            size: step.size.unwrap_or_default(),
            resumed: 0,
            inherited: 0,
            elapsed: began.elapsed(),
            route: Route::Direct,
            method: Some(self.rung.method),
            assurance: self.rung.assurance,
            verified: match (self.kind, settled.digest) {
                (Some(kind), Some(hex)) => Verification::Digest { algorithm: digest::name(kind), hex },
                _ => Verification::Size,
            },
            attempts: 1,
            time_kept,
            notes,
        }
    }
}

impl Cargo for Freight<'_> {
    fn moves(&self) -> bool {
        self.moves
    }

    fn settle(&self) -> Answer<'static, ()> {
        self.crew.run.context.ledger.settle()
    }

    fn noted(&self) -> Answer<'static, ()> {
        self.crew.run.context.ledger.noted()
    }

    fn has_plenty(&self) -> bool {
        // What one lane keeps to itself no other lane can begin: towards the end that would take longer.
        !self.enough && self.crew.queue.len() > self.crew.lanes()
    }

    fn next(&mut self) -> Option<Load> {
        let step = loop {
            let step = self.first.take().or_else(|| self.draw())?;
            if self.crew.may_begin(&step) {
                break step;
            }
            self.crew.queue.done();
        };
        let (Some(place), Some(size)) = (part::part_of(&step.destination), step.size) else {
            self.left.push(Left::untouched(step));
            return None;
        };
        let number = self.crew.next_file();
        let subject = self.crew.subject(&step);
        self.crew.run.context.ledger.begun(&subject, step.stands, false);
        let modified = match step.modified {
            Some((time, Precision::Second)) => Some(time),
            _ => None,
        };
        let load = Load {
            number,
            from: step.source.clone(),
            place,
            to: step.destination.clone(),
            size,
            modified,
            moves: self.moves,
            key: self.keyed.then(|| PeerKey::new(rand::random())),
        };
        self.under_way.insert(number, UnderWay { step, subject, began: Instant::now() });
        Some(load)
    }

    fn begun(&mut self, number: u64) {
        let Some(UnderWay { step, began, .. }) = self.under_way.get_mut(&number) else { return };
        *began = Instant::now();
        self.crew.event(Event::Started {
            file: number,
            lane: self.lane,
            source: self.names.0.name(&step.source),
            destination: self.names.1.name(&step.destination),
            size: step.size,
            route: Route::Direct,
        });
    }

    fn ended(&mut self, number: u64, outcome: Outcome) {
        let Some(UnderWay { step, subject, began }) = self.under_way.remove(&number) else { return };
        match outcome {
            Outcome::Settled(settled) => {
                self.settled += 1;
                let report = self.report(&step, began, settled);
                self.crew.run.context.ledger.finished(&subject, &report);
                self.crew.done(number, &step, report);
                if self.moves {
                    self.parting.insert(number, step);
                } else {
                    self.crew.queue.done();
                }
            }
            Outcome::Unsettled(cause) => {
                let why = Some(format!("{}; so it is copied once more, with care", words(&cause)));
                self.left.push(Left { file: Some(number), step, why });
            }
            Outcome::Untouched => self.left.push(Left { file: Some(number), step, why: None }),
        }
    }

    fn parted(&mut self, number: u64, result: Result<(), Failure>) {
        let Some(step) = self.parting.remove(&number) else { return };
        match result {
            Err(failure) if is_refused(&failure) => {
                let words = words(&Cause::Failure(failure));
                self.crew.lost(Some(number), &step, source_stays(&words));
            }
            Err(_) => return self.unheard.push((number, step)),
            Ok(()) => {}
        }
        self.crew.queue.done();
    }
}

/// True for a refusal, after which the source is known to stay.
fn is_refused(failure: &Failure) -> bool {
    failure.verb == Some(Verb::Dele) && failure.reply.as_ref().is_some_and(|reply| reply.code.number() >= 400)
}

/// What came in between.
fn words(cause: &Cause) -> String {
    match cause {
        Cause::Size { told } => format!("the copy has {told} bytes, which is not the source's size"),
        Cause::Digest => "the digest of the copy is not the source's".to_owned(),
        Cause::Changed => "the source was changed meanwhile".to_owned(),
        Cause::Failure(Failure { leg, verb, reply, class, .. }) => {
            let verb = verb.map(|verb| format!(" at {}", verb.name())).unwrap_or_default();
            match (reply, class) {
                (Some(reply), _) => format!("the {leg} said {} {}{verb}", reply.code, reply.words()),
                (None, Refusal::TimedOut) => format!("the {leg} did not answer{verb}"),
                (None, _) => format!("the {leg} was lost{verb}"),
            }
        }
    }
}

/// Larger files are worth the few round trips that it costs to see them grow, and to resume them.
const LARGEST: u64 = 16 << 20;

/// A convoy that has settled so many files was worth its end.
const WORTH_IT: u64 = 10;

/// After so many convoys in a row that were not, files are copied with care only.
const MOST_SPOILED: u32 = 3;
