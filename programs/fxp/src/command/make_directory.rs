//! `fxp mkdir`: makes directories.

use fxp_engine::place;

use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::settings::addresses;

pub(super) async fn run(args: &args::MakeDirectory, desk: &Desk) -> Outcome<Exit> {
    let places = addresses(&args.places)?;
    let context = desk.context()?;
    desk.listen_for_interrupt();
    desk.for_each(&places, async |address| {
        desk.unless_interrupted(async { Ok(place::make_directory(address, args.parents, &context).await?) })
            .await
    })
    .await
}
