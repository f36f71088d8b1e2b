//! Certificates that only look right (CVE-2009-3639, CVE-2014-0139): a NUL in a name, a wildcard for an address,
//! a name where an address is meant. All are signed by an authority that the client trusts.

use std::net::{IpAddr, Ipv4Addr};

use fxp_testkit::certificate::{Authority, Identity};
use fxp_testkit::daemon::USER;

use super::hostile::{Hostile, Turn};
use crate::fxp::{Fxp, Ran};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// `fxp ls` of a server with `identity`, which is called `host`.
fn list(authority: &Authority, identity: &Identity, host: &str) -> (Ran, Hostile) {
    let hostile = Hostile::start(HERE, Some(identity), &[("/file", b"content")], |_, _| Turn::Polite);
    let fxp = Fxp::new(&[]);
    let roots = fxp.home().join("roots.pem");
    std::fs::write(&roots, authority.pem()).expect("a file");
    let url = format!("ftpes://{USER}@{host}:{}/", hostile.address.port());
    let ran = fxp.command().args(["ls", &url]).env("SSL_CERT_FILE", roots).output().expect("fxp runs").into();
    (ran, hostile)
}

/// Nobody is logged in under a name that is not in the certificate.
#[test]
fn names_that_only_look_right_are_refused() {
    let authority = Authority::new().expect("an authority");
    let rows: [(&str, &str, &[&str]); 10] = [
        ("localhost", "localhost", &["localhost\0.evil.example"]),
        ("localhost", "localhost", &["evil.example\0localhost"]),
        ("localhost", "localhost\0.evil.example", &["evil.example"]),
        ("localhost", "localhost", &["*"]),
        ("localhost", "localhost", &["local*"]),
        ("localhost", "localhost", &["evil.example"]),
        ("127.0.0.1", "127.0.0.1", &["*.0.0.1"]),
        ("127.0.0.1", "127.0.0.1", &["*"]),
        ("127.0.0.1", "127.0.0.1", &["127.0.0.1"]),
        ("127.0.0.1", "127.0.0.1", &["localhost"]),
    ];
    for (host, common, names) in rows {
        let identity = authority.named(common, names).expect("an identity");
        let (ran, hostile) = list(&authority, &identity, host);
        assert_eq!(ran.code, 6, "{host} {names:?}: {ran:#?}\n{}", hostile.log());
        let heard = hostile.heard();
        assert!(heard.commands.iter().all(|(_, _, line)| line == "AUTH TLS"), "{}", hostile.log());
    }
}

/// So that the test above can fail.
#[test]
fn names_that_are_right_are_not() {
    let authority = Authority::new().expect("an authority");
    let identity = authority.named("whatever", &["localhost"]).expect("an identity");
    let (ran, hostile) = list(&authority, &identity, "localhost");
    assert_eq!(ran.code, 0, "{ran:#?}\n{}", hostile.log());
    let identity = authority.identity(HERE).expect("an identity");
    let (ran, hostile) = list(&authority, &identity, "127.0.0.1");
    assert_eq!(ran.code, 0, "{ran:#?}\n{}", hostile.log());
}
