//! Deletes what stands at the destination only (`sync --delete`).

use fxp_proto::pair::leg::Leg;

use crate::plan::item::Extra;
use crate::report::{FileFailure, Trouble};
use crate::side::Side;

/// Deletes one thing; directories are empty by now, unless something in them could not be deleted. The place that is
/// gone, printable.
pub(crate) async fn delete(side: &mut Side, extra: &Extra) -> Result<String, FileFailure> {
    let place = side.name(&extra.path);
    let deleted = match extra.directory {
        true => side.remove_directory(&extra.path).await,
        false => side.delete(&extra.path).await,
    };
    match deleted.map_err(|trouble: Trouble| trouble.on(Some(Leg::Destination))) {
        Ok(()) => Ok(place),
        Err(trouble) => Err(FileFailure { source: place.clone(), destination: place, trouble }),
    }
}
