//! What the operator reads, and what nobody may read. Alone in its process: the log is the process's.

#[allow(dead_code, reason = "the other tests use the rest")]
#[path = "wire/world.rs"]
mod world;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt;
use tracing_subscriber::fmt::MakeWriter;

use world::World;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        self.clone()
    }
}

#[tokio::test]
async fn transfers_and_refusals_are_told_and_passwords_are_not() {
    let lines = Lines::default();
    tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .init();
    let world = World::new();
    let mut client = world.connect().await;
    client.expect("USER alice", "331").await;
    client.expect("PASS wrong secret", "530").await;
    client.log_in().await;
    client.upload("STOR a.txt", b"four").await;
    let refused = client.expect("PORT 127,0,0,2,200,200", "500").await;
    let id = refused.split_once("(id ").unwrap().1.trim_end_matches(')');
    let mut tcp = client.open().await;
    client.expect("STOR b.txt", "150").await;
    tcp.write_all(b"part").await.unwrap();
    client.expect("ABOR", "426").await;
    client.hears("226").await;
    client.expect("QUIT", "221").await;
    client.reply().await;

    let log = lines.text();
    for words in [
        vec!["login refused", "user=alice"],
        vec!["logged in", "user=alice", "peer=127.0.0.1"],
        vec!["received", "path=/a.txt", "bytes=4", "foreign=false", "user=alice"],
        vec![id, "127.0.0.2", "no rule allows it"],
        vec!["in part: stopped", "path=/b.txt"],
    ] {
        let found = log.lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "no line with {words:?} in:\n{log}");
    }
    assert!(!log.contains("sesame") && !log.contains("wrong secret"), "{log}");
}
