//! What is told of a file while it is on its way, and kept for its report.

use super::Courier;
use crate::report::Event;

/// What was told about attempts. A file that gets further each time may have many of them.
#[derive(Debug, Default)]
pub(crate) struct Told {
    kept: u32,
    left_out: u32,
}

impl Courier<'_> {
    /// A fallback: a line in the report, and an event now.
    pub(super) fn say(&self, notes: &mut Vec<String>, sentence: String) {
        self.observer.event(Event::Fallback { file: Some(self.file), text: sentence.clone() });
        notes.push(sentence);
    }

    /// What is said of one attempt among many: an event in any case, but the report stays small.
    pub(super) fn say_of_attempt(&mut self, notes: &mut Vec<String>, sentence: String) {
        if self.told.keeps_one_more() {
            return self.say(notes, sentence);
        }
        self.observer.event(Event::Fallback { file: Some(self.file), text: sentence });
    }
}

impl Told {
    /// One more is told; true if the report has room for it.
    fn keeps_one_more(&mut self) -> bool {
        let keeps = self.kept < MOST_KEPT;
        match keeps {
            true => self.kept += 1,
            false => self.left_out += 1,
        }
        keeps
    }

    /// What the report says in place of what it leaves out.
    pub(super) fn left_out(&self) -> Option<String> {
        let left_out = self.left_out;
        (left_out > 0).then(|| format!("{left_out} more lines about attempts, left out here"))
    }
}

/// More lines about attempts at one file nobody reads.
const MOST_KEPT: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_keeps_the_first_lines_and_counts_the_others() {
        let mut told = Told::default();
        assert!((0..MOST_KEPT).all(|_| told.keeps_one_more()) && told.left_out().is_none());
        assert!(!told.keeps_one_more() && !told.keeps_one_more());
        assert!(told.left_out().is_some_and(|line| line.starts_with("2 more lines")));
    }
}
