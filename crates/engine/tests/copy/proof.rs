//! What two servers prove to each other, what the report says of it, and what is never given up for it.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

use fxp_engine::report::{Assurance, Event, Route, TroubleKind};
use fxp_engine::run::{AssuranceChoice, CopyRequest, EndChoice, MethodChoice, Policy, Secure, Via};
use fxp_store::Text;
use fxp_store::storage::Storage;

use crate::world::{Desk, NAMELESS, OFF, PLAIN, Server, TLS, noise, path, request};

#[tokio::test(flavor = "multi_thread")]
async fn two_of_ours_prove_who_they_are_without_a_rule_and_with_a_key_for_each_file() {
    // Neither has a rule: what lets the other one in is that it proves who it is.
    let (source, destination) = (Server::start(2, NAMELESS), Server::start(3, NAMELESS));
    for name in ["a", "b", "c"] {
        source.put(&format!("/t/{name}"), &noise(100_000));
    }
    let desk = Desk::new(&[&source, &destination]);
    let report = desk.copied(request(vec![source.at("t/")], destination.at(""))).await;
    assert_eq!(report.files.len(), 3);
    for file in &report.files {
        assert_eq!((file.route, file.assurance), (Route::Direct, Assurance::Mutual));
        assert!(file.notes.is_empty(), "{:?}", file.notes);
    }
    let dialogue = desk.dialogue();
    for leg in ["source", "destination"] {
        let said: Vec<&str> =
            dialogue.lines().filter(|line| line.starts_with(&format!("{leg} Client PEER"))).collect();
        // The look at how the copies' times are listed comes after the last file, and not from a peer.
        let (keys, after) = said.split_at(said.len().min(3));
        assert_eq!(keys, [format!("{leg} Client PEER KEY ****").as_str(); 3], "{dialogue}");
        assert!(after.iter().all(|line| line.ends_with("PEER OFF")) && after.len() <= 1, "{dialogue}");
    }
}

/// The commands of the second of three files, in which nothing has to be set any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_costs_no_round_trip() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    for name in ["a", "b", "c"] {
        source.put(&format!("/t/{name}"), b"hello");
    }
    let desk = Desk::new(&[&source, &destination]);
    // With more lanes the lines of several files would be mixed.
    let request = CopyRequest { lanes: Some(1), ..request(vec![source.at("t/")], destination.at("")) };
    desk.copied(request).await;
    let dialogue = desk.dialogue();
    for (leg, follows) in [("source", "PORT "), ("destination", "CPSV")] {
        let said: Vec<&str> = dialogue.lines().filter_map(|line| line.strip_prefix(leg)).collect();
        let keys: Vec<usize> = (0..said.len()).filter(|&at| said[at] == " Client PEER KEY ****").collect();
        assert_eq!(keys.len(), 3, "{dialogue}");
        for at in keys {
            // Both are sent before either is answered.
            assert!(
                said[at + 1].starts_with(&format!(" Client {follows}")),
                "{leg}: {:?}",
                &said[at..at + 4]
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_and_every_role_proves_it() {
    let choices = [
        (MethodChoice::Cpsv, EndChoice::Destination, EndChoice::Destination),
        (MethodChoice::Cpsv, EndChoice::Source, EndChoice::Source),
        (MethodChoice::Sscn, EndChoice::Destination, EndChoice::Destination),
        (MethodChoice::Sscn, EndChoice::Destination, EndChoice::Source),
        (MethodChoice::Sscn, EndChoice::Source, EndChoice::Destination),
        (MethodChoice::Sscn, EndChoice::Source, EndChoice::Source),
    ];
    let (source, destination) = (Server::start(2, NAMELESS), Server::start(3, NAMELESS));
    let content = noise(300_000);
    source.put("/f", &content);
    let mut seen = HashSet::new();
    for (method, passive, tls_client) in choices {
        let desk = Desk::new(&[&source, &destination]);
        let policy = Policy { method, passive, tls_client, ..Policy::default() };
        let to = format!("{method:?}-{passive:?}-{tls_client:?}");
        let request = CopyRequest { policy, ..request(vec![source.at("f")], destination.at(&to)) };
        let report = desk.copied(request).await;
        assert_eq!(report.files[0].assurance, Assurance::Mutual, "{to}");
        assert_eq!(destination.get(&format!("/{to}")).as_ref(), Some(&content), "{to}");
        seen.insert(report.files[0].method);
    }
    assert_eq!(seen.len(), choices.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_servers_prove_it_too_and_an_interrupted_file_is_continued() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        assert!(std::env::var_os("CI").is_none(), "no IPv6 loopback here");
        eprintln!("SKIPPED: no IPv6 loopback here");
        return;
    }
    let content = noise(400_000);
    let pairs = [
        (Server::start_v6(NAMELESS), Server::start_v6(NAMELESS)),
        (Server::start(2, NAMELESS), Server::start(3, NAMELESS)),
    ];
    for (source, destination) in pairs {
        source.put("/f", &content);
        destination.put("/f.fxp-part", &content[..150_000]);
        let desk = Desk::new(&[&source, &destination]);
        let report = desk.copied(request(vec![source.at("f")], destination.at(""))).await;
        assert_eq!((report.files[0].assurance, report.files[0].resumed), (Assurance::Mutual, 150_000));
        assert_eq!(destination.get("/f").as_ref(), Some(&content));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lets_nobody_in_says_so_and_nothing_less_is_tried() {
    for (from, to) in [(NAMELESS, OFF), (OFF, NAMELESS)] {
        let (source, destination) = (Server::start(2, from), Server::start(3, to));
        source.put("/f", b"hello");
        let desk = Desk::new(&[&source, &destination]);
        let report = desk.copy(request(vec![source.at("f")], destination.at(""))).await.expect("a report");
        let trouble = &report.failures[0].trouble;
        assert_eq!(trouble.kind, TroubleKind::FxpImpossible, "{trouble:#?}");
        assert!(trouble.rungs.iter().all(|rung| rung.contains("PEER KEY")), "{trouble:#?}");
        let words = trouble.words.as_deref().unwrap_or_default();
        assert!(words.starts_with("534 "), "{trouble:#?}");
        assert_eq!(trouble.rungs.len(), 1, "what was refused once is not asked for again: {trouble:#?}");
        assert!(!desk.dialogue().contains("STOR "), "{}", desk.dialogue());
        // A relay is as good as a proof, but only if it is allowed.
        let relay = CopyRequest {
            via: Via::Auto,
            policy: Policy { assurance: AssuranceChoice::Mutual, ..Policy::default() },
            ..request(vec![source.at("f")], destination.at("g"))
        };
        let report = desk.copied(relay).await;
        assert_eq!((report.files[0].route, report.files[0].assurance), (Route::Relay, Assurance::Relay));
        assert_eq!(destination.get("/g").as_deref(), Some(&b"hello"[..]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assurance_that_cannot_be_reached_is_an_error_before_any_data_moves() {
    use AssuranceChoice::{Best, Encrypted, Mutual};
    let (source, destination) = (Server::start(2, TLS), Server::start(3, PLAIN));
    source.put("/f", b"hello");
    let rows = [
        (Via::Direct, Secure::Prefer, Best, None),
        (Via::Direct, Secure::Prefer, Encrypted, Some(TroubleKind::Tls)),
        (Via::Direct, Secure::Prefer, Mutual, Some(TroubleKind::Tls)),
        (Via::Direct, Secure::Off, Encrypted, Some(TroubleKind::Tls)),
        (Via::Relay, Secure::Prefer, Encrypted, Some(TroubleKind::Tls)),
        (Via::Auto, Secure::Prefer, Mutual, Some(TroubleKind::Tls)),
    ];
    for (index, (via, secure, assurance, expected)) in rows.into_iter().enumerate() {
        let desk = Desk::new(&[&source]);
        let to = format!("f{index}");
        let policy = Policy { secure, assurance, ..Policy::default() };
        let request = CopyRequest { via, policy, ..request(vec![source.at("f")], destination.at(&to)) };
        let kind = match desk.copy(request).await {
            Ok(report) => report.failures.first().map(|failure| failure.trouble.kind),
            Err(trouble) => Some(trouble.kind),
        };
        assert_eq!(kind, expected, "{via:?} {secure:?} {assurance:?}");
        assert_eq!(destination.get(&format!("/{to}")).is_some(), expected.is_none(), "{via:?} {secure:?}");
    }
}

/// A key stays with a session until it is taken back; data connections of our own have no proof to offer.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_force_is_taken_back_before_data_of_our_own() {
    let (source, destination) = (Server::start(2, NAMELESS), Server::start(3, NAMELESS));
    source.put("/d/f", b"hello");
    // More than a single reply lists.
    for number in 0..1001 {
        source.files.symlink(&Text::from("nowhere"), &path(&format!("/d/{number}"))).expect("a link");
    }
    let desk = Desk::new(&[&source, &destination]);
    // After the copy, a move would remove the directory, for which it lists what is left over the same session.
    let moving = request(vec![source.at("d")], destination.at("e/"));
    let report =
        fxp_engine::place::move_to(moving, &desk.context, crate::world::go_on()).await.expect("a report");
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    assert_eq!(report.files[0].assurance, Assurance::Mutual);
    assert_eq!(destination.get("/e/d/f").as_deref(), Some(&b"hello"[..]));
    assert_eq!(source.get("/d/f"), None);
    let dialogue = desk.dialogue();
    let source_said: Vec<&str> =
        dialogue.lines().filter_map(|line| line.strip_prefix("source Client ")).collect();
    let key = source_said.iter().position(|line| line.starts_with("PEER KEY")).expect("a key");
    let listing = source_said.iter().rposition(|line| line.starts_with("MLSD") || line.starts_with("LIST"));
    let off = source_said.iter().position(|line| *line == "PEER OFF");
    assert!(off > Some(key) && off < listing, "{dialogue}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assurance_that_rests_on_a_certificate_nobody_verified_says_so() {
    let (source, destination) = (Server::start(2, NAMELESS), Server::start(3, NAMELESS));
    source.put("/f", b"hello");
    // The destination's certificate is known, the source's is accepted by a yes.
    let desk = Desk::new(&[&destination]);
    desk.ann.trusts.store(true, Relaxed);
    let report = desk.copied(request(vec![source.at("f")], destination.at("first"))).await;
    let file = &report.files[0];
    assert_eq!(file.assurance, Assurance::Mutual);
    let sand: Vec<&String> = file.notes.iter().filter(|note| note.contains("rests on sand")).collect();
    assert_eq!(sand.len(), 1, "{:?}", file.notes);
    assert!(sand[0].contains(&source.key()), "{sand:?}");
    // From now on nobody is asked, and it is known no better.
    let report = desk.copied(request(vec![source.at("f")], destination.at("second"))).await;
    assert_eq!(report.files[0].notes, [sand[0].clone()]);
    let fingerprint = desk.remembered(&source).trusted.remove(0);
    assert!(sand[0].contains(&format!("fxp trust add {} {fingerprint}", source.key())), "{sand:?}");
    // The person compares it.
    let key = source.key();
    desk.context
        .known
        .lock()
        .expect("not poisoned")
        .servers
        .get_mut(&key)
        .expect("known")
        .vouch_for(fingerprint);
    let report = desk.copied(request(vec![source.at("f")], destination.at("third"))).await;
    assert!(report.files[0].notes.is_empty(), "{:?}", report.files[0].notes);
    let events = desk.ann.events.lock().expect("not poisoned");
    assert!(
        events.iter().any(|event| matches!(event, Event::Done { report, .. } if !report.notes.is_empty()))
    );
}
