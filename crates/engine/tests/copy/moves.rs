//! Moves, and what must never be lost by them.

use std::sync::atomic::Ordering::Relaxed;

use fxp_engine::place;
use fxp_engine::plan::judge::Compare;
use fxp_engine::report::{Route, TroubleKind};
use fxp_engine::run::{CopyRequest, Selection};
use fxp_engine::url::Address;
use fxp_store::storage::Storage;

use crate::cable::Cable;
use crate::world::{Desk, PLAIN, Server, TWIN, go_on, path, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_whose_reply_is_lost_is_found_done_and_nothing_is_deleted() {
    let server = Server::start(2, PLAIN);
    server.put("/new", b"the only copy");
    server.put("/old", b"older");
    let cable = Cable::to(server.address, "250 renamed");
    let desk = Desk::new(&[]);
    let report = desk.moved(request(vec![cable.at("new")], cable.at("old"))).await;
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
        let report = desk.moved(request(vec![server.at("new")], server.at("old"))).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn one_server_under_two_names_is_one_server() {
    let server = Server::start(2, PLAIN);
    server.put("/d/f", b"the only copy");
    let desk = Desk::new(&[]);
    let other_name = |path: &str| address(&format!("ftp://{}/{path}", server.address));
    let itself = desk.moved(request(vec![server.at("d/f")], other_name("d/"))).await;
    assert!(itself.failures[0].trouble.what.contains("in one"), "{:?}", itself.failures);
    let itself = desk.copy(request(vec![server.at("d/f")], other_name("d/"))).await.expect_err("refused");
    assert!(itself.what.contains("in one"), "{itself:?}");
    assert_eq!(server.get("/d/f").as_deref(), Some(&b"the only copy"[..]));
    let renamed = desk.moved(request(vec![server.at("d/f")], other_name("g"))).await;
    assert_eq!(renamed.files[0].route, Route::Renamed);
    assert_eq!(server.get("/g").as_deref(), Some(&b"the only copy"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_between_two_users_of_a_server_never_deletes_what_may_be_one_file() {
    let server = Server::start(2, PLAIN);
    server.put("/d/f", b"the only copy");
    let desk = Desk::new(&[]);
    let twin = address(&format!("ftp://{TWIN}@{}/d/", server.address));
    let report = desk.moved(request(vec![server.at("d/f")], twin)).await;
    assert_eq!((report.files.len(), report.failures.len()), (1, 1), "{:?}", report.failures);
    assert!(report.failures[0].trouble.what.contains("source stays"), "{:?}", report.failures);
    assert_eq!(server.get("/d/f").as_deref(), Some(&b"the only copy"[..]));
}

/// One server behind two addresses, which nobody can tell from two servers.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_source_and_destination_under_two_addresses_is_not_lost() {
    let server = Server::start(2, PLAIN);
    server.put("/d/f", b"the only copy");
    let cable = Cable::to(server.address, "no reply has these words");
    let desk = Desk::new(&[]);
    for _ in 0..2 {
        let report = desk.moved(request(vec![server.at("d/f")], cable.at("d/"))).await;
        let failures = &report.failures;
        assert!(failures.len() == 1 && failures[0].trouble.what.contains("lead to one file"), "{failures:?}");
        assert_eq!(server.get("/d/f").as_deref(), Some(&b"the only copy"[..]));
    }
    // Nor is it written while it is read.
    let selection = Selection { compare: Compare::Nothing, ..Selection::default() };
    let wanted = CopyRequest { inplace: true, selection, ..request(vec![server.at("d/f")], cable.at("d/f")) };
    let report = desk.copy(wanted).await.expect("a report");
    assert!(report.failures[0].trouble.what.contains("in one"), "{:?}", report.failures);
    assert_eq!(server.get("/d/f").as_deref(), Some(&b"the only copy"[..]));
    // The same name in another directory is another file, also where one stands already.
    server.put("/e/f", b"older");
    let report = desk.moved(request(vec![server.at("d/f")], cable.at("e/"))).await;
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    assert_eq!((server.get("/d/f"), server.get("/e/f").as_deref()), (None, Some(&b"the only copy"[..])));
    let dialogue = desk.dialogue();
    let count = |verb: &str| dialogue.lines().filter(|line| line.contains(verb)).count();
    assert_eq!(count("MKD /d/.fxp-mark-") + count("MKD /e/.fxp-mark-"), count("RMD /"), "{dialogue}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_files_of_one_name_are_not_renamed_to_one_place() {
    let server = Server::start(2, PLAIN);
    for (path, bytes) in [("/x/h", &b"one"[..]), ("/y/h", b"two")] {
        server.put(path, bytes);
    }
    server.put("/z/other", b"");
    let desk = Desk::new(&[]);
    let sources = vec![server.at("x/h"), server.at("y/h")];
    let refused = place::move_to(request(sources, server.at("z/")), &desk.context, go_on()).await;
    let refused = refused.expect_err("one would replace the other");
    assert!(refused.kind == TroubleKind::Usage && refused.what.contains("would both become"), "{refused:?}");
    assert_eq!(server.get("/x/h").as_deref(), Some(&b"one"[..]));
    assert_eq!(server.get("/y/h").as_deref(), Some(&b"two"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_deleted_is_a_failure() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    source.put("/f", b"x");
    source.faults.refuses_delete.store(true, Relaxed);
    let desk = Desk::new(&[]);
    let report = desk.moved(request(vec![source.at("f")], destination.at("f"))).await;
    assert_eq!(destination.get("/f").as_deref(), Some(&b"x"[..]));
    assert_eq!(report.files.len(), 1);
    let trouble = &report.failures[0].trouble;
    assert!(trouble.kind == TroubleKind::Other && trouble.words.is_some(), "{trouble:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn emptied_directories_are_removed_and_of_others_it_is_said_why_they_stay() {
    let world = || {
        let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
        for name in ["/t/a/x", "/t/a/sub/y", "/t/z"] {
            source.put(name, b"1");
        }
        (source, destination)
    };
    let is_there = |server: &Server, name: &str| server.files.stat(&path(name)).is_ok();

    let (source, destination) = world();
    let desk = Desk::new(&[]);
    let report = desk.moved(request(vec![source.at("t")], destination.at(""))).await;
    assert!(!is_there(&source, "/t") && report.notes.is_empty(), "{report:?}");

    let (source, destination) = world();
    source.put("/t/a/old.fxp-part", b"what is no file yet");
    let desk = Desk::new(&[]);
    let report = desk.moved(request(vec![source.at("t")], destination.at(""))).await;
    assert_eq!((report.sums.files, report.failed), (3, 0), "{report:?}");
    assert!(is_there(&source, "/t/a") && !is_there(&source, "/t/a/sub"), "{report:?}");
    let said = |words: &str| report.notes.iter().any(|note| note.contains(words));
    assert!(said("/t/a/old.fxp-part stays, since that was not moved"), "{report:?}");

    let (source, destination) = world();
    destination.put("/t/z/in the way", b"1");
    let desk = Desk::new(&[]);
    let report = desk.moved(request(vec![source.at("t")], destination.at(""))).await;
    assert_eq!((report.sums.files, report.failed), (2, 1), "{report:?}");
    assert!(is_there(&source, "/t/a/sub"), "{report:?}");
    assert!(report.notes.iter().any(|note| note.contains("not all that is in them was moved")), "{report:?}");
}

fn address(text: &str) -> Address {
    text.parse().expect("an address")
}
