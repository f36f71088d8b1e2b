//! Moves: a rename where source and destination are on one server, else copy, verify, delete.

mod gone;

use std::time::Instant;

use fxp_proto::listing::entry::Kind;
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;

use crate::context::Context;
use crate::journal::Totals;
use crate::plan::select::two_become;
use crate::plan::shelf::kind_of;
use crate::plan::walk::{beneath, interrupted, walk};
use crate::replace;
use crate::report::{
    Assurance, Ending, Event, FileFailure, FileReport, Report, Route, Trouble, TroubleKind, Verification,
};
use crate::run::{After, CopyRequest, Run, Stop};

/// Moves: renames where source and destination are on one server, else copies, verifies and deletes file by file.
///
/// # Errors
///
/// As [`crate::run::copy`]. Single files that failed are in the report and stay where they are.
pub async fn move_to(mut request: CopyRequest, context: &Context, stop: Stop) -> Result<Report, Trouble> {
    // A directory is moved with all that is in it, as `mv` does.
    request.recursive = true;
    let mut run = Run::begin(request, After::Deleted, context, stop).await?;
    context.ledger.planned(Totals::default());
    let outcome = run.move_all().await;
    run.close().await;
    outcome.map(|report| run.balance(report))
}

impl Run {
    /// Renames what can be renamed; the rest travels.
    async fn move_all(&mut self) -> Result<Report, Trouble> {
        let here: Vec<bool> = self
            .origins
            .iter()
            .map(|origin| self.sources[origin.side].same_place(&self.destination))
            .collect();
        if here.iter().all(|&here| here) {
            return self.rename_all().await;
        }
        if here.iter().any(|&here| here) {
            return Err(Trouble::new(
                TroubleKind::Usage,
                "some sources are on the destination's server and some are not; move them one after the other",
            ));
        }
        let moved = self.leave_out_what_was_moved().await?;
        if moved > 0 && self.origins.is_empty() {
            self.context.ledger.planned(Totals { unchanged: moved, complete: true, ..Totals::default() });
            return Ok(Report { unchanged: moved, ..Report::default() });
        }
        let mut report = self.go().await?;
        report.unchanged += moved;
        if !self.request.dry_run && report.failed == 0 && report.ending == Ending::Complete {
            for stays in self.remove_empty_directories().await {
                report.note(stays);
            }
        } else if !self.request.dry_run && report.directories > 0 {
            report.note(NOT_ALL.to_owned());
        }
        Ok(report)
    }

    async fn rename_all(&mut self) -> Result<Report, Trouble> {
        // A link to a directory counts as one.
        let there = kind_of(&mut self.destination, &self.goal.path)
            .await
            .map_err(|error| error.on(Some(Leg::Destination)))?;
        let into = there == Some(Kind::Directory);
        if !into && (self.origins.len() > 1 || self.goal.contents) {
            let name = self.destination.name(&self.goal.path);
            return Err(Trouble::new(
                TroubleKind::DestinationDenied,
                format!("the directory {name} does not exist"),
            )
            .on(Some(Leg::Destination))
            .remedy(format!("fxp mkdir -p {name} makes it")));
        }
        let mut pairs: Vec<(VPath, VPath)> = Vec::with_capacity(self.origins.len());
        for origin in &self.origins {
            let target = match (into, origin.path.name()) {
                (_, None) => {
                    return Err(Trouble::new(TroubleKind::Usage, "the root of a server cannot be moved"));
                }
                (true, Some(name)) => self
                    .goal
                    .path
                    .child(name)
                    .map_err(|error| Trouble::new(TroubleKind::Usage, error.to_string()))?,
                (false, Some(_)) => self.goal.path.clone(),
            };
            if pairs.iter().any(|(_, taken)| *taken == target) {
                let target = self.destination.name(&target);
                return Err(two_become(&target));
            }
            pairs.push((origin.path.clone(), target));
        }
        self.event(Event::Planned {
            files: pairs.len() as u64,
            bytes: 0,
            directories: 0,
            unchanged: 0,
            ladder: Vec::new(),
        });
        let mut report = Report::default();
        for (number, (from, to)) in (1..).zip(pairs) {
            let (source, destination) = (self.destination.name(&from), self.destination.name(&to));
            if self.request.dry_run {
                self.event(Event::Step(format!("rename {source} to {destination}")));
                continue;
            }
            let outcome = match *self.stop.borrow() {
                true => Err(interrupted()),
                false => Ok(()),
            };
            let outcome = match outcome {
                Ok(()) => self.rename(&from, &to).await,
                Err(trouble) => Err(trouble),
            };
            match outcome {
                Ok(done) => {
                    self.event(Event::Done { file: number, report: Box::new(done.clone()), placed: None });
                    report.add(done);
                }
                Err(trouble) => self.failed(FileFailure { source, destination, trouble }, &mut report),
            }
        }
        if report.interrupted > 0 {
            report.ending = Ending::Interrupted;
        }
        Ok(report)
    }

    async fn rename(&mut self, from: &VPath, to: &VPath) -> Result<FileReport, Trouble> {
        let began = Instant::now();
        let side = &mut self.destination;
        let source = side.name(from);
        if from == to {
            return Err(Trouble::new(
                TroubleKind::Usage,
                format!("{source} is source and destination in one"),
            ));
        }
        let Some(entry) = side.stat(from).await? else {
            return Err(Trouble::new(TroubleKind::SourceNotFound, format!("{source} does not exist")));
        };
        let replaced = replace::rename_over(side, from, to).await.map_err(|error| error.trouble)?;
        let secured = side.is_secured().unwrap_or(true);
        Ok(FileReport {
            source,
            destination: side.name(to),
            size: entry.size.unwrap_or_default(),
            resumed: 0,
            inherited: 0,
            elapsed: began.elapsed(),
            route: Route::Renamed,
            method: None,
            assurance: if secured { Assurance::Encrypted } else { Assurance::Clear },
            verified: Verification::Size,
            attempts: 1,
            time_kept: true,
            notes: replaced.note().into_iter().collect(),
        })
    }

    /// The directories that the files left behind. One that still holds something (a link, say) stays.
    async fn remove_empty_directories(&mut self) -> Vec<String> {
        let mut stay = Vec::new();
        for origin in &self.origins {
            let side = &mut self.sources[origin.side];
            let Ok(Some(entry)) = side.stat(&origin.path).await else { continue };
            if entry.kind != Kind::Directory {
                continue;
            }
            let name = side.name(&origin.path);
            let tree = match walk(side, &origin.path, &self.stop).await {
                Ok(tree) => tree,
                Err(trouble) => {
                    stay.push(format!("the directory {name} stays with those in it: {trouble}"));
                    continue;
                }
            };
            // What has no name lies nobody knows where, and some servers' RMD takes everything with it.
            if tree.skipped.len() > tree.others.len() {
                stay.push(format!("the directory {name} stays with those in it: {UNNAMED}"));
                continue;
            }
            let left: Vec<&VPath> = tree.files.iter().chain(&tree.others).map(|(path, _)| path).collect();
            let empty = |directory: &VPath| !left.iter().any(|path| path.is_beneath(directory));
            let mut refused = None;
            for below in tree.directories.iter().rev().filter(|directory| empty(directory)) {
                let removed = side.remove_directory(&beneath(&origin.path, below)).await;
                refused = refused.or(removed.err());
            }
            // Of what is in it all was meant, and not the directory itself.
            if !origin.contents && left.is_empty() && refused.is_none() {
                refused = side.remove_directory(&origin.path).await.err();
            }
            match (refused, left.first()) {
                (Some(trouble), _) => stay.push(format!("an empty directory of {name} stays: {trouble}")),
                (None, Some(first)) => {
                    let first = side.name(&beneath(&origin.path, first));
                    stay.push(format!("the directory of {first} stays, since that was not moved"));
                }
                (None, None) => {}
            }
        }
        stay
    }
}

const UNNAMED: &str = "something in one of them has no name by which it could be moved";

const NOT_ALL: &str = "the source's directories stay, since not all that is in them was moved; the same command moves \
                       the rest, and removes them";
