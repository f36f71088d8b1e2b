//! Ordinary transfers with daemons in their default configuration, which demand that data connections
//! resume the control connection's TLS session.

use fxp_testkit::daemon::{Product, Setup};
use fxp_testkit::data;

use crate::pairs::Pair;

#[test]
fn data_connections_resume_the_control_session() {
    let setup = Setup { tls: true, fxp: false, demand_reuse: true };
    for product in [Product::Proftpd, Product::Vsftpd] {
        let Some(pair) = Pair::start("session reuse", product, product, setup) else { return };
        // Two data connections at once, and several one after the other: listings, download, upload.
        let ran = pair.copy("copy", &["--tls", "require", "--via", "relay"]);
        assert_eq!(ran.code, 0, "{}", pair.explain(&ran));
        pair.assert_copied("copy");
        let ran = pair.fxp.run(["ls", "--tls", "require", &pair.destination.url("")]);
        assert_eq!((ran.code, ran.stdout.trim()), (0, "copy"), "{}", pair.explain(&ran));
    }
}

#[test]
fn a_local_file_goes_up_and_comes_down_again() {
    for product in Product::ALL {
        for setup in [Setup::PLAIN, Setup::TLS] {
            let Some(pair) = Pair::start("up and down", product, Product::Fxpd, setup) else { return };
            let tls = if setup.tls { "require" } else { "off" };
            let folder = tempfile::TempDir::new().expect("a folder");
            let (up, down) = (folder.path().join("up"), folder.path().join("down"));
            data::write(&up, 3_000_001, 5).expect("a file");
            for (from, to) in [
                (up.display().to_string(), pair.source.url("stored")),
                (pair.source.url("stored"), down.display().to_string()),
            ] {
                let ran = pair.fxp.run(["cp", "--tls", tls, &from, &to]);
                assert_eq!(ran.code, 0, "{product} {setup:?} {}", pair.explain(&ran));
            }
            assert_eq!(data::sha256(&up).expect("up"), data::sha256(&down).expect("down"), "{product}");
        }
    }
}

/// ProFTPD hands out two tickets, and none with uploads; a session needs more.
#[test]
fn many_uploads_resume_the_control_session() {
    let setup = Setup { tls: true, fxp: false, demand_reuse: true };
    for product in [Product::Proftpd, Product::Vsftpd] {
        let Some(pair) = Pair::start("many uploads", product, product, setup) else { return };
        let folder = pair.source.root.join("tree");
        std::fs::create_dir(&folder).expect("a folder");
        for number in 0..12 {
            data::write(&folder.join(number.to_string()), 70_001, number).expect("a file");
        }
        pair.source.adopt_files().expect("their owner");
        let (from, to) = (pair.source.url("tree"), pair.destination.url("copy"));
        let ran = pair.fxp.run(["cp", "-r", "--tls", "require", "--via", "relay", &from, &to]);
        assert_eq!(ran.code, 0, "{}", pair.explain(&ran));
    }
}
