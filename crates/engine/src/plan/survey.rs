//! Walks the sources and lays what is found over what the destination holds, directory by directory: each is
//! listed once on each side, both sides at the same time and several directories at once, and what was found in one
//! is passed on before the next. So a tree of any size needs the memory of a few of its directories.
//!
//! The servers are not trusted: names that would lead out of their directory are left out, and depth has a ceiling.

mod extras;

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinHandle;

use super::Reached;
use super::explore::Explorer;
use super::filter::{Filter, OutOfBounds};
use super::links::{Contents, End, Links};
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

/// Entries in memory that nobody has looked at yet.
struct Held(Arc<AtomicUsize>, usize);

/// Nobody hears any more.
struct Deaf;

impl Survey {
    /// Walks `roots` in their order. What is found goes to the receiver; when that is gone, the walk ends.
    pub(crate) async fn run(&self, roots: Vec<Root>) -> Result<(), Trouble> {
        let held = Arc::new(AtomicUsize::new(0));
        // The top of the stack is its end; parents come before their children, and siblings by name.
        let mut stack: Vec<Waiting> =
            roots.into_iter().rev().map(|root| Waiting { root, listings: None }).collect();
        let mut seen = Seen::new(self.overlapping);
        loop {
            if *self.stop.borrow() {
                return Err(interrupted());
            }
            self.look_ahead(&mut stack, &held);
            let Some(Waiting { root, listings }) = stack.pop() else { return Ok(()) };
            let pending = listings.unwrap_or_else(|| self.ask(&root, &held));
            match self.visit(root, pending, &mut stack, &mut seen).await? {
                Ok(()) => {}
                Err(Deaf) => return Ok(()),
            }
        }
    }

    /// Asks for the listings of the directories that come next, as long as there is room for what comes back.
    fn look_ahead(&self, stack: &mut [Waiting], held: &Arc<AtomicUsize>) {
        for waiting in stack.iter_mut().rev().take(AHEAD) {
            if held.load(Ordering::Relaxed) > MAX_HELD {
                return;
            }
            if waiting.listings.is_none() {
                waiting.listings = Some(self.ask(&waiting.root, held));
            }
        }
    }

    fn ask(&self, root: &Root, held: &Arc<AtomicUsize>) -> Pending {
        let (source, destination) = (self.sources[root.side].clone(), self.destination.clone());
        let (root, held, links, taken) = (root.clone(), held.clone(), self.links, self.taken);
        Pending(tokio::spawn(async move {
            let there = async {
                match root.there {
                    There::Missing | There::Announced => None,
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
            held.fetch_add(entries, Ordering::Relaxed);
            Listings { source, destination, held: Held(held, entries) }
        }))
    }

    /// Passes on what is in one directory.
    async fn visit(
        &self,
        mut root: Root,
        mut pending: Pending,
        stack: &mut Vec<Waiting>,
        seen: &mut Seen,
    ) -> Result<Result<(), Deaf>, Trouble> {
        let Listings { source, destination, held } =
            (&mut pending.0).await.expect("a listing neither panics nor is it aborted while somebody waits");
        let _held = held;
        let mut there = match destination {
            None => BTreeMap::new(),
            Some(Ok(entries)) => entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect(),
            Some(Err(_)) if root.there == There::Link => {
                let what = format!("{} is no directory", self.destination.name(&root.target));
                return Ok(self.blocked(&root, Trouble::new(TroubleKind::DestinationDenied, what)).await);
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
        if root.there == There::Missing && seen.is_new(&root.target) {
            let source = Some((root.side, root.source.clone()));
            if self.tell(Sight::Missing { source, target: root.target.clone() }).await.is_err() {
                return Ok(Err(Deaf));
            }
        }
        if matches!(root.there, There::Missing | There::Announced) && !self.into_missing {
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
            let sight = self.look_at(entry, end, &root, &mut there, &mut deeper, seen);
            if let Some(sight) = sight
                && self.tell(sight).await.is_err()
            {
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
        stack.extend(deeper.into_iter().rev().map(|root| Waiting { root, listings: None }));
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
                let failure =
                    |trouble| Some(Sight::Failed(self.failure(root.side, &source, &target, trouble)));
                let there = match other {
                    None => There::Missing,
                    Some(Kind::Directory) => There::Directory,
                    Some(Kind::Symlink(_)) => There::Link,
                    Some(Kind::File | Kind::Other) => {
                        let what = format!("{} is no directory", self.destination.name(&target));
                        let trouble = Trouble::new(TroubleKind::DestinationDenied, what);
                        return failure(trouble.on(Some(Leg::Destination)));
                    }
                };
                if relative.components().len() > MAX_DEPTH {
                    let what =
                        format!("{} is more than {MAX_DEPTH} directories deep", explorer.name(&source));
                    return failure(Trouble::new(TroubleKind::Limit, what).on(Some(Leg::Source)));
                }
                let link = end.map(|end| match end {
                    End::Here(real) => real.clone(),
                    End::Nowhere(_) => None,
                });
                match root.trail.enter(&source, &entry, link, root.telling) {
                    Ok(trail) => {
                        deeper.push(Root {
                            side: root.side,
                            source,
                            target,
                            relative,
                            there,
                            trail,
                            telling: false,
                        });
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
                if matches!(other, Some(Kind::Directory)) {
                    let what = format!("{} is a directory", self.destination.name(&target));
                    let trouble =
                        Trouble::new(TroubleKind::DestinationDenied, what).on(Some(Leg::Destination));
                    return Some(Sight::Failed(self.failure(root.side, &source, &target, trouble)));
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
                let conflict = match other {
                    Some(Kind::Directory) => {
                        Some(format!("{} is a directory", self.destination.name(&target)))
                    }
                    _ if seen.is_new(&target) => None,
                    _ => Some(format!("two sources would both become {target}; the first one does")),
                };
                if let Some(what) = conflict {
                    let trouble =
                        Trouble::new(TroubleKind::DestinationDenied, what).on(Some(Leg::Destination));
                    return Some(Sight::Failed(self.failure(root.side, &source, &target, trouble)));
                }
                let there = there.get(&entry.name).cloned();
                Some(Sight::Link(Box::new(Twin { side: root.side, source, target, leads_to, there })))
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

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
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

/// How many directories are listed ahead of the one that is looked at.
const AHEAD: usize = 32;

/// As long as so many entries wait in memory, no more listings are asked for: some 20 MiB.
const MAX_HELD: usize = 50_000;
