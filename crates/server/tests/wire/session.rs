//! Logging in, looking about, changing things: everything without the subtleties of data connections.

use crate::world::World;

#[tokio::test]
async fn a_user_logs_in_and_stores_and_fetches_a_file() {
    let world = World::new();
    let mut client = world.connect().await;
    client.expect("PWD", "530").await;
    client.expect("USER alice", "331").await;
    client.expect("PASS wrong", "530").await;
    client.expect("USER nobody", "331").await;
    client.expect("PASS open sesame", "530").await;
    client.log_in().await;
    assert!(client.upload("STOR a.txt", b"hello").await.starts_with("226"));
    assert_eq!(world.files.read("/a.txt").unwrap(), b"hello");
    assert_eq!(client.download("RETR a.txt").await, b"hello");
    client.expect("RETR missing", "425").await;
    client.passive("PASV").await;
    client.expect("RETR missing", "550").await;
    client.passive("PASV").await;
    client.expect("STOR no/such/directory", "550").await;
    client.expect("QUIT", "221").await;
    assert_eq!(client.reply().await, "", "the connection is closed");
}
