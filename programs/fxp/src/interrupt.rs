//! Ctrl-C: the first one asks for an orderly stop, the second one ends the program at once.

use std::sync::Arc;

use fxp_engine::run::Stop;
use tokio::sync::watch;

use crate::exit::Exit;

/// Tells everybody to stop; clones tell the same ones.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<watch::Sender<bool>>);

impl Interrupt {
    pub(crate) fn new() -> Self {
        Interrupt(Arc::new(watch::Sender::new(false)))
    }

    /// Listens for SIGINT (and SIGTERM) from now on. `notice` is called at the first one.
    pub(crate) fn watch(&self, notice: impl Fn() + Send + 'static) {
        let interrupt = self.clone();
        let mut signals = Signals::new();
        tokio::spawn(async move {
            signals.next().await;
            notice();
            interrupt.trigger();
            signals.next().await;
            std::process::exit(i32::from(Exit::Interrupted.code()));
        });
    }

    /// As if a signal had come: a question at the terminal was answered by Ctrl-C.
    pub(crate) fn trigger(&self) {
        self.0.send_replace(true);
    }

    pub(crate) fn came(&self) -> bool {
        *self.0.borrow()
    }

    /// For the engine.
    pub(crate) fn stop(&self) -> Stop {
        self.0.subscribe()
    }

    /// Waits for it.
    pub(crate) async fn wait(&self) {
        // The sender lives in `self`, so this cannot fail.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}

/// The signals that mean "stop": caught from the moment this is made.
#[cfg(unix)]
struct Signals(Vec<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        // What cannot be caught ends the program as the system sees fit.
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
        Signals(kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect())
    }

    async fn next(&mut self) {
        std::future::poll_fn(|context| {
            let came = self.0.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if came { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}

/// The signal that means "stop".
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Signals
    }

    async fn next(&mut self) {
        // Without a handler the system ends the program as it sees fit.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
