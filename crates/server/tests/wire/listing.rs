//! LIST, NLST, MLSD, STAT.

use crate::world::World;

#[tokio::test]
async fn every_form_of_a_listing() {
    let world = World::new();
    world.files.put("/d/b.txt", b"12").unwrap();
    world.files.put("/d/a.txt", b"1").unwrap();
    world.files.put("/d/.hidden", b"").unwrap();
    world.files.put("/d/sub/x", b"").unwrap();
    let mut client = world.client().await;
    assert_eq!(client.text("NLST d").await, "a.txt\r\nb.txt\r\nsub\r\n");
    assert_eq!(client.text("NLST -a d").await, ".hidden\r\na.txt\r\nb.txt\r\nsub\r\n");
    let long = client.text("LIST d").await;
    let lines: Vec<&str> = long.split_terminator("\r\n").collect();
    assert!(lines[0].starts_with("-rw") && lines[0].ends_with(" a.txt"), "{long}");
    assert!(lines[2].starts_with("drwx") && lines[2].ends_with(" sub"), "{long}");
    assert_eq!(lines.len(), 3);
    assert!(client.text("LIST d/a.txt").await.ends_with(" a.txt\r\n"));
    let facts = client.text("MLSD d").await;
    assert!(facts.contains("type=file;size=2;") && facts.contains(" b.txt\r\n"), "{facts}");
    assert!(facts.contains(" .hidden\r\n"), "{facts}");
    client.expect("OPTS MLST size;", "200").await;
    assert!(client.text("MLSD d").await.contains("size=1; a.txt\r\n"));
    let status = client.expect("STAT d", "213-").await;
    assert!(status.contains(" a.txt\n") && status.ends_with("End of status"), "{status}");
    client.expect("STAT missing", "550").await;
    assert_eq!(client.text("NLST d/sub").await, "x\r\n");
    client.expect("CWD d/sub", "250").await;
    client.expect("DELE x", "250").await;
    assert_eq!(client.text("LIST").await, "");
}

#[tokio::test]
async fn large_directories_come_whole() {
    let world = World::new();
    for number in 0..12_345 {
        world.files.put(&format!("/many/{number:05}"), b"").unwrap();
    }
    let mut client = world.client().await;
    let names = client.text("NLST many").await;
    assert_eq!(names.lines().count(), 12_345);
    let mut sorted: Vec<&str> = names.lines().collect();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), 12_345);
    let status = client.expect("STAT many", "213-").await;
    assert_eq!(status.lines().count(), 12_345 + 2);
}

#[tokio::test]
async fn abor_stops_a_long_status() {
    let world = World::new();
    for number in 0..5_000 {
        world.files.put(&format!("/many/{number:05}"), b"").unwrap();
    }
    let mut client = world.client().await;
    client.say("STAT many\nABOR\nNOOP").await;
    // Stopped before its first line, or between two of them: the reply is whole either way.
    let status = client.reply().await;
    assert!(status.starts_with("426") || status.starts_with("213-"), "{status}");
    client.hears("226").await;
    client.hears("200").await;
}

#[tokio::test]
async fn one_reply_lists_a_thousand_entries_and_no_more() {
    let world = World::new();
    for number in 0..1000 {
        world.files.put(&format!("/many/{number:05}"), b"").unwrap();
    }
    let mut client = world.client().await;
    let told = client.expect("MLSC many", "250-").await;
    assert_eq!(told.lines().count(), 1000 + 2);
    world.files.put("/many/more", b"").unwrap();
    client.expect("MLSC many", "504").await;
    assert_eq!(client.text("MLSD many").await.lines().count(), 1001);
}
