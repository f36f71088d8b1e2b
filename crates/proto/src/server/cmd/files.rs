//! Names: where we are, what is there, and how to change it (RFC 959, 4.1.1 and 4.1.3; RFC 3659;
//! draft-somers-ftp-mfxx).

use std::collections::VecDeque;

use super::transfer::{path_of, paths_of};
use crate::grammar::change::{FactChange, Mdtm, parse_comb, parse_mff, parse_mfmt};
use crate::grammar::params::TransferType;
use crate::grammar::quote::{quote, reply_257};
use crate::grammar::reply::Reply;
use crate::grammar::verb::Verb;
use crate::listing::entry::{Entry, Kind};
use crate::listing::mlsx;
use crate::listing::time::FtpTime;
use crate::path::VPath;
use crate::server::effect::{Effect, Failure, FailureKind, FileOp};
use crate::server::pending::{Look, Then};
use crate::server::replies::joined;
use crate::server::state::Session;
use crate::wire::text::Text;

pub(super) fn cwd(session: &mut Session, path: &[u8]) {
    look(session, path, Look::Enter);
}

pub(super) fn pwd(session: &mut Session) {
    let path = session.memory.directory.to_text();
    session.answer(reply_257(&path, "is the current directory"));
}

pub(super) fn mkd(session: &mut Session, path: &[u8]) {
    let Some(path) = path_of(session, path) else { return };
    let done = reply_257(&path.to_text(), "created");
    operate(session, FileOp::MakeDirectory(path), done);
}

pub(super) fn rmd(session: &mut Session, path: &[u8]) {
    let Some(path) = path_of(session, path) else { return };
    operate(session, FileOp::RemoveDirectory(path), Reply::new(250, "directory removed"));
}

pub(super) fn dele(session: &mut Session, path: &[u8]) {
    let Some(path) = path_of(session, path) else { return };
    operate(session, FileOp::Delete(path), Reply::new(250, "deleted"));
}

pub(super) fn rnfr(session: &mut Session, path: &[u8]) {
    session.memory.rename = None;
    look(session, path, Look::Rename);
}

pub(super) fn rnto(session: &mut Session, path: &[u8]) {
    let Some(from) = session.memory.rename.take() else {
        return session.say(503, "send RNFR first");
    };
    let Some(to) = path_of(session, path) else { return };
    operate(session, FileOp::Rename { from, to }, Reply::new(250, "renamed"));
}

/// SIZE in ASCII would mean reading the whole file to count its line ends (RFC 3659, 4 lets us refuse).
pub(super) fn size(session: &mut Session, path: &[u8]) {
    match session.memory.kind {
        TransferType::Ascii => session.say(550, "SIZE needs TYPE I"),
        TransferType::Image => look(session, path, |_| Look::Size),
    }
}

/// MDTM asks for the time of a file; with a time before the path it sets one, as several clients do that
/// know no MFMT. A file may be called like a time and a path, so that is looked for first.
pub(super) fn mdtm(session: &mut Session, argument: &[u8]) {
    match Mdtm::parse(argument) {
        Mdtm::Tell(path) => look(session, path.as_bytes(), |_| Look::Time),
        Mdtm::Set(time, path) => {
            let Some(path) = path_of(session, path.as_bytes()) else { return };
            look(session, argument, |_| Look::TimeOr { path, time });
        }
    }
}

pub(super) fn mfmt(session: &mut Session, argument: &[u8]) {
    match parse_mfmt(argument) {
        Ok((time, path)) => {
            let Some(path) = path_of(session, path.as_bytes()) else { return };
            set_time(session, path, time);
        }
        Err(error) => session.refuse(error),
    }
}

fn set_time(session: &mut Session, path: VPath, time: FtpTime) {
    change_facts(session, &path.clone(), vec![FactChange::Modify(time)]);
}

pub(super) fn mff(session: &mut Session, argument: &[u8]) {
    let (changes, path) = match parse_mff(argument) {
        Ok(parsed) => parsed,
        Err(error) => return session.refuse(error),
    };
    let Some(path) = path_of(session, path.as_bytes()) else { return };
    match changes.iter().find(|change| matches!(change, FactChange::Unknown(_))) {
        Some(unknown) => {
            session.say(504, joined([unknown.to_text().as_bytes(), b" is a fact that cannot be set here"]));
        }
        None => change_facts(session, &path, changes),
    }
}

/// One operation for each fact, one reply for all. The time comes last, so that no other change can
/// touch it again.
fn change_facts(session: &mut Session, path: &VPath, mut changes: Vec<FactChange>) {
    let told: Vec<u8> = changes.iter().flat_map(|change| change.to_text().as_bytes().to_vec()).collect();
    let done = Reply::new(213, Text::lossy(joined([&told, b" ", path.to_text().as_bytes()])));
    changes.sort_by_key(|change| matches!(change, FactChange::Modify(_)));
    let operations: Option<VecDeque<FileOp>> =
        changes.into_iter().map(|change| fact_operation(change, path.clone())).collect();
    match operations {
        Some(operations) => several(session, operations, done),
        None => session.say(501, "only the permission bits can be set, 0000 to 0777"),
    }
}

fn fact_operation(change: FactChange, path: VPath) -> Option<FileOp> {
    match change {
        FactChange::Modify(time) => Some(FileOp::SetTime(path, time)),
        FactChange::UnixMode(mode) if mode <= MAX_MODE => Some(FileOp::SetMode(path, mode)),
        FactChange::UnixMode(_) | FactChange::Unknown(_) => None,
    }
}

/// No set-user-id, set-group-id or sticky bit comes from outside.
pub(super) const MAX_MODE: u32 = 0o777;

/// One operation after the other; the reply comes when all are done.
pub(super) fn several(session: &mut Session, mut operations: VecDeque<FileOp>, done: Reply) {
    match operations.pop_front() {
        Some(next) => session.start(Effect::File(next), Then::Operate(operations, done)),
        None => session.answer(done),
    }
}

pub(super) fn avbl(session: &mut Session, path: &[u8]) {
    let Some(path) = path_of(session, path) else { return };
    session.start(Effect::File(FileOp::Space(path)), Then::Room { wanted: None });
}

/// The answer to AVBL, or to ALLO.
pub(super) fn room(session: &mut Session, wanted: Option<u64>, free: u64) {
    match wanted {
        None => session.say(213, free.to_string()),
        Some(wanted) if wanted <= free => session.say(200, "there is room for it"),
        Some(_) => session.say(552, format!("only {free} bytes are free")),
    }
}

pub(super) fn comb(session: &mut Session, argument: &[u8]) {
    let (target, parts) = match parse_comb(argument) {
        Ok(parsed) => parsed,
        Err(error) => return session.refuse(error),
    };
    let Some(target) = path_of(session, target.as_bytes()) else { return };
    let Some(parts) = paths_of(session, &parts) else { return };
    operate(session, FileOp::Combine { target, parts }, Reply::new(250, "parts joined"));
}

/// One operation, one reply.
pub(super) fn operate(session: &mut Session, operation: FileOp, done: Reply) {
    several(session, VecDeque::from([operation]), done);
}

fn look(session: &mut Session, path: &[u8], why: impl FnOnce(VPath) -> Look) {
    if let Some(path) = path_of(session, path) {
        session.start(Effect::File(FileOp::Stat(path.clone())), Then::Look(why(path)));
    }
}

/// What is there, for whoever asked.
pub(super) fn seen(session: &mut Session, look: Look, entry: Entry) {
    match look {
        Look::Enter(path) if entry.kind == Kind::Directory => {
            let text = joined([quote(&path.to_text()).as_bytes(), b" is the current directory"]);
            session.memory.directory = path;
            session.say(250, text);
        }
        Look::Enter(_) => session.say(550, "not a directory"),
        Look::Size => match (entry.kind, entry.size) {
            (Kind::File, Some(size)) => session.say(213, size.to_string()),
            _ => session.say(550, "not a regular file"),
        },
        Look::Time | Look::TimeOr { .. } => match entry.modified {
            Some((time, _)) => session.say(213, time.to_string()),
            None => session.say(550, "its time is not known"),
        },
        Look::Describe(path) => {
            let mut line = Vec::new();
            mlsx::write_line(&entry, session.memory.facts, path.to_text().as_bytes(), &mut line);
            session.answer(Reply::list(250, "Facts:", [Text::lossy(line)], "End"));
        }
        Look::Rename(path) => {
            session.memory.rename = Some(path);
            session.say(350, "ready for RNTO");
        }
    }
}

/// Nothing is there.
pub(super) fn not_seen(session: &mut Session, verb: Verb, look: Look, failure: &Failure) {
    match look {
        Look::TimeOr { path, time } if failure.kind == FailureKind::NotFound => set_time(session, path, time),
        _ => session.fail(verb, failure),
    }
}
