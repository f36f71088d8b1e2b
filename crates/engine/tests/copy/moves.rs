//! Moves, and what must never be lost by them.

use std::sync::atomic::Ordering::Relaxed;

use fxp_engine::place;
use fxp_engine::report::Report;
use fxp_engine::run::CopyRequest;

use crate::cable::Cable;
use crate::world::{Desk, PLAIN, Server, go_on, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_whose_reply_is_lost_is_found_done_and_nothing_is_deleted() {
    let server = Server::start(2, PLAIN);
    server.put("/new", b"the only copy");
    server.put("/old", b"older");
    let cable = Cable::to(server.address, "250 renamed");
    let desk = Desk::new(&[]);
    let report = moved(&desk, request(vec![cable.at("new")], cable.at("old"))).await;
    assert!(cable.cut.load(Relaxed), "the cable was cut");
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert_eq!(server.get("/old").as_deref(), Some(&b"the only copy"[..]));
    assert_eq!(server.get("/new"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_that_is_refused_costs_no_file() {
    type Choose = fn(&crate::faults::Faults) -> &std::sync::atomic::AtomicBool;
    let rows: [(Choose, bool); 3] = [
        (|faults| &faults.busy_at_rename, false),
        (|faults| &faults.refuses_rename, false),
        (|faults| &faults.never_replaces, true),
    ];
    for (index, (choose, moves)) in rows.into_iter().enumerate() {
        let server = Server::start(2, PLAIN);
        server.put("/new", b"new");
        server.put("/old", b"old");
        choose(&server.faults).store(true, Relaxed);
        let desk = Desk::new(&[]);
        let report = moved(&desk, request(vec![server.at("new")], server.at("old"))).await;
        assert_eq!(report.failures.is_empty(), moves, "row {index}: {:?}", report.failures);
        let (new, old) = (server.get("/new"), server.get("/old"));
        match moves {
            true => assert_eq!((new, old.as_deref()), (None, Some(&b"new"[..])), "row {index}"),
            false => assert_eq!(
                (new.as_deref(), old.as_deref()),
                (Some(&b"new"[..]), Some(&b"old"[..])),
                "row {index}"
            ),
        }
        assert!(!desk.dialogue().contains("DELE /old"), "row {index}");
        let note = report.files.first().map(|file| file.notes.join(" ")).unwrap_or_default();
        assert_eq!(note.contains("moved aside"), moves, "row {index}: {note}");
    }
}

async fn moved(desk: &Desk, request: CopyRequest) -> Report {
    place::move_to(request, &desk.context, go_on()).await.unwrap_or_else(|trouble| panic!("{trouble:?}"))
}
