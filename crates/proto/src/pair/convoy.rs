//! Many files between two legs, one behind the other, without waiting where nothing has to be waited for.
//!
//! ```text
//!  passive leg   PASV 1 ─┬─ STOR 1  SIZE 1  PASV 2 ─┬─ RNFR 1  RNTO 1  STOR 2  SIZE 2  PASV 3 ─┬─ ...
//!                        │ address 1                │ address 2, and all that is known of 1    │
//!  active leg            └─ PORT 1  RETR 1  MDTM 1  └─ PORT 2  RETR 2  MDTM 2                  └─ ...
//! ```
//!
//! A convoy takes over two sessions that have carried a file by a [`Exchange`](super::exchange::Exchange), and
//! expects everything to go well. Where it does not it takes no more files, settles those that are under way as
//! far as it can, and says which are not settled: whoever drives it gives those to an exchange, which explains,
//! retries and resumes. So a convoy needs none of that.
//!
//! What a file is stored as gets its final name only when both servers have said that it was transferred, its
//! size is the source's, the source was not changed meanwhile, and the digests agree where both compute one.
//!
//! How much is sent at once is a question of what each server bears ([`Queueing`]): a server that bears nothing
//! behind a transfer gets the same commands, later. Whoever drives a convoy gives it the next file before anything
//! else happens, if there is one: what it asks then leaves in the same write.

mod answers;
mod knocking;
mod load;
mod track;
mod wagon;

use std::collections::VecDeque;

use super::leg::Leg;
use super::side::{Needed, Side, announcement, needed, settings, verb_of};
use super::verdict::{Failure, Refusal, Step};
use crate::client::request::{Passive, Request, RequestId, Setting};
use crate::grammar::addr::HostPort;
use crate::grammar::command::Command;
use crate::grammar::digest::whole_file;
use crate::grammar::reply::Reply;
use crate::grammar::verb::Verb;
use crate::moment::Moment;
use crate::path::VPath;

pub use crate::client::manners::Queueing;
pub use load::{Arrival, Cause, Digests, Introduction, Load, Outcome, Road, Settled, TimeKept};
use track::{Ask, Asked, Track, What};
use wagon::{Stage, Wagon};

/// What the driver has to do.
#[derive(Debug)]
pub enum Action {
    /// Ask this of that leg, then call [`Convoy::asked`] with the id.
    Ask(Leg, Request),
    /// Connect to this address and hang up: the destination waits there for a source that will not come.
    Knock(HostPort),
    /// The file of this number is being transferred.
    Begun(u64),
    /// The file of this number is over.
    Ended(u64, Outcome),
    /// The source of a moved file ([`Convoy::noted`]) was deleted; or the server said no, or nobody knows.
    Parted(u64, Result<(), Failure>),
    /// The convoy is over.
    Done(Arrival),
}

/// Many files between two legs.
#[derive(Debug)]
pub struct Convoy {
    road: Road,
    source: Track,
    destination: Track,
    /// Files that are not over, oldest first.
    wagons: VecDeque<Wagon>,
    /// No more files are taken.
    closing: bool,
    failure: Option<Failure>,
    /// Files that are over although their transfers, which are well, are not.
    lingering: Vec<u64>,
    /// Files that have moved, and their sources, which stay until whoever drives has taken note.
    unnoted: Vec<(u64, VPath)>,
    /// When what is under way after a failure, or after a stop, is given up.
    patience: Option<Moment>,
    /// Until then no transfer is cut off: the leg whose data connection broke is about to say why.
    hearing: Option<Moment>,
    /// Where the active leg was sent last, and for which file.
    listener: Option<(u64, HostPort)>,
    /// A file that the source has refused, so that it will not come where the destination listens.
    spurned: Option<u64>,
    /// The destination was woken up, and is about to end that file's transfer.
    knocked: Option<u64>,
    over: bool,
    actions: VecDeque<Action>,
}

impl Convoy {
    /// A convoy over two logged-in sessions.
    pub fn new(road: Road) -> Self {
        let mut convoy = Convoy {
            source: Track::new(road.source_queueing),
            destination: Track::new(road.destination_queueing),
            road,
            wagons: VecDeque::new(),
            closing: false,
            failure: None,
            lingering: Vec::new(),
            unnoted: Vec::new(),
            patience: None,
            hearing: None,
            listener: None,
            spurned: None,
            knocked: None,
            over: false,
            actions: VecDeque::new(),
        };
        for leg in Leg::BOTH {
            convoy.prepare(leg);
        }
        convoy
    }

    /// True if the next file can be taken: the one before is being transferred, so that the listener for the
    /// next one can be asked for behind it.
    pub fn wants(&self) -> bool {
        !self.closing && self.wagons.iter().all(|wagon| wagon.stage > Stage::Waiting)
    }

    /// True if no more files will be wanted.
    pub fn is_closing(&self) -> bool {
        self.closing || self.failure.is_some()
    }

    /// Takes a file. One that comes when none is wanted is over at once, untouched; and so is one without the key that
    /// all files have to have.
    pub fn load(&mut self, load: Load, now: Moment) {
        let keyed = load.key.is_some() == (self.road.proof == Introduction::Keys);
        if !self.wants() || !keyed {
            return self.actions.push_back(Action::Ended(load.number, Outcome::Untouched));
        }
        let passive = self.road.method.passive;
        let mut asks = Vec::new();
        asks.extend(load.key.clone().map(|key| (What::Introduce, Request::Introduce(key))));
        if self.road.facts(passive).pret {
            let path = if passive == Leg::Source { &load.from } else { &load.place };
            asks.push((What::Announce, Request::Command(announcement(passive, path))));
        }
        asks.push((What::Listen, Request::Passive(self.road.method.verb)));
        self.plan(passive, load.number, asks);
        self.wagons.push_back(Wagon::new(load));
        self.go_on(now);
    }

    /// What was asked so far leaves now: what is asked from here on comes in another write, which not every server
    /// bears while a transfer runs.
    pub fn leaves(&mut self) {
        self.seal();
    }

    /// No more files come.
    pub fn finish(&mut self, now: Moment) {
        self.closing = true;
        self.go_on(now);
    }

    /// Whoever drives has taken note that the file of this number has ended. The source of one that moves
    /// ([`Load::moves`]) is deleted now, which [`Action::Parted`] answers; the convoy does not end before.
    pub fn noted(&mut self, number: u64, now: Moment) {
        let Some(at) = self.unnoted.iter().position(|(unnoted, _)| *unnoted == number) else { return };
        let (_, path) = self.unnoted.swap_remove(at);
        if self.source.usable {
            self.plan(Leg::Source, number, vec![(What::Delete, command(Verb::Dele, &path))]);
        } else {
            let gone = Failure::bare(Leg::Source, Step::Transfer, Refusal::Lost);
            self.actions.push_back(Action::Parted(number, Err(gone)));
        }
        self.go_on(now);
    }

    /// The user wants to stop: what is being transferred may end, if it does so soon.
    pub fn stop(&mut self, now: Moment) {
        self.seal();
        self.closing = true;
        self.patience = self.patience.or(Some(now + self.road.limits.cleanup));
        self.go_on(now);
    }

    /// The request of the last [`Action::Ask`] to `leg` has this id.
    pub fn asked(&mut self, leg: Leg, id: RequestId) {
        if let Some(asked) = self.track(leg).asked.iter_mut().find(|asked| asked.id.is_none()) {
            asked.id = Some(id);
        }
    }

    /// A preliminary reply.
    pub fn preliminary(&mut self, leg: Leg, id: RequestId, _reply: &Reply) {
        self.seal();
        if let Some(asked) = self.track(leg).asked.iter_mut().find(|asked| asked.id == Some(id)) {
            asked.begun = true;
        }
    }

    /// The control connection of `leg` is gone.
    pub fn lost(&mut self, leg: Leg, now: Moment) {
        if !self.over && self.track(leg).usable {
            self.seal();
            self.fail(Failure::bare(leg, Step::Transfer, Refusal::Lost), now);
            self.give_up(leg);
            self.go_on(now);
        }
    }

    /// Time passed.
    pub fn tick(&mut self, now: Moment) {
        if self.over {
            return;
        }
        self.seal();
        let late = |wagon: &&Wagon| wagon.straggler.is_some_and(|straggler| straggler <= now);
        if let Some(wagon) = self.wagons.iter().find(late) {
            let leg = if wagon.sent { Leg::Destination } else { Leg::Source };
            let number = wagon.load.number;
            self.broken(number, Failure::bare(leg, Step::Transfer, Refusal::TimedOut), now);
        }
        if self.patience.is_some_and(|patience| patience <= now) {
            self.patience_ended(now);
        }
        self.go_on(now);
    }

    /// The next thing to do; drain it after every call above.
    #[allow(clippy::should_implement_trait, reason = "a machine is drained, not iterated")]
    pub fn next(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When `tick` wants to be called.
    pub fn wake_at(&self) -> Option<Moment> {
        if self.over {
            return None;
        }
        let stragglers = self.wagons.iter().filter_map(|wagon| wagon.straggler);
        stragglers.chain(self.patience).chain(self.hearing).min()
    }

    // What is asked.

    /// TYPE, PROT, SSCN, PEER EXPECT, REST: what the first file needs and all others find in force.
    fn prepare(&mut self, leg: Leg) {
        let peer = match &self.road.proof {
            Introduction::Keys => None,
            Introduction::Pin { by, pin } if *by == leg => Some(Setting::Peer(Some(pin.clone()))),
            Introduction::Pin { .. } | Introduction::None => Some(Setting::Peer(None)),
        };
        let facts = self.road.facts(leg);
        let listens = self.road.method.passive == leg && matches!(self.road.method.verb, Passive::Epsv(_));
        let extended = (facts.cepr && listens).then_some(Setting::ExtendedReply(true));
        let mut asks: Vec<_> = settings(leg, &self.road.method, facts, peer)
            .map(|setting| {
                let needed = needed(&setting) == Needed::Yes;
                (What::Prepare { needed }, Request::Set(setting))
            })
            .collect();
        let unneeded = What::Prepare { needed: false };
        asks.extend(extended.map(|setting| (unneeded, Request::Set(setting))));
        asks.push((unneeded, Request::Restart(0)));
        self.plan(leg, 0, asks);
    }

    /// The listener stands: both legs are told to transfer, the destination first.
    fn join(&mut self, number: u64, address: HostPort) {
        let Some(wagon) = self.wagons.iter_mut().find(|wagon| wagon.load.number == number) else { return };
        wagon.stage = Stage::Joined;
        self.listener = Some((number, address));
        let load = wagon.load.clone();
        let active = self.road.method.passive.other();
        let mut connect: Vec<_> =
            load.key.map(|key| (What::Introduce, Request::Introduce(key))).into_iter().collect();
        connect.push((What::Connect, Request::Active(address)));
        for leg in [Leg::Destination, Leg::Source] {
            let mut asks = Vec::new();
            if leg == Leg::Source && self.road.tells_time && load.modified.is_none() {
                asks.push((What::TimeBefore, command(Verb::Mdtm, &load.from)));
            }
            if leg == active {
                asks.append(&mut connect);
            }
            let path = if leg == Leg::Source { &load.from } else { &load.place };
            asks.push((What::Transfer, Request::Transfer(Side::transfer_command(leg, path))));
            asks.push(match leg {
                Leg::Source if self.road.tells_time => (What::TimeAfter, command(Verb::Mdtm, path)),
                _ => (What::Size, command(Verb::Size, path)),
            });
            if let Some(digests) = self.road.digest {
                let verb = if leg == Leg::Source { digests.source } else { digests.destination };
                asks.push((What::Digest, Request::Command(whole_file(verb, path))));
            }
            self.plan(leg, number, asks);
        }
        self.actions.push_back(Action::Begun(number));
    }

    /// A verified file gets its time and its name.
    fn name(&mut self, number: u64) {
        let Some(wagon) = self.wagons.iter_mut().find(|wagon| wagon.load.number == number) else { return };
        wagon.stage = Stage::Named;
        let (place, to) = (wagon.load.place.clone(), wagon.load.to.clone());
        let set = match (wagon.exact_time(), self.road.set_time) {
            (Some(time), Some(way)) => way.command(&place, time),
            (None, _) => {
                wagon.time = Some(TimeKept::NotTold);
                None
            }
            (_, None) => None,
        };
        if set.is_none() {
            wagon.time.get_or_insert(TimeKept::NoWay);
        }
        let mut asks: Vec<_> =
            set.map(|command| (What::SetTime, Request::Command(command))).into_iter().collect();
        asks.push((What::RenameFrom, command(Verb::Rnfr, &place)));
        asks.push((What::RenameTo, command(Verb::Rnto, &to)));
        self.plan(Leg::Destination, number, asks);
    }

    fn plan(&mut self, leg: Leg, number: u64, asks: Vec<(What, Request)>) {
        let asks = asks.into_iter().map(|(what, request)| Ask { number, what, request });
        self.track(leg).script.extend(asks);
    }

    /// Asks what each server bears now. STOR goes before RETR: some servers hang when a file has come and gone
    /// before they were told of it.
    fn pump(&mut self) {
        while let Some(leg) = [Leg::Destination, Leg::Source].into_iter().find(|leg| self.may_ask(*leg)) {
            let Some(ask) = self.track(leg).script.pop_front() else { return };
            let verb = verb_of(&ask.request, &self.road.method);
            let Ask { number, what, request } = ask;
            self.track(leg).push(Asked { id: None, number, what, verb, begun: false });
            self.actions.push_back(Action::Ask(leg, request));
        }
    }

    fn may_ask(&self, leg: Leg) -> bool {
        let track = if leg == Leg::Source { &self.source } else { &self.destination };
        let stor_waits = |number: u64| {
            self.destination.script.iter().any(|ask| ask.number == number && ask.what == What::Transfer)
        };
        match track.script.front() {
            Some(ask) if leg == Leg::Source && ask.what == What::Transfer && stor_waits(ask.number) => false,
            _ => track.usable && track.may_ask(),
        }
    }

    fn go_on(&mut self, now: Moment) {
        if self.over {
            return;
        }
        self.hearing = self.hearing.filter(|hearing| *hearing > now);
        let verified = |wagon: &&Wagon| wagon.stage == Stage::Joined && wagon.is_verified(&self.road);
        let verified: Vec<u64> = self.wagons.iter().filter(verified).map(|wagon| wagon.load.number).collect();
        verified.into_iter().for_each(|number| self.name(number));
        if self.closing {
            self.leave_behind();
        }
        if self.failure.is_some() && self.hearing.is_none() {
            self.cut_off(now);
        }
        self.pump();
        let busy = self.source.is_busy() || self.destination.is_busy();
        if self.closing && !busy && self.wagons.is_empty() && self.unnoted.is_empty() {
            self.over = true;
            self.actions.push_back(Action::Done(Arrival {
                failure: self.failure.take(),
                source_usable: self.source.usable,
                destination_usable: self.destination.usable,
            }));
        }
    }

    // Endings.

    /// Files that wait for a listener are not begun any more.
    fn leave_behind(&mut self) {
        if self.failure.is_none() && self.patience.is_none() {
            return;
        }
        let waiting = |wagon: &&Wagon| wagon.stage == Stage::Waiting;
        let numbers: Vec<u64> = self.wagons.iter().filter(waiting).map(|wagon| wagon.load.number).collect();
        numbers.into_iter().for_each(|number| self.end(number, Outcome::Untouched));
    }

    /// Ends file `number`; what was asked about it and has no answer yet is only counted.
    fn end(&mut self, number: u64, outcome: Outcome) {
        let Some(at) = self.wagons.iter().position(|wagon| wagon.load.number == number) else { return };
        let wagon = self.wagons.remove(at);
        if let (Some(wagon), Outcome::Settled(_)) = (wagon, &outcome)
            && wagon.load.moves
        {
            self.unnoted.push((number, wagon.load.from));
        }
        Leg::BOTH.into_iter().for_each(|leg| self.track(leg).forget(number));
        self.actions.push_back(Action::Ended(number, outcome));
    }

    /// File `number` is not as it should be. The sessions are in step, and whatever else is under way gets the time
    /// that it takes.
    fn odd(&mut self, number: u64, cause: Cause, now: Moment) {
        let failure = match &cause {
            Cause::Failure(failure) => failure.clone(),
            _ => Failure::bare(Leg::Destination, Step::Transfer, Refusal::Other),
        };
        self.closing = true;
        self.failure.get_or_insert(failure);
        if self.wagons.iter().any(|wagon| wagon.load.number == number) {
            let runs = |track: &Track| track.transfer_of(number).is_some();
            // One that the other leg is never told of would wait in vain.
            let alone = |track: &Track| track.is_to_transfer(number);
            if (runs(&self.source) || runs(&self.destination))
                && !alone(&self.source)
                && !alone(&self.destination)
            {
                self.lingering.push(number);
                self.patience.get_or_insert(now + self.road.limits.straggler);
            }
            self.end(number, Outcome::Unsettled(cause));
        }
    }

    /// What is left of the transfer of file `number`, which is over, gets no more time: the other leg has failed.
    fn abandon(&mut self, number: u64, now: Moment) {
        if self.lingering.contains(&number) {
            self.lingering.retain(|lingering| *lingering != number);
            let soon = now + self.road.limits.cleanup;
            self.patience = self.patience.map(|patience| patience.min(soon));
        }
    }

    /// The transfer of file `number` failed on one leg: the other one has to be cut off.
    fn broken(&mut self, number: u64, failure: Failure, now: Moment) {
        let other = failure.leg.other();
        let broke = failure.reply.as_ref().is_some_and(Reply::is_broken_off);
        let begun = self.track(other).transfer_of(number).is_some_and(|asked| asked.begun);
        // Cutting it off would cost the session: it may be about to say something of its own.
        let dear = self.track(other).transfer_of(number).is_some() && self.track(other).asked.len() > 1;
        if (broke && begun) || (dear && !self.wakes(number)) {
            self.hearing = Some(now + self.road.limits.hearing);
        }
        self.end(number, Outcome::Unsettled(Cause::Failure(failure.clone())));
        self.fail(failure, now);
    }

    fn fail(&mut self, failure: Failure, now: Moment) {
        self.closing = true;
        self.failure.get_or_insert(failure);
        let soon = now + self.road.limits.hearing + self.road.limits.cleanup;
        self.patience = Some(self.patience.map_or(soon, |patience| patience.min(soon)));
    }

    /// Transfers of files that have failed would run on: they end with an ABOR, or, where other commands are queued
    /// behind them, with the session.
    fn cut_off(&mut self, now: Moment) {
        for leg in Leg::BOTH {
            let track = if leg == Leg::Source { &self.source } else { &self.destination };
            let Some(hanging) = track.asked.iter().position(|asked| self.hangs(asked)) else { continue };
            // What was asked before it is answered first.
            let aborting = track.asked.iter().any(|asked| asked.what == What::Abort);
            if !track.usable || hanging > 0 || aborting {
                continue;
            }
            if self.wake(leg, now) {
                continue;
            }
            let track = self.track(leg);
            if track.asked.len() > 1 {
                self.give_up(leg);
                continue;
            }
            let asked = Asked { id: None, number: 0, what: What::Abort, verb: None, begun: false };
            self.track(leg).asked.push_back(asked);
            self.actions.push_back(Action::Ask(leg, Request::Abort));
            self.patience.get_or_insert(now + self.road.limits.cleanup);
        }
    }

    /// True for the transfer of a file that is over, if there is no reason to let it end.
    fn hangs(&self, asked: &Asked) -> bool {
        let number = asked.number;
        asked.what == What::Transfer
            && !self.lingering.contains(&number)
            && !self.wagons.iter().any(|wagon| wagon.load.number == number)
    }

    fn patience_ended(&mut self, now: Moment) {
        self.patience = None;
        if self.failure.is_none() {
            // The user wanted to stop, and a transfer does not end.
            let failure = Failure::bare(Leg::Source, Step::Transfer, Refusal::Aborted);
            self.failure = Some(failure.clone());
            self.patience = Some(now + self.road.limits.cleanup);
            let runs = |wagon: &&Wagon| !(wagon.sent && wagon.stored);
            let numbers: Vec<u64> = self.wagons.iter().filter(runs).map(|wagon| wagon.load.number).collect();
            for number in numbers {
                self.end(number, Outcome::Unsettled(Cause::Failure(failure.clone())));
            }
            return;
        }
        for leg in Leg::BOTH {
            if self.track(leg).is_busy() {
                self.give_up(leg);
            }
        }
    }

    /// Nobody knows what the next reply of `leg` will answer.
    fn give_up(&mut self, leg: Leg) {
        let track = self.track(leg);
        track.usable = false;
        let parting = track.partings();
        let cut: Vec<u64> = track.transfers().collect();
        track.asked.clear();
        track.script.clear();
        let failure = self.failure.clone().unwrap_or(Failure::bare(leg, Step::Transfer, Refusal::Lost));
        self.failure.get_or_insert(failure.clone());
        self.closing = true;
        self.lingering.retain(|number| !cut.contains(number));
        for number in parting {
            // Whatever is to blame, it is not what this file's source was asked.
            let unheard = Failure::bare(leg, Step::Transfer, Refusal::Lost);
            self.actions.push_back(Action::Parted(number, Err(unheard)));
        }
        let needs = |wagon: &&Wagon| leg == Leg::Destination || !wagon.source_is_done(&self.road);
        let numbers: Vec<(u64, Stage)> =
            self.wagons.iter().filter(needs).map(|wagon| (wagon.load.number, wagon.stage)).collect();
        for (number, stage) in numbers {
            let outcome = match stage {
                Stage::Waiting => Outcome::Untouched,
                _ => Outcome::Unsettled(Cause::Failure(failure.clone())),
            };
            self.end(number, outcome);
        }
    }

    /// Something has happened since the last request: what was asked has left by now.
    fn seal(&mut self) {
        self.source.seal();
        self.destination.seal();
    }

    fn track(&mut self, leg: Leg) -> &mut Track {
        match leg {
            Leg::Source => &mut self.source,
            Leg::Destination => &mut self.destination,
        }
    }
}

fn command(verb: Verb, path: &VPath) -> Request {
    Request::Command(Command::new(verb, path.to_text()))
}
