//! Many files side by side: lanes, the sessions that they need, and servers that have no room for them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use fxp_engine::book::Known;
use fxp_engine::report::{Ending, Event, TroubleKind};
use fxp_engine::run::{Bounds, CopyRequest};
use fxp_engine::site::TlsMode;
use fxp_store::storage::Storage;

use crate::cable::Cable;
use crate::world::{Desk, Kind, PLAIN, Server, TLS, noise, path, request};

#[tokio::test(flavor = "multi_thread")]
async fn many_lanes_copy_a_tree_side_by_side() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    let names = tree(&source, 60);
    let desk = Desk::new(&[&source, &destination]);
    // The first file is alone; the next ones do not end before six of them have begun.
    let faults = destination.faults.clone();
    desk.listen(move |event| {
        if matches!(event, Event::Lanes { .. }) {
            faults.gathers.store(6, Relaxed);
        }
    });
    let request = CopyRequest { lanes: Some(6), ..request(vec![source.at("t")], destination.at("")) };
    let report = desk.copied(request).await;
    assert_eq!((report.sums.files, report.ending), (names.len() as u64, Ending::Complete));
    assert_eq!(destination.faults.gathers.load(Relaxed), 0, "six were on their way at once");
    for name in &names {
        assert_eq!(destination.get(&format!("/t/{name}")), source.get(&format!("/t/{name}")), "{name}");
    }
    let events = desk.ann.events.lock().expect("not poisoned").clone();
    let lanes: Vec<usize> = events
        .iter()
        .filter_map(|event| match event {
            Event::Lanes { lanes, reason } => {
                assert!(reason.contains("--lanes"), "{reason}");
                Some(*lanes)
            }
            _ => None,
        })
        .collect();
    assert_eq!(lanes, [6]);
    // Each file has one number, which its end names.
    let (mut active, mut done) = (BTreeSet::new(), 0);
    for event in &events {
        match event {
            Event::Started { file, .. } => assert!(active.insert(*file), "{file} begins twice"),
            Event::Done { file, .. } => {
                assert!(active.remove(file), "{file} was begun");
                done += 1;
            }
            _ => {}
        }
    }
    assert_eq!((active.len(), done), (0, names.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_room_for_few_sessions_gets_no_more_and_that_is_remembered() {
    // A copy from a server to itself takes two; three leave one for browsing.
    // (Without TLS each session is opened twice, and for a moment the server may count both.)
    for (room, kind) in [(2, TLS), (3, TLS), (5, TLS)] {
        let server = Server::start_small(2, kind, room);
        let names = tree(&server, 25);
        server.files.make_directory(&path("/copy")).expect("made");
        let desk = without_trying_tls(Desk::new(&[&server]), kind);
        // In place, so that no file goes in convoy: then all would be done before the room is full.
        let request = CopyRequest {
            lanes: Some(8),
            inplace: true,
            ..request(vec![server.at("t")], server.at("copy/"))
        };
        let copying = tokio::time::timeout(Duration::from_secs(120), desk.copied(request));
        let report = copying.await.expect("nobody waits for somebody who waits");
        assert_eq!(report.sums.files, names.len() as u64, "{room}");
        for name in &names {
            assert_eq!(
                server.get(&format!("/copy/t/{name}")),
                server.get(&format!("/t/{name}")),
                "{room} {name}"
            );
        }
        // Those that were on their way in when one was refused are not counted.
        let most = desk.remembered(&server).most_sessions;
        assert!(most.is_some_and(|most| (1..=room as u32).contains(&most)), "{room}: {most:?}");
        // The next run knows, and is not refused. Its server has forgotten the sessions of this one.
        let remembered = desk.remembered(&server);
        drop(server);
        let server = Server::start_small(2, kind, room);
        tree(&server, 25);
        server.files.make_directory(&path("/again")).expect("made");
        let knowing = without_trying_tls(Desk::new(&[&server]), kind);
        knowing.teach(&server, Known { trusted: server.fingerprint.iter().cloned().collect(), ..remembered });
        let request = CopyRequest {
            lanes: Some(8),
            ..crate::world::request(vec![server.at("t")], server.at("again/"))
        };
        assert_eq!(knowing.copied(request).await.sums.files, names.len() as u64);
        assert!(
            !knowing.dialogue().contains("Text(\"421") && !knowing.dialogue().contains(" 421 "),
            "{room}"
        );
    }
}

/// Sessions are opened in advance, but none for a file that does not exist.
#[tokio::test(flavor = "multi_thread")]
async fn a_small_tree_is_copied_over_few_sessions() {
    for (files, most) in [(1, 2), (2, 3)] {
        let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
        source.files.make_directory(&path("/t")).expect("made");
        for number in 0..files {
            source.put(&format!("/t/{number}"), &noise(300));
        }
        let desk = Desk::new(&[&source, &destination]);
        assert_eq!(desk.copied(request(vec![source.at("t")], destination.at(""))).await.sums.files, files);
        let events = desk.ann.events.lock().expect("not poisoned");
        for end in ["source", "destination"] {
            let of_end = |event: &&Event| matches!(event, Event::Connected { leg, .. } if *leg == end);
            let opened = events.iter().filter(of_end).count();
            assert!(opened <= most, "{opened} sessions with the {end} for {files} files");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_find_their_sessions_open_when_the_first_file_is_through() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    let names = tree(&source, 60);
    let desk = Desk::new(&[&source, &destination]);
    let opened = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let counts = opened.clone();
    desk.listen(move |event| {
        if let Event::Connected { leg, .. } = event {
            counts[usize::from(*leg == "source")].fetch_add(1, Relaxed);
        }
    });
    // The first file does not come on before.
    let (enough, waiting) = (opened.clone(), AtomicBool::new(true));
    *destination.faults.on_write.lock().expect("not poisoned") = Some(Box::new(move |_| {
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while waiting.load(Relaxed) && enough.iter().any(|opened| opened.load(Relaxed) < 8) {
            assert!(std::time::Instant::now() < deadline, "{enough:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        waiting.store(false, Relaxed);
    }));
    let request = CopyRequest { lanes: Some(8), ..request(vec![source.at("t")], destination.at("")) };
    assert_eq!(desk.copied(request).await.sums.files, names.len() as u64);
    // One for each lane, and some for those who look around; lanes that came before their sessions have waited for them.
    for opened in opened.iter() {
        let opened = opened.load(Relaxed);
        assert!((8..=12).contains(&opened), "{opened}");
    }
}

/// Copies are looked at while others are on their way; the end of the run does not wait for that.
#[tokio::test(flavor = "multi_thread")]
async fn how_times_look_is_learned_on_the_way() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    source.files.make_directory(&path("/t")).expect("made");
    for number in 0..300 {
        source.put(&format!("/t/{number}"), b"text");
    }
    let desk = Desk::new(&[&source, &destination]);
    let report = desk
        .copied(CopyRequest { lanes: Some(1), ..request(vec![source.at("t")], destination.at("")) })
        .await;
    assert_eq!((report.sums.files, report.times.len()), (300, 1), "{:?}", report.times);
    let dialogue = desk.dialogue();
    let looked = dialogue.rfind("destination Client MLSC /t").expect("the copies are looked at");
    let last = dialogue.rfind("STOR /t/").expect("files are sent");
    assert!(looked < last, "only when all were there");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_server_has_more_than_a_handful_of_sessions_before_its_door() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    let names = tree(&source, 60);
    let (cable, most) = Cable::with_a_slow_door(source.address);
    let desk = without_trying_tls(Desk::new(&[&source, &destination]), PLAIN);
    let request = CopyRequest { lanes: Some(24), ..request(vec![cable.at("t")], destination.at("")) };
    assert_eq!(desk.copied(request).await.sums.files, names.len() as u64);
    let most = most.load(Relaxed);
    assert!((2..=8).contains(&most), "{most} at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_waits_for_its_sessions_keeps_no_file_from_the_others() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    let names = tree(&source, 40);
    let door = Arc::new(AtomicBool::new(false));
    // Enough for those who look around, and for some lanes.
    let cable = Cable::with_a_door_for(source.address, 6, door.clone());
    let desk = without_trying_tls(Desk::new(&[&source, &destination]), PLAIN);
    let request = CopyRequest { lanes: Some(12), ..request(vec![cable.at("t")], destination.at("")) };
    let copying = desk.copied(request);
    // The door stays shut until the last file is there, or a client would have given up.
    let all_there = async {
        let there = |name: &String| destination.get(&format!("/t/{name}")).is_some();
        while !names.iter().all(there) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let watching = async {
        let arrived = tokio::time::timeout(Duration::from_secs(45), all_there).await.is_ok();
        door.store(true, Relaxed);
        arrived
    };
    let (report, arrived) = tokio::join!(copying, watching);
    assert!(arrived, "a file waited with a lane that had no session");
    assert_eq!(report.sums.files, names.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_left_to_go_on_in_clear_is_not_one_too_many() {
    for round in 0..5 {
        let server = Server::start_small(2, PLAIN, 2);
        server.put("/f", b"1");
        let desk = Desk::new(&[&server]);
        desk.copied(request(vec![server.at("f")], server.at("g"))).await;
        assert_eq!(server.get("/g").as_deref(), Some(&b"1"[..]), "{round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_small_servers_are_filled_as_far_as_they_go() {
    let (source, destination) = (Server::start_small(2, PLAIN, 5), Server::start_small(3, PLAIN, 2));
    let names = tree(&source, 25);
    let desk = without_trying_tls(Desk::new(&[&source, &destination]), PLAIN);
    let request = CopyRequest { lanes: Some(8), ..request(vec![source.at("t")], destination.at("")) };
    let copying = tokio::time::timeout(Duration::from_secs(120), desk.copied(request));
    let report = copying.await.expect("nobody waits for somebody who waits");
    assert_eq!(report.sums.files, names.len() as u64);
    let most = desk.remembered(&destination).most_sessions;
    assert!(most.is_some_and(|most| (1..=2).contains(&most)), "{most:?}");
}

/// Where a server refuses TLS, another connection follows at once, and the server may count the first one yet.
fn without_trying_tls(mut desk: Desk, kind: Kind) -> Desk {
    desk.context.tls = (!kind.tls).then_some(TlsMode::Off);
    desk
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lets_somebody_in_only_once_cannot_copy_to_itself_and_says_why() {
    let server = Server::start_small(2, PLAIN, 1);
    tree(&server, 1);
    let desk = Desk::new(&[&server]);
    let copying = desk.copy(request(vec![server.at("t")], server.at("copy")));
    let copied = tokio::time::timeout(Duration::from_secs(60), copying).await.expect("it ends");
    let trouble = copied.expect_err("there is no second session");
    assert_eq!(trouble.kind, TroubleKind::Network);
    let remedy = trouble.remedy.expect("what to do");
    assert!(remedy.contains("two sessions"), "{remedy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_fails_stops_no_other() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    let names = tree(&source, 20);
    // In the place of one file stands a directory, and a file where a directory is needed.
    destination.put("/t/dir7", b"no directory");
    destination.files.make_directory(&path("/t/first")).expect("made");
    let desk = Desk::new(&[&source, &destination]);
    let request = CopyRequest { lanes: Some(4), ..request(vec![source.at("t")], destination.at("")) };
    let report = desk.copy(request).await.expect("a report");
    let beneath = names.iter().filter(|name| name.starts_with("dir7/")).count();
    // The directory that is in the way is one failure, whatever is beneath it.
    assert_eq!(report.failed, 2, "{:#?}", report.failures);
    assert_eq!(report.sums.files as usize, names.len() - 1 - beneath);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_all_lanes_and_leaves_no_half_file_under_a_final_name() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    let names = tree(&source, 30);
    let desk = Desk::new(&[&source, &destination]);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let faults = destination.faults.clone();
    // Four uploads have begun, and some of them end, when the stop comes.
    desk.listen(move |event| match event {
        Event::Lanes { .. } => faults.gathers.store(4, Relaxed),
        Event::Done { file: 3, .. } => drop(stop.send(true)),
        _ => {}
    });
    let request = CopyRequest { lanes: Some(4), ..request(vec![source.at("t")], destination.at("")) };
    let copying = fxp_engine::run::copy(request, &desk.context, stopped);
    let report =
        tokio::time::timeout(Duration::from_secs(60), copying).await.expect("it ends").expect("a report");
    assert_eq!(report.ending, Ending::Interrupted);
    assert!(report.sums.files < names.len() as u64, "some were left");
    let left = report.left.expect("told");
    let known = left.files + report.sums.files;
    assert!(if left.all { known == names.len() as u64 } else { known <= names.len() as u64 }, "{report:?}");
    assert_eq!(report.failed, 0, "{report:?}");
    for name in &names {
        let there = destination.get(&format!("/t/{name}"));
        assert!(there.is_none() || there == source.get(&format!("/t/{name}")), "{name}");
    }
    // Another run brings the rest, and nothing twice.
    desk.listen(|_| {});
    let again = desk.copied(crate::world::request(vec![source.at("t")], destination.at(""))).await;
    assert_eq!(again.sums.files + again.unchanged, names.len() as u64);
    assert!(again.unchanged >= report.sums.files);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_pauses_all_lanes_and_they_go_on_when_there_is_room() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    let names = tree(&source, 25);
    let desk = Desk::new(&[&source, &destination]);
    let faults = destination.faults.clone();
    desk.listen(move |event| match event {
        Event::Lanes { .. } => faults.full.store(true, Relaxed),
        // Somebody reads this and makes room.
        Event::Fallback { text, .. } if text.contains("waiting for room") => {
            faults.full.store(false, Relaxed)
        }
        _ => {}
    });
    let bounds = Bounds { space_wait: Duration::from_secs(600), ..Bounds::default() };
    let request = CopyRequest { lanes: Some(4), bounds, ..request(vec![source.at("t")], destination.at("")) };
    let copying = tokio::time::timeout(Duration::from_secs(120), desk.copied(request));
    let report = copying.await.expect("it goes on");
    assert_eq!(report.sums.files, names.len() as u64);
    assert!(report.notes.iter().any(|note| note.contains("waiting for room")), "{:?}", report.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_stays_full_is_not_waited_for_more_than_once() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    let names = tree(&source, 25);
    destination.faults.full.store(true, Relaxed);
    let desk = Desk::new(&[&source, &destination]);
    let bounds = Bounds { space_wait: Duration::from_secs(1), ..Bounds::default() };
    let request = CopyRequest { lanes: Some(4), bounds, ..request(vec![source.at("t")], destination.at("")) };
    let copying = tokio::time::timeout(Duration::from_secs(20), desk.copy(request));
    let report = copying.await.expect("each file would have taken a second").expect("a report");
    assert_eq!((report.failed, report.sums.files), (names.len() as u64, 0));
    assert_eq!(report.kinds, BTreeSet::from([TroubleKind::DestinationDenied]));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_cut_again_and_again_lose_nothing() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    let names = tree(&source, 40);
    let cable = Cable::fraying(destination.address, 97);
    let desk = Desk::new(&[&source, &destination]);
    let request = CopyRequest { lanes: Some(4), retries: 20, ..request(vec![source.at("t")], cable.at("")) };
    let copying = tokio::time::timeout(Duration::from_secs(180), desk.copied(request));
    let report = copying.await.expect("it comes to its end");
    assert!(cable.cut.load(Relaxed), "the cable was cut");
    assert_eq!(report.sums.files, names.len() as u64);
    for name in &names {
        assert_eq!(destination.get(&format!("/t/{name}")), source.get(&format!("/t/{name}")), "{name}");
        assert_eq!(destination.get(&format!("/t/{name}.fxp-part")), None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_ends_the_run_with_whole_files_and_the_next_run_goes_on() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    let names = tree(&source, 30);
    let desk = Desk::new(&[&source, &destination]);
    let all: u64 =
        names.iter().filter_map(|name| source.get(&format!("/t/{name}"))).map(|f| f.len() as u64).sum();
    let bounds = Bounds { max_transfer: Some(all / 2), ..Bounds::default() };
    let limited = CopyRequest { lanes: Some(4), bounds, ..request(vec![source.at("t")], destination.at("")) };
    let report = desk.copied(limited).await;
    assert_eq!(report.ending, Ending::Limit);
    assert!(report.sums.moved <= all / 2 && report.sums.files > 0, "{:?}", report.sums);
    for name in &names {
        let there = destination.get(&format!("/t/{name}"));
        assert!(there.is_none() || there == source.get(&format!("/t/{name}")), "{name}");
        assert_eq!(destination.get(&format!("/t/{name}.fxp-part")), None, "nothing half done");
    }
    let no_time = Bounds { max_duration: Some(Duration::ZERO), ..Bounds::default() };
    let late = CopyRequest { bounds: no_time, ..request(vec![source.at("t")], destination.at("")) };
    assert_eq!(desk.copied(late).await.ending, Ending::Limit);
    let rest = desk.copied(request(vec![source.at("t")], destination.at(""))).await;
    assert_eq!((rest.ending, rest.sums.files + rest.unchanged), (Ending::Complete, names.len() as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_more_than_the_limit_by_itself_does_not_keep_others_from_being_copied() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    source.files.make_directory(&path("/t")).expect("made");
    source.put("/t/large", &noise(5000));
    source.put("/t/another", &noise(6000));
    for number in 0..20 {
        source.put(&format!("/t/{number}"), b"small");
    }
    for lanes in [1, 4] {
        let desk = Desk::new(&[&source, &destination]);
        let bounds = Bounds { max_transfer: Some(1000), ..Bounds::default() };
        let to = destination.at(&format!("{lanes}/"));
        let report = desk
            .copied(CopyRequest { lanes: Some(lanes), bounds, ..request(vec![source.at("t")], to) })
            .await;
        assert_eq!((report.ending, report.sums.files), (Ending::Limit, 20), "{lanes}");
        let left = report.left.expect("some are left");
        assert_eq!((left.files, left.bytes, left.all), (2, 11_000, true));
        assert_eq!(destination.get(&format!("/{lanes}/t/large")), None);
    }
}

/// Files of many sizes in eleven directories beneath `/t`, and `/t/first`; their names.
fn tree(server: &Server, files: usize) -> Vec<String> {
    server.files.make_directory(&path("/t")).expect("made");
    let mut names = vec!["first".to_owned()];
    for number in 0..10 {
        server.files.make_directory(&path(&format!("/t/dir{number}"))).expect("made");
    }
    names.extend((1..files).map(|number| format!("dir{}/file{number}", number % 10)));
    for (number, name) in names.iter().enumerate() {
        server.put(&format!("/t/{name}"), &noise(1 + number * 977));
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_file_of_a_large_tree_arrives_while_the_walk_goes_on() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    // More than all that may wait anywhere between the walk and the lanes.
    for number in 0..4000 {
        source.put(&format!("/t/{}/{number}", number / 100), b"1");
    }
    let desk = Desk::new(&[&source, &destination]);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    desk.listen(move |event| {
        if matches!(event, Event::Done { .. }) {
            let _ = stop.send(true);
        }
    });
    let copying =
        fxp_engine::run::copy(request(vec![source.at("t")], destination.at("")), &desk.context, stopped);
    let report =
        tokio::time::timeout(Duration::from_secs(60), copying).await.expect("it ends").expect("a report");
    assert_eq!(report.ending, Ending::Interrupted);
    assert!(report.sums.files > 0);
    let events = desk.ann.events.lock().expect("not poisoned");
    let begun = events.iter().position(|event| matches!(event, Event::Started { .. })).expect("begun");
    // A slow machine may not have come to the files by then.
    let ladder = events[..begun].iter().find_map(|event| match event {
        Event::Walked { ladder, .. } => Some(ladder.len()),
        _ => None,
    });
    assert!(ladder > Some(0), "the way is told before the first file: {:?}", &events[..begun]);
    assert!(!events.iter().any(|event| matches!(event, Event::Planned { .. })), "the walk has not ended");
}
