//! Bugs that other servers had, by their numbers: `docs/security/ATTACKS.md` has the list. Each test says what
//! went wrong elsewhere, and would fail if it went wrong here.

mod commands;
mod life;
mod lines;
mod names;
mod process;

use std::net::SocketAddr;

use fxp_testkit::daemon::{PASSWORD, hash_of};

use super::wire::Client;
use crate::server::{Server, Settings};

/// One more user of a configuration, at `home`, with more keys.
fn user(name: &str, home: &std::path::Path, more: &str) -> String {
    let home = home.display();
    format!("[[user]]\nname = \"{name}\"\npassword = \"{}\"\nhome = \"{home}\"\n{more}\n", hash_of(PASSWORD))
}

/// `fxpd` with no rules, but with these settings.
fn fxpd(top: &str, user: &str) -> Server {
    super::stage::fxpd(Settings { closed: true, top, user, ..Settings::default() })
}

/// One reply for one line, and the session goes on: whoever counts replies stays in step.
#[track_caller]
fn in_step(client: &mut Client, line: impl AsRef<[u8]>) -> String {
    let shown = line.as_ref()[..line.as_ref().len().min(60)].escape_ascii().to_string();
    let reply = client.ask(line);
    assert!(!reply.is_empty(), "{shown}: the connection ended");
    let after = client.ask("NOOP");
    assert!(after.starts_with("200"), "{shown}: {reply}, and then {after}");
    reply
}

/// It has not come to harm.
#[track_caller]
fn still_serves(address: SocketAddr) {
    let mut client = Client::logged_in(address);
    client.expect("PWD", "257");
    client.download("LIST");
}
