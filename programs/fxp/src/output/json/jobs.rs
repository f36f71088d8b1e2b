//! Jobs, as records of the stream.

use fxp_engine::journal::{Job, State};
use serde::Serialize;

/// A line of `jobs` and `resume`.
#[derive(Serialize)]
pub(super) struct JobFields {
    id: i64,
    state: &'static str,
    pid: Option<u32>,
    began: Option<String>,
    ended: Option<String>,
    files: u64,
    bytes: u64,
    unchanged: u64,
    planned_all: bool,
    done: u64,
    done_bytes: u64,
    failed: u64,
    why: Option<String>,
    command: String,
    directory: String,
}

impl JobFields {
    pub(super) fn of(job: &Job) -> Self {
        let moment = |seconds| jiff::Timestamp::from_second(seconds).ok().map(|moment| moment.to_string());
        JobFields {
            id: job.id.0,
            state: job.state.word(),
            pid: match job.state {
                State::Running { pid } => Some(pid),
                State::Done | State::Failed | State::Interrupted => None,
            },
            began: moment(job.began),
            ended: job.ended.and_then(moment),
            files: job.totals.files,
            bytes: job.totals.bytes,
            unchanged: job.totals.unchanged,
            planned_all: job.totals.complete,
            done: job.done,
            done_bytes: job.done_bytes,
            failed: job.failed,
            why: job.reason.clone(),
            command: job.typed.line(),
            directory: job.typed.directory.display().to_string(),
        }
    }
}
