//! How the times of copies look: what is known of it is told before files are compared, and what copies show is learned
//! when they are done.

use super::crew::Crew;
use super::{After, Run};
use crate::lesson;
use crate::plan::judge::Compare;
use crate::report::Event;
use crate::retry;
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
            learned.extend(retry::orderly(learning, &self.stop).await.flatten());
        }
        learned
    }
}
