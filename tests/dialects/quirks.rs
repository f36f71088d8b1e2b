//! What a client must survive: twenty-five quirks of servers in the field, each by its number. A quirk with
//! several forms has them all in its rows.

mod addresses;
mod roles;
mod transfers;
mod words;

use fxp_testkit::daemon::Setup;
use fxp_testkit::dialect::products::{ORDINARY, SSCN};
use fxp_testkit::dialect::{Dialect, Features};

use crate::fxp::Ran;
use crate::stage::Stage;

/// A server with SSCN and nothing peculiar.
const WITH_SSCN: Dialect = Dialect {
    features: Features { in_tls: &["AUTH TLS", "PBSZ", "PROT", "SSCN"], ..ORDINARY.features },
    sscn: Some(SSCN),
    ..ORDINARY
};

/// Both ways between `dialect` and `fxpd`, and through this machine, without a fallback.
fn works(dialect: &Dialect, setup: Setup) {
    for (source, destination) in [(Some(dialect), None), (None, Some(dialect))] {
        let stage = Stage::new(source, destination, setup);
        stage.must_copy_at_once("direct", &[]);
        stage.must_copy("relayed", &["--via", "relay"]);
    }
}

/// The event `failed` of a run that failed, which quotes `words` and has a remedy.
fn failed(stage: &Stage, ran: &Ran, words: &str) -> serde_json::Value {
    assert_ne!(ran.code, 0, "{}", stage.explain(ran));
    let events = ran.events();
    let failed = events.iter().find(|event| event["event"] == "failed").expect("a failure").clone();
    // Where both ends complained of the last rung, the other end may have been the first to do so.
    let said = failed["words"].as_str().unwrap_or_default().contains(words);
    let told = failed["tried"].as_array().into_iter().flatten();
    let told = said || told.filter_map(|rung| rung.as_str()).any(|rung| rung.contains(words));
    assert!(told, "not in its words: {words}: {}", stage.explain(ran));
    failed
}

/// What a run had to fall back on.
fn fallbacks(ran: &Ran) -> Vec<String> {
    let events = ran.events().into_iter().filter(|event| event["event"] == "fallback");
    events.map(|event| event["text"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn all_twenty_five_are_here() {
    let files = [
        include_str!("quirks/addresses.rs"),
        include_str!("quirks/roles.rs"),
        include_str!("quirks/transfers.rs"),
        include_str!("quirks/words.rs"),
    ];
    for number in 1..=25 {
        let name = format!("#[test]\nfn quirk_{number:02}_");
        let found: usize = files.iter().map(|file| file.matches(&name).count()).sum();
        assert_eq!(found, 1, "quirk {number}");
    }
}
