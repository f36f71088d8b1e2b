//! How far a file has got, and what that is worth: an attempt that brought it further uses no retry up.

/// The attempts at one file. Knows no clock and no server.
///
/// What counts is where attempts begin, since so much is proven, and never what they seem to have moved: a part that
/// nobody can prove is begun anew, and so is one that the server does not continue. Such a file gets no further, however
/// much of it is sent each time.
///
/// Where an attempt begins shows only when it does. If retries are used up, and more seems to be there, one more attempt
/// is on trial: it has to begin further than all before it.
#[derive(Debug)]
pub(crate) struct Headway {
    retries: u32,
    /// So many bytes further count.
    enough: u64,
    /// The beginning that the others are measured by.
    furthest: u64,
    /// Retries since then.
    used: u32,
    on_trial: bool,
}

impl Headway {
    /// Nothing was tried yet of a file of `size` bytes.
    pub(crate) fn new(retries: u32, size: Option<u64>) -> Self {
        let enough = (size.unwrap_or_default() / PARTS).clamp(LEAST, MOST);
        Headway { retries, enough, furthest: 0, used: 0, on_trial: false }
    }

    /// An attempt began behind so many bytes, which are proven.
    pub(crate) fn begun_at(&mut self, offset: u64) {
        if self.is_further(offset) {
            (self.furthest, self.used, self.on_trial) = (offset, 0, false);
        }
    }

    /// An attempt failed. `Some`: it may be tried again, for the so-manieth time since the file got further.
    pub(crate) fn failed(&mut self) -> Option<u32> {
        let left = self.used < self.retries && !self.on_trial;
        self.used += u32::from(left);
        left.then_some(self.used)
    }

    /// All retries are used up, but so many bytes are there: true if that deserves a trial. Who wants no retry at all
    /// gets none.
    pub(crate) fn deserves_trial(&self, there: u64) -> bool {
        self.retries > 0 && !self.on_trial && self.is_further(there)
    }

    /// The next attempt is on trial. As [`Headway::failed`].
    pub(crate) fn try_once_more(&mut self) -> u32 {
        self.on_trial = true;
        1
    }

    /// True if the attempt has to begin further, and has not done so yet.
    pub(crate) fn is_on_trial(&self) -> bool {
        self.on_trial
    }

    /// True if an attempt that begins behind so many bytes counts as headway.
    pub(crate) fn is_further(&self, offset: u64) -> bool {
        offset.checked_sub(self.furthest).is_some_and(|more| more >= self.enough)
    }
}

/// A hundredth of the file is headway. So a file is not tried again for ever because each time some bytes arrive.
const PARTS: u64 = 100;

/// Less is none, however small the file: it costs less to send it whole.
const LEAST: u64 = 64 << 10;

/// More is not asked for, however large the file: a line that breaks every few hundred megabytes does move terabytes.
const MOST: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// What the destination makes of a part.
    #[derive(Clone, Copy, Debug)]
    enum Part {
        /// It is proven, and continued.
        Continued,
        /// Nobody can prove it.
        BegunAnew,
    }

    /// How often the file is sent, and the number of each retry, if attempts bring so many bytes and then break off, in
    /// this order; the others bring nothing.
    fn play(retries: u32, size: u64, part: Part, brings: &[u64]) -> (u32, Vec<u32>) {
        let mut headway = Headway::new(retries, Some(size));
        let (mut there, mut sent, mut numbers) = (0_u64, 0, Vec::new());
        let mut brings = brings.iter().copied();
        loop {
            let offset = match part {
                Part::Continued => there,
                Part::BegunAnew => 0,
            };
            if headway.is_on_trial() && !headway.is_further(offset) {
                return (sent, numbers);
            }
            headway.begun_at(offset);
            sent += 1;
            there = offset + brings.next().unwrap_or_default();
            if there >= size {
                return (sent, numbers);
            }
            match headway.failed() {
                Some(number) => numbers.push(number),
                None if headway.deserves_trial(there) => numbers.push(headway.try_once_more()),
                None => return (sent, numbers),
            }
        }
    }

    /// Retries, size, what becomes of a part, what attempts bring, and the number of each retry.
    type Row<'a> = (u32, u64, Part, &'a [u64], &'a [u32]);

    #[test]
    fn what_gets_further_uses_no_retry_up_and_what_does_not_is_given_up_after_all_of_them() {
        use Part::{BegunAnew, Continued};
        const KIB: u64 = 1 << 10;
        const MIB: u64 = 1 << 20;
        const GIB: u64 = 1 << 30;
        let rows: &[Row<'_>] = &[
            // It gets no further: one attempt, and the retries.
            (3, MIB, Continued, &[], &[1, 2, 3]),
            (3, MIB, Continued, &[600 * KIB], &[1, 1, 2, 3]),
            // It gets further each time: the number begins anew, and so do the pauses.
            (1, MIB, Continued, &[200 * KIB; 6], &[1, 1, 1, 1, 1]),
            (3, 100 * GIB, Continued, &[2 * GIB; 50], &[1; 49]),
            // Now and then an attempt brings nothing.
            (2, MIB, Continued, &[300 * KIB, 0, 300 * KIB, 0, 0, 600 * KIB], &[1, 1, 2, 1, 2]),
            // The last one allowed brings something: that shows when the next one begins.
            (1, MIB, Continued, &[0, 300 * KIB, 300 * KIB, 600 * KIB], &[1, 1, 1]),
            (2, MIB, Continued, &[0, 0, 300 * KIB], &[1, 2, 1, 1, 2]),
            // Too little is nothing, but little adds up.
            (3, MIB, Continued, &[KIB; 1000], &[1, 2, 3]),
            (3, MIB, Continued, &[16 * KIB; 64], &[1, 2, 3, 1].repeat(16)[..63]),
            (3, 100 * GIB, Continued, &[MIB; 1000], &[1, 2, 3]),
            (3, 10_000 * GIB, Continued, &[GIB; 5], &[1, 1, 1, 1, 1, 1, 2, 3]),
            // Nothing can prove the first part, so each attempt sends the whole.
            (3, MIB, BegunAnew, &[900 * KIB; 100], &[1, 2, 3]),
            // Who wants no retry gets none.
            (0, MIB, Continued, &[600 * KIB; 2], &[]),
        ];
        for (retries, size, part, brings, numbers) in rows {
            let (sent, played) = play(*retries, *size, *part, brings);
            let what = format!("{retries} {size} {part:?} {:?}", &brings[..brings.len().min(6)]);
            // What is not sent after all ends on trial.
            let in_vain = u32::from(matches!(part, BegunAnew));
            assert_eq!(played[..played.len() - in_vain as usize], **numbers, "{what}");
            assert_eq!(sent, 1 + numbers.len() as u32, "{what}");
        }
    }

    #[test]
    fn headway_comes_to_an_end() {
        // The least that counts, each time: one attempt for a hundredth.
        for size in [1_000_000, 1 << 30, 6 << 30] {
            let least = Headway::new(1, Some(size)).enough;
            let (sent, _) = play(1, size, Part::Continued, &vec![least; 1000]);
            assert!(u64::from(sent) <= PARTS + 1, "{size}: {sent}");
        }
        // Whoever knows no size proves nothing; and nothing is further than all.
        let mut headway = Headway::new(1, None);
        headway.begun_at(u64::MAX);
        assert!(!headway.is_further(u64::MAX));
    }
}
