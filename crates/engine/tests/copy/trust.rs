//! Whom we believe, and what leaves this machine in clear.

use std::sync::atomic::Ordering::Relaxed;

use fxp_engine::place;
use fxp_engine::report::TroubleKind;
use fxp_engine::site::TlsMode;

use crate::world::{Desk, PASSWORD, PLAIN, Server, TLS};

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_certificate_is_asked_about_once_and_remembered() {
    let server = Server::start(2, TLS);
    server.put("/f", b"x");
    let desk = Desk::new(&[]);

    let refused = place::list(&server.at(""), &desk.context).await.expect_err("nobody trusts it");
    let fingerprint = server.fingerprint.clone().expect("it has one");
    assert_eq!(refused.kind, TroubleKind::Tls);
    let remedy = refused.remedy.unwrap_or_default();
    assert!(remedy.contains(&format!("fxp trust add {} {fingerprint}", server.key())), "{remedy}");

    desk.ann.trusts.store(true, Relaxed);
    place::list(&server.at(""), &desk.context).await.expect("trusted");
    assert_eq!(desk.remembered(&server).trusted, [fingerprint]);

    desk.ann.trusts.store(false, Relaxed);
    place::list(&server.at(""), &desk.context).await.expect("not asked again");
    assert!(desk.remembered(&server).tls_seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_goes_in_clear_only_after_a_yes() {
    let server = Server::start(2, PLAIN);
    let mut desk = Desk::new(&[]);
    desk.ann.goes_in_clear.store(false, Relaxed);
    let refused = place::list(&server.at(""), &desk.context).await.expect_err("the person said no");
    assert_eq!(refused.kind, TroubleKind::Tls);
    assert!(!desk.dialogue().contains("PASS"), "{}", desk.dialogue());

    desk.ann.goes_in_clear.store(true, Relaxed);
    place::list(&server.at(""), &desk.context).await.expect("the person said yes");

    desk.ann.goes_in_clear.store(false, Relaxed);
    desk.context.tls = Some(TlsMode::Off);
    place::list(&server.at(""), &desk.context).await.expect("--tls off says yes");
    desk.context.tls = Some(TlsMode::Require);
    desk.ann.goes_in_clear.store(true, Relaxed);
    let refused = place::list(&server.at(""), &desk.context).await.expect_err("--tls require");
    assert_eq!(refused.kind, TroubleKind::Tls);
    assert!(!desk.dialogue().contains(PASSWORD));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_had_tls_and_has_none_is_an_error() {
    let server = Server::start(2, PLAIN);
    let desk = Desk::new(&[]);
    desk.context
        .known
        .lock()
        .expect("not poisoned")
        .servers
        .insert(server.key(), fxp_engine::book::Known { tls_seen: true, ..Default::default() });
    let refused = place::list(&server.at(""), &desk.context).await.expect_err("somebody may be in between");
    assert_eq!(refused.kind, TroubleKind::Tls);
    assert!(refused.what.contains("although it did before"), "{refused}");
    assert!(!desk.dialogue().contains("PASS"), "{}", desk.dialogue());
}
