//! What the server tells about itself and the session: SYST, FEAT, HELP, STAT, NOOP, LANG, CLNT, CSID.

use crate::grammar::params::{Protection, TlsRole, TransferType};
use crate::grammar::reply::Reply;
use crate::grammar::verb::{Argument, Row, Served, TABLE, Verb};
use crate::server::effect::MOST_LISTED;
use crate::server::machine::TlsOffer;
use crate::server::pending::{Running, Then};
use crate::server::replies::joined;
use crate::server::state::{Session, User};
use crate::wire::text::Text;

pub(super) fn syst(session: &mut Session) {
    session.say(215, "UNIX Type: L8");
}

pub(super) fn noop(session: &mut Session) {
    session.say(200, "still here");
}

pub(super) fn clnt(session: &mut Session) {
    session.say(200, "noted");
}

/// Name and version, in the form that Serv-U introduced.
pub(super) fn csid(session: &mut Session) {
    let text = joined([b"Name=", session.settings.software.as_bytes(), b"; Version=", VERSION, b";"]);
    session.say(200, text);
}

/// English is all we speak (RFC 2640, 4.1).
pub(super) fn lang(session: &mut Session, tag: &[u8]) {
    let primary = tag.split(|&byte| byte == b'-').next().unwrap_or_default();
    match primary.to_ascii_lowercase().as_slice() {
        b"" | b"en" => session.say(200, "replies are in English (EN)"),
        _ => session.say(504, "only EN is spoken here"),
    }
}

/// FEAT, from the table (RFC 2389): what cannot be used on this server is not in it.
pub(super) fn feat(session: &mut Session) {
    let mut features: Vec<Text> =
        TABLE.iter().filter(|row| is_offered(session, row)).filter_map(|row| line(session, row)).collect();
    features.push(Text::from("UTF8"));
    features.push(Text::from("TVFS"));
    session.answer(Reply::list(211, "Features:", features, "End"));
}

fn is_offered(session: &Session, row: &Row) -> bool {
    match row.verb {
        Verb::Auth | Verb::Pbsz | Verb::Prot | Verb::Sscn | Verb::Cpsv | Verb::Peer => {
            session.settings.tls != TlsOffer::None || session.secured
        }
        Verb::Pret => session.settings.advertise_pret,
        _ => row.served == Served::Yes,
    }
}

/// The row's line; for commands with choices, which of them is in force is starred.
fn line(session: &Session, row: &Row) -> Option<Text> {
    match row.verb {
        Verb::Pret => Some(Text::from("PRET")),
        Verb::Mlst => Some(Text::lossy(format!("MLST {}", session.memory.facts.features()))),
        Verb::Hash => Some(Text::lossy(format!("HASH {}", session.memory.digest.features()))),
        Verb::Mlsc => Some(Text::lossy(format!("MLSC {MOST_LISTED}"))),
        _ => row.feat.map(Text::from),
    }
}

pub(super) fn help(session: &mut Session, about: &[u8]) {
    if about.is_empty() {
        let served = TABLE.iter().filter(|row| row.served == Served::Yes && !row.verb.is_site());
        let lines = in_columns(served.map(|row| row.name));
        return session.answer(Reply::list(
            214,
            "These commands are served:",
            lines,
            "HELP command tells more",
        ));
    }
    let verb = match about.to_ascii_uppercase().strip_prefix(b"SITE ") {
        Some(child) => Verb::parse_site(child),
        None => Verb::parse(about),
    };
    match verb {
        Some(verb) => session.say(214, explained(verb.row())),
        None => session.say(502, "no such command"),
    }
}

fn explained(row: &Row) -> String {
    let syntax = match row.argument {
        Argument::None => String::from(row.name),
        Argument::Optional(argument) => format!("{} [{argument}]", row.name),
        Argument::Required(argument) => format!("{} {argument}", row.name),
    };
    format!("Syntax: {syntax}. {} ({})", row.summary, row.rfc)
}

/// Names in lines of eight.
pub(super) fn in_columns(names: impl Iterator<Item = &'static str>) -> Vec<Text> {
    let names: Vec<_> = names.collect();
    names
        .chunks(8)
        .map(|line| Text::lossy(line.iter().map(|name| format!("{name:8}")).collect::<String>().trim_end()))
        .collect()
}

/// STAT without an argument while nothing is transferred.
pub(super) fn stat(session: &mut Session) {
    let memory = &session.memory;
    let user = match &memory.user {
        User::Stranger => Text::from("not logged in"),
        User::Named(_) => Text::from("waiting for a password"),
        User::In(name) => Text::lossy(joined([b"logged in as ", name.as_bytes()])),
    };
    let kind = match memory.kind {
        TransferType::Ascii => "TYPE A, MODE S, STRU F",
        TransferType::Image => "TYPE I, MODE S, STRU F",
    };
    let control =
        if session.secured { "control connection inside TLS" } else { "control connection in clear" };
    let data = match (memory.protection, memory.role) {
        (Protection::Clear, _) => "data connections in clear (PROT C)",
        (Protection::Private, TlsRole::Server) => "data connections inside TLS (PROT P), as TLS server",
        (Protection::Private, TlsRole::Client) => {
            "data connections inside TLS (PROT P), as TLS client (SSCN ON)"
        }
    };
    let prepared = match &memory.slot {
        None => String::from("no data connection prepared"),
        Some(slot) => match slot.target {
            None => format!("listening for a data connection ({})", slot.verb.name()),
            Some(target) => format!("data connection will go to {target} ({})", slot.verb.name()),
        },
    };
    let peer = format!("connected from {}", session.endpoints.peer.ip().to_canonical());
    let lines = [
        Text::lossy(peer),
        user,
        Text::from(kind),
        Text::from(control),
        Text::from(data),
        Text::lossy(prepared),
    ];
    session.answer(Reply::list(211, "Status:", lines, "End of status"));
}

/// STAT without an argument while a transfer runs. lftp takes the first number of a 213 for the bytes
/// that have arrived, and a 211 for "ask again later".
pub(in crate::server) fn progress(session: &mut Session) {
    let Some(Running { then: Then::Transfer(transfer), .. }) = session.running() else {
        return stat(session);
    };
    let bytes = transfer.progress.0.load(std::sync::atomic::Ordering::Relaxed);
    let (code, text) = match (transfer.opened, transfer.size) {
        (false, _) => (211, String::from("waiting for the data connection")),
        (true, Some(size)) => (213, format!("Status: {bytes} of {size} bytes transferred")),
        (true, None) => (213, format!("Status: {bytes} bytes transferred")),
    };
    session.say(code, text);
}

const VERSION: &[u8] = env!("CARGO_PKG_VERSION").as_bytes();
