//! What the program says, to a person or to a script.
//!
//! Data goes to stdout, everything else to stderr. A command speaks through a [`Voice`]: [`human`] for
//! people, [`json`] for scripts. Every byte passes the one [`printer`], which steps around the
//! [`progress`] bar and knows whether colours are wanted; [`transcript`] shows a dialogue line by line,
//! and [`measure`] writes sizes and times.

pub(crate) mod found;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod measure;
pub(crate) mod printer;
pub(crate) mod progress;
pub(crate) mod transcript;

use std::io;
use std::sync::Arc;

use fxp_engine::context::Observer;
use fxp_engine::doctor::Finding;
use fxp_engine::journal::Job;
use fxp_engine::place::{Memory, ServerFacts};
use fxp_engine::report::{Assurance, Report, Route};
use fxp_engine::site::Site;
use fxp_proto::listing::entry::Entry;

use crate::bookmarks::Imported;
use crate::exit::{Exit, Failure};
use crate::settings::{Settings, Verbosity};

/// Says things. Must not be held up by a reader for long.
pub(crate) trait Voice: Observer {
    /// Data that the command was asked for.
    ///
    /// # Errors
    ///
    /// When nobody reads stdout any more.
    fn item(&self, item: Item<'_>) -> io::Result<()>;

    /// Something was changed, as asked; one sentence.
    fn confirmation(&self, text: &str);

    /// A word for people only: scripts see it from the data.
    fn remark(&self, text: &str);

    /// Something is odd, but the command goes on; one sentence.
    fn warning(&self, text: &str);

    /// Nothing moves any more.
    fn end_of_progress(&self);

    /// The end of a copy or move.
    fn summary(&self, deed: Deed, report: &Report, exit: Exit);

    /// The command failed.
    fn failure(&self, failure: &Failure);

    /// Keeps the screen still while `question` is asked.
    fn pause(&self, question: &mut dyn FnMut());
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Copy,
    Move,
    Sync,
}

/// A piece of data.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item<'a> {
    /// Before the entries of one of several places.
    Heading(&'a str),
    /// A line of `ls`.
    Entry {
        /// The absolute path of the directory (or file) on its server.
        place: &'a str,
        entry: &'a Entry,
        /// Mode, size and time too.
        long: bool,
    },
    /// A line of `site ls`.
    Site { name: &'a str, site: &'a Site },
    /// A line of `site import`.
    Bookmark(&'a Imported),
    /// A line of `trust ls`.
    Trusted {
        server: &'a str,
        fingerprint: &'a str,
        /// False if nothing but a yes speaks for it.
        compared: bool,
    },
    /// What `site test` found out.
    Facts(&'a ServerFacts),
    /// What `site show` knows.
    Memory(&'a Memory),
    /// What `doctor` found.
    Finding(Finding<'a>),
    /// What a command that only looks has found.
    Found(found::Found<'a>),
    /// A line of `jobs` and `resume`.
    Job(&'a Job),
    /// What was sent into the background.
    Started(&'a Job),
}

/// The voice that the settings ask for.
pub(crate) fn voice(settings: &Settings, dry_run: bool) -> Arc<dyn Voice> {
    if settings.json {
        Arc::new(json::Json::new(settings.verbosity == Verbosity::Verbose))
    } else {
        Arc::new(human::Human::new(settings.verbosity, dry_run))
    }
}

/// The word for a route.
pub(crate) fn route_word(route: Route) -> &'static str {
    match route {
        Route::Direct => "direct",
        Route::Relay => "relay",
        Route::Local => "local",
        Route::Renamed => "renamed",
    }
}

/// The word for an assurance.
pub(crate) fn assurance_word(assurance: Assurance) -> &'static str {
    match assurance {
        Assurance::Mutual => "mutual",
        Assurance::Confidential => "confidential",
        Assurance::Authentic => "authentic",
        Assurance::Encrypted => "encrypted",
        Assurance::Clear => "clear",
        Assurance::Relay => "relay",
        Assurance::Unknown => "unknown",
    }
}

/// What an assurance means, for people.
pub(crate) fn assurance_meaning(assurance: Assurance) -> &'static str {
    match assurance {
        Assurance::Mutual => {
            "both servers proved who they are: nobody between them could read the file, or change it unnoticed"
        }
        Assurance::Confidential => {
            "the source made sure of the destination: nobody else could read the file, but who sent it to the \
             destination was not checked there"
        }
        Assurance::Authentic => {
            "the destination made sure of the source: somebody between the two servers could have read the file, but \
             could not have changed it unnoticed"
        }
        Assurance::Encrypted => {
            "nobody could listen in passing, but neither server checked who the other one was"
        }
        Assurance::Clear => "anybody on the way between the servers could read and change the data",
        Assurance::Relay => "the data came through this machine; each leg is as safe as its own connection",
        Assurance::Unknown => {
            "all bytes were there already from an earlier run, and how they came is not known"
        }
    }
}
