//! Servers that let few sessions in: however each of them says so, everything arrives, and what it allows is learned.

use std::time::Instant;

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, Product, Setup};
use fxp_testkit::demand::demand;

use crate::chance::Chance;
use crate::fxp::Fxp;
use crate::tree::{self, Shape};
use crate::world::PATIENCE;

/// A server, what makes it let so few in, and how many sessions that are.
type Row = (Product, &'static str, u64);

#[test]
fn what_a_server_allows_is_learned_however_it_says_so() {
    let rows: [Row; 10] = [
        (Product::Vsftpd, "max_clients=3", 3),
        (Product::Vsftpd, "max_per_ip=3", 3),
        (Product::Proftpd, "MaxClients 3", 3),
        (Product::Proftpd, "MaxClientsPerHost 3", 3),
        (Product::Pureftpd, "-c3", 3),
        (Product::Pureftpd, "-C3", 3),
        // It counts its listening socket, too.
        (Product::Pyftpdlib, "server.max_cons = 4", 3),
        (Product::Pyftpdlib, "server.max_cons_per_ip = 3", 3),
        // Servers that say no more than that they do not want to.
        (Product::Pyftpdlib, BUSY, 3),
        (Product::Pyftpdlib, NOT_NOW, 3),
    ];
    for row in rows {
        if demand("a server that lets few in", row.0.available()).is_some() {
            fills(row);
        }
    }
}

/// Its greeting where it is full is RFC 959's own example.
const BUSY: &str = "server.max_cons_per_ip = 3\n\
    handler.handle_max_cons_per_ip = lambda self: (self.respond('421 Service not available, closing control connection.'), \
    self.close_when_done())";

const NOT_NOW: &str = "server.max_cons_per_ip = 3\n\
    handler.handle_max_cons_per_ip = lambda self: (self.respond('530 Not now.'), self.close_when_done())";

/// More lanes than there is room for copy everything, and the ceiling is known then.
fn fills((product, setting, room): Row) {
    let authority = Authority::new().expect("an authority");
    let source = Daemon::start(Product::Fxpd, Setup::PLAIN, &authority, None).expect("fxpd");
    let few = Daemon::start_with(product, Setup::PLAIN, &authority, &[setting]).expect("it starts");
    let fxp = Fxp::new(&[]);
    let mut chance = Chance::new();
    tree::make(&source.root.join("t"), Shape { small: 40, large: 2, size: 300_000 }, &mut chance);
    let files = tree::files(&source.root.join("t"));
    let deadline = Instant::now() + PATIENCE;
    // All may be done before the room is full: then once more.
    for round in 0.. {
        assert!(Instant::now() < deadline, "{product} {setting}: nothing is learned");
        let to = format!("copy{round}");
        let ran = fxp.run(["cp", "-r", "--tls", "off", "--lanes", "8", &source.url("t/"), &few.url(&to)]);
        assert_eq!(ran.code, 0, "{product} {setting}: {ran:?}");
        assert_eq!(tree::files(&few.root.join(&to)), files, "{product} {setting}");
        let learned = most_sessions(&fxp, &few.address.to_string());
        if let Some(most) = learned {
            assert!((1..=room).contains(&most), "{product} {setting}: {most}");
            break;
        }
    }
}

/// What `fxp site show` says of the most sessions at once with a server, if anything was learned.
fn most_sessions(fxp: &Fxp, server: &str) -> Option<u64> {
    let ran = fxp.run(["--json", "site", "show", &format!("ftp://{server}/")]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let known = ran.events().into_iter().find(|event| event["event"] == "known").expect("what is known");
    known["most_sessions"].as_u64()
}
