//! `--bwlimit`: whoever moves the bytes obeys it, all lanes together; where nobody can, nothing moves. Only least
//! times are compared; how long it takes at most is the machine's business.

use std::time::{Duration, Instant};

use fxp_engine::policy::Via;
use fxp_engine::report::{Route, TroubleKind};
use fxp_engine::run::CopyRequest;

use crate::cable::Cable;
use crate::world::{Desk, PLAIN, Server, TLS, noise, request};

/// Bytes a second.
const LIMIT: u64 = 2_000_000;

/// What [`tree`] costs, less the slack of a ceiling.
const LEAST: Duration = Duration::from_millis(850);

/// Eight files of a quarter of a megabyte, and a small one that goes first.
fn tree(server: &Server) {
    server.put("/t/small", b"small");
    for number in 0..8 {
        server.put(&format!("/t/f{number}"), &noise(250_000));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_lanes_together_are_no_faster() {
    for (kind, via) in [(PLAIN, Via::Direct), (TLS, Via::Direct), (TLS, Via::Relay)] {
        let (source, destination) = (Server::start(2, kind), Server::start(3, kind));
        tree(&source);
        let desk = Desk::new(&[&source, &destination]);
        let limited = CopyRequest {
            lanes: Some(4),
            bwlimit: Some(LIMIT),
            via,
            ..request(vec![source.at("t/")], destination.at(""))
        };
        let begun = Instant::now();
        let report = desk.copied(limited).await;
        assert!(begun.elapsed() >= LEAST, "{via:?}: {:?}", begun.elapsed());
        assert_eq!(report.sums.files, 9);
        for number in 0..8 {
            assert_eq!(destination.get(&format!("/f{number}")), source.get(&format!("/t/f{number}")));
        }
        let route = if via == Via::Relay { Route::Relay } else { Route::Direct };
        assert_eq!(report.sums.by_route(route), 9);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_end_that_knows_rate_is_enough() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    tree(&source);
    let legacy = Cable::without_digests(destination.address);
    let desk = Desk::new(&[&source]);
    let limited =
        CopyRequest { lanes: Some(4), bwlimit: Some(LIMIT), ..request(vec![source.at("t/")], legacy.at("")) };
    let begun = Instant::now();
    assert_eq!(desk.copied(limited).await.sums.files, 9);
    assert!(begun.elapsed() >= LEAST, "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn several_destinations_share_the_ceiling_whoever_feeds_them() {
    let source = Server::start(2, PLAIN);
    tree(&source);
    let servers = [30, 31, 32].map(|last| Server::start(last, PLAIN));
    // One cannot limit its speed, so that those who send to it have to.
    let legacy = Cable::without_digests(servers[2].address);
    let desk = Desk::new(&[&source]);
    for via in [Via::Direct, Via::Relay] {
        let folder = format!("{via:?}/").to_lowercase();
        let mut limited = request(vec![source.at("t/")], servers[0].at(&folder));
        limited.others = vec![servers[1].at(&folder), legacy.at(&folder)];
        let limited = CopyRequest { bwlimit: Some(LIMIT), via, ..limited };
        let begun = Instant::now();
        let report = desk.copied(limited).await;
        assert_eq!(report.sums.files, 27);
        // Each gets the whole tree with a third of the speed.
        assert!(begun.elapsed() >= 3 * LEAST, "{via:?}: {:?}", begun.elapsed());
        for server in &servers {
            for number in 0..8 {
                let name = format!("/{folder}f{number}");
                assert_eq!(server.get(&name), source.get(&format!("/t/f{number}")), "{name}");
            }
        }
    }
    let mut tight = request(vec![source.at("t/")], servers[0].at("tight/"));
    tight.others = vec![servers[1].at("tight/")];
    let refused =
        desk.copy(CopyRequest { bwlimit: Some(2000), ..tight }).await.expect_err("too little for each");
    assert_eq!(refused.kind, TroubleKind::Usage);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_neither_can_nothing_moves_unless_it_may_come_through_here() {
    let (source, destination) = (Server::start(2, PLAIN), Server::start(3, PLAIN));
    tree(&source);
    let (from, to) = (Cable::without_digests(source.address), Cable::without_digests(destination.address));
    let desk = Desk::new(&[]);
    let limited = |via| CopyRequest { bwlimit: Some(LIMIT), via, ..request(vec![from.at("t/")], to.at("")) };
    let trouble = desk.copy(limited(Via::Direct)).await.expect_err("nobody can see to it");
    assert_eq!(trouble.kind, TroubleKind::Usage);
    assert!(trouble.what.contains("127.0.0.2") && trouble.what.contains("127.0.0.3"), "{trouble}");
    let remedy = trouble.remedy.expect("there is something to do");
    assert!(remedy.contains("--via relay") && remedy.contains("fxpd"), "{remedy}");
    assert_eq!(destination.get("/small"), None, "nothing has moved");

    let begun = Instant::now();
    let report = desk.copied(limited(Via::Auto)).await;
    assert!(begun.elapsed() >= LEAST, "{:?}", begun.elapsed());
    assert_eq!(report.sums.by_route(Route::Relay), 9);
    assert!(report.notes.iter().any(|note| note.contains("--bwlimit")), "{:?}", report.notes);
}
