//! What `tree` and `du` have in common: a walk through each place, with directories that cannot be listed told as failures.

use std::sync::Arc;

use fxp_engine::plan::filter::Filter;
use fxp_engine::report::Skipped;
use fxp_engine::roaming::{RoamRequest, Roamed, roam};
use fxp_engine::url::Address;

use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};

/// Walks through all places, down to `depth`, and has `show` show what is there, until it says that nobody reads
/// any more.
pub(super) async fn walk_each(
    places: &[Address],
    filter: Filter,
    depth: Option<usize>,
    desk: &Desk,
    mut show: impl FnMut(&Address, &Roamed) -> bool,
) -> Outcome<Exit> {
    let filter = Arc::new(filter);
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let mut is_read = true;
    let mut failed = false;
    let done = desk
        .for_each(places, async |place| {
            let request = RoamRequest { place: place.clone(), filter: filter.clone(), depth };
            let tell = |found: Roamed| {
                is_read &= show(place, &found);
                match found {
                    Roamed::Failed(trouble) => {
                        failed = true;
                        desk.voice.failure(&Failure::from(*trouble));
                    }
                    Roamed::LeftOut(left_out) => warn_of(&left_out, desk),
                    Roamed::Entry { .. } | Roamed::Left { .. } => {}
                }
                is_read
            };
            let walk = roam(&request, &context, desk.interrupt.stop(), tell);
            desk.unless_interrupted(async { Ok(walk.await?) }).await
        })
        .await?;
    Ok(if failed && done == Exit::Done { Exit::SomeFailed } else { done })
}

/// What has no name is told apart from the names: whoever reads those goes on to use them.
pub(super) fn warn_of(left_out: &Skipped, desk: &Desk) {
    desk.voice.warning(&format!("{} is not listed: {}", left_out.source, left_out.reason));
}
