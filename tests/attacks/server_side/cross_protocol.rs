//! Another protocol's bytes on the control connection: browsers and mail programs that were led to an FTP
//! server whose certificate they trust (ALPACA, CVE-2021-3618), and a handshake inside the handshake.

use std::io::{ErrorKind, Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use fxp_testkit::daemon::{PASSWORD, USER};
use fxp_testkit::demand::{self, Missing};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, Error};

use super::stage::{as_it_comes, fxpd};
use super::wire::{Client, Tls, dial};
use crate::server::{Server, Settings};

/// What other protocols begin with.
const FOREIGN: &[&str] = &[
    "POST / HTTP/1.1",
    "GET / HTTP/1.1",
    "PUT /upload HTTP/1.1",
    "HEAD / HTTP/1.0",
    "OPTIONS * HTTP/1.1",
    "DELETE /x HTTP/1.1",
    "CONNECT there:443 HTTP/1.1",
    "PRI * HTTP/2.0",
    "PROPFIND / HTTP/1.1",
    "EHLO there",
    "HELO there",
    "RCPT TO:<a@b>",
    "DATA",
];

/// The header and the body of a form, whose lines a patient FTP server would carry out.
fn form() -> String {
    format!(
        "Host: there\r\nContent-Type: text/plain\r\n\r\nUSER {USER}\r\nPASS {PASSWORD}\r\nMKD owned\r\nNOOP\r\n"
    )
}

#[test]
fn other_protocols_are_hung_up_on_and_their_bodies_are_not_carried_out() {
    let server = as_it_comes();
    for first in FOREIGN {
        for inside in [false, true] {
            let mut client = Client::connect(server.address);
            if inside {
                client.auth_tls(&Tls::newest());
            }
            client.send(format!("{first}\r\n{}", form())).expect("it is sent");
            let mut said = client.reply();
            while let more @ 1.. = said.len() {
                assert!(said.starts_with("421"), "{first}: {said}");
                said = client.reply();
                assert!(more < 200, "{first} is not repeated to a browser");
            }
        }
    }
    assert!(!server.file("owned").exists(), "the body was carried out");
    // What the body asks for does work when a client of FTP asks.
    let mut client = Client::logged_in(server.address);
    client.expect("MKD owned", "257");
}

/// A browser's script can only make it send lines of HTTP; what a page writes there comes back as an error
/// message at most, and that must not become a script in the page (reflection).
#[test]
fn nothing_long_is_reflected() {
    let server = as_it_comes();
    let mut client = Client::logged_in(server.address);
    let script = "<script>alert('this page is not what it seems to be')</script>";
    for line in
        [script.to_owned(), format!("SITE {script}"), format!("OPTS {script}"), format!("HELP {script}")]
    {
        let said = client.ask(&line);
        assert!(said.starts_with('5') && !said.contains("</script>"), "{line}: {said}");
    }
}

#[test]
fn senseless_lines_end_the_session() {
    let server = as_it_comes();
    let mut client = Client::connect(server.address);
    let answered =
        (0..100).take_while(|number| client.ask(format!("X-Header-{number}: value")).starts_with("500"));
    assert!(answered.count() < 30, "it listens for ever");
}

/// How the handshake of a client that offers these protocols ends.
fn offer(server: &Server, protocols: &[&str], newest: bool) -> Result<Option<Vec<u8>>, Error> {
    let tls = Tls::offering(if newest { &TLS13 } else { &TLS12 }, protocols);
    let mut tcp = dial(server.address, None).expect("a connection");
    let mut greeting = [0; 256];
    let _ = tcp.read(&mut greeting).expect("a greeting");
    tcp.write_all(b"AUTH TLS\r\n").expect("it is sent");
    let _ = tcp.read(&mut greeting).expect("234");
    match tls.start(tcp) {
        Ok(stream) => Ok(stream.conn.alpn_protocol().map(<[u8]>::to_vec)),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(error.downcast().expect("an error of TLS"))
        }
        Err(error) => panic!("{protocols:?}: {error}"),
    }
}

#[test]
fn who_offers_other_protocols_and_not_ftp_gets_an_alert() {
    let server = as_it_comes();
    let refused = Err(Error::AlertReceived(AlertDescription::NoApplicationProtocol));
    for newest in [true, false] {
        for browser in [&["h2", "http/1.1"][..], &["http/1.1"], &["smtp"], &["imap"], &["ftp-data"], &["FTP"]]
        {
            assert_eq!(offer(&server, browser, newest), refused, "{browser:?}");
        }
        assert_eq!(offer(&server, &[], newest), Ok(None));
        assert_eq!(offer(&server, &["ftp"], newest), Ok(Some(b"ftp".to_vec())));
        assert_eq!(offer(&server, &["x-filezilla-ftp", "ftp"], newest), Ok(Some(b"ftp".to_vec())));
        assert_eq!(
            offer(&server, &["x-filezilla-ftp"], newest),
            Ok(None),
            "FileZilla is served as others are"
        );
    }
}

/// CVE-2009-3555: what was said before would belong to whoever shakes hands afterwards.
#[test]
fn a_second_handshake_in_the_first_is_refused() {
    let test = "renegotiation";
    let openssl = Command::new("openssl").arg("version").output().map(drop);
    let openssl = openssl.map_err(|_| Missing("openssl is not in PATH".to_owned()));
    let Some(()) = demand::demand(test, openssl) else { return };
    let server = fxpd(Settings { closed: true, ..Settings::default() });
    let mut attacker = Command::new("timeout")
        .args(["3", "openssl", "s_client", "-tls1_2", "-msg", "-starttls", "ftp"])
        .args(["-connect", &server.address.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl runs");
    // A line that is an R alone makes it shake hands again, once it has something to send.
    let mut orders = attacker.stdin.take().expect("a pipe");
    for order in ["R\n", "NOOP\n", "NOOP\n"] {
        std::thread::sleep(Duration::from_millis(300));
        let _ = orders.write_all(order.as_bytes());
    }
    let ended = attacker.wait_with_output().expect("openssl ends");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let count = |what: &str| said.lines().filter(|line| line.ends_with(what)).count();
    assert_eq!((count(", ClientHello"), count(", ServerHello")), (2, 1), "{said}");
    drop(orders);
}
