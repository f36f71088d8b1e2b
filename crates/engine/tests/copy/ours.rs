//! Bytes that stand at the destination already are somebody's: only what this run stored is deleted,
//! continued unseen, or taken for the copy.

use std::sync::atomic::Ordering::Relaxed;

use fxp_engine::proto::listing::time::FtpTime;
use fxp_engine::proto::path::VPath;
use fxp_engine::run::{CopyRequest, EndChoice, Policy, Secure, Via};
use fxp_store::storage::Storage;

use crate::cable::Cable;
use crate::world::{Desk, PLAIN, Server, noise, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_place_that_never_began_leaves_the_old_file_alone() {
    for impossible in [true, false] {
        let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
        source.put("/f", b"newer");
        destination.put("/f", b"old and good");
        let cable = Cable::to(source.address, "200 PORT");
        let desk = Desk::new(&[]);
        refuses_to_rename(&desk, &source, &destination).await;
        let secure = if impossible { Secure::Require } else { Secure::Default };
        // One rung only, so that the loss is the end.
        let passive = EndChoice::Destination;
        let policy = Policy { secure, passive, ..Policy::default() };
        let request = CopyRequest { policy, ..request(vec![cable.at("f")], destination.at("f")) };
        let report = desk.copy(request).await.expect("a report");
        assert_eq!(report.failures.len(), 1, "{impossible}: {:?}", report.files);
        assert_eq!(destination.get("/f").as_deref(), Some(&b"old and good"[..]), "{impossible}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_place_that_is_stopped_leaves_no_half_file_under_the_final_name() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    source.put("/endless", &[0; 64]);
    source.put("/f", b"x");
    let desk = Desk::new(&[]);
    refuses_to_rename(&desk, &source, &destination).await;
    let (stopper, stop) = tokio::sync::watch::channel(false);
    *destination.faults.on_write.lock().expect("not poisoned") = Some(Box::new(move |position| {
        if position > 200_000 {
            let _ = stopper.send(true);
        }
    }));
    let request = request(vec![source.at("endless")], destination.at(""));
    let report = fxp_engine::run::copy(request, &desk.context, stop).await.expect("a report");
    assert_eq!((report.failed, report.interrupted), (0, 1), "{report:?}");
    assert!(desk.dialogue().contains("STOR /endless"), "{}", desk.dialogue());
    assert!(destination.get("/endless").is_none(), "{}", desk.dialogue());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_before_is_not_taken_for_what_was_copied() {
    let content = noise(400_000);
    let mut other = content.clone();
    other[5] ^= 1;
    // in place?, what stands there
    let rows: [(bool, &[u8]); 3] = [(true, &other), (false, &other), (false, &other[..300_000])];
    for (index, (inplace, stale)) in rows.into_iter().enumerate() {
        let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
        source.put("/f", &content);
        let there = if inplace { "/g" } else { "/g.fxp-part" };
        destination.put(there, stale);
        let time = FtpTime { seconds: 1_000_000, nanoseconds: 0 };
        let path = VPath::parse(there.as_bytes()).expect("a path");
        destination.files.set_time(&path, time).expect("set");
        let (cut, digestless) =
            (Cable::to(source.address, "150 "), Cable::without_digests(destination.address));
        let desk = Desk::new(&[]);
        // A relay has one way only, so the loss ends the attempt; and it asks the source first.
        let request = CopyRequest {
            inplace,
            via: Via::Relay,
            retries: 2,
            ..request(vec![cut.at("f")], digestless.at("g"))
        };
        let report = desk.copied(request).await;
        assert!(cut.cut.load(Relaxed), "row {index}: the cable was cut");
        assert!(destination.get("/g").as_ref() == Some(&content), "row {index}: {:?}", report.files[0].notes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_digests_a_part_is_continued_only_by_the_source_that_it_was_begun_from() {
    for (second, resumes) in [("2023/f", true), ("2024/f", false)] {
        let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
        let contents = [noise(8_000_000), vec![7; 8_000_000]];
        source.put("/2023/f", &contents[0]);
        source.put("/2024/f", &contents[1]);
        let (stopper, stop) = tokio::sync::watch::channel(false);
        *destination.faults.on_write.lock().expect("not poisoned") = Some(Box::new(move |position| {
            if position > 200_000 {
                let _ = stopper.send(true);
                // So slow a disk that the stop comes before the end; but not one that stands still, for which an
                // orderly end would not wait.
                if position > 4_000_000 {
                    std::thread::sleep(std::time::Duration::from_millis(100));
                }
            }
        }));
        let cable = Cable::without_digests(destination.address);
        let desk = Desk::new(&[]);
        let first = request(vec![source.at("2023/f")], cable.at(""));
        let report = fxp_engine::run::copy(first, &desk.context, stop).await.expect("a report");
        assert_eq!((report.failed, report.interrupted), (0, 1), "{report:?}");
        let report = desk.copied(request(vec![source.at(second)], cable.at(""))).await;
        let expected = &contents[usize::from(!resumes)];
        assert!(destination.get("/f").as_ref() == Some(expected), "{second}: {:?}", report.files[0].notes);
        assert_eq!(report.files[0].resumed > 0, resumes, "{second}: {:?}", report.files[0].notes);
    }
}

/// Makes `destination` known as a server that refuses to rename.
async fn refuses_to_rename(desk: &Desk, source: &Server, destination: &Server) {
    source.put("/probe", b"x");
    destination.faults.refuses_rename.store(true, Relaxed);
    desk.copied(request(vec![source.at("probe")], destination.at("probe"))).await;
    assert!(desk.remembered(destination).no_rename);
}
