//! What was done, with the reason for every fallback; and the events while it is done.

mod sums;

pub use sums::{
    Came, Ending, Left, MOST_FAILURES, MOST_NOTES, MOST_TOLD, Refused, Report, Served, Sums, Travelled,
};

use std::fmt;
use std::time::Duration;

use fxp_proto::grammar::reply::Reply;
use fxp_proto::listing::time::FtpTime;
use fxp_proto::pair::{exchange::Refusal, leg::Leg, method::Method};
use fxp_proto::path::VPath;

use crate::times::Times;

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
    /// Bytes behind which the last attempt went on (resumed).
    pub resumed: u64,
    /// Those of them that were there before this run.
    pub inherited: u64,
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
    /// How often its transfer was begun.
    pub attempts: u32,
    /// It has the source's time.
    pub time_kept: bool,
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
    /// The server had no room for one more session.
    pub crowded: bool,
    /// The file was not even tried: this had stopped an earlier one, and would have stopped it too.
    pub untried: bool,
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
            crowded: false,
            untried: false,
        }
    }

    /// What stopped an earlier file, told of one that was not even tried.
    pub(crate) fn of_untried(&self) -> Self {
        Trouble { what: format!("not tried: {}", self.what), untried: true, ..self.clone() }
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
        self.words = Some(format!("{} {}", reply.code, reply.words()));
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
    /// What has been found so far, while the walk goes on; a few times per second at most.
    Walked {
        /// Files to copy.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// Directories to make.
        directories: u64,
        /// Files that are there already and equal.
        unchanged: u64,
        /// The ladder, as in [`Event::Planned`].
        ladder: Vec<String>,
    },
    /// The walk has ended: this is all there is to do.
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
    /// How the times of copies look, as earlier ones have shown; told before they are compared.
    Times(Box<Times>),
    /// Where there are several destinations: who feeds whom while all are equally quick.
    Feeds {
        /// Printable.
        from: String,
        /// In the order in which they are fed.
        to: Vec<String>,
    },
    /// A server could not give a file to another one, which gets it from somebody else.
    Rerouted {
        /// The number of what has ended by that, if it was begun.
        file: Option<u64>,
        /// What happened, in a sentence.
        text: String,
    },
    /// One step of a dry run, printable.
    Step(String),
    /// From now on so many lanes work side by side.
    Lanes {
        /// Lanes.
        lanes: usize,
        /// Why this many, in a sentence.
        reason: String,
    },
    /// A lane cannot go on yet.
    Waits {
        /// Which lane, counted from 1.
        lane: usize,
        /// The file that it is about, if there is one.
        file: Option<u64>,
        /// What it waits for, in a few words.
        what: String,
    },
    /// A file begins.
    Started {
        /// Its number, which other events name: several files are on their way at once.
        file: u64,
        /// The lane that carries it, counted from 1.
        lane: usize,
        /// Source, printable.
        source: String,
        /// Destination, printable.
        destination: String,
        /// Size.
        size: Option<u64>,
        /// Route.
        route: Route,
    },
    /// Bytes of a file that have arrived.
    Progress {
        /// Which file.
        file: u64,
        /// Bytes at the destination.
        bytes: u64,
    },
    /// A rung failed, the next one is tried; or another fallback.
    Fallback {
        /// The file with which that was found out.
        file: Option<u64>,
        /// A sentence.
        text: String,
    },
    /// Something is not copied on purpose: a link, a device, a name that FTP cannot carry.
    Skipped(Skipped),
    /// A link was made.
    Linked {
        /// The one that it is like, printable.
        source: String,
        /// Where it is, printable.
        destination: String,
        /// Where both lead.
        leads_to: String,
    },
    /// Something that stood at the destination only was deleted.
    Deleted {
        /// Printable.
        place: String,
        /// A directory, which was empty by then.
        directory: bool,
    },
    /// A file is done.
    Done {
        /// Its number.
        file: u64,
        /// All about it.
        report: Box<FileReport>,
        /// Where it stands beneath the destination. It is not told of what was renamed, whose content is not known.
        placed: Option<Placed>,
    },
    /// A file was there already, and equal.
    Unchanged(Box<Unchanged>),
    /// A file failed.
    Failed {
        /// Its number; `None` if it was not even begun.
        file: Option<u64>,
        /// What and why.
        failure: Box<FileFailure>,
    },
}

/// Where a file stands, for whoever looks for it later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Seen from the destination that was named; if the file has its name, that name.
    pub path: VPath,
    /// When it was last modified, as the source tells.
    pub modified: Option<FtpTime>,
    /// Which destination, as in [`Served::place`], if there are several.
    pub destination: Option<String>,
}

impl Placed {
    pub(crate) fn new(goal: &VPath, at: &VPath, modified: Option<FtpTime>) -> Self {
        let names = match at.components().strip_prefix(goal.components()) {
            Some([]) | None => at.name().into_iter().cloned().collect(),
            Some(names) => names.to_vec(),
        };
        // A part of a path is a path.
        let path = names.iter().try_fold(VPath::root(), |path, name| path.child(name));
        Placed { path: path.unwrap_or_else(|_| at.clone()), modified, destination: None }
    }
}

/// A file that was there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchanged {
    /// Where it stands beneath the destination.
    pub placed: Placed,
    /// Its bytes, if a server told.
    pub size: Option<u64>,
    /// How it was judged equal.
    pub how: Equality,
    /// It has the source's time.
    pub time_kept: bool,
}

/// How a file that was there already was judged equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Equality {
    /// Both servers computed this digest, and it is the same.
    Digest {
        /// Such as `SHA-256`.
        algorithm: &'static str,
        /// Lower-case hex.
        hex: String,
    },
    /// By size and time.
    Time,
    /// By size, and because the source was not changed since the copy came.
    NotNewer,
    /// By size.
    Size,
    /// An earlier run had brought it and verified it so, and nothing has changed since.
    Brought(Verification),
}

/// Something that was there already, equal in size and not proven equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Where it is, printable.
    pub destination: String,
    /// Why nobody knows more, in a sentence.
    pub why: String,
}

/// Something that was left out on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where it is, printable.
    pub source: String,
    /// Why it is not copied, in a sentence.
    pub reason: String,
}
