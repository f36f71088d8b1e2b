//! The doctor's probe: gone afterwards, whatever happened, or named if it cannot be removed.

use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;

use fxp_engine::doctor::{Diagnosis, Examination, Finding, Outcome, examine};
use fxp_engine::plan::ladder::Policy;
use fxp_engine::report::{Trouble, TroubleKind};
use fxp_engine::run::{EndChoice, Stop};
use fxp_store::storage::Storage;

use crate::world::{Desk, Server, TLS, go_on};

/// From `one` to `two`, with a probe, by the rungs on which the destination listens.
async fn tried(
    one: &Server,
    two: &Server,
    desk: &Desk,
    stop: &Stop,
    heard: &Mutex<Vec<String>>,
) -> Result<Diagnosis, Trouble> {
    let examination = Examination {
        first: one.at(""),
        second: Some(two.at("")),
        one_way: true,
        policy: Policy { passive: EndChoice::Destination, ..Policy::default() },
        probe: true,
    };
    let ear = |finding: Finding<'_>| {
        let text = match finding {
            Finding::Trial { outcome: Outcome::Works(_), .. } => "works".to_owned(),
            Finding::Trial { outcome: Outcome::Fails(trouble), .. } => {
                format!("fails: {trouble}, {}", trouble.remedy.clone().unwrap_or_default())
            }
            Finding::Leftover { place, trouble } => format!("leftover: {place}: {trouble}"),
            _ => return,
        };
        heard.lock().expect("not poisoned").push(text);
    };
    examine(&examination, &desk.context, stop, &ear).await
}

fn probes(server: &Server) -> usize {
    let mut found = 0;
    let root = fxp_engine::proto::path::VPath::root();
    server
        .files
        .list(&root, &mut |entry| {
            found += usize::from(entry.name.as_bytes().starts_with(b".fxp-doctor-"));
            true
        })
        .expect("listed");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_arrives_is_compared_and_removed() {
    let (one, two) = (Server::start(2, TLS), Server::start(3, TLS));
    let desk = Desk::new(&[&one, &two]);
    let heard = Mutex::default();
    let diagnosis = tried(&one, &two, &desk, &go_on(), &heard).await.expect("a diagnosis");
    assert!(diagnosis.troubles.is_empty() && diagnosis.leftovers == 0, "{diagnosis:?}");
    assert_eq!(heard.into_inner().expect("not poisoned"), ["works"; 3]);
    assert_eq!((probes(&one), probes(&two)), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_arrives_damaged_is_no_success() {
    let (one, two) = (Server::start(2, TLS), Server::start(3, TLS));
    two.faults.corrupts.store(true, Relaxed);
    let desk = Desk::new(&[&one, &two]);
    let heard = Mutex::default();
    let diagnosis = tried(&one, &two, &desk, &go_on(), &heard).await.expect("a diagnosis");
    assert_eq!(diagnosis.troubles[0].kind, TroubleKind::Verification, "{diagnosis:?}");
    let heard = heard.into_inner().expect("not poisoned");
    assert!(heard.iter().all(|text| text.starts_with("fails") && text.contains("differs")), "{heard:#?}");
    assert_eq!((probes(&one), probes(&two)), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_examination_leaves_nothing() {
    let (one, two) = (Server::start(2, TLS), Server::start(3, TLS));
    let (stopper, stop) = tokio::sync::watch::channel(false);
    *two.faults.on_write.lock().expect("not poisoned") = Some(Box::new(move |_| {
        let _ = stopper.send(true);
    }));
    let desk = Desk::new(&[&one, &two]);
    let heard = Mutex::default();
    let trouble = tried(&one, &two, &desk, &stop, &heard).await.expect_err("interrupted");
    assert_eq!(trouble.kind, TroubleKind::Interrupted, "{trouble}");
    assert!(desk.dialogue().contains("STOR /.fxp-doctor-"), "{}", desk.dialogue());
    assert_eq!((probes(&one), probes(&two)), (0, 0), "{}", desk.dialogue());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_cannot_be_removed_is_named() {
    let (one, two) = (Server::start(2, TLS), Server::start(3, TLS));
    two.faults.refuses_delete.store(true, Relaxed);
    let desk = Desk::new(&[&one, &two]);
    let heard = Mutex::default();
    let diagnosis = tried(&one, &two, &desk, &go_on(), &heard).await.expect("a diagnosis");
    assert_eq!((diagnosis.leftovers, probes(&one), probes(&two)), (3, 0, 3));
    let heard = heard.into_inner().expect("not poisoned");
    let named = heard.iter().filter(|text| text.starts_with("leftover") && text.contains("/.fxp-doctor-"));
    assert_eq!(named.count(), 3, "{heard:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_destination_is_not_asked_again() {
    let (one, two) = (Server::start(2, TLS), Server::start(3, TLS));
    two.faults.full_once.store(true, Relaxed);
    let desk = Desk::new(&[&one, &two]);
    let heard = Mutex::default();
    let diagnosis = tried(&one, &two, &desk, &go_on(), &heard).await.expect("a diagnosis");
    assert_eq!(diagnosis.troubles[0].kind, TroubleKind::DestinationDenied, "{diagnosis:?}");
    let heard = heard.into_inner().expect("not poisoned");
    assert!(heard.len() == 1 && heard[0].contains("make room"), "{heard:#?}");
    assert_eq!((probes(&one), probes(&two)), (0, 0));
}
