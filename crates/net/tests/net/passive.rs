//! Passive ports: who is let in, who is not, and when.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use fxp_net::data::DataError;
use fxp_net::dial;
use fxp_net::listen::{Admission, AdmitError, PassiveListener, PortPool};
use fxp_net::meter::Meter;
use fxp_net::tls::{DataTls, HandshakeError, Versions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;

use crate::support::*;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LONG: Duration = Duration::from_secs(60);

fn listen() -> PassiveListener {
    PortPool::new(0..=0).listen(HOME, LONG).unwrap()
}

/// Connects from 127.0.0.`host`.
async fn connect_from(host: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

fn from_two(peer: SocketAddr) -> bool {
    peer.ip() == IpAddr::from([127, 0, 0, 2])
}

fn admission(tls: Option<DataTls>, deadline: Instant) -> Admission<'static> {
    Admission { admit: &from_two, tls, deadline, deadline_after_stranger: deadline, meter: Meter::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_first_then_the_right_peer() {
    for tls in [false, true] {
        let server = server_tls(Versions::Both).session();
        let mut port = listen();
        let to = port.local_addr();
        let mut strangers = Vec::new();
        for _ in 0..20 {
            strangers.push(connect_from(3, to).await);
        }
        let connecting = async {
            let tcp = connect_from(2, to).await;
            fxp_net::listen::secure(tcp, tls.then(|| server.as_client()), soon(), Meter::default())
                .await
                .unwrap()
        };
        let (admitted, peer) =
            tokio::join!(port.admit(admission(tls.then(|| server.foreign()), soon())), connecting);
        let admitted = admitted.unwrap();
        assert!(from_two(admitted.peer_addr()));
        let (sent, received) = tokio::join!(send(peer, pattern(100_000)), receive(admitted));
        sent.unwrap();
        assert!(received.unwrap() == pattern(100_000));
        for mut stranger in strangers {
            let mut bytes = Vec::new();
            assert!(stranger.read_to_end(&mut bytes).await.is_err(), "a reset, not an end");
            assert!(bytes.is_empty(), "nothing is said to strangers");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opened_filled_and_closed_before_anybody_asked() {
    let mut port = listen();
    let mut early = connect_from(2, port.local_addr()).await;
    early.write_all(&pattern(50_000)).await.unwrap();
    early.shutdown().await.unwrap();
    drop(early);
    let admitted = port.admit(admission(None, soon())).await.unwrap();
    assert!(receive(admitted).await.unwrap() == pattern(50_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_came_and_went_does_not_stand_in_the_way() {
    let mut port = listen();
    let gone = connect_from(2, port.local_addr()).await;
    socket2::SockRef::from(&gone).set_linger(Some(Duration::ZERO)).unwrap();
    drop(gone);
    let mut second = connect_from(2, port.local_addr()).await;
    second.write_all(b"abc").await.unwrap();
    drop(second);
    let admitted = port.admit(admission(None, soon())).await.unwrap();
    assert_eq!(receive(admitted).await.unwrap(), b"abc");
}

#[tokio::test(flavor = "multi_thread")]
async fn opened_filled_and_closed_behind_more_strangers_than_are_held() {
    let mut port = listen();
    let mut strangers = Vec::new();
    for _ in 0..12 {
        strangers.push(connect_from(3, port.local_addr()).await);
    }
    let mut early = connect_from(2, port.local_addr()).await;
    early.write_all(b"abc").await.unwrap();
    drop(early);
    let admitted = port.admit(admission(None, soon())).await.unwrap();
    assert_eq!(receive(admitted).await.unwrap(), b"abc");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_says_who_came() {
    let shortly = || Instant::now() + Duration::from_millis(100);
    let mut port = listen();
    assert!(matches!(port.admit(admission(None, shortly())).await, Err(AdmitError::NobodyCame)));

    let stranger = connect_from(3, port.local_addr()).await;
    match port.admit(admission(None, shortly())).await {
        Err(AdmitError::OnlyStrangers { strangers: 1, first }) => {
            assert_eq!(first, stranger.local_addr().unwrap());
        }
        other => panic!("{other:?}"),
    }

    let leaver = connect_from(2, port.local_addr()).await;
    socket2::SockRef::from(&leaver).set_linger(Some(Duration::ZERO)).unwrap();
    drop(leaver);
    match port.admit(admission(None, shortly())).await {
        Err(AdmitError::Lost { peer, .. }) => assert!(from_two(peer)),
        other => panic!("{other:?}"),
    }

    let server = server_tls(Versions::Both).session();
    let mut silent = connect_from(2, port.local_addr()).await;
    match port.admit(admission(Some(server.foreign()), shortly())).await {
        Err(AdmitError::Handshake { peer, error: HandshakeError::TimedOut }) => assert!(from_two(peer)),
        other => panic!("{other:?}"),
    }
    assert!(!matches!(silent.read(&mut [0; 1]).await, Ok(1..)));

    let mut babbler = connect_from(2, port.local_addr()).await;
    babbler.write_all(b"this is no TLS, whatever else it may be\r\n").await.unwrap();
    match port.admit(admission(Some(server.foreign()), shortly())).await {
        Err(AdmitError::Handshake { peer, error: HandshakeError::Protocol(_) }) => assert!(from_two(peer)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_resume_and_does_not_neither_steals_nor_blocks() {
    for versions in [Versions::Only12, Versions::Only13] {
        let tls = server_tls(versions);
        let (client, server) = (client_session(&tls), tls.session());
        let _control = secure_control(&client, &server).await;
        let strict = server.demanding_resumption();
        let stranger = client_session(&tls);
        let mut port = listen();
        let to = port.local_addr();
        let connecting = async {
            // From the client's own address, and with whatever the first time may have brought.
            for _ in 0..2 {
                let tcp = connect_from(2, to).await;
                let secured =
                    fxp_net::listen::secure(tcp, Some(stranger.data()), soon(), Meter::default()).await;
                if let Ok(stream) = secured {
                    let received = receive(stream).await;
                    assert!(matches!(received, Err(DataError::Network(_))), "{received:?}");
                }
            }
            let tcp = connect_from(2, to).await;
            fxp_net::listen::secure(tcp, Some(client.data()), soon(), Meter::default()).await.unwrap()
        };
        let (admitted, peer) = tokio::join!(port.admit(admission(Some(strict.data()), soon())), connecting);
        let (sent, received) = tokio::join!(send(peer, pattern(1000)), receive(admitted.unwrap()));
        sent.unwrap();
        assert!(received.unwrap() == pattern(1000), "{versions:?}");

        let mut port = listen();
        let tcp = connect_from(2, port.local_addr()).await;
        let deadline = Instant::now() + Duration::from_millis(500);
        let (admitted, _) = tokio::join!(
            port.admit(admission(Some(strict.data()), deadline)),
            fxp_net::listen::secure(tcp, Some(stranger.data()), soon(), Meter::default())
        );
        match admitted {
            Err(AdmitError::Handshake { peer, error: HandshakeError::NotResumed }) => assert!(from_two(peer)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_handshakes_make_room() {
    let server = server_tls(Versions::Both).session();
    let mut port = listen();
    let to = port.local_addr();
    let admit_all = |_: SocketAddr| true;
    let mut slow = Vec::new();
    for host in [4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 6] {
        slow.push(connect_from(host, to).await);
    }
    let connecting = async {
        let tcp = connect_from(2, to).await;
        fxp_net::listen::secure(tcp, Some(server.as_client()), soon(), Meter::default()).await
    };
    let admission = Admission { admit: &admit_all, ..admission(Some(server.foreign()), soon()) };
    let (admitted, peer) = tokio::join!(port.admit(admission), connecting);
    assert!(from_two(admitted.unwrap().peer_addr()));
    peer.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_is_closed_when_the_peer_is_in_or_the_lifetime_is_over() {
    let pool = PortPool::new(0..=0);
    let mut port = pool.listen(HOME, LONG).unwrap();
    let to = port.local_addr();
    let _peer = connect_from(2, to).await;
    let _admitted = port.admit(admission(None, soon())).await.unwrap();
    refused_in_the_end(to).await;

    let mut port = pool.listen(HOME, Duration::from_millis(20)).unwrap();
    let to = port.local_addr();
    refused_in_the_end(to).await;
    let nobody = port.admit(admission(None, soon())).await;
    assert!(matches!(nobody, Err(AdmitError::NobodyCame | AdmitError::OnlyStrangers { .. })), "{nobody:?}");

    let port = pool.listen(HOME, LONG).unwrap();
    let to = port.local_addr();
    drop(port);
    refused_in_the_end(to).await;
}

/// The runtime closes the socket in its own time.
async fn refused_in_the_end(to: SocketAddr) {
    while TcpStream::connect(to).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_used_up_and_comes_back() {
    // A range that is free now: the kernel's choice and its neighbours, as far as they are.
    let first = listen().local_addr().port().min(65_000);
    let pool = PortPool::new(first..=first + 3);
    let mut ports = Vec::new();
    let full = loop {
        match pool.listen(HOME, LONG) {
            Ok(port) => ports.push(port),
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), std::io::ErrorKind::AddrInUse);
    assert!(ports.iter().all(|port| (first..=first + 3).contains(&port.local_addr().port())));
    let count = ports.len();
    assert!(count > 0, "not one of four ports was free");
    ports.pop();
    while pool.listen(HOME, LONG).is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_shortens_the_wait_and_nobody_at_all_does_not() {
    for (came, patient) in [(true, false), (false, true)] {
        let mut port = listen();
        let _stranger = match came {
            true => Some(connect_from(3, port.local_addr()).await),
            false => None,
        };
        let now = Instant::now();
        let short = now + Duration::from_millis(50);
        let (deadline, after) = if patient { (short, now + LONG) } else { (now + LONG, short) };
        let admission = Admission { deadline_after_stranger: after, ..admission(None, deadline) };
        match port.admit(admission).await {
            Err(AdmitError::OnlyStrangers { strangers: 1, .. }) => assert!(came),
            Err(AdmitError::NobodyCame) => assert!(!came),
            other => panic!("{came}: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_and_both_families() {
    let home = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let Ok(mut port) = PortPool::new(0..=0).listen(home, LONG) else {
        assert!(std::env::var_os("CI").is_none(), "no IPv6 here");
        eprintln!("SKIPPED: no IPv6 here");
        return;
    };
    let _peer = dial::data(Some(home), port.local_addr(), LONG).await.unwrap();
    let is_home = |peer: SocketAddr| peer.ip() == home;
    let admission = Admission { admit: &is_home, ..admission(None, soon()) };
    port.admit(admission).await.unwrap();

    let mut port = PortPool::new(0..=0).listen(Ipv6Addr::UNSPECIFIED.into(), LONG).unwrap();
    let to = SocketAddr::new(HOME, port.local_addr().port());
    let from = IpAddr::from([127, 0, 0, 2]);
    let _peer = dial::data(Some(from), to, LONG).await.unwrap();
    let admitted = port.admit(self::admission(None, soon())).await.unwrap();
    assert_eq!(admitted.peer_addr().ip(), from, "not in the mapped form");
}

#[tokio::test(flavor = "multi_thread")]
async fn dialling_finds_the_address_that_answers() {
    let port = listen().local_addr().port();
    let refused = dial::control("127.0.0.1", port, LONG).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let listener = listen();
    let port = listener.local_addr().port();
    // Resolves to ::1 first on many systems, where nobody listens.
    let tcp = dial::control("localhost", port, LONG).await.unwrap();
    assert_eq!(tcp.peer_addr().unwrap(), listener.local_addr());
    assert!(tcp.nodelay().unwrap());
    assert!(dial::control("no such host.invalid", port, LONG).await.is_err());
}
