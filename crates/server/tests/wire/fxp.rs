//! Two servers and a client that tells them what to do: by hand, so that every line is seen.

use std::time::Duration;

use fxp_server::config::Config;
use fxp_server::config::fxp::{Action, Peer, Rule};
use ipnet::IpNet;

use crate::world::{Client, World, admit, listener, parse_227, port_argument, receive};

/// Both servers, each with a rule for loopback, and a client on each: the source's first.
struct Pair {
    source: World,
    destination: World,
}

fn loopback(config: Config) -> Config {
    let net: IpNet = "127.0.0.0/8".parse().unwrap();
    let mut config = config.with_rule(Rule::allow(net));
    config.limits.foreign_timeout = Duration::from_secs(2);
    config
}

impl Pair {
    fn new() -> Self {
        Pair { source: World::at("127.0.0.2", loopback), destination: World::at("127.0.0.3", loopback) }
    }

    /// The file went from server to server, and its bytes nowhere else.
    fn check(&self, bytes: &[u8]) {
        assert_eq!(self.destination.files.read("/b").unwrap(), bytes);
        let sent = self.source.handle.meter().snapshot();
        assert_eq!(sent[&"127.0.0.3".parse().unwrap()].sent, bytes.len() as u64);
        assert_eq!(sent.len(), 1, "only the destination got bytes: {sent:?}");
        let received = self.destination.handle.meter().snapshot();
        assert_eq!(received[&"127.0.0.2".parse().unwrap()].received, bytes.len() as u64);
        assert_eq!(received.len(), 1, "only the source gave bytes: {received:?}");
    }
}

fn file() -> Vec<u8> {
    (0..3_000_000u32).flat_map(|number| number.to_le_bytes()).collect()
}

/// STOR first, then RETR, without waiting for any reply between; both must end with 226.
async fn copy(source: &mut Client, destination: &mut Client) {
    destination.say("STOR b").await;
    source.say("RETR a").await;
    destination.hears("150").await;
    source.hears("150").await;
    source.hears("226").await;
    destination.hears("226").await;
}

async fn join(passive: &mut Client, verb: &str, active: &mut Client) {
    let address = passive.passive(verb).await;
    active.expect(&format!("PORT {}", port_argument(address)), "200").await;
}

#[tokio::test]
async fn plain_either_way() {
    for destination_listens in [true, false] {
        let pair = Pair::new();
        pair.source.files.put("/a", &file()).unwrap();
        let (mut source, mut destination) = (pair.source.client().await, pair.destination.client().await);
        match destination_listens {
            true => join(&mut destination, "PASV", &mut source).await,
            false => join(&mut source, "PASV", &mut destination).await,
        }
        copy(&mut source, &mut destination).await;
        pair.check(&file());
    }
}

#[tokio::test]
async fn protected_by_cpsv_either_way() {
    for destination_listens in [true, false] {
        let pair = Pair::new();
        pair.source.files.put("/a", &file()).unwrap();
        let mut source = pair.source.secure_client().await;
        let mut destination = pair.destination.secure_client().await;
        match destination_listens {
            true => join(&mut destination, "CPSV", &mut source).await,
            false => join(&mut source, "CPSV", &mut destination).await,
        }
        copy(&mut source, &mut destination).await;
        pair.check(&file());
    }
}

#[tokio::test]
async fn protected_by_sscn_on_either_end() {
    for (destination_listens, source_speaks) in [(true, true), (true, false), (false, true), (false, false)] {
        let pair = Pair::new();
        pair.source.files.put("/a", &file()).unwrap();
        let mut source = pair.source.secure_client().await;
        let mut destination = pair.destination.secure_client().await;
        match source_speaks {
            true => source.expect("SSCN ON", "200").await,
            false => destination.expect("SSCN ON", "200").await,
        };
        match destination_listens {
            true => join(&mut destination, "PASV", &mut source).await,
            false => join(&mut source, "PASV", &mut destination).await,
        }
        copy(&mut source, &mut destination).await;
        pair.check(&file());
    }
}

#[tokio::test]
async fn an_ordinary_listing_works_between_two_copies() {
    let pair = Pair::new();
    pair.source.files.put("/a", &file()).unwrap();
    let mut source = pair.source.secure_client().await;
    let mut destination = pair.destination.secure_client().await;
    source.expect("SSCN ON", "200").await;
    join(&mut destination, "PASV", &mut source).await;
    copy(&mut source, &mut destination).await;
    assert!(source.text("LIST").await.ends_with(" a\r\n"), "a listing's TLS server is always the server");
    assert_eq!(destination.download("RETR b").await, file());
}

#[tokio::test]
async fn without_a_rule_there_is_no_fxp() {
    let closed = World::at("127.0.0.2", |config| config);
    let open = World::at("127.0.0.3", loopback);
    closed.files.put("/a", b"secret").unwrap();
    let mut client = closed.client().await;
    let reply = client.expect("PORT 127,0,0,3,200,200", "500").await;
    assert!(reply.contains("(id "), "{reply}");
    client.expect("RETR a", "425").await;

    // The closed one listens, the open one comes: a stranger.
    let mut other = open.client().await;
    let address = client.passive("PASV").await;
    other.expect(&format!("PORT {}", port_argument(address)), "200").await;
    client.say("RETR a").await;
    other.say("STOR stolen").await;
    other.hears("150").await;
    client.hears("150").await;
    other.hears("4").await;
    assert!(open.files.read("/stolen").is_err() || open.files.read("/stolen").unwrap().is_empty());
    client.expect("ABOR", "426").await;
    client.hears("226").await;
}

#[tokio::test]
async fn a_rule_whose_name_nobody_knows_leaves_ordinary_transfers_alone() {
    let world = World::at("127.0.0.1", |config| {
        let mut rule = Rule::allow(IpNet::from(std::net::IpAddr::from([192, 0, 2, 1])));
        (rule.action, rule.peer) = (Action::Deny, vec![Peer::Name("dark.invalid".to_owned())]);
        config.with_rule(rule)
    });
    let mut client = world.client().await;
    assert!(client.upload("STOR a", b"passive").await.starts_with("226"));
    let mut own = listener("127.0.0.1");
    client.expect(&format!("PORT {}", port_argument(own.local_addr())), "200").await;
    client.expect("RETR a", "150").await;
    assert_eq!(receive(admit(&mut own, None).await).await.unwrap(), b"passive");
    client.hears("226").await;
}

#[tokio::test]
async fn listings_go_to_the_client_only() {
    let pair = Pair::new();
    let mut source = pair.source.client().await;
    let own = listener("127.0.0.3");
    source.expect(&format!("PORT {}", port_argument(own.local_addr())), "200").await;
    let reply = source.expect("LIST", "425").await;
    assert!(reply.contains("not allowed"), "{reply}");
}

#[tokio::test]
async fn every_failure_with_another_server_looks_the_same() {
    let pair = Pair::new();
    pair.source.files.put("/a", b"x").unwrap();
    let mut source = pair.source.secure_client().await;
    let mut answers = Vec::new();
    // Nobody listens; somebody listens and says nothing; somebody listens and is no TLS.
    let closed = listener("127.0.0.3").local_addr();
    let silent = listener("127.0.0.3");
    let talking = tokio::net::TcpListener::bind("127.0.0.3:0").await.unwrap();
    let babble = talking.local_addr().unwrap();
    tokio::spawn(async move {
        let mut tcp = talking.accept().await.unwrap().0;
        tokio::io::AsyncWriteExt::write_all(&mut tcp, b"220 hello\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    for target in [closed, silent.local_addr(), babble] {
        let began = std::time::Instant::now();
        source.expect(&format!("PORT {}", port_argument(target)), "200").await;
        source.expect("RETR a", "150").await;
        let reply = source.hears("425").await;
        assert!(began.elapsed() >= Duration::from_secs(2), "{reply}: too early");
        answers.push(reply.split_once("(id ").expect("an id").0.to_owned());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

#[tokio::test]
async fn failures_with_other_servers_are_rationed() {
    let world = World::at("127.0.0.2", |config| {
        let mut config = loopback(config);
        config.limits.foreign_failures = 2;
        config.limits.foreign_timeout = Duration::from_millis(50);
        config
    });
    world.files.put("/a", b"x").unwrap();
    let mut client = world.client().await;
    let closed = port_argument(listener("127.0.0.3").local_addr());
    for _ in 0..2 {
        client.expect(&format!("PORT {closed}"), "200").await;
        client.expect("RETR a", "150").await;
        client.hears("425").await;
    }
    client.expect(&format!("PORT {closed}"), "200").await;
    client.expect("RETR a", "425").await;
    assert_eq!(client.download("RETR a").await, b"x", "the client itself is not rationed");
}

#[tokio::test]
async fn a_server_can_copy_to_itself() {
    let world = World::at("127.0.0.2", loopback);
    world.files.put("/a", b"self").unwrap();
    let (mut source, mut destination) = (world.client().await, world.client().await);
    let address = parse_227(&destination.expect("PASV", "227").await);
    source.expect(&format!("PORT {}", port_argument(address)), "200").await;
    copy(&mut source, &mut destination).await;
    assert_eq!(world.files.read("/b").unwrap(), b"self");
}
