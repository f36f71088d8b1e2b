//! The life of the server: ceilings, draining, reloading.

use std::sync::Arc;
use std::time::Duration;

use fxp_server::accounts::FileAccounts;
use fxp_server::config::Config;
use fxp_server::config::user::User;
use fxp_store::Secret;
use fxp_store::storage::Storage;
use tokio::io::AsyncWriteExt;

use crate::world::{Client, World};

#[tokio::test]
async fn the_house_is_full_until_somebody_leaves() {
    let world = World::at("127.0.0.1", |mut config| {
        config.limits.sessions = 3;
        config.limits.sessions_per_address = 2;
        config
    });
    let first = world.connect().await;
    let mut second = world.connect().await;
    let mut third = Client::connect_silently(world.address).await;
    third.hears("421").await;
    drop(first);
    second.expect("NOOP", "200").await;
    let mut again = loop {
        let mut again = Client::connect_silently(world.address).await;
        match again.reply().await {
            reply if reply.starts_with("220") => break again,
            reply => assert!(reply.starts_with("421") || reply.is_empty(), "{reply}"),
        }
    };
    again.expect("NOOP", "200").await;
}

#[tokio::test]
async fn a_user_has_so_many_sessions_and_no_more() {
    let world = World::at("127.0.0.1", |mut config| {
        config.users[0].sessions = Some(1);
        config
    });
    let mut first = world.client().await;
    let mut second = world.connect().await;
    second.expect("USER alice", "331").await;
    second.expect("PASS open sesame", "421").await;
    first.expect("REIN", "220").await;
    first.log_in().await;
    first.expect("USER alice", "331").await;
    first.expect("PASS open sesame", "230").await;
}

#[tokio::test]
async fn strangers_may_not_stay() {
    let world = World::at("127.0.0.1", |mut config| {
        config.limits.login_timeout = Duration::from_millis(200);
        config
    });
    let mut stranger = world.connect().await;
    stranger.hears("421").await;
    assert_eq!(stranger.reply().await, "");
}

#[tokio::test]
async fn silence_ends_a_session_but_not_a_transfer() {
    let world = World::at("127.0.0.1", |mut config| {
        config.limits.idle_timeout = Duration::from_secs(2);
        config
    });
    let (mut silent, mut busy) = (world.client().await, world.client().await);
    let mut tcp = busy.open().await;
    busy.expect("STOR a", "150").await;
    silent.hears("421").await;
    assert_eq!(silent.reply().await, "");
    tcp.shutdown().await.unwrap();
    busy.hears("226").await;
}

#[tokio::test]
async fn draining_lets_transfers_end() {
    let world = World::new();
    let mut idle = world.client().await;
    let mut busy = world.client().await;
    let mut tcp = busy.open().await;
    busy.expect("STOR a", "150").await;
    tcp.write_all(b"first ").await.unwrap();
    world.handle.drain();
    idle.hears("421").await;
    tcp.write_all(b"last").await.unwrap();
    tcp.shutdown().await.unwrap();
    busy.hears("226").await;
    busy.hears("421").await;
    world.running.await.unwrap();
    assert_eq!(world.files.read("/a").unwrap(), b"first last");
    assert!(tokio::net::TcpStream::connect(world.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn draining_has_an_end() {
    let world = World::at("127.0.0.1", |mut config| {
        config.limits.drain = Duration::from_millis(100);
        config
    });
    let mut busy = world.client().await;
    let tcp = busy.open().await;
    busy.expect("STOR a", "150").await;
    world.handle.drain();
    world.running.await.unwrap();
    assert_eq!(busy.reply().await, "");
    drop(tcp);
}

#[tokio::test]
async fn new_sessions_see_a_reloaded_configuration() {
    let world = World::new();
    let mut old = world.client().await;
    let files = world.files.clone();
    let mut config = Config::on(world.address).with_user(User::throwaway("bob", &Secret::new("b"), "/"));
    config.banner = "reloaded".to_owned();
    let accounts = FileAccounts::new(&config, move |_, _| Ok(Arc::new(files.clone()) as Arc<dyn Storage>));
    world.handle.reload(config, Arc::new(accounts)).unwrap();
    let mut new = Client::connect_silently(world.address).await;
    assert!(new.reply().await.contains("reloaded"));
    new.expect("AUTH TLS", "5").await;
    new.expect("USER bob", "331").await;
    new.expect("PASS b", "230").await;
    old.expect("PWD", "257").await;
    let mut broken = Config::on(world.address).with_certificate("nonsense", "nonsense");
    broken.banner = "broken".to_owned();
    let nobody = FileAccounts::new(&broken, |_, _| Err(std::io::ErrorKind::NotFound.into()));
    assert!(world.handle.reload(broken, Arc::new(nobody)).is_err());
    assert!(Client::connect_silently(world.address).await.reply().await.contains("reloaded"));
}
