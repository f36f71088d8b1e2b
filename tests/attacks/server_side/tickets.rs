//! Session-ticket confusion: a data connection that resumes the TLS session of somebody else's control
//! connection, to be taken for somebody else or to take what is not its own.

use std::net::SocketAddr;
use std::path::Path;

use fxp_testkit::daemon::{Product, Setup};
use rustls::HandshakeKind;
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use super::stage::{daemon, fxpd};
use super::wire::{Client, Tls, dial, give_inside};
use crate::server::Settings;

/// Whose session the thief resumes at the victim's passive port.
struct Cast {
    /// Logged in with sessions of its own; the file arrives at its connection.
    victim: Client,
    victims: Tls,
    /// Logged in, too, so that it has tickets of this very server.
    _thief: Client,
    thieves: Tls,
}

impl Cast {
    fn enter(address: SocketAddr, version: &'static SupportedProtocolVersion) -> Cast {
        let (victims, thieves) = (Tls::new(version), Tls::new(version));
        let (mut victim, mut thief) =
            (Client::private(address, &victims), Client::private(address, &thieves));
        // Their tickets have come once something behind them has.
        victim.expect("NOOP", "200");
        thief.expect("NOOP", "200");
        Cast { victim, victims, _thief: thief, thieves }
    }

    /// The victim uploads, and the thief is there before it, with its own tickets. How the thief's handshake
    /// ended: `None` if its bytes were refused, else how they came in.
    fn race(&mut self) -> (Option<HandshakeKind>, String) {
        let port = self.victim.passive();
        // Some say 150 once somebody has connected.
        self.victim.say("STOR up");
        let stolen = dial(port, None).and_then(|tcp| self.thieves.start(tcp)).and_then(|stream| {
            let kind = stream.conn.handshake_kind();
            give_inside(stream, b"the thief's").map(|()| kind)
        });
        let stolen = stolen.ok().flatten();
        if stolen.is_none() {
            // Whether the port still waits for the right one.
            let own = dial(port, None).and_then(|tcp| self.victims.start(tcp));
            let _ = own.and_then(|stream| give_inside(stream, b"the victim's"));
        }
        let first = self.victim.reply();
        (stolen, if first.starts_with('1') { self.victim.reply() } else { first })
    }
}

fn stored(root: &Path) -> Vec<u8> {
    std::fs::read(root.join("up")).unwrap_or_default()
}

#[test]
fn where_resuming_is_demanded_only_the_own_session_counts() {
    let server = fxpd(Settings { closed: true, top: "data_tls_reuse = \"require\"", ..Settings::default() });
    for version in [&TLS12, &TLS13] {
        let mut cast = Cast::enter(server.address, version);
        for _ in 0..3 {
            let (stolen, reply) = cast.race();
            assert_eq!((stolen, &reply[..3]), (None, "226"), "{version:?}: {reply}\n{}", server.log());
            assert_eq!(stored(server.root()), b"the victim's", "{version:?}");
        }
    }
}

/// Without the demand anybody at the client's address is the client, but nobody is taken for having resumed:
/// the server does not know the ticket, so that the demand cannot be met with it either.
#[test]
fn tickets_of_others_are_not_resumed() {
    let server = fxpd(Settings { closed: true, ..Settings::default() });
    for version in [&TLS12, &TLS13] {
        let mut cast = Cast::enter(server.address, version);
        let (stolen, _) = cast.race();
        let full = [Some(HandshakeKind::Full), Some(HandshakeKind::FullWithHelloRetryRequest)];
        assert!(full.contains(&stolen), "{version:?}: {stolen:?}");

        // A control connection does not resume another one either.
        let mut again = Client::connect(server.address);
        again.expect("AUTH TLS", "234");
        let tcp = again.tcp().try_clone().expect("a socket");
        let stream = cast.thieves.start(tcp).expect("a handshake");
        assert!(full.contains(&stream.conn.handshake_kind()), "{version:?}");
    }
    // A session's own ticket is resumed: what is not resumed above is so for its owner.
    let tls = Tls::newest();
    let mut client = Client::private(server.address, &tls);
    client.expect("NOOP", "200");
    let port = client.passive();
    client.expect("STOR up", "150");
    let stream = tls.start(dial(port, None).expect("a connection")).expect("a handshake");
    assert_eq!(stream.conn.handshake_kind(), Some(HandshakeKind::Resumed));
    give_inside(stream, b"own").expect("the file");
    client.hears("226");
}

/// vsftpd's `require_ssl_reuse` asks whether the session was resumed, not whose it was; the last two
/// products have no such demand.
#[test]
fn what_other_servers_do_with_tickets_of_others() {
    let demanding = Setup { tls: true, fxp: false, demand_reuse: true };
    for (product, stolen_by_default) in [
        (Product::Proftpd, false),
        (Product::Vsftpd, true),
        (Product::Pureftpd, true),
        (Product::Pyftpdlib, true),
    ] {
        let Some(daemon) = daemon("tickets", product, demanding) else { return };
        let mut cast = Cast::enter(daemon.address, &TLS13);
        let (kind, reply) = cast.race();
        let stolen = stored(&daemon.root) == b"the thief's";
        assert_eq!(stolen, stolen_by_default, "{product}: {kind:?} {reply}");
    }
}
