//! One control connection: the machine decides, this loop carries lines to it and its wishes out.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use fxp_net::control::{Control, Received};
use fxp_proto::moment::Moment;
use fxp_proto::server::effect::{Effect, EffectId, SlotId};
use fxp_proto::server::machine::{Action, Appetite, Endpoints, Input, Machine};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::Instrument;

use crate::context::{Context, Live, Shared};
use crate::effect::{self, Gain, Job, News, What};
use crate::own_ports::Listening;
use crate::view;

/// Serves a client from its first byte to its last. Never fails: what goes wrong ends this connection
/// and is logged.
pub(crate) async fn serve(tcp: TcpStream, implicit_tls: bool, shared: Arc<Shared>) {
    let ended = async {
        let mut connection = Connection::open(tcp, implicit_tls, shared).await?;
        let ended = connection.run().await;
        // Whatever still runs is of no use without its control connection.
        connection.tasks.shutdown().await;
        connection.control.close().await;
        ended
    };
    match ended.await {
        Ok(()) => tracing::debug!("closed"),
        Err(error) => tracing::info!(%error, "control connection lost"),
    }
}

struct Connection {
    control: Control,
    machine: Machine,
    context: Context,
    /// The machine's origin of time.
    started: Instant,
    /// Prepared passive ports.
    listeners: HashMap<SlotId, Listening>,
    tasks: JoinSet<()>,
    running: HashMap<EffectId, Running>,
    /// Cancelled effects whose threads may not have ended yet.
    ending: Vec<Ending>,
    news: mpsc::Receiver<News>,
    reporter: mpsc::Sender<News>,
    draining: bool,
    /// The machine has said its last word.
    closed: bool,
}

struct Running {
    task: AbortHandle,
    gone: Gone,
}

/// Nothing is ever sent: it is closed once an effect's task and its threads are gone.
type Gone = watch::Receiver<()>;

/// A cancelled effect: whatever begins waits for it. Kept until it is over, so that what waited and was
/// cancelled, too, does not take the knowledge of it away.
#[derive(Clone)]
struct Ending {
    gone: Gone,
    /// After this nobody waits any more.
    until: Instant,
}

impl Ending {
    fn is_over(&self) -> bool {
        self.gone.has_changed().is_err() || self.until <= Instant::now()
    }

    async fn over(mut self) {
        let _ = timeout_at(self.until, self.gone.changed()).await;
    }
}

impl Connection {
    async fn open(tcp: TcpStream, implicit_tls: bool, shared: Arc<Shared>) -> io::Result<Self> {
        let started = Instant::now();
        let mut control = Control::new(tcp, LINE_CEILING)?;
        let live = shared.live();
        let tls = match implicit_tls {
            // The time for a login begins with the connection, not with its greeting.
            true => {
                let deadline = started + live.config.limits.login_timeout;
                Some(in_time(Some(deadline), secure(&mut control, &live)).await?)
            }
            false => None,
        };
        let endpoints =
            Endpoints { peer: control.peer_addr(), local: control.local_addr(), secured: implicit_tls };
        let machine = Machine::new(live.settings.clone(), endpoints, Moment::START);
        let (client, local) = (endpoints.peer, endpoints.local);
        let client_host = view::client(&live.config, client.ip());
        let context = Context { shared, live, client, client_host, local, tls, user: None };
        let (reporter, news) = mpsc::channel(NEWS);
        Ok(Connection {
            control,
            machine,
            context,
            started,
            listeners: HashMap::new(),
            tasks: JoinSet::new(),
            running: HashMap::new(),
            ending: Vec::new(),
            news,
            reporter,
            draining: false,
            closed: false,
        })
    }

    async fn run(&mut self) -> io::Result<()> {
        let drain = self.context.shared.drain.clone();
        loop {
            self.obey().await?;
            if self.closed {
                return Ok(());
            }
            let wake = self.wake_at();
            let hungry = self.machine.appetite() != Appetite::None;
            tokio::select! {
                received = self.control.receive(), if hungry => self.heard(received?),
                Some(news) = self.news.recv() => self.learnt(news).await?,
                Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => survived(ended)?,
                () = sleep_until(wake.unwrap_or(self.started)), if wake.is_some() => self.machine.tick(self.now()),
                () = drain.cancelled(), if !self.draining => {
                    self.draining = true;
                    self.machine.shutdown();
                }
            }
        }
    }

    /// When the machine's patience ends.
    fn wake_at(&self) -> Option<Instant> {
        self.machine.wake_at().map(|moment| self.started + moment.since_start())
    }

    fn now(&self) -> Moment {
        Moment::after_start(self.started.elapsed())
    }

    fn heard(&mut self, received: Received) {
        let input = match received {
            Received::Line(line) => Input::Line(line),
            Received::TooLong => Input::TooLong,
            Received::BadBytes => Input::BadBytes,
            Received::End => return self.machine.eof(),
        };
        self.machine.input(input, self.now());
    }

    /// Takes what a task has to tell, unless it was cancelled meanwhile.
    async fn learnt(&mut self, news: News) -> io::Result<()> {
        if !self.running.contains_key(&news.id) {
            return Ok(());
        }
        match news.what {
            What::Event(event, sent) => {
                self.machine.event(news.id, event);
                self.sent(sent).await?;
            }
            What::End(outcome, gain) => {
                self.running.remove(&news.id);
                self.keep(gain);
                self.machine.done(news.id, *outcome, self.now());
            }
        }
        Ok(())
    }

    /// The task goes on when the replies that its event led to have gone out.
    async fn sent(&mut self, sent: oneshot::Sender<()>) -> io::Result<()> {
        self.obey().await?;
        // The task may have been cancelled by what the replies were about.
        let _ = sent.send(());
        Ok(())
    }

    fn keep(&mut self, gain: Gain) {
        match gain {
            Gain::Nothing => {}
            Gain::Listener(slot, listener) => {
                self.listeners.insert(slot, listener);
            }
            Gain::User(user) => {
                tracing::Span::current().record("user", tracing::field::display(&user.account.name));
                self.context.user = Some(user);
            }
        }
    }

    /// Carries out everything the machine wants, and sends the replies. A client that does not read them
    /// is waited for no longer than one that says nothing: sending must not put off the machine's deadline.
    async fn obey(&mut self) -> io::Result<()> {
        while let Some(action) = self.machine.next() {
            match action {
                Action::Reply(reply) => self.control.queue(&reply.to_bytes()),
                Action::Lines(lines) => {
                    for line in lines {
                        self.control.queue(line.as_bytes());
                        self.control.queue(b"\r\n");
                    }
                }
                Action::Do(id, effect) => self.start(id, effect),
                Action::Cancel(id) => self.cancel(id),
                Action::StartTls => self.start_tls().await?,
                Action::Close => self.closed = true,
            }
        }
        let deadline = match (self.closed, &self.context.user) {
            // A stranger's time is over: he gets his last reply if he takes it now.
            (true, None) => Some(Instant::now() + PARTING),
            _ => self.wake_at(),
        };
        in_time(deadline, self.control.flush()).await
    }

    fn start(&mut self, id: EffectId, effect: Effect) {
        let slot = match &effect {
            Effect::Release(slot) => {
                self.listeners.remove(slot);
                return;
            }
            Effect::Rekey(slot, key) => {
                if let Some(listening) = self.listeners.get(slot) {
                    listening.rekey(key.clone());
                }
                return;
            }
            Effect::Send(order) => Some(order.slot.id),
            Effect::Receive(order) => Some(order.slot.id),
            Effect::List(order) => order.slot.as_ref().map(|slot| slot.id),
            _ => None,
        };
        if let Effect::Login(_) = effect {
            // Whoever logs in again gives the old place back first: it may be the only one.
            self.context.user = None;
        }
        let listener = slot.and_then(|slot| self.listeners.remove(&slot));
        let (alive, gone) = watch::channel(());
        let job = Job { id, context: self.context.clone(), news: self.reporter.clone(), alive };
        self.ending.retain(|ending| !ending.is_over());
        let before = self.ending.clone();
        let work = async move {
            for ending in before {
                ending.over().await;
            }
            effect::run(job, effect, listener).await;
        };
        let task = self.tasks.spawn(work.in_current_span());
        self.running.insert(id, Running { task, gone });
    }

    fn cancel(&mut self, id: EffectId) {
        if let Some(running) = self.running.remove(&id) {
            running.task.abort();
            self.ending.push(Ending { gone: running.gone, until: Instant::now() + ENDING });
        }
    }

    /// After `234`: what was said in clear is forgotten, and so is who said it.
    async fn start_tls(&mut self) -> io::Result<()> {
        let deadline = self.wake_at();
        in_time(deadline, self.control.flush()).await?;
        let secured = in_time(deadline, secure(&mut self.control, &self.context.live)).await;
        self.context.user = None;
        match secured {
            Ok(session) => {
                self.context.tls = Some(session);
                self.machine.tls(true, self.now());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Does `work` until `deadline`, if there is one.
async fn in_time<T>(deadline: Option<Instant>, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, work)
            .await
            .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes too long"))),
        None => work.await,
    }
}

/// An effect that panicked will never report its end: better no connection than one that waits for it.
fn survived(ended: Result<(), JoinError>) -> io::Result<()> {
    match ended {
        Err(error) if !error.is_cancelled() => {
            tracing::error!(%error, "an effect gave up");
            Err(io::Error::other("internal error"))
        }
        _ => Ok(()),
    }
}

async fn secure(control: &mut Control, live: &Live) -> io::Result<fxp_net::tls::ServerSession> {
    let tls = live.tls.as_ref().ok_or_else(|| io::Error::other("no certificate is configured"))?;
    let session = tls.session();
    let info = control.secure_as_server(&session).await.map_err(io::Error::other)?;
    tracing::debug!(tls = info.version, cipher = info.cipher, "secured");
    Ok(session)
}

/// The longest line: SITE SYMLINK with two paths of PATH_MAX.
const LINE_CEILING: usize = 9 * 1024;
/// How long somebody who is not logged in may take to read the last reply.
const PARTING: Duration = Duration::from_secs(5);
/// How long a cancelled effect's thread is waited for: the storage under it may hang for good.
const ENDING: Duration = Duration::from_secs(30);
/// News that wait; a task with more to tell waits, too.
const NEWS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_the_connection_and_an_abort_does_not() {
        let mut tasks = JoinSet::new();
        tasks.spawn(std::future::pending()).abort();
        assert!(survived(tasks.join_next().await.unwrap()).is_ok());
        tasks.spawn(async { panic!("a mistake in an effect") });
        assert!(survived(tasks.join_next().await.unwrap()).is_err());
    }
}
