//! Ordinary work with `fxpd` by the clients people have: each of them does the same chores in every way in
//! which it can reach the server, and what lies on both disks afterwards is compared.

mod access;
mod chores;
mod curl;
mod lftp;
mod scripts;

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use fxp_testkit::demand::{self, Missing};

use self::access::{ACCESSES, Access, Mode, Reached, Tls};
use self::chores::Chores;

/// Longer than all chores of a client take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A client, and what it can do.
struct Client {
    name: &'static str,
    available: fn() -> Result<(), Missing>,
    /// The ways that it knows.
    can: fn(Access) -> bool,
    /// The size of the smallest file that it uploads like that without a mistake of its own.
    smallest: fn(Access) -> u64,
    /// Whether it is given the trees like that.
    trees: fn(Access) -> bool,
    run: fn(&Reached, &Path) -> Output,
}

/// All chores in all the ways that the client knows.
fn check(client: &Client) {
    let name = client.name;
    let Some(()) = demand::demand(name, (client.available)()) else { return };
    for &access in ACCESSES.iter().filter(|&&access| (client.can)(access)) {
        let server = access.start();
        let chores = Chores::prepare(&server.daemon.root, (client.smallest)(access));
        let output = (client.run)(&server, chores.here());
        let said = || {
            let [out, err] = [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said));
            format!("{out}\n{err}\n{}", server.daemon.log())
        };
        assert!(output.status.success(), "{name}, {access:?}: {}\n{}", output.status, said());
        let undone = chores.undone((client.trees)(access));
        assert!(undone.is_empty(), "{name}, {access:?}: {undone:?} not as it must be\n{}", said());
    }
}

#[test]
fn lftp_does_its_chores() {
    check(&Client {
        name: "lftp",
        available: fxp_testkit::lftp::available,
        can: |_| true,
        smallest: |_| 0,
        trees: |_| true,
        run: lftp::run,
    });
}

/// curl before 8.0 forgets TLS on data connections that it accepts (7.88.1 of Debian 12, 2026-11-25).
#[test]
fn curl_does_its_chores() {
    check(&Client {
        name: "curl",
        available: curl::available,
        can: |access| access.tls == Tls::None || access.mode == Mode::Passive,
        smallest: |_| 0,
        trees: curl::trees,
        run: curl::run,
    });
}

#[test]
fn ftplib_does_its_chores() {
    check(&Client {
        name: "ftplib",
        available: scripts::ftplib_available,
        can: |_| true,
        smallest: |_| 0,
        trees: |_| true,
        run: scripts::ftplib,
    });
}

/// basic-ftp is always passive. An empty file inside TLS it ends without close_notify now and then, as if
/// the line had been cut (basic-ftp 6.2.6 with node 20, 2026-11-25); `fxpd` answers `426` to that.
#[test]
fn basic_ftp_does_its_chores() {
    check(&Client {
        name: "basic-ftp",
        available: scripts::basic_ftp_available,
        can: |access| access.mode == Mode::Passive,
        smallest: |access| u64::from(access.tls != Tls::None),
        trees: |_| true,
        run: scripts::basic_ftp,
    });
}
