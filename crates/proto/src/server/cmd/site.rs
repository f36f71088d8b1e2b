//! SITE and its children: what file transfer programs expect from a Unix server.

use super::files::{MAX_MODE, operate};
use super::info::in_columns;
use super::transfer::path_of;
use crate::grammar::change::{parse_chmod, parse_symlink, parse_utime};
use crate::grammar::params::ParameterError;
use crate::grammar::reply::Reply;
use crate::grammar::verb::{Served, TABLE};
use crate::server::effect::FileOp;
use crate::server::state::Session;

pub(super) fn help(session: &mut Session) {
    let served = TABLE.iter().filter(|row| row.verb.is_site() && row.served == Served::Yes);
    let lines = in_columns(served.map(|row| row.name));
    session.answer(Reply::list(
        214,
        "These SITE commands are served:",
        lines,
        "HELP SITE command tells more",
    ));
}

pub(super) fn chmod(session: &mut Session, argument: &[u8]) {
    match parse_chmod(argument) {
        Ok((mode, path)) if mode <= MAX_MODE => {
            let Some(path) = path_of(session, path.as_bytes()) else { return };
            operate(session, FileOp::SetMode(path, mode), Reply::new(200, "mode set"));
        }
        Ok(_) => session.refuse(ParameterError::OutOfRange),
        Err(error) => session.refuse(error),
    }
}

pub(super) fn utime(session: &mut Session, argument: &[u8]) {
    match parse_utime(argument) {
        Ok((time, path)) => {
            let Some(path) = path_of(session, path.as_bytes()) else { return };
            operate(session, FileOp::SetTime(path, time), Reply::new(200, "time set"));
        }
        Err(error) => session.refuse(error),
    }
}

pub(super) fn symlink(session: &mut Session, argument: &[u8]) {
    match parse_symlink(argument) {
        Ok((target, link)) => {
            let Some(link) = path_of(session, link.as_bytes()) else { return };
            operate(session, FileOp::Symlink { target, link }, Reply::new(200, "link made"));
        }
        Err(error) => session.refuse(error),
    }
}
