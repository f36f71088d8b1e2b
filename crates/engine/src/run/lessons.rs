//! How the times of copies look: what is known of it is told before files are compared, and what copies show is learned
//! when they are done.

use super::crew::Crew;
use super::{After, Run, Stop};
use crate::lesson;
use crate::plan::judge::Compare;
use crate::pool::Link;
use crate::report::Event;
use crate::retry;
use crate::side::Side;
use crate::times::Times;

impl Run {
    /// True if it matters how the times of copies look, in this run or in the next one.
    fn compares_times(&self) -> bool {
        self.after == After::Kept && self.request.selection.compare == Compare::SizeAndTime
    }

    /// Tells what is known of times before it is made use of.
    pub(super) fn tell_times(&self) -> Vec<Times> {
        let known = |source| lesson::remembered(source, &self.destination);
        let times: Vec<Times> = match self.compares_times() {
            true => self.sources.iter().filter_map(known).collect(),
            false => Vec::new(),
        };
        for times in times.iter().filter(|times| times.is_remarkable()) {
            self.event(Event::Times(Box::new(times.clone())));
        }
        times
    }

    /// What is known of times by now. Only whole directories are compared again and again.
    pub(super) async fn learn_times(&mut self, crew: &Crew) -> Vec<Times> {
        let mut learned = Vec::new();
        if !self.compares_times() {
            return learned;
        }
        let looks = self.request.recursive && !*self.stop.borrow();
        for (side, source) in self.sources.iter_mut().enumerate() {
            let seen = if looks { crew.witnesses.of(side) } else { Vec::new() };
            let learning = lesson::learn(seen, source, &mut self.destination);
            learned.extend(retry::orderly(learning, &self.stop).await.and_then(|learned| learned.times));
        }
        learned
    }
}

/// Learns from copies while others are still on their way, so that the end of the run need not wait for it.
pub(super) struct Pupil {
    sources: Vec<Side>,
    destination: Side,
    /// False if it does not matter how the times of copies look.
    is_needed: bool,
}

impl Pupil {
    pub(super) fn of(run: &Run) -> Self {
        Pupil {
            sources: run.sources.iter().map(Side::twin).collect(),
            destination: run.destination.twin(),
            is_needed: run.compares_times() && run.request.recursive,
        }
    }

    /// Learns of one source after the other as soon as there are copies enough, until `over`; what is left then is
    /// learned by [`Run::learn_times`].
    pub(super) async fn learn(mut self, crew: &Crew, mut over: Stop) {
        while self.is_needed {
            let side = tokio::select! {
                side = crew.witnesses.enough() => side,
                () = retry::stopped(&mut over) => return,
            };
            let source = &mut self.sources[side];
            let ends = [&mut *source, &mut self.destination];
            // No lane stands up for this: without room it is learned at the end.
            self.is_needed = ends.into_iter().filter_map(Side::link).all(Link::sit_if_free);
            if self.is_needed {
                let learning = lesson::learn(crew.witnesses.of(side), source, &mut self.destination);
                let learned = retry::orderly(learning, &crew.run.stop).await;
                self.is_needed = learned.is_some_and(|learned| learned.served);
            }
            if self.is_needed {
                crew.witnesses.dismiss(side);
            }
            [source, &mut self.destination].into_iter().filter_map(Side::link).for_each(Link::park);
        }
    }
}
