//! What a note of an earlier run means for a file that is about to be sent.

use fxp_proto::listing::entry::Precision;
use fxp_proto::listing::time::FtpTime;

use crate::plan::diff::same_time;

use super::{Finished, Recalled, Stands, Subject};

/// What is noted of the file under a final name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) source: String,
    /// What the source was then.
    pub(super) is: Stands,
    /// How it was done; `None` if it was only begun, or failed.
    pub(super) finished: Option<Finished>,
    /// The bytes went under the final name at once.
    pub(super) in_place: bool,
    /// What had the final name before.
    pub(super) stood: Option<Stands>,
}

/// What becomes of `subject`, under whose final name `stands` is now. `resumed`: this run continues a job that
/// was not finished, whose last notes may be missing.
pub(super) fn judge(
    note: Option<&Note>,
    subject: &Subject,
    stands: Option<Stands>,
    resumed: bool,
) -> Recalled {
    let Some(stands) = stands else { return Recalled::Nothing };
    let whole = stands.size.is_some() && stands.size == subject.is.size;
    let maybe = match resumed && whole {
        true => Recalled::Perhaps { named: false },
        false => Recalled::Nothing,
    };
    let Some(note) = note.filter(|note| note.source == subject.source) else { return maybe };
    match &note.finished {
        Some(finished) if whole && finished.size == stands.size.unwrap_or_default() => {
            if finished.time_kept && has_another_time(stands, note.is) {
                maybe
            } else if is_same(note.is, subject.is) {
                // What another job did may be long ago, and this one's plan has found a difference since.
                match finished.by_this_job {
                    true => Recalled::Done(finished.clone()),
                    false => Recalled::Perhaps { named: false },
                }
            } else if note.is.size == subject.is.size && !has_time(subject.is) {
                Recalled::Perhaps { named: false }
            } else {
                maybe
            }
        }
        None if whole && is_same(note.is, subject.is) => Recalled::Perhaps {
            named: !note.in_place && note.stood.map(to_the_second) != Some(to_the_second(stands)),
        },
        _ => maybe,
    }
}

/// The source is what it was, as far as a listing can tell. A time to the day proves nothing.
fn is_same(then: Stands, now: Stands) -> bool {
    to_the_second(then) == to_the_second(now) && now.size.is_some() && has_time(now)
}

/// The copy does not show the time any more that it was given: somebody has changed it.
fn has_another_time(copy: Stands, source: Stands) -> bool {
    match (copy.modified, source.modified) {
        (Some(copy), Some(source)) if copy.1 > Precision::Day => !same_time(copy, source),
        _ => false,
    }
}

/// Notes hold no fractions.
fn to_the_second(file: Stands) -> Stands {
    let modified = file.modified.map(|(time, exact)| (FtpTime { nanoseconds: 0, ..time }, exact));
    Stands { modified, ..file }
}

fn has_time(file: Stands) -> bool {
    file.modified.is_some_and(|(_, exact)| exact > Precision::Day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Assurance, Verification};

    #[test]
    fn a_file_is_sent_again_unless_both_ends_are_what_they_were() {
        const NOTHING: Recalled = Recalled::Nothing;
        const PERHAPS: Recalled = Recalled::Perhaps { named: false };
        const NAMED: Recalled = Recalled::Perhaps { named: true };
        let done = || Recalled::Done(finished(5));
        let begun = |stood| Some(Note { finished: None, stood, ..note(file(5, 100)) });
        let in_place = Some(Note { finished: None, in_place: true, ..note(file(5, 100)) });
        let other = Some(Note { source: "ann@c:21/f".into(), ..note(file(5, 100)) });
        let kept = |size| {
            let finished = Some(Finished { time_kept: true, ..finished(size) });
            Some(Note { finished, ..note(file(size, 100)) })
        };
        let others = |time_kept| {
            let finished = Some(Finished { by_this_job: false, time_kept, ..finished(5) });
            Some(Note { finished, ..note(file(5, 100)) })
        };
        let timeless = Stands { size: Some(5), modified: None };
        let day = Stands { size: Some(5), modified: Some((at(0), Precision::Day)) };
        // what, note, source now, destination now, in a new run, in a resumed one
        type Row = (&'static str, Option<Note>, Stands, Option<Stands>, Recalled, Recalled);
        let rows: Vec<Row> = vec![
            ("done", Some(note(file(5, 100))), file(5, 100), Some(file(5, 999)), done(), done()),
            ("changed there", kept(5), file(5, 100), Some(file(5, 999)), NOTHING, PERHAPS),
            ("another job's", others(true), file(5, 100), Some(file(5, 100)), PERHAPS, PERHAPS),
            ("another job's, later", others(true), file(5, 100), Some(file(5, 999)), NOTHING, PERHAPS),
            ("another job's, upload", others(false), file(5, 100), Some(file(5, 999)), PERHAPS, PERHAPS),
            ("gone", Some(note(file(5, 100))), file(5, 100), None, NOTHING, NOTHING),
            ("cut", Some(note(file(5, 100))), file(5, 100), Some(file(4, 999)), NOTHING, NOTHING),
            ("touched", Some(note(file(5, 100))), file(5, 101), Some(file(5, 999)), NOTHING, PERHAPS),
            ("grown", Some(note(file(5, 100))), file(6, 100), Some(file(5, 999)), NOTHING, NOTHING),
            ("grown both", Some(note(file(5, 100))), file(6, 100), Some(file(6, 999)), NOTHING, PERHAPS),
            ("no time", Some(note(timeless)), timeless, Some(file(5, 999)), PERHAPS, PERHAPS),
            ("day", Some(note(day)), day, Some(file(5, 999)), PERHAPS, PERHAPS),
            ("other source", other, file(5, 100), Some(file(5, 999)), NOTHING, PERHAPS),
            ("unknown", None, file(5, 100), Some(file(5, 999)), NOTHING, PERHAPS),
            ("unknown, smaller", None, file(5, 100), Some(file(4, 999)), NOTHING, NOTHING),
            ("begun, new name", begun(None), file(5, 100), Some(file(5, 999)), NAMED, NAMED),
            ("begun, replaced", begun(Some(file(4, 7))), file(5, 100), Some(file(5, 999)), NAMED, NAMED),
            ("begun, as before", begun(Some(file(5, 7))), file(5, 100), Some(file(5, 7)), PERHAPS, PERHAPS),
            ("begun, touched", begun(None), file(5, 101), Some(file(5, 999)), NOTHING, PERHAPS),
            ("begun in place", in_place, file(5, 100), Some(file(5, 999)), PERHAPS, PERHAPS),
        ];
        for (what, note, now, stands, fresh, resumed) in rows {
            let subject = Subject { is: now, ..subject() };
            assert_eq!(judge(note.as_ref(), &subject, stands, false), fresh, "{what}");
            assert_eq!(judge(note.as_ref(), &subject, stands, true), resumed, "{what}, resumed");
        }
    }

    fn subject() -> Subject {
        Subject { source: "ann@a:21/f".into(), destination: "ann@b:21/f".into(), is: Stands::default() }
    }

    fn note(is: Stands) -> Note {
        Note {
            source: subject().source,
            is,
            finished: Some(finished(is.size.unwrap_or_default())),
            in_place: false,
            stood: None,
        }
    }

    fn finished(size: u64) -> Finished {
        Finished {
            size,
            verified: Verification::Size,
            assurance: Assurance::Clear,
            time_kept: false,
            by_this_job: true,
            at: 0,
        }
    }

    fn file(size: u64, seconds: i64) -> Stands {
        Stands { size: Some(size), modified: Some((at(seconds), Precision::Second)) }
    }

    fn at(seconds: i64) -> FtpTime {
        FtpTime { seconds, nanoseconds: 0 }
    }
}
