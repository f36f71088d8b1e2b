//! How much a run may transfer (`--max-transfer`).

/// What may still be begun.
#[derive(Debug)]
pub(super) struct Allowance {
    most: Option<u64>,
    begun: u64,
}

impl Allowance {
    pub(super) fn new(most: Option<u64>) -> Self {
        Allowance { most, begun: 0 }
    }

    /// Takes a file of this size, if there is still so much left. One of unknown size is taken as long as anything
    /// is left, and counted when it is done.
    pub(super) fn take(&mut self, size: Option<u64>) -> bool {
        let Some(most) = self.most else { return true };
        let fits = match size {
            Some(size) => self.begun.saturating_add(size) <= most,
            None => self.begun < most,
        };
        self.begun = self.begun.saturating_add(size.filter(|_| fits).unwrap_or(0));
        fits
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
        assert!(allowance.take(Some(60)) && !allowance.take(Some(41)) && allowance.take(Some(40)));
        assert!(allowance.take(Some(0)) && !allowance.take(None) && !allowance.take(Some(1)));
        let mut unknown = Allowance::new(Some(100));
        assert!(unknown.take(None));
        unknown.count(99);
        assert!(unknown.take(None));
        unknown.count(5);
        assert!(!unknown.take(None) && !unknown.take(Some(1)));
        assert!(Allowance::new(None).take(Some(u64::MAX)));
    }
}
