//! `fxp ls`: what is in a directory.

use fxp_engine::place;
use fxp_proto::listing::entry::Entry;

use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::output::Item;
use crate::settings::addresses;

pub(super) async fn run(args: &args::List, desk: &Desk) -> Outcome<Exit> {
    let places = addresses(&args.places)?;
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let several = places.len() > 1;
    let mut exit = Exit::Done;
    for (number, address) in places.iter().enumerate() {
        let listing = desk.unless_interrupted(async { Ok(place::list(address, &context).await?) }).await;
        let listing = match listing {
            Ok(listing) => listing,
            // The other places are still worth showing.
            Err(failure) if several && !desk.interrupt.came() => {
                exit = if number == 0 || exit == failure.exit { failure.exit } else { Exit::SomeFailed };
                desk.voice.failure(&failure);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let place = address.to_string();
        if several && listing.directory && desk.voice.item(Item::Heading(&place)).is_err() {
            return Ok(exit);
        }
        for entry in
            listing.entries.iter().filter(|entry| args.all || !listing.directory || !is_hidden(entry))
        {
            // Somebody downstream has seen enough: `fxp ls | head`.
            if desk.voice.item(Item::Entry { place: &listing.path, entry, long: args.long }).is_err() {
                return Ok(exit);
            }
        }
    }
    Ok(exit)
}

fn is_hidden(entry: &Entry) -> bool {
    entry.name.as_bytes().starts_with(b".")
}
