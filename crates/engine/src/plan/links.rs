//! What becomes of the symbolic links of a source.
//!
//! A link is looked at together with the listing that it is in, so that a survey has nothing to ask when it comes to it.

use std::collections::BTreeMap;

use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

use super::survey::is_about_this;
use super::walk::leads_elsewhere;
use crate::report::Trouble;
use crate::side::Side;

/// What becomes of symbolic links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// They are left out, and told.
    #[default]
    Skip,
    /// What they lead to is taken in their place.
    Follow,
    /// Links like them are made at the destination.
    Copy,
}

/// What is in a directory.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The entries by name. In place of a link that was followed stands what it leads to.
    pub(crate) entries: Vec<Entry>,
    /// What came of links that were to be followed.
    pub(crate) ends: BTreeMap<Text, End>,
}

/// Where a link ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At a file, or at a directory that the server calls so.
    Here(Option<VPath>),
    /// Nowhere, and why.
    Nowhere(String),
}

/// True if the listing of a directory leaves nothing to ask about its links.
pub(crate) fn is_enough(listed: &[Entry], links: Links, taken: bool) -> bool {
    let may_be_links = taken && listed.iter().any(is_directory);
    match links {
        Links::Skip => !may_be_links,
        Links::Follow => !may_be_links && !listed.iter().any(|entry| matches!(entry.kind, Kind::Symlink(_))),
        Links::Copy => false,
    }
}

/// Looks at the links in a directory that was `listed`, as far as that is wanted. If what is copied is `taken` from
/// there, no link passes for a directory.
pub(crate) async fn contents(
    side: &mut Side,
    path: &VPath,
    listed: Vec<Entry>,
    links: Links,
    taken: bool,
) -> Result<Contents, Trouble> {
    let mut contents = Contents { entries: listed, ends: BTreeMap::new() };
    if taken && links != Links::Copy {
        unmask(side, path, &mut contents.entries).await?;
    }
    match links {
        Links::Skip => {}
        Links::Follow => follow_all(side, path, &mut contents).await?,
        Links::Copy => find_targets(side, path, &mut contents.entries).await?,
    }
    Ok(contents)
}

/// Lists a directory in which something may be deleted. What the listing shows as a directory and is a link is told as
/// the link: pyftpdlib's MLSD shows what a link leads to, and nothing behind a link shall be deleted for its sake.
pub(crate) async fn unmasked(side: &mut Side, path: &VPath) -> Result<Vec<Entry>, Trouble> {
    let mut entries = side.list(path).await?;
    unmask(side, path, &mut entries).await?;
    Ok(entries)
}

/// The same for a directory that was listed.
async fn unmask(side: &mut Side, path: &VPath, entries: &mut [Entry]) -> Result<(), Trouble> {
    if !entries.iter().any(is_directory) {
        return Ok(());
    }
    let mut links = told_links(side, path, entries).await?;
    for entry in entries.iter_mut().filter(|entry| is_directory(entry)) {
        if let Some(link) = links.remove(&entry.name) {
            *entry = link;
        }
    }
    Ok(())
}

fn is_directory(entry: &Entry) -> bool {
    entry.kind == Kind::Directory
}

/// Asks for what a listing does not tell of links.
async fn find_targets(side: &mut Side, path: &VPath, entries: &mut Vec<Entry>) -> Result<(), Trouble> {
    let mut told = told_links(side, path, entries).await?;
    for entry in entries.iter_mut() {
        if let Some(link) = told.remove(&entry.name) {
            *entry = link;
        }
    }
    entries.extend(told.into_values());
    Ok(())
}

/// What LIST tells of the links in a directory, by their names.
async fn told_links(
    side: &mut Side,
    path: &VPath,
    entries: &[Entry],
) -> Result<BTreeMap<Text, Entry>, Trouble> {
    let links = side.links_in(path, entries).await?;
    Ok(links.into_iter().map(|link| (link.name.clone(), link)).collect())
}

async fn follow_all(side: &mut Side, path: &VPath, contents: &mut Contents) -> Result<(), Trouble> {
    for entry in &mut contents.entries {
        let Kind::Symlink(target) = &entry.kind else { continue };
        let Ok(link) = path.child(&entry.name) else { continue };
        if leads_elsewhere(&entry.name) {
            continue;
        }
        let to = target.as_ref().map(|target| format!(" to {target}")).unwrap_or_default();
        let end = match side.follow(&link).await {
            Ok(Some(followed)) => {
                *entry = Entry { name: entry.name.clone(), ..followed.entry };
                End::Here(followed.real)
            }
            Ok(None) => {
                End::Nowhere(format!("it is a symbolic link{to}, where nothing is that can be copied"))
            }
            Err(trouble) if is_about_this(&trouble) => {
                End::Nowhere(format!("it is a symbolic link{to}, which cannot be followed: {trouble}"))
            }
            Err(trouble) => return Err(trouble),
        };
        contents.ends.insert(entry.name.clone(), end);
    }
    Ok(())
}
