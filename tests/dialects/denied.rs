//! FXP is not allowed at one end, and each product says so in its own way: the refusal names the setting,
//! nothing stands under a final name, and a relay works.

use fxp_testkit::daemon::Setup;
use fxp_testkit::dialect::Dialect;
use fxp_testkit::dialect::products::{CUFTPD, DRFTPD, EBFTPD, GLFTPD, IOFTPD, RAIDENFTPD, WZDFTPD};

use crate::stage::{Cast, Stage};

const DENIED: [Setup; 2] = [Setup { fxp: false, ..Setup::PLAIN }, Setup { fxp: false, ..Setup::TLS }];
const ALLOWED: [Setup; 2] = [Setup::PLAIN, Setup::TLS];

/// `product` forbids, `fxpd` allows.
fn check(product: &Dialect, setting: &str) {
    for (denied, allowed) in DENIED.into_iter().zip(ALLOWED) {
        refused((Some(product), denied), (None, allowed), product.name, setting);
        refused((None, allowed), (Some(product), denied), product.name, setting);
    }
}

fn refused(source: (Cast<'_>, Setup), destination: (Cast<'_>, Setup), name: &str, setting: &str) {
    let stage = Stage::with(source, destination);
    let ran = stage.copy("direct", &[]);
    assert_eq!(ran.code, 8, "{}", stage.explain(&ran));
    stage.assert_not_copied("direct", &ran);
    let events = ran.events();
    let mut failures = events.iter().filter(|event| event["event"] == "failed");
    let failed = failures.next().expect("a failure");
    // The next file would fare no better; nobody is told that it was refused.
    let next = failures.next().and_then(|next| next["what"].as_str()).unwrap_or_default();
    assert!(next.starts_with("not tried: FXP of"), "{next}: {}", stage.explain(&ran));
    for (key, words) in [("remedy", name), ("remedy", setting), ("remedy", "--via relay")] {
        let said = failed[key].as_str().unwrap_or_default();
        assert!(said.contains(words), "{key} does not say {words}: {said}\n{}", stage.explain(&ran));
    }
    for done in stage.must_copy("relayed", &["--via", "relay"]) {
        assert_eq!(done["route"], "relay", "{}: {done}", stage.names());
    }
    // On the very sessions on which the direct way was tried, whatever role that left behind.
    for done in stage.must_copy("after-all", &["--via", "auto"]) {
        assert_eq!(done["route"], "relay", "{}: {done}", stage.names());
    }
}

#[test]
fn by_glftpd() {
    check(&GLFTPD, "allow_fxp");
}

#[test]
fn by_cuftpd() {
    check(&CUFTPD, "FXP");
}

#[test]
fn by_raidenftpd() {
    check(&RAIDENFTPD, "FXP");
}

/// Only once the slave sees who has connected.
#[test]
fn by_drftpd() {
    check(&DRFTPD, "deny_upfxp and deny_dnfxp");
}

#[test]
fn by_wzdftpd() {
    check(&WZDFTPD, "the flag F");
}

/// It has connected at PORT by then.
#[test]
fn by_ebftpd() {
    check(&EBFTPD, "allow_fxp");
}

#[test]
fn by_ioftpd() {
    check(&IOFTPD, "Deny_Port");
}
