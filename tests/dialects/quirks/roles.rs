//! Who sends the ClientHello, what is protected, what TLS demands.

use fxp_testkit::daemon::Setup;
use fxp_testkit::dialect::products::{DRFTPD, IOFTPD, ORDINARY, SSCN, WZDFTPD};
use fxp_testkit::dialect::{Cpsv, Dialect, Features, ProtClear, Sscn, Tls};

use super::{WITH_SSCN, failed, fallbacks, works};
use crate::stage::Stage;

#[test]
fn quirk_01_sscn_in_many_forms() {
    let forms = [
        Sscn { code: 220, ..SSCN },
        Sscn { roles: ("Client Mode", "Server Mode"), ..SSCN },
        Sscn { bare_is_off: true, ..SSCN },
        Sscn { case_sensitive: true, ..SSCN },
        Sscn { wants_prot: Some("500 SSCN only works for encrypted transfers"), ..SSCN },
        Sscn { verb: "CCSN", ..SSCN },
    ];
    for sscn in forms {
        let in_tls: &[&str] = if sscn.verb == "CCSN" {
            &["AUTH TLS", "PBSZ", "PROT", "CCSN"]
        } else {
            WITH_SSCN.features.in_tls
        };
        let features = Features { in_tls, ..ORDINARY.features };
        let dialect = Dialect { sscn: Some(sscn), features, ..ORDINARY };
        // The partner is always TLS server.
        for (source, destination) in [(&dialect, &ORDINARY), (&ORDINARY, &dialect)] {
            let stage = Stage::new(Some(source), Some(destination), Setup::TLS);
            for done in stage.must_copy_at_once("copy", &[]) {
                assert_eq!(done["method"], "sscn", "{sscn:?}");
            }
            let client = if source.sscn.is_some() { &stage.source } else { &stage.destination };
            assert_eq!(client.peer().roles().as_tls_client, 2, "{}", client.log());
        }
    }
}

/// One pair of sessions goes through every method in turn, in both directions.
#[test]
fn quirk_02_a_role_that_leaks_or_is_wiped() {
    for dialect in [&WZDFTPD, &IOFTPD, &DRFTPD] {
        for partner in [Some(&WITH_SSCN), Some(dialect)] {
            let stage = Stage::new(Some(dialect), partner, Setup::TLS);
            let (one, other) = (stage.source.url(""), stage.destination.url(""));
            let ran = stage.fxp.run(["--json", "doctor", "--try", "--tls", "require", &one, &other]);
            assert_eq!(ran.code, 0, "{}", stage.explain(&ran));
            assert!(!stage.source.log().contains("TLS handshake failed"), "{}", stage.explain(&ran));
            assert!(!stage.destination.log().contains("Transfer failed"), "{}", stage.explain(&ran));
        }
    }
}

/// Under PROT C such a server would listen in clear and keep the role for later.
#[test]
fn quirk_03_cpsv_taken_under_prot_c() {
    for cpsv in [Cpsv::Armed, Cpsv::OneListener, Cpsv::Sticky] {
        let dialect = Dialect { cpsv, ..IOFTPD };
        // The partner is always TLS server.
        let stage = Stage::new(Some(&ORDINARY), Some(&dialect), Setup::TLS);
        for done in stage.must_copy("clear", &["--secure", "off"]) {
            assert_eq!(done["method"], "plain", "{done}");
        }
        let peer = stage.destination.peer();
        assert_eq!((peer.heard("CPSV"), peer.roles().in_clear), (0, 2), "{}", peer.log());
        stage.must_copy_at_once("protected", &[]);
        assert_eq!((peer.heard("CPSV"), peer.roles().as_tls_client), (2, 2), "{}", peer.log());
    }
}

#[test]
fn quirk_15_the_connection_closed_behind_a_refusal() {
    for words in [
        "421 Too many transfers, goodbye",
        "435 Failed TLS negotiation on data channel (SSL_accept(): timeout), disconnected",
    ] {
        let dialect = Dialect { ration: Some((1, words)), ..WITH_SSCN };
        for (source, destination) in [(Some(&dialect), None), (None, Some(&dialect))] {
            let stage = Stage::new(source, destination, Setup::TLS);
            // The second file finds the session gone, and gets another one.
            stage.must_copy("copy", &["--retries", "2"]);
        }
    }
}

#[test]
fn quirk_17_pbsz_and_prot() {
    works(&Dialect { prot_wants_pbsz: true, pbsz: "200 PBSZ=0", ..WITH_SSCN }, Setup::TLS);
    for prot_clear in [
        ProtClear::Refused("534 PROT C is not allowed here"),
        ProtClear::RefusedLater(
            "521 PROT C is not allowed when the control connection is secure. Use PROT P.",
        ),
    ] {
        let dialect = Dialect { prot_clear, ..WITH_SSCN };
        works(&dialect, Setup::TLS);
        let stage = Stage::new(Some(&dialect), None, Setup::TLS);
        let ran = stage.copy("clear", &["--secure", "off"]);
        let failed = failed(&stage, &ran, "PROT C is not allowed");
        assert_eq!(ran.code, 8, "{}", stage.explain(&ran));
        let remedy = failed["remedy"].as_str().unwrap_or_default();
        assert!(remedy.contains("--secure off"), "{}", stage.explain(&ran));
        stage.assert_not_copied("clear", &ran);
    }
}

/// The demand is made only where the server accepts: as TLS client it makes none.
#[test]
fn quirk_18_session_reuse_demanded() {
    let strict = Setup { demand_reuse: true, ..Setup::TLS };
    for reuse_demanded in [
        "522 SSL connection failed; session reuse required: see require_ssl_reuse",
        "425 Unable to build data connection: TLS session of data connection not resumed.",
    ] {
        let dialect = Dialect { reuse_demanded, ..WITH_SSCN };
        let stage = Stage::with((Some(&dialect), strict), (Some(&WITH_SSCN), Setup::TLS));
        let ran = stage.copy("copy", &[]);
        assert_eq!(ran.code, 0, "{}", stage.explain(&ran));
        stage.assert_copied("copy", &ran);
        assert!(fallbacks(&ran)[0].contains("resume"), "{}", stage.explain(&ran));
        assert_eq!(stage.source.peer().roles().as_tls_client, 2, "{}", stage.explain(&ran));
        // It is remembered.
        stage.must_copy_at_once("again", &[]);

        let never_client = Dialect { reuse_demanded, ..ORDINARY };
        let stage = Stage::with((Some(&never_client), strict), (None, Setup::TLS));
        let ran = stage.copy("copy", &[]);
        let failed = failed(&stage, &ran, reuse_demanded);
        let remedy = failed["remedy"].as_str().unwrap_or_default();
        assert!(remedy.contains("lift the demand"), "{}", stage.explain(&ran));
        stage.must_copy("relayed", &["--via", "relay"]);
    }
}

/// `fxpd` as TLS server asks the other end for the certificate that it showed to the client. One that shows none is
/// refused, whoever it is; less is tried only if the user said that it is enough.
#[test]
fn a_tls_client_without_a_certificate_is_nobody() {
    for (source, destination, client) in
        [(Some(&WITH_SSCN), None, "source"), (None, Some(&WITH_SSCN), "destination")]
    {
        let stage = Stage::new(source, destination, Setup::TLS);
        let ran = stage.copy("proven", &["--tls-client", client]);
        let failed = failed(&stage, &ran, "");
        let remedy = failed["remedy"].as_str().unwrap_or_default();
        assert!(remedy.contains("--assurance encrypted"), "{}", stage.explain(&ran));
        stage.assert_not_copied("proven", &ran);
        let named = ["--tls-client", client, "--assurance", "encrypted"];
        let ran = stage.copy("encrypted", &named);
        assert_eq!(ran.code, 0, "{}", stage.explain(&ran));
        stage.assert_copied("encrypted", &ran);
        assert!(!fallbacks(&ran).is_empty(), "{}", stage.explain(&ran));
        let events = ran.events();
        let mut done = events.iter().filter(|event| event["event"] == "done");
        assert!(done.all(|done| done["assurance"] == "encrypted"), "{}", stage.explain(&ran));
    }
}

/// What rustls cannot speak at all is in `old_tls`; an end without close_notify in the tests of `fxp-net`.
#[test]
fn quirk_20_old_versions_and_other_certificates() {
    works(&Dialect { tls: Tls::Only12, ..WITH_SSCN }, Setup::TLS);
    // The client does not look at the certificates of data connections between two servers; its own must
    // show the one that it trusts.
    let dialect = Dialect { tls: Tls::OtherCertificate, ..WITH_SSCN };
    let stage = Stage::new(Some(&dialect), None, Setup::TLS);
    let ran = stage.copy("copy", &["--via", "relay"]);
    assert_eq!(ran.code, 6, "{}", stage.explain(&ran));
    assert!(ran.stdout.contains("another certificate"), "{}", stage.explain(&ran));
}
