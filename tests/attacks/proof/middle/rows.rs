//! One upgraded end, row by row as the table of docs/spec/peer.md, 16.4, has it: `fxpd` or a server of today sends,
//! either listens, either plays TLS client. The two rows that `fxp` would take by itself are in the tests above;
//! here the user demands each of the others, and the operator of `fxpd` has allowed it by a rule.

use super::attacker::Does;
use super::{Kind, Outcome, SECRET, Scene};

/// What the man in the middle gets to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leak {
    Prevented,
    /// The server of today gives the file to anybody: the known limit.
    Open,
}

/// Who is TLS client and who listens, as fxp has the words.
type Row = (&'static str, &'static str);

/// He passes the bytes on, which shows that the row is taken and works; then he ends TLS on both sides and alters.
fn check(scene: &Scene, (tls_client, passive): Row, assurance: &str, leak: Leak) {
    // As TLS client ProFTPD now and then loses a connection for no reason of his.
    let flags = |retries| ["--json", "--retries", retries, "--tls-client", tls_client, "--passive", passive];
    let row = format!("TLS client {tls_client}, passive {passive}");
    scene.attacker.now(Does::Pass);
    let outcome = scene.copy(&flags("3"));
    let explained = || format!("{row}: {}", scene.explain(&outcome));
    assert_eq!(outcome.ran.code, 0, "{}", explained());
    assert_eq!(outcome.stored.as_deref(), Some(SECRET), "{}", explained());
    let done = event(&outcome, "done").unwrap_or_else(|| panic!("{}", explained()));
    for (name, value) in [("tls_client", tls_client), ("passive", passive), ("assurance", assurance)] {
        assert_eq!(done[name], value, "{name}: {}", explained());
    }
    assert!(scene.attacker.loot() > 0 && !scene.attacker.has_read(&SECRET[..8]), "{}", explained());

    std::fs::remove_file(scene.destination.file("copied")).expect("the copy");
    scene.attacker.now(Does::Alter);
    let outcome = scene.copy(&flags("0"));
    let explained = || format!("{row}: {}", scene.explain(&outcome));
    assert_ne!(outcome.ran.code, 0, "{}", explained());
    assert!(scene.attacker.connections() > 0, "he was not in between: {}", explained());
    let read = if scene.attacker.has_read(&SECRET[..8]) { Leak::Open } else { Leak::Prevented };
    assert_eq!(read, leak, "{}", explained());
    // Forged in no row: what he has fed to a server of today does not get the name.
    assert_eq!(outcome.stored, None, "{}", explained());
    // The report claims nothing for it: no file is done, and no assurance is said.
    assert_eq!(event(&outcome, "done"), None, "{}", explained());
    let failed = event(&outcome, "failed").unwrap_or_else(|| panic!("{}", explained()));
    assert!(failed["assurance"].is_null(), "{}", explained());
    assert!(failed["words"].as_str().is_some_and(|words| words.contains("(id ")), "{}", explained());
}

fn event(outcome: &Outcome, name: &str) -> Option<serde_json::Value> {
    outcome.ran.events().into_iter().find(|event| event["event"] == name)
}

/// Whichever end it is, `fxpd` shows the file to nobody but the pinned destination.
#[test]
fn a_source_that_pins_shows_him_nothing_in_any_role() {
    let Some(scene) = Scene::new(Kind::FxpdWithRule, Kind::Proftpd, Does::Pass) else { return };
    for row in [("source", "destination"), ("destination", "source"), ("destination", "destination")] {
        check(&scene, row, "confidential", Leak::Prevented);
    }
}

/// Whichever end it is, `fxpd` stores nothing but what the pinned source has sent; that the source has shown the
/// file to him is the limit, and the copy fails for it.
#[test]
fn a_destination_that_pins_stores_nothing_of_his_in_any_role() {
    let Some(scene) = Scene::new(Kind::Proftpd, Kind::FxpdWithRule, Does::Pass) else { return };
    for row in [("destination", "source"), ("source", "destination"), ("source", "source")] {
        check(&scene, row, "authentic", Leak::Open);
    }
}
