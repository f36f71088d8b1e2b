//! How data connections end: whole, cut, reset, cancelled.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;

use fxp_net::data::{Canceller, DataError, DataOptions, DataStream, Sink, Source};
use fxp_net::meter::Meter;
use fxp_net::tls::{DataTls, Versions};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::*;

async fn plain() -> (DataStream, TcpStream) {
    let (active, passive) = connection().await;
    (DataStream::from_tcp(active, Meter::default()).unwrap(), passive)
}

/// A data connection on which everything between the two ends passes through our hands.
async fn tapped(
    first: DataTls,
    second: DataTls,
) -> (DataStream, DataStream, std::net::TcpStream, std::net::TcpStream) {
    let ((one, near), (far, other)) = tokio::join!(connection(), connection());
    let (mut near, mut far) = (near, far);
    let shake = async {
        tokio::join!(
            fxp_net::listen::secure(one, Some(first), soon(), Meter::default()),
            fxp_net::listen::secure(other, Some(second), soon(), Meter::default())
        )
    };
    let (one, other) = tokio::select! {
        both = shake => both,
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => panic!("the handshake ended early"),
    };
    let back = |tcp: TcpStream| {
        let tcp = tcp.into_std().unwrap();
        tcp.set_nonblocking(false).unwrap();
        tcp
    };
    (one.unwrap(), other.unwrap(), back(near), back(far))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_without_close_notify_is_a_cut() {
    for versions in [Versions::Only12, Versions::Only13] {
        let server = server_tls(versions).session();
        for client_sends in [true, false] {
            let (one, other, near, far) = tapped(server.as_client(), server.foreign()).await;
            let (from, to, mut near, mut far) =
                if client_sends { (one, other, near, far) } else { (other, one, far, near) };
            // All records but the last bytes (close_notify) get through, then an orderly FIN.
            let forwarding = blocking(move || {
                let mut all = Vec::new();
                near.read_to_end(&mut all).unwrap();
                far.write_all(&all[..all.len() - 10]).unwrap();
                far.shutdown(std::net::Shutdown::Write).unwrap();
                near.shutdown(std::net::Shutdown::Write).unwrap();
                far
            });
            let (sent, received, _far) = tokio::join!(send(from, pattern(100_000)), receive(to), forwarding);
            assert!(matches!(received, Err(DataError::Truncated)), "{versions:?}: {received:?}");
            // The sender saw an orderly end.
            sent.unwrap();
        }
    }
}

/// A short file: the client's last flight of the handshake, all data and close_notify come in one piece.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_comes_whole_with_the_handshake() {
    let tls = server_tls(Versions::Only13).session();
    let ((one, mut near), (mut far, other)) = tokio::join!(connection(), connection());
    let between = async {
        let mut hello = vec![0; 16 * 1024];
        let count = near.read(&mut hello).await.unwrap();
        far.write_all(&hello[..count]).await.unwrap();
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
            (near.split(), far.split());
        let held = async {
            let mut all = Vec::new();
            from_client.read_to_end(&mut all).await.unwrap();
            to_server.write_all(&all).await.unwrap();
            to_server.shutdown().await.unwrap();
        };
        let back = async {
            tokio::io::copy(&mut from_server, &mut to_client).await.unwrap();
            to_client.shutdown().await.unwrap();
        };
        tokio::join!(held, back);
    };
    let client = async {
        let stream = fxp_net::listen::secure(one, Some(tls.as_client()), soon(), Meter::default()).await;
        send(stream.unwrap(), pattern(1000)).await.unwrap();
    };
    let server = async {
        let stream = fxp_net::listen::secure(other, Some(tls.foreign()), soon(), Meter::default()).await;
        assert!(receive(stream.unwrap()).await.unwrap() == pattern(1000));
    };
    tokio::join!(between, client, server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_reads_the_tickets_that_came_meanwhile() {
    // TLS client, sender, TLS 1.3, server that issues tickets: the constellation that loses the tail.
    let tls = server_tls(Versions::Only13);
    let (client, server) = (client_session(&tls), tls.session());
    let _control = secure_control(&client, &server).await;
    for round in 0..10 {
        let (one, other) = data_pair(Some(client.data()), Some(server.data())).await;
        let (one, other) = (one.unwrap(), other.unwrap());
        assert!(other.tls().unwrap().resumed, "only who resumes gets a ticket");
        let (sent, received) = tokio::join!(send(one, pattern(2_000_000)), receive(other));
        sent.unwrap();
        assert!(received.unwrap() == pattern(2_000_000), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_notices_a_receiver_that_resets() {
    // After the last byte was handed to the kernel.
    let (stream, raw) = plain().await;
    let sending = tokio::spawn(send(stream, pattern(1000)));
    let raw = raw.into_std().unwrap();
    raw.set_nonblocking(false).unwrap();
    let raw = blocking(move || {
        let mut bytes = [0; 500];
        (&raw).read_exact(&mut bytes).unwrap();
        raw
    })
    .await;
    SockRef::from(&raw).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(raw);
    let sent = sending.await.unwrap();
    assert!(matches!(sent, Err(DataError::Network(_))), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_in_clear_notices_a_reset() {
    let (stream, mut raw) = plain().await;
    tokio::io::AsyncWriteExt::write_all(&mut raw, &pattern(1000)).await.unwrap();
    SockRef::from(&raw).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(raw);
    assert!(matches!(receive(stream).await, Err(DataError::Network(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_abandoned_is_no_empty_file() {
    let server = server_tls(Versions::Both).session();
    for secure in [false, true] {
        let (one, other) =
            data_pair(secure.then(|| server.as_client()), secure.then(|| server.foreign())).await;
        one.unwrap().abandon();
        let received = receive(other.unwrap()).await;
        assert!(matches!(received, Err(DataError::Network(_) | DataError::Truncated)), "{received:?}");
    }
}

/// Storage that fails after a while, in either direction.
struct Failing(u64);

impl Source for Failing {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        if offset >= self.0 { Err(std::io::Error::other("bad sector")) } else { Ok(buffer.len()) }
    }
}

impl Sink for Failing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0 = self.0.checked_sub(bytes.len() as u64).ok_or_else(|| std::io::Error::other("disk full"))?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_storage_fails_both_ends() {
    let server = server_tls(Versions::Both).session();
    for secure in [false, true] {
        let tls = || (secure.then(|| server.as_client()), secure.then(|| server.foreign()));
        let (a, b) = tls();
        let (one, other) = data_pair(a, b).await;
        let (one, other) = (one.unwrap(), other.unwrap());
        let meter_peer = one.peer_addr().ip();
        let sending = blocking(move || one.send(&mut Failing(1_000_000), 0, None, &counter()));
        let (sent, received) = tokio::join!(sending, receive(other));
        assert!(matches!(sent, Err(DataError::Storage(_))));
        assert!(matches!(received, Err(DataError::Network(_) | DataError::Truncated)), "{received:?}");

        let (a, b) = tls();
        let (one, other) = data_pair(a, b).await;
        let (one, other) = (one.unwrap(), other.unwrap());
        let receiving = blocking(move || other.receive(&mut Failing(1_000_000), &counter()));
        let (sent, received) = tokio::join!(send(one, pattern(20_000_000)), receiving);
        assert!(matches!(received, Err(DataError::Storage(_))));
        assert!(matches!(sent, Err(DataError::Network(_))), "{sent:?}");
        assert!(meter_peer.is_loopback());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_cancelled_from_another_thread() {
    let server = server_tls(Versions::Both).session();
    for secure in [false, true] {
        for stop_sender in [true, false] {
            let (a, b) = (secure.then(|| server.as_client()), secure.then(|| server.foreign()));
            let (from, to) = data_pair(a, b).await;
            let (from, to) = (from.unwrap(), to.unwrap());
            let canceller = if stop_sender { from.canceller() } else { to.canceller() };
            let progress = counter();
            let seen = progress.clone();
            // A source without end.
            let sending = blocking(move || from.send(&mut Failing(u64::MAX), 0, None, &progress));
            let receiving = blocking(move || to.receive(&mut Failing(u64::MAX), &counter()));
            let cancelling = async {
                while seen.load(Ordering::Relaxed) < 1_000_000 {
                    tokio::task::yield_now().await;
                }
                canceller.cancel();
            };
            let (sent, received, ()) = tokio::join!(sending, receiving, cancelling);
            let (stopped, other) = if stop_sender { (sent, received) } else { (received, sent) };
            assert!(matches!(stopped, Err(DataError::Cancelled)), "{stopped:?}");
            assert!(matches!(other, Err(DataError::Network(_) | DataError::Truncated)), "{other:?}");
            canceller.cancel();
        }
    }
}

/// Cancels the transfer while the other end never makes it wait.
struct Stopping {
    canceller: Canceller,
    file: std::fs::File,
    /// Batches that came in.
    batches: u32,
}

impl Source for Stopping {
    fn read_at(&mut self, _: &mut [u8], _: u64) -> std::io::Result<usize> {
        unreachable!("the kernel sends the file")
    }

    fn file(&self) -> Option<BorrowedFd<'_>> {
        self.canceller.cancel();
        Some(self.file.as_fd())
    }
}

impl Sink for Stopping {
    fn write(&mut self, _: &[u8]) -> std::io::Result<()> {
        self.batches += 1;
        self.canceller.cancel();
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_never_waits_for_its_peer_is_cancelled() {
    let file = || {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&pattern(10_000)).unwrap();
        file
    };
    let stopping = |canceller| Stopping { canceller, file: file(), batches: 0 };

    // All of the file fits into the socket's buffer.
    let (stream, mut raw) = plain().await;
    let mut source = stopping(stream.canceller());
    assert!(!stream.is_cancelled());
    let sent = blocking(move || stream.send(&mut source, 0, None, &counter())).await;
    assert!(matches!(sent, Err(DataError::Cancelled)), "{sent:?}");
    let mut bytes = Vec::new();
    assert!(raw.read_to_end(&mut bytes).await.is_err(), "a reset, not an end");
    assert!(bytes.is_empty(), "nothing is sent any more");

    // The next batch and the end are there already.
    let (stream, mut raw) = plain().await;
    raw.write_all(&pattern(600_000)).await.unwrap();
    raw.shutdown().await.unwrap();
    let mut sink = stopping(stream.canceller());
    let (received, batches) = blocking(move || (stream.receive(&mut sink, &counter()), sink.batches)).await;
    assert!(matches!(received, Err(DataError::Cancelled)), "{received:?}");
    assert_eq!(batches, 1, "nothing is written any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_receiver_is_cancelled() {
    let (stream, _raw) = plain().await;
    let canceller = stream.canceller();
    let receiving = tokio::spawn(receive(stream));
    canceller.cancel();
    assert!(matches!(receiving.await.unwrap(), Err(DataError::Cancelled)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_stands_still_is_given_up() {
    let options = DataOptions { idle: std::time::Duration::from_millis(50), ..DataOptions::default() };
    let (stream, _raw) = plain().await;
    stream.apply(&options).unwrap();
    let received = receive(stream).await;
    assert!(
        matches!(&received, Err(DataError::Network(error)) if error.kind() == std::io::ErrorKind::TimedOut),
        "{received:?}"
    );
    let (stream, _raw) = plain().await;
    stream.apply(&options).unwrap();
    let sent = blocking(move || stream.send(&mut Failing(u64::MAX), 0, None, &counter())).await;
    assert!(
        matches!(&sent, Err(DataError::Network(error)) if error.kind() == std::io::ErrorKind::TimedOut),
        "{sent:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_congestion_control_is_an_error() {
    let (stream, _raw) = plain().await;
    let named = |name: &str| DataOptions { congestion: Some(name.to_owned()), ..DataOptions::default() };
    stream.apply(&named("reno")).unwrap();
    assert!(stream.apply(&named("no such thing")).is_err());
}
