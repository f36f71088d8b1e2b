//! The files of all plans: where each of them is at the source and goes at each destination.

use std::collections::{BTreeMap, HashMap, HashSet};

use fxp_proto::path::VPath;

use super::schedule::{Job, SOURCE};
use super::survey::Found;
use crate::plan::select::Origin;
use crate::plan::{Reached, Step};

/// The files that some destination needs.
#[derive(Default)]
pub(super) struct Table {
    files: Vec<File>,
    index: HashMap<(usize, VPath), usize>,
}

/// One file.
struct File {
    /// For each destination that needs it, with its number; few, and there are many files.
    steps: Vec<(usize, Step)>,
    /// Where it has been all the time.
    kept: BTreeMap<usize, VPath>,
}

/// Where things go at one destination.
pub(super) struct Region {
    goal: VPath,
    contents: bool,
    is_directory: bool,
    /// Where something else stands, or nothing can be made, as messages name it.
    conflicts: HashSet<String>,
}

impl Table {
    /// Takes in what a destination lacks, one file after the other. True if nobody lacked it before.
    pub(super) fn take(&mut self, place: usize, step: Step) -> (usize, bool) {
        let key = (step.side, step.source.clone());
        let new = self.files.len();
        let at = *self.index.entry(key).or_insert(new);
        if at == new {
            self.files.push(File { steps: Vec::new(), kept: BTreeMap::new() });
        }
        let steps = &mut self.files[at].steps;
        steps.retain(|(other, _)| *other != place);
        steps.reserve_exact(1);
        steps.push((place, step));
        (at, at == new)
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// What a destination lacks.
    pub(super) fn step(&self, file: usize, place: usize) -> Option<&Step> {
        self.files[file].step(place)
    }

    /// Notes that a destination has had a file all the time, if that is so. Others know which file it is.
    pub(super) fn is_kept(
        &mut self,
        file: usize,
        place: usize,
        regions: &BTreeMap<usize, Region>,
        origins: &[Origin],
        name: impl Fn(&VPath) -> String,
    ) -> bool {
        let entry = &mut self.files[file];
        if entry.step(place).is_some() {
            return false;
        }
        let target = entry.steps.iter().find_map(|(at, step)| {
            let like = |origin: &&Origin| {
                origin.side == step.side
                    && regions.get(at).and_then(|region| region.target(origin, &step.source, origins.len()))
                        == Some(step.destination.clone())
            };
            let origin = origins.iter().find(like)?;
            regions.get(&place)?.target(origin, &step.source, origins.len())
        });
        match target {
            Some(target) if regions[&place].is_sound(&target, name) => {
                entry.kept.insert(place, target);
                true
            }
            _ => false,
        }
    }

    /// What a lane has to do for a job, by the pair of that number.
    pub(super) fn order(&self, job: Job, pair: usize) -> Option<Step> {
        let file = &self.files[job.file];
        let step = file.step(job.needer)?;
        let source = match job.holder {
            SOURCE => step.source.clone(),
            holder => match file.kept.get(&holder) {
                Some(path) => path.clone(),
                None => file.step(holder)?.destination.clone(),
            },
        };
        // What another destination has got is a file of its own.
        let reached = if job.holder == SOURCE { step.reached } else { Reached::Plainly };
        Some(Step { side: pair, source, reached, ..step.clone() })
    }
}

impl File {
    /// What a destination lacks.
    fn step(&self, place: usize) -> Option<&Step> {
        self.steps.iter().find(|(at, _)| *at == place).map(|(_, step)| step)
    }
}

impl Region {
    /// `conflicts` are places where something else stands, or that cannot be made.
    pub(super) fn new(found: &Found) -> Self {
        let conflicts = found.plan.conflicts.iter().chain(&found.failures);
        Region {
            goal: found.goal.path.clone(),
            contents: found.goal.contents,
            is_directory: found.is_directory,
            conflicts: conflicts.map(|failure| failure.destination.clone()).collect(),
        }
    }

    /// Where a file of this origin goes; `None` if it is no file of it.
    fn target(&self, origin: &Origin, source: &VPath, origins: usize) -> Option<VPath> {
        if *source == origin.path {
            let into = origins > 1 || self.contents || self.is_directory;
            return match into {
                true => self.goal.child(source.name()?).ok(),
                false => Some(self.goal.clone()),
            };
        }
        if !source.is_beneath(&origin.path) {
            return None;
        }
        let base = match (origin.contents, origin.path.name()) {
            (false, Some(name)) => self.goal.child(name).ok()?,
            _ => self.goal.clone(),
        };
        let mut below = source.components().iter().skip(origin.path.components().len());
        below.try_fold(base, |path, name| path.child(name).ok())
    }

    /// True if nothing is known to stand in the way of a file.
    fn is_sound(&self, target: &VPath, name: impl Fn(&VPath) -> String) -> bool {
        let mut above = target.clone();
        while !self.conflicts.is_empty() && !above.is_root() {
            if self.conflicts.contains(&name(&above)) {
                return false;
            }
            above = above.parent();
        }
        true
    }
}
