//! `fxp sync`: makes the destination equal to the source.

use fxp_engine::run;

use super::transfer::carry_out;
use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::output::Deed;
use crate::settings::sync_request;

pub(super) async fn run(args: &args::Sync, desk: &Desk) -> Outcome<Exit> {
    carry_out(sync_request(args)?, &args.transfer, Deed::Sync, desk, run::copy).await
}
