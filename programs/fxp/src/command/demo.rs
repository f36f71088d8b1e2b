//! `fxp demo`
use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
pub(super) async fn run(_args: &args::Demo, _desk: &Desk) -> Outcome<Exit> {
    Ok(Exit::Done)
}
