//! What a run that was killed leaves behind at a server which locks what it stores.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{Daemon, PASSWORD, Product, Setup, USER};
use fxp_testkit::demand::demand;

use crate::world::{PATIENCE, client, fxpd, url};

/// vsftpd waits for the source of a part, and has locked it. Whoever killed the run copies again, and need not wait until that
/// session is over: which is after a minute, and here much later.
#[test]
fn a_part_that_a_dead_run_has_locked_is_not_waited_for() {
    let Some(()) = demand("a locked part", Product::Vsftpd.available()) else { return };
    let authority = Authority::new().expect("an authority");
    let source = fxpd(&authority, "");
    let vsftpd = Daemon::start_with(Product::Vsftpd, Setup::PLAIN, &authority, &["accept_timeout=3600"])
        .expect("it starts");
    let fxp = client([
        (source.address, source.fingerprint.as_str()),
        (vsftpd.address, vsftpd.fingerprint.as_str()),
    ]);
    fs::write(source.file("file"), "text").expect("a file");
    let part = vsftpd.root.join("file.fxp-part");
    let mut dead = Dead::login(&vsftpd);
    dead.say("PASV", "227");
    dead.send("STOR /file.fxp-part");
    let deadline = Instant::now() + PATIENCE;
    while !part.exists() {
        assert!(Instant::now() < deadline, "it is not begun\n{}", vsftpd.log());
        std::thread::sleep(Duration::from_millis(5));
    }

    let ran = fxp.run(["-v", "--tls", "off", "cp", &url(source.address, "file"), &url(vsftpd.address, "")]);
    assert_eq!(ran.code, 0, "{ran:#?}\n{}", vsftpd.log());
    assert_eq!(fs::read_to_string(vsftpd.root.join("file")).ok().as_deref(), Some("text"), "{ran:#?}");
    assert!(!part.exists(), "{ran:#?}");
}

/// A session like one whose client is gone; its server has not noticed.
struct Dead {
    replies: BufReader<TcpStream>,
}

impl Dead {
    fn login(daemon: &Daemon) -> Dead {
        let stream = TcpStream::connect(daemon.address).expect("a connection");
        let mut dead = Dead { replies: BufReader::new(stream) };
        dead.hear("220");
        dead.say(&format!("USER {USER}"), "331");
        dead.say(&format!("PASS {PASSWORD}"), "230");
        dead
    }

    fn say(&mut self, command: &str, expected: &str) {
        self.send(command);
        self.hear(expected);
    }

    fn send(&mut self, command: &str) {
        write!(self.replies.get_mut(), "{command}\r\n").expect("sent");
    }

    fn hear(&mut self, expected: &str) {
        let mut line = String::new();
        self.replies.read_line(&mut line).expect("a reply");
        assert!(line.starts_with(expected), "{line}");
    }
}
