//! One file between two legs.
//!
//! ```text
//!  passive leg   TYPE PROT SSCN PEER PRET  PASV ──────────── REST ─┐
//!                                            │ address             ├─ STOR, RETR ── both final replies ── Done
//!  active leg    TYPE PROT SSCN ─────────────┴── PEER PORT ─ REST ─┘
//!                     │ refused                     │ refused            │ refused, silent, stopped
//!                     └─────────────────────────────┴─ Cleanup ──────────┴─ ABOR where a transfer runs ── Done
//! ```
//!
//! The two legs go ahead side by side and wait for each other twice: the active one for the address,
//! and both before STOR and RETR. STOR goes first, RETR follows without waiting for any 1yz: some
//! servers send theirs only when the data connection stands, some only when TLS does, and a client that
//! waits for one of them waits for ever. PEER KEY goes ahead of PASV and PORT without waiting either, so that a key
//! for each file costs no round trip. Nothing is sent to either server once something has failed,
//! except the ABOR that ends its transfer; a listener left behind is replaced by the next PASV.

use std::collections::VecDeque;
use std::net::IpAddr;

use super::address;
pub use super::job::{Job, LegFacts, Limits, Proof};
use super::knock;
use super::leg::Leg;
use super::refusal::{classify, weight};
use super::side::{Ask, Asked, Needed, Side, Transfer, introduction, restart, verb_of};
pub use super::verdict::{Copied, Failure, Refusal, Step, Verdict};
use crate::client::request::{Answer, Request, RequestId};
use crate::grammar::addr::HostPort;
use crate::grammar::reply::Reply;
use crate::moment::Moment;

/// What the driver has to do.
#[derive(Debug)]
pub enum Action {
    /// Ask this of that leg, then call [`Exchange::asked`] with the id.
    Ask(Leg, Request),
    /// Connect to this address and hang up: the destination waits there for a source that will not come.
    Knock(HostPort),
    /// The exchange has come to a new step.
    Progress(Step),
    /// It is over.
    Done(Verdict),
}

/// One file between two legs.
#[derive(Debug)]
pub struct Exchange {
    job: Job,
    source: Side,
    destination: Side,
    step: Step,
    failure: Option<Failure>,
    /// When waiting for the slower leg ends: the straggler's deadline, or the cleanup's.
    patience: Option<Moment>,
    /// Until then no ABOR is sent: the leg that broke the data connection is about to say why.
    hearing: Option<Moment>,
    /// Where the active leg was sent.
    address: Option<HostPort>,
    /// The destination was woken up, and is about to end its transfer.
    knocked: bool,
    over: bool,
    actions: VecDeque<Action>,
}

impl Exchange {
    /// An exchange over two logged-in sessions.
    pub fn new(job: Job, now: Moment) -> Self {
        let mut exchange = Exchange {
            source: Side::new(Leg::Source, &job),
            destination: Side::new(Leg::Destination, &job),
            job,
            step: Step::Prepare,
            failure: None,
            patience: None,
            hearing: None,
            address: None,
            knocked: false,
            over: false,
            actions: VecDeque::from([Action::Progress(Step::Prepare)]),
        };
        exchange.go_on(now);
        exchange
    }

    /// The request of the last [`Action::Ask`] to `leg` has this id.
    pub fn asked(&mut self, leg: Leg, id: RequestId) {
        if let Some(asked) = self.side(leg).asked.iter_mut().find(|asked| asked.id.is_none()) {
            asked.id = Some(id);
        }
    }

    /// A preliminary reply (150, 125).
    pub fn preliminary(&mut self, leg: Leg, id: RequestId, _reply: Reply, now: Moment) {
        let transfers = |asked: &&mut Asked| asked.id == Some(id) && asked.step == Step::Transfer;
        let Some(asked) = self.side(leg).asked.iter_mut().find(transfers) else { return };
        asked.deadline = None;
        let passive = self.job.method.passive;
        if let (Some(follow), true) = (self.job.limits.follow, leg != passive) {
            for asked in self.side(passive).asked.iter_mut().filter(|asked| asked.step == Step::Transfer) {
                asked.deadline = asked.deadline.map(|deadline| deadline.min(now + follow));
            }
        }
    }

    /// A request ended.
    pub fn answer(&mut self, leg: Leg, id: RequestId, answer: Answer, now: Moment) {
        if self.over {
            return;
        }
        if let Some(asked) = self.side(leg).take(id) {
            match asked.step {
                Step::Transfer => self.transfer_ended(leg, asked, answer, now),
                Step::Cleanup => self.abort_ended(leg, &answer),
                _ => self.prepared(leg, asked, answer, now),
            }
        }
        self.go_on(now);
    }

    /// The control connection of `leg` is gone.
    pub fn lost(&mut self, leg: Leg, now: Moment) {
        if self.over {
            return;
        }
        let step = self.step;
        self.side(leg).give_up();
        self.fail(Failure::bare(leg, step, Refusal::Lost), now);
        self.go_on(now);
    }

    /// More of the file has arrived, as another session with the destination sees it: a straggler that
    /// still receives is not late.
    pub fn progressed(&mut self, now: Moment) {
        if !self.over && self.failure.is_none() && self.patience.is_some() {
            self.patience = Some(now + self.job.limits.straggler);
        }
    }

    /// Time passed.
    pub fn tick(&mut self, now: Moment) {
        if self.over {
            return;
        }
        for leg in Leg::BOTH {
            let late = |asked: &Asked| asked.deadline.is_some_and(|deadline| deadline <= now);
            if let Some(asked) = self.side(leg).asked.iter().find(|asked| late(asked)) {
                let (step, verb) = (asked.step, asked.verb);
                self.too_late(leg, step);
                self.fail(Failure { verb, ..Failure::bare(leg, step, Refusal::TimedOut) }, now);
            }
        }
        if self.patience.is_some_and(|patience| patience <= now) {
            self.patience_ended(now);
        }
        self.go_on(now);
    }

    /// The user wants to stop.
    pub fn abort(&mut self, now: Moment) {
        if !self.over {
            let step = self.step;
            self.fail(Failure::bare(Leg::Source, step, Refusal::Aborted), now);
            self.go_on(now);
        }
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
        let asked = self.source.asked.iter().chain(&self.destination.asked);
        asked.filter_map(|asked| asked.deadline).chain(self.patience).chain(self.hearing).min()
    }

    // Going on: one function that looks at both legs and asks what can be asked.

    fn go_on(&mut self, now: Moment) {
        if self.over {
            return;
        }
        if self.failure.is_some() {
            return self.clean_up(now);
        }
        match self.step {
            Step::Transfer => self.settle(now),
            _ => self.set_up(now),
        }
    }

    /// Before the transfer: each leg goes down its own script.
    fn set_up(&mut self, now: Moment) {
        for leg in [Leg::Destination, Leg::Source] {
            while self.side(leg).may_be_asked()
                && let Some(ask) = self.side(leg).script.pop_front()
            {
                self.ask(leg, ask, now);
            }
        }
        let joined = self.step > Step::Listen;
        if joined && self.source.is_ready() && self.destination.is_ready() {
            self.transfer(now);
        }
    }

    /// STOR first, so that a source is never left half open for a destination that refuses.
    fn transfer(&mut self, now: Moment) {
        for leg in [Leg::Destination, Leg::Source] {
            let command = Side::transfer_command(leg, &self.job.facts(leg).path);
            self.side(leg).transfer = Transfer::Running;
            let request = Request::Transfer(command);
            self.ask(leg, Ask { step: Step::Transfer, request, needed: Needed::Yes }, now);
        }
    }

    /// During the transfer: over when both have ended well; when one has, the other is a straggler.
    fn settle(&mut self, now: Moment) {
        match (&self.source.transfer, &self.destination.transfer) {
            (Transfer::Good(source), Transfer::Good(destination)) => {
                let copied = Copied { source: source.clone(), destination: destination.clone() };
                self.done(Ok(copied));
            }
            (Transfer::Good(_), _) | (_, Transfer::Good(_)) if self.patience.is_none() => {
                self.patience = Some(now + self.job.limits.straggler);
            }
            _ => {}
        }
    }

    /// After a failure: ABOR where a transfer runs, then both last replies, or the end of patience.
    fn clean_up(&mut self, now: Moment) {
        self.hearing = self.hearing.filter(|hearing| *hearing > now);
        let hearing = self.hearing.is_some();
        for leg in Leg::BOTH {
            let side = self.side(leg);
            side.script.clear();
            let aborting = side.asked.iter().any(|asked| asked.step == Step::Cleanup);
            if !side.usable || !side.is_transferring() || aborting || hearing {
                continue;
            }
            if self.waits_in_vain(leg) {
                self.end_deaf(leg);
            } else {
                self.ask(leg, Ask { step: Step::Cleanup, request: Request::Abort, needed: Needed::No }, now);
            }
        }
        if !self.source.is_busy() && !self.destination.is_busy() {
            self.conclude();
        }
    }

    /// True if this leg, whose transfer runs, hears nothing while it listens, and the other one has said that it has nothing
    /// for it.
    fn waits_in_vain(&mut self, leg: Leg) -> bool {
        let refused = |failure: &Failure| {
            failure.leg == leg.other() && failure.step == Step::Transfer && failure.class == Refusal::Path
        };
        let listens = leg == self.job.method.passive && self.job.facts(leg).deaf;
        let begun = self.side(leg).has_begun();
        listens && (self.knocked || !begun) && self.failure.as_ref().is_some_and(refused)
    }

    /// Somebody who connects and hangs up wakes it; otherwise a new session is cheaper than its patience.
    fn end_deaf(&mut self, leg: Leg) {
        let address = knock::address(leg, self.job.facts(leg), &self.job.method, self.address);
        match address {
            _ if self.knocked => {}
            Some(address) => {
                self.knocked = true;
                self.actions.push_back(Action::Knock(address));
            }
            None => self.side(leg).give_up(),
        }
    }

    fn ask(&mut self, leg: Leg, ask: Ask, now: Moment) {
        let silent = matches!(ask.request, Request::Restart(0));
        if ask.step > self.step && !silent {
            self.step = ask.step;
            self.actions.push_back(Action::Progress(ask.step));
        }
        let limits = self.job.limits;
        let deadline = match ask.step {
            Step::Transfer => Some(now + limits.start),
            // The patience of the clean-up covers it.
            Step::Cleanup => None,
            _ => Some(now + limits.reply),
        };
        let verb = verb_of(&ask.request, &self.job.method);
        let alone = !matches!(ask.request, Request::Introduce(_));
        let asked = Asked { id: None, step: ask.step, verb, needed: ask.needed, alone, deadline };
        self.side(leg).asked.push_back(asked);
        self.actions.push_back(Action::Ask(leg, ask.request));
    }

    // Answers.

    fn prepared(&mut self, leg: Leg, asked: Asked, answer: Answer, now: Moment) {
        match answer {
            // The other leg has failed meanwhile; the listener is left to the next PASV.
            Answer::Listening { .. } if self.failure.is_some() => {}
            Answer::Listening { ip, port, .. } => self.joined(leg, ip, port, now),
            Answer::Reply(_) | Answer::Skipped | Answer::LoggedIn(_) => {}
            Answer::Refused { reply, .. } if asked.tolerates(&reply) => {}
            other => self.refused(leg, &asked, other, now),
        }
    }

    /// The passive leg listens: the active one is told where.
    fn joined(&mut self, passive: Leg, announced: Option<IpAddr>, port: u16, now: Moment) {
        let active = passive.other();
        let other = self.job.facts(active).control_peer;
        match address::choose(self.job.facts(passive), announced, port, other) {
            Ok(address) => {
                self.address = Some(address);
                let offset = self.job.restart;
                let connect =
                    Ask { step: Step::Connect, request: Request::Active(address), needed: Needed::Yes };
                let introduction = introduction(&self.job);
                let script = &mut self.side(active).script;
                script.extend(introduction.into_iter().chain([connect, restart(offset)]));
                // From here on both legs may become ready.
                self.step = self.step.max(Step::Connect);
                self.actions.push_back(Action::Progress(Step::Connect));
            }
            Err(_) => {
                let verb = verb_of(&Request::Passive(self.job.method.verb), &self.job.method);
                let failure = Failure::bare(passive, Step::Listen, Refusal::Address);
                self.fail(Failure { verb, ..failure }, now);
            }
        }
    }

    fn transfer_ended(&mut self, leg: Leg, asked: Asked, answer: Answer, now: Moment) {
        match answer {
            Answer::Reply(reply) if reply.code.is_completion() => {
                self.side(leg).transfer = Transfer::Good(reply);
            }
            Answer::Refused { ref reply, .. } | Answer::Reply(ref reply) => {
                self.side(leg).transfer = Transfer::Bad(Some(reply.clone()));
                self.hear_the_other(leg, reply, now);
                self.refused(leg, &asked, answer, now);
            }
            other => {
                self.side(leg).transfer = Transfer::Bad(None);
                self.refused(leg, &asked, other, now);
            }
        }
    }

    /// A leg whose data connection broke is rarely the one that knows why. The other one is, if it had begun, and an
    /// ABOR would make it say nothing but 426: so it is given a moment.
    fn hear_the_other(&mut self, leg: Leg, reply: &Reply, now: Moment) {
        let begun = self.side(leg.other()).has_begun();
        if self.failure.is_none() && begun && reply.is_broken_off() {
            self.hearing = Some(now + self.job.limits.hearing);
        }
    }

    /// Whatever it says, the machine vouches that the session is in step again, or says that it is not.
    fn abort_ended(&mut self, leg: Leg, answer: &Answer) {
        if matches!(answer, Answer::Lost | Answer::TimedOut) {
            self.side(leg).give_up();
        }
    }

    fn refused(&mut self, leg: Leg, asked: &Asked, answer: Answer, now: Moment) {
        let (step, verb) = (asked.step, asked.verb);
        let (class, reply) = match answer {
            Answer::Refused { reply, .. } | Answer::Reply(reply) => {
                (classify(step, verb, Some(&self.job.facts(leg).path), &reply), Some(reply))
            }
            Answer::TimedOut => (Refusal::TimedOut, None),
            _ => (Refusal::Lost, None),
        };
        if matches!(class, Refusal::TimedOut | Refusal::Lost) {
            self.side(leg).give_up();
        }
        self.fail(Failure { verb, reply, ..Failure::bare(leg, step, class) }, now);
    }

    /// The first failure decides, unless a later one of the other leg explains more and is not merely
    /// the echo of our own ABOR.
    fn fail(&mut self, failure: Failure, now: Moment) {
        if self.failure.is_none() {
            self.patience = Some(now + self.job.limits.cleanup);
        }
        // What is said of the file system is no echo, whatever its code.
        let echo = failure.class != Refusal::Space
            && failure.reply.as_ref().is_some_and(|reply| reply.code.number() == 426);
        match &self.failure {
            Some(first) if echo || weight(first.class) >= weight(failure.class) => {}
            _ => self.failure = Some(failure),
        }
    }

    /// A reply that is overdue may still come, and would then be taken for another's. A transfer can
    /// still be aborted; anything else leaves the session unusable.
    fn too_late(&mut self, leg: Leg, step: Step) {
        let side = self.side(leg);
        if step == Step::Transfer {
            side.asked.iter_mut().for_each(|asked| asked.deadline = None);
        } else {
            side.give_up();
        }
    }

    fn patience_ended(&mut self, now: Moment) {
        self.patience = None;
        if self.failure.is_none() {
            let leg = if self.source.is_transferring() { Leg::Source } else { Leg::Destination };
            let verb = Some(Side::transfer_command(leg, &self.job.facts(leg).path).verb);
            let failure = Failure::bare(leg, Step::Transfer, Refusal::TimedOut);
            return self.fail(Failure { verb, ..failure }, now);
        }
        for leg in Leg::BOTH {
            if self.side(leg).is_busy() {
                self.side(leg).give_up();
            }
        }
    }

    /// The end after a failure; which was none if both servers turn out to have finished.
    fn conclude(&mut self) {
        if let (Transfer::Good(source), Transfer::Good(destination)) =
            (&self.source.transfer, &self.destination.transfer)
        {
            let copied = Copied { source: source.clone(), destination: destination.clone() };
            return self.done(Ok(copied));
        }
        if let Some(mut failure) = self.failure.take() {
            failure.other = self.side(failure.leg.other()).final_reply().cloned();
            self.done(Err(failure));
        }
    }

    fn done(&mut self, result: Result<Copied, Failure>) {
        self.over = true;
        self.actions.push_back(Action::Done(Verdict {
            result,
            source_usable: self.source.usable,
            destination_usable: self.destination.usable,
        }));
    }

    fn side(&mut self, leg: Leg) -> &mut Side {
        match leg {
            Leg::Source => &mut self.source,
            Leg::Destination => &mut self.destination,
        }
    }
}

impl Asked {
    /// True if the exchange goes on although the server refused.
    fn tolerates(&self, reply: &Reply) -> bool {
        match self.needed {
            Needed::Yes => false,
            Needed::No => reply.code.number() != 421,
            Needed::IfKnown => matches!(reply.code.number(), 500 | 502 | 504),
        }
    }
}
