//! The certificates that a server shows to others than us: one that has several chooses by what a client can verify,
//! and by the name that it asks for.

use std::time::Duration;

use fxp_net::control::{Control, Received};
use fxp_net::dial;
use fxp_net::tls::trust::{Fingerprint, Trust};
use fxp_net::tls::{ClientTls, Showing};
use fxp_proto::grammar::reply::{Reply, ReplyParser};
use tokio::time::{Instant, timeout_at};

use crate::connect::Environment;
use crate::driver::LINE_CEILING;

/// What the server at `host` and `port` shows on further control connections, each once: asked for an RSA key and for another one, by its name
/// and without. They are verified like the certificate of a session; one that is not trusted, and a way of asking that the
/// server does not answer, are passed over. Nobody logs in. One connection at a time, four at most, ten seconds in all.
pub async fn certificates(
    host: &str,
    port: u16,
    implicit: bool,
    trust: &Trust,
    environment: &Environment,
) -> Vec<Fingerprint> {
    let door = Door { host, port, implicit, trust };
    let deadline = Instant::now() + PATIENCE.min(environment.timeout);
    let mut seen = Vec::new();
    for showing in ClientTls::showings(host) {
        match timeout_at(deadline, door.shows(environment, showing)).await {
            Ok(Some(certificate)) if !seen.contains(&certificate) => seen.push(certificate),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    seen
}

/// Where to ask, and whom to trust.
struct Door<'a> {
    host: &'a str,
    port: u16,
    implicit: bool,
    trust: &'a Trust,
}

impl Door<'_> {
    /// The certificate on one connection, if it is to be trusted.
    async fn shows(&self, environment: &Environment, showing: Showing) -> Option<Fingerprint> {
        let tcp = dial::control(self.host, self.port, environment.timeout).await.ok()?;
        let mut control = Control::new(tcp, LINE_CEILING).ok()?;
        if !self.implicit {
            final_reply(&mut control).await.filter(|reply| reply.code.is_completion())?;
            control.queue(b"AUTH TLS\r\n");
            control.flush().await.ok()?;
            final_reply(&mut control).await.filter(|reply| reply.code.number() == 234)?;
        }
        let session = environment.tls.session_showing(self.host, self.trust.clone(), showing);
        let info = control.secure_as_client(&session).await.ok()?;
        control.queue(b"QUIT\r\n");
        control.close().await;
        info.peer.filter(|_| info.verified.is_some())
    }
}

async fn final_reply(control: &mut Control) -> Option<Reply> {
    let mut parser = ReplyParser::default();
    loop {
        let Ok(Received::Line(line)) = control.receive().await else { return None };
        match parser.line(&line) {
            Ok(Some(reply)) if !reply.code.is_preliminary() => return Some(reply),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

/// The copy waits meanwhile; a server that keeps strangers waiting has told enough.
const PATIENCE: Duration = Duration::from_secs(10);
