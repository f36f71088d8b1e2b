//! `fxp du`: how much is in directories.

use std::sync::Arc;

use fxp_engine::roaming::{Content, RoamRequest, Roamed, roam};
use fxp_proto::listing::entry::Kind;

use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::Item;
use crate::output::found::Found;
use crate::settings::addresses;

pub(super) async fn run(args: &args::Usage, desk: &Desk) -> Outcome<Exit> {
    let places = addresses(&args.places)?;
    let filter = Arc::new(args.files.filter()?);
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let shown = if args.summarize { 0 } else { args.depth.map_or(usize::MAX, usize::from) };
    let mut is_read = true;
    let mut failed = false;
    let done = desk
        .for_each(&places, async |place| {
            let request = RoamRequest { place: place.clone(), filter: filter.clone(), depth: None };
            let tell = |found: Roamed| {
                let told = match &found {
                    Roamed::Left { depth, path, content } if *depth <= shown => Some((path, *content)),
                    // A file that was named is all that there is.
                    Roamed::Entry { depth: 0, path, entry, .. } if entry.kind != Kind::Directory => {
                        let (files, bytes) = (1, entry.size.unwrap_or_default());
                        let unknown = u64::from(entry.size.is_none());
                        Some((path, Content { files, bytes, unknown, ..Content::default() }))
                    }
                    _ => None,
                };
                if let Some((path, content)) = told {
                    let usage = Found::Usage { path, content: &content, exact: args.bytes };
                    is_read &= desk.voice.item(Item::Found(usage)).is_ok();
                }
                if let Roamed::Failed(trouble) = found {
                    failed = true;
                    desk.voice.failure(&Failure::from(*trouble));
                }
                is_read
            };
            let walk = roam(&request, &context, desk.interrupt.stop(), tell);
            desk.unless_interrupted(async { Ok(walk.await?) }).await
        })
        .await?;
    Ok(if failed && done == Exit::Done { Exit::SomeFailed } else { done })
}
