//! Many sessions that do what chance tells them, against the program `fxpd`: it must neither grow, nor leave a
//! descriptor open, nor owe a reply, nor stop serving.
//!
//! `FXP_SOAK` is the number of sessions (2 000 if not set), `FXP_SOAK_SEED` what chance begins with. docs/fuzzing.md
//! tells of the long runs.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::sync::Arc;

use fxp_net::tls::trust::Trust;
use tokio::task::JoinSet;

#[path = "../common/fxp.rs"]
mod fxp;
#[path = "../common/lab.rs"]
mod lab;

mod client;
mod dice;
mod process;
mod session;

use client::Client;
use dice::Dice;
use process::{Holds, PASSWORD, Process, USER};

/// Sessions, if nobody asks for more.
const SESSIONS: u64 = 2000;

/// From so many sessions on the memory after a tenth of them is compared with that at the end: before, the
/// server is still filling what it keeps anyway (threads, buffers, the pools of the allocator).
const ENOUGH_FOR_MEMORY: u64 = 50_000;

/// Sessions at a time.
const AT_ONCE: usize = 40;

/// The same in the first tenth. An allocator keeps what the busiest moment needed, and where moments are random a
/// busier one always comes: so the busiest comes first, and what is added later was not given back.
const AT_ONCE_FIRST: usize = 160;

/// Where the server is to be found.
pub(crate) struct Doors {
    pub(crate) explicit: SocketAddr,
    pub(crate) implicit: SocketAddr,
    pub(crate) trust: Trust,
}

/// What came of one session.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) logged_in: bool,
    pub(crate) secured: bool,
    /// A file or a listing was moved whole.
    pub(crate) moved: bool,
}

/// What came of many.
#[derive(Debug, Default)]
struct Tally {
    sessions: u64,
    logged_in: u64,
    secured: u64,
    moved: u64,
}

#[test]
fn it_neither_grows_nor_stops_serving() {
    let sessions = from_environment("FXP_SOAK").unwrap_or(SESSIONS);
    let compares = sessions >= ENOUGH_FOR_MEMORY;
    let seed = from_environment("FXP_SOAK_SEED").unwrap_or(1);
    println!("{sessions} sessions, FXP_SOAK_SEED={seed}");
    let mut server = Process::start();
    let doors = Doors { explicit: server.explicit, implicit: server.implicit, trust: server.trust.clone() };
    let doors = Arc::new(doors);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");

    // Two sessions, so that what is made once is there.
    (0..2).for_each(|_| runtime.block_on(serves(&doors)));
    let before = server.holds_at_least();
    println!("at the beginning: {before:?}");
    let mut tally = Tally::default();
    let mut at_a_tenth = before;
    for part in 0..10 {
        let numbers = sessions * part / 10..sessions * (part + 1) / 10;
        let at_once = if part == 0 { AT_ONCE_FIRST } else { AT_ONCE };
        runtime.block_on(soak(&mut tally, numbers, at_once, seed, &doors));
        let holds = server.holds_at_rest(before.descriptors);
        println!("{tally:?}: {holds:?}");
        assert!(holds.descriptors <= before.descriptors, "descriptors stay open: {before:?}, {holds:?}");
        if part == 0 {
            at_a_tenth = if compares { server.holds_alone() } else { holds };
        }
    }
    runtime.block_on(serves(&doors));
    let at_the_end = if compares { server.holds_alone() } else { server.holds_at_rest(before.descriptors) };
    println!("after a tenth: {at_a_tenth:?}, at the end: {at_the_end:?}");
    assert_eq!(server.log(), "", "a server that is well logs no error");
    assert!(tally.logged_in * 2 >= sessions, "fewer than half have logged in: {tally:?}");
    assert!(tally.secured * 10 >= sessions, "fewer than a tenth were inside TLS: {tally:?}");
    assert!(tally.moved * 5 >= sessions, "hardly any has moved a file: {tally:?}");
    if compares {
        println!("memory has grown by {:.1} %", grown(at_a_tenth, at_the_end));
        assert!(grown(at_a_tenth, at_the_end) < 5.0, "memory grows: {at_a_tenth:?}, {at_the_end:?}");
    }
}

/// In percent.
fn grown(from: Holds, to: Holds) -> f64 {
    (to.memory as f64 / from.memory as f64 - 1.0) * 100.0
}

fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Runs the sessions of these numbers, some at a time.
async fn soak(
    tally: &mut Tally,
    numbers: std::ops::Range<u64>,
    at_once: usize,
    seed: u64,
    doors: &Arc<Doors>,
) {
    let mut running = JoinSet::new();
    for number in numbers {
        if running.len() >= at_once {
            tally.add(
                running.join_next().await.expect("there are some").expect("a session that does not panic"),
            );
        }
        let doors = doors.clone();
        running.spawn(async move { session::run(Dice::of(seed, number), &doors).await });
    }
    while let Some(seen) = running.join_next().await {
        tally.add(seen.expect("a session that does not panic"));
    }
}

impl Tally {
    fn add(&mut self, seen: Seen) {
        self.sessions += 1;
        self.logged_in += u64::from(seen.logged_in);
        self.secured += u64::from(seen.secured);
        self.moved += u64::from(seen.moved);
    }
}

/// An ordinary session, inside TLS: what is stored comes back.
async fn serves(doors: &Doors) {
    let source = [127, 0, 0, 1].into();
    let mut client = Client::connect(doors.explicit, source).await.expect("a connection");
    let session = async {
        client.hear().await?;
        client.ask("AUTH TLS").await?;
        client.secure(&doors.trust).await?;
        for line in [&format!("USER {USER}"), &format!("PASS {PASSWORD}"), "PBSZ 0", "PROT P", "TYPE I"] {
            client.ask(line).await?;
        }
        let mut moved = Vec::new();
        for (command, bytes) in [("STOR whole", Some(vec![7; 300_000])), ("RETR whole", None)] {
            let tcp = client.open("EPSV").await?.expect("a data connection");
            assert!(client.begins(command).await?.is_some(), "{command} does not begin");
            moved.push(client.moves(tcp, true, bytes).await.expect("a transfer"));
            assert!(client.hear().await?.starts_with("226"), "{command}");
        }
        assert_eq!(moved, [300_000, 300_000]);
        assert!(client.ask("DELE whole").await?.starts_with("250"));
        client.ask("QUIT").await
    };
    if session.await.is_err() {
        panic!("it parts in the middle of an ordinary session: {}", client.story());
    }
}
