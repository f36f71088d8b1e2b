//! Files that break off again and again.

use crate::world::{Desk, PLAIN, Server, noise, request};
use fxp_engine::run::CopyRequest;

/// What the first attempt brings.
const PART: u64 = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_has_moved_a_part_is_not_given_up_when_an_attempt_brings_nothing() {
    let (source, destination) = (Server::start(148, PLAIN), Server::start(149, PLAIN));
    source.put("/frail", &noise(350_000));
    destination.faults.breaks.lock().expect("not poisoned").extend([PART, 0]);
    let desk = Desk::new(&[&source, &destination]);
    let report = desk
        .copied(CopyRequest { retries: 2, ..request(vec![source.at("frail")], destination.at("")) })
        .await;
    let file = &report.files[0];
    assert_eq!(file.attempts, 3, "no other method was tried: {:?}", file.notes);
    assert_eq!(destination.get("/frail"), Some(noise(350_000)));
}
