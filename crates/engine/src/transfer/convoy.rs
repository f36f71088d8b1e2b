//! Many files from server to server: drives one [`Convoy`] over two sessions.

use fxp_client::session::{Session, SessionEvent};
use fxp_proto::moment::Moment;
use fxp_proto::pair::convoy::{Action, Arrival, Convoy, Load, Outcome, Road};
use fxp_proto::pair::exchange::Failure;
use fxp_proto::pair::leg::Leg;
use tokio::time::{Instant, sleep_until};

use crate::journal::Answer;
use crate::run::Stop;

/// Where the files of a convoy come from, and who hears what becomes of them.
pub(crate) trait Cargo {
    /// True if so many files wait that one may be taken before it can be begun.
    fn has_plenty(&self) -> bool;

    /// The next file. Asked again while the convoy is under way, if there was none; one that has come to a
    /// standstill is over.
    fn next(&mut self) -> Option<Load>;

    /// A file is being transferred.
    fn begun(&mut self, number: u64);

    /// The sources of files are deleted once their copies are good.
    fn moves(&self) -> bool;

    /// Comes back once what became of all files so far outlives the process.
    fn settle(&self) -> Answer<'static, ()>;

    /// Comes back once it is noted which files were taken so far, if that is possible just now. Only then the latest one
    /// is begun: whoever finds it under its name must find noted how it came there.
    fn noted(&self) -> Answer<'static, ()>;

    /// A file is over. The source of one that moves is deleted after this, and after [`Cargo::settle`].
    fn ended(&mut self, number: u64, outcome: Outcome);

    /// The source of a file that moved was deleted, or was not, or nobody knows.
    fn parted(&mut self, number: u64, result: Result<(), Failure>);
}

/// Copies files as long as there are some and all goes well. Returns when both sessions are in a known state, or
/// known not to be. When `stop` becomes true no more files are taken, and those under way get a moment.
pub(crate) async fn run(
    road: Road,
    source: &mut Session,
    destination: &mut Session,
    cargo: &mut impl Cargo,
    stop: &mut Stop,
) -> Arrival {
    let started = Instant::now();
    let now = || Moment::after_start(started.elapsed());
    source.set_queueing(road.source_queueing);
    destination.set_queueing(road.destination_queueing);
    let mut convoy = Convoy::new(road);
    // Files that are over, and whose sources may go once that is written down.
    let mut over = Vec::new();
    let mut settling: Option<(Vec<u64>, Answer<'static, ()>)> = None;
    // The latest file: first it is noted, then it waits for its turn, so that it can be asked for in the same write as
    // the transfer before it.
    let mut noting: Option<(Load, Answer<'static, ()>)> = None;
    let mut ready: Option<Load> = None;
    let mut way = Way { under_way: 0, stoppable: true, source_gone: false, destination_gone: false };
    loop {
        while let Some(action) = convoy.next() {
            match action {
                Action::Ask(leg, request) => {
                    let session = if leg == Leg::Source { &mut *source } else { &mut *destination };
                    let id = session.ask(request);
                    convoy.asked(leg, id);
                }
                Action::Knock(address) => destination.knock(address),
                Action::Begun(number) => cargo.begun(number),
                Action::Ended(number, outcome) => {
                    way.under_way -= 1;
                    cargo.ended(number, outcome);
                    match cargo.moves() {
                        true => over.push(number),
                        false => convoy.noted(number, now()),
                    }
                }
                Action::Parted(number, result) => cargo.parted(number, result),
                Action::Done(arrival) => {
                    if let Some(load) = waiting(&mut ready, &mut noting) {
                        cargo.ended(load.number, Outcome::Untouched);
                    }
                    source.set_queueing(Default::default());
                    destination.set_queueing(Default::default());
                    return arrival;
                }
            }
        }
        if settling.is_none() && !over.is_empty() {
            settling = Some((std::mem::take(&mut over), cargo.settle()));
        }
        if convoy.wants()
            && let Some(load) = ready.take()
        {
            convoy.load(load, now());
            continue;
        }
        let ahead = way.under_way > 0 && !convoy.is_closing() && cargo.has_plenty();
        if noting.is_none() && ready.is_none() && (convoy.wants() || ahead) {
            match cargo.next() {
                Some(load) => {
                    way.under_way += 1;
                    noting = Some((load, cargo.noted()));
                }
                None if way.under_way == 0 && convoy.wants() => {
                    convoy.finish(now());
                    continue;
                }
                None => {}
            }
        }
        convoy.leaves();
        let wake = convoy.wake_at().map(|moment| started + moment.since_start());
        tokio::select! {
            // In this order, so that STOR leaves before RETR (see `direct`).
            biased;
            event = destination.event(), if !way.destination_gone => {
                way.destination_gone = feed(&mut convoy, Leg::Destination, event, now());
            }
            event = source.event(), if !way.source_gone => {
                way.source_gone = feed(&mut convoy, Leg::Source, event, now());
            }
            () = written(&mut settling), if settling.is_some() => {
                for number in settling.take().map(|(numbers, _)| numbers).unwrap_or_default() {
                    convoy.noted(number, now());
                }
            }
            () = written(&mut noting), if noting.is_some() => {
                ready = noting.take().map(|(load, _)| load);
            }
            () = sleep_until(wake.unwrap_or(started)), if wake.is_some() => convoy.tick(now()),
            asked = stop.wait_for(|stop| *stop), if way.stoppable => {
                way.stoppable = false;
                // Nobody is left who could stop us: then nobody has.
                if asked.is_ok() {
                    if let Some(load) = waiting(&mut ready, &mut noting) {
                        way.under_way -= 1;
                        cargo.ended(load.number, Outcome::Untouched);
                    }
                    convoy.stop(now());
                }
            }
        }
    }
}

/// Takes back a file that was taken and not begun.
fn waiting(ready: &mut Option<Load>, noting: &mut Option<(Load, Answer<'static, ()>)>) -> Option<Load> {
    ready.take().or_else(|| Some(noting.take()?.0))
}

/// Comes back when what is being written down is written.
async fn written<T>(writing: &mut Option<(T, Answer<'static, ()>)>) {
    if let Some((_, writing)) = writing {
        writing.await;
    }
}

/// How the driver stands.
struct Way {
    /// Files that were loaded and are not over.
    under_way: usize,
    /// Somebody may still stop us.
    stoppable: bool,
    /// The session has nothing to say any more.
    source_gone: bool,
    destination_gone: bool,
}

/// Passes an event on; true if it was the session's last one.
fn feed(convoy: &mut Convoy, leg: Leg, event: SessionEvent, now: Moment) -> bool {
    match event {
        SessionEvent::Preliminary(id, reply) => convoy.preliminary(leg, id, &reply),
        SessionEvent::Done(id, answer) => convoy.answer(leg, id, answer, now),
        SessionEvent::Lost => {
            convoy.lost(leg, now);
            return true;
        }
    }
    false
}
