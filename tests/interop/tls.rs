//! FXP inside TLS between `fxpd` and each daemon, both directions, and what is impossible.

use fxp_testkit::daemon::{Product, Setup};

use crate::pairs::Pair;

/// Several times: what truncates does so now and then.
const TIMES: usize = 3;

fn check(source: Product, destination: Product, method: &str, assurance: &str) {
    let Some(pair) = Pair::start("FXP inside TLS", source, destination, Setup::TLS) else { return };
    for time in 0..TIMES {
        let name = format!("copy-{time}");
        let ran = pair.copy(&name, &["--tls", "require"]);
        assert_eq!(ran.code, 0, "{}", pair.explain(&ran));
        pair.assert_copied(&name);
        let events = ran.events();
        let done = events.iter().find(|event| event["event"] == "done").expect("a file is done");
        // pyftpdlib resets a finished data connection now and then; then the next rung does it, and says so.
        let shaky =
            [source, destination].contains(&Product::Pyftpdlib) && done["notes"] != serde_json::json!([]);
        assert!(shaky || done["method"] == method, "{}: {done}", pair.names());
        assert_eq!(done["assurance"], assurance, "{}: {done}", pair.names());
        let report = events.last().expect("a last event");
        assert_eq!(report["payload_through_client"], 0, "{}: {report}", pair.names());
    }
}

#[test]
fn between_fxpd_and_fxpd() {
    check(Product::Fxpd, Product::Fxpd, "cpsv", "mutual");
}

#[test]
fn from_fxpd_to_proftpd_and_back() {
    check(Product::Fxpd, Product::Proftpd, "cpsv", "confidential");
    check(Product::Proftpd, Product::Fxpd, "cpsv", "authentic");
}

#[test]
fn from_fxpd_to_servers_that_are_tls_server_only() {
    for product in [Product::Vsftpd, Product::Pureftpd, Product::Pyftpdlib] {
        check(Product::Fxpd, product, "cpsv", "confidential");
    }
}

#[test]
fn from_servers_that_are_tls_server_only_to_fxpd() {
    for product in [Product::Vsftpd, Product::Pureftpd, Product::Pyftpdlib] {
        check(product, Product::Fxpd, "cpsv", "authentic");
    }
}

#[test]
fn two_servers_that_are_tls_server_only_are_explained_and_relayed() {
    let test = "an impossible pair";
    let Some(pair) = Pair::start(test, Product::Vsftpd, Product::Pureftpd, Setup::TLS) else { return };
    let ran = pair.copy("copy", &["--tls", "require"]);
    assert_eq!(ran.code, 8, "{}", pair.explain(&ran));
    assert!(ran.stdout.contains("--via relay"), "{}", pair.explain(&ran));
    assert!(!pair.destination.root.join("copy").exists());

    let ran = pair.copy("copy", &["--tls", "require", "--via", "auto"]);
    assert_eq!(ran.code, 0, "{}", pair.explain(&ran));
    pair.assert_copied("copy");
    let report = ran.events().pop().expect("a last event");
    assert!(report["payload_through_client"].as_u64() > Some(0), "{report}");
}
