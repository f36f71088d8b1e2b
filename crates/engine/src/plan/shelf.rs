//! What stands at a path of the destination.

use fxp_proto::listing::entry::Kind;
use fxp_proto::path::VPath;

use crate::report::Trouble;
use crate::side::Side;

/// What kind of thing stands at a path of the destination; a link to a directory counts as one.
pub(crate) async fn kind_of(side: &mut Side, path: &VPath) -> Result<Option<Kind>, Trouble> {
    Ok(match side.stat(path).await?.map(|entry| entry.kind) {
        Some(Kind::Symlink(_)) if side.list(path).await.is_ok() => Some(Kind::Directory),
        kind => kind,
    })
}
