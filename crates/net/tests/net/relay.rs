//! The relay: through this machine, each side with its own protection.

use std::sync::atomic::Ordering;

use fxp_net::data::{DataError, RelayError, relay};
use fxp_net::tls::{DataTls, Versions};

use crate::support::*;

type Ends = (Option<DataTls>, Option<DataTls>);

async fn check(source: Ends, destination: Ends) {
    for length in [0, 1, 300_000, 5_000_000] {
        let (from_source, source_end) = data_pair(source.0.clone(), source.1.clone()).await;
        let (to_destination, destination_end) = data_pair(destination.0.clone(), destination.1.clone()).await;
        let (from, to) = (from_source.unwrap(), to_destination.unwrap());
        let progress = counter();
        let seen = progress.clone();
        let (relayed, sent, received) = tokio::join!(
            blocking(move || relay(from, to, &progress)),
            send(source_end.unwrap(), pattern(length)),
            receive(destination_end.unwrap())
        );
        assert_eq!(relayed.unwrap(), length as u64);
        assert_eq!(sent.unwrap(), length as u64);
        assert!(received.unwrap() == pattern(length));
        assert_eq!(seen.load(Ordering::Relaxed), length as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mixture_of_protection() {
    let server = server_tls(Versions::Both).session();
    let secure = || (Some(server.as_client()), Some(server.foreign()));
    check((None, None), (None, None)).await;
    check(secure(), (None, None)).await;
    check((None, None), secure()).await;
    check(secure(), secure()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_source_never_looks_like_the_end() {
    let server = server_tls(Versions::Both).session();
    for secure in [false, true] {
        let tls = || (secure.then(|| server.as_client()), secure.then(|| server.foreign()));
        let (from, source) = {
            let (a, b) = tls();
            data_pair(a, b).await
        };
        let (to, destination) = {
            let (a, b) = tls();
            data_pair(a, b).await
        };
        let (from, to) = (from.unwrap(), to.unwrap());
        let relaying = blocking(move || relay(from, to, &counter()));
        let receiving = receive(destination.unwrap());
        let source = source.unwrap();
        let breaking = blocking(move || {
            struct Broken;
            impl fxp_net::data::Source for Broken {
                fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
                    if offset > 1_000_000 { Err(std::io::Error::other("disk")) } else { Ok(buffer.len()) }
                }
            }
            source.send(&mut Broken, 0, None, &counter())
        });
        let (relayed, received, broken) = tokio::join!(relaying, receiving, breaking);
        assert!(matches!(broken, Err(DataError::Storage(_))));
        assert!(matches!(relayed, Err(RelayError::Source(_))), "secure {secure}: {relayed:?}");
        let received = received.unwrap_err();
        assert!(matches!(received, DataError::Network(_) | DataError::Truncated), "{received:?}");
    }
}
