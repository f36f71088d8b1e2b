//! Whom a client trusts, and what it says about those it does not trust.

use fxp_net::control::Control;
use fxp_net::tls::trust::{Fingerprint, Trust, Untrusted, Verified};
use fxp_net::tls::{ClientTls, HandshakeError, ServerTls, TlsInfo, Versions};

use crate::support::*;

async fn connect(tls: &ServerTls, host: &str, trust: Trust) -> Result<TlsInfo, HandshakeError> {
    let (active, passive) = connection().await;
    let mut here = Control::new(active, 512).unwrap();
    let mut there = Control::new(passive, 512).unwrap();
    let (client, server) = (ClientTls::new().session(host, trust), tls.session());
    let (one, _) = tokio::join!(here.secure_as_client(&client), there.secure_as_server(&server));
    one
}

fn untrusted(result: Result<TlsInfo, HandshakeError>) -> Untrusted {
    match result {
        Err(HandshakeError::Untrusted(untrusted)) => *untrusted,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_pinned_certificate_needs_no_name_and_no_root() {
    for versions in [Versions::Only12, Versions::Only13] {
        let tls = server_tls(versions);
        for host in ["localhost", "127.0.0.1", "::1", "[::1]", "elsewhere.example.", "not a name"] {
            let pinned = vec![Fingerprint([7; 32]), tls.fingerprint()];
            let info = connect(&tls, host, Trust { roots: false, pinned }).await.unwrap();
            assert_eq!(info.verified, Some(Verified::Pinned), "{host}");
            assert_eq!(info.peer, Some(tls.fingerprint()));
            let expected = if versions == Versions::Only12 { "TLS 1.2" } else { "TLS 1.3" };
            assert_eq!(info.version, expected);
            assert!(
                info.cipher.starts_with("TLS_") && info.cipher.contains("_AES_256_GCM_"),
                "{}",
                info.cipher
            );
        }
    }
}

#[tokio::test]
async fn an_untrusted_certificate_is_described() {
    let tls = server_tls(Versions::Both);
    let refused = untrusted(connect(&tls, "localhost", Trust { roots: false, pinned: vec![] }).await);
    assert_eq!(refused.fingerprint, tls.fingerprint());
    assert!(refused.subject.contains("rcgen"), "{}", refused.subject);
    assert!(refused.not_after.contains("4096"), "{}", refused.not_after);
    assert!(!refused.changed);

    let other = vec![Fingerprint([1; 32])];
    let refused = untrusted(connect(&tls, "localhost", Trust { roots: false, pinned: other }).await);
    assert!(refused.changed, "another fingerprint was remembered");

    // Whether this machine has roots or none, they do not vouch for it.
    for host in ["localhost", "127.0.0.1", "not a name"] {
        let refused = untrusted(connect(&tls, host, Trust { roots: true, pinned: vec![] }).await);
        assert_eq!(refused.fingerprint, tls.fingerprint(), "{host}");
        assert!(!refused.reason.is_empty() && !refused.changed, "{host}: {}", refused.reason);
    }
}

#[tokio::test]
async fn a_data_connection_must_show_the_control_connections_certificate() {
    for versions in [Versions::Only12, Versions::Only13] {
        let tls = server_tls(versions);
        let (client, server) = (client_session(&tls), tls.session());
        let _control = secure_control(&client, &server).await;
        let impostor = server_tls(versions).session();
        let (one, _) = data_pair(Some(client.data()), Some(impostor.foreign())).await;
        match one {
            Err(HandshakeError::Untrusted(untrusted)) => {
                assert!(untrusted.changed);
                assert!(untrusted.reason.contains("control connection"), "{}", untrusted.reason);
            }
            other => panic!("{versions:?}: {other:?}"),
        }
        // The same certificate without resumption is fine.
        let (one, _) = data_pair(Some(client.data()), Some(tls.session().foreign())).await;
        assert!(!one.unwrap().tls().unwrap().resumed);
    }
}

#[tokio::test]
async fn whoever_speaks_no_tls_is_told_apart() {
    let tls = server_tls(Versions::Both);
    let (active, passive) = connection().await;
    let mut here = Control::new(active, 512).unwrap();
    let mut there = Control::new(passive, 512).unwrap();
    there.queue(b"220 ready\r\n");
    there.flush().await.unwrap();
    let refused = here.secure_as_client(&client_session(&tls)).await;
    assert!(matches!(refused, Err(HandshakeError::Protocol(_))), "{refused:?}");
}

#[test]
fn keys_in_every_usual_form_and_what_is_wrong_with_others() {
    use std::process::Command;
    let (chain, key) = certificate("localhost");
    ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
    for (chain, key, why) in [
        ("", key.as_str(), "no certificate"),
        (chain.as_str(), "", "unreadable private key"),
        (chain.as_str(), &certificate("localhost").1, "not the certificate's"),
        ("-----BEGIN CERTIFICATE-----\nAA=A\n-----END CERTIFICATE-----\n", key.as_str(), "certificate"),
    ] {
        let error = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    // PKCS #1 and SEC 1, as older tools write them.
    let directory = tempfile::tempdir().unwrap();
    for arguments in ["rsa:2048", "ec -pkeyopt ec_paramgen_curve:prime256v1"] {
        let (crt, pem) = (directory.path().join("crt"), directory.path().join("key"));
        let mut openssl = Command::new("openssl");
        openssl.args("req -x509 -nodes -subj /CN=localhost -newkey".split(' ')).args(arguments.split(' '));
        let Ok(made) = openssl.arg("-keyout").arg(&pem).arg("-out").arg(&crt).output() else {
            assert!(std::env::var_os("CI").is_none(), "openssl is missing");
            eprintln!("SKIPPED: openssl is missing");
            return;
        };
        assert!(made.status.success());
        let mut convert = Command::new("openssl");
        if arguments.starts_with("rsa") {
            convert.args(["rsa", "-traditional"]);
        } else {
            convert.arg("ec");
        }
        let old = convert.arg("-in").arg(&pem).output().unwrap().stdout;
        let text = String::from_utf8_lossy(&old);
        assert!(text.contains("BEGIN RSA PRIVATE") || text.contains("BEGIN EC PRIVATE"), "{text}");
        ServerTls::from_pem(&std::fs::read(&crt).unwrap(), &old).unwrap();
    }
}
