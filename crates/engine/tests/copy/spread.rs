//! One source, several destinations, which feed each other.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use fxp_engine::policy::Secure;
use fxp_engine::report::{Assurance, Ending, Event, Report, Served, TroubleKind};
use fxp_engine::run::{CopyRequest, Policy, Via};
use fxp_store::storage::Storage;

use crate::world::{Desk, PLAIN, Server, TLS, noise, path, request};

#[tokio::test(flavor = "multi_thread")]
async fn destinations_feed_each_other_and_the_source_sends_each_file_about_log_n_times() {
    let (source, destinations) = world(4);
    let names = tree(&source, 12, 40_000);
    let desk = desk(&source, &destinations);
    let report = desk.copied(to_all(&source, &destinations)).await;
    all_equal(&source, &destinations, &names);
    assert_eq!((report.sums.files, report.ending), (48, Ending::Complete));
    let [from, to @ ..] = &report.servers[..] else { panic!("the source is told of, too") };
    assert_eq!(from.place, source.key());
    for (got, server) in to.iter().zip(&destinations) {
        assert_eq!((got.files, got.bytes, got.failed), (12, 12 * 40_000, 0), "{got:?}");
        assert_eq!(got.place, server.key());
    }
    assert!(from.sent <= 12 * 3, "ceil(log2(4 + 1)) copies of each file at most: {}", from.sent);
    assert_eq!(sent_in_all(&report), 48, "each copy was sent by somebody");
    // The server counts what it sent, whatever we say about it.
    let bytes: u64 = source.meter.snapshot().values().map(|count| count.sent).sum();
    assert!(bytes < 12 * 40_000 * 7 / 2, "{bytes} bytes are more than three copies and some listings");
    assert!(report.through_client < 100_000, "only listings came here: {}", report.through_client);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_file_already_gives_it_to_the_others() {
    let (source, destinations) = world(3);
    let names = tree(&source, 5, 1000);
    let desk = desk(&source, &destinations);
    desk.copied(request(vec![source.at("t")], destinations[1].at("x/"))).await;
    let report = desk.copied(to_all(&source, &destinations)).await;
    all_equal(&source, &destinations, &names);
    let second = &report.servers[2];
    assert_eq!((second.unchanged, second.files, report.unchanged), (5, 0, 5));
    assert!(second.sent > 0, "{:?}", report.servers);
    assert!(report.servers[0].sent < 10, "some of the ten copies came from the other one");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_comes_with_less_because_another_destination_was_quicker() {
    // The first one knows no TLS: what it has got came in clear. The others prove to each other who they are.
    let (source, mut destinations) = world(2);
    destinations.insert(0, Server::start(40, PLAIN));
    destinations[0].files.make_directory(&path("/x")).expect("made");
    let names = tree(&source, 12, 3000);
    let desk = desk(&source, &destinations);
    let policy = Policy { secure: Secure::Prefer, ..Policy::default() };
    let report = desk.copied(CopyRequest { policy, ..to_all(&source, &destinations) }).await;
    all_equal(&source, &destinations, &names);
    for got in &report.servers[1..] {
        let expected = if got.place == destinations[0].key() { Assurance::Clear } else { Assurance::Mutual };
        assert!(got.came.iter().all(|came| came.assurance == expected), "{got:?}");
        assert!(got.came.iter().all(|came| came.from != destinations[0].key()), "{got:?}");
        assert_eq!(got.came.iter().map(|came| came.files).sum::<u64>(), 12, "{got:?}");
    }
    assert_eq!(report.servers[1].sent, 0, "it gives nothing to those who can have better");
    let told = desk.ann.events.lock().expect("not poisoned").clone();
    let feeds =
        told.iter().any(|event| matches!(event, Event::Feeds { from, .. } if *from == destinations[0].key()));
    assert!(!feeds, "the plan says the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_dies_costs_only_its_own_files() {
    let (source, destinations) = world(4);
    let names = tree(&source, 30, 2000);
    let desk = desk(&source, &destinations);
    let dies = destinations[0].killer();
    let arrived = AtomicUsize::new(0);
    let victim = destinations[0].key();
    desk.listen(move |event| {
        if let Event::Done { report, .. } = event
            && report.destination.contains(&victim)
            && arrived.fetch_add(1, Relaxed) == 3
        {
            dies();
        }
    });
    let report = desk.copy(to_all(&source, &destinations)).await.expect("the others go on");
    all_equal(&source, &destinations[1..], &names);
    let dead = &report.servers[1];
    assert!(dead.given_up.is_some(), "{dead:?}");
    assert_eq!(dead.files + dead.failed, 30, "each of its files is told of");
    assert_eq!((report.failed, report.ending), (dead.failed, Ending::Complete));
    for failure in &report.failures {
        assert!(failure.destination.contains(&destinations[0].key()), "{failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_not_there_or_refuses_everything_does_not_disturb_the_others() {
    let (source, destinations) = world(4);
    let names = tree(&source, 8, 500);
    let desk = desk(&source, &destinations);
    destinations[0].faults.refuses_uploads.store(true, Relaxed);
    let mut request = to_all(&source, &destinations);
    // Nobody listens there.
    request.others[1] = "ftp://ann@127.0.0.99:9/x/".parse().expect("an address");
    let report = desk.copy(request).await.expect("the others go on");
    for at in [1, 3] {
        all_equal(&source, &destinations[at..=at], &names);
    }
    assert_eq!(report.servers[1].failed, 8, "each file was refused");
    assert_eq!(report.servers[3].failed, 1, "nobody knows what it lacks");
    assert!(report.servers[3].given_up.is_some());
    assert_eq!(report.failed, 9);
    let kinds: Vec<TroubleKind> = report.kinds.iter().copied().collect();
    assert_eq!(kinds, [TroubleKind::DestinationDenied, TroubleKind::Network]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_destination_does_not_hold_up_the_others() {
    let (source, destinations) = world(3);
    let names = tree(&source, 20, 3000);
    let mut desk = desk(&source, &destinations);
    desk.context.environment.timeout = Duration::from_secs(120);
    // It takes no byte until the two others have all their files.
    let gate = Arc::new((Mutex::new(0), Condvar::new()));
    let (opens, waits, slow) = (gate.clone(), gate, destinations[0].key());
    desk.listen(move |event| {
        if let Event::Done { report, .. } = event
            && !report.destination.contains(&slow)
        {
            *opens.0.lock().expect("not poisoned") += 1;
            opens.1.notify_all();
        }
    });
    let late = Arc::new(AtomicUsize::new(0));
    let counts = late.clone();
    *destinations[0].faults.on_write.lock().expect("not poisoned") = Some(Box::new(move |_| {
        let arrived = waits.0.lock().expect("not poisoned");
        let (_arrived, waited) = waits
            .1
            .wait_timeout_while(arrived, Duration::from_secs(60), |arrived| *arrived < 40)
            .expect("not poisoned");
        counts.fetch_add(usize::from(waited.timed_out()), Relaxed);
    }));
    let report = desk.copied(to_all(&source, &destinations)).await;
    assert_eq!(late.load(Relaxed), 0, "the others did not wait for it");
    all_equal(&source, &destinations, &names);
    assert_eq!(sent_in_all(&report), 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_through_this_machine_as_well_and_to_it() {
    let (source, destinations) = world(2);
    let names = tree(&source, 4, 700);
    let desk = desk(&source, &destinations);
    desk.local.make_directory(&path("/home")).expect("made");
    let relayed = CopyRequest { via: Via::Relay, ..to_all(&source, &destinations) };
    let others = [relayed.others.clone(), vec!["/home/".parse().expect("an address")]].concat();
    let report = desk.copied(CopyRequest { others, ..relayed }).await;
    all_equal(&source, &destinations, &names);
    for name in &names {
        assert_eq!(desk.local.read(&format!("/home/t/{name}")).ok(), source.get(&format!("/t/{name}")));
    }
    assert_eq!((report.sums.files, sent_in_all(&report)), (12, 12));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_says_who_feeds_whom_and_a_dry_run_copies_nothing() {
    let (source, destinations) = world(4);
    source.put("/one", &noise(10));
    let desk = desk(&source, &destinations);
    let places: Vec<_> = destinations.iter().map(|server| server.at("x/")).collect();
    let plan = CopyRequest {
        dry_run: true,
        others: places[1..].to_vec(),
        ..request(vec![source.at("one")], places[0].clone())
    };
    desk.copied(plan).await;
    let events = desk.ann.events.lock().expect("not poisoned").clone();
    let mut feeds = BTreeMap::new();
    let (mut steps, mut ladders) = (Vec::new(), Vec::new());
    for event in events {
        match event {
            Event::Feeds { from, to } => {
                feeds.insert(from, to);
            }
            Event::Step(step) if step.starts_with("copy") => steps.push(step),
            Event::Planned { ladder, .. } => ladders.extend(ladder),
            Event::Started { .. } => panic!("nothing is copied"),
            _ => {}
        }
    }
    let key = |at: usize| destinations[at].key();
    let expected = [(source.key(), vec![key(0), key(2)]), (key(0), vec![key(1)]), (key(1), vec![key(3)])];
    assert_eq!(feeds, BTreeMap::from(expected));
    let expected = [
        format!("copy ftp://{}/one to ftp://{}/x/one", source.key(), key(0)),
        format!("copy ftp://{}/x/one to ftp://{}/x/one", key(0), key(1)),
        format!("copy ftp://{}/one to ftp://{}/x/one", source.key(), key(2)),
        format!("copy ftp://{}/x/one to ftp://{}/x/one", key(1), key(3)),
    ];
    assert_eq!(steps, expected);
    for (from, to) in [(source.key(), key(0)), (key(0), key(1)), (key(1), key(3))] {
        let names = format!("{from} > {to}: ");
        assert!(ladders.iter().any(|line: &String| line.starts_with(&names)), "{names}{ladders:?}");
    }
    assert!(destinations.iter().all(|server| server.get("/x/one").is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_all_of_it_and_the_next_run_goes_on() {
    let (source, destinations) = world(3);
    let names = tree(&source, 30, 20_000);
    let desk = desk(&source, &destinations);
    let (stops, stop) = tokio::sync::watch::channel(false);
    let arrived = AtomicUsize::new(0);
    desk.listen(move |event| {
        if matches!(event, Event::Done { .. }) && arrived.fetch_add(1, Relaxed) == 5 {
            let _ = stops.send(true);
        }
    });
    let copying = fxp_engine::run::copy(to_all(&source, &destinations), &desk.context, stop);
    let report = tokio::time::timeout(Duration::from_secs(120), copying).await.expect("it ends");
    assert_eq!(report.expect("a report").ending, Ending::Interrupted);
    desk.listen(|_| {});
    let rest = desk.copied(to_all(&source, &destinations)).await;
    assert_eq!((rest.sums.files + rest.unchanged, rest.ending), (90, Ending::Complete));
    all_equal(&source, &destinations, &names);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused() {
    let (source, destinations) = world(2);
    source.put("/one", b"1");
    let desk = desk(&source, &destinations);
    let to = |others| CopyRequest { others, ..request(vec![source.at("one")], destinations[0].at("x/")) };
    let twice = desk.copy(to(vec![destinations[0].at("x")])).await.expect_err("the same place");
    assert_eq!(twice.kind, TroubleKind::Usage);
    assert!(twice.what.contains("named twice"), "{twice}");
    let missing = CopyRequest { sources: vec![source.at("none")], ..to(vec![destinations[1].at("")]) };
    let missing = desk.copy(missing).await.expect_err("there is no source");
    assert_eq!(missing.kind, TroubleKind::SourceNotFound, "{missing}");
}

/// A source and so many destinations, on addresses of their own.
fn world(destinations: u8) -> (Server, Vec<Server>) {
    let servers: Vec<Server> = (0..destinations).map(|at| Server::start(20 + at, TLS)).collect();
    for server in &servers {
        server.files.make_directory(&path("/x")).expect("made");
    }
    (Server::start(2, TLS), servers)
}

fn desk(source: &Server, destinations: &[Server]) -> Desk {
    Desk::new(&std::iter::once(source).chain(destinations).collect::<Vec<_>>())
}

/// The tree at the source, to all of them.
fn to_all(source: &Server, destinations: &[Server]) -> CopyRequest {
    let mut places = destinations.iter().map(|server| server.at("x/"));
    let first = places.next().expect("a destination");
    CopyRequest { others: places.collect(), ..request(vec![source.at("t")], first) }
}

fn tree(source: &Server, files: usize, size: usize) -> Vec<String> {
    let names: Vec<String> = (0..files).map(|at| format!("d{}/f{at}", at % 3)).collect();
    for directory in ["/t", "/t/d0", "/t/d1", "/t/d2"] {
        source.files.make_directory(&path(directory)).expect("made");
    }
    for (at, name) in names.iter().enumerate() {
        let mut bytes = noise(size);
        bytes[0] = u8::try_from(at).expect("few files");
        source.put(&format!("/t/{name}"), &bytes);
    }
    names
}

fn all_equal(source: &Server, destinations: &[Server], names: &[String]) {
    for server in destinations {
        for name in names {
            let there = server.get(&format!("/x/t/{name}"));
            assert_eq!(there, source.get(&format!("/t/{name}")), "{} {name}", server.key());
        }
    }
}

fn sent_in_all(report: &Report) -> u64 {
    report.servers.iter().map(|Served { sent, .. }| sent).sum()
}
