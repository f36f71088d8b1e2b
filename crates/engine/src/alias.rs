//! Whether source and destination are one file under two names: of a server that listens at two addresses, of two servers
//! with one disk, of two users with one folder, of this machine and the server that runs on it.
//!
//! Addresses do not tell. So a directory is made beside the destination and looked for beside the source. That costs
//! a few round trips, once for two directories, and only where a file stands at the destination already: one
//! that does not cannot be the source.

use std::collections::HashMap;
use std::sync::Mutex;

use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

use crate::plan::Step;
use crate::report::{Trouble, TroubleKind};
use crate::side::Side;
use crate::transfer::relay;

/// Which directories at the source are which at the destination, as far as anybody has looked.
#[derive(Debug, Default)]
pub(crate) struct Aliases(Mutex<HashMap<(VPath, VPath), bool>>);

impl Aliases {
    /// True if the source of `step` may be the very file that stands at its destination.
    ///
    /// # Errors
    ///
    /// It cannot be found out.
    pub(crate) async fn may_be_one_file(
        &self,
        step: &Step,
        source: &mut Side,
        destination: &mut Side,
    ) -> Result<bool, Trouble> {
        if !step.replaces() || !may_be_one_name(step) {
            return Ok(false);
        }
        let directories = (step.source.parent(), step.destination.parent());
        let known = self.known().get(&directories).copied();
        if let Some(one) = known {
            return Ok(one);
        }
        let one = is_one_directory(&directories, source, destination).await?;
        self.known().insert(directories, one);
        Ok(one)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<(VPath, VPath), bool>> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

/// Some disks take names that differ in their case for one.
fn may_be_one_name(step: &Step) -> bool {
    match (step.source.name(), step.destination.name()) {
        (Some(one), Some(two)) => one.as_bytes().eq_ignore_ascii_case(two.as_bytes()),
        _ => false,
    }
}

async fn is_one_directory(
    (ours, theirs): &(VPath, VPath),
    source: &mut Side,
    destination: &mut Side,
) -> Result<bool, Trouble> {
    let name = Text::new(format!(".fxp-mark-{:016x}", rand::random::<u64>())).expect("no line end");
    let inside = |directory: &VPath| {
        directory.child(&name).map_err(|error| Trouble::new(TroubleKind::Usage, error.to_string()))
    };
    let (here, there) = (inside(ours)?, inside(theirs)?);
    let at = |leg: Leg| move |trouble: Trouble| trouble.on(Some(leg));
    let refused = destination.make_directory(&there).await.err();
    if let Some(trouble) = &refused {
        // Whoever may make no directories may store files.
        let stored = match destination.link() {
            Some(link) => relay::store_nothing(link, &there).await.is_ok(),
            None => false,
        };
        if !stored {
            return Err(at(Leg::Destination)(trouble.clone()));
        }
    }
    let seen = source.stat(&here).await;
    let removed = match refused {
        None => destination.remove_directory(&there).await,
        Some(_) => destination.delete(&there).await,
    };
    removed.map_err(at(Leg::Destination))?;
    Ok(seen.map_err(at(Leg::Source))?.is_some())
}
