//! The man in the middle: he takes every data connection between the two servers, and makes another one to the
//! server that was meant.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::server::Acceptor;
use rustls::{ServerConnection, StreamOwned};

use super::ground::{A, B, Ground, Place};
use crate::namespace::{inside, named};
use crate::proof::end::{identity, server_config};
use crate::server_side::wire::{Stream, Tls, dial};

/// What he does with what goes through his hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// Passes bytes on as they are.
    Pass,
    /// Ends TLS on both sides, reads, and passes on.
    Read,
    /// Ends TLS on both sides, and turns every letter's case round.
    Alter,
}

/// At work, until dropped.
pub(crate) struct Attacker {
    state: Arc<State>,
}

struct State {
    /// What he has read in clear, or seen of ciphers.
    loot: Mutex<Vec<u8>>,
    connections: AtomicUsize,
    does: Mutex<Does>,
    over: AtomicBool,
}

impl Drop for Attacker {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::Relaxed);
    }
}

impl Attacker {
    /// Waits on all `ports` of both addresses.
    pub(crate) fn between(ground: &Ground, ports: &[u16], does: Does) -> Attacker {
        let state = Arc::new(State {
            loot: Mutex::default(),
            connections: AtomicUsize::new(0),
            does: Mutex::new(does),
            over: AtomicBool::new(false),
        });
        for (here, own, beyond) in [(Place::BesideA, B, Place::BesideB), (Place::BesideB, A, Place::BesideA)]
        {
            let listeners: Vec<TcpListener> = ground.at(here, || {
                let listen = |port| TcpListener::bind((own, port)).expect("a free port");
                ports
                    .iter()
                    .copied()
                    .map(listen)
                    .inspect(|port| port.set_nonblocking(true).expect("a socket"))
                    .collect()
            });
            let (state, wire) = (state.clone(), Wire::new(ground, beyond, own));
            std::thread::spawn(move || watch(&listeners, &wire, &state));
        }
        Attacker { state }
    }

    /// From the next connection on he does something else, and what he had is forgotten.
    pub(crate) fn now(&self, does: Does) {
        *self.state.does.lock().expect("no holder panics") = does;
        self.state.loot.lock().expect("no holder panics").clear();
        self.state.connections.store(0, Ordering::Relaxed);
    }

    /// True if he has got hold of `bytes`.
    pub(crate) fn has_read(&self, bytes: &[u8]) -> bool {
        let loot = self.state.loot.lock().expect("no holder panics");
        loot.windows(bytes.len()).any(|part| part == bytes)
    }

    /// How many bytes he has seen.
    pub(crate) fn loot(&self) -> usize {
        self.state.loot.lock().expect("no holder panics").len()
    }

    /// How many connections he was trusted with.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }
}

/// How he reaches the server that was meant: from the other side, where he is the one who calls.
struct Wire {
    place: std::fs::File,
    to: IpAddr,
}

impl Wire {
    fn new(ground: &Ground, place: Place, to: IpAddr) -> Wire {
        Wire { place: named(&ground.namespace(place)), to }
    }

    fn connect(&self, port: u16) -> io::Result<TcpStream> {
        inside(&self.place, || dial(SocketAddr::new(self.to, port), None))
    }
}

fn watch(listeners: &[TcpListener], wire: &Wire, state: &Arc<State>) {
    while !state.over.load(Ordering::Relaxed) {
        for listener in listeners {
            let Ok((near, _)) = listener.accept() else { continue };
            state.connections.fetch_add(1, Ordering::Relaxed);
            let port = listener.local_addr().expect("an address").port();
            // Whom he cannot reach, he cannot pass for.
            let Ok(far) = wire.connect(port) else { continue };
            let state = state.clone();
            let does = *state.does.lock().expect("no holder panics");
            std::thread::spawn(move || {
                near.set_nonblocking(false).expect("a socket");
                let _ = match does {
                    Does::Pass => pass(near, far, &state),
                    Does::Read | Does::Alter => end_both(near, far, does, &state),
                };
            });
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

fn pass(near: TcpStream, far: TcpStream, state: &Arc<State>) -> io::Result<()> {
    let back = (far.try_clone()?, near.try_clone()?);
    let other = {
        let state = state.clone();
        std::thread::spawn(move || carry(back.0, back.1, &state))
    };
    carry(near, far, state);
    let _ = other.join();
    Ok(())
}

fn carry(mut from: TcpStream, mut to: TcpStream, state: &State) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        keep(state, &buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn keep(state: &State, bytes: &[u8]) {
    state.loot.lock().expect("no holder panics").extend(bytes);
}

/// Plays the TLS server for whoever is TLS client, and the client for the other. Where only one of them falls for
/// it, he takes what he gets from that one.
fn end_both(near: TcpStream, far: TcpStream, does: Does, state: &State) -> io::Result<()> {
    let near_speaks = first_to_speak(&near, &far)?;
    let (client, server) = if near_speaks { (near, far) } else { (far, near) };
    let mut client = client;
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut acceptor = Acceptor::default();
    let hello = loop {
        acceptor.read_tls(&mut client)?;
        match acceptor.accept() {
            Ok(Some(hello)) => break hello,
            Ok(None) => {}
            Err((error, _)) => return Err(io::Error::other(error)),
        }
    };
    // He offers what he was offered.
    let offered: Vec<String> = hello
        .client_hello()
        .alpn()
        .map(|names| names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
        .unwrap_or_default();
    let protocols: Vec<&str> = offered.iter().map(String::as_str).collect();
    let config = Arc::new(server_config(&identity(), rustls::ALL_VERSIONS, &protocols));
    let fooled_client = hello.into_connection(config).map_err(|(error, _)| io::Error::other(error));
    let (fooled_client, fooled_server) = std::thread::scope(|scope| {
        let server = scope.spawn(|| Tls::offering(&rustls::version::TLS13, &protocols).start(server));
        let client = fooled_client.and_then(|connection| finish(connection, client));
        (client, server.join().expect("no panic"))
    });
    match (fooled_client, fooled_server) {
        (Ok(mut client), Ok(mut server)) => relay(&mut client, &mut server, does, state),
        (Ok(mut client), Err(_)) => take(&mut client, state),
        (Err(_), Ok(mut server)) => take(&mut server, state),
        (Err(error), Err(_)) => Err(error),
    }
}

/// True if `near` has something to say first.
fn first_to_speak(near: &TcpStream, far: &TcpStream) -> io::Result<bool> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        for (side, is_near) in [(near, true), (far, false)] {
            side.set_read_timeout(Some(Duration::from_millis(5)))?;
            if matches!(side.peek(&mut [0]), Ok(1)) {
                return Ok(is_near);
            }
        }
    }
    Err(ErrorKind::TimedOut.into())
}

fn finish(
    mut connection: ServerConnection,
    mut tcp: TcpStream,
) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
    while connection.is_handshaking() {
        connection.complete_io(&mut tcp)?;
    }
    Ok(StreamOwned::new(connection, tcp))
}

type Served = StreamOwned<ServerConnection, TcpStream>;

/// Carries what is said inside TLS, both ways, and reads it.
fn relay(client: &mut Served, server: &mut Stream, does: Does, state: &State) -> io::Result<()> {
    for tcp in [&client.sock, &server.sock] {
        tcp.set_read_timeout(Some(Duration::from_millis(5)))?;
    }
    let (mut client_ended, mut server_ended) = (false, false);
    let quiet_since = Instant::now();
    while !(client_ended && server_ended) && quiet_since.elapsed() < Duration::from_secs(15) {
        if !client_ended && !hand_over(client, server, does, state)? {
            client_ended = true;
            server.conn.send_close_notify();
            server.flush()?;
            let _ = server.sock.shutdown(Shutdown::Write);
        }
        if !server_ended && !hand_over(server, client, does, state)? {
            server_ended = true;
            client.conn.send_close_notify();
            client.flush()?;
            let _ = client.sock.shutdown(Shutdown::Write);
        }
    }
    Ok(())
}

/// False at the end.
fn hand_over(from: &mut impl Read, to: &mut impl Write, does: Does, state: &State) -> io::Result<bool> {
    let mut buffer = [0; 16 * 1024];
    match from.read(&mut buffer) {
        Ok(0) => Ok(false),
        Ok(count) => {
            let bytes = &mut buffer[..count];
            keep(state, bytes);
            if does == Does::Alter {
                bytes.iter_mut().filter(|byte| byte.is_ascii_alphabetic()).for_each(|byte| *byte ^= 0x20);
            }
            to.write_all(bytes)?;
            to.flush()?;
            Ok(true)
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Only one side was fooled: what it sends, he keeps; and he gives it a file of his own.
fn take(from: &mut (impl Read + Write), state: &State) -> io::Result<()> {
    let _ = from.write_all(b"what the attacker wants to be stored").and_then(|()| from.flush());
    let deadline = Instant::now() + Duration::from_secs(2);
    let mut buffer = [0; 16 * 1024];
    while Instant::now() < deadline {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => keep(state, &buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    Ok(())
}
