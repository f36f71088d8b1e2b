//! `fxp check`: compares two places, or one with a manifest, and changes nothing.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use fxp_engine::checking::{CheckRequest, Checked, Compared, check};
use fxp_engine::manifest::{self as stated, Digests, ManifestRequest};
use fxp_engine::plan::judge::Compare;
use fxp_engine::run::{Secure, Selection};

use crate::args::{self, Checksum};
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::manifest;
use crate::output::Item;
use crate::output::found::{Found, Measure};
use crate::settings::address;

pub(super) async fn run(args: &args::Check, desk: &Desk) -> Outcome<Exit> {
    let (checked, measure) = match (&args.manifest, &args.destination) {
        (Some(file), _) => (with_manifest(file, args, desk).await?, Measure::Manifest),
        (None, Some(destination)) => (two_places(destination, args, desk).await?, Measure::Source),
        (None, None) => return Err(Failure::usage("a destination or --manifest is needed")),
    };
    let _ = desk.voice.item(Item::Found(Found::Checked(&checked, measure)));
    if measure == Measure::Manifest && checked.only_source + checked.only_destination > 0 {
        desk.voice.remark(PARTS);
    }
    Ok(if checked.is_equal() { Exit::Done } else { Exit::Verification })
}

async fn with_manifest(file: &Path, args: &args::Check, desk: &Desk) -> Outcome<Checked> {
    let digests = match (args.size_only, args.checksum) {
        (true, _) => Digests::Never,
        (false, Checksum::Auto) => Digests::IfAny,
        (false, Checksum::Always) => Digests::Always,
        (false, Checksum::Never) => {
            let failure = Failure::usage("--checksum never compares times, which --manifest does not");
            return Err(failure.hint("--size-only compares sizes"));
        }
    };
    let request = ManifestRequest {
        place: address(&args.source)?,
        manifest: manifest::read(file, |text| desk.voice.warning(text))?,
        filter: Arc::new(args.files.filter()?),
        digests,
        retries: args.retries,
    };
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let tell = |compared: Compared| tell(&compared, Measure::Manifest, args, desk);
    desk.unless_interrupted(async {
        Ok(stated::check(request, &context, desk.interrupt.stop(), tell).await?)
    })
    .await
}

async fn two_places(destination: &OsString, args: &args::Check, desk: &Desk) -> Outcome<Checked> {
    let compare = match (args.size_only, args.checksum) {
        (true, _) => Compare::Size,
        (false, Checksum::Auto) => Compare::DigestIfAny,
        (false, Checksum::Always) => Compare::Digest,
        (false, Checksum::Never) => Compare::SizeAndTime,
    };
    let filter = Arc::new(args.files.filter()?);
    let selection = Selection { filter, compare, delete: None, links: args.links.into() };
    let request = CheckRequest {
        source: address(&args.source)?,
        destination: address(destination)?,
        selection,
        secure: Secure::Default,
        retries: args.retries,
    };
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let tell = |compared: Compared| tell(&compared, Measure::Source, args, desk);
    desk.unless_interrupted(async { Ok(check(&request, &context, desk.interrupt.stop(), tell).await?) }).await
}

fn tell(compared: &Compared, measure: Measure, args: &args::Check, desk: &Desk) {
    match compared {
        Compared::Failed(failure) => desk.voice.failure(&Failure::from(failure.trouble.clone())),
        Compared::File { likeness, .. } if likeness.is_equal() && !likeness.is_doubtful() && !args.all => {}
        compared => {
            // Somebody downstream may have seen enough; the exit code is wanted all the same.
            let _ = desk.voice.item(Item::Found(Found::Compared(compared, measure)));
        }
    }
}

/// Of a manifest and a place one is often a part of the other.
const PARTS: &str = "Where only a part was meant: name the place that the manifest was written of, and the part by rules, such as \
                     --include 'part/***' --exclude '*'; they hold for the manifest, too.";
