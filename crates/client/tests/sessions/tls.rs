//! TLS on both connections, and certificates that nobody trusts.

use super::*;

/// A server identity, and trust in exactly it.
fn identity() -> (ServerTls, Trust) {
    let made = rcgen::generate_simple_self_signed(["server.example".to_owned()]).unwrap();
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
    let trust = Trust { roots: false, pinned: vec![tls.fingerprint()] };
    (tls, trust)
}

const TLS_LOGIN: &str = "S: 220 Hello\nC: AUTH TLS\nS: 234 Go\n>: tls\nC: USER anna\nS: 230 In\nC: FEAT\nS: 211-F\n\
                         S:  MLST\nS: 211 End\nC: SYST\nS: 215 UNIX\nC: PBSZ 0\nS: 200 Ok\nC: PROT P\nS: 200 Ok\n\
                         C: TYPE I\nS: 200 Ok\nC: PWD\nS: 257 \"/\"\n";

#[tokio::test]
async fn tls_protects_control_and_data() {
    let (tls, trust) = identity();
    let script = "C: PASV\nS: 227 Ok {pasv}\nC: MLSD /\nS: 150 Here\n>: give type=file;size=1; x\\n\nS: 226 Done\n\
                  C: PASV\nS: 227 Ok {pasv}\nC: RETR /x\nS: 150 Here\n>: give x\nS: 226 Done";
    let server = Server::play(&(TLS_LOGIN.to_owned() + script), Some(tls)).await;
    let target = Target { tls: LoginTls::Require, trust, ..target(&server) };
    let mut session = connect(&target, &environment(), None).await.unwrap();
    assert!(session.facts().secured && session.tls().is_some());
    assert_eq!(show(&session.list(&path("/")).await.unwrap()), "x 1");
    let open = session.open_download(&path("/x"), 0).await.unwrap();
    assert!(open.data.tls().is_some_and(|info| info.resumed));
    assert_eq!(receive(open.data).await, "x");
    session.finish_transfer(open.request).await.unwrap();
    server.done().await;
}

#[tokio::test]
async fn files_go_in_clear_if_that_is_wanted_and_listings_stay_protected() {
    let (tls, trust) = identity();
    let script = "C: PROT C\nS: 200 Ok\nC: PASV\nS: 227 Ok {pasv}\nC: STOR /x\nS: 150 Here\n>: take x\nS: 226 Done\n\
                  C: PROT P\nS: 200 Ok\nC: PASV\nS: 227 Ok {pasv}\nC: MLSD /\nS: 150 Here\n\
                  >: give type=file;size=1; x\\n\nS: 226 Done\n\
                  C: PROT C\nS: 200 Ok\nC: PASV\nS: 227 Ok {pasv}\nC: RETR /x\nS: 150 Here\n>: give x\nS: 226 Done\n\
                  C: PROT P\nS: 200 Ok\nC: PASV\nS: 227 Ok {pasv}\nC: RETR /x\nS: 150 Here\n>: give x\nS: 226 Done";
    let server = Server::play(&(TLS_LOGIN.to_owned() + script), Some(tls)).await;
    let target = Target { tls: LoginTls::Require, trust, ..target(&server) };
    let mut session = connect(&target, &environment(), None).await.unwrap();
    session.protect_files(Protection::Clear);
    let open = session.open_upload(&path("/x"), 0).await.unwrap();
    assert!(open.data.tls().is_none());
    send(open.data, "x").await;
    session.finish_transfer(open.request).await.unwrap();
    assert_eq!(show(&session.list(&path("/")).await.unwrap()), "x 1");
    for protection in [Protection::Clear, Protection::Private] {
        session.protect_files(protection);
        let open = session.open_download(&path("/x"), 0).await.unwrap();
        assert_eq!(open.data.tls().is_some(), protection == Protection::Private);
        assert_eq!(receive(open.data).await, "x");
        session.finish_transfer(open.request).await.unwrap();
    }
    server.done().await;
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_gets_no_password() {
    let (tls, _) = identity();
    let fingerprint = tls.fingerprint();
    let server = Server::play(TLS_LOGIN, Some(tls)).await;
    let target = Target { tls: LoginTls::Try, ..target(&server) };
    let error = connect(&target, &environment(), None).await.unwrap_err();
    let ConnectError::Tls { error: HandshakeError::Untrusted(untrusted), .. } = error else {
        panic!("{error}");
    };
    assert_eq!(untrusted.fingerprint, fingerprint);
    server.done().await;
}
