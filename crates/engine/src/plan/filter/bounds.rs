//! Bounds of size and time. They are about files: directories are always entered.

use fxp_proto::listing::entry::{Entry, Precision};
use fxp_proto::listing::time::FtpTime;

/// Which sizes and times are wanted; `None` is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Smaller files are left out.
    pub min_size: Option<u64>,
    /// Larger files are left out.
    pub max_size: Option<u64>,
    /// Files modified before this are left out.
    pub newer: Option<FtpTime>,
    /// Files modified after this are left out.
    pub older: Option<FtpTime>,
}

/// Why a file is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfBounds {
    /// Its size or time is not what is wanted.
    Outside,
    /// The server does not tell its size.
    SizeUnknown,
    /// The server does not tell its time.
    TimeUnknown,
}

impl Bounds {
    /// Why `file` is left out, if it is. A time that is known to the minute or to the day counts as the earliest or
    /// the latest that it can be, whichever lets the file in: better one file too many than one missing.
    pub fn leaves_out(&self, file: &Entry) -> Option<OutOfBounds> {
        if self.min_size.is_some() || self.max_size.is_some() {
            let Some(size) = file.size else { return Some(OutOfBounds::SizeUnknown) };
            if self.min_size.is_some_and(|least| size < least)
                || self.max_size.is_some_and(|most| size > most)
            {
                return Some(OutOfBounds::Outside);
            }
        }
        if self.newer.is_some() || self.older.is_some() {
            let Some((time, precision)) = file.modified else { return Some(OutOfBounds::TimeUnknown) };
            let (before, after) = match precision {
                Precision::Second => (0, 0),
                // In a zone that nobody knows.
                Precision::Minute => (0, 59),
                Precision::Day => (DAY, 2 * DAY),
            };
            let too_old = |bound: FtpTime| time.seconds.saturating_add(after) < bound.seconds;
            let too_new = |bound: FtpTime| time.seconds.saturating_sub(before) > bound.seconds;
            if self.newer.is_some_and(too_old) || self.older.is_some_and(too_new) {
                return Some(OutOfBounds::Outside);
            }
        }
        None
    }
}

const DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;
    use fxp_proto::listing::entry::Kind;

    #[test]
    fn files_outside_the_bounds_are_left_out_and_unknown_ones_say_why() {
        use OutOfBounds::{Outside, SizeUnknown, TimeUnknown};
        let bounds = |min_size, max_size, newer: Option<i64>, older: Option<i64>| {
            let time = |seconds| FtpTime { seconds, nanoseconds: 0 };
            Bounds { min_size, max_size, newer: newer.map(time), older: older.map(time) }
        };
        type Time = Option<(i64, Precision)>;
        let second = |at| Some((at, Precision::Second));
        let rows: [(Bounds, Option<u64>, Time, Option<OutOfBounds>); 12] = [
            (bounds(None, None, None, None), None, None, None),
            (bounds(Some(5), None, None, None), Some(4), None, Some(Outside)),
            (bounds(Some(5), Some(7), None, None), Some(5), None, None),
            (bounds(Some(5), Some(7), None, None), Some(7), None, None),
            (bounds(None, Some(7), None, None), Some(8), None, Some(Outside)),
            (bounds(None, Some(7), None, None), None, None, Some(SizeUnknown)),
            (bounds(None, None, Some(100), None), None, None, Some(TimeUnknown)),
            (bounds(None, None, Some(100), None), None, second(99), Some(Outside)),
            (bounds(None, None, Some(100), Some(200)), None, second(100), None),
            (bounds(None, None, Some(100), Some(200)), None, second(201), Some(Outside)),
            (bounds(None, None, Some(100), None), None, Some((60, Precision::Minute)), None),
            (bounds(None, None, None, Some(100)), None, Some((DAY, Precision::Day)), None),
        ];
        for (bounds, size, time, expected) in rows {
            let mut file = Entry::new("f".into(), Kind::File);
            file.size = size;
            file.modified = time.map(|(seconds, precision)| (FtpTime { seconds, nanoseconds: 0 }, precision));
            assert_eq!(bounds.leaves_out(&file), expected, "{bounds:?} {size:?} {time:?}");
        }
    }
}
