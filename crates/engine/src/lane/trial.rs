//! One rung at a time, for whoever wants to know of each whether it works, not only of the first that does.

use fxp_proto::pair::exchange::Failure;

use super::{Carriage, Lane, Tried};
use crate::explain;
use crate::plan::ladder::Rung;
use crate::product::Products;
use crate::report::Trouble;
use crate::run::Stop;

/// What came of trying one rung.
pub(crate) enum Trial {
    /// Both servers said that the file was transferred.
    Arrived,
    /// The rung does not work; boxed, since it is large and rare.
    Refused(Box<(Failure, Trouble)>),
    /// The file failed, or the network.
    Failed(Trouble),
}

impl Lane {
    /// The ladder, and below it what only earlier lessons forbid.
    pub(crate) fn every_rung(&self) -> Vec<Rung> {
        self.all_rungs()
    }

    /// What the two servers are.
    pub(crate) fn products(&self) -> &Products {
        &self.products
    }

    /// The first of `failures` that says that `rung` cannot work either.
    pub(crate) fn ruled_out_by(&self, rung: &Rung, failures: &[(Rung, Failure)]) -> Option<Rung> {
        let (because, _) = failures.iter().find(|(tried, failure)| self.rules_out(failure, tried, rung))?;
        Some(because.clone())
    }

    /// Tries this rung and no other. What it teaches is remembered, as in every copy.
    pub(crate) async fn try_only(
        &mut self,
        rung: Rung,
        carriage: &mut Carriage<'_>,
        stop: &mut Stop,
    ) -> Trial {
        self.rungs = vec![rung.clone()];
        self.failures.clear();
        (self.proven, self.moved) = (false, false);
        match self.carry(carriage, stop).await {
            Tried::Done(_) => Trial::Arrived,
            Tried::Failed(trouble, _) | Tried::Exhausted(trouble) => Trial::Failed(trouble),
            Tried::NextRung(sentence) => match self.failures.pop() {
                Some((_, failure)) => {
                    let trouble = explain::of_file(&rung, &failure, &self.products);
                    Trial::Refused(Box::new((failure, trouble)))
                }
                None => Trial::Failed(Trouble::new(crate::report::TroubleKind::Other, sentence)),
            },
        }
    }
}
