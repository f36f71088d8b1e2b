//! From the part to the final name.
//!
//! A verified part is renamed, which needs nothing but RNFR and RNTO. Whether a server allows that is
//! found out before the first large file, by renaming an empty one, and remembered. Where it does not,
//! files are stored in place; where RNTO does not replace what is there, that steps aside first
//! (`replace`). Both are said in the report.

use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;

use crate::part;
use crate::plan::Step;
use crate::replace::{self, temporary};
use crate::report::{Trouble, TroubleKind};
use crate::side::Side;
use crate::transfer::relay;

/// What is known of renaming at the destination of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Publisher {
    /// The user wants final names from the start.
    InPlace,
    /// Nothing was renamed yet.
    Untested,
    /// A file was renamed in an earlier run.
    Remembered,
    /// A file was renamed in this run.
    Renames,
    /// The server refuses to rename.
    Refuses,
}

impl Publisher {
    /// For a destination of which something may be known.
    pub(crate) fn new(destination: &mut Side, in_place: bool) -> Self {
        match destination.link() {
            _ if in_place => Publisher::InPlace,
            None => Publisher::Renames,
            Some(link) if link.known().no_rename => Publisher::Refuses,
            Some(link) if link.known().renames => Publisher::Remembered,
            Some(_) => Publisher::Untested,
        }
    }

    /// Where a file is stored at first: its part, or its final place, with the reason in `notes`.
    pub(crate) async fn place(
        &mut self,
        destination: &mut Side,
        step: &Step,
        notes: &mut Vec<String>,
    ) -> Result<VPath, Trouble> {
        if step.in_the_way.is_some() {
            return Box::pin(self.place_beside(destination, step)).await;
        }
        if *self == Publisher::Untested && step.size.is_some_and(|size| size >= LARGE) {
            self.test(destination, &step.destination.parent()).await?;
        }
        let part = part::part_of(&step.destination);
        match (*self, part) {
            // The part would have a name that fits: the refusal would come after the copy, and look as if the
            // server did not rename at all.
            (_, Some(_)) if part::is_too_long(&step.destination) => {
                if *self != Publisher::InPlace {
                    notes.push(TOO_LONG.to_owned());
                }
                Ok(step.destination.clone())
            }
            (Publisher::Untested | Publisher::Remembered | Publisher::Renames, Some(part)) => Ok(part),
            (Publisher::Refuses, _) => {
                notes.push(IN_PLACE.to_owned());
                Ok(step.destination.clone())
            }
            (_, _) => Ok(step.destination.clone()),
        }
    }

    /// Where a file is stored whose name something else has: always in its part, and nothing makes way for a copy that
    /// would have no way to its name.
    async fn place_beside(&mut self, destination: &mut Side, step: &Step) -> Result<VPath, Trouble> {
        let mut renaming = *self;
        if !matches!(renaming, Publisher::Renames | Publisher::Refuses) {
            renaming = Publisher::Untested;
            renaming.test(destination, &step.destination.parent()).await?;
            if *self != Publisher::InPlace {
                *self = renaming;
            }
        }
        match part::part_of(&step.destination) {
            Some(part) if renaming != Publisher::Refuses && !part::is_too_long(&step.destination) => Ok(part),
            _ => Err(cannot_make_way(destination, step)),
        }
    }

    /// Renames an empty file. Whatever else goes wrong here will be told by the copy itself.
    async fn test(&mut self, destination: &mut Side, directory: &VPath) -> Result<(), Trouble> {
        let Some(link) = destination.link() else { return Ok(()) };
        let (Some(before), Some(after)) = (temporary(directory, "a"), temporary(directory, "b")) else {
            return Ok(());
        };
        if let Err(trouble) = relay::store_nothing(link, &before).await {
            // Nobody heard whether it is there.
            if replace::is_lost(&trouble) {
                let _ = destination.delete(&before).await;
            }
            return Ok(());
        }
        match destination.rename(&before, &after).await {
            Ok(()) => {
                self.works(destination);
                let _ = destination.delete(&after).await;
            }
            Err(error) => {
                let _ = destination.delete(&before).await;
                if error.definite {
                    self.refuse(destination);
                }
            }
        }
        Ok(())
    }

    fn refuse(&mut self, destination: &mut Side) {
        *self = Publisher::Refuses;
        if let Some(link) = destination.link() {
            link.learn(|known| (known.no_rename, known.renames) = (true, false));
        }
    }

    fn works(&mut self, destination: &mut Side) {
        if *self != Publisher::InPlace {
            *self = Publisher::Renames;
        }
        if let Some(link) = destination.link() {
            link.learn(|known| known.renames = true);
        }
    }

    /// Gives the part its final name. False if the server refuses to rename at all: then the file has to
    /// be copied again, in place.
    pub(crate) async fn publish(
        &mut self,
        destination: &mut Side,
        part: &VPath,
        step: &Step,
        notes: &mut Vec<String>,
    ) -> Result<bool, Trouble> {
        let to = &step.destination;
        let error = match replace::rename_over(destination, part, to).await {
            Ok(how) => {
                self.works(destination);
                notes.extend(how.note());
                return Ok(true);
            }
            Err(error) => error,
        };
        match *self {
            // It did rename before in this run, so this refusal is about this file.
            Publisher::Renames => Err(at_part(error.trouble, part)),
            _ if error.proven || !error.definite || step.in_the_way.is_some() => {
                Err(at_part(error.trouble, part))
            }
            _ => {
                self.refuse(destination);
                Ok(false)
            }
        }
    }
}

/// What stands in the way is deleted only when the copy is verified and can be renamed.
fn cannot_make_way(destination: &Side, step: &Step) -> Trouble {
    let name = destination.name(&step.destination);
    let what =
        format!("{name} is a directory, and the copy cannot be renamed to that name once it is verified");
    Trouble::new(TroubleKind::DestinationDenied, what)
        .on(Some(Leg::Destination))
        .remedy(format!("fxp rm -r {name} makes way, and the same command goes on"))
}

/// What to do about a copy that is good, and has no name.
pub(crate) fn at_part(trouble: Trouble, part: &VPath) -> Trouble {
    trouble
        .on(Some(Leg::Destination))
        .remedy(format!("the verified copy is at {part}; rename it by hand, or copy again"))
}

const IN_PLACE: &str =
    "the destination refuses RNFR/RNTO, so the file was stored under its final name from the start";

const TOO_LONG: &str = "the name has more than 255 bytes, which few file systems take, so the file was stored under it from the start";

/// From this size on it is worth three round trips to know beforehand whether the file can be renamed.
/// A smaller one is simply copied again in place.
const LARGE: u64 = 1 << 20;
