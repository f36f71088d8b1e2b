//! `fxp cp`: files and trees from server to server.

use fxp_engine::context::Context;
use fxp_engine::run;

use super::background;
use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::output::Deed;
use crate::papers::Papers;
use crate::record::Record;

pub(super) async fn run(args: &args::Copy, desk: &Desk) -> Outcome<Exit> {
    let request = args.request()?;
    if args.transfer.background {
        return background::begin(&request, desk).await;
    }
    let papers = Papers::begin(&args.transfer, &request)?;
    let record = Record::open(desk, args.transfer.dry_run).await?;
    let observer = papers.observer(&desk.voice);
    let context = Context { ledger: record.ledger(), observer, ..desk.context()? };
    desk.listen_for_interrupt();
    let report = run::copy(request, &context, desk.interrupt.stop()).await;
    let exit = desk.end_of_transfer(Deed::Copy, &report);
    record.end(desk, &report).await;
    papers.end(desk, &report, &exit);
    exit
}
