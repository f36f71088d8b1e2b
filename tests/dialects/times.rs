//! Servers whose times are rough, local, rounded, or not to be set: a second `sync` sends nothing all the same, a changed
//! file is sent, and what was learned is said, shown and forgotten.

use std::fs::File;
use std::time::{Duration, SystemTime};

use fxp_testkit::daemon::Setup;
use fxp_testkit::dialect::products::ORDINARY;
use fxp_testkit::dialect::{Dialect, Features, Times};
use serde_json::Value;

use crate::fxp::Ran;
use crate::stage::{Cast, Stage};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Tells times in listings only, to the minute, and lets them be set.
const MINUTES: Dialect = Dialect {
    name: "minutes",
    features: Features { list: &["SIZE", "MFMT", "REST STREAM", "UTF8"], ..ORDINARY.features },
    times: Times { listed: 0, told: None, set: Some("MFMT"), even: false },
    ..ORDINARY
};

const fn in_zone(hours: i64) -> Dialect {
    Dialect { name: "local time", times: Times { listed: hours * 3600, ..MINUTES.times }, ..MINUTES }
}

/// Two servers, and files that were modified so many seconds ago.
fn stage(source: Cast<'_>, destination: Cast<'_>, ago: [u64; 2]) -> Stage {
    let stage = Stage::new(source, destination, Setup::PLAIN);
    for (name, ago) in ["one", "and two"].into_iter().zip(ago) {
        touch(&stage, name, SystemTime::now() - Duration::from_secs(ago));
    }
    stage
}

fn touch(stage: &Stage, name: &str, time: SystemTime) {
    let file = File::options().write(true).open(stage.source.root().join("tree").join(name)).expect("a file");
    file.set_modified(time).expect("a time");
}

fn run(stage: &Stage, command: &[&str]) -> Ran {
    let (from, to) = (stage.source.url("tree/"), stage.destination.url("copy/"));
    let fixed = ["--json", "--tls", "off"];
    stage.fxp.run(fixed.iter().chain(command).copied().chain([from.as_str(), to.as_str()]))
}

fn sync(stage: &Stage) -> Ran {
    let ran = run(stage, &["sync"]);
    assert_eq!(ran.code, 0, "{}", stage.explain(&ran));
    ran
}

fn event(ran: &Ran, kind: &str) -> Value {
    ran.events().into_iter().find(|event| event["event"] == kind).unwrap_or_default()
}

/// The second sync finds both files equal before it looks at any journal. What is said of times.
fn sends_nothing(stage: &Stage) -> Value {
    let ran = sync(stage);
    let (planned, summary) = (event(&ran, "planned"), event(&ran, "summary"));
    let found = [&planned["files"], &planned["unchanged"], &summary["files"], &summary["unchanged"]];
    assert_eq!(found, [0, 2, 0, 2].map(Value::from).each_ref(), "{}", stage.explain(&ran));
    summary["times"][0].clone()
}

fn sends_one(stage: &Stage) {
    let summary = event(&sync(stage), "summary");
    assert_eq!((&summary["files"], &summary["unchanged"]), (&1.into(), &1.into()), "{}", stage.names());
}

/// From the first sync to the one that sends what was changed. `later`: what is learned.
fn story(source: Cast<'_>, destination: Cast<'_>, ago: [u64; 2], later: i64) -> Stage {
    let stage = stage(source, destination, ago);
    let first = event(&sync(&stage), "summary");
    assert_eq!(first["files"], 2, "{}: {first}", stage.names());
    assert_eq!(first["times"][0]["later_seconds"][0], later, "{}: {first}", stage.names());
    let times = sends_nothing(&stage);
    assert_eq!((&times["compared"], &times["later_seconds"][0]), (&"time".into(), &later.into()), "{times}");
    let check = run(&stage, &["check", "--checksum", "never", "--all"]);
    assert_eq!(check.code, 0, "{}", stage.explain(&check));
    let checked = event(&check, "checked");
    assert_eq!(
        (&checked["equal_unproven"], &checked["times"]["later_seconds"][0]),
        (&2.into(), &later.into())
    );

    touch(&stage, "one", SystemTime::now() - Duration::from_secs(ago[0] + DAY + 3 * HOUR / 2));
    sends_one(&stage);
    sends_nothing(&stage);
    stage
}

#[test]
fn minutes_are_enough() {
    story(None, Some(&MINUTES), [2 * HOUR, 3 * HOUR], 0);
    story(Some(&Dialect { times: ORDINARY.times, ..ORDINARY }), Some(&MINUTES), [2 * HOUR, 3 * HOUR], 0);
}

#[test]
fn local_time_is_seen_through() {
    story(None, Some(&in_zone(2)), [2 * HOUR, 30 * HOUR], 7200);
    story(None, Some(&in_zone(-5)), [2 * HOUR, 30 * HOUR], -18_000);
    // A source that tells local time, whatever it is asked.
    let source = Dialect {
        name: "local source",
        features: ORDINARY.features,
        times: Times { listed: 7200, told: Some(7200), ..MINUTES.times },
        ..MINUTES
    };
    story(Some(&source), Some(&in_zone(2)), [2 * HOUR, 30 * HOUR], 7200);
}

#[test]
fn local_time_is_learned_once_and_nothing_is_asked_any_more() {
    // Listings are local, MDTM is not: without what was learned each file would be asked about.
    let destination = Dialect {
        features: Features { list: &["SIZE", "MDTM", "MFMT", "REST STREAM", "UTF8"], ..ORDINARY.features },
        times: Times { told: Some(0), ..in_zone(2).times },
        ..in_zone(2)
    };
    let stage = stage(None, Some(&destination), [2 * HOUR, 3 * HOUR]);
    sync(&stage);
    let asked = |stage: &Stage| stage.destination.log().matches("< MDTM ").count();
    let before = asked(&stage);
    sends_nothing(&stage);
    assert_eq!(asked(&stage), before, "{}", stage.destination.log());
}

#[test]
fn days_are_compared_where_nothing_better_is_told() {
    let stage = story(None, Some(&MINUTES), [400 * DAY, 401 * DAY], 0);
    let summary = event(&sync(&stage), "summary");
    assert_eq!(summary["times"][0]["within_seconds"], 86_400, "{summary}");
}

#[test]
fn even_seconds_are_a_rounding() {
    let even =
        Dialect { times: Times { listed: 0, told: Some(0), set: Some("MFMT"), even: true }, ..MINUTES };
    story(None, Some(&even), [2 * HOUR, 2 * HOUR + 1], 0);
}

#[test]
fn where_times_cannot_be_set_newer_sources_are_sent() {
    // With and without seconds; in local time.
    for times in [
        Times { listed: 0, told: Some(0), set: None, even: false },
        Times { listed: 7200, told: None, set: None, even: false },
    ] {
        let destination = Dialect { times, ..ORDINARY };
        let stage = stage(None, Some(&destination), [3 * HOUR, 2 * HOUR]);
        let first = sync(&stage);
        let said = event(&first, "summary")["times"][0].clone();
        assert_eq!(said["compared"], "newer", "{}", stage.explain(&first));
        assert!(said["text"].as_str().is_some_and(|text| text.contains("--checksum")), "{said}");
        assert_eq!(sends_nothing(&stage)["compared"], "newer");
        let check = run(&stage, &["check", "--checksum", "never", "--all"]);
        assert_eq!(check.code, 0, "{}", stage.explain(&check));
        assert_eq!(event(&check, "compared")["state"], "equal_not_newer", "{}", stage.explain(&check));

        // It may have been changed before the copy came or after: clocks differ.
        touch(&stage, "one", SystemTime::now() - Duration::from_secs(MINUTE));
        sends_one(&stage);
        touch(&stage, "one", SystemTime::now() + Duration::from_secs(5 * MINUTE));
        sends_one(&stage);
    }
}

#[test]
fn a_run_that_finds_everything_done_learns_from_what_was_broken_off() {
    let times = Times { listed: 0, told: Some(0), set: None, even: false };
    let stage = stage(None, Some(&Dialect { times, ..ORDINARY }), [3 * HOUR, 2 * HOUR]);
    let obstacle = stage.source.root().join("tree/three");
    std::fs::write(&obstacle, "a directory has its name").expect("a file");
    std::fs::create_dir_all(stage.destination.root().join("copy/three")).expect("a directory");
    let broken = run(&stage, &["sync"]);
    assert_ne!(broken.code, 0, "{}", stage.explain(&broken));
    // As if that run had been killed after the last copy: its notes are there, and nothing was learned.
    let unlearned = stage.fxp.run(["site", "unlearn", stage.destination.url("").as_str()]);
    assert_eq!(unlearned.code, 0, "{}", unlearned.stderr);
    std::fs::remove_file(obstacle).expect("removed");
    let summary = event(&sync(&stage), "summary");
    assert_eq!((&summary["files"], &summary["unchanged"]), (&0.into(), &2.into()), "{summary}");
    assert_eq!(sends_nothing(&stage)["compared"], "newer");
}

#[test]
fn the_next_run_says_it_and_it_can_be_unlearned() {
    let stage = stage(None, Some(&in_zone(2)), [2 * HOUR, 3 * HOUR]);
    sync(&stage);
    let ran = sync(&stage);
    let times = event(&ran, "times");
    assert_eq!((&times["within_seconds"], &times["later_seconds"][0]), (&59.into(), &7200.into()), "{times}");
    let server = stage.destination.url("");
    let shown = stage.fxp.run(["site", "show", server.as_str()]);
    assert!(shown.stdout.contains("times are compared within 59 s"), "{}", shown.stdout);

    // What others know of a server is forgotten with it.
    let unlearned = stage.fxp.run(["site", "unlearn", stage.source.url("").as_str()]);
    assert_eq!(unlearned.code, 0, "{}", unlearned.stderr);
    let shown = stage.fxp.run(["site", "show", server.as_str()]);
    assert!(!shown.stdout.contains("times are compared"), "{}", shown.stdout);
}
