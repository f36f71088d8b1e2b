//! Texts that several commands share, and the code that a failure leads to.

use super::effect::{Failure, FailureKind};
use crate::grammar::reply::Reply;
use crate::grammar::verb::{Argument, Data, Verb};
use crate::wire::text::Text;

/// The reply to a command whose effect failed.
pub(super) fn failed(verb: Verb, failure: &Failure) -> Reply {
    Reply::new(code(verb, failure.kind), failure.detail.clone())
}

/// `501` with the syntax from the table.
pub(super) fn syntax(verb: Verb) -> Reply {
    let name = verb.name();
    let text = match verb.row().argument {
        Argument::None => format!("{name} takes no argument"),
        Argument::Optional(syntax) => format!("syntax: {name} [{syntax}]"),
        Argument::Required(syntax) => format!("syntax: {name} {syntax}"),
    };
    Reply::new(501, Text::lossy(text))
}

/// Bytes put together, for texts that hold a path: a path need not be UTF-8.
pub(super) fn joined<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    parts.concat()
}

fn code(verb: Verb, kind: FailureKind) -> u16 {
    use FailureKind::*;
    let data = verb.row().data;
    match kind {
        BadLogin => 530,
        TooMany => 421,
        NotFound | Denied | IsDirectory | NotDirectory | NotEmpty => 550,
        Exists if data == Data::Receive => 553,
        Exists => 550,
        BadName => 553,
        BadOffset => 554,
        NoSpace => 452,
        Quota => 552,
        Busy => 450,
        Unsupported => 504,
        Io => 451,
        Policy if data == Data::Address => 500,
        Policy | Connect | Handshake => 425,
        NotResumed => 522,
        Protection => 521,
        Broken | Aborted => 426,
        Family if matches!(verb, Verb::Epsv | Verb::Eprt) => 522,
        Family => 425,
    }
}
