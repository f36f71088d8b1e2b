//! Jobs, as lines for people.

use std::fmt::Write as _;

use fxp_engine::journal::{Job, State};

use crate::output::measure;
use crate::output::printer::{LABEL, styled};

/// What a job is and how it stands; why it ended as it did is on a line of its own.
pub(super) fn lines(job: &Job) -> Vec<String> {
    let state = job.state.word();
    let mut lines = vec![format!(
        "{:>5}  {state:<11}  {}  {}  {}",
        job.id,
        moment(job.began),
        progress(job),
        styled(LABEL, job.typed.line())
    )];
    if let State::Running { pid } = job.state {
        lines.push(format!("{:>5}  process {pid}", ""));
    }
    lines.extend(job.reason.iter().map(|reason| format!("{:>5}  {reason}", "")));
    lines
}

/// `120 of 400 files, 1.2 GiB, 3 failed`; while the tree is still walked `120 of 400+ files`.
fn progress(job: &Job) -> String {
    let totals = job.totals;
    let (done, all) =
        (job.done.saturating_add(totals.unchanged), totals.files.saturating_add(totals.unchanged));
    let more = if totals.complete || job.state == State::Done { "" } else { "+" };
    let mut text = format!("{done} of {all}{more} {}", if all == 1 { "file" } else { "files" });
    if job.done_bytes > 0 {
        let _ = write!(text, ", {}", measure::size(job.done_bytes));
    }
    if job.failed > 0 {
        let _ = write!(text, ", {} failed", job.failed);
    }
    text
}

fn moment(seconds: i64) -> String {
    let stamp = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    stamp.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fxp_engine::journal::{JobId, Totals, Typed};

    #[test]
    fn a_line_says_how_far_it_is() {
        let totals = Totals { files: 400, bytes: 4096, unchanged: 20, complete: true };
        let some = Job { totals, done: 100, done_bytes: 1536, ..job() };
        let rows = [
            (job(), "0 of 0+ files"),
            (some.clone(), "120 of 420 files, 1.5 KiB"),
            (Job { failed: 3, ..some.clone() }, "120 of 420 files, 1.5 KiB, 3 failed"),
            (Job { totals: Totals { complete: false, ..totals }, ..some }, "120 of 420+ files, 1.5 KiB"),
            (
                Job { totals: Totals { files: 1, complete: true, ..Totals::default() }, ..job() },
                "0 of 1 file",
            ),
        ];
        for (job, expected) in rows {
            assert_eq!(progress(&job), expected);
        }
        let lines = lines(&Job { state: State::Running { pid: 77 }, reason: Some("550 no".into()), ..job() });
        assert!(lines[0].starts_with("    7  running  ") && lines[0].contains("cp a: b:"), "{lines:?}");
        assert_eq!((lines[1].trim(), lines[2].trim()), ("process 77", "550 no"));
    }

    fn job() -> Job {
        let arguments = ["cp", "a:", "b:"].map(|word| word.as_bytes().to_vec()).to_vec();
        Job {
            id: JobId(7),
            typed: Typed { arguments, directory: "/".into() },
            began: 0,
            ended: None,
            state: State::Interrupted,
            has_begun: true,
            reason: None,
            totals: Totals::default(),
            done: 0,
            done_bytes: 0,
            failed: 0,
        }
    }
}
