//! When no rung is left: what was tried, why each failed, and what would help.

use fxp_proto::pair::exchange::{Failure, Refusal};
use fxp_proto::pair::leg::Leg;

use super::{Carriage, Lane, broke_off};
use crate::explain;
use crate::plan::ladder::Why;
use crate::report::{Trouble, TroubleKind};

impl Lane {
    /// No rung is left: why, and what to do.
    pub(super) fn impossible(&mut self, carriage: &Carriage<'_>) -> Trouble {
        let pair = format!(
            "{} to {}",
            carriage.source.name(carriage.from),
            carriage.destination.name(carriage.name)
        );
        let Some((_, decisive)) = self.failures.iter().max_by_key(|(_, failure)| weight(failure)) else {
            return self.impossible_from_the_start(&pair);
        };
        let decisive = decisive.clone();
        let rungs: Vec<String> = self
            .failures
            .iter()
            .map(|(rung, failure)| format!("{rung}: {}", explain::sentence(rung, failure, &self.products)))
            .collect();
        // Only the network failed, each time: another time may be better, so the ladder is set up again.
        if weight(&decisive) == 0 {
            self.rungs = self.failures.drain(..).map(|(rung, _)| rung).collect();
            let mut trouble =
                Trouble::new(TroubleKind::Network, format!("no way of copying {pair} directly worked"))
                    .on(Some(decisive.leg))
                    .class(decisive.class);
            trouble.rungs = rungs;
            return trouble;
        }
        let mut remedies: Vec<String> = Vec::new();
        for (rung, failure) in &self.failures {
            if let Some(remedy) = explain::remedy(&rung.method, failure, &self.products)
                && !remedies.contains(&remedy)
            {
                remedies.push(remedy);
            }
        }
        remedies.push(RELAY.to_owned());
        let mut trouble = Trouble::new(TroubleKind::FxpImpossible, format!("FXP of {pair} was refused"))
            .on(Some(decisive.leg))
            .class(decisive.class)
            .remedy(remedies.join("; or "));
        trouble.words = decisive.reply.as_ref().map(|reply| format!("{} {}", reply.code, reply.text()));
        trouble.rungs = rungs;
        if self.has_worked {
            // Other files did get through: the next one may again (rules can be about paths).
            self.failures.clear();
            self.rungs = self.all_rungs();
        }
        trouble
    }

    fn impossible_from_the_start(&self, pair: &str) -> Trouble {
        let mut remedies = Vec::new();
        for why in self.ladder.reasons() {
            match why {
                Why::DemandsReuse(leg) => {
                    remedies.push(explain::remedy_of_reuse(leg, self.products.of(leg)));
                }
                Why::ControlInClear(leg) => {
                    remedies.push(format!(
                        "reach the {leg} by TLS (ftpes://, or tls = \"require\" in its site entry)"
                    ));
                }
                Why::ClearForbidden | Why::ClearForbiddenBy(_) if self.rungs.is_empty() => {
                    remedies.push("--secure off copies in clear".to_owned());
                }
                _ => {}
            }
        }
        let server_only: Vec<&str> = Leg::BOTH
            .into_iter()
            .filter_map(|leg| self.products.of(leg))
            .filter(|product| product.tls_server_only)
            .map(|product| product.name)
            .collect();
        if server_only.len() == 2 {
            remedies.insert(
                0,
                format!(
                    "protected FXP needs an end that can be TLS client (fxpd, ProFTPD, glFTPd, DrFTPD and others), and \
                     {} never can",
                    server_only.join(" and ")
                ),
            );
        }
        remedies.push(RELAY.to_owned());
        remedies.dedup();
        let what = format!("FXP of {pair} is impossible: {}", self.ladder.why_impossible());
        let mut trouble = Trouble::new(TroubleKind::FxpImpossible, what).remedy(remedies.join("; or "));
        trouble.rungs = self.ladder.struck.iter().map(ToString::to_string).collect();
        trouble
    }
}

/// How much a failure explains when everything failed; 0 is the network's mood.
fn weight(failure: &Failure) -> u8 {
    match failure.class {
        Refusal::Connectivity if broke_off(failure) => 0,
        Refusal::Lost | Refusal::TimedOut | Refusal::Transient | Refusal::Aborted | Refusal::Login => 0,
        Refusal::Other | Refusal::Path | Refusal::Space => 1,
        Refusal::Connectivity | Refusal::Unsupported => 2,
        Refusal::Address => 3,
        Refusal::TlsRole | Refusal::Policy => 4,
    }
}

const RELAY: &str = "--via relay sends the bytes through this machine";
