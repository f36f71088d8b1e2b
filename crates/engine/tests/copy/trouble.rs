//! Servers that do not keep their promises, or do not know how.

use std::sync::atomic::Ordering::Relaxed;

use fxp_engine::proto::path::VPath;
use fxp_engine::report::{Assurance, TroubleKind};
use fxp_engine::run::{CopyRequest, VerifyChoice};
use fxp_store::storage::Storage;

use crate::world::{Desk, Server, TLS, noise, request};

#[tokio::test(flavor = "multi_thread")]
async fn two_good_replies_and_a_damaged_file_are_no_success() {
    for verify in [VerifyChoice::Auto, VerifyChoice::Size, VerifyChoice::Hash] {
        let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
        source.put("/f", &noise(100_000));
        destination.faults.loses.store(7, Relaxed);
        let desk = Desk::new(&[&source, &destination]);
        let request = CopyRequest { verify, retries: 1, ..request(vec![source.at("f")], destination.at("")) };
        let report = desk.copy(request).await.expect("a report");
        let trouble = &report.failures[0].trouble;
        assert_eq!(trouble.kind, TroubleKind::Verification, "{trouble:#?}");
        assert!(trouble.what.contains("99993"), "{trouble}");
        assert_eq!(destination.get("/f"), None, "nothing wrong under the final name");
        assert_eq!(destination.get("/f.fxp-part"), None, "nor a part that cannot be continued");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_byte_is_found_by_the_digest_and_an_older_file_stays() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    source.put("/f", &noise(100_000));
    destination.put("/f", b"older");
    destination.faults.corrupts.store(true, Relaxed);
    let desk = Desk::new(&[&source, &destination]);
    let report = desk.copy(request(vec![source.at("f")], destination.at(""))).await.expect("a report");
    let trouble = &report.failures[0].trouble;
    assert_eq!(trouble.kind, TroubleKind::Verification);
    assert!(trouble.what.contains("SHA-256 differs"), "{trouble}");
    assert_eq!(destination.get("/f").as_deref(), Some(&b"older"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_copy_is_made_again() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    source.put("/f", &noise(100_000));
    let faults = destination.faults.clone();
    faults.corrupts.store(true, Relaxed);
    let heal = faults.clone();
    *faults.on_write.lock().expect("not poisoned") =
        Some(Box::new(move |_| heal.corrupts.store(false, Relaxed)));
    let desk = Desk::new(&[&source, &destination]);
    let request = CopyRequest { retries: 2, ..request(vec![source.at("f")], destination.at("")) };
    let report = desk.copied(request).await;
    assert!(
        report.files[0].notes.iter().any(|note| note.contains("tried again")),
        "{:?}",
        report.files[0].notes
    );
    assert_eq!(destination.get("/f"), Some(noise(100_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leftover_is_continued_only_if_it_is_the_beginning_of_the_file() {
    let content = noise(400_000);
    let mut other = content[..300_000].to_vec();
    other[5] ^= 1;
    let rows: &[(&[u8], u64)] =
        &[(&content[..300_000], 300_000), (&content, 400_000), (&other, 0), (&noise(400_001), 0), (b"", 0)];
    for (leftover, resumed) in rows {
        let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
        source.put("/f", &content);
        destination.put("/f.fxp-part", leftover);
        let desk = Desk::new(&[&source, &destination]);
        let report = desk.copied(request(vec![source.at("f")], destination.at(""))).await;
        let nothing_left = leftover.len() == content.len();
        assert_eq!(report.files[0].assurance == Assurance::Unknown, nothing_left, "only then nobody knows");
        assert_eq!(report.files[0].resumed, *resumed, "{:?}", report.files[0].notes);
        assert_eq!(destination.get("/f").as_ref(), Some(&content));
        assert_eq!(destination.get("/f.fxp-part"), None);
        let moved: u64 = source.meter.snapshot().get(&destination.address.ip()).map_or(0, |count| count.sent);
        assert_eq!(moved, content.len() as u64 - resumed, "only the rest was sent");
        assert_eq!((report.files[0].inherited, report.sums.moved), (*resumed, moved));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_renaming_is_refused_files_are_stored_in_place_and_the_report_says_so() {
    for size in [10_usize, 2_000_000] {
        let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
        let content = noise(size);
        source.put("/f", &content);
        destination.faults.refuses_rename.store(true, Relaxed);
        let desk = Desk::new(&[&source, &destination]);
        let report = desk.copied(request(vec![source.at("f")], destination.at(""))).await;
        assert_eq!(destination.get("/f").as_ref(), Some(&content));
        assert!(
            report.files[0].notes.iter().any(|note| note.contains("RNFR/RNTO")),
            "{:?}",
            report.files[0].notes
        );
        assert!(desk.remembered(&destination).no_rename);
        let sent: u64 = source.meter.snapshot().get(&destination.address.ip()).map_or(0, |count| count.sent);
        if size > 1_000_000 {
            assert_eq!(sent, size as u64, "found out before the large file, not after it");
        }
        assert_eq!(names(&destination), ["f"], "no leftovers");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_rnto_does_not_replace_the_old_file_steps_aside_first_and_the_report_says_so() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    source.put("/f", b"new");
    destination.put("/f", b"old one");
    destination.faults.never_replaces.store(true, Relaxed);
    let desk = Desk::new(&[&source, &destination]);
    let report = desk.copied(request(vec![source.at("f")], destination.at(""))).await;
    assert_eq!(destination.get("/f").as_deref(), Some(&b"new"[..]));
    assert!(
        report.files[0].notes.iter().any(|note| note.contains("moved aside first")),
        "{:?}",
        report.files[0].notes
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_that_fails_for_the_moment_costs_neither_the_old_file_nor_the_verified_new_one() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    source.put("/f", b"new");
    destination.put("/f", b"old one");
    destination.faults.busy_at_rename.store(true, Relaxed);
    let desk = Desk::new(&[&source, &destination]);
    let report = desk.copy(request(vec![source.at("f")], destination.at(""))).await.expect("a report");
    let trouble = &report.failures[0].trouble;
    assert!(trouble.remedy.as_deref().is_some_and(|remedy| remedy.contains("/f.fxp-part")), "{trouble:?}");
    assert_eq!(destination.get("/f").as_deref(), Some(&b"old one"[..]));
    assert_eq!(destination.get("/f.fxp-part").as_deref(), Some(&b"new"[..]));
    assert!(!desk.remembered(&destination).no_rename, "a passing refusal is no fact");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_renaming_is_refused_the_verified_part_stays_until_the_copy_in_place_is_good() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    source.put("/f", b"new");
    destination.put("/f", b"old one");
    destination.faults.refuses_rename.store(true, Relaxed);
    let faults = destination.faults.clone();
    // The part arrives; the copy in place does not.
    *destination.faults.on_write.lock().expect("not poisoned") =
        Some(Box::new(move |_| faults.full_once.store(true, Relaxed)));
    let desk = Desk::new(&[&source, &destination]);
    let report = desk.copy(request(vec![source.at("f")], destination.at(""))).await.expect("a report");
    let trouble = &report.failures[0].trouble;
    assert!(trouble.remedy.as_deref().is_some_and(|remedy| remedy.contains("/f.fxp-part")), "{trouble:?}");
    assert_eq!(destination.get("/f").as_deref(), Some(&b"old one"[..]));
    assert_eq!(destination.get("/f.fxp-part").as_deref(), Some(&b"new"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_overwrites_gets_a_clean_place() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    source.put("/f", b"new content");
    destination.put("/f.fxp-part", b"junk");
    destination.faults.never_overwrites.store(true, Relaxed);
    let desk = Desk::new(&[&source, &destination]);
    let report = desk.copied(request(vec![source.at("f")], destination.at(""))).await;
    assert_eq!(destination.get("/f").as_deref(), Some(&b"new content"[..]), "{:?}", report.files[0].notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_file_is_not_deleted_for_a_copy_in_place_that_the_server_refuses() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    source.put("/f", b"new content");
    destination.put("/f", b"old");
    destination.faults.never_overwrites.store(true, Relaxed);
    let desk = Desk::new(&[&source, &destination]);
    let request = CopyRequest { inplace: true, ..request(vec![source.at("f")], destination.at("")) };
    let report = desk.copy(request).await.expect("a report");
    assert_eq!(report.failures.len(), 1, "{}", desk.dialogue());
    assert_eq!(destination.get("/f").as_deref(), Some(&b"old"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_cannot_be_kept_is_noted() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    source.put("/f", b"x");
    destination.faults.keeps_no_time.store(true, Relaxed);
    let desk = Desk::new(&[&source, &destination]);
    let report = desk.copied(request(vec![source.at("f")], destination.at(""))).await;
    assert!(report.files[0].notes.iter().any(|note| note.contains("time")), "{:?}", report.files[0].notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_file_does_not_stop_the_others() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    for name in ["a", "b", "c"] {
        source.put(&format!("/t/{name}"), b"x");
    }
    source.files.symlink(&"a".into(), &path("/t/link")).expect("made");
    destination.faults.full_once.store(true, Relaxed);
    let desk = Desk::new(&[&source, &destination]);
    let report = desk.copy(request(vec![source.at("t/")], destination.at(""))).await.expect("a report");
    assert_eq!((report.files.len(), report.failures.len()), (2, 1), "{}", desk.dialogue());
    assert_eq!(
        report.failures[0].trouble.kind,
        TroubleKind::DestinationDenied,
        "{:?}",
        report.failures[0].trouble
    );
}

fn names(server: &Server) -> Vec<String> {
    let mut names = Vec::new();
    let visit = &mut |entry: fxp_engine::proto::listing::entry::Entry| {
        names.push(entry.name.to_string());
        true
    };
    server.files.list(&VPath::root(), visit).expect("listed");
    names
}

fn path(text: &str) -> VPath {
    VPath::parse(text.as_bytes()).expect("a path")
}
