//! `fxp check`: compares, and changes nothing.

use std::sync::Arc;

use fxp_engine::checking::{CheckRequest, Compared, check};
use fxp_engine::plan::judge::Compare;
use fxp_engine::run::{Secure, Selection};

use crate::args::{self, Checksum};
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::Item;
use crate::output::found::Found;
use crate::settings::address;

pub(super) async fn run(args: &args::Check, desk: &Desk) -> Outcome<Exit> {
    let compare = match (args.size_only, args.checksum) {
        (true, _) => Compare::Size,
        (false, Checksum::Auto) => Compare::DigestIfAny,
        (false, Checksum::Always) => Compare::Digest,
        (false, Checksum::Never) => Compare::SizeAndTime,
    };
    let selection = Selection { filter: Arc::new(args.files.filter()?), compare, delete: None };
    let request = CheckRequest {
        source: address(&args.source)?,
        destination: address(&args.destination)?,
        selection,
        secure: Secure::Default,
    };
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let tell = |compared: Compared| match &compared {
        Compared::Failed(failure) => desk.voice.failure(&Failure::from(failure.trouble.clone())),
        Compared::File { likeness, .. } if likeness.is_equal() && !likeness.is_doubtful() && !args.all => {}
        compared => {
            // Somebody downstream may have seen enough; the exit code is wanted all the same.
            let _ = desk.voice.item(Item::Found(Found::Compared(compared)));
        }
    };
    let checked = desk
        .unless_interrupted(async { Ok(check(&request, &context, desk.interrupt.stop(), tell).await?) })
        .await?;
    let _ = desk.voice.item(Item::Found(Found::Checked(&checked)));
    Ok(if checked.is_equal() { Exit::Done } else { Exit::Verification })
}
