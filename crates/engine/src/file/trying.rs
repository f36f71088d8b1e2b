//! What is tried again of one file, how often, and after which pause.

use fxp_proto::path::VPath;

use super::{Carried, Courier};
use crate::claim::Claim;
use crate::plan::Step;
use crate::plan::walk::interrupted;
use crate::report::Trouble;
use crate::retry::{self, Again, Fault};
use crate::side::Side;
use crate::verify::Verified;

impl Courier<'_> {
    /// Brings the file to `place`, verified; tries again what may pass.
    pub(super) async fn transfer(
        &mut self,
        step: &Step,
        place: &VPath,
        attempts: &mut u32,
        notes: &mut Vec<String>,
    ) -> Result<(Carried, Verified), Trouble> {
        self.claim = Claim::default();
        let (mut attempt, mut again) = (0, false);
        let patience = self.patience;
        let mut turn = None;
        loop {
            *attempts += 1;
            let trouble = match self.attempt(step, place, again, notes).await {
                Ok(done) => return Ok(done),
                Err(trouble) => trouble,
            };
            again = true;
            if *self.stop.borrow() {
                return Err(self.give_up(interrupted(), step, place).await);
            }
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
            if !judgement.may_help() || attempt >= self.retries {
                return Err(self.give_up(trouble, step, place).await);
            }
            attempt += 1;
            let pause = patience.pause(attempt, &self.servers(judgement.fault));
            self.say(notes, format!("{trouble}; tried again after {:.1} s", pause.as_secs_f64()));
            if retry::wait(pause, self.stop).await {
                return Err(self.give_up(interrupted(), step, place).await);
            }
        }
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
