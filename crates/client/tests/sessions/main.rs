//! Sessions with a server that follows a script.

mod facts;
mod listings;
mod logins;
mod order;
#[path = "../scripted/mod.rs"]
mod scripted;
mod tls;
mod transfers;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fxp_client::connect::{ConnectError, Environment, Target, connect};
use fxp_client::queue::TimesSet;
use fxp_client::session::{Session, SessionError, SessionEvent};
use fxp_client::tls::{ClientTls, HandshakeError, ServerTls, trust::Trust};
use fxp_client::{DataStream, Meter};
use fxp_proto::client::manners::Queueing;
use fxp_proto::client::request::{Answer, Expected, LoginTls, Request, Setting};
use fxp_proto::grammar::change::TimeVerb;
use fxp_proto::grammar::command::Command;
use fxp_proto::grammar::params::{DigestKind, Protection, TlsRole};
use fxp_proto::grammar::verb::Verb;
use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::listing::time::FtpTime;
use fxp_proto::path::VPath;
use fxp_proto::wire::{secret::Secret, text::Text};

use scripted::{Bytes, Server};

/// The dialogue up to the end of a login; the features are the script's own.
fn login(features: &str) -> String {
    let features: String =
        features.split_whitespace().map(|name| format!("S:  {}\n", name.replace('_', " "))).collect();
    format!(
        "S: 220 Hello\nC: USER anna\nS: 331 Password\nC: PASS secret\nS: 230 In\nC: FEAT\nS: 211-Features\n{features}\
         S: 211 End\nC: SYST\nS: 215 UNIX\nC: TYPE I\nS: 200 Ok\nC: PWD\nS: 257 \"/home\"\n"
    )
}

fn target(server: &Server) -> Target {
    Target {
        host: server.address.ip().to_string(),
        port: server.address.port(),
        tls: LoginTls::Off,
        protection: Protection::Private,
        trust: Trust { roots: false, pinned: Vec::new() },
        user: Text::from("anna"),
        password: Secret::new("secret"),
        swift: None,
    }
}

fn environment() -> Environment {
    Environment { tls: ClientTls::new(), meter: Meter::default(), timeout: Duration::from_secs(10) }
}

/// A session whose server offers `features` and then follows `script`.
async fn session(features: &str, script: &str) -> (Session, Server) {
    let server = Server::play(&(login(features) + script), None).await;
    let session = connect(&target(&server), &environment(), None).await.unwrap();
    (session, server)
}

fn path(text: &str) -> VPath {
    VPath::parse(text.as_bytes()).unwrap()
}

/// One line per entry.
fn show(entries: &[Entry]) -> String {
    let line = |entry: &Entry| {
        let kind = match entry.kind {
            Kind::Directory => "/",
            Kind::Symlink(_) => "@",
            _ => "",
        };
        format!("{}{kind} {}", entry.name, entry.size.map_or("-".to_owned(), |size| size.to_string()))
    };
    entries.iter().map(line).collect::<Vec<_>>().join(", ")
}

async fn receive(data: DataStream) -> String {
    let receiving = move || {
        let mut bytes = Bytes(Vec::new());
        data.receive(&mut bytes, &Arc::new(AtomicU64::new(0))).map(|_| bytes.0)
    };
    String::from_utf8(tokio::task::spawn_blocking(receiving).await.unwrap().unwrap()).unwrap()
}

async fn send(data: DataStream, text: &str) {
    let mut bytes = Bytes(text.as_bytes().to_vec());
    let sending = move || data.send(&mut bytes, 0, None, &Arc::new(AtomicU64::new(0)));
    tokio::task::spawn_blocking(sending).await.unwrap().unwrap();
}
