//! What `fxp doctor` found, as lines for people.

use fxp_engine::doctor::{Direction, Finding, Outcome, Verdict};
use fxp_engine::explain::RELAY;
use fxp_engine::plan::ladder::{Ladder, Rung};
use fxp_engine::product::Products;
use fxp_engine::report::{Trouble, TroubleKind, Verification};

use super::items;
use crate::output::printer::{ERROR, GOOD, HINT, LABEL, WARNING, styled};

/// One finding, line by line; with `all` also what explains nothing.
pub(super) fn lines(finding: Finding<'_>, all: bool) -> Vec<String> {
    match finding {
        Finding::Server { name, facts } => {
            let mut lines = vec![name.to_owned()];
            lines.extend(items::patient_lines(facts).into_iter().map(|line| format!("  {line}")));
            lines.push(String::new());
            lines
        }
        Finding::Ladder { direction, products, ladder, tried } => {
            ladder_lines(direction, products, ladder, tried, all)
        }
        Finding::Trial { number, rung, outcome, .. } => trial_lines(number, rung, outcome),
        Finding::Verdict { direction, verdict } => verdict_lines(direction, verdict),
        Finding::Leftover { .. } => Vec::new(),
    }
}

/// The methods, unless each is about to be tried, and why there are no others.
fn ladder_lines(
    direction: &Direction,
    products: &Products,
    ladder: &Ladder,
    tried: &[Rung],
    all: bool,
) -> Vec<String> {
    let mut lines = vec![format!("{} to {}", direction.source, direction.destination)];
    if tried.is_empty() {
        let rungs = ladder.rungs.iter().enumerate();
        lines.extend(rungs.map(|(index, rung)| format!("  {}. {rung}", index + 1)));
    }
    match all {
        true => lines.extend(ladder.struck.iter().map(|struck| reason(&struck.sentence(products)))),
        // Each reason once; why nothing is left is told at the end.
        false if !ladder.rungs.is_empty() => {
            lines.extend(ladder.reasons().into_iter().map(|why| reason(&why.sentence(products))));
        }
        false => {}
    }
    lines
}

fn reason(sentence: &str) -> String {
    format!("  {}  {sentence}", styled(LABEL, "-"))
}

fn trial_lines(number: usize, rung: &Rung, outcome: &Outcome) -> Vec<String> {
    let mut lines = vec![format!("  {number}. {rung}")];
    match outcome {
        Outcome::Works(verified) => {
            let how = match verified {
                Verification::Digest { algorithm, .. } => format!("{algorithm} is the same on both sides"),
                Verification::Size => "only the size could be compared".to_owned(),
            };
            lines.push(format!("     {}: 1 KiB arrived, {how}", styled(GOOD, "works")));
        }
        Outcome::Fails(trouble) => {
            lines.push(format!("     {}: {trouble}", styled(ERROR, "fails")));
            lines.extend(hint(trouble));
        }
        Outcome::RuledOut(because) => lines.push(format!(
            "     {}: what was said to {because}. rules this out too",
            styled(WARNING, "not tried")
        )),
    }
    lines
}

fn verdict_lines(direction: &Direction, verdict: &Verdict) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(trouble) = &verdict.trouble {
        lines.push(format!("  {} {trouble}", styled(ERROR, "error:")));
        // With a probe each rung has said what would help it.
        match verdict.tried && trouble.kind == TroubleKind::FxpImpossible {
            true => lines.push(format!("     {} what is said above; or {RELAY}", styled(HINT, "hint"))),
            false => lines.extend(hint(trouble)),
        }
    } else if !verdict.possible {
        let Direction { source, destination } = direction;
        lines.push(format!("  {} nothing from {source} to {destination} works", styled(ERROR, "error:")));
    }
    lines.push(String::new());
    lines
}

fn hint(trouble: &Trouble) -> Option<String> {
    trouble.remedy.as_ref().map(|remedy| format!("     {} {remedy}", styled(HINT, "hint")))
}
