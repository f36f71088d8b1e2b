//! A data connection resumes its own control connection's TLS session, and no other's.

use fxp_net::control::Control;
use fxp_net::data::{DataError, DataStream};
use fxp_net::tls::{ClientSession, HandshakeError, ServerSession, ServerTls, Versions};

use crate::support::*;

/// A control connection that is up, and both its sessions.
struct Login {
    tls: ServerTls,
    client: ClientSession,
    server: ServerSession,
    _control: (Control, Control),
}

impl Login {
    async fn to(tls: &ServerTls) -> Self {
        let (client, server) = (client_session(tls), tls.session());
        let control = secure_control(&client, &server).await;
        Login { tls: tls.clone(), client, server, _control: control }
    }

    async fn data(&self) -> (DataStream, DataStream) {
        let (one, other) = data_pair(Some(self.client.data()), Some(self.server.data())).await;
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one.tls().unwrap().peer, Some(self.tls.fingerprint()), "resumed or not");
        (one, other)
    }
}

fn resumed(streams: &(DataStream, DataStream)) -> (bool, bool) {
    (streams.0.tls().unwrap().resumed, streams.1.tls().unwrap().resumed)
}

async fn transfer(streams: (DataStream, DataStream), upload: bool) {
    let (client, server) = streams;
    let (from, to) = if upload { (client, server) } else { (server, client) };
    let (sent, received) = tokio::join!(send(from, pattern(1000)), receive(to));
    sent.unwrap();
    assert_eq!(received.unwrap(), pattern(1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn data_connections_one_after_the_other() {
    for versions in [Versions::Only12, Versions::Only13] {
        let login = Login::to(&server_tls(versions)).await;
        for round in 0..20 {
            let streams = login.data().await;
            assert_eq!(resumed(&streams), (true, true), "{versions:?}, data connection {round}");
            transfer(streams, round % 2 == 0).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_connections_side_by_side() {
    for versions in [Versions::Only12, Versions::Only13] {
        let login = Login::to(&server_tls(versions)).await;
        let mut open = Vec::new();
        for round in 0..4 {
            let streams = login.data().await;
            assert_eq!(resumed(&streams), (true, true), "{versions:?}, data connection {round}");
            open.push(streams);
        }
        for streams in open {
            transfer(streams, true).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_data_connections_than_tickets() {
    let login = Login::to(&server_tls(Versions::Only13)).await;
    transfer(login.data().await, false).await;
    let mut open = Vec::new();
    for round in 0..20 {
        // No ticket is read meanwhile; the control connection brought four, the first data connection one.
        let streams = login.data().await;
        assert_eq!(resumed(&streams), (true, true), "data connection {round}");
        open.push(streams);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_control_connections_session_is_not_resumed() {
    for versions in [Versions::Only12, Versions::Only13] {
        let tls = server_tls(versions);
        let (mine, theirs) = (Login::to(&tls).await, Login::to(&tls).await);
        let (one, other) = data_pair(Some(theirs.client.data()), Some(mine.server.data())).await;
        let streams = (one.unwrap(), other.unwrap());
        assert_eq!(resumed(&streams), (false, false), "{versions:?}");
        transfer(streams, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_handshake_brings_nothing_to_resume() {
    for versions in [Versions::Only12, Versions::Only13] {
        let login = Login::to(&server_tls(versions)).await;
        // Has the client's address and no session of its control connection.
        let stranger = client_session(&login.tls);
        for round in 0..3 {
            let (one, other) = data_pair(Some(stranger.data()), Some(login.server.data())).await;
            let streams = (one.unwrap(), other.unwrap());
            assert_eq!(resumed(&streams), (false, false), "{versions:?}, data connection {round}");
            transfer(streams, false).await;
        }
        assert_eq!(resumed(&login.data().await), (true, true), "{versions:?}, the client itself");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_resume_and_does_not_fails() {
    for versions in [Versions::Only12, Versions::Only13] {
        let login = Login::to(&server_tls(versions)).await;
        let (stranger, strict) = (client_session(&login.tls), login.server.demanding_resumption());
        for round in 0..6 {
            let (one, other) = data_pair(Some(stranger.data()), Some(strict.data())).await;
            assert!(matches!(other, Err(HandshakeError::NotResumed)), "{versions:?}: {other:?}");
            if let Ok(one) = one {
                let received = receive(one).await;
                assert!(matches!(received, Err(DataError::Network(_))), "a reset: {received:?}");
            }
            let (one, other) = data_pair(Some(login.client.data()), Some(strict.data())).await;
            let streams = (one.unwrap(), other.unwrap());
            assert_eq!(resumed(&streams), (true, true), "{versions:?}, data connection {round}");
            transfer(streams, round % 2 == 0).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_resumed_with_a_foreign_peer() {
    for versions in [Versions::Only12, Versions::Only13] {
        let tls = server_tls(versions);
        let login = Login::to(&tls).await;
        let elsewhere = server_tls(versions).session();
        for _ in 0..2 {
            // Towards us as TLS client, and towards a client that brings a session of ours.
            let (one, other) = data_pair(Some(elsewhere.as_client()), Some(login.server.foreign())).await;
            assert_eq!(resumed(&(one.unwrap(), other.unwrap())), (false, false), "{versions:?}");
            let (one, other) = data_pair(Some(login.client.data()), Some(login.server.foreign())).await;
            assert_eq!(resumed(&(one.unwrap(), other.unwrap())), (false, false), "{versions:?}");
        }
    }
}
