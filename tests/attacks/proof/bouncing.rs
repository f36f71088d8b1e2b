//! The proof as a tool for bouncing: a user who introduces a server that never agreed, to make `fxpd` say something
//! to it. A connection and a ClientHello come; nothing that the user chose does.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use rustls::{ServerConnection, StreamOwned};

use super::end::{KEY, Part, identity, server_config};
use super::victim::{refused, start_impatient, untouched, user};
use crate::server_side::wire::{Client, PATIENCE, port_argument};

/// What must not arrive anywhere.
const CHOSEN: &[u8] = b"USER root\r\nDELE everything\r\n";

/// A service that has nothing to do with any of this.
#[derive(Clone, Copy, Debug)]
enum Service {
    /// It says nothing and notes what comes.
    Plain,
    /// It greets, as FTP and SMTP servers do; also those that would speak TLS after AUTH TLS.
    Greeting,
    /// An FTP server that speaks TLS from the beginning, as on port 990.
    Ftps,
    /// A web server: TLS with a protocol of its own.
    Https,
    /// TLS without any protocol; what comes is sent back.
    Echo,
    /// A TLS server that claims to speak whatever it is asked for, and sends back what comes.
    Parrot,
}

const SERVICES: [Service; 6] =
    [Service::Plain, Service::Greeting, Service::Ftps, Service::Https, Service::Echo, Service::Parrot];

/// What one connection to a service brought: bytes on the wire, and inside TLS.
struct Brought {
    wire: Vec<u8>,
    inside: Vec<u8>,
}

impl Service {
    /// Serves one connection.
    fn open(self) -> (SocketAddr, Receiver<Brought>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let (tell, told) = channel();
        std::thread::spawn(move || {
            let (tcp, _) = listener.accept().expect("a connection");
            let _ = tcp.set_read_timeout(Some(PATIENCE));
            let brought = match self {
                Service::Plain => plain(tcp, b""),
                Service::Greeting => plain(tcp, b"220 somebody else's\r\n"),
                Service::Ftps => inside(tcp, &["ftp"]),
                Service::Https => inside(tcp, &["h2", "http/1.1"]),
                Service::Echo => inside(tcp, &[]),
                Service::Parrot => inside(tcp, &["fxp-data/1"]),
            };
            let _ = tell.send(brought);
        });
        (address, told)
    }
}

fn plain(mut tcp: TcpStream, greeting: &[u8]) -> Brought {
    let mut wire = Vec::new();
    let _ = tcp.write_all(greeting);
    let _ = tcp.read_to_end(&mut wire);
    Brought { wire, inside: Vec::new() }
}

/// Decrypts what comes, and sends it back.
fn inside(mut tcp: TcpStream, protocols: &[&str]) -> Brought {
    let config = server_config(&identity(), rustls::ALL_VERSIONS, protocols);
    let mut connection = ServerConnection::new(Arc::new(config)).expect("a connection");
    while connection.is_handshaking() {
        if connection.complete_io(&mut tcp).is_err() {
            let mut wire = Vec::new();
            let _ = tcp.read_to_end(&mut wire);
            return Brought { wire, inside: Vec::new() };
        }
    }
    let mut stream = StreamOwned::new(connection, tcp);
    let (mut inside, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        inside.extend(&buffer[..count]);
        let _ = stream.write_all(&buffer[..count]).and_then(|()| stream.flush());
    }
    Brought { wire: Vec::new(), inside }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn bounce(client: &mut Client, service: Service, part: Part) {
    let how = format!("{service:?}, fxpd as {} and {}", part.tls, part.file);
    let (address, told) = service.open();
    client.expect(KEY.1, "200");
    client.expect(if part.tls == "client" { "SSCN ON" } else { "SSCN OFF" }, "200");
    client.expect(format!("PORT {}", port_argument(address)), "200");
    let command = if part.file == "source" { "RETR chosen" } else { "STOR in" };
    client.expect(command, "150");
    refused(&client.reply(), &how);
    let brought = told.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{how}: nobody came"));
    assert!(!contains(&brought.wire, CHOSEN) && !contains(&brought.inside, CHOSEN), "{how}");
    if part.tls == "server" {
        // A TLS server speaks second, and to who does not speak TLS it says an alert of seven bytes.
        let alert = brought.wire.is_empty() || matches!(brought.wire[..], [21, 3, _, 0, 2, _, _]);
        assert!(alert && brought.inside.is_empty(), "{how}: {:?}", brought.wire);
    }
    if let Service::Plain | Service::Greeting = service
        && part.tls == "client"
    {
        // One record, a handshake's, and it is a ClientHello (RFC 8446, 5.1 and 4), perhaps an alert behind it.
        let hello = &brought.wire;
        assert!(matches!(hello[..6], [22, 3, 1, _, _, 1]), "{how}: {:?}", &hello[..6]);
        let length = 5 + usize::from(u16::from_be_bytes([hello[3], hello[4]]));
        assert!(hello.len() <= length + 7, "{how}: {} bytes behind the ClientHello", hello.len() - length);
        assert!(!contains(hello, b"chosen") && !contains(hello, b"localhost"), "{how}: no name is in it");
    }
    match service {
        // Who speaks the protocol, but has no key, gets a tag over keying material that nobody can choose.
        Service::Parrot => assert!(brought.inside.len() <= 32, "{how}: {} bytes", brought.inside.len()),
        _ => assert!(brought.inside.is_empty(), "{how}: {:?}", brought.inside.escape_ascii().to_string()),
    }
}

#[test]
fn no_byte_of_the_users_choice_reaches_who_was_not_introduced() {
    let server = start_impatient();
    std::fs::write(server.file("chosen"), CHOSEN).expect("a file");
    std::thread::scope(|scope| {
        for part in Part::ALL {
            let server = &server;
            scope.spawn(move || {
                let mut client = user(server);
                for service in SERVICES {
                    bounce(&mut client, service, part);
                }
            });
        }
    });
    untouched(&server, "bouncing");
}

/// A pin is no leave to connect anywhere, whoever's certificate it is.
#[test]
fn a_pin_makes_fxpd_connect_to_nobody() {
    let server = start_impatient();
    // The client is at 127.0.0.1 itself, so the service lives next door.
    let other = TcpListener::bind(("127.0.0.77", 0)).expect("a listener");
    other.set_nonblocking(true).expect("a listener");
    let mut client = user(&server);
    client.expect(format!("PEER EXPECT {}", server.fingerprint), "200");
    client.expect(format!("PORT {}", port_argument(other.local_addr().expect("an address"))), "500");
    client.expect("RETR out", "425");
    assert!(other.accept().is_err(), "somebody came");
}
