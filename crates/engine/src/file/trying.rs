//! What is tried again of one file, how often, and after which pause.

use std::sync::atomic::Ordering::Relaxed;

use fxp_proto::path::VPath;

use super::{Carried, Courier};
use crate::claim::Claim;
use crate::plan::Step;
use crate::plan::walk::interrupted;
use crate::policy::ResumeChoice;
use crate::report::Trouble;
use crate::retry::headway::Headway;
use crate::retry::{self, Again, Fault};
use crate::side::Side;
use crate::verify::Verified;

impl Courier<'_> {
    /// Brings the file to `place`, verified; tries again what may pass. Retries are used up by attempts that bring it
    /// no further ([`Headway`]).
    pub(super) async fn transfer(
        &mut self,
        step: &Step,
        place: &VPath,
        attempts: &mut u32,
        notes: &mut Vec<String>,
    ) -> Result<(Carried, Verified), Trouble> {
        self.claim = Claim::default();
        self.inherited = None;
        let mut headway = Headway::new(self.retries, step.size);
        let mut again = false;
        // What used the retries up, while an attempt is on trial.
        let mut last: Option<Trouble> = None;
        let patience = self.patience;
        let mut turn = None;
        loop {
            *attempts += 1;
            let trouble = match self.attempt(step, place, again, &mut headway, notes).await {
                Ok(done) => return Ok(done),
                Err(trouble) => trouble,
            };
            again = true;
            if *self.stop.borrow() {
                return Err(self.give_up(interrupted(), step, place).await);
            }
            let trouble = match last.take() {
                Some(last) if headway.is_on_trial() => return Err(self.give_up(last, step, place).await),
                _ => trouble,
            };
            let judgement = retry::judge(&trouble);
            patience.note(&trouble);
            if judgement.again == Again::WithRoom {
                if turn.is_none() && !patience.space.is_closed() && patience.space.is_patient() {
                    let most = patience.space.patience().as_secs();
                    self.say(notes, format!("{trouble}; waiting for room, at most {most} s"));
                }
                let waited = tokio::select! {
                    waited = patience.space.wait(&mut turn) => waited,
                    () = retry::stopped(self.stop) => false,
                };
                match waited {
                    true => continue,
                    false if *self.stop.borrow() => {
                        return Err(self.give_up(interrupted(), step, place).await);
                    }
                    false => return Err(self.give_up(trouble, step, place).await),
                }
            }
            if !judgement.may_help() {
                return Err(self.give_up(trouble, step, place).await);
            }
            let number = match headway.failed() {
                Some(number) => number,
                None if self.seems_further(place, &headway).await => {
                    last = Some(trouble.clone());
                    headway.try_once_more()
                }
                None => return Err(self.give_up(trouble, step, place).await),
            };
            let pause = patience.pause(number, &self.servers(judgement.fault));
            let told = format!("{trouble}; tried again after {:.1} s", pause.as_secs_f64());
            self.say_of_attempt(notes, told);
            if retry::wait(pause, self.stop).await {
                return Err(self.give_up(interrupted(), step, place).await);
            }
        }
    }

    /// True if more seems to be at `place` than at the beginning of any attempt before.
    async fn seems_further(&mut self, place: &VPath, headway: &Headway) -> bool {
        let may_be = self.resume != ResumeChoice::Never && self.claim.begun.load(Relaxed);
        may_be
            && matches!(self.destination.size(place).await, Ok(Some(there)) if headway.deserves_trial(there))
    }

    /// The servers that are asked again when this is tried once more.
    pub(super) fn servers(&mut self, fault: Fault) -> Vec<String> {
        let sides = match fault {
            Fault::Source => vec![&mut *self.source],
            Fault::Destination => vec![&mut *self.destination],
            Fault::Link | Fault::Us => vec![&mut *self.source, &mut *self.destination],
        };
        sides.into_iter().filter_map(Side::link).map(|link| link.server.key()).collect()
    }
}
