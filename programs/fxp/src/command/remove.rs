//! `fxp rm`: deletes files, and with `-r` trees.

use fxp_engine::place::{self, Removed};

use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::measure::count;
use crate::settings::addresses;

pub(super) async fn run(args: &args::Remove, desk: &Desk) -> Outcome<Exit> {
    let places = addresses(&args.places)?;
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let (mut files, mut directories) = (0, 0);
    let done = desk
        .for_each(&places, async |address| {
            let removed = place::remove(address, args.recursive, &context, desk.interrupt.stop()).await?;
            files += removed.files;
            directories += removed.directories;
            tell_failures(removed, desk)
        })
        .await;
    if files + directories > 0 {
        desk.voice.confirmation(&format!("Deleted {}.", amount(files, directories)));
    }
    done
}

/// Tells all but the last one, which is how it ends.
fn tell_failures(removed: Removed, desk: &Desk) -> Outcome {
    let mut last = None;
    let untold = removed.failed - removed.failures.len() as u64;
    for (path, trouble) in removed.failures {
        let mut failure = Failure::from(trouble);
        if !failure.what.contains(&path) {
            failure.what = format!("{path}: {}", failure.what);
        }
        if let Some(earlier) = last.replace(failure) {
            desk.voice.failure(&earlier);
        }
    }
    last.map_or(Ok(()), |mut failure| {
        failure.exit = Exit::SomeFailed;
        if untold > 0 {
            desk.voice.warning(&format!("{untold} more could not be removed"));
        }
        Err(failure)
    })
}

/// `2 files and 1 directory`
fn amount(files: u64, directories: u64) -> String {
    let files = (files > 0).then(|| count(files, "file", "files"));
    let directories = (directories > 0).then(|| count(directories, "directory", "directories"));
    files.into_iter().chain(directories).collect::<Vec<_>>().join(" and ")
}
