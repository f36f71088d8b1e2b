//! `fxp rm`: deletes files, and with `-r` trees.

use fxp_engine::place;

use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::measure::count;
use crate::settings::addresses;

pub(super) async fn run(args: &args::Remove, desk: &Desk) -> Outcome<Exit> {
    let places = addresses(&args.places)?;
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let (mut files, mut directories, mut failed) = (0, 0, 0);
    for address in &places {
        let removed = place::remove(address, args.recursive, &context, desk.interrupt.stop()).await?;
        files += removed.files;
        directories += removed.directories;
        failed += removed.failures.len();
        for (path, trouble) in removed.failures {
            let mut failure = Failure::from(trouble);
            failure.what = format!("{path}: {}", failure.what);
            desk.voice.failure(&failure);
        }
    }
    desk.voice.confirmation(&format!(
        "Deleted {} and {}.",
        count(files, "file", "files"),
        count(directories, "directory", "directories")
    ));
    Ok(if failed == 0 { Exit::Done } else { Exit::SomeFailed })
}
