//! The words that stand in the tables.

use crate::digest;
use crate::report::{Assurance, Route};

/// Each assurance and its word.
const ASSURANCES: [(Assurance, &str); 7] = [
    (Assurance::Mutual, "mutual"),
    (Assurance::Confidential, "confidential"),
    (Assurance::Authentic, "authentic"),
    (Assurance::Encrypted, "encrypted"),
    (Assurance::Clear, "clear"),
    (Assurance::Relay, "relay"),
    (Assurance::Unknown, "unknown"),
];

pub(super) fn of_assurance(assurance: Assurance) -> &'static str {
    ASSURANCES.iter().find(|(known, _)| *known == assurance).map_or("unknown", |(_, word)| word)
}

pub(super) fn assurance(word: Option<&str>) -> Assurance {
    let found = ASSURANCES.iter().find(|(_, known)| Some(*known) == word);
    found.map_or(Assurance::Unknown, |(assurance, _)| *assurance)
}

/// The name of a digest as reports have it.
pub(super) fn algorithm(word: &str) -> Option<&'static str> {
    digest::named(word).map(digest::name)
}

pub(super) fn of_route(route: Route) -> &'static str {
    match route {
        Route::Direct => "direct",
        Route::Relay => "relay",
        Route::Local => "local",
        Route::Renamed => "renamed",
    }
}
