//! The doctor among real daemons: what it says works does, and what does not is explained in the words of
//! the product.

use fxp_testkit::daemon::{Product, Setup};
use serde_json::Value;

use crate::pairs::Pair;

/// `fxp doctor --try` from the source to the destination and back; its events, and the exit code.
fn examine(pair: &Pair) -> (i32, Vec<Value>) {
    let (one, two) = (pair.source.url(""), pair.destination.url(""));
    let ran = pair.fxp.run(["--json", "--tls", "require", "doctor", "--try", one.as_str(), two.as_str()]);
    for daemon in [&pair.source, &pair.destination] {
        let left = std::fs::read_dir(&daemon.root).expect("a directory").filter_map(Result::ok);
        let left: Vec<_> = left
            .map(|entry| entry.file_name())
            .filter(|name| name.to_string_lossy().contains("doctor"))
            .collect();
        assert!(left.is_empty(), "{left:?} is left\n{}", pair.explain(&ran));
    }
    assert!(ran.events().iter().any(|event| event["event"] == "verdict"), "{}", pair.explain(&ran));
    (ran.code, ran.events())
}

fn trials(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["event"] == "trial").collect()
}

#[test]
fn what_is_allowed_works_in_both_directions() {
    for product in [Product::Proftpd, Product::Vsftpd, Product::Pureftpd] {
        let Some(pair) = Pair::start("the doctor", Product::Fxpd, product, Setup::TLS) else { return };
        let (code, events) = examine(&pair);
        assert_eq!(code, 0, "{}: {events:#?}", pair.names());
        let works = trials(&events).iter().filter(|trial| trial["outcome"] == "works").count();
        assert!(works >= 2, "{}: {events:#?}", pair.names());
    }
}

#[test]
fn what_the_default_configuration_refuses_is_explained() {
    let rows: [(Product, &[&str]); 2] =
        [(Product::Proftpd, &["AllowForeignAddress"]), (Product::Vsftpd, &["port_promiscuous=YES"])];
    for (product, settings) in rows {
        let setup = Setup { fxp: false, demand_reuse: true, ..Setup::TLS };
        let Some(pair) = Pair::start("the doctor", Product::Fxpd, product, setup) else { return };
        let (code, events) = examine(&pair);
        assert_eq!(code, 8, "{}: {events:#?}", pair.names());
        let trials = trials(&events);
        let remedies: String = trials.iter().filter_map(|trial| trial["remedy"].as_str()).collect();
        for setting in settings {
            assert!(remedies.contains(setting), "{}: no {setting} in {remedies}", pair.names());
        }
        assert!(trials.iter().any(|trial| trial["outcome"] == "ruled_out"), "{}: {trials:#?}", pair.names());
    }
}
