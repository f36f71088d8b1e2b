//! What `cp`, `mv` and `sync` have in common: here or in the background, with a job, papers and an end.

use fxp_engine::context::Context;
use fxp_engine::report::{Report, Trouble, TroubleKind};
use fxp_engine::run::{CopyRequest, Stop};

use super::background;
use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::output::Deed;
use crate::papers::Papers;
use crate::record::Record;

/// Has `work` do what was asked for, and tells what came of it.
pub(super) async fn carry_out(
    request: CopyRequest,
    flags: &args::Transfer,
    deed: Deed,
    desk: &Desk,
    work: impl AsyncFnOnce(CopyRequest, &Context, Stop) -> Result<Report, Trouble>,
) -> Outcome<Exit> {
    if flags.background {
        return background::begin(&request, desk).await;
    }
    let papers = Papers::begin(flags, &request)?;
    let record = Record::open(desk, flags.dry_run).await?;
    let observer = papers.observer(&desk.voice);
    let context = Context { ledger: record.ledger(), observer, ..desk.context()? };
    desk.listen_for_interrupt();
    let report = work(request, &context, desk.interrupt.stop()).await;
    let exit = desk.end_of_transfer(deed, &report);
    record.end(desk, &report).await;
    // That nothing was deleted is what a script has to know, whatever else was done.
    let undone = deed == Deed::Sync && is_limited(&report);
    let exit = exit.map(|exit| if undone && exit == Exit::SomeFailed { Exit::Limit } else { exit });
    papers.end(desk, &report, &exit);
    exit
}

fn is_limited(report: &Result<Report, Trouble>) -> bool {
    report.as_ref().is_ok_and(|report| report.kinds.contains(&TroubleKind::Limit))
}
