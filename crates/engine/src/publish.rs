//! From the part to the final name.
//!
//! A verified part is renamed, which needs nothing but RNFR and RNTO. Whether a server allows that is
//! found out before the first large file, by renaming an empty one, and remembered. Where it does not,
//! files are stored in place; where RNTO does not replace what is there, DELE comes first. Both are said
//! in the report.

use fxp_proto::pair::exchange::Refusal;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

use crate::part;
use crate::plan::Step;
use crate::report::Trouble;
use crate::side::{RenameError, Side};
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
        if *self == Publisher::Untested && step.size.is_some_and(|size| size >= LARGE) {
            self.test(destination, &step.destination.parent()).await?;
        }
        let part = part::part_of(&step.destination);
        match (*self, part) {
            (Publisher::Untested | Publisher::Remembered | Publisher::Renames, Some(part)) => Ok(part),
            (Publisher::Refuses, _) => {
                notes.push(IN_PLACE.to_owned());
                Ok(step.destination.clone())
            }
            (_, _) => Ok(step.destination.clone()),
        }
    }

    /// Renames an empty file. Whatever else goes wrong here will be told by the copy itself.
    async fn test(&mut self, destination: &mut Side, directory: &VPath) -> Result<(), Trouble> {
        let Some(link) = destination.link() else { return Ok(()) };
        let name = |suffix: &str| -> Option<VPath> {
            let name = format!(".fxp-{}-{suffix}{}", std::process::id(), part::SUFFIX);
            directory.child(&Text::new(name).ok()?).ok()
        };
        let (Some(before), Some(after)) = (name("a"), name("b")) else { return Ok(()) };
        if relay::store_nothing(link, &before).await.is_err() {
            return Ok(());
        }
        match destination.rename(&before, &after).await {
            Ok(()) => {
                self.works(destination);
                let _ = destination.delete(&after).await;
            }
            Err(error) => {
                let _ = destination.delete(&before).await;
                if !is_lost(&error.trouble) {
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
        *self = Publisher::Renames;
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
        let error = match rename(destination, part, to).await {
            Ok(()) => {
                self.works(destination);
                return Ok(true);
            }
            Err(error) => error,
        };
        if is_lost(&error.trouble) {
            return Err(error.trouble);
        }
        if !error.at_once && destination.stat(to).await?.is_some() {
            destination.delete(to).await.map_err(|trouble| {
                trouble.remedy(format!(
                    "the verified copy is at {part}; rename it by hand, or copy with --inplace"
                ))
            })?;
            if rename(destination, part, to).await.is_ok() {
                self.works(destination);
                notes.push(NOT_ATOMIC.to_owned());
                return Ok(true);
            }
        }
        match *self {
            // It did rename before in this run, so this refusal is about this file.
            Publisher::Renames => Err(error.trouble),
            _ => {
                self.refuse(destination);
                Ok(false)
            }
        }
    }
}

/// Renames; when the connection is lost meanwhile, finds out whether it was done.
async fn rename(side: &mut Side, from: &VPath, to: &VPath) -> Result<(), RenameError> {
    let error = match side.rename(from, to).await {
        Err(error) if is_lost(&error.trouble) => error,
        result => return result,
    };
    let lost = |trouble| RenameError { trouble, at_once: false };
    let part = side.stat(from).await.map_err(lost)?;
    match part {
        Some(_) => side.rename(from, to).await,
        None if side.stat(to).await.map_err(lost)?.is_some() => Ok(()),
        None => Err(error),
    }
}

fn is_lost(trouble: &Trouble) -> bool {
    matches!(trouble.class, Some(Refusal::Lost | Refusal::TimedOut | Refusal::Connectivity))
}

const IN_PLACE: &str =
    "the destination refuses RNFR/RNTO, so the file was stored under its final name from the start";

const NOT_ATOMIC: &str = "the destination does not replace a file by RNTO, so the old one was deleted first: for a \
                          moment there was none";

/// From this size on it is worth three round trips to know beforehand whether the file can be renamed.
/// A smaller one is simply copied again in place.
const LARGE: u64 = 1 << 20;
