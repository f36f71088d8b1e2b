//! The machine: one control connection seen from the client, the only owner of its reply accounting.
//!
//! ```text
//!   ask ──> waiting ──> running ──> Done
//!                          │  each running task knows its unanswered commands;
//!                          └─ a final reply belongs to the oldest of them
//! ```
//!
//! The connection is given up ([`Action::Close`]) as soon as nobody can say any more which reply
//! answers which command: a reply that nobody asked for, one that never came, one after an ABOR that
//! leaves open what still runs.

use std::collections::VecDeque;
use std::time::Duration;

use super::abort::Abort;
use super::manners::{MAX_PRELIMINARY, MAX_WAITING, Manners, Queueing};
use super::names::NameBytes;
use super::place::Place;
use super::request::{Answer, NO_COMMAND, Request, RequestId};
use super::settings::Settings;
use super::task::{Next, Task, refused};
use crate::grammar::command::Command;
use crate::grammar::reply::Reply;
use crate::grammar::verb::{Data, Verb};
use crate::moment::Moment;

/// What the driver has to do.
#[derive(Debug)]
pub enum Action {
    /// Send this command.
    Send(Command),
    /// Discard unread bytes and unfinished replies, and do the TLS handshake as client.
    StartTls,
    /// A 1yz reply to request `id`.
    Preliminary(RequestId, Reply),
    /// Request `id` ended.
    Done(RequestId, Answer),
    /// The connection is no longer usable; close it.
    Close(Parting),
}

/// Why a connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parting {
    /// We said QUIT.
    Quit,
    /// The server closed it.
    Ended,
    /// The server took its leave (421).
    Dismissed(Reply),
    /// The TLS handshake failed.
    Handshake,
    /// A reply came that nobody asked for, or replies without end: they no longer fit the commands.
    OutOfStep(Reply),
    /// A reply never came.
    TimedOut,
    /// A transfer had to be aborted with other commands queued behind it: nobody can say which replies
    /// would come.
    Abandoned,
}

/// One control connection seen from the client.
///
/// ```
/// use fxp_proto::client::machine::{Action, Machine};
/// use fxp_proto::client::request::{Answer, Request};
/// use fxp_proto::grammar::{command::Command, reply::Reply, verb::Verb};
/// use fxp_proto::moment::Moment;
///
/// let mut machine = Machine::new(Moment::START);
/// let noop = machine.ask(Request::Command(Command::bare(Verb::Noop)), Moment::START);
/// assert!(matches!(machine.next(), Some(Action::Send(command)) if command.verb == Verb::Noop));
///
/// machine.reply(Reply::new(200, "Still here"), Moment::START);
/// assert!(matches!(machine.next(), Some(Action::Done(id, Answer::Reply(_))) if id == noop));
/// ```
#[derive(Debug)]
pub struct Machine {
    manners: Manners,
    names: NameBytes,
    settings: Settings,
    last_id: u64,
    waiting: VecDeque<(RequestId, Request)>,
    running: VecDeque<Running>,
    actions: VecDeque<Action>,
    /// The greeting, if it came before the login was asked for.
    early_greeting: Option<Reply>,
    /// How many late replies an ABOR may still bring.
    late: u8,
    closed: bool,
    /// It is closed since a reply never came, or one too many.
    out_of_step: bool,
}

/// A request under way.
#[derive(Debug)]
struct Running {
    id: RequestId,
    task: Task,
    /// Its commands that wait for their final replies, oldest first.
    unanswered: VecDeque<Command>,
    preliminaries: u8,
    deadline: Option<Moment>,
}

/// Replies that may trickle in after an ABOR has been settled: the probe's, or a second `226`.
const MAX_LATE: u8 = 2;

impl Machine {
    /// A machine for a connection that was just opened, with ordinary manners.
    pub fn new(_now: Moment) -> Self {
        Machine::with_manners(Manners::default())
    }

    /// A machine for a connection that was just opened.
    pub fn with_manners(manners: Manners) -> Self {
        Machine {
            manners,
            names: NameBytes::default(),
            settings: Settings::default(),
            last_id: 0,
            waiting: VecDeque::new(),
            running: VecDeque::new(),
            actions: VecDeque::new(),
            early_greeting: None,
            late: 0,
            closed: false,
            out_of_step: false,
        }
    }

    /// Queues a request. [`Request::Abort`] overtakes what waits.
    pub fn ask(&mut self, request: Request, now: Moment) -> RequestId {
        self.last_id += 1;
        let id = RequestId(self.last_id);
        match request {
            _ if self.closed || self.waiting.len() >= MAX_WAITING => self.done(id, Answer::Lost),
            Request::Abort => self.abort(id, now),
            request => self.waiting.push_back((id, request)),
        }
        self.start_waiting(now);
        id
    }

    /// A whole reply arrived.
    pub fn reply(&mut self, reply: Reply, now: Moment) {
        if self.closed || self.in_handshake() {
            return;
        }
        if self.last_id == 0 && self.early_greeting.is_none() {
            self.early_greeting = Some(reply);
        } else if reply.code.number() == 421 {
            self.dismissed(reply);
        } else if self.running.is_empty() {
            self.unasked(reply);
        } else if reply.code.is_preliminary() {
            self.preliminary(reply, now);
        } else if self.is_late(&reply) {
            self.late -= 1;
        } else {
            self.final_reply(reply, now);
        }
        self.start_waiting(now);
    }

    /// The handshake that `StartTls` asked for ended.
    pub fn tls(&mut self, secured: bool, now: Moment) {
        if self.closed || !self.in_handshake() {
            return;
        }
        if !secured {
            return self.close(Parting::Handshake, Answer::Lost);
        }
        self.settings = Settings::default();
        let Some(running) = self.running.front_mut() else { return };
        if let Task::Login(login) = &mut running.task {
            let next = login.secured();
            self.act(next, now);
        }
    }

    /// The server closed the control connection.
    pub fn eof(&mut self) {
        let quitting = self.running.front().is_some_and(|running| matches!(running.task, Task::Quit));
        self.close(if quitting { Parting::Quit } else { Parting::Ended }, Answer::Lost);
    }

    /// Time passed.
    pub fn tick(&mut self, now: Moment) {
        if self.wake_at().is_some_and(|deadline| deadline <= now) {
            self.close(Parting::TimedOut, Answer::TimedOut);
        }
    }

    /// The next thing to do; drain it after every call above.
    #[allow(clippy::should_implement_trait, reason = "a machine is drained, not iterated")]
    pub fn next(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When `tick` wants to be called.
    pub fn wake_at(&self) -> Option<Moment> {
        self.running.front().and_then(|running| running.deadline)
    }

    /// False once the connection has been given up.
    pub fn is_open(&self) -> bool {
        !self.closed
    }

    /// True if the connection was given up because replies did not fit the commands: one never came, or one too many.
    pub fn is_out_of_step(&self) -> bool {
        self.out_of_step
    }

    /// What the server makes of names.
    pub fn set_names(&mut self, names: NameBytes) {
        self.names = names;
    }

    /// The bytes of a command as this server wants them. A password may be in them.
    pub fn on_the_wire(&self, command: &Command) -> Vec<u8> {
        self.names.on_the_wire(command)
    }

    /// From now on this much may be queued.
    pub fn set_queueing(&mut self, queueing: Queueing) {
        self.manners = self.manners.with_queueing(queueing);
    }

    /// True if nothing runs and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty()
    }

    // Sending.

    fn start_waiting(&mut self, now: Moment) {
        while let Some((_, request)) = self.waiting.front() {
            if self.closed || !self.may_start(request) {
                return;
            }
            if let Some((id, request)) = self.waiting.pop_front() {
                self.start(id, request, now);
            }
        }
    }

    /// Alone, right behind a PEER KEY, beside other small commands within the window, or wherever the server
    /// bears it.
    fn may_start(&self, request: &Request) -> bool {
        let introduced = self.running.iter().all(|running| matches!(running.task, Task::Introduction));
        self.running.is_empty()
            || (introduced && self.running.len() == 1 && may_follow_a_key(request))
            || (self.running.len() < self.manners.window && self.may_be_queued(request))
    }

    /// Beside, or behind, what is under way.
    fn may_be_queued(&self, request: &Request) -> bool {
        let (queueing, place) = (self.manners.queueing, Place::of_request(request));
        if queueing == Queueing::None {
            let small = |verb: Verb| verb.row().data == Data::None;
            return matches!(request, Request::Command(command) if small(command.verb))
                && self.running.iter().all(Running::is_small);
        }
        let behind = self.running.iter().all(|running| match running.place() {
            Place::Anywhere => true,
            Place::Aim => queueing >= Queueing::UpToTransfer,
            // That it is in the same write is the care of whoever asks.
            Place::Transfer => queueing >= Queueing::WithTransfer,
            Place::Last | Place::Alone => false,
        });
        behind
            && match place {
                Place::Anywhere | Place::Aim | Place::Last => true,
                Place::Transfer => queueing >= Queueing::UpToTransfer,
                Place::Alone => false,
            }
    }

    fn start(&mut self, id: RequestId, request: Request, now: Moment) {
        let is_login = matches!(request, Request::Login(_));
        let (task, next) = Task::begin(request, &self.settings, self.manners.window);
        if let Next::Done(answer) = next {
            return self.done(id, answer);
        }
        if let Next::Send(commands) = &next
            && let Some((command, why)) =
                commands.iter().find_map(|command| Some((command, self.names.objection(command)?)))
        {
            let answer = refused(command, Reply::new(553, why));
            return self.done(id, answer);
        }
        let deadline = Some(now + self.manners.ceilings.reply);
        self.running.push_back(Running { id, task, unanswered: VecDeque::new(), preliminaries: 0, deadline });
        let at = self.running.len() - 1;
        self.act_at(at, next, now);
        if is_login && let Some(greeting) = self.early_greeting.take() {
            self.reply(greeting, now);
        }
    }

    fn abort(&mut self, id: RequestId, now: Moment) {
        if self.running.len() > 1 && self.running.iter().any(|running| matches!(running.task, Task::Transfer))
        {
            self.done(id, Answer::Lost);
            return self.close(Parting::Abandoned, Answer::Lost);
        }
        let transfer = self.running.front().filter(|running| matches!(running.task, Task::Transfer));
        match transfer.and_then(|running| Some((running.id, running.unanswered.front()?.clone()))) {
            Some((transfer, command)) => {
                self.running.clear();
                self.running.push_front(Running {
                    id,
                    task: Task::Abort(Abort::of(transfer, command.clone())),
                    unanswered: VecDeque::from([command]),
                    preliminaries: 0,
                    deadline: Some(now + self.manners.ceilings.abort),
                });
                self.act(Next::Send(vec![Command::bare(Verb::Abor)]), now);
            }
            None => self.waiting.push_front((id, Request::Abort)),
        }
    }

    // Receiving.

    fn preliminary(&mut self, reply: Reply, now: Moment) {
        let Some(running) = self.running.front_mut() else { return };
        running.preliminaries += 1;
        if running.preliminaries > MAX_PRELIMINARY {
            return self.close(Parting::OutOfStep(reply), Answer::Lost);
        }
        match running.task {
            // From now on the data connection sets the pace; whoever waits for it has the patience.
            Task::Transfer => running.deadline = None,
            // The transfer's own 150; the ABOR's ceiling stays.
            Task::Abort(_) => return,
            _ => running.deadline = Some(now + running.patience(&self.manners)),
        }
        self.actions.push_back(Action::Preliminary(running.id, reply));
    }

    fn final_reply(&mut self, reply: Reply, now: Moment) {
        let Some(running) = self.running.front_mut() else { return };
        let greeting = Command::bare(Verb::Noop);
        let command = match running.unanswered.pop_front() {
            Some(command) => command,
            None if matches!(running.task, Task::Login(_) | Task::Abort(_)) => greeting,
            None => return self.close(Parting::OutOfStep(reply), Answer::Lost),
        };
        self.settings.observe(&command, &reply);
        let next = running.task.reply(&command, reply, &self.settings);
        self.act(next, now);
    }

    fn act(&mut self, next: Next, now: Moment) {
        self.act_at(0, next, now);
    }

    fn act_at(&mut self, at: usize, next: Next, now: Moment) {
        let Some(running) = self.running.get_mut(at) else { return };
        match next {
            Next::Wait => {}
            Next::Send(commands) => {
                running.unanswered.extend(commands.iter().cloned());
                if !matches!(running.task, Task::Abort(_)) {
                    running.deadline = Some(now + running.patience(&self.manners));
                }
                self.actions.extend(commands.into_iter().map(Action::Send));
            }
            Next::StartTls => self.actions.push_back(Action::StartTls),
            Next::Done(answer) => self.finish(answer, now),
        }
    }

    /// The front request is over.
    fn finish(&mut self, answer: Answer, now: Moment) {
        let Some(running) = self.running.pop_front() else { return };
        match &running.task {
            Task::Login(login) => {
                if let Answer::LoggedIn(facts) = &answer {
                    self.settings.after_login(facts.secured, login.role_verb());
                }
            }
            Task::Abort(abort) => return self.finish_abort(running.id, abort, answer),
            Task::Quit => {
                self.done(running.id, answer);
                return self.close(Parting::Quit, Answer::Lost);
            }
            _ => {}
        }
        self.done(running.id, answer);
        // The next one's reply is what the server works at now.
        if let Some(next) = self.running.front_mut() {
            next.deadline = Some(now + next.patience(&self.manners));
        }
    }

    fn finish_abort(&mut self, id: RequestId, abort: &Abort, answer: Answer) {
        if let Some((transfer, answer)) = abort.transfer_answer() {
            self.done(transfer, answer);
            self.late = MAX_LATE;
        }
        if abort.is_undecided() || matches!(answer, Answer::TimedOut) {
            self.done(id, Answer::TimedOut);
            return self.close(Parting::TimedOut, Answer::Lost);
        }
        self.done(id, answer);
    }

    /// A reply while nothing was asked.
    fn unasked(&mut self, reply: Reply) {
        if self.late > 0 && is_of_abort(&reply) {
            self.late -= 1;
        } else {
            self.close(Parting::OutOfStep(reply), Answer::Lost);
        }
    }

    /// A late reply of an ABOR that overtook the reply to a command which cannot be answered so.
    fn is_late(&self, reply: &Reply) -> bool {
        let data = |verb: Verb| verb.row().data != Data::None || verb == Verb::Abor;
        self.late > 0
            && matches!(reply.code.number(), 225 | 226 | 426)
            && self
                .running
                .front()
                .and_then(|running| running.unanswered.front())
                .is_some_and(|c| !data(c.verb))
    }

    /// 421 answers whatever runs, and ends the session (RFC 959, 4.2.2).
    fn dismissed(&mut self, reply: Reply) {
        if let Some(mut running) = self.running.pop_front() {
            let answer = match running.unanswered.pop_front() {
                Some(command) => refused(&command, reply.clone()),
                None => Answer::Refused { command: NO_COMMAND.to_owned(), reply: reply.clone() },
            };
            self.settle_aborted(&running.task, &Answer::Lost);
            self.done(running.id, answer);
        }
        self.close(Parting::Dismissed(reply), Answer::Lost);
    }

    /// Gives the connection up: the front request ends with `answer`, the others are lost.
    fn close(&mut self, parting: Parting, answer: Answer) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        self.out_of_step = matches!(parting, Parting::OutOfStep(_) | Parting::TimedOut);
        let mut answer = Some(answer);
        for running in std::mem::take(&mut self.running) {
            let own = answer.take().unwrap_or(Answer::Lost);
            self.settle_aborted(&running.task, &own);
            self.done(running.id, own);
        }
        for (id, _) in std::mem::take(&mut self.waiting) {
            self.done(id, Answer::Lost);
        }
        self.actions.push_back(Action::Close(parting));
    }

    /// The transfer that an unfinished abort was to end: with what the server said of it, else with `unknown`.
    fn settle_aborted(&mut self, task: &Task, unknown: &Answer) {
        let Task::Abort(abort) = task else { return };
        if let Some((transfer, known)) = abort.transfer_answer() {
            self.done(transfer, if matches!(known, Answer::TimedOut) { unknown.clone() } else { known });
        }
    }

    fn done(&mut self, id: RequestId, answer: Answer) {
        self.actions.push_back(Action::Done(id, answer));
    }

    fn in_handshake(&self) -> bool {
        self.running.front().is_some_and(|running| match &running.task {
            Task::Login(login) => login.in_handshake(),
            _ => false,
        })
    }
}

impl Running {
    fn is_small(&self) -> bool {
        matches!(self.task, Task::Single) && self.unanswered.iter().all(|c| c.verb.row().data == Data::None)
    }

    fn place(&self) -> Place {
        match &self.task {
            Task::Single => match self.unanswered.front() {
                Some(command) => Place::of_command(command.verb),
                None => Place::Anywhere,
            },
            Task::Introduction => Place::Anywhere,
            Task::Passive(passive) => Place::of_passive(*passive),
            Task::Transfer => Place::Transfer,
            Task::Login(_) | Task::Setting(_) | Task::Abort(_) | Task::Quit => Place::Alone,
        }
    }

    /// How long to wait for the next reply.
    fn patience(&self, manners: &Manners) -> Duration {
        match (&self.task, self.unanswered.front()) {
            (Task::Transfer, _) => manners.ceilings.transfer_start,
            (Task::Abort(_), _) => manners.ceilings.abort,
            (_, Some(command)) => manners.ceilings.of(command.verb),
            (_, None) => manners.ceilings.reply,
        }
    }
}

/// What is asked between PEER KEY and the transfer it is for.
fn may_follow_a_key(request: &Request) -> bool {
    match request {
        Request::Passive(_) | Request::Active(_) => true,
        Request::Command(command) => command.verb == Verb::Pret,
        _ => false,
    }
}

/// What an ABOR or its probe can still bring when everything is settled.
fn is_of_abort(reply: &Reply) -> bool {
    matches!(reply.code.number(), 200 | 225 | 226 | 426)
}
