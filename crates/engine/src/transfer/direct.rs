//! One file from server to server: drives one [`Exchange`] over two sessions.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use fxp_client::session::{Session, SessionEvent};
use fxp_proto::moment::Moment;
use fxp_proto::pair::exchange::{Action, Exchange, Job, Step, Verdict};
use fxp_proto::pair::leg::Leg;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::run::Stop;

/// Copies one file. Returns when both sessions are in a known state, or known not to be
/// (`source_usable`, `destination_usable` of the verdict). `grown` is woken by whoever sees that more of
/// the file has arrived; `begun` becomes true when the destination accepts it. When `stop` becomes true the exchange is
/// aborted in an orderly way and the verdict says [`Aborted`](fxp_proto::pair::exchange::Refusal::Aborted).
pub async fn run(
    job: Job,
    source: &mut Session,
    destination: &mut Session,
    grown: &Notify,
    begun: &AtomicBool,
    stop: &mut Stop,
    mut progress: impl FnMut(Step),
) -> Verdict {
    let started = Instant::now();
    let now = || Moment::after_start(started.elapsed());
    let mut exchange = Exchange::new(job, now());
    let mut stopping = Stopping::Possible;
    let mut gone = Gone::default();
    loop {
        while let Some(action) = exchange.next() {
            match action {
                Action::Ask(leg, request) => {
                    let session = if leg == Leg::Source { &mut *source } else { &mut *destination };
                    let id = session.ask(request);
                    exchange.asked(leg, id);
                }
                Action::Knock(address) => destination.knock(address),
                Action::Progress(step) => progress(step),
                Action::Done(verdict) => {
                    begun.fetch_or(was_accepted(&verdict), Relaxed);
                    return verdict;
                }
            }
        }
        let wake = exchange.wake_at().map(|moment| started + moment.since_start());
        tokio::select! {
            // In this order, so that STOR leaves before RETR: pyftpdlib never ends a STOR whose data connection was
            // filled and closed before (2026-11).
            biased;
            event = destination.event(), if !gone.destination => {
                // Only STOR is answered with a 1yz here.
                if matches!(event, SessionEvent::Preliminary(..)) {
                    begun.store(true, Relaxed);
                }
                gone.destination = feed(&mut exchange, Leg::Destination, event, now());
            }
            event = source.event(), if !gone.source => {
                gone.source = feed(&mut exchange, Leg::Source, event, now());
            }
            () = grown.notified() => exchange.progressed(now()),
            () = sleep_until(wake.unwrap_or(started)), if wake.is_some() => exchange.tick(now()),
            asked = stop.wait_for(|stop| *stop), if stopping == Stopping::Possible => {
                stopping = Stopping::Over;
                // Nobody is left who could stop us: then nobody has.
                if asked.is_ok() {
                    exchange.abort(now());
                }
            }
        }
    }
}

/// True if the destination's last word on STOR says that it had begun. After an ABOR nobody hears its 1yz
/// any more, which may have been on its way.
fn was_accepted(verdict: &Verdict) -> bool {
    let word = match &verdict.result {
        Ok(_) => return true,
        Err(failure) if failure.leg == Leg::Destination => &failure.reply,
        Err(failure) => &failure.other,
    };
    word.as_ref().is_some_and(|word| word.code.is_completion() || word.code.number() == 426)
}

/// Whether somebody may still stop us.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stopping {
    Possible,
    Over,
}

/// Sessions that have nothing to say any more.
#[derive(Default)]
struct Gone {
    source: bool,
    destination: bool,
}

/// Passes an event on; true if it was the session's last one.
fn feed(exchange: &mut Exchange, leg: Leg, event: SessionEvent, now: Moment) -> bool {
    match event {
        SessionEvent::Preliminary(id, reply) => exchange.preliminary(leg, id, reply, now),
        SessionEvent::Done(id, answer) => exchange.answer(leg, id, answer, now),
        SessionEvent::Lost => {
            exchange.lost(leg, now);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use fxp_proto::grammar::reply::Reply;
    use fxp_proto::pair::exchange::{Failure, Refusal};

    #[test]
    fn a_transfer_that_was_broken_off_had_been_accepted() {
        let rows = [
            (Leg::Source, None, Some(426), true),
            (Leg::Source, Some(426), None, false),
            (Leg::Source, Some(426), Some(226), true),
            (Leg::Source, Some(550), Some(425), false),
            (Leg::Destination, Some(426), Some(226), true),
            (Leg::Destination, Some(553), Some(426), false),
            (Leg::Destination, None, None, false),
        ];
        for (leg, own, other, expected) in rows {
            let reply = |code: Option<u16>| code.map(|code| Reply::new(code, ""));
            let failure = Failure {
                leg,
                step: Step::Transfer,
                verb: None,
                reply: reply(own),
                other: reply(other),
                class: Refusal::Aborted,
            };
            let verdict = Verdict { result: Err(failure), source_usable: true, destination_usable: true };
            assert_eq!(was_accepted(&verdict), expected, "{leg} {own:?} {other:?}");
        }
    }
}
