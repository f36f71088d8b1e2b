//! `fxp hash`: digests, computed by the servers.

use std::sync::Arc;

use fxp_engine::hashing::{HashRequest, Hashed, hash};

use super::roaming::warn_of;
use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::Item;
use crate::output::found::Found;
use crate::settings::addresses;

pub(super) async fn run(args: &args::Hash, desk: &Desk) -> Outcome<Exit> {
    let places = addresses(&args.places)?;
    let filter = Arc::new(args.rules.filter()?);
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let mut is_read = true;
    let mut exits = Vec::new();
    let done = desk
        .for_each(&places, async |place| {
            let request = HashRequest {
                place: place.clone(),
                recursive: args.recursive,
                algorithm: args.algorithm.map(Into::into),
                filter: filter.clone(),
                retries: args.retries,
            };
            let tell = |hashed: Hashed| {
                match hashed {
                    Hashed::LeftOut(left_out) => warn_of(&left_out, desk),
                    Hashed::File { path, algorithm, digest: Ok(hex) } => {
                        exits.push(Exit::Done);
                        let line = Found::Digest { path: &path, algorithm, hex: &hex };
                        is_read &= desk.voice.item(Item::Found(line)).is_ok();
                    }
                    Hashed::File { digest: Err(trouble), .. } => {
                        let failure = Failure::from(trouble);
                        exits.push(failure.exit);
                        desk.voice.failure(&failure);
                    }
                }
                is_read
            };
            let work = hash(&request, &context, desk.interrupt.stop(), tell);
            desk.unless_interrupted(async { Ok(work.await?) }).await
        })
        .await?;
    exits.push(done);
    Ok(match exits.iter().all(|exit| *exit == Exit::Done) {
        true => Exit::Done,
        // What did not come to its end at all says more than single files.
        false if done != Exit::Done => done,
        false => {
            exits.pop();
            Exit::of_many(&exits)
        }
    })
}
