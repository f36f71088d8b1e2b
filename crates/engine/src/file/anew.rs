//! Beginning a file anew over a part of it that is there.

use fxp_proto::path::VPath;

use super::Courier;
use crate::part;
use crate::plan::Step;
use crate::pool::product;

impl Courier<'_> {
    /// Removes an empty part at `place` where it may be locked: a server that locks what it stores (vsftpd) keeps it locked
    /// for a session that nobody has ended, such as that of a run that was killed before the source had come to it, and
    /// makes whoever stores the same file wait for that, which takes a minute. A new file of the same name is locked by
    /// nobody. A part that holds something stays until it is overwritten: this copy may find no way.
    pub(super) async fn unlock(&mut self, step: &Step, place: &VPath, again: bool) {
        let is_part = *place != step.destination && !part::is_ambiguous(&step.destination);
        let listed_empty = step.leftover.as_ref().is_some_and(|leftover| leftover.size == 0);
        let is_newer = again || self.returned;
        if is_part
            && (listed_empty || is_newer)
            && self.destination_locks().await
            && self.remove_if_empty(place).await
        {
            self.claim.cleared();
        }
    }

    /// True if an empty file was at `place`, and was removed.
    pub(super) async fn remove_if_empty(&mut self, place: &VPath) -> bool {
        matches!(self.destination.size(place).await, Ok(Some(0)))
            && self.destination.delete(place).await.is_ok()
    }

    async fn destination_locks(&mut self) -> bool {
        let Some(link) = self.destination.link() else { return false };
        let session = link.session().await.ok();
        session.and_then(|session| product(session)).is_some_and(|product| product.locks)
    }
}
