//! What the destination holds, asked for as seldom as possible: each directory is listed once, a few
//! single files are asked for one by one, and coarse times are looked at twice only where it matters.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

use super::diff;
use crate::part;
use crate::report::Trouble;
use crate::side::Side;

/// What the destination's directories hold, each listed once.
pub(super) struct Shelf {
    base: VPath,
    listings: HashMap<VPath, Shelves>,
    /// So few files that asking for each is cheaper than listing a directory that may be huge.
    few: bool,
}

#[derive(Clone)]
enum Shelves {
    /// There is no such directory.
    Missing,
    /// Something else stands there; the name of that.
    Blocked(VPath),
    /// Its entries by name.
    Holds(Arc<BTreeMap<Text, Entry>>),
    /// It is there, and was not listed.
    Unlisted,
}

/// What stands in a file's place.
#[derive(Default)]
pub(super) struct Place {
    /// What has the file's name.
    pub(super) file: Option<Entry>,
    /// Its part.
    pub(super) part: Option<Entry>,
    /// Why it cannot be stored there.
    pub(super) conflict: Option<String>,
}

impl Shelf {
    /// For the directory that everything goes into, which may have to be made first.
    pub(super) fn new(base: &VPath, is_missing: bool, files: usize) -> Self {
        let missing = is_missing.then(|| (base.clone(), Shelves::Missing));
        Shelf { base: base.clone(), listings: missing.into_iter().collect(), few: files <= FEW }
    }

    /// True if the directory `path` has to be made. Parents are asked for before their children.
    pub(super) async fn lacks(&mut self, side: &mut Side, path: &VPath) -> Result<bool, Trouble> {
        Ok(matches!(self.directory(side, path).await?, Shelves::Missing))
    }

    /// What is at the directory `path`. Its parent was asked for before, unless it is the base.
    async fn directory(&mut self, side: &mut Side, path: &VPath) -> Result<Shelves, Trouble> {
        if let Some(known) = self.listings.get(path) {
            return Ok(known.clone());
        }
        let parent = (*path != self.base).then(|| self.listings.get(&path.parent()).cloned()).flatten();
        let name = path.name().cloned().unwrap_or_default();
        let found = match parent {
            Some(Shelves::Missing) => Shelves::Missing,
            Some(Shelves::Blocked(by)) => Shelves::Blocked(by),
            Some(Shelves::Holds(entries)) => match entries.get(&name).map(|entry| &entry.kind) {
                None => Shelves::Missing,
                Some(Kind::Directory) => self.list(side, path).await?,
                Some(Kind::Symlink(_)) => {
                    self.list(side, path).await.unwrap_or_else(|_| Shelves::Blocked(path.clone()))
                }
                Some(Kind::File | Kind::Other) => Shelves::Blocked(path.clone()),
            },
            // The base, and what lies beneath it when listing was not worth it.
            Some(Shelves::Unlisted) => match kind_of(side, path).await? {
                None => Shelves::Missing,
                Some(Kind::Directory) => Shelves::Unlisted,
                Some(_) => Shelves::Blocked(path.clone()),
            },
            None if self.few => Shelves::Unlisted,
            None => self.list(side, path).await?,
        };
        self.listings.insert(path.clone(), found.clone());
        Ok(found)
    }

    async fn list(&self, side: &mut Side, path: &VPath) -> Result<Shelves, Trouble> {
        if self.few {
            return Ok(Shelves::Unlisted);
        }
        let entries = side.list(path).await.map_err(|error| error.on(Some(Leg::Destination)))?;
        let by_name = entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect();
        Ok(Shelves::Holds(Arc::new(by_name)))
    }

    /// What is at the file `path` and at its part.
    pub(super) async fn place(&mut self, side: &mut Side, path: &VPath) -> Result<Place, Trouble> {
        let part = part::part_of(path);
        let (file, part) = match self.listings.get(&path.parent()) {
            Some(Shelves::Missing) => (None, None),
            Some(Shelves::Blocked(by)) => {
                let conflict = Some(format!("{} is no directory", side.name(by)));
                return Ok(Place { conflict, ..Place::default() });
            }
            Some(Shelves::Holds(entries)) => {
                let entry = |path: &VPath| path.name().and_then(|name| entries.get(name)).cloned();
                (entry(path), part.as_ref().and_then(entry))
            }
            Some(Shelves::Unlisted) | None => {
                let file = side.stat(path).await.map_err(|error| error.on(Some(Leg::Destination)))?;
                let part = match &part {
                    Some(part) => side.stat(part).await.map_err(|error| error.on(Some(Leg::Destination)))?,
                    None => None,
                };
                (file, part)
            }
        };
        let conflict = match file.as_ref().map(|entry| &entry.kind) {
            Some(Kind::Directory) => Some(format!("{} is a directory", side.name(path))),
            _ => None,
        };
        Ok(Place { file, part: part.filter(|entry| entry.kind == Kind::File), conflict })
    }
}

/// A file as a listing shows it.
pub(super) struct Seen<'a> {
    pub(super) side: &'a mut Side,
    pub(super) path: &'a VPath,
    pub(super) entry: &'a Entry,
}

impl Seen<'_> {
    /// The file as its server shows it when asked about nothing else.
    async fn again(self) -> Result<Entry, Trouble> {
        Ok(self.side.stat(self.path).await?.unwrap_or_else(|| self.entry.clone()))
    }
}

/// Settles doubts about times, and learns on which side a second question tells no more than the listing.
#[derive(Default)]
pub(super) struct Doubts {
    hopeless: bool,
}

impl Doubts {
    /// True if the two are equal as far as their servers tell.
    pub(super) async fn are_equal(&mut self, one: Seen<'_>, two: Seen<'_>) -> Result<bool, Trouble> {
        if self.hopeless || !diff::is_in_doubt(one.entry, two.entry) {
            return Ok(diff::is_unchanged(one.entry, two.entry));
        }
        let (one, two) = (one.again().await?, two.again().await?);
        self.hopeless = diff::is_in_doubt(&one, &two);
        Ok(diff::is_unchanged(&one, &two))
    }
}

/// Up to so many files are asked for one by one.
const FEW: usize = 2;

/// What kind of thing stands at a path of the destination; a link to a directory counts as one.
pub(crate) async fn kind_of(side: &mut Side, path: &VPath) -> Result<Option<Kind>, Trouble> {
    Ok(match side.stat(path).await?.map(|entry| entry.kind) {
        Some(Kind::Symlink(_)) if side.list(path).await.is_ok() => Some(Kind::Directory),
        kind => kind,
    })
}
