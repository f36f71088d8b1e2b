//! `fxp jobs`: what is copied now, and what was copied lately.

use std::time::Duration;

use fxp_engine::journal::{Job, JobId, Journal, State};

use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::Item;
use crate::record::{failure, journal};

pub(super) async fn run(args: &args::Jobs, desk: &Desk) -> Outcome<Exit> {
    let journal = journal().await?;
    match args.stop {
        Some(id) => stop(JobId(id), &journal, desk).await,
        None => {
            let jobs = journal.jobs().await.map_err(failure)?;
            let shown = if args.all { jobs.len() } else { SHOWN };
            let (shown, older) = jobs.split_at(shown.min(jobs.len()));
            show(shown.iter(), desk);
            if jobs.is_empty() {
                desk.voice.remark("Nothing was copied lately.");
            } else if !older.is_empty() {
                desk.voice.remark(&format!("{} older ones: `fxp jobs --all`", older.len()));
            }
            Ok(Exit::Done)
        }
    }
}

/// One line each.
pub(super) fn show<'a>(jobs: impl IntoIterator<Item = &'a Job>, desk: &Desk) {
    for job in jobs {
        // A reader who has seen enough is no trouble.
        if desk.voice.item(Item::Job(job)).is_err() {
            return;
        }
    }
}

/// Asks the process to stop as Ctrl-C does, and waits until it has.
async fn stop(id: JobId, journal: &Journal, desk: &Desk) -> Outcome<Exit> {
    let State::Running { pid } = journal.job(id).await.map_err(failure)?.state else {
        return Err(Failure::usage(format!("job {id} is not running")));
    };
    interrupt(pid).map_err(|error| {
        Failure::new(Exit::DestinationDenied, format!("process {pid} cannot be stopped")).because(&error)
    })?;
    desk.listen_for_interrupt();
    desk.unless_interrupted(async {
        while matches!(journal.job(id).await.map_err(failure)?.state, State::Running { .. }) {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    })
    .await?;
    match journal.job(id).await.map_err(failure)?.state {
        State::Done => desk.voice.confirmation(&format!("Job {id} was done before it could be stopped.")),
        _ => desk.voice.confirmation(&format!("Job {id} is stopped; `fxp resume {id}` continues it.")),
    }
    Ok(Exit::Done)
}

/// The signal of Ctrl-C.
#[cfg(unix)]
fn interrupt(pid: u32) -> std::io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let pid = pid.ok_or(std::io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::kill_process(pid, rustix::process::Signal::INT)?)
}

#[cfg(not(unix))]
fn interrupt(_pid: u32) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// How many jobs are shown unless all are asked for: a screen.
const SHOWN: usize = 20;

/// How often a job that ends is looked at.
const PAUSE: Duration = Duration::from_millis(50);
