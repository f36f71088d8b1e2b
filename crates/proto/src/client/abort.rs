//! The accounting of ABOR (RFC 959, 4.1.3; RFC 4217, 13).
//!
//! After an ABOR one server says `426` and `226`, the next only `226`, another `226` twice because
//! the file was finished already, and none of them says which command it answers. So the replies are
//! not counted against a table of servers but against a probe: as soon as one has come, NOOP is sent.
//! Servers answer in order; when NOOP's `200` is there, everything before it belonged to the
//! transfer and the ABOR, and both sides agree again.

use crate::grammar::command::Command;
use crate::grammar::reply::Reply;
use crate::grammar::verb::Verb;

use super::request::{Answer, RequestId};
use super::task::{Next, refused, verdict};

/// The most final replies before the probe's: two for a transfer, one for the ABOR, and one to spare.
const MAX_REPLIES: usize = 4;

/// An ABOR under way.
#[derive(Debug)]
pub(super) struct Abort {
    /// The transfer it ends; `None` if nothing ran.
    transfer: Option<(RequestId, Command)>,
    /// Final replies so far, in order.
    replies: Vec<Reply>,
}

impl Abort {
    /// An ABOR while nothing runs: one reply.
    pub(super) fn idle() -> Self {
        Abort { transfer: None, replies: Vec::new() }
    }

    /// An ABOR of a running transfer.
    pub(super) fn of(transfer: RequestId, command: Command) -> Self {
        Abort { transfer: Some((transfer, command)), replies: Vec::new() }
    }

    /// Takes a final reply.
    pub(super) fn reply(&mut self, reply: Reply) -> Next {
        if self.transfer.is_none() {
            return Next::Done(verdict(&Command::bare(Verb::Abor), reply));
        }
        // No server answers NOOP with anything else, and nothing else with 200.
        if !self.replies.is_empty() && reply.code.number() == 200 {
            return Next::Done(self.own_answer());
        }
        self.replies.push(reply);
        match self.replies.len() {
            1 => Next::Send(vec![Command::bare(Verb::Noop)]),
            2..=MAX_REPLIES => Next::Wait,
            _ => Next::Done(Answer::TimedOut),
        }
    }

    /// The transfer's own answer, once the abort is over; `None` if nothing ran.
    pub(super) fn transfer_answer(&self) -> Option<(RequestId, Answer)> {
        let (id, command) = self.transfer.as_ref()?;
        let answer = match self.replies.as_slice() {
            [] => Answer::TimedOut,
            // A lone reply is ABOR's: the transfer ended without one, so it did not end well.
            [only] => refused(command, only.clone()),
            [first, ..] if speaks_of_abort(first) => refused(command, first.clone()),
            [first, ..] => verdict(command, first.clone()),
        };
        Some((*id, answer))
    }

    /// True if the replies leave open whether the transfer still runs: a lone "unknown command", or a
    /// lone 225. With that pyftpdlib 2.2 closes the data channel and keeps the transfer in its queue: the
    /// next data connection, whatever it was opened for, would be used for it (2026-11).
    pub(super) fn is_undecided(&self) -> bool {
        matches!(self.replies.as_slice(), [only] if matches!(only.code.number(), 225 | 500..=503))
    }

    fn own_answer(&self) -> Answer {
        match self.replies.last() {
            Some(last) => verdict(&Command::bare(Verb::Abor), last.clone()),
            None => Answer::TimedOut,
        }
    }
}

/// `226 Transfer aborted` is a 226 and no success.
fn speaks_of_abort(reply: &Reply) -> bool {
    reply.text().as_bytes().to_ascii_lowercase().windows(5).any(|part| part == b"abort")
}
