//! Lines over control connections, in clear and in TLS.

use fxp_net::control::{Control, Received};
use fxp_net::tls::{HandshakeError, Versions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::*;

fn line(text: &str) -> Received {
    Received::Line(text.as_bytes().to_vec())
}

#[tokio::test]
async fn lines_come_out_whole_and_bounded() {
    let (mut raw, passive) = connection().await;
    let mut control = Control::new(passive, 16).unwrap();
    let long = "x".repeat(100_000);
    let text = format!("USER a\r\nPASS b\nNO\0OP\r\n{long}\r\nQUIT\r\nunfinished");
    tokio::spawn(async move {
        raw.write_all(text.as_bytes()).await.unwrap();
    });
    for expected in
        [line("USER a"), line("PASS b"), Received::BadBytes, Received::TooLong, line("QUIT"), Received::End]
    {
        assert_eq!(control.receive().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_dropped_receive_loses_nothing() {
    let (mut raw, passive) = connection().await;
    let mut control = Control::new(passive, 64).unwrap();
    let mut lines = Vec::new();
    for piece in ["NO", "OP\r", "\nTYPE", " I\r\n"] {
        raw.write_all(piece.as_bytes()).await.unwrap();
        // Polled once, takes in what is there, and is dropped.
        for _ in 0..50 {
            tokio::select! {
                biased;
                received = control.receive() => lines.push(received.unwrap()),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    while lines.len() < 2 {
        lines.push(control.receive().await.unwrap());
    }
    assert_eq!(lines, [line("NOOP"), line("TYPE I")]);
}

#[tokio::test]
async fn a_server_forgets_commands_sent_before_the_handshake() {
    let tls = server_tls(Versions::Both);
    let (client, server) = (client_session(&tls), tls.session());
    let (mut active, passive) = connection().await;
    let mut there = Control::new(passive, 512).unwrap();
    active.write_all(b"AUTH TLS\r\nUSER mallory\r\nPASS half a li").await.unwrap();
    assert_eq!(there.receive().await.unwrap(), line("AUTH TLS"));
    there.queue(b"234 go on\r\n");
    there.flush().await.unwrap();
    let mut here = Control::new(active, 512).unwrap();
    assert_eq!(here.receive().await.unwrap(), line("234 go on"));
    let (one, other) = tokio::join!(here.secure_as_client(&client), there.secure_as_server(&server));
    one.unwrap();
    other.unwrap();
    here.queue(b"FEAT\r\n");
    here.flush().await.unwrap();
    assert_eq!(there.receive().await.unwrap(), line("FEAT"), "nothing from before the handshake");
}

#[tokio::test]
async fn a_client_forgets_replies_sent_before_the_handshake() {
    let tls = server_tls(Versions::Both);
    let (client, server) = (client_session(&tls), tls.session());
    let (active, mut passive) = connection().await;
    let mut here = Control::new(active, 512).unwrap();
    passive.write_all(b"234 go on\r\n230 logged in, no password needed\r\n23").await.unwrap();
    assert_eq!(here.receive().await.unwrap(), line("234 go on"));
    let mut there = Control::new(passive, 512).unwrap();
    let (one, other) = tokio::join!(here.secure_as_client(&client), there.secure_as_server(&server));
    one.unwrap();
    other.unwrap();
    there.queue(b"500 what\r\n");
    there.flush().await.unwrap();
    assert_eq!(here.receive().await.unwrap(), line("500 what"));
    there.close().await;
    assert_eq!(here.receive().await.unwrap(), Received::End);
}

#[tokio::test]
async fn a_second_handshake_is_refused() {
    let tls = server_tls(Versions::Both);
    let (client, server) = (client_session(&tls), tls.session());
    let (mut here, _there) = secure_control(&client, &server).await;
    assert!(here.is_secure());
    assert!(matches!(here.secure_as_client(&client).await, Err(HandshakeError::Network(_))));
    assert!(here.receive().await.is_err());
}

#[tokio::test]
async fn a_peer_that_never_reads_fills_no_memory() {
    let (_raw, passive) = connection().await;
    let mut control = Control::new(passive, 64).unwrap();
    for _ in 0..100 {
        control.queue(&[b'x'; 64 * 1024]);
    }
    assert_eq!(control.flush().await.unwrap_err().kind(), std::io::ErrorKind::OutOfMemory);
}

#[tokio::test]
async fn closing_sends_what_is_queued() {
    let (mut raw, passive) = connection().await;
    let mut control = Control::new(passive, 64).unwrap();
    control.queue(b"221 bye\r\n");
    control.close().await;
    let mut text = String::new();
    raw.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "221 bye\r\n");
}
