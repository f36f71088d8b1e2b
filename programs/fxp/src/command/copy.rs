//! `fxp cp`: files and trees from server to server.

use fxp_engine::run;

use super::transfer::carry_out;
use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::output::Deed;

pub(super) async fn run(args: &args::Copy, desk: &Desk) -> Outcome<Exit> {
    carry_out(args.request()?, &args.transfer, Deed::Copy, desk, run::copy).await
}
