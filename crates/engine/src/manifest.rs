//! Compares what stands at one place with what a manifest says of it, and changes nothing.
//!
//! The whole manifest is in memory, packed (`stated`). The place is walked once, and what has a digest in
//! the manifest is digested where it stands, several files at once.

mod stated;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use fxp_proto::grammar::params::DigestKind;
use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;
use tokio::sync::mpsc::channel;
use tokio::task::JoinHandle;

use crate::checking::{Checked, Compared};
use crate::context::Context;
use crate::digest;
use crate::part;
use crate::place::open;
use crate::plan::explore::Explorer;
use crate::plan::filter::{Bounds, Filter, Verdict};
use crate::plan::judge::Likeness;
use crate::plan::survey::is_about_this;
use crate::plan::walk::{beneath, interrupted};
use crate::report::{FileFailure, Skipped, Trouble, TroubleKind};
use crate::retry;
use crate::roaming::{Roamed, Roamer};
use crate::run::Stop;
use crate::url::Address;
use crate::verify::same;

pub use stated::{Manifest, Stated};

/// The digest that is called so in reports.
pub fn digest_called(name: &str) -> Option<DigestKind> {
    digest::KINDS.iter().copied().find(|kind| digest::name(*kind).eq_ignore_ascii_case(name))
}

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct ManifestRequest {
    /// The directory that the manifest's paths begin in, or a single file.
    pub place: Address,
    /// What the place ought to hold.
    pub manifest: Manifest,
    /// Which files; of the others nothing is said.
    pub filter: Arc<Filter>,
    /// What is done about digests.
    pub digests: Digests,
    /// How often something is asked again that had no answer for a reason that may pass.
    pub retries: u32,
}

/// What is done about digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digests {
    /// They are compared where the manifest has one that the place computes.
    IfAny,
    /// A file whose digest cannot be compared counts as different.
    Always,
    /// Sizes say enough.
    Never,
}

/// Compares, and tells each thing as it is found; the source is the manifest.
///
/// # Errors
///
/// What keeps the comparison from beginning or going on: bad address, no login, nothing there, a lost session.
pub async fn check(
    request: ManifestRequest,
    context: &Context,
    stop: Stop,
    tell: impl FnMut(Compared),
) -> Result<Checked, Trouble> {
    let began = Instant::now();
    let ManifestRequest { place, manifest, filter, digests, retries } = request;
    let (mut side, path) = open(&place, context).await?;
    side.connect().await?;
    let name = side.name(&path);
    let Some(mut entry) = side.stat(&path).await? else {
        return Err(Trouble::new(TroubleKind::SourceNotFound, format!("{name} does not exist")));
    };
    if matches!(entry.kind, Kind::Symlink(_)) && side.list(&path).await.is_ok() {
        // A link that was named is what was asked for.
        entry.kind = Kind::Directory;
    }
    let is_file = entry.kind != Kind::Directory;
    let offered = side.digests();
    let explorer = Explorer::new(side, MAX_SESSIONS, retries);
    let (sender, mut found) = channel(WAITING);
    let roamer = Roamer::new(explorer.clone(), filter.clone(), stop.clone(), sender);
    let base = if is_file { path.parent() } else { path.clone() };
    let walk = roamer.run(path, entry);
    let mut inspector = Inspector {
        explorer: explorer.clone(),
        base,
        manifest,
        filter,
        digests,
        offered,
        asked: VecDeque::new(),
        unlisted: false,
        checked: Checked::default(),
        tell,
    };
    let listen = async {
        // Dropped on an error, so that the walk ends.
        while let Some(roamed) = found.recv().await {
            inspector.hear(roamed).await?;
        }
        drop(found);
        Ok(())
    };
    let (walked, heard) = tokio::join!(walk, listen);
    let rest = match heard.and(walked) {
        Ok(()) => inspector.finish(is_file, &stop).await,
        Err(trouble) => Err(trouble),
    };
    let mut checked = inspector.checked;
    explorer.close().await;
    rest?;
    checked.elapsed = began.elapsed();
    Ok(checked)
}

/// A file whose digest is being computed.
struct Question {
    path: VPath,
    stated: Stated,
    size: Option<u64>,
    kind: DigestKind,
    answer: JoinHandle<Result<String, Trouble>>,
}

/// Compares what a walk finds with the manifest, from which it takes what it has found.
struct Inspector<T> {
    explorer: Arc<Explorer>,
    base: VPath,
    manifest: Manifest,
    filter: Arc<Filter>,
    digests: Digests,
    offered: Vec<DigestKind>,
    asked: VecDeque<Question>,
    /// A directory could not be listed: nobody knows what is in it.
    unlisted: bool,
    checked: Checked,
    tell: T,
}

impl<T: FnMut(Compared)> Inspector<T> {
    async fn hear(&mut self, roamed: Roamed) -> Result<(), Trouble> {
        match roamed {
            Roamed::Entry { path, entry, .. } if entry.kind != Kind::Directory => {
                self.found(path, &entry).await
            }
            Roamed::Failed(trouble) => {
                self.unlisted = true;
                let (source, destination) = (String::new(), self.explorer.name(&self.base));
                self.told(Compared::Failed(Box::new(FileFailure { source, destination, trouble: *trouble })));
                Ok(())
            }
            Roamed::LeftOut(skipped) => {
                self.told(Compared::Skipped(skipped));
                Ok(())
            }
            Roamed::Entry { .. } | Roamed::Left { .. } => Ok(()),
        }
    }

    /// Something that is no directory stands at `path`.
    async fn found(&mut self, path: VPath, entry: &Entry) -> Result<(), Trouble> {
        if let Some(stated) = self.manifest.take(&self.below(&path)) {
            return self.compare(path, entry, stated).await;
        }
        let place = self.explorer.name(&path);
        let left_out = match entry.kind {
            Kind::File if part::is_part(&entry.name) => Some("a part of a file that is not whole yet"),
            Kind::Symlink(_) => Some("a link, and no link is ever copied"),
            Kind::Other => Some("neither a file nor a directory"),
            Kind::File | Kind::Directory => None,
        };
        self.told(match left_out {
            Some(reason) => Compared::Skipped(Skipped { source: place, reason: reason.to_owned() }),
            None => Compared::OnlyDestination { place, directory: false },
        });
        Ok(())
    }

    async fn compare(&mut self, path: VPath, entry: &Entry, stated: Stated) -> Result<(), Trouble> {
        // A link's own size is not that of its file.
        let size = entry.size.filter(|_| entry.kind == Kind::File);
        if let Some(here) = size.filter(|size| *size != stated.size) {
            let what = format!("{} bytes in the manifest, {here} here", stated.size);
            self.likeness(&path, Likeness::Different(what));
            return Ok(());
        }
        let kind = match &stated.digest {
            Some((kind, _)) if self.digests != Digests::Never && self.offered.contains(kind) => *kind,
            stated => {
                let why = match stated {
                    _ if self.digests == Digests::Never => None,
                    None => Some("the manifest has no digest of it".to_owned()),
                    Some((kind, _)) => Some(format!("{} is not computed at this place", digest::name(*kind))),
                };
                let likeness = self.without_digest(size, why);
                self.likeness(&path, likeness);
                return Ok(());
            }
        };
        let (explorer, asked) = (self.explorer.clone(), path.clone());
        let answer = tokio::spawn(async move { explorer.digest(kind, &asked).await });
        self.asked.push_back(Question { path, stated, size, kind, answer });
        if self.asked.len() >= AT_ONCE { self.answer().await } else { Ok(()) }
    }

    /// Tells the answer to the oldest question.
    async fn answer(&mut self) -> Result<(), Trouble> {
        let Some(Question { path, stated, size, kind, answer }) = self.asked.pop_front() else {
            return Ok(());
        };
        let name = digest::name(kind);
        let wanted = stated.digest.map(|(_, hex)| hex).unwrap_or_default();
        let likeness = match answer.await.expect("a question neither panics nor is it aborted") {
            Ok(hex) if same(&hex, &wanted) => Likeness::SameDigest { algorithm: name, hex },
            Ok(hex) => Likeness::Different(format!("{name} differs: {wanted} in the manifest, {hex} here")),
            Err(trouble) if is_about_this(&trouble) => {
                let why = format!("{name} could not be compared: {trouble}");
                match retry::judge(&trouble).may_help() && size.is_some() && self.digests != Digests::Always {
                    true => Likeness::Unproven(why),
                    false => self.without_digest(size, Some(why)),
                }
            }
            Err(trouble) => return Err(trouble),
        };
        self.likeness(&path, likeness);
        Ok(())
    }

    /// The verdict on a file whose size does not differ as far as it is known.
    fn without_digest(&self, size: Option<u64>, why: Option<String>) -> Likeness {
        match (size, why) {
            (Some(_), Some(why)) if self.digests == Digests::Always => Likeness::Different(why),
            (Some(_), why) => Likeness::SameSize { why },
            (None, Some(why)) => Likeness::Different(format!("{why}, and its size is not told")),
            (None, None) => Likeness::Different("its size is not told".to_owned()),
        }
    }

    /// What the walk has not found: it is missing, unless nobody could have found it.
    async fn finish(&mut self, is_file: bool, stop: &Stop) -> Result<(), Trouble> {
        let mut next = 0;
        // Of the other files nothing is said when a single one was named.
        while !is_file && let Some((after, below, stated)) = self.manifest.left(next) {
            next = after;
            if *stop.borrow() {
                return Err(interrupted());
            }
            let unreadable = |error: fxp_proto::path::PathError| {
                Trouble::new(TroubleKind::Usage, format!("a path of the manifest is none here: {error}"))
            };
            let below = VPath::parse(&below).map_err(unreadable)?;
            if self.filter.decide(&below, false).verdict == Verdict::Exclude {
                continue;
            }
            let path = beneath(&self.base, &below);
            let place = written(&below);
            let hidden = self.unlisted || self.filter.bounds != Bounds::default();
            match if hidden { self.explorer.stat(&path).await } else { Ok(None) } {
                Ok(None) => self.told(Compared::OnlySource { place, directory: false }),
                Ok(Some(entry)) if self.filter.bounds.leaves_out(&entry).is_some() => {}
                Ok(Some(entry)) if entry.kind == Kind::Directory => {
                    self.likeness(&path, Likeness::Different("it is a directory here".to_owned()));
                }
                Ok(Some(entry)) => self.compare(path, &entry, stated).await?,
                Err(trouble) if is_about_this(&trouble) => {
                    let destination = self.explorer.name(&path);
                    let failure = FileFailure { source: place, destination, trouble };
                    self.told(Compared::Failed(Box::new(failure)));
                }
                Err(trouble) => return Err(trouble),
            }
        }
        while !self.asked.is_empty() {
            self.answer().await?;
        }
        Ok(())
    }

    /// A path as the manifest would write it.
    fn below(&self, path: &VPath) -> VPath {
        let names: &[Text] = path.components().strip_prefix(self.base.components()).unwrap_or_default();
        let below = names.iter().try_fold(VPath::root(), |path, name| path.child(name));
        // A part of a path is a path.
        below.unwrap_or_else(|_| path.clone())
    }

    fn likeness(&mut self, path: &VPath, likeness: Likeness) {
        let (source, destination) = (written(&self.below(path)), self.explorer.name(path));
        self.told(Compared::File { source, destination, likeness });
    }

    fn told(&mut self, compared: Compared) {
        self.checked.count(&compared);
        (self.tell)(compared);
    }
}

/// A path for people, as in the manifest.
fn written(path: &VPath) -> String {
    let text = path.to_string();
    text.strip_prefix('/').map(ToOwned::to_owned).unwrap_or(text)
}

/// Sessions with the place at most: it computes as many digests at once.
const MAX_SESSIONS: usize = 3;

/// Files that were asked about and not yet told.
const AT_ONCE: usize = 8;

/// What was found and not yet looked at.
const WAITING: usize = 64;
