//! The client of a copy, as far as one server sees it: a control connection inside TLS.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use fxp_testkit::certificate::Authority;
use fxp_testkit::daemon::{PASSWORD, USER};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// It is logged in, TYPE I, PROT P.
pub(super) struct Session {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

impl Session {
    pub(super) fn log_in(address: SocketAddr, authority: &Authority) -> Session {
        let tcp = TcpStream::connect(address).expect("a control connection");
        tcp.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let mut clear = BufReader::new(tcp);
        assert_eq!(reply(&mut clear).0, 220);
        clear.get_mut().write_all(b"AUTH TLS\r\n").expect("it is sent");
        assert_eq!(reply(&mut clear).0, 234);
        let name = ServerName::from(address.ip());
        let tls = ClientConnection::new(config(authority), name).expect("a client");
        let stream = StreamOwned::new(tls, clear.into_inner());
        let mut session = Session { stream: BufReader::new(stream) };
        session.expect(&[&format!("USER {USER}"), &format!("PASS {PASSWORD}")], &[331, 230]);
        session.expect(&["PBSZ 0", "PROT P", "TYPE I"], &[200, 200, 200]);
        session
    }

    /// Sends lines in one write.
    pub(super) fn say(&mut self, lines: &[&str]) {
        let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        self.stream.get_mut().write_all(text.as_bytes()).expect("it is sent");
    }

    /// The next reply: its code and its last line.
    pub(super) fn reply(&mut self) -> (u16, String) {
        reply(&mut self.stream)
    }

    /// Sends lines in one write; what the replies must be. Returns the last one's text.
    #[track_caller]
    pub(super) fn expect(&mut self, lines: &[&str], codes: &[u16]) -> String {
        self.say(lines);
        let mut last = String::new();
        for code in codes {
            let (said, text) = self.reply();
            assert_eq!(said, *code, "{lines:?}: {text}");
            last = text;
        }
        last
    }
}

fn config(authority: &Authority) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(authority.pem().as_bytes()).expect("a certificate");
    roots.add(certificate).expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("its versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn reply(stream: &mut impl BufRead) -> (u16, String) {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).expect("a reply");
        let line = line.trim_end();
        // Lines in the middle of a reply have something else there.
        if let (Some(Ok(code)), Some(" ")) = (line.get(..3).map(str::parse), line.get(3..4)) {
            return (code, line.to_owned());
        }
        assert!(!line.is_empty(), "the connection has ended");
    }
}

/// No reply takes this long, unless something hangs.
const PATIENCE: Duration = Duration::from_secs(300);
