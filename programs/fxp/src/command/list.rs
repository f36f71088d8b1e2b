//! `fxp ls`: what is in a directory.

use std::io;

use fxp_engine::place::{self, Listing};
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
    // Somebody downstream may have seen enough: `fxp ls | head`.
    let mut is_read = true;
    desk.for_each(&places, async |address| {
        if is_read {
            let listing =
                desk.unless_interrupted(async { Ok(place::list(address, &context).await?) }).await?;
            let heading = (several && listing.directory).then(|| address.to_string());
            is_read = print(&listing, heading.as_deref(), args, desk).is_ok();
        }
        Ok(())
    })
    .await
}

fn print(listing: &Listing, heading: Option<&str>, args: &args::List, desk: &Desk) -> io::Result<()> {
    if let Some(heading) = heading {
        desk.voice.item(Item::Heading(heading))?;
    }
    // Apart from the names: whoever reads those goes on to use them.
    for what in &listing.left_out {
        desk.voice.warning(&format!("{what} in {} is not listed: {}", listing.path, what.reason()));
    }
    let is_wanted = |entry: &&Entry| args.all || !listing.directory || !is_hidden(entry);
    listing
        .entries
        .iter()
        .filter(is_wanted)
        .try_for_each(|entry| desk.voice.item(Item::Entry { place: &listing.path, entry, long: args.long }))
}

fn is_hidden(entry: &Entry) -> bool {
    entry.name.as_bytes().starts_with(b".")
}
