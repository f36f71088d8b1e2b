//! `fxp cat`: files to stdout, byte by byte as they are.

use std::io;

use fxp_engine::place;

use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::settings::addresses;

pub(super) async fn run(args: &args::Cat, desk: &Desk) -> Outcome<Exit> {
    if desk.settings.json {
        return Err(Failure::usage(
            "`fxp cat` writes the file itself to stdout, there is no room for --json",
        ));
    }
    let places = addresses(&args.places)?;
    let context = desk.context()?;
    desk.listen_for_interrupt();
    for address in &places {
        place::cat(address, &context, Box::new(io::stdout()), desk.interrupt.stop()).await?;
    }
    Ok(Exit::Done)
}
