//! RATE and `user.rate`: transfers take at least as long as their bytes cost. Nothing here says how long they
//! take at most, which is the machine's business.

use std::num::NonZero;
use std::time::{Duration, Instant};

use crate::world::{Client, World};

/// What may be missing from the time: the slack of a ceiling, and clocks.
const TOLERANCE: Duration = Duration::from_millis(150);

fn at_least(begun: Instant, milliseconds: u64, what: &str) {
    let took = begun.elapsed() + TOLERANCE;
    assert!(took >= Duration::from_millis(milliseconds), "{what} took {took:?}");
}

#[tokio::test]
async fn files_go_no_faster_than_asked_either_way() {
    let world = World::new();
    for mut client in [world.client().await, world.secure_client().await] {
        client.expect("RATE 1000000", "200").await;
        let begun = Instant::now();
        assert!(client.upload("STOR a", &vec![7; 500_000]).await.starts_with("226"));
        at_least(begun, 500, "storing");
        let begun = Instant::now();
        assert_eq!(client.download("RETR a").await.len(), 500_000);
        at_least(begun, 500, "retrieving");
    }
}

#[tokio::test]
async fn sessions_of_a_group_share_one_ceiling() {
    let world = World::new();
    let mut clients = [world.client().await, world.client().await, world.client().await];
    for client in &mut clients {
        client.expect("RATE 1000000 lanes", "200").await;
    }
    let begun = Instant::now();
    let [first, second, third] = &mut clients;
    let store = async |client: &mut Client, command: &str| {
        assert!(client.upload(command, &vec![7; 300_000]).await.starts_with("226"));
    };
    tokio::join!(store(first, "STOR a"), store(second, "STOR b"), store(third, "STOR c"));
    at_least(begun, 900, "three files, each of which takes 300 ms alone,");
}

#[tokio::test]
async fn a_user_has_a_ceiling_of_their_own() {
    let world = World::at("127.0.0.1", |mut config| {
        config.users[0].rate = NonZero::new(1_000_000);
        config
    });
    let mut clients = [world.client().await, world.client().await];
    // Asking for more than that gives no more.
    clients[1].expect("RATE 900000000", "200").await;
    let begun = Instant::now();
    let [first, second] = &mut clients;
    let (one, two) = (vec![7; 400_000], vec![7; 400_000]);
    let (one, two) = tokio::join!(first.upload("STOR a", &one), second.upload("STOR b", &two));
    assert!(one.starts_with("226") && two.starts_with("226"), "{one} {two}");
    at_least(begun, 800, "two files, each of which takes 400 ms alone,");
}

#[tokio::test]
async fn a_slow_transfer_can_be_aborted() {
    let world = World::new();
    world.files.put("/a", &vec![7; 1 << 20]).unwrap();
    let mut client = world.client().await;
    client.expect("RATE 1024", "200").await;
    let tcp = client.open().await;
    // It would go on for a quarter of an hour, and each of its batches for sixteen seconds.
    client.expect("RETR a", "150").await;
    client.expect("ABOR", "426").await;
    client.hears("226").await;
    drop(tcp);
}
