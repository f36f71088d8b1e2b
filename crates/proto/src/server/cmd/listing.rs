//! Listings: LIST, NLST, MLSD over a data connection; MLST, MLSC and STAT with a path over the control
//! connection (RFC 959, 4.1.3; RFC 3659, 7). MLSC is what GridFTP servers offer: MLSD's facts in one reply.

use super::mismatch;
use super::transfer::{self, path_of, take_slot};
use crate::grammar::params::TlsRole;
use crate::grammar::reply::{Reply, inner_line};
use crate::grammar::verb::Verb;
use crate::listing::left_out::said;
use crate::server::effect::{Effect, FileOp, List, ListStyle, Outcome, Progress};
use crate::server::machine::Action;
use crate::server::pending::{Look, Running, Then};
use crate::server::state::{Session, Span};
use crate::wire::telnet::IAC;
use crate::wire::text::Text;

pub(super) fn list(session: &mut Session, argument: &[u8]) {
    let (options, path) = options_and_path(argument);
    over_data(session, path, ListStyle::Long { hidden: options.hidden });
}

pub(super) fn nlst(session: &mut Session, argument: &[u8]) {
    let (options, path) = options_and_path(argument);
    over_data(session, path, ListStyle::Names { hidden: options.hidden });
}

pub(super) fn mlsd(session: &mut Session, path: &[u8]) {
    let facts = session.memory.facts;
    over_data(session, path, ListStyle::Facts(facts));
}

pub(super) fn mlst(session: &mut Session, path: &[u8]) {
    if let Some(path) = path_of(session, path) {
        session.start(Effect::File(FileOp::Stat(path.clone())), Then::Look(Look::Describe(path)));
    }
}

/// STAT with a path, or with options alone (`STAT -l`): a listing without a data connection, which
/// saves a round trip and a handshake.
pub(super) fn stat(session: &mut Session, argument: &[u8]) {
    let (options, path) = options_and_path(argument);
    over_control(session, path, ListStyle::Long { hidden: options.hidden });
}

/// MLSC: as MLSD, in one reply, which saves the data connection: three round trips and a handshake for each directory.
pub(super) fn mlsc(session: &mut Session, path: &[u8]) {
    let facts = session.memory.facts;
    over_control(session, path, ListStyle::Facts(facts));
}

fn over_control(session: &mut Session, path: &[u8], style: ListStyle) {
    let Some(path) = path_of(session, path) else { return };
    let list = List { slot: None, path, style, progress: Progress::default() };
    session.start(Effect::List(list), Then::Lines { begun: false });
}

fn over_data(session: &mut Session, path: &[u8], style: ListStyle) {
    // An offset left over from a transfer that never came must not reach the one after this listing.
    session.memory.span = Span::Whole;
    let Some(path) = path_of(session, path) else { return };
    let Some(mut slot) = take_slot(session) else { return };
    // A listing goes to the control peer, who is a client: we are the TLS server whatever SSCN and CPSV
    // say (RaidenFTPD's SSCN, rule for listings).
    slot.role = TlsRole::Server;
    slot.peer = None;
    let (then, progress) = transfer::pending(&path);
    session.start(Effect::List(List { slot: Some(slot), path, style, progress }), then);
}

/// What `-la` and the like mean to us.
#[derive(Default)]
struct Options {
    /// `-a`, `-A`: dot files too.
    hidden: bool,
}

/// Leading words that begin with `-` are options for a program that is not here; those that matter are
/// heeded, the others overlooked. The rest is the path, spaces and all.
fn options_and_path(argument: &[u8]) -> (Options, &[u8]) {
    let mut options = Options::default();
    let mut rest = argument.trim_ascii_start();
    while let Some(after) = rest.strip_prefix(b"-") {
        let end = after.iter().position(|&byte| byte == b' ').unwrap_or(after.len());
        options.hidden |= after[..end].iter().any(|letter| matches!(letter, b'a' | b'A'));
        rest = after[end..].trim_ascii_start();
    }
    (options, rest)
}

/// Lines for the control connection; the first ones begin the reply.
pub(super) fn lines(session: &mut Session, lines: &[Text]) {
    let Some(Running { verb, then: Then::Lines { begun }, .. }) = session.running_mut() else { return };
    let verb = *verb;
    let mut formatted = Vec::with_capacity(lines.len() + 1);
    if !std::mem::replace(begun, true) {
        let (code, first) = head(verb);
        formatted.push(Text::lossy(format!("{code}-{first}")));
    }
    formatted
        .extend(lines.iter().map(|line| if verb == Verb::Mlsc { fact_line(line) } else { inner_line(line) }));
    session.act(Action::Lines(formatted));
}

pub(super) fn lines_ended(session: &mut Session, verb: Verb, begun: bool, outcome: Outcome) {
    let (code, first) = head(verb);
    let end = |left_out| {
        format!("End of {}{}", if verb == Verb::Mlsc { "listing" } else { "status" }, said(left_out))
    };
    match (outcome, begun) {
        (Outcome::Failed(failure), false) => session.fail(verb, &failure),
        // The reply has begun with this code, and must end with it.
        (Outcome::Failed(failure), true) => session.answer(Reply::new(code, failure.detail)),
        (Outcome::Listed { left_out }, true) => session.say(code, end(left_out)),
        (Outcome::Listed { left_out }, false) => {
            session.answer(Reply::list::<Text>(code, first, [], Text::lossy(end(left_out))));
        }
        (_, true) => session.answer(Reply::new(code, mismatch().detail)),
        (_, false) => session.fail(verb, &mismatch()),
    }
}

/// The code of the whole reply, and its first line.
pub(super) fn head(verb: Verb) -> (u16, &'static str) {
    match verb {
        Verb::Mlsc => (250, "Contents follow:"),
        _ => (213, "Status follows:"),
    }
}

/// A line of facts inside a reply, as MLST has it (RFC 3659, 7.2). A name is data: here, unlike on a data connection, the
/// byte 0xFF has to be doubled (RFC 854).
fn fact_line(line: &Text) -> Text {
    let mut bytes = Vec::with_capacity(line.len() + 1);
    bytes.push(b' ');
    for &byte in line.as_bytes() {
        bytes.extend(std::iter::repeat_n(byte, if byte == IAC { 2 } else { 1 }));
    }
    Text::lossy(bytes)
}
