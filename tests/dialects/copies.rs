//! Each product with `fxpd` in both directions, and with others of its kind; in clear and inside TLS.

use fxp_testkit::daemon::Setup;
use fxp_testkit::dialect::Dialect;
use fxp_testkit::dialect::products::{
    CUFTPD, DRFTPD, EBFTPD, GLFTPD, IOFTPD, ORDINARY, PRODUCTS, RAIDENFTPD, WZDFTPD,
};

use crate::stage::{Cast, End, Stage};

/// Two files in one run, each at the first attempt, by this method with these ends passive and TLS client. `fxpd` has
/// the other end prove that it is the server whose certificate the client saw.
fn inside_tls(source: Cast<'_>, destination: Cast<'_>, expected: (&str, &str, &str)) {
    let assurance = match (source, destination) {
        (None, _) => "confidential",
        (_, None) => "authentic",
        _ => "encrypted",
    };
    let stage = Stage::new(source, destination, Setup::TLS);
    for done in stage.must_copy_at_once("first", &[]) {
        let found = ["method", "passive", "tls_client"].map(|key| done[key].as_str().unwrap_or("none"));
        assert_eq!(found, [expected.0, expected.1, expected.2], "{}: {done}", stage.names());
        assert_eq!(done["assurance"], assurance, "{}: {done}", stage.names());
    }
    for (end, leg) in [(&stage.source, "source"), (&stage.destination, "destination")] {
        if let End::Peer(peer) = end {
            let as_client = if leg == expected.2 { 2 } else { 0 };
            assert_eq!(peer.roles().as_tls_client, as_client, "{}: {}", stage.names(), peer.log());
            assert_eq!(peer.roles().in_clear, 0, "{}: {}", stage.names(), peer.log());
        }
    }
}

fn in_clear(source: Cast<'_>, destination: Cast<'_>) {
    let stage = Stage::new(source, destination, Setup::PLAIN);
    for done in stage.must_copy_at_once("first", &[]) {
        assert_eq!(done["method"], "plain", "{}: {done}", stage.names());
    }
}

/// With `fxpd`, both ways, both protections. Inside TLS `fxpd` listens and is TLS client, whatever the other one can.
fn with_fxpd(product: &Dialect) {
    in_clear(Some(product), None);
    in_clear(None, Some(product));
    inside_tls(Some(product), None, CPSV);
    inside_tls(None, Some(product), ("cpsv", "source", "source"));
}

/// The destination listens and plays TLS client, told by CPSV.
const CPSV: (&str, &str, &str) = ("cpsv", "destination", "destination");
/// The same, told by SSCN.
const SSCN: (&str, &str, &str) = ("sscn", "destination", "destination");

#[test]
fn glftpd_and_fxpd() {
    with_fxpd(&GLFTPD);
}

#[test]
fn cuftpd_and_fxpd() {
    with_fxpd(&CUFTPD);
}

#[test]
fn raidenftpd_and_fxpd() {
    with_fxpd(&RAIDENFTPD);
}

#[test]
fn drftpd_and_fxpd() {
    with_fxpd(&DRFTPD);
}

#[test]
fn wzdftpd_and_fxpd() {
    with_fxpd(&WZDFTPD);
}

#[test]
fn ebftpd_and_fxpd() {
    with_fxpd(&EBFTPD);
}

#[test]
fn ioftpd_and_fxpd() {
    with_fxpd(&IOFTPD);
}

#[test]
fn two_of_a_kind() {
    for product in [&GLFTPD, &DRFTPD, &WZDFTPD, &EBFTPD, &IOFTPD] {
        inside_tls(Some(product), Some(product), CPSV);
    }
    inside_tls(Some(&RAIDENFTPD), Some(&RAIDENFTPD), SSCN);
}

#[test]
fn one_of_each_kind() {
    inside_tls(Some(&WZDFTPD), Some(&EBFTPD), CPSV);
    inside_tls(Some(&IOFTPD), Some(&DRFTPD), CPSV);
    inside_tls(Some(&DRFTPD), Some(&RAIDENFTPD), SSCN);
    inside_tls(Some(&RAIDENFTPD), Some(&GLFTPD), CPSV);
    in_clear(Some(&EBFTPD), Some(&DRFTPD));
    in_clear(Some(&DRFTPD), Some(&IOFTPD));
}

/// A partner that is always TLS server: the product must be TLS client, wherever it stands.
#[test]
fn with_a_server_that_has_neither() {
    for product in [&GLFTPD, &RAIDENFTPD, &DRFTPD, &WZDFTPD, &EBFTPD, &IOFTPD] {
        let method = if product.name == "RaidenFTPD" { "sscn" } else { "cpsv" };
        inside_tls(Some(&ORDINARY), Some(product), (method, "destination", "destination"));
        inside_tls(Some(product), Some(&ORDINARY), ("sscn", "destination", "source"));
    }
}

/// The first file breaks off in the middle and is continued there, inside TLS. DrFTPD stores nothing over what
/// is there, so what arrived goes first.
#[test]
fn a_part_is_continued_where_the_dialect_can() {
    let breaks_first = Some("426 Connection reset by peer");
    for product in &PRODUCTS {
        let source = Dialect { breaks_first, ..product.clone() };
        continued(Some(&source), None, true);
        let source = Dialect { breaks_first, ..ORDINARY };
        continued(Some(&source), Some(product), product.no_overwrite.is_none());
    }
}

fn continued(source: Cast<'_>, destination: Cast<'_>, expected: bool) {
    let stage = Stage::new(source, destination, Setup::TLS);
    let done = stage.must_copy("copy", &["--retries", "1"]);
    let resumed = done.iter().any(|done| done["resumed"].as_u64() > Some(0));
    assert_eq!(resumed, expected, "{}: {done:?}\n{}", stage.names(), stage.source.log());
}
