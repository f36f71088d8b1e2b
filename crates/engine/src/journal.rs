//! What is remembered of a run while it goes on, so that another run can continue it: which files are
//! done, which were begun, which failed.
//!
//! The run tells a [`Ledger`] and asks it; it does not know where the answers come from. [`Forgetful`] is
//! the one that remembers nothing, a [`Page`] of the [`Journal`] the one that outlives the process.
//!
//! # Layout
//!
//! * `job`: what is kept of a command; `store`: the file with all of them, and who may write on which page;
//! * `page`: the ledger of one job; `scribe`: its notes, many in one write;
//! * `recall`: what a note means for a file that is about to be sent; `young`: copies that a time to the minute does
//!   not prove equal; `schema`: the tables.

mod job;
mod page;
mod recall;
mod schema;
mod scribe;
mod store;
#[cfg(test)]
mod tests;
mod words;
mod young;

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;

use fxp_proto::listing::entry::{Entry, Precision};
use fxp_proto::listing::time::FtpTime;

use crate::report::{Assurance, FileFailure, FileReport, Verification};

pub use job::{Ending, Job, JobId, State, Typed};
pub use page::Page;
pub use store::{Journal, JournalError};
pub use young::mark;

/// Remembers what a run does. Told from many lanes at once; nothing but what returns an [`Answer`] may wait.
pub trait Ledger: Send + Sync {
    /// What became of this file in an earlier run, asked before it is sent. `stands` is what the
    /// destination's listing shows under the final name now.
    fn recall<'a>(&'a self, subject: &'a Subject, stands: Option<Stands>) -> Answer<'a, Recalled>;

    /// How much there is to do, as far as the walk has come.
    fn planned(&self, totals: Totals);

    /// A file is about to be sent. `stands` is what had the final name before, `in_place` says that the bytes
    /// go under it at once: then a whole file under its name proves nothing.
    fn begun(&self, subject: &Subject, stands: Option<Stands>, in_place: bool);

    /// A file is done: verified, and under its final name.
    fn finished(&self, subject: &Subject, report: &FileReport);

    /// A file failed for good in this run.
    fn failed(&self, subject: &Subject, failure: &FileFailure);

    /// What earlier runs of this job have noted of the file `source`, or of all files beneath it: asked when it is gone.
    fn left_by<'a>(&'a self, source: &'a str) -> Answer<'a, Vec<Left>> {
        let _ = source;
        Box::pin(std::future::ready(Vec::new()))
    }

    /// True if the latest earlier run of this job had found all its files, and done them.
    fn had_finished(&self) -> bool {
        false
    }

    /// The copies at `place` (user and server) that may have been made in the minute of their source's time: the marks
    /// ([`mark`]) of their final names.
    fn young<'a>(&'a self, place: &'a str) -> Answer<'a, HashSet<u64>> {
        let _ = place;
        Box::pin(std::future::ready(HashSet::new()))
    }

    /// Comes back once everything told before this call outlives the process.
    fn settle(&self) -> Answer<'static, ()>;

    /// As [`Ledger::settle`], but nobody waits while what is told cannot be written.
    fn noted(&self) -> Answer<'static, ()> {
        self.settle()
    }
}

/// What comes after a wait.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A file of a run, by names that hold for all runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// User, server and path of the source.
    pub source: String,
    /// User, server and path of the final name.
    pub destination: String,
    /// What the source's listing tells of it.
    pub is: Stands,
}

/// What a listing tells of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stands {
    /// Bytes.
    pub size: Option<u64>,
    /// When it was modified.
    pub modified: Option<(FtpTime, Precision)>,
}

/// What is remembered of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recalled {
    /// Nothing that helps: it is sent.
    Nothing,
    /// An earlier run has done it, and both files are what they were then, as far as listings tell: it is not sent again.
    Done(Finished),
    /// An earlier run may have done it and was killed before it could say so: the file under the final name
    /// is compared first. With `named` it came there while a copy of this source was on its way, with its size,
    /// and copies get that name only once they are verified: where no digest is to be had, that is enough.
    Perhaps {
        /// See above.
        named: bool,
    },
}

/// A copy whose source is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// User, server and path of the final name.
    pub destination: String,
    /// Bytes, when it was noted.
    pub size: Option<u64>,
    /// It was verified, and had its final name.
    pub finished: bool,
    /// It was not that file itself, but one in the directory of that name.
    pub beneath: bool,
}

/// How an earlier run has done a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Bytes.
    pub size: u64,
    /// How equality was established then.
    pub verified: Verification,
    /// What was achieved then.
    pub assurance: Assurance,
    /// The copy got the source's time.
    pub time_kept: bool,
    /// An earlier run of the same job did it, which this one continues; not another job, long ago perhaps.
    pub by_this_job: bool,
    /// When it was noted, by this machine's clock: seconds since 1970.
    pub at: i64,
}

/// How much there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files to copy.
    pub files: u64,
    /// Their bytes, as far as known.
    pub bytes: u64,
    /// Files that are equal already.
    pub unchanged: u64,
    /// The walk has ended: there will be no more.
    pub complete: bool,
}

impl From<&Entry> for Stands {
    fn from(entry: &Entry) -> Self {
        Stands { size: entry.size, modified: entry.modified }
    }
}

/// Remembers nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forgetful;

impl Ledger for Forgetful {
    fn recall<'a>(&'a self, _: &'a Subject, _: Option<Stands>) -> Answer<'a, Recalled> {
        Box::pin(std::future::ready(Recalled::Nothing))
    }

    fn planned(&self, _: Totals) {}

    fn begun(&self, _: &Subject, _: Option<Stands>, _: bool) {}

    fn finished(&self, _: &Subject, _: &FileReport) {}

    fn failed(&self, _: &Subject, _: &FileFailure) {}

    fn settle(&self) -> Answer<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}
