//! Every byte arrives: both TLS roles, both directions, both who connects, both versions, all sizes.

use std::io::Write;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use fxp_net::data::{DataStream, Sink, Source};
use fxp_net::meter::{Count, Meter};
use fxp_net::tls::{DataTls, Versions};

use crate::support::*;

const SIZES: [usize; 5] = [0, 1, 64 * 1024 + 1, 256 * 1024, 5 * 1024 * 1024];

async fn check(active: Option<DataTls>, passive: Option<DataTls>) {
    for length in SIZES {
        for active_sends in [true, false] {
            let (one, other) = data_pair(active.clone(), passive.clone()).await;
            let (one, other) = (one.unwrap(), other.unwrap());
            let (from, to) = if active_sends { (one, other) } else { (other, one) };
            let bytes = pattern(length);
            let (sent, received) = tokio::join!(send(from, bytes.clone()), receive(to));
            assert_eq!(sent.unwrap(), length as u64);
            assert!(received.unwrap() == bytes, "{length} bytes, active end sends: {active_sends}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_clear() {
    check(None, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ordinary_data_connections() {
    for versions in [Versions::Only12, Versions::Only13] {
        let tls = server_tls(versions);
        let (client, server) = (client_session(&tls), tls.session());
        let _control = secure_control(&client, &server).await;
        check(Some(client.data()), Some(server.data())).await;
        check(Some(server.data()), Some(client.data())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_connections_between_two_servers() {
    for versions in [Versions::Only12, Versions::Only13, Versions::Both] {
        let (one, other) = (server_tls(versions).session(), server_tls(versions).session());
        check(Some(one.as_client()), Some(other.foreign())).await;
        check(Some(one.foreign()), Some(other.as_client())).await;
    }
}

/// A source with a file that the kernel can send.
pub(crate) struct OnDisk(pub(crate) std::fs::File);

impl Source for OnDisk {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn file(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_files() {
    let bytes = pattern(3_000_000);
    let server = server_tls(Versions::Both).session();
    for tls in [false, true] {
        for (start, length) in
            [(0, None), (1, None), (2_999_999, None), (3_000_000, None), (5, Some(2_500_000)), (7, Some(0))]
        {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            let active = tls.then(|| server.as_client());
            let (from, to) = data_pair(active, tls.then(|| server.foreign())).await;
            let (from, to) = (from.unwrap(), to.unwrap());
            let progress = counter();
            let seen = progress.clone();
            let sending = blocking(move || from.send(&mut OnDisk(file), start as u64, length, &progress));
            let (sent, received) = tokio::join!(sending, receive(to));
            let expected = &bytes[start..][..length.map_or(bytes.len() - start, |length| length as usize)];
            assert!(received.unwrap() == expected, "from {start}, length {length:?}, tls {tls}");
            assert_eq!(sent.unwrap(), expected.len() as u64);
            assert_eq!(seen.load(Ordering::Relaxed), expected.len() as u64);
        }
    }
}

/// A sink with a file that the kernel can fill.
pub(crate) struct Filled(pub(crate) std::fs::File, pub(crate) u64);

impl Sink for Filled {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all_at(bytes, self.1)?;
        self.1 += bytes.len() as u64;
        Ok(())
    }

    fn file(&self) -> Option<(BorrowedFd<'_>, u64)> {
        Some((self.0.as_fd(), self.1))
    }

    fn advance(&mut self, count: u64) {
        self.1 += count;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_file_to_file() {
    let directory = tempfile::tempdir().unwrap();
    let (source, target) = (directory.path().join("source"), directory.path().join("target"));
    for (length, start, appending) in [
        (0, 0, false),
        (1024 * 1024, 0, false),
        (5_000_001, 0, false),
        (5_000_001, 1_234_567, false),
        // Long enough for the sender to judge its receiver.
        (40_000_000, 0, false),
        // Where the kernel refuses to do it alone.
        (5_000_001, 0, true),
    ] {
        let bytes = pattern(length);
        std::fs::write(&source, &bytes).unwrap();
        std::fs::write(&target, &bytes[..start]).unwrap();
        let (from, to) = data_pair(None, None).await;
        let (from, to) = (from.unwrap(), to.unwrap());
        let mut input = OnDisk(std::fs::File::open(&source).unwrap());
        let output = std::fs::OpenOptions::new().write(true).append(appending).open(&target).unwrap();
        let progress = counter();
        let seen = progress.clone();
        let (sent, received) = tokio::join!(
            blocking(move || from.send(&mut input, start as u64, None, &counter())),
            blocking(move || to.receive(&mut Filled(output, start as u64), &progress)),
        );
        assert_eq!(sent.unwrap(), (length - start) as u64);
        assert_eq!(received.unwrap(), (length - start) as u64);
        assert_eq!(seen.load(Ordering::Relaxed), (length - start) as u64);
        assert!(std::fs::read(&target).unwrap() == bytes, "{length} from {start}, appending {appending}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_count_what_passes() {
    let (active, passive) = connection().await;
    let (here, there) = (Meter::default(), Meter::default());
    let from = DataStream::from_tcp(active, here.clone()).unwrap();
    let to = DataStream::from_tcp(passive, there.clone()).unwrap();
    let peer = from.peer_addr().ip();
    let (sent, received) = tokio::join!(send(from, pattern(70_000)), receive(to));
    sent.unwrap();
    received.unwrap();
    assert_eq!(here.snapshot()[&peer], Count { sent: 70_000, received: 0 });
    assert_eq!(there.snapshot()[&peer], Count { sent: 0, received: 70_000 });
}

#[test]
fn countless_peers_are_counted_together() {
    let meter = Meter::default();
    for host in 0..100_000 {
        meter.add(Ipv6Addr::from_bits(0x2001_0db8 << 96 | host).into(), 1, 2);
    }
    // Who was known before still is.
    meter.add("2001:db8::".parse().unwrap(), 10, 20);
    let counts = meter.snapshot();
    assert!(counts.len() < 20_000, "{}", counts.len());
    assert_eq!(counts[&"2001:db8::".parse::<IpAddr>().unwrap()], Count { sent: 11, received: 22 });
    assert!(counts[&Meter::EVERYBODY_ELSE].sent > 80_000);
    assert_eq!(counts.values().map(|count| count.sent).sum::<u64>(), 100_010, "none is lost");
    assert_eq!(counts.values().map(|count| count.received).sum::<u64>(), 200_020, "none is lost");
}
