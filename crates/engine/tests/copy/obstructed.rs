//! `sync --delete` where the two sides have things of different kinds under one name.

use std::sync::atomic::Ordering::Relaxed;

use fxp_engine::proto::listing::entry::Kind;
use fxp_engine::report::Report;
use fxp_engine::run::{CopyRequest, Delete, Links, Selection};
use fxp_store::storage::Storage;

use crate::world::{Desk, PLAIN, Server, noise, path, request};

/// A file and a link where the destination has directories, and a directory where it has a file.
fn world() -> (Server, Server, Desk) {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    source.put("/t/file", &noise(3000));
    source.put("/t/dir/in/f", b"1");
    source.files.symlink(&"file".into(), &path("/t/link")).expect("made");
    for name in ["/t/file/x", "/t/file/sub/y", "/t/link/z"] {
        destination.put(name, b"old");
    }
    destination.put("/t/dir", b"old");
    let desk = Desk::new(&[&source, &destination]);
    (source, destination, desk)
}

fn sync(source: &Server, destination: &Server) -> CopyRequest {
    let delete = Some(Delete::default());
    let selection = Selection { links: Links::Copy, delete, ..Selection::default() };
    CopyRequest { selection, ..request(vec![source.at("t/")], destination.at("t/")) }
}

fn words(report: &Report) -> String {
    report
        .failures
        .iter()
        .map(|failure| format!("{} {:?}\n", failure.trouble, failure.trouble.remedy))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_goes_and_the_copy_takes_its_place() {
    for inplace in [false, true] {
        let (source, destination, desk) = world();
        let request = CopyRequest { inplace, ..sync(&source, &destination) };
        let refused = CopyRequest {
            selection: Selection { delete: None, ..request.selection.clone() },
            ..request.clone()
        };
        let report = desk.copy(refused).await.expect("begun");
        assert_eq!((report.failed, report.sums.files, report.deleted), (3, 0, 0), "{report:?}");
        assert_eq!(words(&report).matches("fxp sync --delete").count(), 3, "{report:?}");

        let report = desk.copied(request.clone()).await;
        // Two files and two directories; a file and a directory; a file.
        assert_eq!((report.deleted, report.sums.files, report.links), (7, 2, 1), "{report:?}");
        assert_eq!(report.through_client, 0);
        assert_eq!(destination.get("/t/file"), Some(noise(3000)));
        assert_eq!(destination.get("/t/dir/in/f").as_deref(), Some(&b"1"[..]));
        assert_eq!(destination.get("/t/link"), Some(noise(3000)), "it leads to the file");
        let again = desk.copied(request).await;
        assert_eq!((again.deleted, again.sums.files, again.unchanged), (0, 0, 3), "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_makes_way_for_a_copy_that_is_not_good_or_finds_no_way_to_its_name() {
    for fault in ["unreadable", "corrupt", "unnamed", "undeletable"] {
        let (source, destination, desk) = world();
        match fault {
            "unreadable" => source.faults.refuses_reads.store(true, Relaxed),
            "corrupt" => destination.faults.corrupts.store(true, Relaxed),
            "unnamed" => destination.faults.refuses_rename.store(true, Relaxed),
            _ => destination.faults.refuses_delete.store(true, Relaxed),
        }
        let report = desk.copy(sync(&source, &destination)).await.expect("begun");
        for name in ["/t/file/x", "/t/file/sub/y"] {
            assert_eq!(destination.get(name).as_deref(), Some(&b"old"[..]), "{fault}: {report:?}");
        }
        assert!(report.failed > 0, "{fault}: {report:?}");
        // What cannot be deleted keeps its name, and nothing is copied beneath it.
        let way_was_made = destination.get("/t/dir").is_none();
        assert_eq!(way_was_made, fault != "undeletable", "{fault}: {report:?}");
        // Once that is put right, the same command goes on.
        source.faults.refuses_reads.store(false, Relaxed);
        for fault in [
            &destination.faults.corrupts,
            &destination.faults.refuses_rename,
            &destination.faults.refuses_delete,
        ] {
            fault.store(false, Relaxed);
        }
        let desk = Desk::new(&[&source, &destination]);
        desk.copied(sync(&source, &destination)).await;
        assert_eq!(destination.get("/t/file"), Some(noise(3000)), "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_come_since_the_walk_keeps_its_directory() {
    let (source, destination, desk) = world();
    let files = destination.files.clone();
    *destination.faults.on_write.lock().expect("not poisoned") = Some(Box::new(move |_| {
        let _ = files.put("/t/file/sub/new", b"somebody has just written it");
    }));
    let report = desk.copy(sync(&source, &destination)).await.expect("begun");
    assert!(words(&report).contains("stands in the way"), "{report:?}");
    assert!(destination.get("/t/file/sub/new").is_some());
    assert_eq!(destination.files.stat(&path("/t/file")).map(|entry| entry.kind).ok(), Some(Kind::Directory));
    *destination.faults.on_write.lock().expect("not poisoned") = None;
    desk.copied(sync(&source, &destination)).await;
    assert_eq!(destination.get("/t/file"), Some(noise(3000)));
}
