//! Walks the sources and lays what is found over what the destination holds, directory by directory: each is
//! listed once on each side, both sides at the same time and several directories at once, and what was found in one
//! is passed on before the next. So a tree of any size needs the memory of a few of its directories.
//!
//! The servers are not trusted: names that would lead out of their directory are left out, and depth has a ceiling.

mod extras;
mod making_way;

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;

use super::Reached;
use super::explore::Explorer;
use super::filter::{Filter, OutOfBounds};
use super::holding::{AHEAD, Held, Holding};
use super::links::{Contents, End, Links};
use super::obstacle::Obstacle;
use super::toll::Toll;
use super::trail::{Circle, Trail, are_told_apart};
use super::walk::{MAX_DEPTH, interrupted, leads_elsewhere, unnamed, why_left_out};
use crate::part;
use crate::report::{FileFailure, Skipped, Trouble, TroubleKind};
use crate::run::Stop;

/// What was found.
#[derive(Debug)]
pub(crate) enum Sight {
    /// A directory that the destination lacks; comes before everything in it.
    Missing {
        /// Which of the sources, and where; `None` for the goal itself.
        source: Option<(usize, VPath)>,
        /// What it will be.
        target: VPath,
    },
    /// A file of a source.
    File(Box<Found>),
    /// A link of a source, of which another one is wanted.
    Link(Box<Twin>),
    /// Left out, with the reason.
    Skipped(Skipped),
    /// Stands where a directory of a source belongs, which comes next.
    Obstacle(Arc<Obstacle>),
    /// Cannot be looked at, or has something else in its place.
    Failed(Box<FileFailure>),
    /// Stands at the destination only; children before their parents, if they are walked.
    Extra {
        /// Where.
        path: VPath,
        /// What it is.
        entry: Entry,
    },
}

/// A file of a source, and what stands in its place.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) side: usize,
    pub(crate) source: VPath,
    pub(crate) target: VPath,
    pub(crate) entry: Entry,
    /// What has its name at the destination.
    pub(crate) there: Option<Entry>,
    /// What had its name and is to make way.
    pub(crate) in_the_way: Option<Arc<Obstacle>>,
    /// Its part at the destination.
    pub(crate) part: Option<Entry>,
    pub(crate) reached: Reached,
}

/// A link of a source, and what stands in its place.
#[derive(Clone, Debug)]
pub(crate) struct Twin {
    pub(crate) side: usize,
    pub(crate) source: VPath,
    pub(crate) target: VPath,
    /// Where it leads, if the server tells.
    pub(crate) leads_to: Option<Text>,
    /// What has its name at the destination.
    pub(crate) there: Option<Entry>,
    /// That is a directory, and is to make way.
    pub(crate) in_the_way: Option<Arc<Obstacle>>,
}

/// What becomes of things that stand at the destination only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Extras {
    /// Nobody wants to know.
    #[default]
    Ignored,
    /// They are named, directories without what is in them.
    Named,
    /// They are named with all that is in them, children first.
    Walked {
        /// What the rules leave out as well.
        even_excluded: bool,
    },
}

/// A directory of a source, and where it goes.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) side: usize,
    pub(crate) source: VPath,
    pub(crate) target: VPath,
    /// As the filter's rules call it.
    pub(crate) relative: VPath,
    pub(crate) there: There,
    /// The directories above it at the source.
    pub(crate) trail: Trail,
    /// What is in it has different `unique` facts; known once it is listed.
    pub(crate) telling: bool,
}

/// What is known of a directory at the destination before it is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum There {
    /// There is nothing.
    Missing,
    /// There is nothing, and whoever needs to know was told.
    Announced,
    /// A directory.
    Directory,
    /// A link, which may lead to a directory.
    Link,
    /// Something that is no directory, and leads to none.
    Obstacle,
}

/// A walk.
pub(crate) struct Survey {
    pub(crate) sources: Vec<Arc<Explorer>>,
    pub(crate) destination: Arc<Explorer>,
    pub(crate) filter: Arc<Filter>,
    pub(crate) extras: Extras,
    /// What becomes of the sources' links.
    pub(crate) links: Links,
    /// What is copied is deleted at the sources.
    pub(crate) taken: bool,
    /// What is in directories that the destination lacks is wanted, too.
    pub(crate) into_missing: bool,
    /// Several sources may lead to the same place.
    pub(crate) overlapping: bool,
    /// What would be deleted.
    pub(crate) toll: Arc<Toll>,
    pub(crate) stop: Stop,
    pub(crate) sights: Sender<Sight>,
}

/// A directory that waits, and its listings if they were asked for already.
struct Waiting {
    root: Root,
    listings: Option<Pending>,
}

/// Both listings of a directory, on their way.
struct Pending(JoinHandle<Listings>);

/// Both listings of a directory.
struct Listings {
    source: Result<Contents, Trouble>,
    /// `None` where nothing was asked.
    destination: Option<Result<Vec<Entry>, Trouble>>,
    /// Counted among those that are held in memory.
    held: Held,
}

/// Nobody hears any more.
struct Deaf;

impl Survey {
    /// Walks `roots` in their order, after it has told what is known and what files were named. What is found goes to
    /// the receiver; when that is gone, the walk ends.
    pub(crate) async fn run(
        &self,
        known: Vec<Sight>,
        files: Vec<Found>,
        roots: Vec<Root>,
    ) -> Result<(), Trouble> {
        for sight in known {
            if self.tell(sight).await.is_err() {
                return Ok(());
            }
        }
        for found in files {
            // As the filter's rules call it: by its name.
            let relative = VPath::root();
            let relative = found.source.name().and_then(|name| relative.child(name).ok()).unwrap_or(relative);
            let sight = Box::pin(self.make_way(Sight::File(Box::new(found)), &relative)).await?;
            if self.tell(sight).await.is_err() {
                return Ok(());
            }
        }
        let mut clear = Vec::new();
        for root in roots {
            let obstructed = root.there == There::Obstacle;
            let Some(sight) = obstructed.then(|| self.enter_obstructed(&root)).flatten() else {
                clear.push(root);
                continue;
            };
            if self.tell(sight).await.is_err() {
                return Ok(());
            }
        }
        self.walk(clear).await
    }

    async fn walk(&self, roots: Vec<Root>) -> Result<(), Trouble> {
        let held = Holding::default();
        // The top of the stack is its end; parents come before their children, and siblings by name.
        let mut stack: Vec<Waiting> = Vec::new();
        // Directories in whose place something stands, while it is not known how much would be deleted. Beneath them is
        // nothing to delete: they are new.
        let mut late: Vec<Root> = Vec::new();
        self.queue(roots, &mut stack, &mut late);
        let mut seen = Seen::new(self.overlapping);
        loop {
            if *self.stop.borrow() {
                return Err(interrupted());
            }
            self.look_ahead(&mut stack, &held);
            let Some(Waiting { root, listings }) = stack.pop() else {
                if late.is_empty() {
                    return Ok(());
                }
                for root in std::mem::take(&mut late) {
                    let Some(sight) = self.refused(&root) else {
                        stack.push(Waiting { root, listings: None });
                        continue;
                    };
                    if self.tell(sight).await.is_err() {
                        return Ok(());
                    }
                }
                continue;
            };
            let pending = listings.unwrap_or_else(|| self.ask(&root, &held));
            match Box::pin(self.visit(root, pending, &mut stack, &mut late, &mut seen)).await? {
                Ok(()) => {}
                Err(Deaf) => return Ok(()),
            }
        }
    }

    /// Directories that come next, the first one first; some have to wait for the end of the walk.
    fn queue(&self, roots: Vec<Root>, stack: &mut Vec<Waiting>, late: &mut Vec<Root>) {
        for root in roots.into_iter().rev() {
            match root.there == There::Obstacle && self.toll.has_limit() {
                true => late.push(root),
                false => stack.push(Waiting { root, listings: None }),
            }
        }
    }

    /// Asks for the listings of the directories that come next, as long as there is room for what comes back. Many are
    /// asked for together, since a session may take many at once.
    fn look_ahead(&self, stack: &mut [Waiting], held: &Holding) {
        let asked = |waiting: &Waiting| waiting.listings.is_some();
        let ahead = stack.iter().rev().take(AHEAD).filter(|waiting| asked(waiting)).count();
        if ahead > AHEAD / 2 && stack.last().is_some_and(asked) {
            return;
        }
        for waiting in stack.iter_mut().rev().take(AHEAD) {
            if held.is_full() {
                return;
            }
            if waiting.listings.is_none() {
                waiting.listings = Some(self.ask(&waiting.root, held));
            }
        }
    }

    fn ask(&self, root: &Root, held: &Holding) -> Pending {
        let (source, destination) = (self.sources[root.side].clone(), self.destination.clone());
        let (root, held, links, taken) = (root.clone(), held.clone(), self.links, self.taken);
        Pending(tokio::spawn(async move {
            let there = async {
                match root.there {
                    There::Missing | There::Announced | There::Obstacle => None,
                    There::Directory | There::Link => Some(match links {
                        Links::Skip | Links::Follow => destination.list(&root.target).await,
                        Links::Copy => {
                            destination.contents(&root.target, links, false).await.map(|all| all.entries)
                        }
                    }),
                }
            };
            let (source, destination) = tokio::join!(source.contents(&root.source, links, taken), there);
            let ours = source.as_ref().map_or(0, |contents| contents.entries.len());
            let entries =
                ours + destination.as_ref().map_or(0, |listing| listing.as_ref().map_or(0, Vec::len));
            Listings { source, destination, held: held.hold(entries) }
        }))
    }

    /// Passes on what is in one directory.
    async fn visit(
        &self,
        mut root: Root,
        mut pending: Pending,
        stack: &mut Vec<Waiting>,
        late: &mut Vec<Root>,
        seen: &mut Seen,
    ) -> Result<Result<(), Deaf>, Trouble> {
        let Listings { source, destination, held } =
            (&mut pending.0).await.expect("a listing neither panics nor is it aborted while somebody waits");
        let _held = held;
        let mut there = match destination {
            None => BTreeMap::new(),
            Some(Ok(entries)) => entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect(),
            Some(Err(_))
                if root.there == There::Link
                    && Box::pin(self.leads_to_no_directory(&root.target)).await? =>
            {
                root.there = There::Obstacle;
                if let Some(sight) = self.enter_obstructed(&root) {
                    return Ok(self.tell(sight).await);
                }
                self.queue(vec![root], stack, late);
                return Ok(Ok(()));
            }
            Some(Err(trouble)) if is_about_this(&trouble) => {
                return Ok(self.blocked(&root, trouble.on(Some(Leg::Destination))).await);
            }
            Some(Err(trouble)) => return Err(trouble.on(Some(Leg::Destination))),
        };
        let Contents { entries, ends } = match source {
            Ok(contents) => contents,
            // Nothing beneath it is called surplus: nobody knows what is there.
            Err(trouble) if is_about_this(&trouble) => {
                return Ok(self.blocked(&root, trouble.on(Some(Leg::Source))).await);
            }
            Err(trouble) => return Err(trouble.on(Some(Leg::Source))),
        };
        if matches!(root.there, There::Missing | There::Obstacle) && seen.is_new(&root.target) {
            if root.there == There::Obstacle {
                let obstacle = Arc::new(Self::obstacle_at(&root));
                if self.tell(Sight::Obstacle(obstacle)).await.is_err() {
                    return Ok(Err(Deaf));
                }
            }
            let source = Some((root.side, root.source.clone()));
            if self.tell(Sight::Missing { source, target: root.target.clone() }).await.is_err() {
                return Ok(Err(Deaf));
            }
        }
        let is_new = matches!(root.there, There::Missing | There::Announced | There::Obstacle);
        if is_new && !self.into_missing {
            return Ok(Ok(()));
        }
        root.telling = are_told_apart(&entries);
        let mut deeper = Vec::new();
        let mut names: HashSet<Text> = HashSet::new();
        for entry in entries {
            if self.extras != Extras::Ignored {
                names.insert(entry.name.clone());
            }
            let end = ends.get(&entry.name);
            let relative = root.relative.child(&entry.name);
            let Some(sight) = self.look_at(entry, end, &root, &mut there, &mut deeper, seen) else {
                continue;
            };
            let sight = match relative {
                // Rarely needed, and too large for the stack.
                Ok(relative) => Box::pin(self.make_way(sight, &relative)).await?,
                Err(_) => sight,
            };
            if self.tell(sight).await.is_err() {
                return Ok(Err(Deaf));
            }
        }
        // Some listings leave out links that lead nowhere (ProFTPD 1.3.8), and whoever skips them deletes nothing for it.
        let mut certain = true;
        let deletes = matches!(self.extras, Extras::Walked { .. }) && self.links != Links::Copy;
        if deletes && there.keys().any(|name| !names.contains(name)) {
            let more = self.sources[root.side].names_of_links(&root.source).await;
            match more {
                Ok(more) => names.extend(more),
                // Nothing here is called surplus: a link at the source may have its name.
                Err(trouble) if is_about_this(&trouble) => {
                    certain = false;
                    let told = self.blocked(&root, self.unsure(trouble, &root)).await;
                    if told.is_err() {
                        return Ok(Err(Deaf));
                    }
                }
                Err(trouble) => return Err(trouble.on(Some(Leg::Source))),
            }
        }
        if certain && self.extras != Extras::Ignored && self.tell_extras(&root, there, &names).await?.is_err()
        {
            return Ok(Err(Deaf));
        }
        self.queue(deeper, stack, late);
        Ok(Ok(()))
    }

    /// What one entry of a source's directory is, and where it ends if it is a link that was followed. Directories go
    /// to `deeper`.
    fn look_at(
        &self,
        entry: Entry,
        end: Option<&End>,
        root: &Root,
        there: &mut BTreeMap<Text, Entry>,
        deeper: &mut Vec<Root>,
        seen: &mut Seen,
    ) -> Option<Sight> {
        let explorer = &self.sources[root.side];
        let skipped = |source: String, reason: String| Some(Sight::Skipped(Skipped { source, reason }));
        if leads_elsewhere(&entry.name) {
            return Some(Sight::Skipped(unnamed(&entry, &explorer.name(&root.source))));
        }
        let paths = (|| {
            let source = root.source.child(&entry.name).ok()?;
            Some((source, root.target.child(&entry.name).ok()?, root.relative.child(&entry.name).ok()?))
        })();
        let Some((source, target, relative)) = paths else {
            let place = format!("{} in {}", entry.name, explorer.name(&root.source));
            return skipped(place, "its path is too long".to_owned());
        };
        if self.filter.excludes(&relative, entry.kind == Kind::Directory) {
            return None;
        }
        let other = there.get(&entry.name).map(|entry| &entry.kind);
        match entry.kind {
            Kind::Directory => {
                let there = match other {
                    None => There::Missing,
                    Some(Kind::Directory) => There::Directory,
                    Some(Kind::Symlink(_)) => There::Link,
                    Some(Kind::File | Kind::Other) => There::Obstacle,
                };
                if relative.components().len() > MAX_DEPTH {
                    let what =
                        format!("{} is more than {MAX_DEPTH} directories deep", explorer.name(&source));
                    let trouble = Trouble::new(TroubleKind::Limit, what).on(Some(Leg::Source));
                    return Some(Sight::Failed(self.failure(root.side, &source, &target, trouble)));
                }
                let link = end.map(|end| match end {
                    End::Here(real) => real.clone(),
                    End::Nowhere(_) => None,
                });
                match root.trail.enter(&source, &entry, link, root.telling) {
                    Ok(trail) => {
                        let below =
                            Root { side: root.side, source, target, relative, there, trail, telling: false };
                        if there == There::Obstacle
                            && let Some(sight) = self.enter_obstructed(&below)
                        {
                            return Some(sight);
                        }
                        deeper.push(below);
                        None
                    }
                    Err(circle) => skipped(explorer.name(&source), why_not_again(&circle, explorer)),
                }
            }
            Kind::File if !part::is_part(&entry.name) => {
                match self.filter.bounds.leaves_out(&entry) {
                    None => {}
                    Some(OutOfBounds::Outside) => return None,
                    Some(unknown) => {
                        let what = if unknown == OutOfBounds::SizeUnknown { "size" } else { "time" };
                        let reason = format!("the server does not tell its {what}, which is asked for");
                        return skipped(explorer.name(&source), reason);
                    }
                }
                if !seen.is_new(&target) {
                    let what = format!("two sources would both become {target}; the first one does");
                    let trouble = Trouble::new(TroubleKind::Usage, what);
                    return Some(Sight::Failed(self.failure(root.side, &source, &target, trouble)));
                }
                let part = part::part_of(&target).and_then(|part| there.get(part.name()?).cloned());
                if let Some(Entry { name, kind: Kind::Symlink(_), .. }) = &part {
                    let part = target.parent().child(name).unwrap_or_else(|_| target.clone());
                    let name = self.destination.name(&part);
                    let what = format!("{name} is a link, and what it leads to would be overwritten");
                    let trouble = Trouble::new(TroubleKind::DestinationDenied, what)
                        .on(Some(Leg::Destination))
                        .remedy(format!("fxp rm {name} deletes the link"));
                    return Some(Sight::Failed(self.failure(root.side, &source, &target, trouble)));
                }
                Some(Sight::File(Box::new(Found {
                    side: root.side,
                    part: part.filter(|entry| entry.kind == Kind::File),
                    there: there.get(&entry.name).cloned(),
                    in_the_way: None,
                    reached: match (end, root.trail.is_behind_link()) {
                        (Some(_), _) => Reached::ByLink,
                        (None, true) => Reached::BehindLink,
                        (None, false) => Reached::Plainly,
                    },
                    source,
                    target,
                    entry,
                })))
            }
            Kind::Symlink(leads_to) if self.links == Links::Copy && !part::is_part(&entry.name) => {
                if !seen.is_new(&target) {
                    let what = format!("two sources would both become {target}; the first one does");
                    let trouble =
                        Trouble::new(TroubleKind::DestinationDenied, what).on(Some(Leg::Destination));
                    return Some(Sight::Failed(self.failure(root.side, &source, &target, trouble)));
                }
                let there = there.get(&entry.name).cloned();
                let side = root.side;
                Some(Sight::Link(Box::new(Twin { side, source, target, leads_to, there, in_the_way: None })))
            }
            Kind::File | Kind::Symlink(_) | Kind::Other => {
                let why = match end {
                    Some(End::Nowhere(why)) => why.clone(),
                    _ => why_left_out(&entry.kind),
                };
                skipped(explorer.name(&source), why)
            }
        }
    }

    /// Nothing of this directory can be copied.
    async fn blocked(&self, root: &Root, trouble: Trouble) -> Result<(), Deaf> {
        self.tell(Sight::Failed(self.failure(root.side, &root.source, &root.target, trouble))).await
    }

    fn failure(&self, side: usize, source: &VPath, target: &VPath, trouble: Trouble) -> Box<FileFailure> {
        let (source, destination) = (self.sources[side].name(source), self.destination.name(target));
        Box::new(FileFailure { source, destination, trouble })
    }

    async fn tell(&self, sight: Sight) -> Result<(), Deaf> {
        if matches!(sight, Sight::Extra { .. }) {
            self.toll.add(1);
        }
        self.sights.send(sight).await.map_err(|_| Deaf)
    }
}

/// Where files go, if two of them could go to the same place: two numbers for each, made with keys that nobody knows,
/// since a million of paths would fill the memory. Two paths have the same numbers about never.
struct Seen {
    targets: Option<HashSet<[u64; 2]>>,
    keys: [RandomState; 2],
}

impl Seen {
    fn new(overlapping: bool) -> Self {
        Seen { targets: overlapping.then(HashSet::new), keys: [RandomState::new(), RandomState::new()] }
    }

    fn is_new(&mut self, target: &VPath) -> bool {
        let Some(targets) = &mut self.targets else { return true };
        targets.insert([&self.keys[0], &self.keys[1]].map(|key| key.hash_one(target)))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn why_not_again(circle: &Circle, explorer: &Explorer) -> String {
    match circle {
        Circle::Back(above) => {
            format!(
                "it is {} again, which lies above it, and following it would have no end",
                explorer.name(above)
            )
        }
        Circle::TooManyLinks => "too many links lie on the way to it, which may have no end".to_owned(),
    }
}

/// True for what a server says about one directory, and not about the session or about all of its files.
pub(crate) fn is_about_this(trouble: &Trouble) -> bool {
    matches!(
        trouble.kind,
        TroubleKind::SourceNotFound
            | TroubleKind::DestinationDenied
            | TroubleKind::Limit
            | TroubleKind::Other
    )
}
