//! What was done, with the reason for every fallback; and the events while it is done.

use std::fmt;
use std::time::Duration;

use fxp_proto::grammar::reply::Reply;
use fxp_proto::pair::{exchange::Refusal, leg::Leg, method::Method};

/// The road of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// From server to server.
    Direct,
    /// Through this machine.
    Relay,
    /// One end is this machine: an upload or a download.
    Local,
    /// Renamed on its server: no byte was moved.
    Renamed,
}

/// What a transfer achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assurance {
    /// Both servers proved to each other that they are the two that were introduced (PEER KEY): confidential and
    /// authentic.
    Mutual,
    /// The source verified the destination (PEER EXPECT): nobody else could read the data.
    Confidential,
    /// The destination verified the source (PEER EXPECT): nobody could change the data unnoticed.
    Authentic,
    /// Encrypted, but the servers verified nobody.
    Encrypted,
    /// In clear.
    Clear,
    /// Through this machine, each leg verified on its own.
    Relay,
    /// All bytes were there already, from an earlier run: how they came is not known.
    Unknown,
}

/// How equality was established.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Both servers computed this digest and it is the same.
    Digest {
        /// Such as `SHA-256`.
        algorithm: &'static str,
        /// Lower-case hex.
        hex: String,
    },
    /// Only the sizes were compared.
    Size,
}

/// One finished file.
#[derive(Clone, Debug)]
pub struct FileReport {
    /// Source, printable.
    pub source: String,
    /// Destination, printable.
    pub destination: String,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes that were there already (resumed).
    pub resumed: u64,
    /// How long.
    pub elapsed: Duration,
    /// Route.
    pub route: Route,
    /// Method of a direct copy.
    pub method: Option<Method>,
    /// What was achieved.
    pub assurance: Assurance,
    /// How it was verified.
    pub verified: Verification,
    /// Every fallback and every promise that could not be kept whole, in sentences.
    pub notes: Vec<String>,
}

/// One file that failed.
#[derive(Clone, Debug)]
pub struct FileFailure {
    /// Source, printable.
    pub source: String,
    /// Destination, printable.
    pub destination: String,
    /// What happened and what to do about it.
    pub trouble: Trouble,
}

/// A failure that names the leg, the step, the server's words and the remedy.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Decides the exit code.
    pub kind: TroubleKind,
    /// Whose.
    pub leg: Option<Leg>,
    /// One sentence: what was tried and what came of it.
    pub what: String,
    /// The server's own words, code first.
    pub words: Option<String>,
    /// What to do next: the setting in that server, the flag of ours.
    pub remedy: Option<String>,
    /// For refused FXP: each rung that was tried and why it failed.
    pub rungs: Vec<String>,
    /// The class of the refusal, where one was classified.
    pub class: Option<Refusal>,
}

impl Trouble {
    /// A trouble of which only the kind and one sentence are known.
    pub fn new(kind: TroubleKind, what: impl Into<String>) -> Self {
        Trouble {
            kind,
            leg: None,
            what: what.into(),
            words: None,
            remedy: None,
            rungs: Vec::new(),
            class: None,
        }
    }

    /// The same, with the leg it belongs to, unless one was named already.
    #[must_use]
    pub fn on(mut self, leg: Option<Leg>) -> Self {
        self.leg = self.leg.or(leg);
        self
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same, with the server's own words.
    #[must_use]
    pub fn words(mut self, reply: &Reply) -> Self {
        self.words = Some(format!("{} {}", reply.code, reply.text()));
        self
    }

    /// The same, with the class of the refusal.
    #[must_use]
    pub fn class(mut self, class: Refusal) -> Self {
        self.class = Some(class);
        self
    }
}

impl fmt::Display for Trouble {
    /// What happened, and the server's words; the remedy is for whoever shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.words {
            Some(words) if !self.what.contains(words.as_str()) => write!(f, ": {words}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Trouble {}

/// Kinds of trouble, one per exit code (DESIGN, section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TroubleKind {
    /// 1: something else went wrong with this file.
    Other,
    /// 2: the request makes no sense.
    Usage,
    /// 3.
    SourceNotFound,
    /// 4.
    DestinationDenied,
    /// 5.
    Login,
    /// 6: TLS, trust or assurance refused.
    Tls,
    /// 7: network; a retry may help.
    Network,
    /// 8: FXP impossible and relay not allowed.
    FxpImpossible,
    /// 9.
    Verification,
    /// 10.
    Limit,
    /// 130.
    Interrupted,
}

/// Something that happened during a run: the JSON event stream is made of these.
#[derive(Clone, Debug)]
pub enum Event {
    /// A session is up.
    Connected {
        /// `source`, `destination`.
        leg: &'static str,
        /// Host and port.
        server: String,
        /// `TLS 1.3` and the like.
        tls: Option<String>,
        /// How the certificate was verified: `roots`, `pinned`; `None` in clear.
        verified: Option<&'static str>,
    },
    /// The plan is made.
    Planned {
        /// Files to copy.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// Directories to make.
        directories: u64,
        /// Files that are there already and equal.
        unchanged: u64,
        /// The ladder, best rung first, one printable line each; empty for other routes.
        ladder: Vec<String>,
    },
    /// One step of a dry run, printable.
    Step(String),
    /// A file begins.
    Started {
        /// Source, printable.
        source: String,
        /// Destination, printable.
        destination: String,
        /// Size.
        size: Option<u64>,
        /// Route.
        route: Route,
    },
    /// Bytes of the current file that have arrived.
    Progress {
        /// Bytes at the destination.
        bytes: u64,
    },
    /// A rung failed, the next one is tried; or another fallback. A sentence.
    Fallback(String),
    /// Something is not copied on purpose: a link, a device, a name that FTP cannot carry.
    Skipped(Skipped),
    /// A file is done.
    Done(Box<FileReport>),
    /// A file failed.
    Failed(Box<FileFailure>),
}

/// Something that was left out on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where it is, printable.
    pub source: String,
    /// Why it is not copied, in a sentence.
    pub reason: String,
}

/// The whole run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Done.
    pub files: Vec<FileReport>,
    /// Failed.
    pub failures: Vec<FileFailure>,
    /// Left out on purpose.
    pub skipped: Vec<Skipped>,
    /// Directories that were made.
    pub directories: u64,
    /// Equal already.
    pub unchanged: u64,
    /// Wall time.
    pub elapsed: Duration,
    /// Payload bytes that passed through this process.
    pub through_client: u64,
}
