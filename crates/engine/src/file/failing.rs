//! What is left of a file that failed, and what becomes of it.

use fxp_proto::path::VPath;

use super::{Courier, Way};
use crate::part;
use crate::plan::Step;
use crate::plan::ladder::Rung;
use crate::publish::Publisher;
use crate::report::{Trouble, TroubleKind};
use crate::retry;

impl Courier<'_> {
    /// The copy differs although both servers called it good: it is removed, and another rung is next.
    pub(super) async fn damaged(
        &mut self,
        mut trouble: Trouble,
        rung: Option<&Rung>,
        place: &VPath,
    ) -> Trouble {
        if trouble.class.is_none() {
            if self.destination.delete(place).await.is_ok() {
                self.claim.cleared();
            }
            self.claim.disowned();
        }
        if let (Way::Direct(lane), Some(rung)) = (&mut *self.way, rung)
            && let Some(why) = lane.doubt(rung)
        {
            trouble.remedy.get_or_insert_with(|| why.to_owned());
        }
        trouble
    }

    /// The file failed for good. A damaged one is gone already; under its final name nothing unfinished
    /// may stay, unless the user asked for it; what stood there before and was not touched does.
    pub(super) async fn give_up(&mut self, trouble: Trouble, step: &Step, place: &VPath) -> Trouble {
        // First, since whose it is, and what it is the beginning of, can take listings of whole directories to find out.
        if *place != step.destination && self.sweep(&trouble, step, place).await {
            self.note_begun(place, None);
            return trouble;
        }
        let ours = self.claim.is_ours(self.destination, place).await;
        if *place != step.destination {
            if self.claim.is_doubtful() {
                // Another run compares it, or begins anew.
                self.note_begun(place, None);
            }
            // What cannot be asked any more is ours if nothing was there before.
            if ours.unwrap_or_else(|_| self.claim.is_alone())
                && !self.claim.is_doubtful()
                && !part::is_ambiguous(&step.destination)
                && let Ok(begun) = self.beginning(step).await
            {
                self.note_begun(place, begun);
            }
            return trouble;
        }
        let unasked = *self.publisher != Publisher::InPlace;
        // A whole file of which only no digest was to be had stays.
        let whole = trouble.kind == TroubleKind::Verification && trouble.class.is_some();
        if unasked && !whole && matches!(ours, Ok(true)) {
            let _ = self.destination.delete(place).await;
        }
        trouble
    }

    /// A destination that had accepted a file which was then refused has an empty part, which is of no use. True if that
    /// was removed.
    pub(super) async fn sweep(&mut self, trouble: &Trouble, step: &Step, place: &VPath) -> bool {
        let passing = retry::judge(trouble).may_help() || trouble.kind == TroubleKind::Interrupted;
        if passing || step.leftover.is_some() || part::is_ambiguous(&step.destination) {
            return false;
        }
        self.remove_if_empty(place).await
    }

    /// A connection was lost: is the whole file there all the same?
    pub(super) async fn has_arrived(&mut self, step: &Step, place: &VPath) -> bool {
        if self.claim.is_doubtful() || !matches!(self.claim.is_ours(self.destination, place).await, Ok(true))
        {
            return false;
        }
        let (ours, theirs) = tokio::join!(self.source.size(&step.source), self.destination.size(place));
        matches!((ours, theirs), (Ok(Some(ours)), Ok(Some(theirs))) if ours == theirs && ours > 0)
    }
}
