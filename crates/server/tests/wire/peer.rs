//! Two servers that were introduced to each other: by a key that both hold, or by the certificate of one.

use std::time::Duration;

use fxp_server::config::Config;
use fxp_server::config::user::User;

use crate::world::{Client, World, admit, listener, port_argument, receive};

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

/// PEER is about files: a listing goes to the client, wherever the other server is expected.
#[tokio::test]
async fn an_expected_address_keeps_no_listing_from_the_client() {
    let world = World::at("127.0.0.1", closed);
    world.files.put("/a", b"x").unwrap();
    let mut client = world.secure_client().await;
    let pin = format!("PEER EXPECT {} FROM=127.0.0.9", world.certificate.trust().pinned[0]);
    client.expect(&pin, "200").await;
    // The client connects before its command says that it wants a listing.
    assert!(client.text("LIST").await.contains(" a\r\n"));
    let mut own = listener("127.0.0.1");
    client.expect(&format!("PORT {}", port_argument(own.local_addr())), "200").await;
    client.expect("LIST", "150").await;
    let tls = client.data_tls();
    assert!(!receive(admit(&mut own, tls).await).await.unwrap().is_empty());
    client.hears("226").await;
    // A file is not for the client.
    client.expect(&format!("PORT {}", port_argument(own.local_addr())), "200").await;
    client.expect("RETR a", "425").await;
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

/// One whose clients all come from far away: its own addresses are out of their reach.
fn far_away(config: Config) -> Config {
    let mut config = closed(config);
    config.behind_proxy = true;
    config
}

/// The server's own address is nobody's peer, unless this very server waits there for the same key.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_copies_to_itself_under_a_key() {
    let world = World::at("127.0.0.2", far_away);
    world.files.put("/a", &file()).unwrap();
    let (mut source, mut destination) = (world.secure_client().await, world.secure_client().await);
    for (destination_listens, destination_speaks) in ROLES.into_iter().cycle().take(12) {
        source.expect("SSCN OFF", "200").await;
        destination.expect("SSCN OFF", "200").await;
        source.expect(KEY, "200").await;
        destination.expect(KEY, "200").await;
        join(&mut source, &mut destination, destination_listens, destination_speaks).await;
        let (sent, stored) = transfer(&mut source, &mut destination).await;
        assert!(sent.starts_with("226") && stored.starts_with("226"), "{sent} {stored}");
        assert!(world.files.read("/b").unwrap() == file());
    }
}

#[tokio::test]
async fn a_server_reaches_itself_under_the_key_that_is_awaited_there_and_no_other() {
    let world = World::at("127.0.0.2", far_away);
    let (mut source, mut destination) = (world.secure_client().await, world.secure_client().await);
    destination.expect(KEY, "200").await;
    source.expect(KEY, "200").await;
    let address = port_argument(destination.passive("CPSV").await);
    source.expect(&format!("PORT {address}"), "200").await;
    // The key of the transfer is the one that counts, so it is the one that is awaited.
    destination.expect(OTHER_KEY, "200").await;
    source.expect(&format!("PORT {address}"), "500").await;
    source.expect(OTHER_KEY, "200").await;
    source.expect(&format!("PORT {address}"), "200").await;
    source.expect("PORT 127,0,0,2,200,200", "500").await;
    destination.expect("PEER OFF", "200").await;
    source.expect(&format!("PORT {address}"), "500").await;
}

/// An orderly end would look like an empty file to whoever waits for one.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_not_let_in_is_reset() {
    use tokio::io::AsyncReadExt;
    let reset = |mut tcp: tokio::net::TcpStream| async move {
        let read = tokio::time::timeout(crate::world::PATIENCE, tcp.read(&mut [0; 10])).await.unwrap();
        assert!(
            read.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset),
            "{read:?}"
        );
    };
    let connect = |address| tokio::net::TcpStream::connect(address);
    let pair = Pair::new(closed, closed);
    let (mut source, mut destination) = pair.clients().await;
    // The slot is dropped.
    destination.expect(KEY, "200").await;
    let waiting = connect(destination.passive("PASV").await).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    destination.expect("PEER OFF", "200").await;
    reset(waiting).await;
    // Its time is over.
    destination.expect(KEY, "200").await;
    let waiting = connect(destination.passive("PASV").await).await.unwrap();
    destination.say("RETR b").await;
    assert!(final_reply(&mut destination).await.starts_with("425"));
    reset(waiting).await;
    // Another one was the right one.
    source.expect(KEY, "200").await;
    source.expect("SSCN ON", "200").await;
    let address = destination.passive("PASV").await;
    let waiting = connect(address).await.unwrap();
    source.expect(&format!("PORT {}", port_argument(address)), "200").await;
    let (sent, stored) = transfer(&mut source, &mut destination).await;
    assert!(sent.starts_with("226") && stored.starts_with("226"), "{sent} {stored}");
    reset(waiting).await;
}

/// Whether the other server came and failed, or did not come, is nothing for who introduced it.
#[tokio::test]
async fn nobody_and_somebody_wrong_look_alike_where_we_listen() {
    let world = World::at("127.0.0.2", closed);
    world.files.put("/b", b"x").unwrap();
    let mut client = world.secure_client().await;
    client.expect(KEY, "200").await;
    for somebody in [false, true] {
        let address = client.passive("PASV").await;
        let from = tokio::net::TcpSocket::new_v4().unwrap();
        from.bind("127.0.0.9:0".parse().unwrap()).unwrap();
        let _there = if somebody { Some(from.connect(address).await.unwrap()) } else { None };
        client.say("RETR b").await;
        let reply = final_reply(&mut client).await;
        assert!(reply.starts_with("425 no data connection with the other server (id "), "{reply}");
    }
}

/// A pinned source that shakes hands and goes away leaves the old file whole.
#[tokio::test]
async fn a_file_is_not_emptied_for_a_source_that_says_nothing() {
    let pair = Pair::new(legacy, closed);
    let (mut source, mut destination) = pair.clients().await;
    // In its place somebody with its certificate and key, which is as good as itself.
    destination.expect(&format!("PEER EXPECT {}", pair.source.certificate.trust().pinned[0]), "200").await;
    let address = destination.passive("CPSV").await;
    destination.say("STOR b").await;
    destination.hears("150").await;
    let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
    let tls = fxp_net::tls::ServerTls::from_pem(
        pair.source.certificate.chain.as_bytes(),
        pair.source.certificate.key.as_bytes(),
    )
    .unwrap();
    let deadline = tokio::time::Instant::now() + crate::world::PATIENCE;
    let stream = fxp_net::listen::secure(tcp, Some(tls.session().foreign()), deadline, Default::default())
        .await
        .unwrap();
    stream.abandon();
    let reply = final_reply(&mut destination).await;
    assert!(reply.starts_with("426"), "{reply}");
    assert_eq!(pair.stored(), b"what stood there");
    source.expect("NOOP", "200").await;
}
