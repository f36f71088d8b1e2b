//! Who feeds whom: decides, and knows neither clock nor network.
//!
//! Place 0 is the source, all others are destinations. Whoever has a file gives it to one of those who need it at a
//! time, and each of them gives it to the next; so the number of those who have it doubles, and the source sends each
//! file about log2 n times. Files are independent of each other: while one file is on its way to somebody slow, the
//! others go on. A copy that fails is brought by somebody else, as long as there is anybody. Whoever would bring it with
//! less protection, proof or comparison than the source could is nobody: see `strength`.

use std::collections::BTreeSet;

use super::strength::{Bonds, Lack, Strength};
use crate::policy::AssuranceChoice;

/// The place that everything comes from.
pub(super) const SOURCE: usize = 0;

/// One copy of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Job {
    pub(super) file: usize,
    /// Who has it.
    pub(super) holder: usize,
    /// Who needs it.
    pub(super) needer: usize,
}

/// What a failure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// Whoever needs the file: nobody else could bring it either. `gone` if it may be that it cannot be reached at all.
    Needer { gone: bool },
    /// Whoever has it. `gone` as above.
    Holder { gone: bool },
    /// These two together, and this file.
    Pair,
    /// These two together, whatever the file.
    PairForEver,
}

/// What is known of all places and files.
#[derive(Debug)]
pub(super) struct Schedule {
    places: Vec<Place>,
    /// What the ways between them are worth.
    pub(super) bonds: Bonds,
    files: Vec<File>,
    /// Copies that one destination gets at a time.
    each: usize,
    /// Who cannot feed whom.
    barred: BTreeSet<(usize, usize)>,
    /// The source could not bring something to somebody.
    source_fails: bool,
}

#[derive(Debug, Default)]
struct Place {
    /// Files that it needs and does not get just now.
    needs: BTreeSet<usize>,
    /// Copies that it gets just now.
    receiving: usize,
    /// Copies that it sends just now.
    sending: usize,
    /// Copies that it has sent.
    sent: u64,
    /// Copies in a row that failed because it could not be reached, as one who needs and as one who has.
    strikes: [u32; 2],
    /// Gives nothing to anybody any more.
    mute: bool,
    /// Nothing is tried with it any more.
    lost: bool,
}

#[derive(Debug, Default)]
struct File {
    /// Which of the sources it comes from.
    origin: usize,
    /// Where it came by less than was promised, and what that was worth.
    weaker: Vec<(usize, Strength)>,
    /// Those who have it besides the source.
    holders: Places,
    /// Those who get it just now.
    coming: Places,
    /// Those who send it just now, each with whom it goes to; without those for whom nobody waits.
    busy: BTreeSet<(usize, usize)>,
    /// Those who got it from the source, or are getting it.
    from_source: Places,
    /// How many destinations needed it.
    wanted: u32,
    /// Who could not bring it to whom.
    excluded: BTreeSet<(usize, usize)>,
}

/// A set of places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Places(u64);

/// The most places that there can be, with the source.
pub(super) const MOST_PLACES: usize = 64;

impl Schedule {
    /// For so many destinations, each of which gets `each` copies at a time.
    pub(super) fn new(destinations: usize, each: usize) -> Self {
        let places: Vec<Place> = (0..=destinations.min(MOST_PLACES - 1)).map(|_| Place::default()).collect();
        Schedule {
            bonds: Bonds::new(places.len(), AssuranceChoice::Best),
            places,
            files: Vec::new(),
            each: each.max(1),
            barred: BTreeSet::new(),
            source_fails: false,
        }
    }

    /// A file of that source, which nobody needs yet.
    pub(super) fn add_file(&mut self, origin: usize) -> usize {
        self.files.push(File { origin, ..File::default() });
        self.files.len() - 1
    }

    /// A destination needs a file.
    pub(super) fn need(&mut self, file: usize, place: usize) {
        if self.places[place].needs.insert(file) {
            self.files[file].wanted += 1;
        }
    }

    /// A destination has had a file all the time.
    pub(super) fn hold(&mut self, file: usize, place: usize) {
        self.files[file].holders.insert(place);
    }

    /// These two cannot feed each other, in this direction.
    pub(super) fn bar(&mut self, holder: usize, needer: usize) {
        self.barred.insert((holder, needer));
        self.source_fails |= holder == SOURCE;
    }

    /// The next copy to be made, which counts as begun; `None` if there is nothing now.
    pub(super) fn next(&mut self) -> Option<Job> {
        let mut hungry: Vec<usize> =
            (1..self.places.len()).filter(|&at| self.places[at].receiving < self.each).collect();
        // Whoever gets least is first.
        hungry.sort_by_key(|&at| self.places[at].receiving);
        let job = hungry.into_iter().find_map(|needer| self.best_for(needer))?;
        let file = &mut self.files[job.file];
        file.coming.insert(job.needer);
        file.busy.insert((job.holder, job.needer));
        if job.holder == SOURCE {
            file.from_source.insert(job.needer);
        }
        self.places[job.needer].needs.remove(&job.file);
        self.places[job.needer].receiving += 1;
        self.places[job.holder].sending += 1;
        Some(job)
    }

    /// Of the files that come next, the one whose holder has least to do.
    fn best_for(&self, needer: usize) -> Option<Job> {
        let holders = self.places[needer].needs.iter().take(NEAR).filter_map(|&file| {
            let holder = self.holder(file, needer)?;
            let Place { sending, sent, .. } = self.places[holder];
            Some(((sending, sent, file), Job { file, holder, needer }))
        });
        holders.min_by_key(|(order, _)| *order).map(|(_, job)| job)
    }

    /// Who brings a file to somebody now.
    fn holder(&self, file: usize, needer: usize) -> Option<usize> {
        let is_free = |&holder: &usize| {
            !self.files[file].busy.iter().any(|(busy, _)| *busy == holder)
                && self.may_feed(file, holder, needer)
                && (holder == SOURCE || self.files[file].holders.contains(holder))
                && (holder != SOURCE || self.may_source_send(file, needer))
        };
        // Where less is enough, more is still better.
        let origin = self.files[file].origin;
        let order = |&holder: &usize| {
            let Place { sending, sent, .. } = self.places[holder];
            (!self.bonds.is_best(origin, holder, needer), sending, sent, holder)
        };
        (0..self.places.len()).filter(is_free).min_by_key(order)
    }

    /// The source sends a file about log2 n times, unless nobody else can ever bring it.
    fn may_source_send(&self, file: usize, needer: usize) -> bool {
        let File { from_source, wanted, .. } = &self.files[file];
        let alive = from_source.iter().filter(|&at| !self.places[at].lost).count();
        alive < rounds(*wanted as usize) || !self.others_may_feed(file, needer)
    }

    /// True if a destination has the file, or is getting it, and may bring it to this one.
    fn others_may_feed(&self, file: usize, needer: usize) -> bool {
        let File { holders, coming, .. } = &self.files[file];
        holders.iter().chain(coming.iter()).any(|at| self.may_feed(file, at, needer))
    }

    fn may_feed(&self, file: usize, holder: usize, needer: usize) -> bool {
        holder != needer
            && !self.places[holder].mute
            && !self.places[holder].lost
            && !self.barred.contains(&(holder, needer))
            && !self.files[file].excluded.contains(&(holder, needer))
            && self.lacks(file, holder, needer).is_none()
    }

    /// What is missing where this one brings the file, in comparison with the source.
    fn lacks(&self, file: usize, holder: usize, needer: usize) -> Option<Lack> {
        if holder == SOURCE {
            return None;
        }
        self.bonds.lacks(self.files[file].origin, self.came_to(file, holder), holder, needer)
    }

    /// What the way was worth, or will be, by which a destination gets the file.
    fn came_to(&self, file: usize, place: usize) -> Strength {
        let File { origin, weaker, .. } = &self.files[file];
        let promised = || self.bonds.promised(*origin, place);
        weaker.iter().find(|(at, _)| *at == place).map_or_else(promised, |(_, came)| *came)
    }

    /// A destination that has the file and does not bring it, because it would do so with less than the source could.
    pub(super) fn held_back(&self, file: usize, needer: usize) -> Option<(usize, Lack)> {
        let there = |&holder: &usize| holder != needer && !self.places[holder].lost;
        let holders = self.files[file].holders.iter().filter(there);
        holders.filter_map(|holder| Some((holder, self.lacks(file, holder, needer)?))).next()
    }

    /// How a copy has come that is about to be done.
    pub(super) fn came(&mut self, job: Job, strength: Strength) {
        let came = match job.holder {
            SOURCE => strength,
            holder => self.came_to(job.file, holder).then(strength),
        };
        if came.is_less_than(self.bonds.promised(self.files[job.file].origin, job.needer)) {
            self.files[job.file].weaker.push((job.needer, came));
        }
    }

    /// A copy takes so long that nobody waits for it any more: whoever sends it gives the file to others meanwhile.
    pub(super) fn is_slow(&mut self, job: Job) {
        self.files[job.file].busy.remove(&(job.holder, job.needer));
    }

    /// A copy has arrived.
    pub(super) fn done(&mut self, job: Job) {
        self.end(job);
        self.files[job.file].holders.insert(job.needer);
        self.places[job.needer].strikes[0] = 0;
        self.places[job.holder].strikes[1] = 0;
        self.places[job.holder].sent += 1;
    }

    /// A copy has failed for good between these two. True if somebody else brings it.
    pub(super) fn failed(&mut self, job: Job, blame: Blame) -> bool {
        self.end(job);
        self.files[job.file].from_source.remove(job.needer);
        match blame {
            Blame::Needer { gone } => {
                self.strike(job.needer, 0, gone);
                return false;
            }
            Blame::Holder { gone } => {
                // The source is asked for each of its files: nobody else has them at first.
                if self.strike(job.holder, 1, gone) && job.holder != SOURCE {
                    self.places[job.holder].mute = true;
                }
            }
            Blame::PairForEver => self.bar(job.holder, job.needer),
            Blame::Pair => {}
        }
        self.files[job.file].excluded.insert((job.holder, job.needer));
        self.source_fails |= job.holder == SOURCE;
        let again = !self.places[job.needer].lost && self.can_ever_get(job.file, job.needer);
        if again {
            self.places[job.needer].needs.insert(job.file);
        }
        again
    }

    fn end(&mut self, job: Job) {
        self.files[job.file].coming.remove(job.needer);
        self.files[job.file].busy.remove(&(job.holder, job.needer));
        self.places[job.needer].receiving -= 1;
        self.places[job.holder].sending -= 1;
    }

    /// True if that is enough to believe that it cannot be reached.
    fn strike(&mut self, place: usize, role: usize, gone: bool) -> bool {
        let strikes = &mut self.places[place].strikes[role];
        *strikes = if gone { *strikes + 1 } else { 0 };
        *strikes >= ENOUGH
    }

    /// True if a destination failed so often that nothing more need be tried with it.
    pub(super) fn is_hopeless(&self, place: usize) -> bool {
        self.places[place].strikes[0] >= ENOUGH
    }

    /// From now on nothing is tried with a destination. The files that it lacks, without those on their way.
    pub(super) fn lose(&mut self, place: usize) -> Vec<usize> {
        self.places[place].lost = true;
        std::mem::take(&mut self.places[place].needs).into_iter().collect()
    }

    /// Files that nobody can bring any more to those who need them: they need them no longer.
    pub(super) fn stranded(&mut self) -> Vec<(usize, usize)> {
        let mut stranded = Vec::new();
        if !self.source_fails {
            return stranded;
        }
        for needer in 1..self.places.len() {
            let cut = |&&file: &&usize| !self.can_ever_get(file, needer);
            stranded.extend(self.places[needer].needs.iter().filter(cut).map(|&file| (file, needer)));
        }
        for (file, needer) in &stranded {
            self.places[*needer].needs.remove(file);
        }
        stranded
    }

    fn can_ever_get(&self, file: usize, needer: usize) -> bool {
        self.may_feed(file, SOURCE, needer) || self.others_may_feed(file, needer)
    }

    /// True if nothing is on its way and nobody needs anything.
    pub(super) fn is_over(&self) -> bool {
        self.places.iter().all(|place| place.receiving == 0 && place.needs.is_empty())
    }

    /// Who feeds whom if all are equally quick: for each that feeds anybody whom, in this order.
    pub(super) fn tree(&self) -> Vec<(usize, Vec<usize>)> {
        let mut schedule = Schedule::new(self.places.len() - 1, 1);
        schedule.bonds = self.bonds.clone();
        let file = schedule.add_file(0);
        (1..self.places.len()).for_each(|place| schedule.need(file, place));
        let mut feeds: Vec<(usize, Vec<usize>)> = Vec::new();
        while !schedule.is_over() {
            let round: Vec<Job> = std::iter::from_fn(|| schedule.next()).collect();
            for job in round {
                match feeds.iter_mut().find(|(holder, _)| *holder == job.holder) {
                    Some((_, fed)) => fed.push(job.needer),
                    None => feeds.push((job.holder, vec![job.needer])),
                }
                schedule.done(job);
            }
        }
        feeds
    }

    /// True if a destination is still waited for.
    pub(super) fn is_lost(&self, place: usize) -> bool {
        self.places[place].lost
    }
}

/// How often those who have a file have to double until one is `wanted` + 1: ceil(log2(wanted + 1)).
pub(super) fn rounds(wanted: usize) -> usize {
    (wanted + 1).next_power_of_two().trailing_zeros() as usize
}

impl Places {
    fn insert(&mut self, place: usize) {
        self.0 |= 1 << place;
    }

    fn remove(&mut self, place: usize) {
        self.0 &= !(1 << place);
    }

    fn contains(self, place: usize) -> bool {
        self.0 & (1 << place) != 0
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        (0..MOST_PLACES).filter(move |&place| self.contains(place))
    }
}

/// How many of the files that a destination needs next are looked at: enough to find one whose holder is free.
const NEAR: usize = 64;

/// One failure may be about one file; two in a row, after all their retries, are about the server.
const ENOUGH: u32 = 2;

#[cfg(test)]
mod tests;
