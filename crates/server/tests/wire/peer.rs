//! Two servers that were introduced to each other: by a key that both hold, or by the certificate of one.

use std::time::Duration;

use fxp_server::config::Config;
use fxp_server::config::user::User;

use crate::world::{Client, World, port_argument};

/// Neither has a rule; they give up soon.
fn closed(config: Config) -> Config {
    let mut config = config;
    config.limits.foreign_timeout = Duration::from_secs(1);
    config.limits.data_timeout = Duration::from_secs(1);
    config
}

/// A server that knows nothing of PEER: it lets others come and go by a rule.
fn legacy(config: Config) -> Config {
    let net: ipnet::IpNet = "127.0.0.0/8".parse().unwrap();
    closed(config).with_rule(fxp_server::config::fxp::Rule::allow(net))
}

struct Pair {
    source: World,
    destination: World,
}

impl Pair {
    fn new(source: fn(Config) -> Config, destination: fn(Config) -> Config) -> Self {
        let pair =
            Pair { source: World::at("127.0.0.2", source), destination: World::at("127.0.0.3", destination) };
        pair.source.files.put("/a", &file()).unwrap();
        pair.destination.files.put("/b", b"what stood there").unwrap();
        pair
    }

    async fn clients(&self) -> (Client, Client) {
        (self.source.secure_client().await, self.destination.secure_client().await)
    }

    fn stored(&self) -> Vec<u8> {
        self.destination.files.read("/b").unwrap()
    }
}

fn file() -> Vec<u8> {
    (0..100_000u32).flat_map(|number| number.to_le_bytes()).collect()
}

const KEY: &str = "PEER KEY AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const OTHER_KEY: &str = "PEER KEY AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// The end that listens, and the one that is TLS client; by CPSV where that is the same.
const ROLES: [(bool, bool); 4] = [(true, true), (true, false), (false, true), (false, false)];

/// Prepares both data connections: `destination_listens`, `destination_speaks` first in TLS.
async fn join(
    source: &mut Client,
    destination: &mut Client,
    destination_listens: bool,
    destination_speaks: bool,
) {
    let (passive, active) = if destination_listens { (destination, source) } else { (source, destination) };
    let verb = if destination_listens == destination_speaks { "CPSV" } else { "PASV" };
    if verb == "PASV" {
        active.expect("SSCN ON", "200").await;
    }
    let address = passive.passive(verb).await;
    active.expect(&format!("PORT {}", port_argument(address)), "200").await;
}

/// STOR and RETR at once; the final replies of the source and of the destination.
async fn transfer(source: &mut Client, destination: &mut Client) -> (String, String) {
    destination.say("STOR b").await;
    source.say("RETR a").await;
    (final_reply(source).await, final_reply(destination).await)
}

async fn final_reply(client: &mut Client) -> String {
    loop {
        let reply = client.reply().await;
        if !reply.starts_with('1') {
            return reply;
        }
    }
}

#[tokio::test]
async fn one_key_opens_two_closed_servers() {
    for (destination_listens, destination_speaks) in ROLES {
        let pair = Pair::new(closed, closed);
        let (mut source, mut destination) = pair.clients().await;
        source.expect(KEY, "200 Peer key set").await;
        destination.expect(KEY, "200 Peer key set").await;
        join(&mut source, &mut destination, destination_listens, destination_speaks).await;
        let (sent, stored) = transfer(&mut source, &mut destination).await;
        assert!(sent.starts_with("226") && stored.starts_with("226"), "{sent} {stored}");
        assert!(pair.stored() == file());
        // The tags are no part of the file, nor of what is counted.
        let meter = pair.source.handle.meter().snapshot();
        assert_eq!(meter[&"127.0.0.3".parse().unwrap()].sent, file().len() as u64);
        assert!(
            source.text("LIST").await.contains(" a\r\n"),
            "a listing is for the client, who proves no key"
        );
    }
}

#[tokio::test]
async fn the_key_of_the_transfer_command_counts() {
    for (key, works) in [(KEY, false), (OTHER_KEY, true)] {
        let pair = Pair::new(closed, closed);
        let (mut source, mut destination) = pair.clients().await;
        source.expect(KEY, "200").await;
        destination.expect(KEY, "200").await;
        join(&mut source, &mut destination, true, true).await;
        source.expect(key, "200").await;
        destination.expect(OTHER_KEY, "200").await;
        let (sent, stored) = transfer(&mut source, &mut destination).await;
        assert_eq!((sent.starts_with("226"), stored.starts_with("226")), (works, works), "{sent} {stored}");
    }
}

/// Whatever fails looks like a connection that failed, and touches nothing.
#[tokio::test]
async fn another_key_opens_nothing() {
    for (destination_listens, destination_speaks) in ROLES {
        let pair = Pair::new(closed, closed);
        let (mut source, mut destination) = pair.clients().await;
        source.expect(KEY, "200").await;
        destination.expect(OTHER_KEY, "200").await;
        join(&mut source, &mut destination, destination_listens, destination_speaks).await;
        let (sent, stored) = transfer(&mut source, &mut destination).await;
        for reply in [sent, stored] {
            assert!(reply.starts_with("425 no data connection with the other server (id "), "{reply}");
        }
        assert_eq!(pair.stored(), b"what stood there");
    }
}

/// One that was introduced and one that was not.
#[tokio::test]
async fn a_key_on_one_side_opens_nothing() {
    for keyed_source in [true, false] {
        let pair = Pair::new(legacy, legacy);
        let (mut source, mut destination) = pair.clients().await;
        let keyed = if keyed_source { &mut source } else { &mut destination };
        keyed.expect(KEY, "200").await;
        join(&mut source, &mut destination, true, true).await;
        let (sent, stored) = transfer(&mut source, &mut destination).await;
        assert!(!sent.starts_with("226") && !stored.starts_with("226"), "{sent} {stored}");
        assert_eq!(pair.stored(), b"what stood there");
    }
}

#[tokio::test]
async fn an_expected_certificate_opens_a_closed_server_that_listens() {
    for ours_is_destination in [true, false] {
        for right in [true, false] {
            let pair = match ours_is_destination {
                true => Pair::new(legacy, closed),
                false => Pair::new(closed, legacy),
            };
            let (mut source, mut destination) = pair.clients().await;
            let peer = if ours_is_destination { &pair.source } else { &pair.destination };
            let shown = if right { &peer.certificate } else { &World::new().certificate };
            let pin = format!("PEER EXPECT {}", shown.trust().pinned[0]);
            let ours = if ours_is_destination { &mut destination } else { &mut source };
            ours.expect(&pin, "200 Peer pinned").await;
            join(&mut source, &mut destination, ours_is_destination, ours_is_destination).await;
            let (sent, stored) = transfer(&mut source, &mut destination).await;
            let ours = if ours_is_destination { &stored } else { &sent };
            assert_eq!(ours.starts_with("226"), right, "{sent} {stored}");
            if right {
                assert!(pair.stored() == file());
            } else {
                assert!(ours.starts_with("425 no data connection with the other server (id "), "{ours}");
            }
            if ours_is_destination && !right {
                assert_eq!(pair.stored(), b"what stood there");
            }
        }
    }
}

/// A pin says who the peer is, not that it consents: nobody is connected to for it.
#[tokio::test]
async fn an_expected_certificate_is_no_reason_to_connect() {
    let pair = Pair::new(closed, legacy);
    let (mut source, mut destination) = pair.clients().await;
    let pin = format!("PEER EXPECT {}", pair.destination.certificate.trust().pinned[0]);
    source.expect(&pin, "200").await;
    let address = destination.passive("PASV").await;
    source.expect(&format!("PORT {}", port_argument(address)), "500").await;
}

/// Where the peer may come from is looked at before a byte is sent to it.
#[tokio::test]
async fn an_expected_address() {
    for (from, works) in [("127.0.0.2", true), ("127.0.0.9", false), ("127.0.0.9,127.0.0.2", true)] {
        let pair = Pair::new(legacy, closed);
        let (mut source, mut destination) = pair.clients().await;
        let pin = format!("PEER EXPECT {} FROM={from}", pair.source.certificate.trust().pinned[0]);
        destination.expect(&pin, "200").await;
        join(&mut source, &mut destination, true, true).await;
        let (sent, stored) = transfer(&mut source, &mut destination).await;
        assert_eq!(stored.starts_with("226"), works, "{from}: {sent} {stored}");
    }
}

#[tokio::test]
async fn nothing_is_proven_in_clear() {
    let world = World::at("127.0.0.2", closed);
    let mut client = world.secure_client().await;
    client.expect("PROT C", "200").await;
    client.expect(KEY, "200").await;
    client.expect("PASV", "227").await;
    client.expect("STOR b", "521").await;
}

#[tokio::test]
async fn a_user_without_other_servers_is_not_introduced() {
    let world = World::at("127.0.0.2", |config| {
        let mut config = closed(config);
        config.users[0].may_fxp = false;
        config
    });
    let mut client = world.secure_client().await;
    client.expect(KEY, "534").await;
}

#[tokio::test]
async fn whoever_lets_in_nobody_says_so_at_once() {
    let rows = [
        ("fxp = \"off\"", "", "534"),
        ("fxp = { allowances = \"off\", rule = [{ action = \"deny\" }] }", "", "534"),
        ("fxp = { allowances = \"off\", rule = [{ action = \"allow\" }] }", "bob", "534"),
        ("fxp = { allowances = \"off\", rule = [{ action = \"allow\" }] }", "alice", "200"),
        ("fxp = { rule = [{ action = \"deny\" }] }", "", "200"),
    ];
    for (text, who, code) in rows {
        let world = World::at("127.0.0.2", |config| {
            let mut config = closed(config);
            config.fxp = Config::parse(text).unwrap().fxp;
            if !who.is_empty() {
                config.fxp.rules[0].who.push(who.to_owned());
                config.users.push(User { name: "bob".to_owned(), ..config.users[0].clone() });
            }
            config
        });
        let mut client = world.secure_client().await;
        client.expect(KEY, code).await;
    }
}

#[tokio::test]
async fn whoever_forbids_other_servers_forbids_introduced_ones() {
    let pair = Pair::new(
        |config| {
            let mut config = closed(config);
            // Others than the one that comes.
            let rules =
                "fxp = { allowances = \"off\", rule = [{ action = \"allow\", peer = \"192.0.2.0/24\" }] }";
            config.fxp = Config::parse(rules).unwrap().fxp;
            config
        },
        closed,
    );
    let (mut source, mut destination) = pair.clients().await;
    source.expect(KEY, "200").await;
    destination.expect(KEY, "200").await;
    let address = destination.passive("CPSV").await;
    source.expect(&format!("PORT {}", port_argument(address)), "500").await;
}
