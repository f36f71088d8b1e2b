//! Files that were not tried since what stopped an earlier one would have stopped them too: a line for all of them, in place of
//! one for each.

use crate::exit::Failure;
use crate::output::measure;

/// How many there were, by what stopped them.
#[derive(Debug, Default)]
pub(super) struct Untried(Vec<(Failure, u64)>);

/// There is one for each pair of servers. A file with another one is told by itself.
const MAX_REASONS: usize = 32;

impl Untried {
    /// Counts one more. False if there are too many reasons.
    pub(super) fn add(&mut self, failure: &Failure) -> bool {
        let same = |other: &Failure| {
            (&other.what, &other.causes, &other.hint) == (&failure.what, &failure.causes, &failure.hint)
        };
        let full = self.0.len() >= MAX_REASONS;
        match self.0.iter_mut().find(|(other, _)| same(other)) {
            Some((_, files)) => *files += 1,
            None if full => return false,
            None => self.0.push((failure.clone(), 1)),
        }
        true
    }

    /// One failure for all files of each reason.
    pub(super) fn told(self) -> impl Iterator<Item = Failure> {
        self.0.into_iter().map(|(failure, files)| {
            let what = format!("{}: {}", measure::count(files, "more file", "more files"), failure.what);
            Failure { what, ..failure }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn files_are_counted_by_what_stopped_them() {
        let mut untried = Untried::default();
        let failure = |what: &str| Failure::new(Exit::FxpImpossible, what);
        for what in ["not tried: x", "not tried: y", "not tried: x"] {
            assert!(untried.add(&failure(what)));
        }
        assert!(untried.add(&failure("not tried: x").hint("another way")));
        let told: Vec<String> = untried.told().map(|failure| failure.what).collect();
        assert_eq!(
            told,
            ["2 more files: not tried: x", "1 more file: not tried: y", "1 more file: not tried: x"]
        );
    }

    #[test]
    fn what_has_too_many_reasons_is_told_by_itself() {
        let mut untried = Untried::default();
        let added = (0..MAX_REASONS + 1)
            .filter(|number| untried.add(&Failure::new(Exit::Login, format!("not tried: {number}"))))
            .count();
        assert_eq!((added, untried.told().count()), (MAX_REASONS, MAX_REASONS));
    }
}
