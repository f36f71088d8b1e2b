//! What is at the destination already: equal, different, or begun.

use fxp_proto::listing::entry::{Entry, Precision};
use fxp_proto::listing::time::FtpTime;

/// True if size and time are the same as far as both servers tell. A file whose time is known only to
/// the day is never called equal here: it may have been changed on that day. (Where copies have shown how times are told,
/// and no question tells more, [`crate::times::Times`] does so.)
pub fn is_unchanged(source: &Entry, destination: &Entry) -> bool {
    let (Some(one), Some(two)) = (source.size, destination.size) else { return false };
    let (Some(one_time), Some(two_time)) = (source.modified, destination.modified) else { return false };
    one == two && same_time(one_time, two_time)
}

/// True if a better look at the times is worth a question: the sizes agree and a time is coarse.
pub fn is_in_doubt(source: &Entry, destination: &Entry) -> bool {
    source.size.is_some() && source.size == destination.size && !(is_exact(source) && is_exact(destination))
}

/// True if its time is known to the second.
pub(crate) fn is_exact(entry: &Entry) -> bool {
    matches!(entry.modified, Some((_, Precision::Second)))
}

/// True if `now` is the file that `planned` was, as far as a listing told then: a time to the minute agrees
/// with the time to the second that was asked for later. One to the day agrees with nothing.
pub fn is_as_planned(planned: Option<(FtpTime, Precision)>, now: Option<(FtpTime, Precision)>) -> bool {
    match (planned, now) {
        (Some(planned), Some(now)) if planned.1 == Precision::Minute => same_time(planned, now),
        (planned, now) => planned == now,
    }
}

/// True if two times are the same within the coarser precision of the two.
pub(crate) fn same_time((one, precise): (FtpTime, Precision), (two, other): (FtpTime, Precision)) -> bool {
    let tolerance = match precise.min(other) {
        Precision::Day => return false,
        // The seconds are cut off, not rounded.
        Precision::Minute => 59,
        // FAT keeps even seconds only.
        Precision::Second => 1,
    };
    one.seconds.abs_diff(two.seconds) <= tolerance
}

#[cfg(test)]
mod tests {
    use super::*;
    use fxp_proto::listing::entry::Kind;

    const S: Precision = Precision::Second;
    const M: Precision = Precision::Minute;
    const D: Precision = Precision::Day;

    #[test]
    fn equal_means_equal_in_size_and_time_as_far_as_both_tell() {
        // size and time of the source, of the destination, equal?, in doubt?
        type Side = (Option<u64>, Option<(i64, Precision)>);
        let rows: &[(Side, Side, bool, bool)] = &[
            ((Some(5), Some((1000, S))), (Some(5), Some((1000, S))), true, false),
            ((Some(5), Some((1000, S))), (Some(5), Some((1001, S))), true, false),
            ((Some(5), Some((1000, S))), (Some(5), Some((1002, S))), false, false),
            ((Some(5), Some((1000, S))), (Some(6), Some((1000, S))), false, false),
            ((Some(5), Some((1019, S))), (Some(5), Some((960, M))), true, true),
            ((Some(5), Some((1020, S))), (Some(5), Some((960, M))), false, true),
            ((Some(5), Some((0, D))), (Some(5), Some((0, D))), false, true),
            ((Some(5), None), (Some(5), Some((0, S))), false, true),
            ((None, Some((0, S))), (None, Some((0, S))), false, false),
        ];
        for (source, destination, equal, doubt) in rows {
            let (source, destination) = (entry(source), entry(destination));
            assert_eq!(is_unchanged(&source, &destination), *equal, "{source:?} {destination:?}");
            assert_eq!(is_in_doubt(&source, &destination), *doubt, "{source:?} {destination:?}");
        }
    }

    #[test]
    fn a_file_is_as_planned_if_its_time_agrees_with_the_listing() {
        type Time = Option<(i64, Precision)>;
        let rows: &[(Time, Time, bool)] = &[
            (None, None, true),
            (None, Some((60, S)), false),
            (Some((60, S)), Some((60, S)), true),
            (Some((60, S)), Some((61, S)), false),
            (Some((60, M)), Some((119, S)), true),
            (Some((60, M)), Some((120, S)), false),
            (Some((60, M)), None, false),
            (Some((0, D)), Some((0, S)), false),
        ];
        for (planned, now, expected) in rows {
            assert_eq!(is_as_planned(planned.map(at), now.map(at)), *expected, "{planned:?} {now:?}");
        }
    }

    fn entry((size, time): &(Option<u64>, Option<(i64, Precision)>)) -> Entry {
        let mut entry = Entry::new("f".into(), Kind::File);
        entry.size = *size;
        entry.modified = time.map(at);
        entry
    }

    fn at((seconds, precision): (i64, Precision)) -> (FtpTime, Precision) {
        (FtpTime { seconds, nanoseconds: 0 }, precision)
    }
}
