//! Many files in a row: they follow each other without waits, and what goes wrong with one of them goes wrong with
//! no other, and never in silence.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use fxp_engine::proto::listing::time::FtpTime;
use fxp_engine::proto::path::VPath;
use fxp_engine::report::{Event, Report, TroubleKind, Verification};
use fxp_engine::run::{CopyRequest, VerifyChoice};
use fxp_store::storage::Storage;

use crate::cable::Cable;
use crate::world::{Desk, Kind, PLAIN, Server, TLS, noise, request};

const FILES: usize = 40;

fn name(number: usize) -> String {
    format!("/pub/{number:03}")
}

fn path(text: &str) -> VPath {
    VPath::parse(text.as_bytes()).expect("a path")
}

/// A source with many small files, none like another one, and a destination.
fn ground(last: u8, kind: Kind) -> (Server, Server, Desk) {
    let (source, destination) = (Server::start(last, kind), Server::start(last + 1, kind));
    for number in 0..FILES {
        source.put(&name(number), &noise(1000 + number));
        let time = FtpTime { seconds: 1_234_567_890 + number as i64, nanoseconds: 0 };
        source.files.set_time(&path(&name(number)), time).expect("set");
    }
    let desk = Desk::new(&[&source, &destination]);
    (source, destination, desk)
}

fn one_lane(source: &Server, destination: &Server) -> CopyRequest {
    CopyRequest { lanes: Some(1), ..request(vec![source.at("pub")], destination.at("")) }
}

/// Calls `work` when so many files are done.
fn after(desk: &Desk, done: u64, work: impl Fn() + Send + 'static) {
    let count = AtomicU64::new(0);
    desk.listen(move |event| {
        if matches!(event, Event::Done { .. }) && count.fetch_add(1, Relaxed) + 1 == done {
            work();
        }
    });
}

/// Under its final name stands nothing but the whole file.
fn nothing_wrong(source: &Server, destination: &Server) -> usize {
    let there = (0..FILES).filter_map(|number| Some((number, destination.get(&name(number))?)));
    there.map(|(number, bytes)| assert_eq!(Some(bytes), source.get(&name(number)), "{number}")).count()
}

fn with_care(report: &Report) -> Vec<&str> {
    let notes = report.files.iter().flat_map(|file| &file.notes);
    notes.map(String::as_str).filter(|note| note.ends_with("copied once more, with care")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_files_cost_a_few_flights_each() {
    for (last, kind, verify) in
        [(80, PLAIN, VerifyChoice::Size), (82, PLAIN, VerifyChoice::Auto), (84, TLS, VerifyChoice::Hash)]
    {
        let (source, destination, desk) = ground(last, kind);
        let wanted = CopyRequest { verify, ..one_lane(&source, &destination) };
        let report = desk.copied(wanted).await;

        assert_eq!((report.files.len(), nothing_wrong(&source, &destination)), (FILES, FILES));
        assert_eq!(report.through_client, 0, "no byte through the asker");
        for file in &report.files {
            let digest = matches!(file.verified, Verification::Digest { algorithm: "SHA-256", .. });
            assert_eq!((digest, file.notes.len()), (verify != VerifyChoice::Size, 0), "{file:?}");
        }
        for number in 0..FILES {
            let kept = destination.files.stat(&path(&name(number))).expect("there").modified.expect("told");
            assert_eq!(kept.0.seconds, 1_234_567_890 + number as i64);
        }
        // One for the source, and three for the destination if nothing comes together; with care there are twelve.
        let flights = desk.context.environment.meter.flights();
        assert!(flights < 5 * FILES as u64 + 100, "{flights} flights, {}", desk.dialogue());
        assert_eq!(desk.remembered(&destination).queueing.as_deref(), Some("always"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_arrives_damaged_gets_no_name() {
    let (source, destination, desk) = ground(86, PLAIN);
    let faults = destination.faults.clone();
    after(&desk, 10, move || faults.corrupts.store(true, Relaxed));
    let report = desk.copy(one_lane(&source, &destination)).await.expect("a report");

    assert!(report.files.len() >= 10 && !report.failures.is_empty(), "{report:#?}");
    assert!(report.failures.iter().all(|failure| failure.trouble.kind == TroubleKind::Verification));
    assert_eq!(report.files.len() + report.failures.len(), FILES);
    assert_eq!(nothing_wrong(&source, &destination), report.files.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_for_a_moment_costs_one_file_a_second_copy() {
    let (source, destination, desk) = ground(88, TLS);
    let faults = destination.faults.clone();
    after(&desk, 10, move || faults.full_once.store(true, Relaxed));
    let report = desk.copied(one_lane(&source, &destination)).await;

    assert_eq!((report.files.len(), nothing_wrong(&source, &destination)), (FILES, FILES));
    assert_eq!(with_care(&report).len(), 1, "{:?}", with_care(&report));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_has_vanished_fails_alone() {
    let (source, destination, desk) = ground(90, PLAIN);
    let files = source.files.clone();
    after(&desk, 10, move || files.delete(&path("/pub/030")).expect("deleted"));
    let report = desk.copy(one_lane(&source, &destination)).await.expect("a report");

    assert_eq!((report.files.len(), report.failures.len()), (FILES - 1, 1), "{:#?}", report.failures);
    assert_eq!(report.failures[0].trouble.kind, TroubleKind::SourceNotFound);
    assert_eq!(nothing_wrong(&source, &destination), FILES - 1);
    assert_eq!(destination.get("/pub/030.fxp-part"), None, "nothing of it is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_refused_for_a_moment_is_given_in_the_end() {
    let (source, destination, desk) = ground(92, PLAIN);
    let faults = destination.faults.clone();
    let done = Arc::new(AtomicU64::new(0));
    desk.listen(move |event| match event {
        Event::Done { .. } if done.fetch_add(1, Relaxed) + 1 == 10 => {
            faults.refuses_rename.store(true, Relaxed);
        }
        Event::Fallback { .. } => faults.refuses_rename.store(false, Relaxed),
        _ => {}
    });
    let report = desk.copied(one_lane(&source, &destination)).await;

    assert_eq!((report.files.len(), nothing_wrong(&source, &destination)), (FILES, FILES));
    assert!(!with_care(&report).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_files_move_in_a_few_flights_each() {
    let (source, destination, desk) = ground(110, PLAIN);
    let before: Vec<_> = (0..FILES).map(|number| source.get(&name(number))).collect();
    let report = desk.moved(one_lane(&source, &destination)).await;

    assert_eq!((report.files.len(), report.failures.len()), (FILES, 0), "{:#?}", report.failures);
    for (number, bytes) in before.into_iter().enumerate() {
        assert_eq!((source.get(&name(number)), destination.get(&name(number))), (None, bytes), "{number}");
    }
    // As many as for a copy, since DELE goes with the next file's RETR.
    let flights = desk.context.environment.meter.flights();
    assert!(flights < 6 * FILES as u64 + 100, "{flights} flights, {}", desk.dialogue());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_deleted_in_convoy_is_a_failure_of_its_own() {
    let (source, destination, desk) = ground(112, PLAIN);
    let faults = source.faults.clone();
    after(&desk, 10, move || faults.refuses_delete.store(true, Relaxed));
    let report = desk.moved(one_lane(&source, &destination)).await;

    assert_eq!(report.files.len(), FILES, "every copy is good");
    let stay: Vec<_> = (0..FILES).filter(|number| source.get(&name(*number)).is_some()).collect();
    assert!(stay.len() > FILES / 2 && stay.len() == report.failures.len(), "{stay:?} {:#?}", report.failures);
    assert!(report.failures.iter().all(|failure| failure.trouble.what.contains("the source stays")));
    assert_eq!(nothing_wrong_at(&destination), FILES);
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_whose_end_nobody_heard_of_are_gone_after_a_move_all_the_same() {
    let (source, destination, _) = ground(114, PLAIN);
    let cable = Cable::fraying(source.address, 60);
    let desk = Desk::new(&[&source, &destination]);
    let wanted =
        CopyRequest { lanes: Some(1), retries: 20, ..request(vec![cable.at("pub")], destination.at("")) };
    let report = desk.moved(wanted).await;

    assert!(cable.cut.load(Relaxed), "the cable was cut");
    assert_eq!((report.files.len(), report.failures.len()), (FILES, 0), "{:#?}", report.failures);
    assert_eq!((0..FILES).filter(|number| source.get(&name(*number)).is_some()).count(), 0);
    assert_eq!(nothing_wrong_at(&destination), FILES);
}

/// The same for a file that is copied by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_which_nobody_heard_that_it_was_deleted_is_no_failure() {
    let (source, destination) = (Server::start(116, PLAIN), Server::start(117, PLAIN));
    source.put("/f", b"text");
    let cable = Cable::to(source.address, "250 deleted");
    let desk = Desk::new(&[&source, &destination]);
    let report = desk.moved(request(vec![cable.at("f")], destination.at(""))).await;
    assert!(cable.cut.load(Relaxed), "the cable was cut\n{}", desk.dialogue());
    assert_eq!((report.files.len(), report.failures.len()), (1, 0), "{:#?}", report.failures);
    assert_eq!((source.get("/f"), destination.get("/f").as_deref()), (None, Some(&b"text"[..])));
}

/// Whole files that stand at the destination of a move.
fn nothing_wrong_at(destination: &Server) -> usize {
    (0..FILES).filter(|number| destination.get(&name(*number)) == Some(noise(1000 + number))).count()
}
