//! `fxp du`: how much is in directories.

use fxp_engine::roaming::{Content, Roamed};
use fxp_proto::listing::entry::Kind;

use super::roaming::walk_each;
use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::output::Item;
use crate::output::found::Found;
use crate::settings::addresses;

pub(super) async fn run(args: &args::Usage, desk: &Desk) -> Outcome<Exit> {
    let shown = if args.summarize { 0 } else { args.depth.map_or(usize::MAX, usize::from) };
    walk_each(&addresses(&args.places)?, args.files.filter()?, None, desk, |_, found| {
        let told = match found {
            Roamed::Left { depth, path, content } if *depth <= shown => Some((path, *content)),
            // A file that was named is all that there is.
            Roamed::Entry { depth: 0, path, entry, .. } if entry.kind != Kind::Directory => {
                let (files, bytes) = (1, entry.size.unwrap_or_default());
                let unknown = u64::from(entry.size.is_none());
                Some((path, Content { files, bytes, unknown, ..Content::default() }))
            }
            _ => None,
        };
        told.is_none_or(|(path, content)| {
            let usage = Found::Usage { path, content: &content, exact: args.bytes };
            desk.voice.item(Item::Found(usage)).is_ok()
        })
    })
    .await
}
