//! `fxpd` as a port scanner: a user whom a rule allows to reach a host asks which of its ports are open, by the
//! words of the replies and by how long they take.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fxp_testkit::daemon::{PASSWORD, USER, hash_of};
use fxp_testkit::port;
use rustls::ServerConnection;
use socket2::{Domain, Socket, Type};

use super::stage::{Bystander, fxpd, until};
use super::wire::{Client, PATIENCE, Tls, port_argument};
use crate::proof::end::{KEY, identity, server_config};
use crate::server::{Server, Settings};

/// Probes of each kind of port.
const PROBES: usize = 50;
/// Sessions side by side; the probes of one kind are spread over all of them.
const SESSIONS: usize = 40;
/// How far the medians may be apart.
const SPREAD: Duration = Duration::from_millis(50);

/// What is at a port.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Closed,
    /// Takes connections and says nothing.
    Open,
    /// Drops what comes.
    Filtered,
    /// Takes connections and speaks something else than TLS.
    NotTls,
    /// Speaks TLS, and not the protocol of introduced servers.
    Tls,
    /// Speaks that, too, and has no key.
    Keyless,
}

const KINDS: [Kind; 4] = [Kind::Closed, Kind::Open, Kind::Filtered, Kind::NotTls];
/// Under a key these can be told apart, too, by whoever may.
const KINDS_UNDER_A_KEY: [Kind; 6] =
    [Kind::Closed, Kind::Open, Kind::Filtered, Kind::NotTls, Kind::Tls, Kind::Keyless];

/// One port of each kind, for as long as it lives.
struct Ports {
    open: Bystander,
    not_tls: Bystander,
    filtered: (SocketAddr, Vec<Socket>),
    tls: SocketAddr,
    keyless: SocketAddr,
}

impl Ports {
    fn new() -> Ports {
        Ports {
            open: Bystander::new(),
            not_tls: Bystander::at(port::loopback(), 0, b"SSH-2.0-OpenSSH_9.2\r\n"),
            filtered: filtered(),
            tls: inside_tls(&[]),
            keyless: inside_tls(&["fxp-data/1"]),
        }
    }

    fn of(&self, kind: Kind) -> SocketAddr {
        match kind {
            Kind::Open => self.open.address,
            Kind::NotTls => self.not_tls.address,
            Kind::Filtered => self.filtered.0,
            Kind::Tls => self.tls,
            Kind::Keyless => self.keyless,
            Kind::Closed => {
                let ip = port::loopback();
                SocketAddr::new(ip, port::free(ip).expect("a port"))
            }
        }
    }
}

/// A port whose queue is full: the kernel drops each SYN without a word.
fn filtered() -> (SocketAddr, Vec<Socket>) {
    let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let listener = socket();
    listener.bind(&SocketAddr::new(port::loopback(), 0).into()).expect("a port");
    listener.listen(1).expect("it listens");
    let address = listener.local_addr().expect("an address");
    let mut sockets = vec![listener];
    loop {
        let queued = socket();
        if queued.connect_timeout(&address, Duration::from_millis(200)).is_err() {
            return (address.as_socket().expect("an address"), sockets);
        }
        assert!(sockets.len() < 100, "the queue takes everybody");
        sockets.push(queued);
    }
}

/// A port behind which TLS is spoken with these protocols, and nothing is said inside it.
fn inside_tls(protocols: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind((port::loopback(), 0)).expect("a listener");
    let address = listener.local_addr().expect("an address");
    let config = Arc::new(server_config(&identity(), rustls::ALL_VERSIONS, protocols));
    // It ends with the test program.
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let (mut tcp, config) = (tcp.expect("a connection"), config.clone());
            std::thread::spawn(move || {
                let _ = tcp.set_read_timeout(Some(PATIENCE));
                let mut connection = ServerConnection::new(config).expect("a connection");
                while connection.complete_io(&mut tcp).is_ok_and(|(read, written)| read + written > 0) {}
            });
        }
    });
    address
}

/// What one probe tells.
struct Answer {
    kind: usize,
    said: String,
    took: Duration,
}

fn probe(client: &mut Client, target: SocketAddr, kind: usize) -> Answer {
    let aimed = client.ask(format!("PORT {}", port_argument(target)));
    let began = Instant::now();
    let begun = client.ask("RETR file");
    let ended = client.reply();
    Answer { kind, took: began.elapsed(), said: masked(&format!("{aimed}\n{begun}\n{ended}")) }
}

/// The case id, which is drawn for each failure, does not tell anything.
fn masked(said: &str) -> String {
    let (before, rest) = said.split_once("(id ").expect("an id");
    let (id, after) = rest.split_once(')').expect("an id");
    assert!(id.chars().all(|letter| letter.is_ascii_alphanumeric()), "{id}");
    format!("{before}(id ?){after}")
}

fn median(answers: &[Answer], kind: usize) -> Duration {
    let mut took: Vec<_> =
        answers.iter().filter(|answer| answer.kind == kind).map(|answer| answer.took).collect();
    // Six kinds do not divide evenly among the sessions.
    assert!(took.len().abs_diff(PROBES) <= 2, "{} probes", took.len());
    took.sort();
    took[took.len() / 2]
}

#[test]
fn probes_tell_nothing_about_ports() {
    let server = fxpd(Settings {
        top: "[limits]\nforeign_timeout = 1\nforeign_failures = 10000\n",
        ..Settings::default()
    });
    scan(&server, &KINDS, &[]);
}

/// Under a key every user may name any public host; it tells as little.
#[test]
fn probes_of_hosts_that_are_introduced_tell_nothing_either() {
    let server = fxpd(Settings {
        closed: true,
        top: "[limits]\nforeign_timeout = 1\nforeign_failures = 10000\n",
        ..Settings::default()
    });
    scan(&server, &KINDS_UNDER_A_KEY, &[KEY.1, "SSCN ON"]);
}

/// Probes each of `kinds`, after each session has said what is in `before`.
fn scan(server: &Server, kinds: &[Kind], before: &[&str]) {
    std::fs::write(server.file("file"), b"x").expect("a file");
    let ports = Ports::new();
    let targets: Vec<SocketAddr> = kinds.iter().map(|kind| ports.of(*kind)).collect();
    let ready = AtomicUsize::new(0);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let sessions: Vec<_> = (0..SESSIONS)
            .map(|session| {
                let (ready, address, targets) = (&ready, server.address, &targets);
                scope.spawn(move || {
                    let mut client = Client::private(address, &Tls::newest());
                    before.iter().for_each(|line| drop(client.expect(line, "200")));
                    ready.fetch_add(1, Ordering::Relaxed);
                    // With an end, should one of them fail before.
                    until("the other sessions", || ready.load(Ordering::Relaxed) == SESSIONS);
                    // Each has its share of all probes, and another kind at a time than its neighbours.
                    let own = (session..PROBES * targets.len()).step_by(SESSIONS);
                    own.map(|number| (number / SESSIONS + number) % targets.len())
                        .map(|kind| probe(&mut client, targets[kind], kind))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        sessions.into_iter().flat_map(|session| session.join().expect("a session")).collect()
    });

    let first = &answers[0].said;
    assert!(first.contains("\n150 ") && first.contains("\n425 "), "{first}");
    for answer in &answers {
        assert_eq!(&answer.said, first, "{:?}", kinds[answer.kind]);
    }
    let medians: Vec<Duration> = (0..kinds.len()).map(|kind| median(&answers, kind)).collect();
    println!("medians of {kinds:?}: {medians:?}");
    let (least, most) = (medians.iter().min().expect("four"), medians.iter().max().expect("four"));
    assert!(*most - *least < SPREAD, "{kinds:?}: {medians:?}");
    assert!(ports.open.visits() >= PROBES && ports.not_tls.visits() >= PROBES, "they were not reached");
}

#[test]
fn failed_probes_are_rationed() {
    let root = tempfile::TempDir::new().expect("a folder");
    let other = format!(
        "[[user]]\nname = \"other\"\npassword = \"{}\"\nhome = \"{}\"\n",
        hash_of(PASSWORD),
        root.path().display()
    );
    let server = fxpd(Settings {
        top: "[limits]\nforeign_timeout = 1\nforeign_failures = 5\n",
        user: &other,
        ..Settings::default()
    });
    for folder in [server.root(), root.path()] {
        std::fs::write(folder.join("file"), b"x").expect("a file");
    }
    let silent = Bystander::new();
    let aim = format!("PORT {}", port_argument(silent.address));
    let logged_in = |user| {
        let mut client = Client::connect(server.address);
        client.auth_tls(&Tls::newest());
        client.log_in_as(user, PASSWORD);
        client.expect("PBSZ 0", "200");
        client.expect("PROT P", "200");
        client
    };

    let mut client = logged_in(USER);
    // A probe that is given up counts as well.
    client.expect(&aim, "200");
    client.expect("RETR file", "150");
    until("the first visit", || silent.visits() == 1);
    client.expect("ABOR", "426");
    client.hears("226");
    for _ in 1..5 {
        client.expect(&aim, "200");
        client.expect("RETR file", "150");
        client.hears("425");
    }
    // Neither this session nor another one of the user gets anywhere now.
    for client in [&mut client, &mut logged_in(USER)] {
        client.expect(&aim, "200");
        client.expect("RETR file", "425");
    }
    assert_eq!(silent.visits(), 5);
    // Another user does, and so does whoever copies between two.
    let mut other = logged_in("other");
    other.expect(&aim, "200");
    other.expect("RETR file", "150");
    other.hears("425");
    assert_eq!(silent.visits(), 6);
    client.expect("PROT C", "200");
    assert_eq!(client.download("RETR file"), b"x");
}
