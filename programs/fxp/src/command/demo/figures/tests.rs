//! Figures as people and scripts read them.

use std::net::SocketAddr;

use fxp_engine::report::{Assurance, Route, Verification};

use super::*;
use crate::output::json::tests::{documented, keys};

fn figures() -> Figures {
    let file = FileReport {
        source: "a".into(),
        destination: "b".into(),
        size: 5,
        resumed: 0,
        inherited: 0,
        elapsed: Duration::ZERO,
        route: Route::Direct,
        method: None,
        assurance: Assurance::Clear,
        verified: Verification::Size,
        attempts: 1,
        time_kept: false,
        notes: vec!["odd".into(), "odd".into()],
    };
    let counts =
        Counts { sent_to_destination: 11, received_from_source: 10, into_client: 3, out_of_client: 4 };
    let address = SocketAddr::from(([127, 0, 0, 2], 21));
    let names = Names { source: address, destination: address };
    Figures::new(&[file.clone(), file], 1, counts, Vec::new(), Duration::ZERO, names)
}

#[test]
fn the_document_names_every_key() {
    let (kind, keys) = keys(&figures());
    assert_eq!(kind, "demo");
    assert_eq!(documented()["demo"], keys, "docs/json.md (left) and the object (right)");
}

#[test]
fn figures_promise_no_more_than_was_counted() {
    let figures = figures();
    assert_eq!(figures.bytes, 10);
    assert_eq!(
        figures.payload_between_servers, 10,
        "what one server sent and the other did not receive is not there"
    );
    assert_eq!(figures.payload_through_client, 7);
    assert!(!figures.verified, "no digests were compared");
    assert_eq!(figures.notes, ["odd"]);
}

#[test]
fn large_numbers_are_grouped() {
    let rows =
        [(0, "0"), (999, "999"), (1_000, "1,000"), (8_680_892, "8,680,892"), (12_345_678, "12,345,678")];
    for (number, text) in rows {
        assert_eq!(grouped(number), text);
    }
}
