//! Who said what on a control connection, secrets masked.

use std::sync::Arc;
use std::time::Duration;

/// One line of the dialogue.
#[derive(Clone, Debug)]
pub struct Line {
    /// Since the session was opened.
    pub at: Duration,
    /// Who said it.
    pub from: Speaker,
    /// The line, printable, without secrets.
    pub text: String,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// We.
    Client,
    /// The server.
    Server,
    /// A remark of ours about the connection (TLS is up, connection lost).
    Note,
}

/// Is shown each line as it is said. Must not block.
pub type Recorder = Arc<dyn Fn(Line) + Send + Sync>;
