//! FXP that is not allowed: explained, remembered, and gone round only with leave.

use fxp_engine::report::{Assurance, Event, Route, TroubleKind};
use fxp_engine::run::{CopyRequest, EndChoice, Policy, Secure, Via};

use crate::cable::Cable;
use crate::front::Front;
use crate::world::{CLOSED, Desk, Fxp, Kind, PLAIN, STRICT, Server, TLS, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_fxp_names_every_rung_the_words_and_the_way_out() {
    let (source, destination) = (Server::start(2, CLOSED), Server::start(3, CLOSED));
    source.put("/f", b"hello");
    let desk = Desk::new(&[&source, &destination]);
    let report = desk.copy(request(vec![source.at("f")], destination.at(""))).await.expect("a report");
    let trouble = &report.failures[0].trouble;
    assert_eq!(trouble.kind, TroubleKind::FxpImpossible, "{trouble:#?}");
    assert!(!trouble.rungs.is_empty() && trouble.words.is_some(), "{trouble:#?}");
    let remedy = trouble.remedy.as_deref().unwrap_or_default();
    assert!(remedy.contains("[[fxp.rule]]") && remedy.contains("--via relay"), "{remedy}");
    assert_eq!(report.through_client, 0, "nothing was relayed without leave");
    assert_eq!(destination.get("/f"), None);

    let learned = (desk.remembered(&source), desk.remembered(&destination));
    assert!(learned.0.has_facts() || learned.1.has_facts(), "{learned:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_leave_the_bytes_go_through_us_and_the_report_says_why() {
    let (source, destination) = (Server::start(2, CLOSED), Server::start(3, CLOSED));
    source.put("/t/f", b"hello");
    source.put("/t/g", b"hello again");
    let desk = Desk::new(&[&source, &destination]);
    let request = CopyRequest { via: Via::Auto, ..request(vec![source.at("t/")], destination.at("")) };
    let report = desk.copied(request).await;
    assert_eq!(destination.get("/f").as_deref(), Some(&b"hello"[..]));
    for file in &report.files {
        assert_eq!(file.route, Route::Relay);
        assert!(file.notes.iter().any(|note| note.contains("through this machine")), "{:?}", file.notes);
    }
    assert_eq!(report.through_client, 16);
    let fallbacks = desk.ann.events.lock().expect("not poisoned");
    assert!(fallbacks.iter().any(|event| matches!(event, Event::Fallback { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_learned_is_tried_again_when_nothing_else_is_left() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    source.put("/f", b"hello");
    let desk = Desk::new(&[&source, &destination]);
    desk.copied(request(vec![source.at("f")], destination.at("first"))).await;
    // As if both had refused everything, before their operators changed that.
    for server in [&source, &destination] {
        let mut book = desk.context.known.lock().expect("not poisoned");
        let known = book.servers.get_mut(&server.key()).expect("known");
        known.no_foreign_active = true;
        known.no_foreign_passive = true;
    }
    let report = desk.copied(request(vec![source.at("f")], destination.at("second"))).await;
    assert_eq!(report.files[0].route, Route::Direct);
    assert!(!desk.remembered(&destination).no_foreign_passive, "a success is remembered too");
}

#[tokio::test(flavor = "multi_thread")]
async fn protection_is_never_lowered_in_silence() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, PLAIN));
    source.put("/f", b"hello");
    let rows = [
        (Via::Direct, Secure::Default, Some(TroubleKind::FxpImpossible)),
        (Via::Direct, Secure::Require, Some(TroubleKind::FxpImpossible)),
        (Via::Direct, Secure::Prefer, None),
        (Via::Direct, Secure::Off, None),
        (Via::Relay, Secure::Default, Some(TroubleKind::Tls)),
        (Via::Relay, Secure::Prefer, None),
        (Via::Relay, Secure::Off, None),
    ];
    for (index, (via, secure, expected)) in rows.into_iter().enumerate() {
        let desk = Desk::new(&[&source]);
        let to = format!("f{index}");
        let request = CopyRequest {
            via,
            policy: Policy { secure, ..Policy::default() },
            ..request(vec![source.at("f")], destination.at(&to))
        };
        let kind = match desk.copy(request).await {
            Ok(report) => {
                let lowered = report.files.first().map(|file| file.notes.join(" ")).unwrap_or_default();
                assert_eq!(lowered.contains("in clear"), expected.is_none(), "{via:?} {secure:?}: {lowered}");
                report.failures.first().map(|failure| failure.trouble.kind)
            }
            Err(trouble) => Some(trouble.kind),
        };
        assert_eq!(kind, expected, "{via:?} {secure:?}");
        assert_eq!(destination.get(&format!("/{to}")).is_some(), expected.is_none(), "{via:?} {secure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_protects_only_commands_is_used_with_leave() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, PLAIN));
    let front = Front::start(&destination).await;
    source.put("/f", b"hello");
    let rows = [
        (Via::Direct, Secure::Default, Some(TroubleKind::Tls)),
        (Via::Direct, Secure::Require, Some(TroubleKind::Tls)),
        (Via::Direct, Secure::Prefer, None),
        (Via::Direct, Secure::Off, None),
        (Via::Relay, Secure::Default, Some(TroubleKind::Tls)),
        (Via::Relay, Secure::Prefer, None),
        (Via::Relay, Secure::Off, None),
    ];
    for (index, (via, secure, expected)) in rows.into_iter().enumerate() {
        let desk = Desk::new(&[&source]);
        front.trusted_by(&desk);
        let to = format!("f{index}");
        let request = CopyRequest {
            via,
            policy: Policy { secure, ..Policy::default() },
            ..request(vec![source.at("f")], front.at(&to))
        };
        match desk.copy(request).await {
            Ok(report) => {
                assert_eq!(expected, None, "{via:?} {secure:?}");
                assert!(report.failures.is_empty(), "{via:?} {secure:?}: {:#?}", report.failures);
                let file = &report.files[0];
                assert_eq!(file.assurance, Assurance::Clear, "{via:?} {secure:?}");
                assert!(file.notes.iter().any(|note| note.contains("in clear")), "{:?}", file.notes);
            }
            Err(trouble) => assert_eq!(Some(trouble.kind), expected, "{via:?} {secure:?}: {trouble:#?}"),
        }
        assert_eq!(destination.get(&format!("/{to}")).is_some(), expected.is_none(), "{via:?} {secure:?}");
        let protections = desk.dialogue().matches("destination Client PROT P").count();
        assert!(protections <= 3, "what it refuses is not asked for again and again:\n{}", desk.dialogue());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_protected_data_only_is_not_asked_for_clear_without_a_hint() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, STRICT));
    source.put("/f", b"hello");
    for (via, kind) in [(Via::Direct, TroubleKind::FxpImpossible), (Via::Relay, TroubleKind::Tls)] {
        let desk = Desk::new(&[&source, &destination]);
        let report = desk
            .copy(CopyRequest {
                via,
                policy: Policy { secure: Secure::Off, ..Policy::default() },
                ..request(vec![source.at("f")], destination.at(""))
            })
            .await
            .expect("a report");
        let trouble = &report.failures[0].trouble;
        assert_eq!(trouble.kind, kind, "{trouble:#?}");
        let remedy = trouble.remedy.clone().unwrap_or_default();
        assert!(remedy.contains("--secure off"), "{via:?}: {trouble:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_allowed_says_which_end() {
    let (source, destination) = (Server::start(2, TLS), Server::start(3, TLS));
    source.put("/f", b"hello");
    let desk = Desk::new(&[&source, &destination]);
    let missing =
        desk.copy(request(vec![source.at("nothing")], destination.at(""))).await.expect_err("refused");
    assert_eq!(missing.kind, TroubleKind::SourceNotFound);
    assert!(missing.to_string().contains("/nothing"), "{missing}");
    let nowhere = desk.copy(request(vec![source.at("f")], destination.at("a/b"))).await.expect_err("refused");
    assert_eq!(nowhere.kind, TroubleKind::DestinationDenied);
    assert!(nowhere.remedy.is_some_and(|remedy| remedy.contains("mkdir -p")));
    let itself = desk.copy(request(vec![source.at("f")], source.at("f"))).await.expect_err("refused");
    assert_eq!(itself.kind, TroubleKind::Usage);
    let tree = CopyRequest { recursive: false, ..request(vec![source.at("")], destination.at("")) };
    let tree = desk.copy(tree).await.expect_err("refused");
    assert!(tree.remedy.is_some_and(|remedy| remedy.contains("-r")));
}

/// What a server of ours says where it listens and lets nobody in is what it says when nobody comes.
#[tokio::test(flavor = "multi_thread")]
async fn who_turns_others_away_is_not_remembered_as_out_of_reach() {
    let closed = Kind { fxp: Fxp::Denied, ..PLAIN };
    let (source, destination) = (Server::start(2, PLAIN), Server::start_hasty(3, closed));
    source.put("/f", b"hello");
    let cable = Cable::unaware(source.address);
    let desk = Desk::new(&[]);
    let policy = Policy { passive: EndChoice::Destination, ..Policy::default() };
    let request = CopyRequest { policy, ..request(vec![cable.at("f")], destination.at("")) };
    let report = desk.copy(request).await.expect("a report");
    let words = report.failures[0].trouble.words.clone().unwrap_or_default();
    assert!(words.starts_with("425 no data connection"), "{words}\n{}", desk.dialogue());
    assert!(!desk.remembered(&destination).unreachable, "{}", desk.dialogue());
}
