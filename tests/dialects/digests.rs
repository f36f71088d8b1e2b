//! Digests that take their time, fail at first, or are never to be had.

use std::time::Duration;

use fxp_testkit::daemon::Setup;
use fxp_testkit::dialect::products::ORDINARY;
use fxp_testkit::dialect::{Dialect, Features, Labour, Xcrc};
use serde_json::{Value, json};

use crate::fxp::Ran;
use crate::stage::Stage;

/// Computes CRC32, and nothing else.
const CRC: Dialect = Dialect {
    name: "crc",
    features: Features { list: &["SIZE", "MDTM", "REST STREAM", "UTF8", "XCRC"], ..ORDINARY.features },
    xcrc: Some(Xcrc { reply: "250 {}", trimmed: false }),
    ..ORDINARY
};

const BUSY: &str = "451 Too busy to compute anything just now";

fn failing(times: u32, words: &'static str) -> Dialect {
    Dialect { labour: Labour { fails: (times, words), ..CRC.labour }, ..CRC }
}

/// Two servers of which the destination has copies, brought by other means.
fn stage(destination: &Dialect) -> Stage {
    let stage = Stage::new(Some(&CRC), Some(destination), Setup::PLAIN);
    let (from, to) = (stage.source.root().join("tree"), stage.destination.root().join("copy"));
    std::fs::create_dir(&to).expect("a folder");
    for name in ["one", "and two"] {
        std::fs::copy(from.join(name), to.join(name)).expect("a copy");
    }
    stage
}

fn run(stage: &Stage, command: &[&str]) -> Ran {
    let (from, to) = (stage.source.url("tree/"), stage.destination.url("copy/"));
    let fixed = ["--json", "--tls", "off"];
    stage.fxp.run(fixed.iter().chain(command).copied().chain([from.as_str(), to.as_str()]))
}

fn last(ran: &Ran) -> Value {
    ran.events().pop().expect("events")
}

fn of_kind(ran: &Ran, kind: &str) -> Vec<Value> {
    ran.events().into_iter().filter(|event| event["event"] == kind).collect()
}

#[test]
fn a_digest_may_take_longer_than_any_other_answer() {
    let slow = Dialect { labour: Labour { takes: Duration::from_secs(5), ..CRC.labour }, ..CRC };
    let stage = stage(&slow);
    // Answers have to come within four seconds, digests need not.
    let ran = run(&stage, &["--timeout", "4", "check", "--checksum", "always", "--retries", "0"]);
    assert_eq!(ran.code, 0, "{}", stage.explain(&ran));
    assert_eq!(last(&ran)["equal_by_digest"], 2, "{}", stage.explain(&ran));
}

#[test]
fn a_digest_that_fails_is_asked_for_again() {
    for words in [BUSY, "421 Going down, come back soon"] {
        let stage = stage(&failing(2, words));
        let ran = run(&stage, &["check", "--checksum", "always"]);
        assert_eq!((ran.code, &last(&ran)["equal_by_digest"]), (0, &2.into()), "{}", stage.explain(&ran));

        let stage = self::stage(&failing(2, words));
        let ran = run(&stage, &["sync", "--checksum"]);
        let summary = last(&ran);
        let found = [&summary["files"], &summary["unchanged"], &summary["unchanged_unproven"]];
        assert_eq!((ran.code, found), (0, [&0.into(), &2.into(), &0.into()]), "{}", stage.explain(&ran));

        let stage = self::stage(&failing(2, words));
        let ran = stage.fxp.run(["--json", "--tls", "off", "hash", "-r", &stage.destination.url("copy")]);
        assert_eq!((ran.code, of_kind(&ran, "digest").len()), (0, 2), "{}", stage.explain(&ran));
    }
}

#[test]
fn what_can_never_be_computed_is_not_proven_equal() {
    let stage = stage(&failing(u32::MAX, BUSY));
    let ran = run(&stage, &["check", "--retries", "1"]);
    assert_eq!(ran.code, 9, "{}", stage.explain(&ran));
    let told = of_kind(&ran, "compared");
    assert_eq!(told.len(), 2, "{}", stage.explain(&ran));
    for file in told {
        assert_eq!(file["state"], "not_proven", "{file}");
        assert!(file["text"].as_str().is_some_and(|text| text.contains(BUSY)), "{file}");
    }
    let checked = last(&ran);
    let counted = ["equal_by_digest", "equal_unproven", "failed", "equal"].map(|key| checked[key].clone());
    assert_eq!(json!(counted), json!([0, 0, 2, false]), "{checked}");
    // Two files, each asked about twice.
    assert_eq!(stage.destination.log().matches("< XCRC ").count(), 4, "{}", stage.destination.log());

    let ran = run(&stage, &["sync", "--checksum", "--retries", "0"]);
    assert_eq!(ran.code, 9, "{}", stage.explain(&ran));
    let failed = of_kind(&ran, "failed");
    assert_eq!(failed.len(), 2, "{}", stage.explain(&ran));
    for file in failed {
        assert!(file["what"].as_str().is_some_and(|what| what.starts_with("not proven equal")), "{file}");
        assert!(file["remedy"].as_str().is_some_and(|remedy| remedy.contains("--retries")), "{file}");
    }
    let hashed =
        stage.fxp.run(["--tls", "off", "hash", "-r", "--retries", "0", &stage.destination.url("copy")]);
    assert!(hashed.code != 0 && hashed.stderr.contains(BUSY), "{hashed:?}");
}

#[test]
fn sync_names_what_nobody_can_prove() {
    let stage = stage(&ORDINARY);
    let ran = run(&stage, &["sync", "--checksum"]);
    let summary = last(&ran);
    let found = [&summary["files"], &summary["unchanged"], &summary["unchanged_unproven"]];
    assert_eq!((ran.code, found), (0, [&0.into(), &0.into(), &2.into()]), "{}", stage.explain(&ran));
    let (from, to) = (stage.source.url("tree/"), stage.destination.url("copy/"));
    let ran = stage.fxp.run(["--tls", "off", "sync", "--checksum", &from, &to]);
    assert!(ran.stderr.contains("2 there already, not proven equal"), "{ran:?}");
    assert!(ran.stderr.contains("/copy/one: the two servers compute no digest in common"), "{ran:?}");
}
