//! One lane at work: two sessions of its own, and step after step from the queue.
//!
//! [`Worker::deliver`] is the careful way of one file. New files in a row go in convoy, whose commands need not wait for
//! each other (`convoy`); what that cannot bring to its end comes back to `deliver`.

mod convoy;

use std::sync::Arc;
use std::time::Duration;

use fxp_proto::pair::leg::Leg;
use tokio::time::timeout;

use self::convoy::Left;
use super::After;
use super::crew::{Crew, Pair};
use super::memory::Errand;
use super::queue::{Choice, Drawn, Queue};
use super::through::{choose_way, through};
use crate::claim::Claim;
use crate::file::{Courier, Told, Way};
use crate::journal::Subject;
use crate::plan::walk::interrupted;
use crate::plan::{Reached, Step};
use crate::policy::Via;
use crate::report::{Event, FileReport, Route, Trouble, TroubleKind};
use crate::retry;
use crate::side::Side;

/// One lane at work.
pub(crate) struct Worker {
    crew: Arc<Crew>,
    /// Counted from 1.
    number: usize,
    /// The pair of the last step.
    pair: usize,
    source: Side,
    destination: Side,
    /// For each pair what it has learned, and the version of the pair's way that it comes from.
    ways: Vec<Option<(u64, Way)>>,
    /// Convoys in a row that ended before they were worth it.
    spoiled: u32,
    /// What is copied with care was begun in convoy.
    returned: bool,
    /// So often in a row no sessions could be had.
    locked_out: u32,
}

/// So often a full server is asked again while the sessions that fill it are this run's own, and so often a lane
/// that gets no sessions leaves the files to lanes that have some.
const MOST_REFUSED: u32 = 3;

/// So long a step stays with a lane that opens its sessions.
const SOON: Duration = Duration::from_secs(2);

/// Why a lane does not have its sessions.
enum NoSessions {
    /// A server has no room for one more, and other lanes of this run are at work.
    Crowded,
    /// Something else.
    Trouble(Trouble),
}

impl Worker {
    pub(crate) fn new(crew: Arc<Crew>, number: usize) -> Self {
        let (source, destination) = (crew.source(0), crew.destination(0));
        let ways = crew.pairs.iter().map(|_| None).collect();
        Worker {
            crew,
            number,
            pair: 0,
            source,
            destination,
            ways,
            spoiled: 0,
            returned: false,
            locked_out: 0,
        }
    }

    /// Works until nothing is left to do, or fewer lanes shall work. Returns its number.
    pub(crate) async fn work(mut self) -> usize {
        while let Some(step) = self.next().await {
            if let Some(step) = self.be_ready_for(step).await {
                for left in Box::pin(self.in_convoy(step)).await {
                    Box::pin(self.settle(&left)).await;
                    self.crew.queue.done();
                }
                self.make_room();
            }
        }
        self.park();
        self.number
    }

    /// The next step; `None` if there will be none for this lane.
    async fn next(&mut self) -> Option<Step> {
        let crew = self.crew.clone();
        let mut stop = crew.run.stop.clone();
        loop {
            let lanes = crew.lanes();
            if crew.is_stopped() || self.number > lanes {
                return None;
            }
            let choice = if self.is_searching() { Choice::Smallest } else { Choice::Best };
            match crew.queue.draw(lanes, choice) {
                Drawn::Step(step) => return Some(*step),
                Drawn::End => return None,
                Drawn::Wait => {}
            }
            // Whoever waits has no seat.
            self.park();
            let number = self.number;
            tokio::select! {
                () = crew.queue.changed(|queue| queue.has_news() || number > crew.lanes()) => {}
                () = retry::stopped(&mut stop) => return None,
            }
        }
    }

    /// True while nobody knows yet how the files of a pair travel.
    fn is_searching(&self) -> bool {
        let settled = |way: &Option<Way>| way.as_ref().is_some_and(Way::is_settled);
        self.crew.pairs.iter().any(|pair| pair.way.try_lock().is_ok_and(|way| !settled(&way)))
    }

    /// Takes seats and opens sessions for `step`, unless they are there. `None`: the step went back into the queue,
    /// or has failed.
    async fn be_ready_for(&mut self, step: Step) -> Option<Step> {
        if self.crew.pairs[step.side].hopeless().is_some() {
            return Some(step);
        }
        if self.pair != step.side {
            self.park();
            self.pair = step.side;
            (self.source, self.destination) = (self.crew.source(step.side), self.crew.destination(step.side));
        }
        let crew = self.crew.clone();
        let mut step = Some(step);
        let opened = {
            let opening = self.open_sessions();
            tokio::pin!(opening);
            match timeout(SOON, &mut opening).await {
                Ok(opened) => opened,
                // Whoever waits long for a server keeps no other lane from the file.
                Err(_) => {
                    step.take().into_iter().for_each(|step| crew.queue.put_back(step));
                    tokio::select! {
                        opened = &mut opening => opened,
                        () = crew.queue.changed(Queue::is_over) => return None,
                    }
                }
            }
        };
        match opened {
            Ok(()) => {
                self.locked_out = 0;
                step
            }
            Err(NoSessions::Crowded) => {
                let servers = self.servers();
                crew.crowded(&servers);
                step.into_iter().for_each(|step| crew.queue.put_back(step));
                None
            }
            Err(NoSessions::Trouble(trouble)) => {
                if trouble.kind == TroubleKind::Login {
                    // The same password again and again would look like an attack.
                    crew.pairs[self.pair].give_up(&trouble);
                }
                if trouble.kind != TroubleKind::Login && self.may_leave_it_to_others() {
                    step.into_iter().for_each(|step| crew.queue.put_back(step));
                    return None;
                }
                if let Some(step) = step.or_else(|| self.draw_of_pair()) {
                    self.fail(None, &step, trouble);
                    crew.queue.done();
                }
                None
            }
        }
    }

    /// True if other lanes have their sessions: then it is no file's fault that this one has none.
    fn may_leave_it_to_others(&mut self) -> bool {
        self.locked_out += 1;
        let servers = self.servers();
        let seats = self.crew.run.pool.seats();
        self.locked_out <= MOST_REFUSED && servers.iter().all(|server| seats.open(server) > 0)
    }

    /// A step that goes the way of the latest one.
    fn draw_of_pair(&self) -> Option<Step> {
        match self.crew.queue.draw(self.crew.lanes(), Choice::Best) {
            Drawn::Step(step) if step.side == self.pair => Some(*step),
            Drawn::Step(step) => {
                self.crew.queue.put_back(*step);
                None
            }
            Drawn::Wait | Drawn::End => None,
        }
    }

    /// Both sessions, opened at once; tries again what may pass.
    async fn open_sessions(&mut self) -> Result<(), NoSessions> {
        let mut stop = self.crew.run.stop.clone();
        let mut attempt = 0;
        let mut refused = 0;
        loop {
            let opening = async {
                self.take_seats().await;
                connect(&mut self.source, &mut self.destination).await
            };
            let trouble = tokio::select! {
                opened = opening => match opened {
                    Ok(()) => return Ok(()),
                    Err(trouble) => trouble,
                },
                () = retry::stopped(&mut stop) => return Err(NoSessions::Trouble(interrupted())),
            };
            if trouble.crowded {
                self.park();
                let servers = self.servers();
                if servers.iter().any(|server| self.crew.run.pool.seats().has_lane(server)) {
                    return Err(NoSessions::Crowded);
                }
                // Those who look around were there first. How many have room is known now, and seats are given accordingly.
                let ours = |server: &String| self.crew.run.pool.seats().open(server) > 0;
                if refused < MOST_REFUSED && servers.iter().any(ours) {
                    refused += 1;
                    continue;
                }
            }
            if !retry::judge(&trouble).may_help() || attempt >= self.crew.run.request.retries {
                self.park();
                return Err(NoSessions::Trouble(trouble));
            }
            attempt += 1;
            self.crew.patience.note(&trouble);
            let servers = self.servers();
            let pause = self.crew.patience.pause(attempt, &servers);
            let what = format!("{trouble}; tried again after {:.1} s", pause.as_secs_f64());
            self.crew.event(Event::Waits { lane: self.number, file: None, what });
            if retry::wait(pause, &mut stop).await {
                return Err(NoSessions::Trouble(interrupted()));
            }
        }
    }

    /// Seats for both ends, in one go.
    async fn take_seats(&mut self) {
        let sides = [&mut self.source, &mut self.destination];
        let mut links: Vec<_> = sides.into_iter().filter_map(Side::link).collect();
        if links.iter().all(|link| link.is_seated()) {
            return;
        }
        // Both or none: the seat that is left would be held while the other one is waited for.
        links.iter_mut().for_each(|link| link.park());
        let servers: Vec<String> = links.iter().map(|link| link.server.key()).collect();
        let seats = self.crew.run.pool.seats();
        let taken = match seats.for_lane_now(&servers) {
            Some(taken) => taken,
            None => {
                let what = format!("room for one more session with {}", servers.join(" or "));
                self.crew.event(Event::Waits { lane: self.number, file: None, what });
                seats.for_lane(&servers).await
            }
        };
        for (link, seat) in links.into_iter().zip(taken) {
            link.sit(seat);
        }
    }

    fn servers(&mut self) -> Vec<String> {
        let sides = [&mut self.source, &mut self.destination];
        sides.into_iter().filter_map(Side::link).map(|link| link.server.key()).collect()
    }

    /// Stands up, if somebody who browses waits for a seat.
    fn make_room(&mut self) {
        let servers = self.servers();
        if self.crew.run.pool.seats().is_wanted(&servers) {
            self.park();
        }
    }

    /// Leaves the sessions to whoever needs them.
    fn park(&mut self) {
        for link in [&mut self.source, &mut self.destination].into_iter().filter_map(Side::link) {
            link.park();
        }
    }

    /// Copies one file and tells what came of it.
    async fn settle(&mut self, left: &Left) {
        let Left { file, step, why } = left;
        if self.crew.is_stopped() {
            return self.fail(*file, step, interrupted());
        }
        if let Some(trouble) = self.crew.pairs[step.side].hopeless() {
            return self.fail(*file, step, trouble.of_untried());
        }
        let subject = self.crew.subject(step);
        let ledger = self.crew.run.context.ledger.clone();
        let is_brought = match self.recall(step, &subject).await {
            Errand::Send => false,
            Errand::Done(finished) => {
                self.crew.recalled(step, &finished);
                true
            }
            Errand::Found(report) => {
                ledger.finished(&subject, &report);
                self.crew.stood(step, report.verified, report.time_kept);
                true
            }
        };
        if is_brought {
            if let Err(trouble) = self.leave_source(step).await {
                self.crew.lost(None, step, trouble);
            }
            return;
        }
        if self.crew.patience.space.is_closed() && !self.crew.is_spread() {
            let what = "room at the destination".to_owned();
            self.crew.event(Event::Waits { lane: self.number, file: None, what });
            let mut stop = self.crew.run.stop.clone();
            tokio::select! {
                () = self.crew.patience.space.opened() => {}
                () = retry::stopped(&mut stop) => return self.fail(None, step, interrupted()),
            }
        }
        // What a convoy has begun was allowed to begin then.
        if file.is_none() && !self.crew.may_begin(step) {
            return;
        }
        let file = file.unwrap_or_else(|| self.crew.next_file());
        if let Some(text) = why.clone() {
            self.crew.event(Event::Fallback { file: Some(file), text });
        }
        self.returned = left.file.is_some();
        match self.deliver(file, step, &subject).await {
            Ok(mut done) => {
                done.notes.splice(0..0, why.clone());
                ledger.finished(&subject, &done);
                self.crew.done(file, step, done);
                if let Err(trouble) = self.leave_source(step).await {
                    self.crew.lost(Some(file), step, trouble);
                }
            }
            Err(trouble) => {
                self.fail(Some(file), step, trouble);
            }
        }
    }

    /// What earlier runs have left to do of a file.
    async fn recall(&mut self, step: &Step, subject: &Subject) -> Errand {
        let crew = self.crew.clone();
        let route = match (&self.source, &self.destination) {
            (Side::Remote(_), Side::Remote(_)) if crew.run.request.via != Via::Relay => Route::Direct,
            (Side::Remote(_), Side::Remote(_)) => Route::Relay,
            _ => Route::Local,
        };
        let errand = crew.errand(step, subject, &mut self.source, &mut self.destination, route);
        retry::orderly(errand, &crew.run.stop).await.unwrap_or(Errand::Send)
    }

    /// The careful way of one file. The first file of a pair finds out how the others travel; they wait for that.
    async fn deliver(&mut self, file: u64, step: &Step, subject: &Subject) -> Result<FileReport, Trouble> {
        let crew = self.crew.clone();
        let pair = &crew.pairs[step.side];
        let fresh = self.ways[step.side].take().filter(|(version, _)| *version == pair.version());
        let (version, mut way) = match fresh {
            Some(known) => known,
            None => {
                let mut guard = self.first_of(pair).await?;
                let shared = match &mut *guard {
                    Some(way) => way,
                    unknown => unknown.insert(self.look_at_both().await?),
                };
                if !shared.is_settled() {
                    if let Some(trouble) = pair.hopeless() {
                        return Err(trouble.of_untried());
                    }
                    let outcome = self.carry(file, step, subject, shared).await;
                    pair.changed();
                    if shared.is_settled() {
                        crew.open_up();
                    }
                    give_up_if_hopeless(pair, &outcome, shared);
                    return outcome;
                }
                crew.open_up();
                (pair.version(), shared.fork())
            }
        };
        let before = way.fork();
        let outcome = self.carry(file, step, subject, &mut way).await;
        give_up_if_hopeless(pair, &outcome, &way);
        let version = match way.is_like(&before) {
            true => version,
            false => {
                *pair.way.lock().await = Some(way.fork());
                pair.changed()
            }
        };
        self.ways[step.side] = Some((version, way));
        outcome
    }

    /// The way of the pair, once no other lane is finding it out.
    async fn first_of<'p>(
        &self,
        pair: &'p Pair,
    ) -> Result<tokio::sync::MutexGuard<'p, Option<Way>>, Trouble> {
        if let Ok(way) = pair.way.try_lock() {
            return Ok(way);
        }
        let mut stop = self.crew.run.stop.clone();
        let what = "the first file, which finds out how the others travel".to_owned();
        self.crew.event(Event::Waits { lane: self.number, file: None, what });
        tokio::select! {
            way = pair.way.lock() => Ok(way),
            () = retry::stopped(&mut stop) => Err(interrupted()),
        }
    }

    /// How files may travel between two servers whom nobody has looked at together yet.
    async fn look_at_both(&mut self) -> Result<Way, Trouble> {
        let crew = self.crew.clone();
        let looking = choose_way(&mut self.source, &mut self.destination, &crew.run.request);
        let mut way = retry::orderly(looking, &crew.run.stop).await.unwrap_or_else(|| Err(interrupted()))?;
        if let Some(shares) = &crew.run.shares {
            shares.impose(self.pair, &mut way);
        }
        Ok(way)
    }

    async fn carry(
        &mut self,
        file: u64,
        step: &Step,
        subject: &Subject,
        way: &mut Way,
    ) -> Result<FileReport, Trouble> {
        let crew = self.crew.clone();
        let (source, destination) = (&mut self.source, &mut self.destination);
        let relay = match crew.run.request.via {
            Via::Auto => through(source, destination, &crew.run.request.policy),
            Via::Direct | Via::Relay => Err(Trouble::new(TroubleKind::Usage, "no relay was asked for")),
        };
        crew.event(Event::Started {
            file,
            lane: self.number,
            source: source.name(&step.source),
            destination: destination.name(&step.destination),
            size: step.size,
            route: way.route(),
        });
        let before = crew.pairs[step.side].publisher();
        let mut publisher = before;
        let mut stop = crew.run.stop.clone();
        let mut courier = Courier {
            file,
            observer: &crew.run.context.observer,
            way,
            publisher: &mut publisher,
            source,
            destination,
            via: crew.run.request.via,
            relay,
            verify: crew.run.request.verify,
            retries: crew.run.request.retries,
            throttle: crew.throttle(step.side),
            stop: &mut stop,
            known: &crew.run.context.known,
            ledger: &*crew.run.context.ledger,
            subject,
            returned: self.returned,
            resume: crew.run.request.resume,
            aliases: &crew.pairs[step.side].aliases,
            original: crew.pairs[step.side].original,
            claim: Claim::default(),
            inherited: None,
            patience: &crew.patience,
            told: Told::default(),
            gone: &|gone| crew.deleted(gone),
        };
        // Boxed: one within the other they are too much for the stack of a thread.
        let outcome = retry::orderly(Box::pin(courier.deliver(step)), &crew.run.stop).await;
        crew.pairs[step.side].learn_publisher(before, publisher);
        outcome.unwrap_or_else(|| Err(interrupted()))
    }

    /// Deletes the source of a move, whose copy is good; unless the copy may be that very file.
    async fn leave_source(&mut self, step: &Step) -> Result<(), Trouble> {
        if self.crew.run.after == After::Kept {
            return Ok(());
        }
        if let Some(why) = must_stay(step, self.source.same_server(&self.destination)) {
            return Err(source_stays(why));
        }
        let crew = self.crew.clone();
        let aliases = &crew.pairs[step.side].aliases;
        match aliases.may_be_one_file(step, &mut self.source, &mut self.destination).await {
            Ok(false) => {}
            Ok(true) => return Err(source_stays(ONE_FILE)),
            Err(trouble) => {
                let why =
                    format!("nobody can tell whether it is the copy itself under another name ({trouble})");
                return Err(source_stays(&why).remedy(ALIAS_REMEDY));
            }
        }
        // From then on nothing but the journal knows that there was a source, and that its copy was proven.
        self.crew.run.context.ledger.settle().await;
        self.source.delete(&step.source).await.map_err(|refused| {
            let Trouble { kind, what, leg, .. } = source_stays(&refused.what);
            Trouble { kind, what, leg, ..refused }
        })
    }

    fn fail(&self, file: Option<u64>, step: &Step, trouble: Trouble) {
        self.crew.step_failed(file, step, trouble);
    }
}

/// Why the source of a move must not be deleted although its copy is good.
fn must_stay(step: &Step, same_server: bool) -> Option<&'static str> {
    if step.reached == Reached::BehindLink {
        return Some("it was reached through a link, and lies elsewhere");
    }
    (same_server && step.source == step.destination)
        .then_some("on the same server under the same path it may be one file for both users")
}

const ONE_FILE: &str = "both names lead to one file, which is source and copy in one";

const ALIAS_REMEDY: &str = "fxp check compares them, and fxp rm deletes the source";

fn source_stays(why: &str) -> Trouble {
    let what = format!("the copy is good, but the source stays: {why}");
    Trouble::new(TroubleKind::Other, what).on(Some(Leg::Source))
}

/// Logs in to both ends at the same time.
pub(super) async fn connect(source: &mut Side, destination: &mut Side) -> Result<(), Trouble> {
    let (from, to) = tokio::join!(source.connect(), destination.connect());
    from.map_err(|error| error.on(Some(Leg::Source)))?;
    to.map_err(|error| error.on(Some(Leg::Destination)))
}

/// Notes what stopped one file and would stop each of the others too.
fn give_up_if_hopeless(pair: &Pair, outcome: &Result<FileReport, Trouble>, way: &Way) {
    if let Err(trouble) = outcome
        && would_stop_all(trouble, way)
    {
        pair.give_up(trouble);
    }
}

/// True for what would fail each further file in the same way.
fn would_stop_all(trouble: &Trouble, way: &Way) -> bool {
    // The same password again and again would look like an attack.
    if trouble.kind == TroubleKind::Login {
        return true;
    }
    let others_passed = matches!(way, Way::Direct(lane) if lane.has_worked());
    !others_passed
        && matches!(trouble.kind, TroubleKind::FxpImpossible | TroubleKind::Tls | TroubleKind::Usage)
}
