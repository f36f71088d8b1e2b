//! Who guesses passwords, and who takes places without using them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fxp_server::accounts::FileAccounts;
use fxp_server::config::Config;
use fxp_server::config::network::Listen;
use fxp_store::storage::Storage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::world::{Client, PATIENCE, World};

/// Loopback addresses are banned like any other.
fn banning(mut config: Config) -> Config {
    config.limits.ban_after = 3;
    config.limits.login_attempts = 100;
    config.limits.never_ban = Vec::new();
    config
}

/// A client that comes from `ip`, and has read nothing.
async fn from(world: &World, ip: &str) -> Client {
    Client::over(tcp_from(world.address, ip, None).await)
}

async fn tcp_from(to: SocketAddr, ip: &str, receive_buffer: Option<u32>) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    if let Some(size) = receive_buffer {
        socket.set_recv_buffer_size(size).unwrap();
    }
    socket.bind(SocketAddr::new(ip.parse::<IpAddr>().unwrap(), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

async fn guess(client: &mut Client, user: &str) -> String {
    client.expect(&format!("USER {user}"), "331").await;
    client.ask("PASS wrong").await
}

#[tokio::test]
async fn an_address_that_guesses_is_banned_on_all_its_connections() {
    let world = World::at("127.0.0.1", banning);
    let mut inside = world.client().await;
    let mut waiting = world.connect().await;
    waiting.expect("USER alice", "331").await;

    let mut guesser = world.connect().await;
    for user in ["alice", "nobody"] {
        assert!(guess(&mut guesser, user).await.starts_with("530"));
        // A new connection is no new beginning.
        guesser = world.connect().await;
    }
    let last = guess(&mut guesser, "alice").await;
    assert!(last.starts_with("421 ") && !last[4..].contains(char::is_numeric), "{last}");
    assert_eq!(guesser.reply().await, "");

    let door = Client::connect_silently(world.address).await.reply().await;
    assert_eq!(door, last, "the door says the same, and not how long");
    waiting.expect("PASS open sesame", "421").await;
    assert_eq!(waiting.reply().await, "");
    inside.expect("PWD", "257").await;

    let mut neighbour = from(&world, "127.0.0.2").await;
    neighbour.hears("220").await;
    neighbour.log_in().await;
}

#[tokio::test]
async fn an_exception_opens_the_door_at_once() {
    let world = World::at("127.0.0.1", banning);
    let mut guesser = world.connect().await;
    for _ in 0..3 {
        guess(&mut guesser, "alice").await;
    }
    Client::connect_silently(world.address).await.hears("421").await;
    let mut config = banning(Config::on(world.address));
    config.limits.never_ban = vec!["127.0.0.0/24".parse().unwrap()];
    let nobody = FileAccounts::new(&config, |_, _| Err(std::io::ErrorKind::NotFound.into()));
    world.handle.reload(config, Arc::new(nobody)).unwrap();
    Client::connect_silently(world.address).await.hears("220").await;
}

#[tokio::test]
async fn this_machine_is_slowed_down_and_not_banned() {
    let world = World::at("127.0.0.1", |config| {
        let never_ban = config.limits.never_ban.clone();
        let mut config = banning(config);
        config.limits.never_ban = never_ban;
        config
    });
    let mut guesser = world.connect().await;
    for _ in 0..4 {
        assert!(guess(&mut guesser, "alice").await.starts_with("530"));
    }
    world.client().await.expect("PWD", "257").await;
}

#[tokio::test]
async fn who_mistypes_and_then_gets_it_right_begins_anew() {
    let world = World::at("127.0.0.1", banning);
    for _ in 0..3 {
        let mut client = world.connect().await;
        for _ in 0..2 {
            assert!(guess(&mut client, "alice").await.starts_with("530"));
        }
        client.log_in().await;
    }
}

/// Guesses that are all sent before the first is answered are no way around.
#[tokio::test]
async fn guesses_at_the_same_time_count_one_by_one() {
    let opened = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let files = fxp_store::memory::Memory::new();
    let (storage, count) = (files.clone(), opened.clone());
    let one_at_a_time = |config| {
        let mut config = banning(config);
        config.limits.logins_at_once = 1;
        config
    };
    let world = World::opening(files, "127.0.0.1", one_at_a_time, move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Arc::new(storage.clone()) as Arc<dyn Storage>
    });
    let mut guessers = Vec::new();
    for _ in 0..30 {
        guessers.push(world.connect().await);
    }
    for (number, guesser) in guessers.iter_mut().enumerate() {
        // The last ones know the password, and come too late.
        let password = if number < 10 { "wrong" } else { "open sesame" };
        guesser.say(&format!("USER alice\nPASS {password}")).await;
        if number < 10 {
            guesser.hears("331").await;
        }
    }
    let mut refused = 0;
    for guesser in &mut guessers[..10] {
        refused += usize::from(guesser.reply().await.starts_with("530"));
    }
    assert_eq!(refused, 2, "the third guess is the last one that is looked at");
}

/// The time for a login runs on while a handshake does.
#[tokio::test]
async fn a_handshake_that_never_ends_is_no_way_to_stay() {
    let world = World::at("127.0.0.1", |mut config| {
        config.listen.push(Listen::implicit("127.0.0.1:0".parse().unwrap()));
        config.limits.login_timeout = Duration::from_millis(500);
        config
    });
    let mut explicit = world.connect().await;
    explicit.expect("AUTH TLS", "234").await;
    assert_eq!(explicit.reply().await, "");
    let mut implicit = TcpStream::connect(world.addresses[1]).await.unwrap();
    // Half a record: a handshake has begun.
    implicit.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, implicit.read_to_end(&mut rest)).await.expect("the end of the connection");
    assert!(ended.is_err() || rest.is_empty() || rest[0] == 0x15, "{rest:?}");
}

#[tokio::test]
async fn who_reads_no_replies_is_no_stranger_for_longer_than_others() {
    let world = World::at("127.0.0.1", |mut config| {
        config.limits.login_timeout = Duration::from_secs(1);
        config
    });
    let tcp = tcp_from(world.address, "127.0.0.1", Some(4096)).await;
    says_without_end(tcp, b"FEAT\r\n").await;
}

#[tokio::test]
async fn who_reads_no_replies_is_not_waited_for_for_ever() {
    let world = World::at("127.0.0.1", |mut config| {
        config.limits.idle_timeout = Duration::from_secs(1);
        config
    });
    let mut tcp = tcp_from(world.address, "127.0.0.1", Some(4096)).await;
    tcp.write_all(b"USER alice\r\nPASS open sesame\r\n").await.unwrap();
    let mut seen = Vec::new();
    while !seen.windows(3).any(|code| code == b"230") {
        tcp.read_buf(&mut seen).await.unwrap();
    }
    says_without_end(tcp, b"FEAT\r\n").await;
}

/// Says the same line again and again until nobody listens any more.
async fn says_without_end(mut tcp: TcpStream, line: &[u8]) {
    let lines = line.repeat(100);
    let talking = async { while tcp.write_all(&lines).await.is_ok() {} };
    timeout(PATIENCE, talking).await.expect("the end of the connection");
}

#[tokio::test]
async fn who_takes_no_byte_of_a_file_and_who_sends_none_is_given_up() {
    let world = World::at("127.0.0.1", |mut config| {
        config.limits.transfer_idle = Duration::from_secs(1);
        config
    });
    world.files.put("/large", &vec![7; 32 << 20]).unwrap();
    let mut client = world.client().await;
    let taker = client.open().await;
    client.expect("RETR large", "150").await;
    client.hears("426").await;
    drop(taker);
    let giver = client.open().await;
    client.expect("STOR new", "150").await;
    client.hears("426").await;
    drop(giver);
    client.expect("NOOP", "200").await;
}

/// A byte now and then is a slow line; docs/fxpd.md says why nobody is cut off for that.
#[tokio::test]
async fn a_slow_line_is_not_cut() {
    let world = World::at("127.0.0.1", |mut config| {
        config.limits.transfer_idle = Duration::from_secs(2);
        config
    });
    let mut client = world.client().await;
    let mut tcp = client.open().await;
    client.expect("STOR slow", "150").await;
    for byte in b"slowly" {
        tcp.write_all(&[*byte]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    tcp.shutdown().await.unwrap();
    client.hears("226").await;
    assert_eq!(world.files.read("/slow").unwrap(), b"slowly");
}
