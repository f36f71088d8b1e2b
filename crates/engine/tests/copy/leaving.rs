//! Stopping, and connections that are lost.

use std::sync::atomic::Ordering::Relaxed;

use fxp_engine::report::{Assurance, TroubleKind};
use fxp_engine::run::{CopyRequest, Via};

use crate::cable::Cable;
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
        assert_eq!(report.failures.len(), 1);
        assert_eq!(
            report.failures[0].trouble.kind,
            TroubleKind::Interrupted,
            "{:?}",
            report.failures[0].trouble
        );
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
