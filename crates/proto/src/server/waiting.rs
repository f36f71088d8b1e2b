//! Lines that came while an effect ran: served in their order, bounded, and all but emptied by ABOR.

use std::collections::VecDeque;

use crate::grammar::command::Command;
use crate::grammar::reply::Reply;

/// The most lines that wait. A client that queues files sends four or five commands for each, so this
/// is a dozen files ahead; whatever is more stays in the socket, where TCP slows the client down.
const MAX_LINES: usize = 64;

/// The most bytes that wait: one connection must not make us hold 64 lines of the greatest length.
const MAX_BYTES: usize = 32 * 1024;

/// A line as far as it was understood when it came.
#[derive(Debug)]
pub(super) enum Line {
    /// A command of the table.
    Command(Command),
    /// Not a command; the answer, which has to wait for its turn like any other.
    Wrong(Reply),
    /// A line that no FTP client sends; the connection is closed when its turn comes.
    Foreign,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    lines: VecDeque<Line>,
    bytes: usize,
    /// So many lines at the front stand before an ABOR: transfers among them are not run.
    aborted: usize,
}

impl Waiting {
    /// True if no line may be added.
    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= MAX_LINES || self.bytes >= MAX_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn push(&mut self, line: Line) {
        self.bytes += line.size();
        self.lines.push_back(line);
    }

    /// Adds an ABOR: it counts for everything that waits before it.
    pub(super) fn push_abort(&mut self, abort: Line) {
        self.aborted = self.lines.len();
        self.push(abort);
    }

    /// The next line, and whether a later ABOR reaches it.
    pub(super) fn pop(&mut self) -> Option<(Line, bool)> {
        let line = self.lines.pop_front()?;
        self.bytes -= line.size();
        let aborted = self.aborted > 0;
        self.aborted = self.aborted.saturating_sub(1);
        Some((line, aborted))
    }

    pub(super) fn clear(&mut self) {
        *self = Waiting::default();
    }
}

impl Line {
    fn size(&self) -> usize {
        match self {
            Line::Command(command) => command.argument.len(),
            Line::Wrong(_) | Line::Foreign => 0,
        }
    }
}
