//! TLS with the client: explicit, implicit, resumed, cut off, injected into.

use fxp_net::data::DataError;
use fxp_net::dial;
use fxp_net::tls::{ClientSession, ClientTls};
use fxp_server::config::network::{DataTlsReuse, Listen, TlsNeed};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{Client, PATIENCE, World, admit, listener, port_argument, receive, send};

#[tokio::test]
async fn explicit_tls_protects_both_connections() {
    let world = World::new();
    let mut client = world.secure_client().await;
    let big = vec![3; 3 << 20];
    assert!(client.upload("STOR a", &big).await.starts_with("226"));
    assert_eq!(client.download("RETR a").await, big);
    assert!(client.text("LIST").await.ends_with(" a\r\n"));
    client.expect("PROT C", "200").await;
    let session = client.session.take();
    assert_eq!(client.download("RETR a").await, big, "in clear");
    client.session = session;

    client.expect("PROT P", "200").await;
    let mut own = listener("127.0.0.1");
    client.expect(&format!("PORT {}", port_argument(own.local_addr())), "200").await;
    client.expect("RETR a", "150").await;
    assert_eq!(receive(admit(&mut own, client.data_tls()).await).await.unwrap(), big);
    client.hears("226").await;
}

#[tokio::test]
async fn implicit_tls_begins_at_once() {
    let world = World::at("127.0.0.1", |mut config| {
        config.listen = vec![Listen::implicit(config.listen[0].address)];
        config
    });
    let mut client = Client::connect_silently(world.address).await;
    client.handshake(&world.certificate).await;
    client.hears("220").await;
    client.log_in().await;
    client.expect("PBSZ 0", "200").await;
    client.expect("PROT P", "200").await;
    client.upload("STOR a", b"implicit").await;
    assert_eq!(world.files.read("/a").unwrap(), b"implicit");
}

#[tokio::test]
async fn what_comes_in_clear_behind_auth_is_forgotten() {
    let world = World::new();
    let mut client = world.connect().await;
    client.say("AUTH TLS\nUSER alice\nPASS open sesame\nMKD injected").await;
    client.hears("234").await;
    client.handshake(&world.certificate).await;
    client.expect("PWD", "530").await;
    client.log_in().await;
    client.expect("CWD injected", "550").await;
}

#[tokio::test]
async fn a_login_in_clear_does_not_survive_auth() {
    let world = World::new();
    let mut client = world.client().await;
    client.auth_tls(&world.certificate).await;
    client.expect("PWD", "530").await;
}

#[tokio::test]
async fn required_tls_is_required() {
    let world = World::at("127.0.0.1", |mut config| {
        let tls = config.tls.as_mut().unwrap();
        (tls.control, tls.data) = (TlsNeed::Required, TlsNeed::Required);
        config
    });
    let mut client = world.connect().await;
    client.expect("USER alice", "5").await;
    client.auth_tls(&world.certificate).await;
    client.log_in().await;
    client.passive("PASV").await;
    client.expect("LIST", "52").await;
    client.expect("PBSZ 0", "200").await;
    client.expect("PROT P", "200").await;
    client.upload("STOR a", b"x").await;
    client.expect("PROT C", "5").await;
}

#[tokio::test]
async fn an_upload_that_is_cut_off_is_426_and_what_came_stays() {
    let world = World::new();
    let mut client = world.secure_client().await;
    let address = client.passive("PASV").await;
    client.expect("STOR a", "150").await;
    // A man in the middle who passes the first bytes on and then closes both connections neatly.
    let front = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let middle = front.local_addr().unwrap();
    let cut = tokio::spawn(async move {
        let mut from = front.accept().await.unwrap().0;
        let mut to = dial::data(None, address, Duration::from_secs(5)).await.unwrap();
        let (mut from_read, mut from_write) = from.split();
        let (mut to_read, mut to_write) = to.split();
        let back = async { tokio::io::copy(&mut to_read, &mut from_write).await };
        let forth = async {
            let mut passed = 0;
            let mut buffer = vec![0; 16 * 1024];
            while passed < 300_000 {
                let read = from_read.read(&mut buffer).await.unwrap();
                to_write.write_all(&buffer[..read]).await.unwrap();
                passed += read;
            }
            to_write.shutdown().await.unwrap();
        };
        tokio::select! { _ = back => {}, () = forth => {} }
        let mut rest = Vec::new();
        let _ = to.read_to_end(&mut rest).await;
    });
    let tcp = dial::data(None, middle, Duration::from_secs(5)).await.unwrap();
    let stream = client.secured(tcp).await;
    let _ = send(stream, vec![1; 1 << 20]).await;
    client.hears("426").await;
    cut.await.unwrap();
    let came = world.files.read("/a").unwrap().len();
    assert!(came > 0 && came < 1 << 20, "{came}");
}

#[tokio::test]
async fn what_is_not_tls_is_no_data_connection() {
    let world = World::at("127.0.0.1", |mut config| {
        config.limits.data_timeout = Duration::from_secs(1);
        config
    });
    let mut client = world.secure_client().await;
    let mut tcp = client.open().await;
    client.expect("STOR a", "150").await;
    // Not TLS at all.
    tcp.write_all(b"plain text").await.unwrap();
    tcp.shutdown().await.unwrap();
    client.hears("425").await;
    assert!(world.files.read("/a").is_err());
}

#[tokio::test]
async fn data_connections_resume_the_session_where_they_must() {
    let world = World::at("127.0.0.1", |mut config| {
        config.data_tls_reuse = DataTlsReuse::Require;
        config.limits.data_timeout = Duration::from_secs(3);
        config
    });
    let mut client = world.secure_client().await;
    assert_eq!(client.upload("STOR a", b"resumed").await, "226 7 bytes transferred");
    for _ in 0..6 {
        assert_eq!(client.download("RETR a").await, b"resumed");
    }
    assert!(client.text("LIST").await.ends_with(" a\r\n"));

    // Somebody at the same address, with a TLS session of his own, comes first, and comes again.
    let stranger = ClientTls::new().session("localhost", world.certificate.trust());
    let address = client.passive("PASV").await;
    client.expect("STOR a", "150").await;
    for _ in 0..2 {
        steal(address, &stranger).await;
    }
    let tcp = dial::data(None, address, PATIENCE).await.unwrap();
    send(client.secured(tcp).await, b"the client's".to_vec()).await.unwrap();
    client.hears("226").await;
    assert_eq!(world.files.read("/a").unwrap(), b"the client's");

    // Nobody else comes.
    let address = client.passive("PASV").await;
    client.expect("STOR a", "150").await;
    steal(address, &stranger).await;
    client.hears("522").await;
    assert_eq!(world.files.read("/a").unwrap(), b"the client's");

    // Where the server connects, there is nobody to wait for.
    let mut own = listener("127.0.0.1");
    client.expect(&format!("PORT {}", port_argument(own.local_addr())), "200").await;
    client.expect("RETR a", "150").await;
    let taken = receive(admit(&mut own, Some(stranger.data())).await).await;
    assert!(matches!(taken, Err(DataError::Network(_))), "{taken:?}");
    client.hears("522").await;
}

/// Connects without the client's session; what it says does not arrive.
async fn steal(address: SocketAddr, stranger: &ClientSession) {
    let tcp = dial::data(None, address, PATIENCE).await.unwrap();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let meter = fxp_net::meter::Meter::default();
    if let Ok(stream) = fxp_net::listen::secure(tcp, Some(stranger.data()), deadline, meter).await {
        let sent = send(stream, b"stolen".to_vec()).await;
        assert!(sent.is_err(), "{sent:?}");
    }
}
