//! What the operator reads, and what nobody may read. Alone in its process: the log is the process's.

#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "wire/world.rs"]
mod world;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use fxp_server::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tracing_subscriber::fmt::MakeWriter;

use world::{Client, World, admit, listener, port_argument, receive};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        self.clone()
    }
}

/// All that has been logged; the tests share it.
fn log() -> Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    let start = || {
        let lines = Lines::default();
        tracing_subscriber::fmt()
            .with_writer(lines.clone())
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .init();
        lines
    };
    LINES.get_or_init(start).clone()
}

#[tokio::test]
async fn transfers_and_refusals_are_told_and_passwords_are_not() {
    let lines = log();
    let world = World::new();
    let mut client = world.connect().await;
    client.expect("USER alice", "331").await;
    client.expect("PASS wrong secret", "530").await;
    client.log_in().await;
    client.upload("STOR a.txt", b"four").await;
    let refused = client.expect("PORT 127,0,0,2,200,200", "500").await;
    let id = refused.split_once("(id ").unwrap().1.trim_end_matches(')');
    let mut tcp = client.open().await;
    client.expect("STOR b.txt", "150").await;
    tcp.write_all(b"part").await.unwrap();
    client.expect("ABOR", "426").await;
    client.hears("226").await;
    client.expect("QUIT", "221").await;
    client.reply().await;

    let log = lines.text();
    for words in [
        vec!["login refused", "user=alice"],
        vec!["logged in", "user=alice", "peer=127.0.0.1"],
        vec!["received", "path=/a.txt", "bytes=4", "foreign=false", "user=alice"],
        vec![id, "127.0.0.2", "no rule allows it"],
        vec!["in part: stopped", "path=/b.txt"],
    ] {
        let found = log.lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "no line with {words:?} in:\n{log}");
    }
    assert!(!log.contains("sesame") && !log.contains("wrong secret"), "{log}");
}

/// Rules 0 and 2 are silent, 1 and 3 want a line for each connection that they decide.
const RULES: &str = r#"
    [[fxp.rule]]
    action = "allow"
    peer = "127.0.5.1"
    [[fxp.rule]]
    action = "allow"
    peer = "127.0.5.2"
    path = "/in"
    log = true
    [[fxp.rule]]
    action = "deny"
    peer = "127.0.5.0/28"
    [[fxp.rule]]
    action = "deny"
    peer = "127.0.5.0/24"
    log = true
"#;

#[tokio::test]
async fn a_rule_may_want_a_line_for_what_it_decides() {
    let lines = log();
    let world = World::at("127.0.0.1", |config| {
        let mut config = Config { fxp: Config::parse(RULES).unwrap().fxp, ..config };
        config.limits.foreign_timeout = Duration::from_secs(2);
        config
    });
    let mut client = world.client().await;
    client.expect("MKD in", "257").await;
    stored_from("127.0.5.1", &mut client, "in/silent").await;
    stored_from("127.0.5.2", &mut client, "in/told").await;
    // We connect, too.
    let mut peer = listener("127.0.5.2");
    client.expect(&format!("PORT {}", port_argument(peer.local_addr())), "200").await;
    client.expect("RETR in/told", "150").await;
    assert_eq!(receive(admit(&mut peer, None).await).await.unwrap(), b"told");
    client.hears("226").await;
    // A no leaves a line anyway.
    for peer in ["127.0.5.3", "127.0.5.77"] {
        let argument = port_argument(listener(peer).local_addr());
        client.expect(&format!("PORT {argument}"), "500").await;
    }
    // Of strangers at one port only the first does, unless the rule wants them all.
    let address = client.passive("PASV").await;
    client.expect("STOR in/nothing", "150").await;
    for stranger in ["127.0.5.4", "127.0.5.5", "127.0.5.80", "127.0.5.81"] {
        let mut turned_away = connected_from(stranger, address).await;
        let _ = turned_away.read(&mut [0]).await;
    }
    client.hears("425").await;

    let log = lines.text();
    let told = |words: &[&str]| {
        log.lines()
            .filter(|line| line.contains("data connection") && words.iter().all(|w| line.contains(w)))
            .count()
    };
    let passive = ["allowed", "peer=127.0.5.2", "rule=1", "direction=\"in\"", "path=/in/told", "user=alice"];
    let active = ["allowed", "peer=127.0.5.2", "port=", "rule=1", "direction=\"out\"", "path=/in/told"];
    assert_eq!((told(&passive), told(&active), told(&["allowed"])), (1, 1, 2), "{log}");
    assert_eq!(told(&["denied", "peer=127.0.5.3", "rule=2", "fxp.rule[2] denies it"]), 1, "{log}");
    assert_eq!(told(&["denied", "peer=127.0.5.77", "rule=3"]), 1, "{log}");
    let strangers =
        ["127.0.5.4", "127.0.5.5", "127.0.5.80", "127.0.5.81"].map(|peer| told(&["denied", peer]));
    assert_eq!(strangers, [1, 0, 1, 1], "{log}");
}

async fn stored_from(peer: &str, client: &mut Client, name: &str) {
    let address = client.passive("PASV").await;
    client.expect(&format!("STOR {name}"), "150").await;
    connected_from(peer, address).await.write_all(b"told").await.unwrap();
    client.hears("226").await;
}

async fn connected_from(peer: &str, address: std::net::SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((peer.parse::<std::net::IpAddr>().unwrap(), 0).into()).unwrap();
    socket.connect(address).await.unwrap()
}
