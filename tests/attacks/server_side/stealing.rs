//! Port stealing: somebody else connects to the passive port before the client does, to take the file or to
//! give another one (RFC 2577, 8). The client here is an ordinary one, which proves nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fxp_testkit::daemon::{Daemon, Product, Setup};
use fxp_testkit::port;
use rustls::version::{TLS12, TLS13};

use super::stage::{as_it_comes, daemon, fxpd, put};
use super::wire::{Client, Tls, dial, give, give_inside, read_all};
use crate::server::{Server, Settings};

/// What the thief brings, and what the client does.
const STOLEN: &[u8] = b"not what the client sent";
pub(crate) const OWN: &[u8] = b"what the client sent";

/// How the thief goes about it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Racer {
    /// One connection, and bytes in clear.
    Plain,
    /// One connection, and a handshake of its own.
    Tls,
    /// A hundred connections that say nothing.
    Hundred,
    /// A handshake, one byte at a time.
    Slowly,
}

pub(crate) const RACERS: [Racer; 4] = [Racer::Plain, Racer::Tls, Racer::Hundred, Racer::Slowly];

/// A thief at work; it lets go of its connections when dropped.
pub(crate) struct Thief {
    sockets: Vec<TcpStream>,
    stop: Arc<AtomicBool>,
    /// Whether it has got hold of something of the file, or could give something.
    pub(crate) won: Arc<AtomicBool>,
}

impl Drop for Thief {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Racer {
    /// Connects to the passive port from `from`, and goes on as it does.
    pub(crate) fn races(self, port: SocketAddr, from: IpAddr) -> Thief {
        let (stop, won) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let mut thief = Thief { sockets: Vec::new(), stop: stop.clone(), won: won.clone() };
        let Some(first) = knocks(port, from) else { return thief };
        match self {
            Racer::Plain => {
                let mut tcp = first.try_clone().expect("a socket");
                let _ = tcp.write_all(STOLEN);
                std::thread::spawn(move || takes(&mut tcp, &won));
                thief.sockets.push(first);
            }
            Racer::Tls => {
                std::thread::spawn(move || {
                    if let Ok(mut stream) = Tls::newest().start(first) {
                        let _ = stream.write_all(STOLEN);
                        takes(&mut stream, &won);
                    }
                });
            }
            Racer::Hundred => {
                thief.sockets.push(first);
                thief.sockets.extend((1..100).filter_map(|_| knocks(port, from)));
            }
            Racer::Slowly => {
                let mut hello = Vec::new();
                Tls::newest().connection().write_tls(&mut hello).expect("a hello");
                let mut tcp = first.try_clone().expect("a socket");
                std::thread::spawn(move || {
                    for byte in hello {
                        if stop.load(Ordering::Relaxed) || tcp.write_all(&[byte]).is_err() {
                            return;
                        }
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    takes(&mut tcp, &won);
                });
                thief.sockets.push(first);
            }
        }
        thief
    }
}

/// A connection, unless it is shown the door before it has come in.
fn knocks(port: SocketAddr, from: IpAddr) -> Option<TcpStream> {
    match dial(port, Some(from)) {
        Ok(socket) => Some(socket),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
        Err(error) => panic!("{port}: {error}"),
    }
}

/// Reads on until it sees what was meant for the client.
fn takes(from: &mut impl Read, won: &AtomicBool) {
    let (mut loot, mut buffer): (Vec<u8>, _) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        loot.extend(&buffer[..count]);
        if loot.windows(OWN.len()).any(|part| part == OWN) {
            return won.store(true, Ordering::Relaxed);
        }
    }
}

/// When the client connects.
#[derive(Clone, Copy, Debug)]
enum Order {
    /// Before its STOR or RETR, as lftp does.
    ConnectsFirst,
    /// After `150`, as others do.
    CommandFirst,
}

/// The client up- and downloads while `racer` is there before it. `tls`: how it protects its data connections.
fn check(server: &Server, client: &mut Client, tls: Option<&Tls>, racer: Racer, order: Order, from: IpAddr) {
    let what = format!("{racer:?}, {order:?}, {}, from {from}", if tls.is_some() { "TLS" } else { "clear" });
    for command in ["STOR up", "RETR down"] {
        let port = client.passive();
        let thief = racer.races(port, from);
        let data = match order {
            Order::ConnectsFirst => {
                let data = dial(port, None).unwrap_or_else(|error| panic!("{what}, {command}: {error}"));
                client.expect(command, "150");
                data
            }
            Order::CommandFirst => {
                client.expect(command, "150");
                dial(port, None).unwrap_or_else(|error| panic!("{what}, {command}: {error}"))
            }
        };
        let moved = match (tls, command) {
            (None, "STOR up") => give(data, OWN).map(|()| OWN.to_vec()),
            (None, _) => read_all(&mut { data }),
            (Some(tls), "STOR up") => {
                tls.start(data).and_then(|data| give_inside(data, OWN)).map(|()| OWN.to_vec())
            }
            (Some(tls), _) => tls.start(data).and_then(|mut data| read_all(&mut data)),
        };
        let moved = moved.unwrap_or_else(|error| panic!("{what}, {command}: {error}\n{}", server.log()));
        assert_eq!(moved, OWN, "{what}, {command}");
        let reply = client.reply();
        assert!(reply.starts_with("226"), "{what}, {command}: {reply}");
        // It is told nothing, and what it said is nowhere.
        assert!(!thief.won.load(Ordering::Relaxed), "{what}, {command}: the thief got something");
    }
    assert_eq!(std::fs::read(server.file("up")).expect("the upload"), OWN, "{what}");
}

fn with_file(server: &Server) {
    std::fs::write(server.file("down"), OWN).expect("a file");
}

#[test]
fn strangers_at_the_passive_port_of_a_client_in_clear() {
    let server = as_it_comes();
    with_file(&server);
    let mut client = Client::logged_in(server.address);
    for racer in RACERS {
        for order in [Order::CommandFirst, Order::ConnectsFirst] {
            check(&server, &mut client, None, racer, order, port::loopback());
        }
    }
}

#[test]
fn strangers_at_the_passive_port_of_a_client_inside_tls() {
    let server = as_it_comes();
    with_file(&server);
    for version in [&TLS12, &TLS13] {
        let tls = Tls::new(version);
        let mut client = Client::private(server.address, &tls);
        for racer in RACERS {
            for order in [Order::CommandFirst, Order::ConnectsFirst] {
                check(&server, &mut client, Some(&tls), racer, order, port::loopback());
            }
        }
    }
}

/// Behind one address live many: there only the TLS session tells them apart, if the operator wants it to.
#[test]
fn strangers_at_the_clients_own_address_are_told_apart_by_the_session() {
    let server = fxpd(Settings { closed: true, top: "data_tls_reuse = \"require\"", ..Settings::default() });
    with_file(&server);
    for version in [&TLS12, &TLS13] {
        let tls = Tls::new(version);
        let mut client = Client::private(server.address, &tls);
        let own = client.address().ip();
        for racer in [Racer::Plain, Racer::Tls, Racer::Slowly] {
            check(&server, &mut client, Some(&tls), racer, Order::CommandFirst, own);
        }
    }
}

/// What becomes of the client's upload to others when a stranger connects first: true if it arrives.
fn survives(daemon: &Daemon) -> bool {
    let mut client = Client::logged_in(daemon.address);
    let port = client.passive();
    let _thief = Racer::Plain.races(port, port::loopback());
    client.say("STOR up");
    let Ok(data) = dial(port, None) else { return false };
    if give(data, OWN).is_err() {
        return false;
    }
    // What is said meanwhile differs too much; two seconds are more than twenty bytes need.
    let deadline = Instant::now() + Duration::from_secs(2);
    let arrived = || std::fs::read(daemon.root.join("up")).is_ok_and(|bytes| bytes == OWN);
    while !arrived() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    arrived()
}

#[test]
fn what_other_servers_do_with_strangers_at_the_passive_port() {
    let by_default = Setup { tls: false, fxp: false, demand_reuse: false };
    for (product, expected) in [
        (Product::Proftpd, false),
        (Product::Vsftpd, false),
        (Product::Pureftpd, true),
        (Product::Pyftpdlib, true),
    ] {
        let Some(daemon) = daemon("port stealing", product, by_default) else { return };
        assert_eq!(survives(&daemon), expected, "{product} by default\n{}", daemon.log());
    }
    // Set up for FXP, they take the stranger's bytes for the client's.
    for (product, expected) in [(Product::Proftpd, true), (Product::Vsftpd, true), (Product::Pureftpd, true)]
    {
        let Some(daemon) = daemon("port stealing", product, Setup::PLAIN) else { return };
        put(&daemon, "up", b"");
        let mut client = Client::logged_in(daemon.address);
        let thief = Racer::Plain.races(client.passive(), port::loopback());
        client.say("STOR up");
        for socket in &thief.sockets {
            let _ = socket.shutdown(std::net::Shutdown::Write);
        }
        let stored = client.reply().starts_with("150") && client.reply().starts_with("226");
        let stolen = stored && std::fs::read(daemon.root.join("up")).is_ok_and(|bytes| bytes == STOLEN);
        assert_eq!(stolen, expected, "{product} set up for FXP\n{}", daemon.log());
    }
}
