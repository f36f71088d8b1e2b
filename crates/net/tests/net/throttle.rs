//! Ceilings of speed, whatever way the bytes take through this machine: none of them is left out. Only least
//! times are compared; how long it takes at most is the machine's business.

use std::time::{Duration, Instant};

use fxp_net::data::{DataStream, Throttle, relay};
use fxp_net::tls::Versions;

use crate::matrix::{Filled, OnDisk};
use crate::support::*;

/// Bytes of each transfer: enough for splicing to begin.
const LENGTH: usize = 3_000_000;

/// What they cost at [`RATE`], less the slack of a ceiling.
const LEAST: Duration = Duration::from_millis(450);

const RATE: u64 = 6_000_000;

async fn pair(secure: bool) -> (DataStream, DataStream) {
    let server = server_tls(Versions::Both).session();
    let (from, to) = data_pair(secure.then(|| server.as_client()), secure.then(|| server.foreign())).await;
    (from.unwrap(), to.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_through_the_machine_is_faster() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("source");
    std::fs::write(&source, pattern(LENGTH)).unwrap();
    for secure in [false, true] {
        for sender_is_slow in [true, false] {
            for on_disk in [true, false] {
                let (from, to) = pair(secure).await;
                let slow = if sender_is_slow { &from } else { &to };
                slow.throttle(vec![Throttle::new(RATE * 100), Throttle::new(RATE)]);
                let begun = Instant::now();
                let what = format!("secure {secure}, the sender is slow {sender_is_slow}, on disk {on_disk}");
                match on_disk {
                    true => {
                        let target = directory.path().join("target");
                        let mut input = OnDisk(std::fs::File::open(&source).unwrap());
                        let output = std::fs::File::create(&target).unwrap();
                        let (sent, received) = tokio::join!(
                            blocking(move || from.send(&mut input, 0, None, &counter())),
                            blocking(move || to.receive(&mut Filled(output, 0), &counter())),
                        );
                        assert_eq!((sent.unwrap(), received.unwrap()), (LENGTH as u64, LENGTH as u64));
                        assert!(std::fs::read(&target).unwrap() == pattern(LENGTH), "{what}");
                    }
                    false => {
                        let (sent, received) = tokio::join!(send(from, pattern(LENGTH)), receive(to));
                        sent.unwrap();
                        assert!(received.unwrap() == pattern(LENGTH), "{what}");
                    }
                }
                assert!(begun.elapsed() >= LEAST, "{what}: {:?}", begun.elapsed());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_is_a_relay() {
    let ((source_end, from), (to, destination_end)) = (pair(false).await, pair(true).await);
    to.throttle(vec![Throttle::new(RATE)]);
    let begun = Instant::now();
    let (relayed, sent, received) = tokio::join!(
        blocking(move || relay(from, to, &counter())),
        send(source_end, pattern(LENGTH)),
        receive(destination_end)
    );
    assert_eq!((relayed.unwrap(), sent.unwrap()), (LENGTH as u64, LENGTH as u64));
    assert!(received.unwrap() == pattern(LENGTH));
    assert!(begun.elapsed() >= LEAST, "{:?}", begun.elapsed());
}
