//! `fxp tree`: directories with all that is in them.

use std::sync::Arc;

use fxp_engine::roaming::{RoamRequest, Roamed, roam};
use fxp_proto::listing::entry::Kind;

use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::Item;
use crate::output::found::Found;
use crate::settings::addresses;

pub(super) async fn run(args: &args::Tree, desk: &Desk) -> Outcome<Exit> {
    let places = addresses(&args.places)?;
    let filter = Arc::new(args.files.filter()?);
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let mut is_read = true;
    let mut failed = false;
    let done = desk
        .for_each(&places, async |place| {
            let depth = args.depth.map(usize::from);
            let request = RoamRequest { place: place.clone(), filter: filter.clone(), depth };
            // Of each directory above, whether something follows in it.
            let mut branches: Vec<bool> = Vec::new();
            let tell = |found: Roamed| {
                match found {
                    Roamed::Entry { depth, last, path, entry } => {
                        if args.directories && entry.kind != Kind::Directory {
                            return is_read;
                        }
                        branches.truncate(depth);
                        branches.push(!last);
                        let branch =
                            Found::Branch { typed: place, branches: &branches, path: &path, entry: &entry };
                        is_read &= desk.voice.item(Item::Found(branch)).is_ok();
                    }
                    Roamed::Left { depth: 0, content, .. } => {
                        is_read &= desk.voice.item(Item::Found(Found::Leaves { content: &content })).is_ok();
                    }
                    Roamed::Left { .. } => {}
                    Roamed::Failed(trouble) => {
                        failed = true;
                        desk.voice.failure(&Failure::from(*trouble));
                    }
                }
                is_read
            };
            let walk = roam(&request, &context, desk.interrupt.stop(), tell);
            desk.unless_interrupted(async { Ok(walk.await?) }).await
        })
        .await?;
    Ok(if failed && done == Exit::Done { Exit::SomeFailed } else { done })
}
