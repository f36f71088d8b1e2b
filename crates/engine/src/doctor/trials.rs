//! The probe goes through one rung after the other, from one server to the other. A refusal that rules out
//! another rung is not asked for a second time, and no rung gets more than [`CEILING`].

use std::convert::Infallible;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use fxp_proto::pair::exchange::{Failure, Refusal, Step};
use fxp_proto::path::VPath;
use tokio::sync::watch;

use super::probe::Probe;
use super::{Direction, Ear, Finding, Outcome, Patient, Verdict};
use crate::explain::{self, Pair};
use crate::lane::{Carriage, Lane, Trial};
use crate::plan::ladder::Rung;
use crate::plan::walk::interrupted;
use crate::policy::VerifyChoice;
use crate::report::{Trouble, TroubleKind};
use crate::retry;
use crate::run::Stop;
use crate::verify::{self, At};

/// What is tried, and who hears of it.
pub(super) struct Trials<'a> {
    pub(super) pair: Pair<'a>,
    pub(super) direction: &'a Direction,
    pub(super) rungs: &'a [Rung],
    pub(super) ear: Ear<'a>,
}

/// What came of one rung.
enum Tried {
    Outcome(Outcome),
    /// A server said no, and what it said may rule out other rungs.
    Refused(Box<(Failure, Trouble)>),
}

impl Trials<'_> {
    /// Tries them all.
    pub(super) async fn run(
        &self,
        lane: &mut Lane,
        source: &mut Patient,
        destination: &mut Patient,
        probe: &mut Probe,
        stop: &Stop,
    ) -> Result<Verdict, Trouble> {
        let from = probe.upload(source, &mut stop.clone()).await?;
        let mut failures: Vec<(Rung, Failure)> = Vec::new();
        let mut troubles: Vec<Trouble> = Vec::new();
        let mut possible = false;
        for (index, rung) in self.rungs.iter().enumerate() {
            let outcome = match lane.ruled_out_by(rung, &failures) {
                Some(because) => Outcome::RuledOut(self.number(&because)),
                None => {
                    let to = probe.next_copy(destination)?;
                    let attempt = Attempt { rung, from: &from, to: &to };
                    let tried = attempt.run(lane, source, destination, stop).await;
                    probe.remove(destination, &to).await;
                    match tried {
                        Tried::Outcome(outcome) => outcome,
                        Tried::Refused(refused) => {
                            let (failure, trouble) = *refused;
                            failures.push((rung.clone(), failure));
                            Outcome::Fails(trouble)
                        }
                    }
                }
            };
            if *stop.borrow() {
                return Err(interrupted());
            }
            possible |= matches!(outcome, Outcome::Works(_));
            let number = index + 1;
            (self.ear)(Finding::Trial { direction: self.direction, number, rung, outcome: &outcome });
            if let Outcome::Fails(trouble) = outcome {
                // What is about the file the other rungs would meet too.
                let hopeless = matches!(trouble.class, Some(Refusal::Path | Refusal::Space | Refusal::Login));
                troubles.push(trouble);
                if hopeless {
                    break;
                }
            }
        }
        let trouble = (!possible).then(|| self.why_not(&failures, troubles)).flatten();
        Ok(Verdict { possible, tried: true, trouble })
    }

    /// Why nothing worked. A server that refuses says more than a network that failed.
    fn why_not(&self, failures: &[(Rung, Failure)], troubles: Vec<Trouble>) -> Option<Trouble> {
        explain::refused(self.pair, failures).or_else(|| troubles.into_iter().next())
    }

    fn number(&self, rung: &Rung) -> usize {
        self.rungs.iter().position(|other| other == rung).map_or(0, |index| index + 1)
    }
}

/// The probe's way through one rung.
struct Attempt<'a> {
    rung: &'a Rung,
    from: &'a VPath,
    to: &'a VPath,
}

impl Attempt<'_> {
    /// Moves the probe and compares it, within the ceiling.
    async fn run(
        &self,
        lane: &mut Lane,
        source: &mut Patient,
        destination: &mut Patient,
        stop: &Stop,
    ) -> Tried {
        let (ring, mut bell) = watch::channel(false);
        let seen = bell.clone();
        let mut stop = stop.clone();
        let ringing = async {
            tokio::select! {
                () = retry::stopped(&mut stop) => {}
                () = tokio::time::sleep(CEILING) => {}
            }
            ring.send_replace(true);
            std::future::pending::<Infallible>().await
        };
        let tried = tokio::select! {
            tried = retry::orderly(self.carry(lane, source, destination, &mut bell), &seen) => tried,
            never = ringing => match never {},
        };
        match tried {
            Some(Tried::Outcome(Outcome::Fails(trouble))) if trouble.kind == TroubleKind::Interrupted => {
                Tried::Outcome(Outcome::Fails(self.too_long(lane)))
            }
            Some(tried) => tried,
            None => {
                // They were left in the middle of something.
                source.retire();
                destination.retire();
                Tried::Outcome(Outcome::Fails(self.too_long(lane)))
            }
        }
    }

    async fn carry(
        &self,
        lane: &mut Lane,
        source: &mut Patient,
        destination: &mut Patient,
        stop: &mut Stop,
    ) -> Tried {
        let mut carriage = Carriage {
            file: 0,
            source: &mut source.side,
            destination: &mut destination.side,
            from: self.from,
            to: self.to,
            name: self.to,
            offset: 0,
            size_before: None,
            begun: &AtomicBool::new(false),
            doubtful: &AtomicBool::new(false),
        };
        match lane.try_only(self.rung.clone(), &mut carriage, stop).await {
            Trial::Refused(refused) => return Tried::Refused(refused),
            Trial::Failed(trouble) => return Tried::Outcome(Outcome::Fails(trouble)),
            Trial::Arrived => {}
        }
        let at_source = At { side: &mut source.side, path: self.from };
        let at_destination = At { side: &mut destination.side, path: self.to };
        Tried::Outcome(match verify::compare(at_source, at_destination, VerifyChoice::Auto).await {
            Ok(verified) => Outcome::Works(verified.how),
            Err(mut trouble) => {
                if trouble.kind == TroubleKind::Verification
                    && let Some(why) = lane.doubt(self.rung)
                {
                    trouble.remedy.get_or_insert_with(|| why.to_owned());
                }
                Outcome::Fails(trouble)
            }
        })
    }

    /// Nothing arrived in time.
    fn too_long(&self, lane: &Lane) -> Trouble {
        let silence = Failure {
            leg: self.rung.method.passive,
            step: Step::Transfer,
            verb: None,
            reply: None,
            other: None,
            class: Refusal::TimedOut,
        };
        let what = format!("the probe did not arrive within {} s", CEILING.as_secs());
        Trouble { what, ..explain::of_file(self.rung, &silence, lane.products()) }
    }
}

/// For one rung: longer than most servers wait before they give up a connection to which nobody comes.
const CEILING: Duration = Duration::from_secs(30);
