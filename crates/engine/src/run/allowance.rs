//! How much a run may transfer (`--max-transfer`).

/// What may still be begun.
#[derive(Debug)]
pub(super) struct Allowance {
    most: Option<u64>,
    begun: u64,
}

/// Whether a file may be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Yes,
    /// It alone is more than all that may be transferred. Others may be begun all the same.
    TooLarge,
    /// No more than what was begun.
    UsedUp,
}

impl Allowance {
    pub(super) fn new(most: Option<u64>) -> Self {
        Allowance { most, begun: 0 }
    }

    /// Takes a file of this size, if there is still so much left. One of unknown size is taken as long as anything
    /// is left, and counted when it is done.
    pub(super) fn take(&mut self, size: Option<u64>) -> Taken {
        let Some(most) = self.most else { return Taken::Yes };
        // With an allowance of nothing it is not the file that is large.
        if most > 0 && size.is_some_and(|size| size > most) {
            return Taken::TooLarge;
        }
        let fits = match size {
            Some(size) => self.begun.saturating_add(size) <= most,
            None => self.begun < most,
        };
        self.begun = self.begun.saturating_add(size.filter(|_| fits).unwrap_or(0));
        if fits { Taken::Yes } else { Taken::UsedUp }
    }

    /// A file whose size nobody knew turned out to be so large.
    pub(super) fn count(&mut self, size: u64) {
        self.begun = self.begun.saturating_add(size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_not_begun() {
        let mut allowance = Allowance::new(Some(100));
        let sizes = [60, 101, 41, 40, 0].map(|size| allowance.take(Some(size)));
        assert_eq!(sizes, [Taken::Yes, Taken::TooLarge, Taken::UsedUp, Taken::Yes, Taken::Yes]);
        assert_eq!([None, Some(1)].map(|size| allowance.take(size)), [Taken::UsedUp; 2]);
        assert_eq!(Allowance::new(Some(0)).take(Some(1)), Taken::UsedUp);
        let mut unknown = Allowance::new(Some(100));
        assert_eq!(unknown.take(None), Taken::Yes);
        unknown.count(99);
        assert_eq!(unknown.take(None), Taken::Yes);
        unknown.count(5);
        assert_eq!([None, Some(1)].map(|size| unknown.take(size)), [Taken::UsedUp; 2]);
        assert_eq!(Allowance::new(None).take(Some(u64::MAX)), Taken::Yes);
    }
}
