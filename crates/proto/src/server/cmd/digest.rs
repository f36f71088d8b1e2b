//! Digests of files: HASH (draft-bryan-ftpext-hash), XCRC and its kin, MD5 and MMD5
//! (draft-twine-ftpmd5).

use std::ops::Range;

use super::transfer::{path_of, paths_of};
use crate::grammar::digest::{XArgument, parse_mmd5};
use crate::grammar::params::DigestKind;
use crate::grammar::verb::Verb;
use crate::path::VPath;
use crate::server::effect::{Digest, Effect};
use crate::server::pending::{DigestAsked, Then};
use crate::server::replies::joined;
use crate::server::state::Session;

/// HASH: the whole file, or the range that REST or RANG chose.
pub(super) fn hash(session: &mut Session, path: &[u8]) {
    let (start, end) = std::mem::take(&mut session.memory.span).bounds();
    let Some(path) = path_of(session, path) else { return };
    let kind = session.memory.digest.0;
    // RANG's end is inclusive, the effect's is not.
    compute(session, Digest { kind, path, start, end: end.map(|last| last.saturating_add(1)) });
}

/// XCRC and its kin: a path, and perhaps a range.
pub(super) fn ranged(session: &mut Session, kind: DigestKind, argument: &[u8]) {
    match XArgument::parse(argument) {
        Ok(XArgument { path, start, end }) => {
            let Some(path) = path_of(session, path.as_bytes()) else { return };
            compute(session, Digest { kind, path, start, end });
        }
        Err(error) => session.refuse(error),
    }
}

/// MD5: the whole file; the name may be quoted.
pub(super) fn md5(session: &mut Session, argument: &[u8]) {
    match parse_mmd5(argument).as_deref() {
        Ok([path]) if argument.starts_with(b"\"") => md5_of(session, path.as_bytes()),
        _ => md5_of(session, argument),
    }
}

fn md5_of(session: &mut Session, path: &[u8]) {
    let Some(path) = path_of(session, path) else { return };
    compute(session, Digest { kind: DigestKind::Md5, path, start: 0, end: None });
}

/// MMD5: one effect after the other, one reply for all.
pub(super) fn mmd5(session: &mut Session, argument: &[u8]) {
    let names = match parse_mmd5(argument) {
        Ok(names) => names,
        Err(error) => return session.refuse(error),
    };
    let Some(mut paths) = paths_of(session, &names) else { return };
    paths.reverse();
    if let Some(path) = paths.pop() {
        next_of_many(session, path, paths, Vec::new());
    }
}

fn next_of_many(session: &mut Session, path: VPath, rest: Vec<VPath>, told: Vec<u8>) {
    let digest = Digest { kind: DigestKind::Md5, path, start: 0, end: None };
    let asked = DigestAsked { rest, told, ..DigestAsked::new(digest.clone()) };
    session.start(Effect::Digest(digest), Then::Digest(asked));
}

fn compute(session: &mut Session, digest: Digest) {
    session.start(Effect::Digest(digest.clone()), Then::Digest(DigestAsked::new(digest)));
}

/// The digest is there: each command tells it in its own form.
pub(super) fn computed(session: &mut Session, verb: Verb, asked: DigestAsked, hex: &str, range: Range<u64>) {
    let path = asked.digest.path.to_text();
    match verb {
        Verb::Hash => {
            let last = range.end.saturating_sub(1).max(range.start);
            let head = format!("{} {}-{last} {hex} ", asked.digest.kind.name(), range.start);
            session.say(213, joined([head.as_bytes(), path.as_bytes()]));
        }
        Verb::Md5 => session.say(251, joined([path.as_bytes(), b" ", hex.as_bytes()])),
        Verb::Mmd5 => one_of_many(session, asked, hex),
        _ => session.say(250, hex),
    }
}

fn one_of_many(session: &mut Session, asked: DigestAsked, hex: &str) {
    let DigestAsked { digest, mut rest, mut told, .. } = asked;
    if !told.is_empty() {
        told.extend_from_slice(b", ");
    }
    told.extend(joined([digest.path.to_text().as_bytes(), b" ", hex.as_bytes()]));
    match rest.pop() {
        Some(path) => next_of_many(session, path, rest, told),
        None => session.say(252, told),
    }
}
