//! What an earlier run has left of a file: it is not sent again if it is done, and compared if it may be.

use std::time::Duration;

use fxp_proto::path::VPath;

use super::crew::Crew;
use crate::journal::{Finished, Recalled, Stands, Subject};
use crate::plan::Step;
use crate::policy::VerifyChoice;
use crate::report::{Assurance, FileReport, Route, Verification};
use crate::run::After;
use crate::side::Side;
use crate::verify::{self, At, Verified};

/// What is to be done about a file.
pub(super) enum Errand {
    /// It is sent.
    Send,
    /// It was done by an earlier run, and noted.
    Done(Finished),
    /// It was done by an earlier run, as a comparison shows.
    Found(Box<FileReport>),
}

impl Crew {
    /// The file of a step, by names that hold for all runs.
    pub(crate) fn subject(&self, step: &Step) -> Subject {
        // Whoever brings it in this run: it is the same file in the next one.
        let source = if self.run.names.any_source { &step.destination } else { &step.source };
        Subject {
            source: format!("{}{}", self.run.names.source(step.side), source),
            destination: format!("{}{}", self.run.names.destination(step.side), step.destination),
            is: Stands { size: step.size, modified: step.modified },
        }
    }

    /// What the ledger knows of the file decides; both sides are connected.
    pub(super) async fn errand(
        &self,
        step: &Step,
        subject: &Subject,
        source: &mut Side,
        destination: &mut Side,
        route: Route,
    ) -> Errand {
        // What was compared a moment ago is known better than what was noted once.
        if step.differs || step.in_the_way.is_some() {
            return Errand::Send;
        }
        let named = match self.run.context.ledger.recall(subject, step.stands).await {
            Recalled::Nothing => return Errand::Send,
            Recalled::Done(finished) if self.is_enough(&finished) => return Errand::Done(finished),
            Recalled::Done(finished) => finished.by_this_job,
            Recalled::Perhaps { named } => named && self.run.request.resume.believes_notes(),
        };
        let names = (source.name(&step.source), destination.name(&step.destination));
        let both =
            [At { side: source, path: &step.source }, At { side: destination, path: &step.destination }];
        let [source, destination] = both;
        let choice = match self.run.request.verify {
            VerifyChoice::Size => VerifyChoice::Auto,
            choice => choice,
        };
        match verify::compare(source, destination, choice).await {
            Ok(verified) if named || verified.how != Verification::Size => {
                Errand::Found(Box::new(found(names, route, verified)))
            }
            // It is another file, or nobody can tell; and whatever keeps a server from answering meets the copy, too.
            Ok(_) | Err(_) => Errand::Send,
        }
    }
}

impl Crew {
    /// A note does without a look at the copy, unless the user demands a digest and none was compared then, or
    /// the source is deleted afterwards, and the copy is all that remains.
    fn is_enough(&self, finished: &Finished) -> bool {
        let compared = finished.verified != Verification::Size;
        self.run.after == After::Kept && (compared || self.run.request.verify != VerifyChoice::Hash)
    }
}

fn found((source, destination): (String, String), route: Route, verified: Verified) -> FileReport {
    let mut notes = vec!["an earlier run had brought it, as a comparison shows".to_owned()];
    notes.extend(verified.note);
    FileReport {
        source,
        destination,
        size: verified.size,
        resumed: verified.size,
        inherited: verified.size,
        elapsed: Duration::ZERO,
        route,
        method: None,
        assurance: Assurance::Unknown,
        verified: verified.how,
        attempts: 0,
        time_kept: false,
        notes,
    }
}

/// A side that is connected, by a name that holds for all runs, to be put before a path.
pub(crate) fn place_of(side: &Side) -> String {
    let root = side.identity(&VPath::root());
    root.strip_suffix('/').unwrap_or(&root).to_owned()
}

/// Names of the sides of a run that hold for all runs, to be put before a path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    sources: Vec<String>,
    /// One for all, or several that take turns in the numbers of the pairs.
    destinations: Vec<String>,
    /// Files may come from one place in this run and from another one in the next.
    any_source: bool,
}

impl Names {
    /// Of sides that are connected.
    pub(crate) fn of(sources: &[Side], destination: &Side) -> Self {
        let sources = sources.iter().map(place_of).collect();
        Names { sources, destinations: vec![place_of(destination)], any_source: false }
    }

    /// Where whatever has arrived at one of several destinations is a source for the others.
    pub(crate) fn of_places(destinations: Vec<String>) -> Self {
        Names { sources: Vec::new(), destinations, any_source: true }
    }

    fn source(&self, pair: usize) -> &str {
        self.sources.get(pair).map_or("", String::as_str)
    }

    fn destination(&self, pair: usize) -> &str {
        &self.destinations[pair % self.destinations.len()]
    }
}
