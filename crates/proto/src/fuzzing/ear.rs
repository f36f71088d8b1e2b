//! What a client's driver makes of the bytes that a server sends.

use crate::grammar::reply::{Reply, ReplyParser};
use crate::wire::line::{Line, LineSplitter, MAX_REPLY_LINE};

/// Cuts lines out of bytes and replies out of lines, as the driver in `fxp-client` does.
pub(super) struct Ear {
    splitter: LineSplitter,
    parser: ReplyParser,
}

/// What was heard.
pub(super) enum Heard {
    Reply(Reply),
    /// No reply can be made of it: a driver gives the connection up.
    Nonsense,
}

impl Ear {
    pub(super) fn new() -> Self {
        Ear { splitter: LineSplitter::new(MAX_REPLY_LINE), parser: ReplyParser::default() }
    }

    /// The next reply, if `bytes` complete one; what is behind it stays in `bytes`.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<Heard> {
        loop {
            let line = match self.splitter.next_line(bytes)? {
                Line::Text(line) => line,
                // Inside a reply such a line says nothing; anywhere else it was a reply, and nobody knows which.
                Line::TooLong | Line::BadBytes if self.parser.is_within() => continue,
                Line::TooLong | Line::BadBytes => return Some(Heard::Nonsense),
            };
            match self.parser.line(&line) {
                Ok(Some(reply)) => return Some(Heard::Reply(reply)),
                Ok(None) => {}
                Err(_) => return Some(Heard::Nonsense),
            }
        }
    }

    /// TLS begins: what came in clear is forgotten.
    pub(super) fn forget(&mut self) {
        *self = Ear::new();
    }
}
