//! `fxp sync`: makes the destination equal to the source.

use fxp_engine::context::Context;
use fxp_engine::report::{Report, Trouble, TroubleKind};
use fxp_engine::run;

use super::background;
use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::output::Deed;
use crate::papers::Papers;
use crate::record::Record;
use crate::settings::sync_request;

pub(super) async fn run(args: &args::Sync, desk: &Desk) -> Outcome<Exit> {
    let request = sync_request(args)?;
    if args.transfer.background {
        return background::begin(&request, desk).await;
    }
    let papers = Papers::begin(&args.transfer, &request)?;
    let record = Record::open(desk, args.transfer.dry_run).await?;
    let observer = papers.observer(&desk.voice);
    let context = Context { ledger: record.ledger(), observer, ..desk.context()? };
    desk.listen_for_interrupt();
    let report = run::copy(request, &context, desk.interrupt.stop()).await;
    let exit = desk.end_of_transfer(Deed::Sync, &report);
    record.end(desk, &report).await;
    // That nothing was deleted is what a script has to know, whatever else was done.
    let exit =
        exit.map(|exit| if exit == Exit::SomeFailed && is_limited(&report) { Exit::Limit } else { exit });
    papers.end(desk, &report, &exit);
    exit
}

fn is_limited(report: &Result<Report, Trouble>) -> bool {
    report.as_ref().is_ok_and(|report| report.kinds.contains(&TroubleKind::Limit))
}
