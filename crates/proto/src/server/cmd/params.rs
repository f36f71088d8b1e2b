//! What the next transfer will be like: TYPE, MODE, STRU, REST, RANG, RATE, ALLO, and OPTS (RFC 959, 4.1.2;
//! RFC 2389; RFC 3659; draft-bryan-ftp-range).

use crate::grammar::opts::Options;
use crate::grammar::params::{ByteRange, TransferType, parse_allo, parse_mode, parse_rest, parse_structure};
use crate::grammar::rate::RateLimit;
use crate::server::effect::{Effect, FileOp};
use crate::server::pending::Then;
use crate::server::state::{DigestChoice, Session, Span};

pub(super) fn kind(session: &mut Session, argument: &[u8]) {
    match TransferType::parse(argument) {
        Ok(kind) => {
            session.memory.kind = kind;
            session.say(200, format!("type is {}", kind.letter()));
        }
        Err(error) => session.refuse(error),
    }
}

pub(super) fn mode(session: &mut Session, mode: &[u8]) {
    match parse_mode(mode) {
        Ok(()) => session.say(200, "mode is S"),
        Err(error) => session.refuse(error),
    }
}

pub(super) fn structure(session: &mut Session, structure: &[u8]) {
    match parse_structure(structure) {
        Ok(()) => session.say(200, "structure is F"),
        Err(error) => session.refuse(error),
    }
}

/// REST. An offset into converted text means nothing, so only 0 is taken while TYPE is A.
pub(super) fn rest(session: &mut Session, offset: &[u8]) {
    match parse_rest(offset) {
        Ok(0) => {
            session.memory.span = Span::Whole;
            session.say(350, "the next transfer begins at the start");
        }
        Ok(_) if session.memory.kind == TransferType::Ascii => session.say(501, "REST needs TYPE I"),
        Ok(offset) => {
            session.memory.span = Span::From(offset);
            session.say(350, format!("the next transfer begins at {offset}"));
        }
        Err(error) => session.refuse(error),
    }
}

pub(super) fn rang(session: &mut Session, range: &[u8]) {
    match ByteRange::parse(range) {
        Ok(ByteRange::Whole) => {
            session.memory.span = Span::Whole;
            session.say(350, "the whole file again");
        }
        Ok(_) if session.memory.kind == TransferType::Ascii => session.say(501, "RANG needs TYPE I"),
        Ok(ByteRange::Bytes { start, end }) => {
            session.memory.span = Span::Range(start, end);
            session.say(350, format!("the next command is about the bytes {start} to {end}"));
        }
        Err(error) => session.refuse(error),
    }
}

/// RATE: for the file transfers that follow (`docs/spec/rate.md`).
pub(super) fn rate(session: &mut Session, argument: &[u8]) {
    match RateLimit::parse(argument) {
        Ok(limit) => {
            let said = match &limit {
                None => "as fast as it goes".to_owned(),
                Some(limit) => format!("at most {} bytes a second", limit.bytes_per_second),
            };
            session.memory.rate = limit;
            session.say(200, said);
        }
        Err(error) => session.refuse(error),
    }
}

pub(super) fn allo(session: &mut Session, argument: &[u8]) {
    match parse_allo(argument) {
        Ok(wanted) => {
            let directory = session.memory.directory.clone();
            session.start(Effect::File(FileOp::Space(directory)), Then::Room { wanted: Some(wanted) });
        }
        Err(error) => session.refuse(error),
    }
}

/// OPTS. Names are bytes here, and UTF-8 for whoever shows them: UTF8 is nothing to switch off.
pub(super) fn opts(session: &mut Session, argument: &[u8]) {
    match Options::parse(argument) {
        Ok(Options::Utf8(true)) => session.say(200, "names are UTF-8"),
        Ok(Options::Utf8(false)) => session.say(504, "names are always UTF-8"),
        Ok(Options::Mlst(facts)) => {
            session.memory.facts = facts;
            session.say(200, format!("MLST OPTS {}", facts.names()).trim_end());
        }
        Ok(Options::HashTell) => session.say(200, session.memory.digest.0.name()),
        Ok(Options::Hash(kind)) => {
            session.memory.digest = DigestChoice(kind);
            session.say(200, kind.name());
        }
        // RFC 2389, 4.2: 501 for whatever OPTS does not take.
        Err(error) => session.say(501, error.to_string()),
    }
}
