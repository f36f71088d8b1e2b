//! Data connections with the client itself: offsets, ranges, aborts, pipelining, strangers.

use fxp_net::dial;
use fxp_server::config::network::{PassiveAddress, PortRange};
use fxp_store::memory::Memory;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{PATIENCE, World, admit, listener, parse_227, port_argument, receive, send};

#[tokio::test]
async fn what_cannot_succeed_is_refused_before_150() {
    let world = World::new();
    world.files.put("/a", b"0123456789").unwrap();
    let mut client = world.client().await;
    client.expect("MKD d", "257").await;
    for (before, command, code) in [
        ("", "RETR missing", "550"),
        ("", "RETR d", "550"),
        ("", "STOR d", "550"),
        ("", "STOR no/such/file", "550"),
        ("", "STOR a/b", "550"),
        ("", "LIST missing", "550"),
        ("", "MLSD a", "550"),
        ("REST 11", "RETR a", "554"),
        ("REST 11", "STOR a", "554"),
        ("REST 1", "STOR missing", "550"),
        ("RANG 20 30", "RETR a", "554"),
    ] {
        client.passive("PASV").await;
        if !before.is_empty() {
            client.expect(before, "350").await;
        }
        client.expect(command, code).await;
    }
    client.expect("RETR a", "425").await;
}

#[tokio::test]
async fn offsets_ranges_and_appending() {
    let world = World::new();
    world.files.put("/a", b"0123456789").unwrap();
    let mut client = world.client().await;
    client.expect("REST 4", "350").await;
    assert_eq!(client.download("RETR a").await, b"456789");
    assert_eq!(client.download("RETR a").await, b"0123456789", "REST is for one transfer");
    client.expect("REST 10", "350").await;
    assert_eq!(client.download("RETR a").await, b"");
    client.expect("RANG 2 5", "350").await;
    assert_eq!(client.download("RETR a").await, b"2345");
    client.expect("RANG 8 100", "350").await;
    assert_eq!(client.download("RETR a").await, b"89");

    client.expect("REST 8", "350").await;
    assert!(client.upload("STOR a", b"xyz").await.starts_with("226"));
    assert_eq!(world.files.read("/a").unwrap(), b"01234567xyz");
    client.expect("REST 3", "350").await;
    client.upload("STOR a", b"-").await;
    assert_eq!(world.files.read("/a").unwrap(), b"012-", "what stood beyond is cut off");
    client.upload("APPE a", b"more").await;
    client.upload("APPE b", b"new").await;
    assert_eq!(world.files.read("/a").unwrap(), b"012-more");
    assert_eq!(world.files.read("/b").unwrap(), b"new");
    client.expect("RANG 1 2", "350").await;
    client.upload("STOR a", b"AB").await;
    assert_eq!(world.files.read("/a").unwrap(), b"0AB-more");
    client.expect("RANG 1 2", "350").await;
    let tcp = client.open().await;
    client.expect("STOR a", "150").await;
    // The server does not wait for all of it.
    let _ = send(client.secured(tcp).await, vec![b'x'; 1 << 20]).await;
    client.hears("552").await;
    client.upload("STOR a", b"").await;
    assert_eq!(world.files.read("/a").unwrap(), b"");
}

#[tokio::test]
async fn unique_names_are_told_before_and_after() {
    let world = World::new();
    world.files.put("/a", b"old").unwrap();
    let mut client = world.client().await;
    let tcp = client.open().await;
    let opening = client.expect("STOU a", "150").await;
    let name = opening.strip_prefix("150 FILE: ").expect("the form of RFC 1123").to_owned();
    send(client.secured(tcp).await, b"unique".to_vec()).await.unwrap();
    assert!(client.hears("226").await.contains(&name));
    assert_eq!(world.files.read(&name).unwrap(), b"unique");
    assert_eq!(world.files.read("/a").unwrap(), b"old");
}

#[tokio::test]
async fn lines_end_as_their_place_demands() {
    let world = World::new();
    let mut client = world.client().await;
    client.expect("TYPE A", "200").await;
    client.upload("STOR a", b"one\r\ntwo\r\n").await;
    assert_eq!(world.files.read("/a").unwrap(), b"one\ntwo\n");
    assert_eq!(client.download("RETR a").await, b"one\r\ntwo\r\n");
}

#[tokio::test]
async fn active_connections_go_to_the_client() {
    let world = World::new();
    let mut client = world.client().await;
    let mut own = listener("127.0.0.1");
    client.expect(&format!("PORT {}", port_argument(own.local_addr())), "200").await;
    client.expect("STOR a", "150").await;
    send(admit(&mut own, None).await, b"active".to_vec()).await.unwrap();
    client.hears("226").await;
    let mut own = listener("127.0.0.1");
    client.expect(&format!("EPRT |1|127.0.0.1|{}|", own.local_addr().port()), "200").await;
    client.say("RETR a").await;
    client.hears("150").await;
    assert_eq!(receive(admit(&mut own, None).await).await.unwrap(), b"active");
    client.hears("226").await;
    assert_eq!(world.handle.meter().snapshot()[&"127.0.0.1".parse().unwrap()].received, 6);

    let closed = listener("127.0.0.1").local_addr();
    client.expect(&format!("PORT {}", port_argument(closed)), "200").await;
    client.expect("RETR a", "150").await;
    client.hears("425").await;
    client.expect("PORT 127,0,0,1,0,22", "500").await;
    client.expect("PORT 127,0,0,1,24,235", "500").await;
}

#[tokio::test]
async fn a_connection_that_came_filled_and_went_before_stor_is_served() {
    let world = World::new();
    let mut client = world.client().await;
    let mut tcp = client.open().await;
    tcp.write_all(b"early").await.unwrap();
    tcp.shutdown().await.unwrap();
    drop(tcp);
    client.expect("STOR a", "150").await;
    client.hears("226").await;
    assert_eq!(world.files.read("/a").unwrap(), b"early");
}

#[tokio::test]
async fn a_stranger_neither_steals_nor_blocks() {
    let world = World::new();
    world.files.put("/a", b"secret").unwrap();
    let mut client = world.client().await;
    let address = client.passive("PASV").await;
    let mut strangers = Vec::new();
    for _ in 0..3 {
        // They may be shown the door before they have come in.
        strangers.extend(dial::data(Some("127.0.0.9".parse().unwrap()), address, PATIENCE).await);
    }
    client.expect("RETR a", "150").await;
    strangers.push(dial::data(Some("127.0.0.9".parse().unwrap()), address, PATIENCE).await.unwrap());
    for mut stranger in strangers {
        let mut bytes = Vec::new();
        let _ = stranger.read_to_end(&mut bytes).await;
        assert_eq!(bytes, b"");
    }
    let tcp = dial::data(None, address, PATIENCE).await.unwrap();
    assert_eq!(receive(client.secured(tcp).await).await.unwrap(), b"secret");
    client.hears("226").await;
}

/// More of them than the port holds and the kernel queues: a client that connects before its command has to
/// get through all the same.
#[tokio::test]
async fn strangers_who_came_before_the_command_take_nobodys_place() {
    let world = World::new();
    world.files.put("/a", b"secret").unwrap();
    let mut client = world.client().await;
    let address = client.passive("PASV").await;
    let mut strangers = Vec::new();
    for _ in 0..100 {
        strangers.push(dial::data(Some("127.0.0.9".parse().unwrap()), address, PATIENCE).await);
    }
    let tcp = dial::data(None, address, PATIENCE).await.unwrap();
    client.expect("RETR a", "150").await;
    assert_eq!(receive(client.secured(tcp).await).await.unwrap(), b"secret");
    client.hears("226").await;

    // Where nobody else comes, they are what the client is told of.
    let address = client.passive("PASV").await;
    if let Ok(mut early) = dial::data(Some("127.0.0.9".parse().unwrap()), address, PATIENCE).await {
        assert!(early.read(&mut [0]).await.is_err(), "it is gone before the command comes");
    }
    client.expect("RETR a", "150").await;
    assert!(client.hears("425").await.contains("no data connection with the other server"));
}

#[tokio::test]
async fn a_failed_attempt_leaves_the_old_file_whole() {
    let world = World::at("127.0.0.1", |mut config| {
        config.limits.data_timeout = std::time::Duration::from_secs(1);
        config
    });
    world.files.put("/a", b"old").unwrap();
    let mut client = world.client().await;
    client.passive("PASV").await;
    client.expect("STOR a", "150").await;
    client.hears("425").await;
    assert_eq!(world.files.read("/a").unwrap(), b"old");
}

#[tokio::test]
async fn abor_stops_an_upload_and_keeps_what_came() {
    let world = World::new();
    let mut client = world.client().await;
    let mut tcp = client.open().await;
    client.expect("STOR a", "150").await;
    tcp.write_all(b"partial").await.unwrap();
    while world.files.read("/a").map_or(0, |bytes| bytes.len()) < 7 {
        tokio::task::yield_now().await;
    }
    client.expect("STAT", "2").await;
    client.expect("ABOR", "426").await;
    client.hears("226").await;
    let _ = tcp.read(&mut [0; 1]).await;
    assert_eq!(client.expect("SIZE a", "213").await, "213 7");
    client.expect("REST 7", "350").await;
    client.upload("STOR a", b" and whole").await;
    assert_eq!(world.files.read("/a").unwrap(), b"partial and whole");
}

#[tokio::test]
async fn abor_stops_a_download_that_nobody_reads() {
    let world = World::new();
    world.files.put("/big", &vec![7; 64 << 20]).unwrap();
    let mut client = world.client().await;
    let tcp = client.open().await;
    client.expect("RETR big", "150").await;
    client.expect("ABOR", "426").await;
    client.hears("226").await;
    drop(tcp);
    client.expect("ABOR", "226").await;
    client.expect("NOOP", "200").await;
}

#[tokio::test]
async fn a_data_connection_that_breaks_is_426() {
    let world = World::new();
    world.files.put("/big", &vec![7; 64 << 20]).unwrap();
    let mut client = world.client().await;
    let tcp = client.open().await;
    client.expect("RETR big", "150").await;
    drop(tcp);
    client.hears("426").await;
    let tcp = client.open().await;
    client.expect("STOR a", "150").await;
    let stream = client.secured(tcp).await;
    stream.abandon();
    client.hears("426").await;
}

#[tokio::test]
async fn a_full_disk_is_452() {
    let world = World::with(Memory::with_capacity(1 << 20), "127.0.0.1", |config| config);
    let mut client = world.client().await;
    let tcp = client.open().await;
    client.expect("STOR a", "150").await;
    let _ = send(client.secured(tcp).await, vec![1; 4 << 20]).await;
    client.hears("452").await;
}

#[tokio::test]
async fn commands_that_come_in_one_piece_are_served_in_order() {
    let world = World::new();
    let mut client = world.client().await;
    client.say("PASV\nMKD d\nPASV\nCWD d\nPWD").await;
    let first = parse_227(&client.hears("227").await);
    client.hears("257").await;
    let second = parse_227(&client.hears("227").await);
    client.hears("250").await;
    assert!(client.hears("257").await.contains("/d"));
    assert_ne!(first.port(), second.port());
    assert!(dial::data(None, first, PATIENCE).await.is_err(), "a second PASV closes the first one's port");

    let tcp = dial::data(None, second, PATIENCE).await.unwrap();
    client.say("STOR one\nPASV\nSTOR two\nSIZE two").await;
    client.hears("150").await;
    send(client.secured(tcp).await, b"1".to_vec()).await.unwrap();
    client.hears("226").await;
    let third = parse_227(&client.hears("227").await);
    client.hears("150").await;
    let tcp = dial::data(None, third, PATIENCE).await.unwrap();
    send(client.secured(tcp).await, b"22".to_vec()).await.unwrap();
    client.hears("226").await;
    assert_eq!(client.hears("213").await, "213 2");
}

#[tokio::test]
async fn abor_passes_what_waits() {
    let world = World::new();
    let mut client = world.client().await;
    let tcp = client.open().await;
    client.expect("STOR a", "150").await;
    client.say("NOOP\nRETR a\nABOR\nNOOP").await;
    client.hears("426").await;
    client.hears("200").await;
    client.hears("426").await;
    client.hears("226").await;
    client.hears("200").await;
    drop(tcp);
}

#[tokio::test]
async fn ipv6_by_epsv_and_eprt() {
    let world = World::at("::1", |config| config);
    let mut client = world.client().await;
    client.expect("PASV", "425").await;
    client.expect("EPSV 1", "522").await;
    let reply = client.expect("EPSV", "229").await;
    let port = reply.split('|').nth(3).unwrap().parse().unwrap();
    let tcp =
        dial::data(None, ("::1".parse::<std::net::IpAddr>().unwrap(), port).into(), PATIENCE).await.unwrap();
    client.expect("STOR a", "150").await;
    send(client.secured(tcp).await, b"six".to_vec()).await.unwrap();
    client.hears("226").await;
    client.expect("CEPR ON", "200").await;
    assert!(client.expect("EPSV", "229").await.contains("|2|::1|"));
    let mut own = listener("::1");
    client.expect(&format!("EPRT |2|::1|{}|", own.local_addr().port()), "200").await;
    client.expect("RETR a", "150").await;
    assert_eq!(receive(admit(&mut own, None).await).await.unwrap(), b"six");
    client.hears("226").await;
    client.expect("EPRT |2|::ffff:127.0.0.1|50000|", "500").await;
    client.expect("EPRT |2|fe80::1|50000|", "500").await;
    client.expect("EPSV ALL", "200").await;
    client.expect("EPRT |2|::1|50000|", "50").await;
}

#[tokio::test]
async fn the_announced_address_is_the_configured_one() {
    let world = World::at("127.0.0.1", |mut config| {
        config.passive_address = Some(PassiveAddress::Literal("198.51.100.7".parse().unwrap()));
        config.passive_ports = PortRange::new(40_000, 65_000).unwrap();
        config
    });
    let mut client = world.client().await;
    let announced = client.passive("PASV").await;
    assert_eq!(announced.ip().to_string(), "198.51.100.7");
    assert!((40_000..=65_000).contains(&announced.port()));
    let tcp = dial::data(
        None,
        ("127.0.0.1".parse::<std::net::IpAddr>().unwrap(), announced.port()).into(),
        PATIENCE,
    );
    client.say("STOR a").await;
    client.hears("150").await;
    let tcp = tcp.await.unwrap();
    send(client.secured(tcp).await, b"behind".to_vec()).await.unwrap();
    client.hears("226").await;
    // Nobody can tell who is near, so nobody is.
    client.expect("PORT 127,0,0,2,200,200", "500").await;
}
