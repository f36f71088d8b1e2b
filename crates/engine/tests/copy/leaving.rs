//! Stopping, and connections that are lost.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use fxp_engine::report::{Assurance, Left};
use fxp_engine::run::{CopyRequest, Via};

use crate::cable::Cable;
use crate::weather::{Line, Weather};
use crate::world::{Desk, PLAIN, Server, TLS, noise, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_copy_ends_in_order_and_leaves_a_part_that_is_continued() {
    for via in [Via::Direct, Via::Relay] {
        let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
        source.put("/endless", &[0; 64]);
        let (stopper, stop) = tokio::sync::watch::channel(false);
        *destination.faults.on_write.lock().expect("not poisoned") = Some(Box::new(move |position| {
            if position > 200_000 {
                let _ = stopper.send(true);
            }
        }));
        let desk = Desk::new(&[&source, &destination]);
        let request = CopyRequest { via, ..request(vec![source.at("endless")], destination.at("")) };
        let report = fxp_engine::run::copy(request, &desk.context, stop).await.expect("a report");
        assert_eq!((report.failed, report.interrupted), (0, 1), "{report:?}");
        assert_eq!(report.left, Some(Left { files: 1, bytes: 64, all: true }));
        assert_eq!(destination.get("/endless"), None, "{via:?}");
        assert!(destination.get("/endless.fxp-part").is_some_and(|part| !part.is_empty()), "{via:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_connection_lost_after_the_data_is_repaired_by_comparing() {
    for via in [Via::Direct, Via::Relay] {
        let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
        let content = noise(500_000);
        source.put("/f", &content);
        let cable = Cable::to(destination.address, "226 ");
        let desk = Desk::new(&[]);
        let request = CopyRequest { via, ..request(vec![source.at("f")], cable.at("g")) };
        let report = desk.copied(request).await;
        assert!(cable.cut.load(Relaxed), "the cable was cut");
        assert_eq!(destination.get("/g").as_ref(), Some(&content), "{via:?}");
        assert_eq!(report.files[0].assurance, Assurance::Clear, "{via:?}");
        assert!(
            report.files[0].notes.iter().any(|note| note.contains("had arrived")),
            "{via:?} {:?}",
            report.files[0].notes
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_connection_lost_in_between_is_tried_again() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    let content = noise(500_000);
    source.put("/f", &content);
    let cable = Cable::to(source.address, "200 PORT");
    let desk = Desk::new(&[]);
    let request = CopyRequest { retries: 2, ..request(vec![cable.at("f")], destination.at("g")) };
    let report = desk.copied(request).await;
    assert!(cable.cut.load(Relaxed), "the cable was cut");
    assert_eq!(destination.get("/g").as_ref(), Some(&content), "{:?}", report.files[0].notes);
    assert_eq!(report.through_client, 0);
}

/// Longer than anybody is patient here, as a minute is where patience is as long as it usually is.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_cut_for_longer_than_anybody_waits_costs_no_more_than_what_was_on_it() {
    // The servers' with a data connection, and ours with an answer.
    const IDLE: Duration = Duration::from_secs(1);
    const PATIENCE: Duration = Duration::from_secs(4);
    let weather = Weather::calm_for(1_000_000);
    let start = |last| Server::start_impatient(last, PLAIN, IDLE);
    let (source, destination) = (start(2), start(3));
    let content = noise(4_000_000);
    source.put("/f", &content);
    let (from, to) = (Line::to(source.address, &weather), Line::to(destination.address, &weather));
    let mut broken = weather.broken.subscribe();
    let mut desk = Desk::new(&[]);
    desk.context.environment.timeout = PATIENCE;
    let healing = async {
        let storm = tokio::time::timeout(Duration::from_secs(60), broken.wait_for(|broken| *broken));
        storm.await.expect("data flows").expect("the weather lives");
        tokio::time::sleep(PATIENCE + 2 * IDLE).await;
        weather.heal();
    };
    let request = CopyRequest { retries: 20, ..request(vec![from.at("f")], to.at("g")) };
    let (report, ()) = tokio::join!(desk.copy(request), healing);
    let report = report.unwrap_or_else(|trouble| panic!("{trouble:?}\n{}", desk.dialogue()));
    assert!(report.failures.is_empty(), "{:#?}\n{}", report.failures, desk.dialogue());
    assert_eq!(destination.get("/g").as_ref(), Some(&content));
    assert_eq!(destination.get("/g.fxp-part"), None);
    let file = &report.files[0];
    assert!(file.attempts > 1 && file.resumed > 0, "{file:?}\n{}", desk.dialogue());
    assert_eq!(report.through_client, 0);
    // What was on the line when it was cut is all that may be sent twice.
    let sent: u64 = source.meter.snapshot().values().map(|count| count.sent).sum();
    let received: u64 = destination.meter.snapshot().values().map(|count| count.received).sum();
    let whole = content.len() as u64;
    assert!(sent >= whole && sent < 2 * whole, "{sent} bytes were sent");
    assert!(received >= whole && received < 2 * whole, "{received} bytes were received");
}
