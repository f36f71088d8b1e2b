//! Port stealing between two servers: whoever is first at the passive port gets nothing, and the right peer is
//! let in all the same.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;

use fxp_testkit::port;

use super::end::{KEY, OTHER};
use super::victim::{BEFORE, start, start_legacy, user};
use crate::server::Server;
use crate::server_side::stealing::{OWN, RACERS, Racer};
use crate::server_side::wire::{Client, port_argument};

/// Two servers and a user of both.
struct Pair {
    source: Server,
    destination: Server,
    sender: Client,
    receiver: Client,
}

impl Pair {
    fn new(source: Server, destination: Server) -> Pair {
        std::fs::write(source.file("out"), OWN).expect("a file");
        let (sender, receiver) = (user(&source), user(&destination));
        Pair { source, destination, sender, receiver }
    }

    /// One transfer, the destination passive and TLS client; `before` acts once the port is known, and what it
    /// returns lives until the end. Both last replies.
    fn copy<T>(&mut self, before: impl FnOnce(SocketAddr) -> T) -> (String, String, T) {
        std::fs::write(self.destination.file("in"), BEFORE).expect("a file");
        let port = self.receiver.passive_by("CPSV");
        let kept = before(port);
        self.sender.expect(format!("PORT {}", port_argument(port)), "200");
        self.receiver.say("STOR in");
        self.sender.say("RETR out");
        let (sent, stored) = (self.sender.last_reply(), self.receiver.last_reply());
        (sent, stored, kept)
    }

    #[track_caller]
    fn arrived(&self, replies: (&str, &str), how: &str) {
        let logs = format!("{}\n{}", self.source.log(), self.destination.log());
        assert!(replies.0.starts_with("226") && replies.1.starts_with("226"), "{how}: {replies:?}\n{logs}");
        assert_eq!(std::fs::read(self.destination.file("in")).expect("a file"), OWN, "{how}");
    }
}

fn race(pair: &mut Pair, racer: Racer, from: IpAddr) {
    let (sent, stored, thief) = pair.copy(|port| racer.races(port, from));
    let how = format!("{racer:?} from {from}");
    pair.arrived((&sent, &stored), &how);
    assert!(!thief.won.load(Ordering::Relaxed), "{how}: the thief got something");
}

#[test]
fn racers_at_a_port_that_awaits_a_key() {
    let mut pair = Pair::new(start(), start());
    pair.sender.expect(KEY.1, "200");
    pair.receiver.expect(KEY.1, "200");
    let source = pair.source.address.ip();
    for racer in RACERS {
        race(&mut pair, racer, port::loopback());
        // As if it sat behind the same address as the right peer.
        race(&mut pair, racer, source);
    }
}

#[test]
fn racers_at_a_port_that_awaits_a_certificate() {
    let mut pair = Pair::new(start_legacy(), start());
    let pin = format!("PEER EXPECT {}", pair.source.fingerprint);
    pair.receiver.expect(&pin, "200");
    let source = pair.source.address.ip();
    for racer in RACERS {
        race(&mut pair, racer, port::loopback());
        race(&mut pair, racer, source);
    }
    // Where the peer's address is known, strangers do not even get a ClientHello.
    pair.receiver.expect(format!("{pin} FROM={source}"), "200");
    for racer in RACERS {
        race(&mut pair, racer, port::loopback());
    }
}

/// What another user of the source would have stored.
const EVIL: &[u8] = b"what another user wants to be stored";

/// Another user of the honest source points it at the victim's port.
fn other_user(pair: &mut Pair, key: Option<&str>) -> (String, String, String) {
    std::fs::write(pair.source.file("evil"), EVIL).expect("a file");
    let mut eve = user(&pair.source);
    if let Some(key) = key {
        eve.expect(key, "200");
    }
    let (sent, stored, eve) = pair.copy(|port| {
        eve.expect(format!("PORT {}", port_argument(port)), "200");
        eve.say("RETR evil");
        // She is there first: her server has said 150 before the right one is told anything.
        eve.hears("150");
        eve
    });
    let mut eve = eve;
    (sent, stored, eve.last_reply())
}

#[test]
fn another_user_of_the_honest_peer_has_no_key_for_this_file() {
    let mut pair = Pair::new(start(), start());
    pair.sender.expect(KEY.1, "200");
    pair.receiver.expect(KEY.1, "200");
    let (sent, stored, eve) = other_user(&mut pair, Some(OTHER.1));
    pair.arrived((&sent, &stored), "another key");
    assert!(eve.starts_with("425"), "{eve}");

    let mut pair = Pair::new(start_legacy(), start());
    pair.sender.expect(KEY.1, "200");
    pair.receiver.expect(KEY.1, "200");
    let (sent, stored, eve) = other_user(&mut pair, None);
    pair.arrived((&sent, &stored), "no key");
    assert!(!eve.starts_with("226"), "{eve}");
}

/// The limit of EXPECT, which the specification states: a certificate names a server, not a transfer.
#[test]
fn another_user_of_the_honest_peer_passes_for_it_under_a_pin() {
    let mut pair = Pair::new(start_legacy(), start());
    let pin = format!("PEER EXPECT {}", pair.source.fingerprint);
    pair.receiver.expect(&pin, "200");
    std::fs::write(pair.source.file("evil"), EVIL).expect("a file");
    let mut eve = user(&pair.source);
    let port = pair.receiver.passive_by("CPSV");
    pair.receiver.say("STOR in");
    eve.expect(format!("PORT {}", port_argument(port)), "200");
    // The right user's server is not told anything before she is through: a 150 is said before the handshakes, so
    // that it would not decide who of two is first.
    eve.say("RETR evil");
    let (eve, stored) = (eve.last_reply(), pair.receiver.last_reply());
    assert!(stored.starts_with("226") && eve.starts_with("226"), "{stored} {eve}");
    assert_eq!(std::fs::read(pair.destination.file("in")).expect("a file"), EVIL);
    // The port was hers; who has the right to it comes too late, and hears so.
    pair.sender.expect(format!("PORT {}", port_argument(port)), "200");
    pair.sender.say("RETR out");
    let late = pair.sender.last_reply();
    assert!(late.starts_with('4'), "{late}");
    assert_eq!(std::fs::read(pair.destination.file("in")).expect("a file"), EVIL);
}
