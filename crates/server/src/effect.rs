//! What the machine asks for, done: one function per effect, one file per kind.
//!
//! An effect runs as a task of its own. The connection may abort it at any await; what runs on a thread
//! then (a transfer, a digest) is told to stop and ends soon after, and no effect begins before the
//! threads of a cancelled one have ended: so a file that was being written is at rest when the next
//! command looks at it.

mod data;
mod digest;
mod files;
mod list;
mod login;
mod permit;
mod receive;
mod send;
mod text;
mod told;

use std::sync::Arc;

use fxp_proto::grammar::rate::RateLimit;
use fxp_proto::server::effect::{Effect, EffectId, Event, Failure, FailureKind, Outcome, SlotId};
use fxp_store::Text;
use fxp_store::storage::{Storage, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::context::{Context, User};
use crate::own_ports::Listening;
use crate::rates::Held;

/// What a task tells its connection.
pub(crate) struct News {
    pub(crate) id: EffectId,
    pub(crate) what: What,
}

/// News of an effect.
pub(crate) enum What {
    /// An event for the machine; the task goes on once the replies it leads to have been sent.
    Event(Event, oneshot::Sender<()>),
    /// The end, and what the connection keeps of it.
    End(Box<Outcome>, Gain),
}

/// What a connection keeps of an effect that has ended.
pub(crate) enum Gain {
    /// Nothing.
    Nothing,
    /// A port that listens.
    Listener(SlotId, Listening),
    /// A user who has logged in.
    User(Arc<User>),
}

/// One running effect.
pub(crate) struct Job {
    pub(crate) id: EffectId,
    pub(crate) context: Context,
    pub(crate) news: mpsc::Sender<News>,
    /// Held by the task and by its threads: the connection sees when the last one is gone.
    pub(crate) alive: watch::Sender<()>,
}

/// What an effect that may fail returns.
type Result<T = Outcome> = std::result::Result<T, Failure>;

/// Runs one effect to its end and reports it. `listener` is the slot's, if it has one.
pub(crate) async fn run(job: Job, effect: Effect, listener: Option<Listening>) {
    let (outcome, gain) = match perform(&job, effect, listener).await {
        Ok(ended) => ended,
        Err(failure) => (Outcome::Failed(failure), Gain::Nothing),
    };
    // If nobody listens, the connection is gone.
    let _ = job.news.send(News { id: job.id, what: What::End(Box::new(outcome), gain) }).await;
}

async fn perform(job: &Job, effect: Effect, listener: Option<Listening>) -> Result<(Outcome, Gain)> {
    let outcome = match effect {
        Effect::Login(login) => return login::login(job, login).await,
        Effect::Listen { slot, family } => return data::listen(job, &slot, family).await,
        Effect::Aim(slot) => data::aim(job, slot).await,
        Effect::Release(_) | Effect::Rekey(..) => Ok(Outcome::Done),
        Effect::Send(order) => send::send(job, order, listener).await,
        Effect::Receive(order) => receive::receive(job, order, listener).await,
        Effect::List(order) => list::list(job, order, listener).await,
        Effect::File(operation) => files::operate(job, operation).await,
        Effect::Digest(order) => digest::digest(job, order).await,
    };
    outcome.map(|outcome| (outcome, Gain::Nothing))
}

impl Job {
    /// Hands an event to the machine, and waits until the replies have gone out: `150` does so before any
    /// packet leaves towards the peer.
    async fn event(&self, event: Event) {
        let (sent, flushed) = oneshot::channel();
        if self.news.send(News { id: self.id, what: What::Event(event, sent) }).await.is_ok() {
            let _ = flushed.await;
        }
    }

    /// Runs `work` on a thread that may block.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let alive = self.alive.clone();
        let span = tracing::Span::current();
        let task = tokio::task::spawn_blocking(move || {
            let _alive = alive;
            span.in_scope(work)
        });
        task.await.map_err(|panic| {
            tracing::error!(%panic, "a thread gave up");
            failure(FailureKind::Io, "internal error")
        })
    }

    /// Who is logged in.
    fn user(&self) -> Result<&Arc<User>> {
        self.context.user.as_ref().ok_or_else(|| failure(FailureKind::Denied, "not logged in"))
    }

    /// The ceilings of speed for a file transfer that was asked for under `rate`.
    fn rates(&self, rate: Option<&RateLimit>) -> Result<Held> {
        let user = self.user()?;
        Ok(self.context.shared.rates.hold(&user.account.name, rate, user.rate))
    }

    /// The files of the one who is logged in.
    fn files(&self) -> Result<Arc<dyn Storage>> {
        Ok(self.user()?.files.clone())
    }

    /// Asks the storage something on a thread.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Storage) -> fxp_store::storage::Result<T> + Send + 'static,
    ) -> Result<T> {
        let files = self.files()?;
        self.blocking(move || question(&*files)).await?.map_err(stored)
    }
}

/// Waits for a turn at something that only so many may do at a time. It belongs to the thread that does
/// it, not to the task, which may be aborted while the thread goes on.
async fn turn(turns: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    turns.clone().acquire_owned().await.expect("the semaphore is never closed")
}

/// A failure with a sentence for the client.
fn failure(kind: FailureKind, detail: impl Into<String>) -> Failure {
    Failure { kind, detail: Text::lossy(detail.into()) }
}

/// What the storage's errors mean to the client. The cause of an I/O error is for the log only: it may
/// name real paths.
fn stored(error: StoreError) -> Failure {
    let kind = match &error {
        StoreError::NotFound => FailureKind::NotFound,
        StoreError::Denied => FailureKind::Denied,
        StoreError::Exists => FailureKind::Exists,
        StoreError::IsDirectory => FailureKind::IsDirectory,
        StoreError::NotDirectory => FailureKind::NotDirectory,
        StoreError::NotEmpty => FailureKind::NotEmpty,
        StoreError::BadName => FailureKind::BadName,
        StoreError::BadOffset { .. } => FailureKind::BadOffset,
        StoreError::NoSpace => FailureKind::NoSpace,
        StoreError::Busy => FailureKind::Busy,
        StoreError::Quota => FailureKind::Quota,
        StoreError::Unsupported => FailureKind::Unsupported,
        StoreError::Io(cause) => {
            tracing::warn!(error = %cause, "storage");
            return failure(FailureKind::Io, "input or output error on the server's storage");
        }
    };
    failure(kind, error.to_string())
}
