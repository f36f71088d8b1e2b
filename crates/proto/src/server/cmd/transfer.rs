//! Files over a data connection: RETR, STOR, APPE, STOU, and ABOR (RFC 959, 4.1.3; RFC 3659, 5).

use crate::grammar::params::{Protection, TransferType};
use crate::listing::left_out::said;
use crate::path::VPath;
use crate::server::effect::{Effect, Placement, Progress, Receive, Send, Slot};
use crate::server::pending::{Running, Then, Transfer};
use crate::server::replies::joined;
use crate::server::state::{Session, Span};
use crate::wire::text::Text;

/// The name to begin with when STOU names none.
const UNIQUE_NAME: &[u8] = b"unique";

pub(super) fn retr(session: &mut Session, path: &[u8]) {
    let span = std::mem::take(&mut session.memory.span);
    let Some(path) = path_of(session, path) else { return };
    let Some(kind) = kind_for(session, span) else { return };
    let Some(slot) = slot_for_file(session) else { return };
    let (start, end) = span.bounds();
    let (then, progress) = pending(&path);
    let rate = session.memory.rate.clone();
    session.start(Effect::Send(Send { slot, path, kind, start, end, rate, progress }), then);
}

pub(super) fn stor(session: &mut Session, path: &[u8]) {
    let span = std::mem::take(&mut session.memory.span);
    let placement = match span {
        Span::Whole => Placement::Replace,
        Span::From(start) => Placement::From(start),
        Span::Range(start, end) => Placement::Range(start, end),
    };
    receive(session, path, placement, span);
}

/// APPE. An offset makes no sense here: RFC 3659, 5 knows REST before RETR and STOR only.
pub(super) fn appe(session: &mut Session, path: &[u8]) {
    match std::mem::take(&mut session.memory.span) {
        Span::Whole => receive(session, path, Placement::Append, Span::Whole),
        _ => session.say(503, "APPE has its own place; send it without REST or RANG"),
    }
}

pub(super) fn stou(session: &mut Session, path: &[u8]) {
    let path = if path.is_empty() { UNIQUE_NAME } else { path };
    match std::mem::take(&mut session.memory.span) {
        Span::Whole => receive(session, path, Placement::Unique, Span::Whole),
        _ => session.say(503, "STOU makes a new file; send it without REST or RANG"),
    }
}

fn receive(session: &mut Session, path: &[u8], placement: Placement, span: Span) {
    let Some(path) = path_of(session, path) else { return };
    if path.is_root() {
        return session.say(553, "the root is a directory");
    }
    let Some(kind) = kind_for(session, span) else { return };
    let Some(slot) = slot_for_file(session) else { return };
    let (then, progress) = pending(&path);
    let rate = session.memory.rate.clone();
    session.start(Effect::Receive(Receive { slot, path, kind, placement, rate, progress }), then);
}

/// ABOR in its turn: what ran has been stopped when it came in, so what is left is the data connection
/// that was prepared and not used.
pub(super) fn abor(session: &mut Session) {
    session.drop_slot();
    session.memory.span = Span::Whole;
    session.say(226, "nothing runs any more");
}

/// A path as the session sees it; if it is none, says so.
pub(super) fn path_of(session: &mut Session, path: &[u8]) -> Option<VPath> {
    match session.memory.directory.join(path) {
        Ok(path) => Some(path),
        Err(error) => {
            session.say(553, error.to_string());
            None
        }
    }
}

/// Several paths; if one of them is none, says so.
pub(super) fn paths_of(session: &mut Session, paths: &[Text]) -> Option<Vec<VPath>> {
    paths.iter().map(|path| path_of(session, path.as_bytes())).collect()
}

/// The data connection for a file: its other end must prove what PEER says now.
fn slot_for_file(session: &mut Session) -> Option<Slot> {
    if session.memory.peer.is_some() && session.memory.protection == Protection::Clear {
        session.say(521, "nothing can be proven in clear; use PROT P, or PEER OFF");
        return None;
    }
    let peer = session.memory.peer.clone();
    take_slot(session).map(|slot| Slot { peer, ..slot })
}

/// The data connection that was prepared, which serves this one transfer; if there is none, or one that
/// is not protected enough, says so.
pub(super) fn take_slot(session: &mut Session) -> Option<Slot> {
    let private_only = session.settings.require_private_data;
    match &session.memory.slot {
        None => {
            session.say(425, "no data connection prepared; use PASV or PORT first");
            None
        }
        Some(slot) if private_only && slot.protection == Protection::Clear => {
            session.say(521, "data connections must be private; use PROT P first");
            None
        }
        Some(_) => session.memory.slot.take(),
    }
}

/// TYPE, unless it contradicts REST or RANG: an offset into converted text has no meaning that two
/// servers would share.
fn kind_for(session: &mut Session, span: Span) -> Option<TransferType> {
    let kind = session.memory.kind;
    if kind == TransferType::Ascii && !matches!(span, Span::Whole | Span::From(0)) {
        session.say(501, "REST and RANG need TYPE I");
        return None;
    }
    Some(kind)
}

/// What is remembered of a transfer, and the counter that it shares with its effect.
pub(super) fn pending(path: &VPath) -> (Then, Progress) {
    let progress = Progress::default();
    let transfer = Transfer { name: path.to_text(), progress: progress.clone(), size: None, opened: false };
    (Then::Transfer(transfer), progress)
}

/// The second yes: `150`.
pub(super) fn opening(session: &mut Session, size: Option<u64>, name: Option<&VPath>) {
    let Some(Running { then: Then::Transfer(transfer), .. }) = session.running_mut() else { return };
    if std::mem::replace(&mut transfer.opened, true) {
        return;
    }
    transfer.size = size;
    let path = transfer.name.clone();
    let about = joined([b"opening the data connection for ", path.as_bytes()]);
    let text = match (name, size) {
        // The form of RFC 1123, 4.1.2.9.
        (Some(name), _) => joined([b"FILE: ", name.to_text().as_bytes()]),
        // Clients take the size from between the last parenthesis and the word.
        (None, Some(size)) => joined([&about, format!(" ({size} bytes)").as_bytes()]),
        (None, None) => about,
    };
    session.say(150, text);
}

/// All bytes moved.
pub(super) fn transferred(session: &mut Session, bytes: u64, name: Option<&VPath>, left_out: u64) {
    let text = match name {
        Some(name) => {
            joined([format!("{bytes} bytes transferred to ").as_bytes(), name.to_text().as_bytes()])
        }
        None => format!("{bytes} bytes transferred{}", said(left_out)).into_bytes(),
    };
    session.say(226, text);
}
