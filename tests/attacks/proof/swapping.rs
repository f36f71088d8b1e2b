//! Somebody on the way who delays connections: the first file's, until the second one's is awaited.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use super::end::{KEY, OTHER};
use super::victim::{refused, start_impatient, untouched, user};
use crate::server::Server;
use crate::server_side::wire::{Client, dial, port_argument};

/// Carries bytes both ways until both sides have ended.
fn splice(one: TcpStream, other: TcpStream) {
    let carry = |mut from: TcpStream, mut to: TcpStream| {
        std::thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        })
    };
    let (one_too, other_too) = (one.try_clone().expect("a socket"), other.try_clone().expect("a socket"));
    carry(one, other);
    carry(other_too, one_too);
}

struct Lane {
    source: Server,
    destination: Server,
    /// Two sessions of one user with the source: the first one still sends the first file.
    senders: [Client; 2],
    receiver: Client,
    /// What the source takes for the destination.
    between: TcpListener,
}

impl Lane {
    fn new() -> Lane {
        let (source, destination) = (start_impatient(), start_impatient());
        let senders = [user(&source), user(&source)];
        let receiver = user(&destination);
        // At an address of its own, which is neither the client's nor a server's.
        let between = TcpListener::bind((fxp_testkit::port::loopback(), 0)).expect("a listener");
        std::fs::write(source.file("one"), b"the first file").expect("a file");
        std::fs::write(source.file("two"), b"the second file").expect("a file");
        Lane { source, destination, senders, receiver, between }
    }

    /// The source begins to send `name` under `key`; the connection that it opens.
    fn send(&mut self, session: usize, key: &str, name: &str) -> TcpStream {
        let address = self.between.local_addr().expect("an address");
        let sender = &mut self.senders[session];
        sender.expect(key, "200");
        sender.expect(format!("PORT {}", port_argument(address)), "200");
        sender.expect(format!("RETR {name}"), "150");
        self.between.accept().expect("a connection").0
    }

    /// The destination awaits a file under `key`.
    fn await_file(&mut self, key: &str) -> SocketAddr {
        self.receiver.expect(key, "200");
        let port = self.receiver.passive_by("CPSV");
        self.receiver.say("STOR in");
        port
    }
}

/// The first file is held back; the client gives it up and goes on with the second, under a fresh key; now the
/// first connection is brought to the destination, which would store file one under the name of file two.
#[test]
fn the_first_file_never_takes_the_place_of_the_second() {
    let mut lane = Lane::new();
    let held = lane.send(0, KEY.1, "one");
    let port = lane.await_file(OTHER.1);
    splice(held, dial(port, None).expect("a connection"));
    let reply = lane.receiver.last_reply();
    refused(&reply, "swapped");
    untouched(&lane.destination, "swapped");
    assert!(lane.senders[0].reply().starts_with("425"));
}

/// Delayed, but brought to where it belongs, a connection serves: the attacker can do no more than cut the line.
#[test]
fn a_connection_that_is_only_passed_on_serves() {
    let mut lane = Lane::new();
    let port = lane.await_file(OTHER.1);
    let own = lane.send(1, OTHER.1, "two");
    splice(own, dial(port, None).expect("a connection"));
    let reply = lane.receiver.last_reply();
    assert!(reply.starts_with("226"), "{reply}\n{}", lane.source.log());
    assert_eq!(std::fs::read(lane.destination.file("in")).expect("a file"), b"the second file");
}
