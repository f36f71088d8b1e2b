//! When no rung is left: the explanation, and what of the ladder is worth another try with the next file.

use super::{Carriage, Lane};
use crate::explain::{self, Pair};
use crate::report::{Trouble, TroubleKind};

impl Lane {
    /// No rung is left: why, and what to do.
    pub(super) fn impossible(&mut self, carriage: &Carriage<'_>) -> Trouble {
        let name = format!(
            "{} to {}",
            carriage.source.name(carriage.from),
            carriage.destination.name(carriage.name)
        );
        let pair = Pair { name: &name, products: &self.products, ladder: &self.ladder };
        let Some(trouble) = explain::refused(pair, &self.failures) else { return explain::impossible(pair) };
        if trouble.kind == TroubleKind::Network {
            // Another time may be better, so the ladder is set up again.
            self.rungs = self.failures.drain(..).map(|(rung, _)| rung).collect();
        } else if self.has_worked {
            // Other files did get through: the next one may again (rules can be about paths).
            self.failures.clear();
            self.rungs = self.all_rungs();
        }
        trouble
    }
}
