//! Commands that a stranger writes in clear, so that the server takes them for the client's once TLS is there
//! (CVE-2011-0411 and its kin; CVE-2011-1575 is Pure-FTPD's), and the same on data connections.

use std::io::Write;

use fxp_testkit::daemon::{PASSWORD, Product, Setup, USER};

use super::stage::{as_it_comes, daemon};
use super::wire::{Client, Tls, dial, give_inside};

/// What the stranger puts behind AUTH: a session of its own.
fn session() -> String {
    format!("USER {USER}\r\nPASS {PASSWORD}\r\nMKD injected\r\n")
}

/// The client shakes hands with whatever the stranger has put before it; `None` if that fails.
fn shakes_hands(client: &mut Client) -> Option<()> {
    client.secure(&Tls::newest()).ok()
}

/// What a server makes of commands behind AUTH in the same segment.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// Carried out, or at least answered inside TLS.
    Taken,
    /// Forgotten; the session goes on.
    Forgotten,
    /// The handshake fails, and with it the connection.
    Ended,
}

fn inject(address: std::net::SocketAddr, root: &std::path::Path) -> Outcome {
    let mut client = Client::connect(address);
    client.send(format!("AUTH TLS\r\n{}", session())).expect("it is sent");
    client.hears("234");
    if shakes_hands(&mut client).is_none() {
        return Outcome::Ended;
    }
    client.say("NOOP");
    let mut replies = Vec::new();
    // NOOP is answered last, whatever else is: 200, or 530 where strangers may not say it.
    loop {
        let reply = client.reply();
        let last = reply.is_empty() || reply.starts_with("200") || reply.starts_with("530");
        replies.push(reply);
        if last {
            break;
        }
    }
    match replies.len() > 1 || root.join("injected").exists() {
        true => Outcome::Taken,
        false => Outcome::Forgotten,
    }
}

#[test]
fn commands_behind_auth_do_not_enter_tls() {
    let server = as_it_comes();
    assert_eq!(inject(server.address, server.root()), Outcome::Forgotten);

    // CR and LF apart, so that the line ends in the segment that brings the commands.
    let mut client = Client::connect(server.address);
    client.send("AUTH TLS\r").expect("it is sent");
    client.send(format!("\n{}", session())).expect("it is sent");
    client.hears("234");
    if shakes_hands(&mut client).is_some() {
        client.expect("PWD", "530");
    }

    // After 234 only a handshake may come: commands are none.
    let mut client = Client::connect(server.address);
    client.expect("AUTH TLS", "234");
    client.send(session()).expect("it is sent");
    assert!(shakes_hands(&mut client).is_none(), "a handshake behind commands in clear");

    assert!(!server.file("injected").exists());
    Client::logged_in(server.address).expect("MKD injected", "257");
}

/// What was said in clear may have been said by anybody: name, directory, offset, protection.
#[test]
fn nothing_said_in_clear_counts_inside_tls() {
    let server = as_it_comes();
    let mut client = Client::connect(server.address);
    client.expect(format!("USER {USER}"), "331");
    client.auth_tls(&Tls::newest());
    client.expect(format!("PASS {PASSWORD}"), "503");

    let mut client = Client::logged_in(server.address);
    client.expect("MKD other", "257");
    client.expect("CWD other", "250");
    client.expect("REST 5", "350");
    client.expect("RNFR /other", "350");
    client.auth_tls(&Tls::newest());
    client.expect("PWD", "530");
    client.log_in();
    assert!(client.expect("PWD", "257").contains("\"/\""));
    client.expect("RNTO /renamed", "503");
    client.expect("AUTH TLS", "503");
}

#[test]
fn what_other_servers_do_with_commands_behind_auth() {
    for (product, expected) in [
        (Product::Proftpd, Outcome::Forgotten),
        (Product::Pureftpd, Outcome::Forgotten),
        (Product::Vsftpd, Outcome::Ended),
        (Product::Pyftpdlib, Outcome::Taken),
    ] {
        let Some(daemon) = daemon("injection", product, Setup::TLS) else { return };
        assert_eq!(inject(daemon.address, &daemon.root), expected, "{product}\n{}", daemon.log());
    }
}

/// Bytes in clear in front of the handshake of a data connection are no part of the file.
#[test]
fn what_comes_before_the_handshake_is_no_part_of_a_file() {
    let server = as_it_comes();
    std::fs::write(server.file("file"), b"as it was").expect("a file");
    let tls = Tls::newest();
    let mut client = Client::private(server.address, &tls);
    for command in ["STOR file", "APPE file"] {
        let address = client.passive();
        client.expect(command, "150");
        let mut tcp = dial(address, None).expect("a connection");
        tcp.write_all(b"injected in clear").expect("it is sent");
        let sent = tls.start(tcp).and_then(|stream| give_inside(stream, b"and inside"));
        assert!(sent.is_err(), "a handshake behind bytes in clear");
        // The port stays open for the right one.
        let tcp = dial(address, None).expect("a connection");
        give_inside(tls.start(tcp).expect("a handshake"), b"").expect("an empty file");
        client.hears("226");
    }
    assert_eq!(std::fs::read(server.file("file")).expect("a file"), b"");
}
