//! What works.

use fxp_engine::place;
use fxp_engine::proto::listing::time::FtpTime;
use fxp_engine::proto::path::VPath;
use fxp_engine::report::{Assurance, Event, Route, Verification};
use fxp_engine::run::{CopyRequest, EndChoice, MethodChoice, Policy, Secure, Via};
use fxp_engine::url::Address;
use fxp_store::storage::Storage;

use crate::world::{Desk, PLAIN, Server, TLS, go_on, noise, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_goes_from_server_to_server_and_nothing_through_us() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    let desk = Desk::new(&[&source, &destination]);
    let names = ["a.bin", "sub/b b.bin", "sub/deep/ünï.bin", "sub/deep/-rf", "sub/%41 \"quoted\"", "empty"];
    for (index, name) in names.iter().enumerate() {
        source.put(&format!("/pub/{name}"), &noise(index * 70_000));
    }
    let time = FtpTime { seconds: 1_234_567_890, nanoseconds: 0 };
    source.files.set_time(&path("/pub/a.bin"), time).expect("set");

    let report = desk.copied(request(vec![source.at("pub")], destination.at(""))).await;

    let bytes: u64 = (0..names.len() as u64 - 1).map(|index| index * 70_000).sum();
    assert_eq!(report.files.len(), names.len());
    assert_eq!(report.directories, 3);
    assert_eq!(report.through_client, 0, "no byte through the asker");
    for (index, name) in names.iter().enumerate() {
        let expected = if *name == "empty" { noise(350_000) } else { noise(index * 70_000) };
        assert_eq!(destination.get(&format!("/pub/{name}")), Some(expected), "{name}");
    }
    assert!(bytes > 0);
    for file in &report.files {
        assert_eq!((file.route, file.assurance), (Route::Direct, Assurance::Mutual));
        assert!(matches!(file.verified, Verification::Digest { algorithm: "SHA-256", .. }), "{file:?}");
        assert_eq!(file.notes, Vec::<String>::new());
    }
    let kept = destination.files.stat(&path("/pub/a.bin")).expect("there").modified.expect("told").0;
    assert_eq!(kept.seconds, time.seconds);
    assert!(desk.dialogue().contains("STOR /pub/a.bin.fxp-part"));
    assert!(desk.ann.asked.load(std::sync::atomic::Ordering::Relaxed) <= 2, "one question per server");
    assert!(!desk.dialogue().contains(crate::world::PASSWORD));

    let again = desk.copied(request(vec![source.at("pub")], destination.at(""))).await;
    assert_eq!((again.files.len(), again.unchanged), (0, names.len() as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_joining_two_servers_works() {
    type Choice = fn(CopyRequest) -> CopyRequest;
    let rows: &[(&str, Choice, &str)] = &[
        ("cpsv", |r| CopyRequest { policy: Policy { method: MethodChoice::Cpsv, ..r.policy }, ..r }, "CPSV"),
        (
            "sscn",
            |r| CopyRequest { policy: Policy { method: MethodChoice::Sscn, ..r.policy }, ..r },
            "SSCN ON",
        ),
        (
            "sscn",
            |r| CopyRequest {
                policy: Policy { method: MethodChoice::Sscn, passive: EndChoice::Source, ..r.policy },
                ..r
            },
            "source Client PASV",
        ),
        (
            "cpsv",
            |r| CopyRequest {
                policy: Policy { method: MethodChoice::Cpsv, passive: EndChoice::Source, ..r.policy },
                ..r
            },
            "source Client CPSV",
        ),
        ("plain", |r| CopyRequest { policy: Policy { secure: Secure::Off, ..r.policy }, ..r }, "PROT C"),
        ("relay", |r| CopyRequest { via: Via::Relay, ..r }, "RETR"),
    ];
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    let content = noise(300_000);
    source.put("/f", &content);
    for (word, choose, said) in rows {
        let desk = Desk::new(&[&source, &destination]);
        let to = format!("{word}-{}", said.replace(' ', "-"));
        let report = desk.copied(choose(request(vec![source.at("f")], destination.at(&to)))).await;
        assert_eq!(destination.get(&format!("/{to}")).as_ref(), Some(&content), "{word} {said}");
        let method = report.files[0].method.map_or("relay", |method| method.word());
        assert_eq!(method, *word, "{said}");
        assert!(desk.dialogue().contains(said), "{said}:\n{}", desk.dialogue());
        let through = if *word == "relay" { content.len() as u64 } else { 0 };
        assert_eq!(report.through_client, through, "{word} {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_called_clear_went_in_clear_and_what_is_called_relay_did_not() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    source.put("/f", b"hello");
    for (secure, word, assurance) in
        [(Secure::Off, "PROT C", Assurance::Clear), (Secure::Prefer, "PROT P", Assurance::Relay)]
    {
        let desk = Desk::new(&[&source, &destination]);
        let request = request(vec![source.at("f")], destination.at(word));
        let report = desk
            .copied(CopyRequest {
                policy: Policy { secure, ..Policy::default() },
                via: Via::Relay,
                ..request
            })
            .await;
        assert_eq!(report.files[0].assurance, assurance);
        for (leg, transfer) in [("source Client ", "RETR "), ("destination Client ", "STOR ")] {
            let dialogue = desk.dialogue();
            let (before, _) = dialogue.split_once(&format!("{leg}{transfer}")).expect("it was transferred");
            let prot = before.lines().rev().find(|line| line.starts_with(&format!("{leg}PROT")));
            assert_eq!(prot, Some(format!("{leg}{word}").as_str()), "{dialogue}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clear_servers_copy_in_clear_and_say_so() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    source.put("/f", b"hello");
    let desk = Desk::new(&[]);
    let report = desk.copied(request(vec![source.at("f")], destination.at("g"))).await;
    assert_eq!(report.files[0].assurance, Assurance::Clear);
    assert_eq!(destination.get("/g").as_deref(), Some(&b"hello"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_up_and_come_down() {
    let server = Server::start(2, TLS);
    let desk = Desk::new(&[&server]);
    let content = noise(200_000);
    desk.local.put("/home/up/x", &content).expect("written");
    let local = |path: &str| path.parse::<Address>().expect("an address");

    let up = desk.copied(request(vec![local("/home/up")], server.at(""))).await;
    assert_eq!(server.get("/up/x").as_ref(), Some(&content));
    assert_eq!(up.through_client, content.len() as u64);
    assert_eq!(up.files[0].route, Route::Local);
    assert!(matches!(up.files[0].verified, Verification::Digest { .. }));

    let down = desk.copied(request(vec![server.at("up/")], local("/home/down"))).await;
    assert_eq!(desk.local.read("/home/down/x").expect("there"), content);
    assert_eq!(down.through_client, content.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_sources_may_come_from_several_servers_and_one_may_be_the_destination() {
    let (one, two, three) = (Server::start(2, TLS), Server::start(3, TLS), Server::start(4, TLS));
    one.put("/a", b"from one");
    two.put("/b", b"from two");
    three.put("/c", b"from three");
    let desk = Desk::new(&[&one, &two, &three]);
    let sources = vec![one.at("a"), two.at("b"), three.at("c"), one.at("a/../a")];
    let twice = desk.copy(request(sources.clone(), three.at("all/"))).await.expect_err("a twice");
    assert!(twice.what.contains("both become"), "{twice}");
    let report = desk.copied(request(sources[..3].to_vec(), three.at("all/"))).await;
    assert_eq!(report.files.len(), 3);
    assert_eq!(report.through_client, 0);
    for (name, content) in [("a", "from one"), ("b", "from two"), ("c", "from three")] {
        assert_eq!(three.get(&format!("/all/{name}")).as_deref(), Some(content.as_bytes()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_servers_are_joined_by_epsv_and_eprt() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        assert!(std::env::var_os("CI").is_none(), "no IPv6 loopback here");
        eprintln!("SKIPPED: no IPv6 loopback here");
        return;
    }
    let (source, destination) = (Server::start_v6(TLS), Server::start_v6(TLS));
    source.put("/f", b"hello");
    let desk = Desk::new(&[&source, &destination]);
    let report = desk.copied(request(vec![source.at("f")], destination.at("g"))).await;
    assert_eq!(report.files[0].method.map(|method| method.word()), Some("sscn"));
    assert_eq!(destination.get("/g").as_deref(), Some(&b"hello"[..]));
    assert!(desk.dialogue().contains("EPRT |2|::1|"), "{}", desk.dialogue());
}

#[test]
fn work_can_be_moved_to_another_thread() {
    fn assert_send<T: Send>(_: T) {}
    if false {
        let desk = Desk::new(&[]);
        let at: Address = "ftp://h/x".parse().expect("an address");
        assert_send(fxp_engine::run::copy(request(vec![at.clone()], at.clone()), &desk.context, go_on()));
        assert_send(place::move_to(request(vec![at.clone()], at.clone()), &desk.context, go_on()));
        assert_send(place::list(&at, &desk.context));
        assert_send(place::remove(&at, true, &desk.context, go_on()));
        assert_send(place::test(&at, &desk.context));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_prints_plan_and_ladder_and_changes_nothing() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    source.put("/t/f", b"hello");
    let desk = Desk::new(&[&source, &destination]);
    let request = CopyRequest { dry_run: true, ..request(vec![source.at("t")], destination.at("")) };
    let report = desk.copied(request).await;
    assert!(report.files.is_empty());
    assert_eq!(destination.get("/t/f"), None);
    let events = desk.ann.events.lock().expect("not poisoned");
    let ladder = events.iter().find_map(|event| match event {
        Event::Planned { files: 1, bytes: 5, directories: 1, unchanged: 0, ladder } => Some(ladder.clone()),
        _ => None,
    });
    let ladder = ladder.expect("planned");
    assert_eq!(ladder.len(), 6);
    assert_eq!(
        ladder[0],
        "passive dst | TLS client dst | source SSCN OFF, PEER KEY, PORT | destination SSCN OFF, PEER KEY, CPSV | mutual"
    );
    let steps: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::Step(step) = event { Some(step) } else { None })
        .collect();
    assert_eq!(steps.len(), 2, "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn single_places_are_listed_shown_made_moved_and_removed() {
    let (server, other) = (Server::start(2, TLS), Server::start(3, TLS));
    let desk = Desk::new(&[&server, &other]);
    let context = &desk.context;
    server.put("/d/one", b"1");
    server.put("/d/sub/two", b"22");

    let listing = place::list(&server.at("d"), context).await.expect("listed");
    let names: Vec<_> = listing.entries.iter().map(|entry| entry.name.to_string()).collect();
    assert_eq!(
        (listing.path.as_str(), listing.directory, names),
        ("/d", true, vec!["one".into(), "sub".into()])
    );
    let listing = place::list(&server.at("d/one"), context).await.expect("described");
    assert_eq!((listing.directory, listing.entries[0].size), (false, Some(1)));

    place::make_directory(&server.at("new/er/est"), true, context).await.expect("made");
    place::make_directory(&server.at("new/er/est"), true, context).await.expect("is there");
    assert!(place::make_directory(&server.at("new"), false, context).await.is_err());
    assert!(place::make_directory(&server.at("no/where"), false, context).await.is_err());

    let moved = place::move_to(request(vec![server.at("d/one")], server.at("new")), context, go_on()).await;
    let moved = moved.expect("moved");
    assert_eq!(moved.files[0].route, Route::Renamed);
    assert_eq!(server.get("/new/one").as_deref(), Some(&b"1"[..]));

    let moved =
        place::move_to(request(vec![server.at("d")], other.at("")), context, go_on()).await.expect("moved");
    assert!(moved.failures.is_empty(), "{:?}", moved.failures);
    assert_eq!(other.get("/d/sub/two").as_deref(), Some(&b"22"[..]));
    assert!(server.files.stat(&path("/d")).is_err(), "what was moved is gone");

    let removed = place::remove(&server.at("new"), true, context, go_on()).await.expect("removed");
    assert_eq!((removed.files, removed.directories, removed.failures.len()), (1, 3, 0));
    assert!(server.files.stat(&path("/new")).is_err());

    let facts = place::test(&other.at(""), context).await.expect("looked at");
    assert_eq!((facts.verified, facts.fingerprint.as_ref()), (Some("pinned"), other.fingerprint.as_ref()));
    assert!(facts.fxp.iter().any(|sentence| sentence.contains("CPSV, SSCN")), "{:?}", facts.fxp);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_shown_through_our_hands() {
    let server = Server::start(2, TLS);
    let desk = Desk::new(&[&server]);
    let content = noise(100_000);
    server.put("/f", &content);
    let shown = Shown::default();
    let size = fxp_engine::place::cat(&server.at("f"), &desk.context, Box::new(shown.clone()), go_on()).await;
    assert_eq!(size.expect("shown"), content.len() as u64);
    assert_eq!(*shown.0.lock().expect("not poisoned"), content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_that_cannot_be_written_is_an_error() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
    }
    let server = Server::start(2, TLS);
    let desk = Desk::new(&[&server]);
    server.put("/f", b"hello");
    desk.local.put("/f", b"hello").expect("written");
    for place in [server.at("f"), "/f".parse::<Address>().expect("an address")] {
        let shown = place::cat(&place, &desk.context, Box::new(Full), go_on()).await;
        assert!(shown.is_err(), "{place}: {shown:?}");
    }
}

#[derive(Clone, Default)]
struct Shown(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn path(text: &str) -> VPath {
    VPath::parse(text.as_bytes()).expect("a path")
}
