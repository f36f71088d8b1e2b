//! `fxp cp`: files and trees from server to server.

use fxp_engine::run;

use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::output::Deed;
use crate::settings::copy_request;

pub(super) async fn run(args: &args::Copy, desk: &Desk) -> Outcome<Exit> {
    let request = copy_request(&args.sources, &args.destination, &args.transfer)?;
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let report = run::copy(request, &context, desk.interrupt.stop()).await;
    desk.end_of_transfer(Deed::Copy, report)
}
