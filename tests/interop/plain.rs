//! Plain FXP between `fxpd` and each daemon, both directions.

use fxp_testkit::daemon::{Product, Setup};

use crate::pairs::Pair;

fn check(source: Product, destination: Product) {
    let Some(pair) = Pair::start("plain FXP", source, destination, Setup::PLAIN) else { return };
    let ran = pair.copy("copy", &["--tls", "off"]);
    assert_eq!(ran.code, 0, "{}", pair.explain(&ran));
    pair.assert_copied("copy");
    let report = ran.events().pop().expect("a last event");
    assert_eq!(report["payload_through_client"], 0, "{}: {report}", pair.names());
}

#[test]
fn between_fxpd_and_fxpd() {
    check(Product::Fxpd, Product::Fxpd);
}

#[test]
fn from_fxpd_to_each_daemon() {
    for product in Product::FOREIGN {
        check(Product::Fxpd, product);
    }
}

#[test]
fn from_each_daemon_to_fxpd() {
    for product in Product::FOREIGN {
        check(product, Product::Fxpd);
    }
}

#[test]
fn between_daemons_of_one_kind() {
    for product in Product::FOREIGN {
        check(product, product);
    }
}
