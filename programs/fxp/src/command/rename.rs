//! `fxp mv`: renames on one server; between servers copies, verifies, then deletes.

use fxp_engine::place;

use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::output::Deed;
use crate::settings::copy_request;

pub(super) async fn run(args: &args::Move, desk: &Desk) -> Outcome<Exit> {
    let request = copy_request(&args.sources, &args.destination, &args.transfer)?;
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let report = place::move_to(request, &context, desk.interrupt.stop()).await;
    desk.end_of_transfer(Deed::Move, report)
}
