//! Walks one place and tells what is there, in the order of names: what `tree` and `du` print.

use std::collections::VecDeque;
use std::sync::Arc;

use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::path::VPath;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;

use crate::context::Context;
use crate::place::open;
use crate::plan::explore::Explorer;
use crate::plan::filter::Filter;
use crate::plan::holding::{AHEAD, Held, Holding};
use crate::plan::survey::is_about_this;
use crate::plan::walk::{self, MAX_DEPTH, interrupted, leads_elsewhere};
use crate::report::{Skipped, Trouble, TroubleKind};
use crate::run::Stop;
use crate::url::Address;

/// What is to be walked.
#[derive(Clone, Debug)]
pub struct RoamRequest {
    /// A directory, or a file.
    pub place: Address,
    /// What of it; its rules see paths from that directory.
    pub filter: Arc<Filter>,
    /// Directories deeper than this are not entered; 1 is what is in the place itself.
    pub depth: Option<usize>,
}

/// What was found, parents before their children, in the order of names.
#[derive(Clone, Debug)]
pub enum Roamed {
    /// A file, a directory, a link. Links are never followed.
    Entry {
        /// 0 is the place itself.
        depth: usize,
        /// Nothing follows in its directory.
        last: bool,
        /// Printable, absolute on its server.
        path: VPath,
        /// What it is.
        entry: Box<Entry>,
    },
    /// A directory was left: all that is in it was told.
    Left {
        /// As above.
        depth: usize,
        /// As above.
        path: VPath,
        /// What is in it, at any depth.
        content: Content,
    },
    /// Something has no name by which it could be used.
    LeftOut(Skipped),
    /// A directory could not be listed.
    Failed(Box<Trouble>),
}

/// What is in a directory, at any depth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Files.
    pub files: u64,
    /// Their bytes, as far as the server tells.
    pub bytes: u64,
    /// Files whose size the server does not tell.
    pub unknown: u64,
    /// Directories.
    pub directories: u64,
    /// Links and devices.
    pub others: u64,
}

/// Walks, and tells what is there until `tell` says that nobody listens any more.
///
/// # Errors
///
/// No session, nothing there, or the session was lost; a directory that cannot be listed is told instead.
pub async fn roam(
    request: &RoamRequest,
    context: &Context,
    stop: Stop,
    mut tell: impl FnMut(Roamed) -> bool,
) -> Result<(), Trouble> {
    let (mut side, path) = open(&request.place, context).await?;
    let name = side.name(&path);
    let Some(mut entry) = side.stat(&path).await? else {
        return Err(Trouble::new(TroubleKind::SourceNotFound, format!("{name} does not exist")));
    };
    if matches!(entry.kind, Kind::Symlink(_)) && side.list(&path).await.is_ok() {
        // A link that was named is what was asked for.
        entry.kind = Kind::Directory;
    }
    let explorer = Explorer::new(side, MAX_SESSIONS, 0);
    let (sender, mut told) = channel(WAITING);
    let mut roamer = Roamer::new(explorer.clone(), request.filter.clone(), stop, sender);
    roamer.depth = request.depth.unwrap_or(usize::MAX);
    let walk = roamer.run(path, entry);
    let listen = async move {
        while let Some(found) = told.recv().await {
            if !tell(found) {
                return;
            }
        }
    };
    let (walked, ()) = tokio::join!(walk, listen);
    explorer.close().await;
    walked
}

/// A walk through one place.
pub(crate) struct Roamer {
    explorer: Arc<Explorer>,
    filter: Arc<Filter>,
    depth: usize,
    stop: Stop,
    sender: Sender<Roamed>,
    /// Entries of directories that were listed ahead.
    holding: Holding,
}

/// A directory that was entered.
struct Frame {
    path: VPath,
    relative: VPath,
    /// To be told before the others.
    unnamed: Vec<Skipped>,
    entries: std::vec::IntoIter<Entry>,
    /// The directories in it are entered.
    enters: bool,
    /// Listings of the next directories in it, in their order.
    ahead: VecDeque<Listing>,
    content: Content,
}

/// A listing on its way.
struct Listing(JoinHandle<(Result<Vec<Entry>, Trouble>, Held)>);

/// Nobody listens any more.
struct Deaf;

impl Roamer {
    /// One that goes as deep as it gets.
    pub(crate) fn new(
        explorer: Arc<Explorer>,
        filter: Arc<Filter>,
        stop: Stop,
        sender: Sender<Roamed>,
    ) -> Self {
        Roamer { explorer, filter, depth: usize::MAX, stop, sender, holding: Holding::default() }
    }

    /// Walks `path`, which is `entry`. Ends early if nobody listens any more.
    pub(crate) async fn run(self, path: VPath, entry: Entry) -> Result<(), Trouble> {
        match self.walk(path, entry).await? {
            Ok(()) | Err(Deaf) => Ok(()),
        }
    }

    async fn walk(&self, path: VPath, entry: Entry) -> Result<Result<(), Deaf>, Trouble> {
        let is_directory = entry.kind == Kind::Directory;
        let found = Roamed::Entry { depth: 0, last: true, path: path.clone(), entry: Box::new(entry) };
        if self.tell(found).await.is_err() {
            return Ok(Err(Deaf));
        }
        if !is_directory || self.depth == 0 {
            return Ok(Ok(()));
        }
        // What the user has named has to be there; what lies beneath is told when it is not.
        let entries = self.explorer.list(&path).await?;
        let mut frames = vec![self.frame(path, VPath::root(), entries, 1)];
        while let Some(frame) = frames.last_mut() {
            if *self.stop.borrow() {
                return Err(interrupted());
            }
            if let Some(unnamed) = frame.unnamed.pop() {
                if self.tell(Roamed::LeftOut(unnamed)).await.is_err() {
                    return Ok(Err(Deaf));
                }
                continue;
            }
            let Some(entry) = frame.entries.next() else {
                let frame = frames.pop().expect("it was there above");
                if let Some(above) = frames.last_mut() {
                    above.content.add(&frame.content);
                }
                let left = Roamed::Left { depth: frames.len(), path: frame.path, content: frame.content };
                if self.tell(left).await.is_err() {
                    return Ok(Err(Deaf));
                }
                continue;
            };
            let (Ok(path), Ok(relative)) = (frame.path.child(&entry.name), frame.relative.child(&entry.name))
            else {
                continue;
            };
            frame.content.count(&entry);
            let last = frame.entries.as_slice().is_empty();
            let mut listing = None;
            if frame.enters && entry.kind == Kind::Directory {
                listing = Some(frame.ahead.pop_front().unwrap_or_else(|| self.ask(path.clone())));
                self.look_ahead(frame, AHEAD);
            }
            let depth = frames.len();
            let found = Roamed::Entry { depth, last, path: path.clone(), entry: Box::new(entry) };
            if self.tell(found).await.is_err() {
                return Ok(Err(Deaf));
            }
            let Some(mut listing) = listing else { continue };
            let (listed, _held) = (&mut listing.0).await.expect("a listing neither panics nor is it aborted");
            match listed {
                Ok(entries) => frames.push(self.frame(path, relative, entries, depth + 1)),
                Err(trouble) if is_about_this(&trouble) => {
                    if self.tell(Roamed::Failed(Box::new(trouble))).await.is_err() {
                        return Ok(Err(Deaf));
                    }
                }
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(Ok(()))
    }

    /// A directory at this depth, whose entries are one deeper.
    fn frame(&self, path: VPath, relative: VPath, mut entries: Vec<Entry>, depth: usize) -> Frame {
        let mut unnamed = Vec::new();
        entries.retain(|entry| {
            if leads_elsewhere(&entry.name) {
                unnamed.push(walk::unnamed(entry, &self.explorer.name(&path)));
                return false;
            }
            let Ok(below) = relative.child(&entry.name) else { return false };
            let excluded = self.filter.excludes(&below, entry.kind == Kind::Directory);
            let outside = entry.kind == Kind::File && self.filter.bounds.leaves_out(entry).is_some();
            path.child(&entry.name).is_ok() && !excluded && !outside
        });
        unnamed.reverse();
        let enters = depth < self.depth.min(MAX_DEPTH);
        let (entries, ahead) = (entries.into_iter(), VecDeque::new());
        let mut frame =
            Frame { path, relative, unnamed, entries, enters, ahead, content: Content::default() };
        // Its own children come first, so one is enough until they are told.
        self.look_ahead(&mut frame, 1);
        frame
    }

    /// Asks for the next directories of `frame` until `most` listings are on their way.
    fn look_ahead(&self, frame: &mut Frame, most: usize) {
        if !frame.enters {
            return;
        }
        let most = if self.holding.is_full() { 1 } else { most };
        if frame.ahead.len() > most / 2 {
            return;
        }
        let directories = frame.entries.as_slice().iter().filter(|entry| entry.kind == Kind::Directory);
        let wanted = directories.take(most).skip(frame.ahead.len());
        let paths: Vec<VPath> = wanted.filter_map(|entry| frame.path.child(&entry.name).ok()).collect();
        frame.ahead.extend(paths.into_iter().map(|path| self.ask(path)));
    }

    fn ask(&self, path: VPath) -> Listing {
        let (explorer, holding) = (self.explorer.clone(), self.holding.clone());
        Listing(tokio::spawn(async move {
            let listed = explorer.list(&path).await;
            let held = holding.hold(listed.as_ref().map_or(0, Vec::len));
            (listed, held)
        }))
    }

    async fn tell(&self, found: Roamed) -> Result<(), Deaf> {
        self.sender.send(found).await.map_err(|_| Deaf)
    }
}

impl Content {
    fn count(&mut self, entry: &Entry) {
        match entry.kind {
            Kind::Directory => self.directories += 1,
            Kind::File => {
                self.files += 1;
                match entry.size {
                    Some(size) => self.bytes = self.bytes.saturating_add(size),
                    None => self.unknown += 1,
                }
            }
            Kind::Symlink(_) | Kind::Other => self.others += 1,
        }
    }

    fn add(&mut self, beneath: &Content) {
        self.files += beneath.files;
        self.bytes = self.bytes.saturating_add(beneath.bytes);
        self.unknown += beneath.unknown;
        self.directories += beneath.directories;
        self.others += beneath.others;
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sessions with the place at most.
const MAX_SESSIONS: usize = 3;

/// What was found and not yet told.
const WAITING: usize = 64;
