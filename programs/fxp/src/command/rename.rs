//! `fxp mv`: renames on one server; between servers copies, verifies, then deletes.

use fxp_engine::place;

use super::transfer::carry_out;
use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::output::Deed;
use crate::settings::copy_request;

pub(super) async fn run(args: &args::Move, desk: &Desk) -> Outcome<Exit> {
    let request = copy_request(&args.sources, &args.destination, &args.transfer)?;
    carry_out(request, &args.transfer, Deed::Move, desk, place::move_to).await
}
