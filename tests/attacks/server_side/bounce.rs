//! FTP bounce (CERT CA-1997-27, RFC 2577): a user names a host that never consented, and the server connects
//! to it, to find out what is there or to say what the user wants said.

mod introduced;

use std::net::{SocketAddr, TcpListener};

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Product, Setup};
use fxp_testkit::{demand, port};

use super::network::{Resident, connections_begun, in_network_of};
use super::stage::{Bystander, as_it_comes, daemon, put, until};
use super::wire::{Client, eprt_argument, port_argument, read_all};
use crate::lab::Lab;
use crate::server::{Host, Server, Settings};

/// Where a client at 10.77.0.1 must not get a server at 10.77.0.2 to connect to, by what it is.
const TARGETS: &[(&str, &[&str])] = &[
    ("a third host", &["10.77.0.3:50000", "[fd77::3]:50000"]),
    ("another service there", &["10.77.0.3:25", "10.77.0.3:1023", "10.77.0.3:3306", "10.77.0.3:6379"]),
    ("a service of the client's host", &["10.77.0.1:25", "10.77.0.1:1023", "10.77.0.1:6379"]),
    ("loopback", &["127.0.0.1:50000", "127.1.2.3:50000", "[::1]:50000", "[::1]:21"]),
    ("the server itself", &["10.77.0.2:21", "10.77.0.2:50000", "[fd77::2]:21", "[fd77::2]:50000"]),
    ("link-local", &["169.254.169.254:80", "169.254.1.1:50000", "[fe80::1]:50000"]),
    ("private", &["192.168.1.1:50000", "172.16.0.1:50000", "10.0.0.1:50000", "[fc00::1]:50000"]),
    ("shared and reserved", &["100.64.0.1:50000", "192.0.2.1:50000", "198.18.0.1:50000", "240.0.0.1:50000"]),
    ("everybody", &["224.0.0.1:50000", "255.255.255.255:50000", "[ff02::1]:50000"]),
    ("documentation, discard, site-local", &["[2001:db8::1]:50000", "[100::1]:50000", "[fec0::1]:50000"]),
    (
        "IPv4 in IPv6",
        &[
            "[::ffff:127.0.0.1]:50000",
            "[::ffff:10.77.0.3]:50000",
            "[::ffff:10.77.0.2]:21",
            "[::ffff:169.254.169.254]:80",
            "[::127.0.0.1]:50000",
            "[::10.77.0.3]:50000",
        ],
    ),
    (
        "IPv4 behind NAT64, 6to4, Teredo",
        &[
            "[64:ff9b::127.0.0.1]:50000",
            "[64:ff9b::10.77.0.3]:50000",
            "[64:ff9b:1::10.77.0.3]:50000",
            "[2002:7f00:1::1]:50000",
            "[2002:a4d:3::1]:50000",
            "[2001:0:4136:e378:8000:63bf:3fff:fdd2]:50000",
        ],
    ),
    ("anybody", PUBLIC),
];

/// What a rule that names no peer does allow.
const PUBLIC: &[&str] = &["8.8.8.8:50000", "[2606:4700::1111]:50000"];

/// Addresses and ports as no server should read them: spelled so that a checker and a resolver disagree.
const MISSPELLED: &[&str] = &[
    "PORT 266,77,0,3,195,80",
    "PORT 10,77,0,3,256,0",
    "PORT 10,77,0,3,-1,80",
    "PORT 10,77,0,4294967299,195,80",
    "PORT 10,77,0,3,0,0",
    "PORT 10,77,0,3",
    "PORT 10.77.0.3,195,80",
    "EPRT |1|127.1|50000|",
    "EPRT |1|2130706433|50000|",
    "EPRT |1|0x7f.0.0.1|50000|",
    "EPRT |1|0177.0.0.1|50000|",
    "EPRT |1|localhost|50000|",
    "EPRT |1|10.77.0.3|0|",
    "EPRT |1|10.77.0.3|65561|",
    "EPRT |1|10.77.0.3|-15536|",
    "EPRT |1|::ffff:10.77.0.3|50000|",
    "EPRT |2|10.77.0.3|50000|",
    "EPRT |2|::1%lo|50000|",
    "EPRT |2|[::1]|50000|",
    "EPRT |3|10.77.0.3|50000|",
    "EPRT 10.77.0.3:50000",
];

/// A server at a, an attacker at the client's host, and a bystander at b.
struct Scene {
    lab: Lab,
    attacker: Resident,
    authority: Authority,
}

impl Scene {
    fn set(test: &str) -> Option<Scene> {
        let lab = demand::demand(test, Lab::up(&[]))?;
        let attacker = Resident::of(&lab, "client");
        Some(Scene { lab, attacker, authority: Authority::new().expect("an authority") })
    }

    fn server(&self, port: u16, user: &str) -> Server {
        let address = SocketAddr::from(([10, 77, 0, 2], port));
        let settings = Settings { closed: true, user, ..Settings::default() };
        let server = Server::start(Host::Lab(&self.lab, "a"), address, &self.authority, settings);
        std::fs::write(server.file("letter"), LETTER).expect("a file");
        server
    }

    /// What the attacker does, on its host.
    fn attack<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        in_network_of(self.attacker.id(), work)
    }

    /// Packets that have gone from the server's host to the bystander's.
    fn to_bystander(&self) -> u64 {
        let output = self.lab.netlab(["stats", "a>b", "packets"]).output().expect("netlab stats");
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
    }
}

/// What the attacker would like to have said: a mail, to whoever listens.
const LETTER: &[u8] = b"HELO there\r\nMAIL FROM:<boss@example.org>\r\n";

fn targets() -> impl Iterator<Item = SocketAddr> {
    let parsed = |text: &&str| text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    TARGETS.iter().flat_map(move |(_, texts)| texts.iter().map(parsed))
}

/// Tries one target in all ways; the line that was not refused, if there is one.
fn aim(client: &mut Client, target: SocketAddr) -> Option<String> {
    let mut lines = vec![format!("EPRT {}", eprt_argument(target))];
    if target.is_ipv4() {
        lines.push(format!("PORT {}", port_argument(target)));
    }
    for line in lines {
        for transfer in ["RETR letter", "STOR loot", "LIST"] {
            let reply = client.ask(&line);
            if !reply.starts_with("200") {
                assert!(reply.starts_with('5'), "{line}: {reply}");
                break;
            }
            let reply = client.ask(transfer);
            if reply.starts_with('1') {
                return Some(format!("{line}, {transfer}: {reply}"));
            }
        }
    }
    None
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Stranger,
    User,
    Guest,
}

fn enter(address: SocketAddr, who: Who) -> Client {
    let mut client = Client::connect(address);
    match who {
        Who::Stranger => {}
        Who::User => client.log_in(),
        Who::Guest => client.log_in_as("anonymous", "guest@"),
    }
    client
}

/// Nothing of it makes the server open a connection.
fn is_closed(scene: &Scene, server: &Server, whos: &[Who], spared: &[&str]) {
    let spared: Vec<SocketAddr> = spared.iter().map(|text| text.parse().expect("an address")).collect();
    let (begun, packets) = (connections_begun(server.process_id()), scene.to_bystander());
    for &who in whos {
        scene.attack(|| {
            let mut client = enter(server.address, who);
            for target in targets().filter(|target| !spared.contains(target)) {
                let allowed = aim(&mut client, target);
                assert_eq!(allowed, None, "{who:?}\n{}", server.log());
                // Twenty refusals in a row are not yet senseless.
                client.ask("NOOP");
            }
            for line in MISSPELLED {
                let reply = client.ask(line);
                assert!(reply.starts_with('5'), "{who:?}: {line}: {reply}");
                assert!(!client.ask("RETR letter").starts_with('1'), "{who:?}: {line}");
                client.ask("NOOP");
            }
        });
    }
    assert_eq!(connections_begun(server.process_id()), begun, "connections were opened\n{}", server.log());
    assert_eq!(scene.to_bystander(), packets, "packets went to b");
}

#[test]
fn no_syn_leaves_where_the_policy_says_no() {
    let Some(scene) = Scene::set("bounce") else { return };
    let home = tempfile::TempDir::new().expect("a folder");
    std::fs::write(home.path().join("letter"), LETTER).expect("a file");
    let guests = format!("[anonymous]\nhome = \"{}\"\n", home.path().display());
    let everybody = [Who::Stranger, Who::User, Who::Guest];

    let server = scene.server(21, &guests);
    is_closed(&scene, &server, &everybody, &[]);

    // A rule opens what it names and nothing beside it, and guests are never meant.
    let rule = "[[fxp.rule]]\naction = \"allow\"\npeer = \"10.77.0.3\"\n";
    let server = scene.server(2121, &format!("{guests}{rule}"));
    is_closed(&scene, &server, &[Who::Stranger, Who::Guest], &[]);
    is_closed(&scene, &server, &[Who::User], &["10.77.0.3:50000", "[::ffff:10.77.0.3]:50000"]);

    // A rule that names nobody opens what is public, without the list of those never connected to.
    let server = scene.server(2122, &format!("{guests}[[fxp.rule]]\naction = \"allow\"\n"));
    is_closed(&scene, &server, &[Who::User], PUBLIC);
    is_closed(&scene, &server, &[Who::Guest], &[]);
}

/// The counters do count, and what is left open is open.
#[test]
fn what_a_rule_names_is_connected_to_and_counted() {
    let Some(scene) = Scene::set("bounce with a rule") else { return };
    let rule = "[[fxp.rule]]\naction = \"allow\"\npeer = \"10.77.0.3\"\n[anonymous]\nhome = \"/tmp\"\n";
    let server = scene.server(21, rule);
    let host = Resident::of(&scene.lab, "b");
    let listener = in_network_of(host.id(), || TcpListener::bind("10.77.0.3:50000").expect("a listener"));
    let bystander = Bystander::behind(listener, b"");
    let (begun, packets) = (connections_begun(server.process_id()), scene.to_bystander());
    scene.attack(|| {
        let mut client = enter(server.address, Who::User);
        client.expect("PORT 10,77,0,3,195,80", "200");
        client.expect("RETR letter", "150");
        client.hears("226");

        // A target does not outlive the user who might name it.
        client.expect("PORT 10,77,0,3,195,80", "200");
        client.expect("USER anonymous", "331");
        client.expect("PASS guest@", "230");
        client.expect("LIST", "425");
    });
    until("the letter", || bystander.has_heard(LETTER));
    assert_eq!(bystander.visits(), 1);
    assert_eq!(connections_begun(server.process_id()) - begun, 1);
    assert!(scene.to_bystander() > packets);

    // "Any address" is the client's own, as lftp means it, and never this host's loopback.
    scene.attack(|| {
        let own = TcpListener::bind("10.77.0.1:0").expect("a listener");
        let port = own.local_addr().expect("an address").port();
        let mut client = enter(server.address, Who::User);
        client.expect(format!("EPRT |1|0.0.0.0|{port}|"), "200");
        client.expect("RETR letter", "150");
        let (mut data, from) = own.accept().expect("a connection");
        assert_eq!(from.ip(), server.address.ip());
        assert_eq!(read_all(&mut data).expect("the file"), LETTER);
    });
}

/// Whether the server says to `bystander` what its user wants said.
fn bounces(server: SocketAddr, bystander: &Bystander) -> bool {
    let mut client = Client::logged_in(server);
    if !client.ask(format!("PORT {}", port_argument(bystander.address))).starts_with("200") {
        return false;
    }
    client.ask("RETR letter");
    if client.ask("NOOP").is_empty() {
        return false;
    }
    // Whatever comes, comes at once.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(2);
    while !bystander.has_heard(LETTER) && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    bystander.has_heard(LETTER)
}

/// In the words of those who run them: `port_promiscuous=YES`, `AllowForeignAddress on`, `-w`.
#[test]
fn what_other_servers_do_when_they_are_told_to_bounce() {
    let by_default = Setup { tls: false, fxp: false, demand_reuse: false };
    for (product, setup, expected) in [
        (Product::Proftpd, by_default, [false, false]),
        (Product::Vsftpd, by_default, [false, false]),
        (Product::Pureftpd, by_default, [false, false]),
        (Product::Proftpd, Setup::PLAIN, [true, false]),
        // Its session dies of a port below 1024.
        (Product::Vsftpd, Setup::PLAIN, [true, false]),
        (Product::Pureftpd, Setup::PLAIN, [true, false]),
    ] {
        let Some(daemon) = daemon("bounce by others", product, setup) else { return };
        put(&daemon, "letter", LETTER);
        let (any, mail) = (Bystander::new(), Bystander::at(port::loopback(), 25, b"220 mail\r\n"));
        let bounced = [&any, &mail].map(|bystander| bounces(daemon.address, bystander));
        assert_eq!(bounced, expected, "{product} {setup:?}, to a high port and to port 25\n{}", daemon.log());
    }
    let server = as_it_comes();
    std::fs::write(server.file("letter"), LETTER).expect("a file");
    for bystander in [Bystander::new(), Bystander::at(port::loopback(), 25, b"220 mail\r\n")] {
        assert!(!bounces(server.address, &bystander));
        assert_eq!(bystander.visits(), 0);
    }
}
