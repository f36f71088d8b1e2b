//! `fxp resume`: what was interrupted goes on.

use std::ffi::OsString;

use clap::Parser;
use fxp_engine::journal::{JobId, Typed};

use super::{background, dispatch, jobs};
use crate::args::{self, Args};
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;
use crate::record::{self, Errand, journal};
use crate::settings::Settings;

pub(super) async fn run(args: &args::Resume, desk: &Desk) -> Outcome<Exit> {
    if args.detached {
        background::detach(&desk.answers);
    }
    match (args.job, args.forget) {
        (Some(id), _) if args.background => background::resume(JobId(id), desk).await,
        (Some(id), _) => go_on(JobId(id), desk).await,
        (None, Some(id)) => {
            let id = JobId(id);
            journal().await?.forget(id).await.map_err(record::failure)?;
            desk.voice.confirmation(&format!("Forgot job {id}; what it has copied stays where it is."));
            Ok(Exit::Done)
        }
        (None, None) => list(desk).await,
    }
}

async fn list(desk: &Desk) -> Outcome<Exit> {
    let jobs = journal().await?.jobs().await.map_err(record::failure)?;
    let mut unfinished = jobs.iter().filter(|job| job.state.can_be_resumed()).peekable();
    match unfinished.peek() {
        Some(_) => {
            jobs::show(unfinished, desk);
            desk.voice.remark("`fxp resume JOB` continues one of them.");
        }
        None => desk.voice.remark("Nothing is left to be continued."),
    }
    Ok(Exit::Done)
}

/// Does what was typed then, where it was typed, with the flags of now over those of then.
async fn go_on(id: JobId, desk: &Desk) -> Outcome<Exit> {
    let typed = journal().await?.job(id).await.map_err(record::failure)?.typed;
    let args = read(&typed)?;
    std::env::set_current_dir(&typed.directory).map_err(|error| {
        let directory = typed.directory.display();
        Failure::new(
            Exit::SourceNotFound,
            format!("job {id} was begun in {directory}, which cannot be entered"),
        )
        .because(&error)
    })?;
    let settings = Settings::new(&args.global).beneath(&desk.settings);
    let desk = Desk {
        voice: output::voice(&settings, false),
        settings,
        interrupt: desk.interrupt.clone(),
        errand: Errand { typed, job: Some(id) },
        answers: desk.answers.clone(),
    };
    Box::pin(dispatch(args.command, &desk)).await
}

/// What was typed, understood as it is understood today.
pub(super) fn read(typed: &Typed) -> Outcome<Args> {
    let words = typed.arguments.iter().map(|argument| os_string(argument.clone()));
    Args::try_parse_from(std::iter::once(OsString::from("fxp")).chain(words)).map_err(|error| {
        Failure::usage(format!("`fxp {}` is not understood any more", typed.line())).because(&error)
    })
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> OsString {
    String::from_utf8_lossy(&bytes).into_owned().into()
}
