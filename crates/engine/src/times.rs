//! What two servers say of the same time: to which part of a minute, rounded how, and in which zone.
//!
//! After a copy has got its source's time, the listings of both ends tell what that looks like: minutes only, even
//! seconds, local time. That is learned from a few copies, remembered with the servers, and the next comparison uses
//! it. A server whose copies show when they arrived is learned of in the same way: there a file counts as equal if
//! its source was left alone for long enough before that.

use fxp_proto::listing::entry::Precision;
use fxp_proto::listing::time::FtpTime;
use serde::{Deserialize, Serialize};

/// A time as a server tells it, and how exactly.
pub(crate) type Told = (FtpTime, Precision);

/// What copies from one place to another have shown of their times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// `user@host:port` of the source, or [`THIS_MACHINE`].
    pub from: String,
    /// `user@host:port` of the destination, or [`THIS_MACHINE`].
    pub to: String,
    /// Copies show when they arrived: by so many seconds later than this machine's clock, which tells UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<i64>,
    /// What listings show.
    pub listed: Shown,
    /// What questions about single files show (MLST, MDTM), where listings are rough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Shown>,
}

/// How the time of a copy looks beside its source's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Seconds within which two times are the same, in the roughest pair of times that was seen.
    pub within: u32,
    /// Seconds beyond what cutting off explains: a file system that keeps even seconds only.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slack: u32,
    /// How many seconds later a copy's time is told than its source's; several where summer time changes it.
    pub later: Vec<i64>,
}

/// One copy, as both ends tell it afterwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) source: Told,
    pub(crate) copy: Told,
    /// The server said that it has set the time.
    pub(crate) kept: bool,
    /// When it was finished, by this machine's clock.
    pub(crate) arrived: i64,
}

/// What many samples show together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lesson {
    /// Copies have their sources' times, which look like this.
    Kept(Shown),
    /// Copies have the time of their arrival, told so many seconds late.
    Arrival(i64),
}

/// Whether a source was changed after its copy had arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// It was not, whatever may be wrong with the clocks.
    NotNewer,
    /// It was, or may have been.
    Newer,
    /// Its time is known in an unknown zone only.
    Unclear,
}

/// What a user's files on a server are called in [`Times`]; without a user where none is given.
pub(crate) fn place(user: Option<&[u8]>, server: &str) -> String {
    match user {
        Some(user) => format!("{}@{server}", user.escape_ascii()),
        None => server.to_owned(),
    }
}

impl Times {
    /// True if it is about a server's times, whoever the user is.
    pub(crate) fn is_about(&self, server: &str) -> bool {
        // A user's name may hold an @, and a server's none.
        let is_on = |place: &str| place.rsplit_once('@').map_or(place, |(_, server)| server) == server;
        is_on(&self.from) || is_on(&self.to)
    }

    /// True if the times are the same as listings of these two show them.
    pub(crate) fn agree(&self, source: Told, copy: Told) -> bool {
        self.listed.agree(source, copy)
    }

    /// The same for what was asked about single files. What is rough all the same comes from a listing. `best`: who
    /// tells a time roughly has nothing but listings, so the day will do where no more is told.
    pub(crate) fn agree_when_asked(&self, source: Told, copy: Told, best: bool) -> bool {
        match (&self.asked, coarser(source, copy)) {
            (Some(asked), Precision::Second) => asked.agree(source, copy),
            (None, Precision::Second) => agree_within(source, copy, 0, self.listed.slack),
            (_, Precision::Minute | Precision::Day) => {
                self.listed.agree(source, copy) || (best && self.listed.on_the_same_day(source, copy))
            }
        }
    }

    /// The age of a source beside that of its copy, where copies show when they arrived.
    ///
    /// A file that was changed shortly before its copy came is sent once more: neither clock is exact, and it may have
    /// been changed shortly after.
    pub(crate) fn age(&self, (source, exact): Told, (copy, rough): Told) -> Option<Age> {
        let late = self.arrival?;
        let arrived = copy.seconds - late;
        let told = match rough {
            Precision::Second if late.abs() < HOUR / 2 => 1,
            // Local time, as far as one knows, which is another one in summer.
            Precision::Second | Precision::Minute => base(rough) + HOUR,
            Precision::Day => return Some(Age::Unclear),
        };
        let margin = told + 2 * SKEW;
        let later = source.seconds - arrived;
        Some(match exact {
            Precision::Second if later < -margin => Age::NotNewer,
            Precision::Second => Age::Newer,
            // In which zone that is nobody knows, and it was cut off.
            rough if later < -margin - FARTHEST - base(rough) => Age::NotNewer,
            _ if later > FARTHEST => Age::Newer,
            Precision::Minute | Precision::Day => Age::Unclear,
        })
    }

    /// True if there is more to say than that times are told to the second.
    pub fn is_remarkable(&self) -> bool {
        self.arrival.is_some() || self.listed != Shown { within: 1, slack: 0, later: vec![0] }
    }

    /// Adds what was learned now to what was known: offsets of summer and winter are both true.
    ///
    /// Where copies have kept their times once, most still have them: the time of arrival is not put in place of that,
    /// or a source that gave way to an older file would count as equal.
    pub(crate) fn with(mut self, known: Option<&Times>) -> Self {
        let Some(known) = known else { return self };
        if known.arrival.is_none() && self.arrival.is_some() {
            return known.clone();
        }
        if known.arrival.is_none() {
            self.listed.join(&known.listed);
            match (&mut self.asked, &known.asked) {
                (Some(asked), Some(known)) => asked.join(known),
                (asked @ None, known) => asked.clone_from(known),
                (Some(_), None) => {}
            }
        }
        self
    }

    /// How times are compared, in a sentence.
    pub fn sentence(&self) -> String {
        if self.arrival.is_some() {
            return "copies show when they arrived, since the destination does not let times be set, or the source tells \
                    them too roughly: a file of the same size counts as equal if its source had not been changed for a while by \
                    then, and is sent again otherwise (--checksum compares contents)"
                .to_owned();
        }
        let mut sentence = match i64::from(self.listed.within) {
            DAY.. => {
                "times are compared by the day where neither listings nor questions tell more".to_owned()
            }
            within @ MINUTE.. => format!(
                "times are compared within {within} s, and by the day where neither listings nor questions tell more"
            ),
            within => format!("times are compared within {within} s"),
        };
        let offsets: Vec<String> =
            self.listed.later.iter().filter(|&&later| later != 0).map(|&later| offset(later)).collect();
        if !offsets.is_empty() {
            sentence.push_str(&format!(
                "; the destination tells them {} than the source, or an hour off that for summer time",
                offsets.join(" or ")
            ));
        }
        sentence.push_str(", as earlier copies have shown (--checksum compares contents)");
        sentence
    }
}

impl Shown {
    fn agree(&self, source: Told, copy: Told) -> bool {
        let rough = coarser(source, copy) < Precision::Second;
        self.later.iter().any(|&later| {
            agree_within(source, copy, later, self.slack)
                // A zone's offset to the minute is one with a summer time.
                || (rough && later != 0
                    && [-HOUR, HOUR].iter().any(|summer| agree_within(source, copy, later + summer, self.slack)))
        })
    }

    /// True if a time that is told to the day only is on the day of the other one.
    fn on_the_same_day(&self, (source, exact): Told, (copy, other): Told) -> bool {
        let day = |seconds: i64| seconds.div_euclid(DAY);
        exact.min(other) == Precision::Day
            && self.later.iter().any(|&later| match (exact, other) {
                (Precision::Day, Precision::Day) => {
                    day(source.seconds).abs_diff(day(copy.seconds)) <= u64::from(later != 0)
                }
                (Precision::Day, _) => day(copy.seconds - later) == day(source.seconds),
                _ => day(source.seconds + later) == day(copy.seconds),
            })
    }

    /// Adds what was known. Of offsets that were not seen again only those stay that another season explains: each one
    /// makes more of different times equal.
    fn join(&mut self, known: &Shown) {
        self.within = self.within.max(known.within);
        self.slack = self.slack.max(known.slack);
        let seen = self.later.clone();
        for later in &known.later {
            let season = seen.iter().any(|seen| (seen - later).abs() == HOUR);
            if season && !self.later.contains(later) && self.later.len() < MAX_OFFSETS {
                self.later.push(*later);
            }
        }
    }
}

/// What `samples` show; `None` if they show nothing, or nothing in common.
pub(crate) fn learn(samples: &[Sample]) -> Option<Lesson> {
    let exact: Vec<&Sample> =
        samples.iter().filter(|sample| coarser(sample.source, sample.copy) > Precision::Day).collect();
    if exact.is_empty() {
        return learn_from_days(samples);
    }
    let fitting: Vec<(&Sample, i64, u32)> =
        exact.iter().filter_map(|sample| fit(sample).map(|(later, slack)| (*sample, later, slack))).collect();
    let confirmed: Vec<_> = fitting.iter().filter(|(_, later, _)| is_confirmed(*later, &fitting)).collect();
    if confirmed.is_empty() && !fitting.is_empty() && fitting.len() == exact.len() {
        // A zone, or the time of arrival: another copy will show it.
        return None;
    }
    if !confirmed.is_empty() && confirmed.len() * 2 >= exact.len() {
        let mut shown = Shown::default();
        for &&(sample, later, slack) in &confirmed {
            let base = base(coarser(sample.source, sample.copy));
            shown.slack = shown.slack.max(slack);
            shown.within = shown.within.max(u32::try_from(base).unwrap_or_default() + slack);
            if !shown.later.contains(&later) && shown.later.len() < MAX_OFFSETS {
                shown.later.push(later);
            }
        }
        return Some(Lesson::Kept(shown));
    }
    // Those who have not kept a time, whatever they said, show when the copy came.
    let late = |sample: &&&Sample| sample.copy.0.seconds - sample.arrived;
    let arrived = |sample: &&&Sample| {
        let rest = late(sample) - quarters(late(sample));
        // No zone is less than an hour off UTC, but clocks are.
        let zone = quarters(late(sample));
        (zone == 0 || zone.abs() >= HOUR) && rest.abs() <= base(sample.copy.1) + SKEW
    };
    let all = exact.iter().all(|sample| arrived(&sample));
    // The latest one: a time of arrival that is too early makes nothing equal.
    all.then(|| exact.iter().map(|sample| late(&sample)).max().map(Lesson::Arrival))?
}

/// True if it is no accident that a copy's time is told so much later. That of a copy whose time was not kept, whatever
/// the server said, may look like a zone's, but not for two files of different times.
fn is_confirmed(later: i64, fitting: &[(&Sample, i64, u32)]) -> bool {
    let sources = |offset: i64| {
        let those = fitting.iter().filter(move |(_, other, _)| *other == offset);
        those.map(|(sample, ..)| sample.source.0.seconds)
    };
    let apart = |other: i64, least: i64| {
        sources(later).any(|one| sources(other).any(|two| (one - two).abs() > least))
    };
    let rough = fitting.iter().any(|(sample, ..)| coarser(sample.source, sample.copy) < Precision::Second);
    later == 0
        || apart(later, 3 * (MINUTE + 1))
        || (rough && [later - HOUR, later + HOUR].iter().any(|&season| apart(season, DAY)))
}

/// Where nothing but days is told: the zone nearest to the source's in which most of them are the right ones.
fn learn_from_days(samples: &[Sample]) -> Option<Lesson> {
    let within = u32::try_from(DAY).unwrap_or(u32::MAX);
    let zone = |hours: i64| Shown { within, slack: 0, later: vec![hours * HOUR] };
    let fits = |shown: &Shown| {
        let fits =
            samples.iter().filter(|sample| sample.kept && shown.on_the_same_day(sample.source, sample.copy));
        fits.count()
    };
    let zones: Vec<Shown> = (0..=FARTHEST / HOUR).flat_map(|hours| [hours, -hours]).map(zone).collect();
    // Of several that are as good, `max_by_key` takes the last one.
    let best = zones.into_iter().rev().max_by_key(fits)?;
    let least = if best.later == [0] { 1 } else { 2 };
    (fits(&best) >= least && fits(&best) * 2 >= samples.len()).then_some(Lesson::Kept(best))
}

/// By how much later than its source's the copy's time is told, if that can be a matter of zones and rounding.
fn fit(sample: &Sample) -> Option<(i64, u32)> {
    let later = sample.copy.0.seconds - sample.source.0.seconds;
    let zone = quarters(later);
    let rest = (later - zone).abs() - base(coarser(sample.source, sample.copy));
    let slack = u32::try_from(rest.max(0)).ok().filter(|&slack| slack <= MAX_SLACK)?;
    (sample.kept && zone.abs() <= FARTHEST).then_some((zone, slack))
}

fn agree_within((one, precise): Told, (two, other): Told, later: i64, slack: u32) -> bool {
    let tolerance = match precise.min(other) {
        Precision::Day => return false,
        rough => base(rough) + i64::from(slack),
    };
    (two.seconds - one.seconds - later).abs() <= tolerance
}

/// What cutting off explains: the seconds of a minute, or the odd second of FAT.
fn base(rough: Precision) -> i64 {
    match rough {
        Precision::Second => 1,
        Precision::Minute => MINUTE,
        Precision::Day => DAY,
    }
}

fn coarser(one: Told, two: Told) -> Precision {
    one.1.min(two.1)
}

/// The nearest quarter of an hour: all zones are some of them off UTC.
fn quarters(seconds: i64) -> i64 {
    (seconds + QUARTER / 2).div_euclid(QUARTER) * QUARTER
}

/// `2 h later`, `5 h 30 min earlier`.
fn offset(later: i64) -> String {
    let (hours, minutes) = (later.abs() / HOUR, later.abs() % HOUR / 60);
    let amount = match (hours, minutes) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    };
    format!("{amount} {}", if later > 0 { "later" } else { "earlier" })
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// How this machine is called in [`Times`].
pub const THIS_MACHINE: &str = "this machine";

/// The seconds are cut off, not rounded.
const MINUTE: i64 = 59;
pub(crate) const QUARTER: i64 = 15 * 60;
const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// No two zones are farther apart.
pub(crate) const FARTHEST: i64 = 26 * HOUR;

/// FAT rounds to even seconds, some up and some down.
const MAX_SLACK: u32 = 2;

/// How wrong a clock may be by which something arrived or was changed.
pub(crate) const SKEW: i64 = 120;

/// Summer and winter, and one more for each after a move.
const MAX_OFFSETS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const S: Precision = Precision::Second;
    const M: Precision = Precision::Minute;
    const D: Precision = Precision::Day;
    /// 2026-07-01 00:00:00.
    const JULY: i64 = 1_782_864_000;

    #[test]
    fn samples_show_precision_rounding_and_zone() {
        let shown =
            |within, slack, later: &[i64]| Some(Lesson::Kept(Shown { within, slack, later: later.into() }));
        // source, copy, kept; what they show together
        type Row<'a> = (&'a [((i64, Precision), (i64, Precision), bool)], Option<Lesson>);
        let rows: &[Row<'_>] = &[
            (&[((100, S), (100, S), true)], shown(1, 0, &[0])),
            (&[((101, S), (100, S), true), ((103, S), (105, S), true)], shown(2, 1, &[0])),
            (&[((119, S), (60, M), true)], shown(59, 0, &[0])),
            (&[((119, S), (60 + 7200, M), true), ((419, S), (360 + 7200, M), true)], shown(59, 0, &[7200])),
            (
                &[((119, S), (60 - 19_800, M), true), ((419, S), (360 - 19_800, M), true)],
                shown(59, 0, &[-19_800]),
            ),
            // One alone, or two files of one minute, or of two hours: it may be when the copies came.
            (&[((119, S), (60 + 7200, M), true)], None),
            (&[((119, S), (60 + 7200, M), true), ((130, S), (120 + 7200, M), true)], None),
            (&[((119, S), (60 + 7200, M), true), ((119 - 3600, S), (60 + 7200, M), true)], None),
            // It came at JULY, whatever the server said; the first one looks like a zone by accident.
            (
                &[((JULY - 7200, S), (JULY, S), true), ((JULY - 9000 - 300, S), (JULY, S), true)],
                Some(Lesson::Arrival(0)),
            ),
            (
                &[((119, S), (3660, M), true), ((JULY, S), (JULY + 7200, M), true)],
                shown(59, 0, &[3600, 7200]),
            ),
            (&[((119, S), (0, D), true)], shown(86_400, 0, &[0])),
            (&[((119, S), (-DAY, D), true), ((7300, S), (0, D), true)], shown(86_400, 0, &[-HOUR])),
            (&[((119, S), (-DAY, D), true)], None),
            // Somebody has changed the first one meanwhile.
            (&[((119, S), (500, S), true)], None),
            (&[((119, S), (119, S), true), ((119, S), (500, S), true)], shown(1, 0, &[0])),
            // It came at JULY.
            (&[((119, S), (JULY, S), false)], Some(Lesson::Arrival(0))),
            (&[((119, S), (JULY + 7200 - 40, M), false)], Some(Lesson::Arrival(7160))),
            (&[((119, S), (JULY + 3, S), true)], Some(Lesson::Arrival(3))),
            (&[((119, S), (JULY + 600, S), true)], None),
            (
                &[((119, S), (JULY - 59, M), false), ((119, S), (JULY - 5, M), false)],
                Some(Lesson::Arrival(-5)),
            ),
            // Our clock is wrong.
            (&[((119, S), (JULY - 900, S), false)], None),
            (&[], None),
        ];
        for (samples, expected) in rows {
            let samples: Vec<Sample> = samples
                .iter()
                .map(|&(source, copy, kept)| Sample {
                    source: at(source),
                    copy: at(copy),
                    kept,
                    arrived: JULY,
                })
                .collect();
            assert_eq!(learn(&samples), *expected, "{samples:?}");
        }
    }

    #[test]
    fn only_what_was_learned_is_equal() {
        let local = times(Shown { within: 59, slack: 0, later: vec![7200] }, None);
        let rows = [
            ((100, S), (7260, M), true),
            ((100, S), (60, M), false),
            ((100, S), (60 + 3600, M), true),
            ((100, S), (60 + 10_800, M), true),
            ((100, S), (60 + 14_400, M), false),
            ((100, S), (7320 + 60, M), false),
            ((100, S), (7300, S), true),
            ((100, S), (3700, S), false),
            ((100, S), (0, D), false),
        ];
        for (source, copy, expected) in rows {
            assert_eq!(local.agree(at(source), at(copy)), expected, "{source:?} {copy:?}");
        }
        // source, copy, equal?, equal if a server may tell more than that?
        let asked = [
            ((100, S), (100, S), true, true),
            ((100, S), (7300, S), false, false),
            ((DAY - 100, S), (DAY, D), true, false),
            ((DAY - 100, S), (0, D), false, false),
            ((0, D), (0, D), true, false),
            ((100, S), (7260, M), true, true),
        ];
        let told_right = times(local.listed.clone(), Some(Shown { within: 1, slack: 0, later: vec![0] }));
        for known in [&local, &told_right] {
            for (source, copy, best, doubtful) in asked {
                let agree = |best| known.agree_when_asked(at(source), at(copy), best);
                assert_eq!((agree(true), agree(false)), (best, doubtful), "{source:?} {copy:?}");
            }
        }
        let told_too = times(local.listed.clone(), Some(Shown { within: 1, slack: 0, later: vec![7200] }));
        assert!(told_too.agree_when_asked(at((100, S)), at((7300, S)), false));
        assert!(!told_too.agree_when_asked(at((100, S)), at((100, S)), true));
    }

    #[test]
    fn a_source_is_newer_only_if_that_is_sure() {
        let arrival = Times { arrival: Some(7160), ..times(Shown::default(), None) };
        // By our clock it came at JULY, by a clock that is right a little earlier or later, and an hour earlier where
        // the zone was learned in winter.
        let copy = (JULY + 7160, M);
        let exact = (JULY + 7160, S);
        let rows = [
            (copy, (JULY - HOUR - 300, S), Age::NotNewer),
            (copy, (JULY - HOUR - 299, S), Age::Newer),
            (copy, (JULY - 10, S), Age::Newer),
            (copy, (JULY + 600, S), Age::Newer),
            (exact, (JULY - HOUR - 242, S), Age::NotNewer),
            (exact, (JULY - HOUR - 241, S), Age::Newer),
            (copy, (JULY - 10, M), Age::Unclear),
            (copy, (JULY - 27 * HOUR, M), Age::Unclear),
            (copy, (JULY - 28 * HOUR, M), Age::NotNewer),
            (copy, (JULY - 28 * HOUR, D), Age::Unclear),
            (copy, (JULY - 52 * HOUR, D), Age::NotNewer),
            (copy, (JULY + 30 * HOUR, M), Age::Newer),
        ];
        for (copy, source, expected) in rows {
            assert_eq!(arrival.age(at(source), at(copy)), Some(expected), "{source:?} {copy:?}");
        }
        let utc = Times { arrival: Some(0), ..times(Shown::default(), None) };
        for (source, expected) in [(JULY - 242, Age::NotNewer), (JULY - 241, Age::Newer)] {
            assert_eq!(utc.age(at((source, S)), at((JULY, S))), Some(expected), "{source}");
        }
        let copy = at(copy);
        assert_eq!(times(Shown::default(), None).age(copy, copy), None, "its copies keep times");
    }

    #[test]
    fn summer_and_winter_are_both_remembered() {
        let winter = times(Shown { within: 59, slack: 0, later: vec![3600] }, None);
        let summer = times(Shown { within: 60, slack: 1, later: vec![7200] }, None).with(Some(&winter));
        assert_eq!(summer.listed, Shown { within: 60, slack: 1, later: vec![7200, 3600] });
        assert!(
            summer.sentence().contains("within 60 s") && summer.sentence().contains("2 h later or 1 h later")
        );
        assert!(summer.is_remarkable());
        assert!(!times(Shown { within: 1, slack: 0, later: vec![0] }, None).is_remarkable());
        let moved = times(Shown { within: 59, slack: 0, later: vec![-18_000] }, None).with(Some(&summer));
        assert_eq!(moved.listed.later, [-18_000], "what was not seen again is not believed any more");
    }

    #[test]
    fn each_user_is_a_place_of_a_server_and_is_forgotten_with_it() {
        let places = [place(Some(b"anna"), "b:21"), place(Some(b"ben@x"), "b:21"), place(None, "b:21")];
        assert_eq!(places, ["anna@b:21", "ben@x@b:21", "b:21"]);
        for to in places {
            let known = Times { to, ..times(Shown::default(), None) };
            assert!(known.is_about("b:21") && known.is_about("a:21"), "{known:?}");
            assert!(!known.is_about("x@b:21") && !known.is_about("c:21"), "{known:?}");
        }
    }

    #[test]
    fn copies_that_keep_times_are_never_judged_by_their_arrival() {
        let kept = times(Shown { within: 1, slack: 0, later: vec![0] }, None);
        let arrival = Times { arrival: Some(0), ..times(Shown::default(), None) };
        assert_eq!(arrival.clone().with(Some(&kept)), kept);
        assert_eq!(kept.clone().with(Some(&arrival)), kept);
        assert_eq!(arrival.clone().with(None), arrival);
    }

    fn times(listed: Shown, asked: Option<Shown>) -> Times {
        Times { from: "a:21".into(), to: "b:21".into(), listed, asked, arrival: None }
    }

    fn at((seconds, precision): (i64, Precision)) -> Told {
        (FtpTime { seconds, nanoseconds: 0 }, precision)
    }
}
