//! Deletes at the destination (`sync --delete`): what stands there only, and what stands in the way.

use fxp_proto::pair::leg::Leg;

use crate::plan::item::Extra;
use crate::plan::obstacle::Obstacle;
use crate::report::{FileFailure, Trouble};
use crate::side::Side;

/// Something that was deleted.
pub(crate) struct Gone {
    /// Printable.
    pub(crate) place: String,
    pub(crate) directory: bool,
}

/// Deletes one thing; directories are empty by now, unless something in them could not be deleted.
pub(crate) async fn delete(side: &mut Side, extra: &Extra) -> Result<Gone, FileFailure> {
    let place = side.name(&extra.path);
    match delete_once(side, extra).await {
        Ok(()) => Ok(Gone { place, directory: extra.directory }),
        Err(trouble) => Err(FileFailure { source: place.clone(), destination: place, trouble }),
    }
}

/// Deletes what stands in the way, and tells each thing that is gone. Something that was not there when it was planned
/// keeps its directory, and is an error.
pub(crate) async fn clear(
    side: &mut Side,
    obstacle: &Obstacle,
    mut tell: impl FnMut(Gone),
) -> Result<(), Trouble> {
    for extra in &obstacle.pile {
        match delete_once(side, &extra).await {
            Ok(()) => tell(Gone { place: side.name(&extra.path), directory: extra.directory }),
            // An attempt before this one has deleted it.
            Err(_) if matches!(side.stat(&extra.path).await, Ok(None)) => {}
            Err(trouble) => {
                let what = format!("{} stands in the way: {}", side.name(&obstacle.path), trouble.what);
                return Err(
                    Trouble { what, ..trouble }.remedy("delete it by hand, and the same command goes on")
                );
            }
        }
    }
    Ok(())
}

async fn delete_once(side: &mut Side, extra: &Extra) -> Result<(), Trouble> {
    let deleted = match extra.directory {
        true => side.remove_directory(&extra.path).await,
        false => side.delete(&extra.path).await,
    };
    deleted.map_err(|trouble| trouble.on(Some(Leg::Destination)))
}
