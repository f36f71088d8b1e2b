//! Looks at one destination: what it lacks, and the directories for that.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex};

use fxp_proto::listing::entry::Kind;
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;
use tokio::sync::Semaphore;

use super::super::crew::Crew;
use super::super::{After, CopyRequest, Stop, interrupted};
use super::strength::Ability;
use crate::linking;
use crate::plan::item::Same;
use crate::plan::planner;
use crate::plan::select::{Goal, Origin};
use crate::plan::shelf::kind_of;
use crate::plan::{LinkStep, Plan, Step};
use crate::report::{FileFailure, Trouble};
use crate::retry;
use crate::side::Side;
use crate::site::Location;

/// What all surveys share.
pub(super) struct Ground {
    pub(super) request: CopyRequest,
    pub(super) stop: Stop,
    crew: Arc<Crew>,
    /// Of all places, the source first.
    names: Vec<String>,
    pub(super) origins: Vec<Origin>,
    /// Sessions with all sources. A source that has room for few is looked at for one destination after the other.
    sets: Mutex<Vec<Vec<Side>>>,
    free: Semaphore,
}

/// What was told of a destination: another look at it tells only what is new. Eight bytes for each file.
#[derive(Default)]
struct Told {
    seen: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

impl Told {
    fn is_new(&self, path: &VPath) -> bool {
        let hash = self.hasher.hash_one(path);
        self.seen.lock().expect("no holder of the lock panics").insert(hash)
    }
}

/// What was found at a destination.
pub(super) struct Found {
    /// A session for looking.
    pub(super) side: Side,
    pub(super) goal: Goal,
    pub(super) ability: Ability,
    /// A directory was there, or is there now.
    pub(super) is_directory: bool,
    pub(super) plan: Plan,
    /// Directories that were made.
    pub(super) made: u64,
    /// Links that were made.
    pub(super) links: u64,
    /// Directories and links that could not be made.
    pub(super) failures: Vec<FileFailure>,
}

impl Ground {
    pub(super) fn new(
        request: CopyRequest,
        crew: Arc<Crew>,
        names: Vec<String>,
        origins: Vec<Origin>,
        sets: Vec<Vec<Side>>,
    ) -> Self {
        let free = Semaphore::new(sets.len());
        let stop = crew.run.stop.clone();
        Ground { request, stop, crew, names, origins, sets: Mutex::new(sets), free }
    }

    /// Looks at the destination of that number, again if that may help, and makes the directories that it lacks.
    pub(super) async fn survey(
        &self,
        at: usize,
        location: &Location,
        contents: bool,
    ) -> Result<Found, Trouble> {
        let mut stop = self.stop.clone();
        let mut attempt = 0;
        let told = Told::default();
        loop {
            let looking = retry::orderly(self.look(at, location, contents, &told), &self.stop).await;
            let trouble = match looking.unwrap_or_else(|| Err(interrupted())) {
                Ok(found) => return Ok(found),
                Err(trouble) => trouble,
            };
            if !retry::judge(&trouble).may_help() || attempt >= self.request.retries {
                return Err(trouble);
            }
            attempt += 1;
            if retry::wait(retry::pause(attempt, rand::random()), &mut stop).await {
                return Err(interrupted());
            }
        }
    }

    async fn look(
        &self,
        at: usize,
        location: &Location,
        contents: bool,
        told: &Told,
    ) -> Result<Found, Trouble> {
        let at_destination = |trouble: Trouble| trouble.on(Some(Leg::Destination));
        let mut side = Side::new(location, Leg::Destination, &self.crew.run.pool);
        side.connect().await.map_err(at_destination)?;
        let ability = Ability::of(&mut side, Leg::Destination).await?;
        let path = side.resolve(location).await.map_err(at_destination)?;
        let goal = Goal { path, contents };
        self.crew.run.goals.found(at, goal.path.clone(), self.names[at + 1].clone());
        let plan = {
            let _turn = self.free.acquire().await.expect("never closed");
            let mut sources = self.take_set();
            let wish = self.request.wish(After::Kept);
            let planned =
                planner::plan(&mut sources, &self.origins, &mut side, &goal, wish, &self.stop, |same| {
                    if told.is_new(&same.destination) {
                        self.crew.tell_unchanged(Same { side: at, ..same });
                    }
                })
                .await;
            self.give_back(sources);
            planned?
        };
        let mut found =
            Found { side, goal, ability, is_directory: false, plan, made: 0, links: 0, failures: Vec::new() };
        if !self.request.dry_run {
            found.make_directories().await?;
            found.make_links().await;
        }
        let kind = kind_of(&mut found.side, &found.goal.path).await.map_err(at_destination)?;
        found.is_directory = kind == Some(Kind::Directory);
        // Whoever waits has no seat.
        if let Some(link) = found.side.link() {
            link.park();
        }
        Ok(found)
    }

    fn take_set(&self) -> Vec<Side> {
        // There is one for each turn.
        self.sets.lock().expect("no holder of the lock panics").pop().unwrap_or_default()
    }

    pub(super) fn give_back(&self, mut sources: Vec<Side>) {
        sources.iter_mut().filter_map(Side::link).for_each(|link| link.park());
        self.sets.lock().expect("no holder of the lock panics").push(sources);
    }

    /// One session with each source, once nobody looks any more.
    pub(super) fn sources(&self) -> Vec<Side> {
        self.take_set()
    }
}

impl Found {
    /// Makes what is missing; what would go where that is impossible is not copied.
    async fn make_directories(&mut self) -> Result<(), Trouble> {
        let mut blocked: HashSet<VPath> = HashSet::new();
        let paths = std::mem::take(&mut self.plan.directories);
        let made = self.side.make_directories(&paths).await;
        for (path, made) in paths.into_iter().zip(made) {
            if is_within(&blocked, &path) {
                continue;
            }
            match made {
                Ok(()) => self.made += 1,
                Err(trouble) if path == self.goal.path => return Err(trouble.on(Some(Leg::Destination))),
                Err(trouble) => {
                    let destination = self.side.name(&path);
                    let trouble = trouble.on(Some(Leg::Destination));
                    self.failures.push(FileFailure { source: destination.clone(), destination, trouble });
                    blocked.insert(path);
                }
            }
        }
        self.plan.steps.retain(|step: &Step| !is_within(&blocked, &step.destination));
        self.plan.links.retain(|link: &LinkStep| !is_within(&blocked, &link.destination));
        Ok(())
    }

    /// Makes links, before the files are there that they lead to.
    async fn make_links(&mut self) {
        for link in std::mem::take(&mut self.plan.links) {
            match linking::make(&mut self.side, &link, |_| {}).await {
                Ok(()) => self.links += 1,
                Err(trouble) => {
                    let (source, destination) = (link.source.to_string(), self.side.name(&link.destination));
                    let trouble = match linking::may_come_later(&trouble) {
                        true => trouble.remedy("once all files are there, the same command makes it"),
                        false => trouble,
                    };
                    self.failures.push(FileFailure { source, destination, trouble });
                }
            }
        }
    }
}

/// True if `path` or a directory above it is among `directories`.
pub(super) fn is_within(directories: &HashSet<VPath>, path: &VPath) -> bool {
    let mut above = path.clone();
    while !directories.is_empty() && !above.is_root() {
        if directories.contains(&above) {
            return true;
        }
        above = above.parent();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_told_once() {
        let path = |text: &str| VPath::parse(text.as_bytes()).expect("a path");
        let told = Told::default();
        assert_eq!(
            ["/a", "/b", "/a", "/b", "/a/b"].map(|name| told.is_new(&path(name))),
            [true, true, false, false, true]
        );
    }
}
