//! What `fxp doctor` found, as records of the stream.

use fxp_engine::doctor::{self, Direction, Outcome};
use fxp_engine::plan::ladder::{self, Rung};
use fxp_engine::product::Products;
use fxp_engine::report::Verification;
use serde::Serialize;

use super::Trouble;
use crate::output::assurance_word;

/// The methods of one direction.
#[derive(Serialize)]
pub(super) struct Ladder<'a> {
    source: &'a str,
    destination: &'a str,
    rungs: Vec<Method>,
    struck: Vec<String>,
}

/// One method.
#[derive(Serialize)]
struct Method {
    method: &'static str,
    passive: String,
    tls_client: Option<String>,
    assurance: &'static str,
    source_told: String,
    destination_told: String,
}

/// What came of one method.
#[derive(Serialize)]
pub(super) struct Trial<'a> {
    source: &'a str,
    destination: &'a str,
    number: usize,
    #[serde(flatten)]
    method: Method,
    outcome: &'static str,
    verified: Option<&'a str>,
    ruled_out_by: Option<usize>,
    what: Option<String>,
    words: Option<String>,
    remedy: Option<String>,
}

/// What came of one direction.
#[derive(Serialize)]
pub(super) struct Verdict<'a> {
    source: &'a str,
    destination: &'a str,
    possible: bool,
    tried: bool,
    trouble: Option<Trouble<'a>>,
}

impl<'a> Ladder<'a> {
    pub(super) fn of(direction: &'a Direction, products: &Products, ladder: &ladder::Ladder) -> Self {
        Ladder {
            source: &direction.source,
            destination: &direction.destination,
            rungs: ladder.rungs.iter().map(Method::of).collect(),
            struck: ladder.struck.iter().map(|struck| struck.sentence(products)).collect(),
        }
    }
}

impl Method {
    fn of(rung: &Rung) -> Self {
        Method {
            method: rung.method.word(),
            passive: rung.method.passive.to_string(),
            tls_client: rung.method.tls.map(|tls| tls.client.to_string()),
            assurance: assurance_word(rung.assurance),
            source_told: rung.source.clone(),
            destination_told: rung.destination.clone(),
        }
    }
}

impl<'a> Trial<'a> {
    pub(super) fn of(direction: &'a Direction, number: usize, rung: &Rung, outcome: &'a Outcome) -> Self {
        let trouble = match outcome {
            Outcome::Fails(trouble) => Some(trouble),
            Outcome::Works(_) | Outcome::RuledOut(_) => None,
        };
        Trial {
            source: &direction.source,
            destination: &direction.destination,
            number,
            method: Method::of(rung),
            outcome: match outcome {
                Outcome::Works(_) => "works",
                Outcome::Fails(_) => "fails",
                Outcome::RuledOut(_) => "ruled_out",
            },
            verified: match outcome {
                Outcome::Works(Verification::Digest { algorithm, .. }) => Some(algorithm),
                Outcome::Works(Verification::Size) => Some("size"),
                Outcome::Fails(_) | Outcome::RuledOut(_) => None,
            },
            ruled_out_by: match outcome {
                Outcome::RuledOut(because) => Some(*because),
                Outcome::Works(_) | Outcome::Fails(_) => None,
            },
            what: trouble.map(|trouble| trouble.what.clone()),
            words: trouble.and_then(|trouble| trouble.words.clone()),
            remedy: trouble.and_then(|trouble| trouble.remedy.clone()),
        }
    }
}

impl<'a> Verdict<'a> {
    pub(super) fn of(direction: &'a Direction, verdict: &doctor::Verdict) -> Self {
        Verdict {
            source: &direction.source,
            destination: &direction.destination,
            possible: verdict.possible,
            tried: verdict.tried,
            trouble: verdict.trouble.as_ref().map(|trouble| Trouble::of(&trouble.clone().into())),
        }
    }
}
