//! `fxp tree`: directories with all that is in them.

use fxp_engine::roaming::Roamed;
use fxp_proto::listing::entry::Kind;

use super::roaming::walk_each;
use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::output::Item;
use crate::output::found::Found;
use crate::settings::addresses;

pub(super) async fn run(args: &args::Tree, desk: &Desk) -> Outcome<Exit> {
    let depth = args.depth.map(usize::from);
    // Of each directory above, whether something follows in it.
    let mut branches: Vec<bool> = Vec::new();
    walk_each(&addresses(&args.places)?, args.files.filter()?, depth, desk, |place, found| match found {
        Roamed::Entry { entry, .. } if args.directories && entry.kind != Kind::Directory => true,
        Roamed::Entry { depth, last, path, entry } => {
            branches.truncate(*depth);
            branches.push(!last);
            let branch = Found::Branch { typed: place, branches: &branches, path, entry };
            desk.voice.item(Item::Found(branch)).is_ok()
        }
        Roamed::Left { depth: 0, content, .. } => {
            desk.voice.item(Item::Found(Found::Leaves { content })).is_ok()
        }
        Roamed::Left { .. } | Roamed::LeftOut(_) | Roamed::Failed(_) => true,
    })
    .await
}
