//! lftp drives FXP between two `fxpd`.

use std::time::Duration;

use fxp_testkit::daemon::{Product, Setup};
use fxp_testkit::{demand, lftp};

use crate::pairs::Pair;

fn check(setup: Setup, settings: &str) {
    let test = "lftp drives fxpd";
    let Some(()) = demand::demand(test, lftp::available()) else { return };
    let Some(pair) = Pair::start(test, Product::Fxpd, Product::Fxpd, setup) else { return };
    let (from, to) = (pair.source.lftp_url("file"), pair.destination.lftp_url("copy"));
    let script = format!("{settings} debug 5; get {from} -o {to}; bye");
    let output = lftp::run(&script, Duration::from_secs(30)).expect("lftp runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{settings}\n{said}");
    pair.assert_copied("copy");
    // With fxp-force lftp fails rather than copy through itself; the servers' meters agree.
    let meter = pair.destination.meter().expect("fxpd counts").snapshot();
    assert!(!meter.contains_key(&std::net::IpAddr::from([127, 0, 0, 1])), "{settings}: {meter:?}");
}

const TLS: &str = "set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ftp:ssl-protect-fxp yes; ";

#[test]
fn plain() {
    for passive_source in [false, true] {
        check(Setup::PLAIN, &format!("set ftp:ssl-allow no; set ftp:fxp-passive-source {passive_source};"));
    }
}

#[test]
fn cpsv() {
    // The passive end becomes TLS client; lftp uses CPSV because FEAT offers it.
    for passive_source in [false, true] {
        check(
            Setup::TLS,
            &format!("{TLS} set ftp:fxp-passive-sscn yes; set ftp:fxp-passive-source {passive_source};"),
        );
    }
}

#[test]
fn sscn() {
    // The active end becomes TLS client, for which there is only SSCN.
    for passive_source in [false, true] {
        check(
            Setup::TLS,
            &format!("{TLS} set ftp:fxp-passive-sscn no; set ftp:fxp-passive-source {passive_source};"),
        );
    }
}
