//! What happens while a thread of the server does not get on.

use std::sync::Arc;

use fxp_store::memory::Memory;

use crate::gate::Gate;
use crate::world::{Client, World};

#[tokio::test]
async fn who_leaves_while_the_password_is_checked_makes_no_room_for_another_check() {
    let (gate, files) = (Arc::new(Gate::default()), Memory::new());
    let (at, storage) = (gate.clone(), files.clone());
    let one_at_a_time = |mut config: fxp_server::config::Config| {
        config.limits.sessions = 1;
        config.limits.logins_at_once = 1;
        config
    };
    let world = World::opening(files, "127.0.0.1", one_at_a_time, move || {
        at.enter().wait();
        Arc::new(storage.clone())
    });
    for _ in 0..8 {
        let mut client = the_only_session(&world).await;
        client.expect("USER alice", "331").await;
        client.say("PASS open sesame").await;
        gate.holds(1).await;
    }
    let mut last = the_only_session(&world).await;
    last.expect("USER alice", "331").await;
    last.say("PASS open sesame").await;
    gate.open();
    last.hears("230").await;
    assert_eq!(gate.most(), 1, "checks at a time");
}

/// A session as soon as the one before has ended.
async fn the_only_session(world: &World) -> Client {
    loop {
        let mut client = Client::connect_silently(world.address).await;
        match client.reply().await {
            reply if reply.starts_with("220") => return client,
            reply => assert!(reply.starts_with("421") || reply.is_empty(), "{reply}"),
        }
    }
}
