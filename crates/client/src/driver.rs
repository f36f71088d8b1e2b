//! The loop around the client machine: lines in, bytes out, time, and the transcript.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fxp_net::control::{Control, Received};
use fxp_net::meter::Meter;
use fxp_proto::client::machine::{Action, Machine, Parting};
use fxp_proto::client::manners::{Manners, Queueing};
use fxp_proto::client::names::NameBytes;
use fxp_proto::client::request::{Answer, Request, RequestId};
use fxp_proto::grammar::reply::{Reply, ReplyParser};
use fxp_proto::moment::Moment;
use fxp_proto::wire::text::Text;
use tokio::time::{Instant, sleep_until};

use crate::transcript::{Line, Recorder, Speaker};

/// The longest reply line. XDUPE's mode 4 sends 1 KiB, names may have 4 KiB; the rest is room.
pub(crate) const LINE_CEILING: usize = 16 * 1024;

/// One control connection and its machine.
pub(crate) struct Driver {
    /// `None` once it is closed.
    control: Option<Control>,
    parser: ReplyParser,
    machine: Machine,
    started: Instant,
    recorder: Option<Recorder>,
    meter: Meter,
    /// Something was queued since the last flight.
    unsent: bool,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A preliminary reply.
    Preliminary(RequestId, Reply),
    /// A request ended.
    Done(RequestId, Answer),
    /// The handshake is due; the caller does it and tells [`Driver::secured`].
    StartTls,
    /// The connection is gone; every later call says so again.
    Closed,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("control", &self.control).finish_non_exhaustive()
    }
}

impl Driver {
    pub(crate) fn new(control: Control, manners: Manners, recorder: Option<Recorder>, meter: Meter) -> Self {
        Driver {
            control: Some(control),
            parser: ReplyParser::default(),
            machine: Machine::with_manners(manners),
            started: Instant::now(),
            recorder,
            meter,
            unsent: false,
        }
    }

    /// Queues a request; nothing is sent before [`Driver::event`] is awaited.
    pub(crate) fn ask(&mut self, request: Request) -> RequestId {
        // What comes before the login is the greeting, and the login's to judge.
        if !matches!(request, Request::Login(_)) {
            self.catch_up();
        }
        let now = self.now();
        self.machine.ask(request, now)
    }

    /// Reads what has arrived while nobody asked anything: a farewell, the end of the connection, or a
    /// reply too many, which must not be taken for the answer to what is asked next.
    pub(crate) fn catch_up(&mut self) {
        while self.machine.is_open() && self.machine.is_idle() {
            let Some(control) = self.control.as_mut() else { return };
            // `receive` is cancel-safe, so that looking once and leaving loses nothing.
            let seen = pin!(control.receive()).poll(&mut Context::from_waker(Waker::noop()));
            match seen {
                Poll::Ready(Ok(received)) => self.hear(received),
                Poll::Ready(Err(error)) => self.broken(&error.to_string()),
                Poll::Pending => return,
            }
        }
    }

    /// Sends what is due and waits for what happens next. Cancel-safe: what was read is in the parser,
    /// what happened is in the machine, what was not sent is in the connection's queue.
    pub(crate) async fn event(&mut self) -> Event {
        loop {
            while let Some(action) = self.machine.next() {
                if let Some(event) = self.act(action) {
                    return event;
                }
            }
            let wake = self.machine.wake_at();
            let Some(control) = self.control.as_mut().filter(|_| self.machine.is_open()) else {
                return Event::Closed;
            };
            // What has come already may call for more: then all of it leaves in one write.
            if let Some(received) = control.next_line() {
                self.hear(received);
                continue;
            }
            if std::mem::take(&mut self.unsent) {
                self.meter.add_flight();
            }
            if let Err(error) = control.flush().await {
                self.broken(&error.to_string());
                continue;
            }
            let wake = wake.map(|moment| self.started + moment.since_start());
            let heard = tokio::select! {
                heard = control.receive() => Some(heard),
                () = sleep_until(wake.unwrap_or(self.started)), if wake.is_some() => None,
            };
            match heard {
                Some(Ok(received)) => self.hear(received),
                Some(Err(error)) => self.broken(&error.to_string()),
                None => {
                    let now = self.now();
                    self.machine.tick(now);
                }
            }
        }
    }

    /// From now on so much is sent at once.
    pub(crate) fn set_queueing(&mut self, queueing: Queueing) {
        self.machine.set_queueing(queueing);
    }

    /// What the server makes of names.
    pub(crate) fn set_names(&mut self, names: NameBytes) {
        self.machine.set_names(names);
    }

    /// The connection, for the handshake.
    pub(crate) fn control(&mut self) -> Option<&mut Control> {
        self.control.as_mut()
    }

    /// Tells the machine how the handshake went.
    pub(crate) fn secured(&mut self, well: bool, note: &str) {
        self.parser.clear();
        self.note(note);
        let now = self.now();
        self.machine.tls(well, now);
    }

    /// True while replies fit commands.
    pub(crate) fn is_usable(&self) -> bool {
        self.control.is_some() && self.machine.is_open()
    }

    /// True if it was given up because replies did not fit commands.
    pub(crate) fn is_out_of_step(&self) -> bool {
        self.machine.is_out_of_step()
    }

    /// Closes in an orderly way.
    pub(crate) async fn close(self) {
        if let Some(control) = self.control {
            control.close().await;
        }
    }

    /// Closes, and waits a moment until the server has closed, too.
    pub(crate) async fn leave(self) {
        if let Some(control) = self.control {
            control.leave().await;
        }
    }

    /// Adds a remark to the transcript.
    pub(crate) fn note(&self, text: &str) {
        self.record(Speaker::Note, text.to_owned());
    }

    fn act(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Send(command) => {
                self.record(Speaker::Client, command.to_string());
                if let Some(control) = &mut self.control {
                    control.queue(&self.machine.on_the_wire(&command));
                    self.unsent = true;
                }
                None
            }
            Action::StartTls => Some(Event::StartTls),
            Action::Preliminary(id, reply) => Some(Event::Preliminary(id, reply)),
            Action::Done(id, answer) => Some(Event::Done(id, answer)),
            Action::Close(parting) => {
                self.note(parting_words(&parting));
                // A connection that is out of step is of no use to anybody; dropping it ends the session
                // on the server too. QUIT's goes the orderly way, in `close`.
                if parting != Parting::Quit {
                    self.control = None;
                }
                Some(Event::Closed)
            }
        }
    }

    fn hear(&mut self, received: Received) {
        let line = match received {
            Received::Line(line) => line,
            Received::End => return self.machine.eof(),
            // Inside a reply such a line is one that says nothing; anywhere else it was a reply, and
            // nobody knows which.
            Received::TooLong | Received::BadBytes if self.parser.is_within() => {
                return self.note("a line that is too long or holds forbidden bytes was left out");
            }
            Received::TooLong => return self.broken("a reply is too long"),
            Received::BadBytes => return self.broken("a reply holds forbidden bytes"),
        };
        self.record(Speaker::Server, Text::lossy(line.as_slice()).to_string());
        match self.parser.line(&line) {
            Ok(Some(reply)) => {
                let now = self.now();
                self.machine.reply(reply, now);
            }
            Ok(None) => {}
            Err(error) => self.broken(&error.to_string()),
        }
    }

    fn broken(&mut self, why: &str) {
        self.note(why);
        self.machine.eof();
    }

    fn now(&self) -> Moment {
        Moment::after_start(self.started.elapsed())
    }

    fn record(&self, from: Speaker, text: String) {
        let at: Duration = self.started.elapsed();
        if let Some(recorder) = &self.recorder {
            recorder(Line { at, from, text });
        }
    }
}

fn parting_words(parting: &Parting) -> &'static str {
    match parting {
        Parting::Quit => "goodbye",
        Parting::Ended => "the connection is gone",
        Parting::Dismissed(_) => "the server ended the session",
        Parting::Handshake => "no TLS, no connection",
        Parting::OutOfStep(_) => "a reply that nobody asked for: the connection is given up",
        Parting::TimedOut => "no reply: the connection is given up",
        Parting::Abandoned => "aborted with commands queued behind it: the connection is given up",
    }
}
