//! `fxp mv`: renames on one server; between servers copies, verifies, then deletes.

use fxp_engine::context::Context;
use fxp_engine::place;

use super::background;
use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::output::Deed;
use crate::papers::Papers;
use crate::record::Record;
use crate::settings::copy_request;

pub(super) async fn run(args: &args::Move, desk: &Desk) -> Outcome<Exit> {
    let request = copy_request(&args.sources, &args.destination, &args.transfer)?;
    if args.transfer.background {
        return background::begin(&request, desk).await;
    }
    let papers = Papers::begin(&args.transfer, &request)?;
    let record = Record::open(desk, args.transfer.dry_run).await?;
    let observer = papers.observer(&desk.voice);
    let context = Context { ledger: record.ledger(), observer, ..desk.context()? };
    desk.listen_for_interrupt();
    let report = place::move_to(request, &context, desk.interrupt.stop()).await;
    let exit = desk.end_of_transfer(Deed::Move, &report);
    record.end(desk, &report).await;
    papers.end(desk, &report, &exit);
    exit
}
