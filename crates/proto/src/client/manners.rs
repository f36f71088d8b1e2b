//! How a machine behaves towards its server: patience, and how many commands at once.

use std::time::Duration;

use crate::grammar::verb::Verb;

/// The most requests that may wait in one machine. An engine asks for a file at a time, a handful of
/// requests each; more than this is a loop that forgot to wait.
pub const MAX_WAITING: usize = 1024;

/// The most 1yz replies to one command. RFC 959 knows one; `120` and chatty hash commands send a few.
pub(super) const MAX_PRELIMINARY: u8 = 16;

/// How a machine behaves towards its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    /// How many small commands may be under way at once, 1 to 16. 1 waits for each reply, which every
    /// server bears; more saves round trips. Settings and aborts always go alone.
    pub window: usize,
    /// What may be sent before the reply to what was sent last.
    pub queueing: Queueing,
    /// How long to wait.
    pub ceilings: Ceilings,
}

/// How far a server bears it that commands arrive before it has answered the ones before them. Each level
/// includes those above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Queueing {
    /// Not at all: every command waits for the reply to the one before it (within [`Manners::window`]).
    #[default]
    None,
    /// Small commands, and those that say where the data goes. A transfer goes alone.
    Small,
    /// A transfer may come last; nothing follows it before its final reply (Pure-FTPD takes whatever comes
    /// during a transfer for an ABOR).
    UpToTransfer,
    /// Whatever is in the same write as the transfer may follow it; nothing is said later, while it runs
    /// (ProFTPD 1.3.8 reads such commands during the transfer, and answers SIZE with what has arrived so far; 2026-11).
    WithTransfer,
    /// Everything, also behind a running transfer.
    Always,
}

impl Manners {
    /// The most commands under way at once.
    pub const MAX_WINDOW: usize = 16;

    /// The same towards a server that bears `queueing`.
    #[must_use]
    pub fn with_queueing(self, queueing: Queueing) -> Self {
        let window = if queueing == Queueing::None { 1 } else { Manners::MAX_WINDOW };
        Manners { window, queueing, ..self }
    }
}

impl Default for Manners {
    fn default() -> Self {
        Manners { window: 1, queueing: Queueing::None, ceilings: Ceilings::default() }
    }
}

/// How long to wait for replies; counted from the moment the command is sent, or from the last
/// preliminary reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceilings {
    /// For the reply to an ordinary command. Servers that resolve names at login take their time.
    pub reply: Duration,
    /// For the first reply to a transfer command. vsftpd and Pure-FTPD answer only after they have
    /// accepted or connected the data connection, which they try for 60 s and more.
    pub transfer_start: Duration,
    /// For a digest: a server reads the whole file for it, minutes of silence are usual.
    pub digest: Duration,
    /// For everything that an ABOR brings about. A server that hangs in accept() or connect() does
    /// not even read it; then only a new session helps.
    pub abort: Duration,
}

impl Default for Ceilings {
    fn default() -> Self {
        Ceilings {
            reply: Duration::from_secs(60),
            transfer_start: Duration::from_secs(180),
            digest: Duration::from_secs(60 * 60),
            abort: Duration::from_secs(15),
        }
    }
}

impl Ceilings {
    /// The wait for the reply to `verb`.
    pub(super) fn of(&self, verb: Verb) -> Duration {
        use Verb::{Comb, Hash, Md5, Mmd5, Xcrc, Xmd5, Xsha, Xsha1, Xsha256, Xsha512};
        match verb {
            Hash | Xcrc | Xmd5 | Xsha | Xsha1 | Xsha256 | Xsha512 | Md5 | Mmd5 | Comb => self.digest,
            _ => self.reply,
        }
    }
}
