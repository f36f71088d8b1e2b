//! Where a file begins: what of it is there already, and may be believed to be its beginning.

use fxp_proto::path::VPath;

use super::Courier;
use crate::book::Begun;
use crate::plan::Step;
use crate::plan::diff::is_as_planned;
use crate::policy::ResumeChoice;
use crate::report::{Trouble, TroubleKind, Verification};
use crate::verify::{self, At};

impl Courier<'_> {
    /// How many bytes are at `place` already and are the beginning of the source.
    pub(super) async fn where_to_begin(
        &mut self,
        step: &Step,
        place: &VPath,
        again: bool,
        notes: &mut Vec<String>,
    ) -> Result<u64, Trouble> {
        if self.resume == ResumeChoice::Never {
            if let Some(leftover) = step.leftover.filter(|leftover| !again && leftover.size > 0) {
                let begun =
                    format!("begun anew, as --resume never wants: {} bytes were there", leftover.size);
                self.say_of_attempt(notes, begun);
            }
            return Ok(0);
        }
        let in_place = *place == step.destination;
        let ours = again && self.claim.is_ours(self.destination, place).await?;
        let there = match step.leftover {
            Some(leftover) if !again && !in_place => Some(leftover.size),
            None if !(again || (in_place && step.replaces())) => None,
            _ => self.destination.size(place).await?,
        };
        let (Some(there @ 1..), Some(size)) = (there, step.size) else { return Ok(0) };
        if there > size {
            return Ok(0);
        }
        let source = At { side: self.source, path: &step.source };
        let destination = At { side: self.destination, path: place };
        match verify::compare_digests(source, destination, Some(there)).await {
            Ok((Verification::Digest { algorithm, .. }, _)) => {
                self.say_of_attempt(
                    notes,
                    format!("resumed after {there} bytes, whose {algorithm} is the source's"),
                );
                Ok(there)
            }
            Ok((Verification::Size, _)) if self.is_believed(in_place, there < size) => {
                self.say_of_attempt(
                    notes,
                    format!("resumed after {there} bytes, which could not be compared (--resume trust)"),
                );
                Ok(there)
            }
            Ok((Verification::Size, _)) if self.may_continue_unseen(step, place, in_place, ours).await? => {
                self.say_of_attempt(
                    notes,
                    format!("resumed after {there} bytes, which could not be compared"),
                );
                Ok(there)
            }
            Ok((Verification::Size, _)) => {
                // Under its final name stands another file, which nobody took for a part.
                if !in_place {
                    self.say_of_attempt(notes, unproven_part(there, self.resume, ours));
                }
                Ok(0)
            }
            Err(trouble) if trouble.kind == TroubleKind::Verification => {
                self.say_of_attempt(
                    notes,
                    format!("begun anew: the {there} bytes that were there are not the source's"),
                );
                Ok(0)
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Nobody can compare digests, and the user says that what is there is the beginning. A whole file under its
    /// final name is none.
    pub(super) fn is_believed(&self, in_place: bool, is_smaller: bool) -> bool {
        self.resume == ResumeChoice::Trust && !self.claim.is_doubtful() && (!in_place || is_smaller)
    }

    /// Nobody can compare digests. If the bytes are this delivery's, the source must be as it was when the
    /// plan was made; a leftover of another run must be remembered as the beginning of this very source.
    pub(super) async fn may_continue_unseen(
        &mut self,
        step: &Step,
        place: &VPath,
        in_place: bool,
        ours: bool,
    ) -> Result<bool, Trouble> {
        match (step.leftover, ours) {
            _ if self.claim.is_doubtful() || !self.resume.believes_notes() => Ok(false),
            (_, true) => {
                let now = self.source_now(step).await?;
                Ok(now.is_some_and(|now| now.size == step.size && is_as_planned(step.modified, now.modified)))
            }
            (Some(_), false) if !in_place => self.was_begun(step, place).await,
            _ => Ok(false),
        }
    }

    /// True if the part at `place` was left by a copy of this very source, unchanged since.
    pub(super) async fn was_begun(&mut self, step: &Step, place: &VPath) -> Result<bool, Trouble> {
        let part = self.destination.identity(place);
        let begun = self.known.lock().expect("no holder of the lock panics").begun.get(&part).cloned();
        Ok(begun.is_some() && begun == self.beginning(step).await?)
    }

    /// What a part of this file is the beginning of, if that can be told.
    pub(super) async fn beginning(&mut self, step: &Step) -> Result<Option<Begun>, Trouble> {
        let (Some(size), Some(modified)) = (step.size, self.exact_time(step).await?) else { return Ok(None) };
        Ok(Some(Begun { source: self.source.identity(&step.source), size, modified: modified.seconds }))
    }

    pub(super) fn note_begun(&mut self, place: &VPath, begun: Option<Begun>) {
        let part = self.destination.identity(place);
        self.known.lock().expect("no holder of the lock panics").note_begun(&part, begun);
    }
}

/// Why a part is not continued where nobody computes a digest of it.
fn unproven_part(there: u64, resume: ResumeChoice, ours: bool) -> String {
    let begun = format!("begun anew: nobody computes a digest of the {there} bytes that were there");
    match resume {
        ResumeChoice::Prove => format!("{begun}, and --resume prove wants one"),
        _ if ours => format!("{begun}, and the source may have changed since (--resume trust believes them)"),
        _ => format!(
            "{begun}, and no orderly end of an earlier copy has left them (--resume trust believes them)"
        ),
    }
}
