//! What happens while a thread of the server does not get on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fxp_net::dial;
use fxp_store::memory::Memory;
use fxp_store::storage::Storage;
use tokio::io::AsyncWriteExt;

use crate::gate::{Gate, Slow};
use crate::world::{Client, PATIENCE, World, parse_227, send};

#[tokio::test]
async fn who_leaves_while_the_password_is_checked_makes_no_room_for_another_check() {
    let (gate, files) = (Arc::new(Gate::default()), Memory::new());
    let (at, storage) = (gate.clone(), files.clone());
    let one_at_a_time = |mut config: fxp_server::config::Config| {
        config.limits.sessions = 2;
        config.limits.logins_at_once = 1;
        config
    };
    let world = World::opening(files, "127.0.0.1", one_at_a_time, move || {
        at.enter().wait();
        Arc::new(storage.clone())
    });
    let mut other = world.connect().await;
    for _ in 0..4 {
        let mut client = the_other_place(&world).await;
        client.expect("USER alice", "331").await;
        client.say("PASS open sesame").await;
        pass_time(&mut other).await;
        gate.holds(1).await;
    }
    let mut last = the_other_place(&world).await;
    last.expect("USER alice", "331").await;
    last.say("PASS open sesame").await;
    gate.open();
    last.hears("230").await;
    assert_eq!(gate.most(), 1, "checks at a time");
}

/// A session as soon as the one before has ended.
async fn the_other_place(world: &World) -> Client {
    loop {
        let mut client = Client::connect_silently(world.address).await;
        match client.reply().await {
            reply if reply.starts_with("220") => return client,
            reply => assert!(reply.starts_with("421") || reply.is_empty(), "{reply}"),
        }
    }
}

#[tokio::test]
async fn an_upload_waits_for_the_thread_of_one_that_was_aborted_two_commands_ago() {
    let (gate, files) = (Arc::new(Gate::default()), Memory::new());
    let slow = Slow { files: files.clone(), gate: gate.clone() };
    let slow: Arc<dyn Storage> = Arc::new(slow);
    let world = World::opening(files, "127.0.0.1", |config| config, move || slow.clone());
    let mut client = world.client().await;

    let mut first = client.open().await;
    client.expect("STOR a", "150").await;
    first.write_all(b"first").await.unwrap();
    gate.holds(1).await;
    client.expect("ABOR", "426").await;
    client.hears("226").await;

    // This one waits for the first one's thread, and is aborted while it does.
    client.say("HASH a\nABOR").await;
    client.hears("426").await;
    client.hears("226").await;

    client.say("PASV").await;
    tokio::select! {
        reply = client.reply() => panic!("{reply}, while the first upload still writes"),
        () = something_else(&world) => {}
    }
    gate.open();
    let address = parse_227(&client.hears("227").await);
    let last = dial::data(None, address, PATIENCE).await.unwrap();
    client.expect("STOR a", "150").await;
    send(client.secured(last).await, b"last".to_vec()).await.unwrap();
    client.hears("226").await;
    assert_eq!(gate.most(), 1, "threads that write the file");
    assert_eq!(world.files.read("/a").unwrap(), b"last");
}

#[test]
fn an_upload_that_was_aborted_before_its_thread_began_leaves_the_old_file_whole() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (gate, files) = (Arc::new(Gate::default()), Memory::new());
        files.put("/a", b"old").unwrap();
        let (at, storage) = (gate.clone(), files.clone());
        let closed = Arc::new(AtomicBool::new(false));
        let closes = closed.clone();
        let world = World::opening(
            files,
            "127.0.0.1",
            |config| config,
            move || {
                if closed.load(Ordering::Relaxed) {
                    at.enter().wait();
                }
                Arc::new(storage.clone())
            },
        );
        let mut client = world.client().await;
        let address = client.passive("PASV").await;
        client.expect("STOR a", "150").await;
        // From here on somebody else's login keeps the only thread.
        closes.store(true, Ordering::Relaxed);
        let mut other = world.connect().await;
        other.expect("USER alice", "331").await;
        other.say("PASS open sesame").await;
        gate.holds(1).await;
        let _data = dial::data(None, address, PATIENCE).await.unwrap();
        something_else(&world).await;
        client.expect("ABOR", "426").await;
        client.hears("226").await;
        gate.open();
        other.hears("230").await;
        assert_eq!(client.expect("SIZE a", "213").await, "213 3");
    });
}

async fn something_else(world: &World) {
    pass_time(&mut world.connect().await).await;
}

/// Takes time enough for whatever does not wait.
async fn pass_time(other: &mut Client) {
    for _ in 0..100 {
        other.expect("NOOP", "200").await;
    }
}
