//! Effects, outcomes and news as transcripts write them.

use fxp_proto::grammar::params::{Protection, TlsRole, TransferType};
use fxp_proto::grammar::peer::PeerProof;
use fxp_proto::grammar::rate::RateLimit;
use fxp_proto::listing::entry::{Entry, Kind, Precision};
use fxp_proto::listing::time::FtpTime;
use fxp_proto::path::VPath;
use fxp_proto::server::effect::{
    Effect, Event, Failure, FailureKind, ListStyle, LoggedIn, Outcome, Progress, Slot,
};
use fxp_proto::wire::text::Text;

use super::number;

/// The counter that an effect shares with the machine.
pub(super) fn progress(effect: &Effect) -> Option<Progress> {
    match effect {
        Effect::Send(send) => Some(send.progress.clone()),
        Effect::Receive(receive) => Some(receive.progress.clone()),
        Effect::List(list) => Some(list.progress.clone()),
        _ => None,
    }
}

/// An effect in one line.
pub(super) fn described(effect: &Effect) -> String {
    match effect {
        Effect::Login(login) => {
            let password = String::from_utf8_lossy(login.password.expose()).into_owned();
            let host = login.host.as_ref().map(|host| format!(" at {host}")).unwrap_or_default();
            format!("Login {} {password}{host}", login.user)
        }
        Effect::Listen { slot, family } => {
            let family = family.map_or(String::from("any family"), |family| format!("{family:?}"));
            format!("Listen {} {family}", slot_text(slot))
        }
        Effect::Aim(slot) => format!("Aim {}", slot_text(slot)),
        Effect::Release(slot) => format!("Release slot{}", slot.0),
        Effect::Rekey(slot, key) => format!("Rekey slot{} {:02x}", slot.0, key.expose()[0]),
        Effect::Send(send) => {
            let end = send.end.map(|end| end.to_string()).unwrap_or_default();
            format!(
                "Send {} {} {} {}-{end}{}",
                slot_text(&send.slot),
                send.path,
                type_text(send.kind),
                send.start,
                rate_text(send.rate.as_ref())
            )
        }
        Effect::Receive(receive) => {
            let (slot, kind) = (slot_text(&receive.slot), type_text(receive.kind));
            let rate = rate_text(receive.rate.as_ref());
            format!("Receive {slot} {} {kind} {:?}{rate}", receive.path, receive.placement)
        }
        Effect::List(list) => {
            let slot = list.slot.as_ref().map_or(String::from("control"), slot_text);
            let style = match &list.style {
                ListStyle::Long { hidden } => format!("Long {}", all(*hidden)),
                ListStyle::Names { hidden } => format!("Names {}", all(*hidden)),
                ListStyle::Facts(facts) => format!("Facts {facts:?}"),
            };
            format!("List {slot} {} {}", list.path, style.trim_end())
        }
        Effect::File(operation) => format!("{operation:?}"),
        Effect::Digest(digest) => {
            let end = digest.end.map(|end| end.to_string()).unwrap_or_default();
            format!("Digest {:?} {} {}-{end}", digest.kind, digest.path, digest.start)
        }
    }
}

fn all(hidden: bool) -> &'static str {
    if hidden { "all" } else { "" }
}

fn slot_text(slot: &Slot) -> String {
    let protection = match (slot.protection, slot.role) {
        (Protection::Clear, _) => "clear",
        (Protection::Private, TlsRole::Client) => "tls-client",
        (Protection::Private, TlsRole::Server) => "tls-server",
    };
    let target = slot.target.map(|target| format!(" to {target}")).unwrap_or_default();
    let peer = match &slot.peer {
        None => String::new(),
        // Only a test may print it: the first byte tells keys apart.
        Some(PeerProof::Key(key)) => format!(" key {:02x}", key.expose()[0]),
        Some(PeerProof::Pin(pin)) => format!(" pin {pin}"),
    };
    format!("slot{} {} {protection}{target}{peer}", slot.id.0, slot.verb.name())
}

fn type_text(kind: TransferType) -> &'static str {
    match kind {
        TransferType::Ascii => "A",
        TransferType::Image => "I",
    }
}

/// `done`, `in HOME`, `in HOME alone` (without foreign peers), `listening ADDRESS`, `facts KIND [SIZE [TIME]]`, `space N`, `digest HEX START END`,
/// `moved N [NAME]`, `listed [without N]`, `failed KIND detail`.
pub(super) fn outcome(text: &str) -> Result<Outcome, String> {
    let words: Vec<&str> = text.split(' ').collect();
    Ok(match words.as_slice() {
        ["done"] => Outcome::Done,
        ["in", home] => Outcome::LoggedIn(welcome(home, true)?),
        ["in", home, "alone"] => Outcome::LoggedIn(welcome(home, false)?),
        ["listening", address] => {
            Outcome::Listening(address.parse().map_err(|_| format!("no address: {address}"))?)
        }
        ["facts", kind, rest @ ..] => Outcome::Facts(entry(kind, rest)?),
        ["space", bytes] => Outcome::Space(number(bytes)?),
        ["digest", hex, start, end] => {
            Outcome::Digest { hex: String::from(*hex), start: number(start)?, end: number(end)? }
        }
        ["moved", bytes] => Outcome::Transferred { bytes: number(bytes)?, name: None, left_out: 0 },
        ["moved", bytes, name] => {
            Outcome::Transferred { bytes: number(bytes)?, name: Some(path(name)?), left_out: 0 }
        }
        ["listed"] => Outcome::Listed { left_out: 0 },
        ["listed", "without", left_out] => Outcome::Listed { left_out: number(left_out)? },
        ["failed", kind, detail @ ..] => {
            Outcome::Failed(Failure { kind: failure(kind)?, detail: Text::lossy(detail.join(" ")) })
        }
        _ => return Err(format!("no outcome: {text}")),
    })
}

/// `opening [SIZE]`, `opening as NAME`, `lines A|B|C`.
pub(super) fn event(text: &str) -> Result<Event, String> {
    if let Some(lines) = text.strip_prefix("lines ") {
        return Ok(Event::Lines(lines.split('|').map(Text::lossy).collect()));
    }
    let words: Vec<&str> = text.split(' ').collect();
    Ok(match words.as_slice() {
        ["opening"] => Event::Opening { size: None, name: None },
        ["opening", "as", name] => Event::Opening { size: None, name: Some(path(name)?) },
        ["opening", size] => Event::Opening { size: Some(number(size)?), name: None },
        _ => return Err(format!("no news: {text}")),
    })
}

fn welcome(home: &str, foreign_peers: bool) -> Result<LoggedIn, String> {
    Ok(LoggedIn { home: path(home)?, message: Text::from("welcome"), foreign_peers })
}

fn entry(kind: &str, rest: &[&str]) -> Result<Entry, String> {
    let kind = match kind {
        "file" => Kind::File,
        "directory" => Kind::Directory,
        "other" => Kind::Other,
        _ => return Err(format!("no kind of file: {kind}")),
    };
    let mut entry = Entry::new(Text::from("name"), kind);
    if let Some(size) = rest.first() {
        entry.size = Some(number(size)?);
    }
    if let Some(time) = rest.get(1) {
        let time = FtpTime::parse(time.as_bytes()).map_err(|error| error.to_string())?;
        entry.modified = Some((time, Precision::Second));
    }
    Ok(entry)
}

fn path(text: &str) -> Result<VPath, String> {
    VPath::parse(text.as_bytes()).map_err(|error| error.to_string())
}

fn failure(name: &str) -> Result<FailureKind, String> {
    use FailureKind::*;
    [
        BadLogin,
        TooMany,
        NotFound,
        Denied,
        Exists,
        IsDirectory,
        NotDirectory,
        NotEmpty,
        BadName,
        BadOffset,
        NoSpace,
        Quota,
        Busy,
        Unsupported,
        Io,
        Policy,
        Connect,
        Handshake,
        NotResumed,
        Protection,
        Broken,
        Aborted,
        Family,
    ]
    .into_iter()
    .find(|kind| format!("{kind:?}") == name)
    .ok_or(format!("no kind of failure: {name}"))
}

fn rate_text(rate: Option<&RateLimit>) -> String {
    rate.map(|rate| format!(" rate {}", RateLimit::to_argument(Some(rate)))).unwrap_or_default()
}
