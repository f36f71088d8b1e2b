//! Deletes a file, or a tree: directory after directory, so that no more than one listing is in memory.

use fxp_proto::listing::entry::Kind;
use fxp_proto::path::VPath;

use super::{must_be_there, open};
use crate::context::Context;
use crate::plan::links::unmasked;
use crate::plan::survey::is_about_this;
use crate::plan::walk::{MAX_DEPTH, interrupted, leads_elsewhere};
use crate::report::{MOST_FAILURES, Trouble, TroubleKind};
use crate::run::Stop;
use crate::side::Side;
use crate::url::Address;

/// What [`remove`] did.
#[derive(Clone, Debug, Default)]
pub struct Removed {
    /// Files (and links) deleted.
    pub files: u64,
    /// Directories removed.
    pub directories: u64,
    /// What could not be removed.
    pub failed: u64,
    /// The first [`MOST_FAILURES`] of that, printable path first.
    pub failures: Vec<(String, Trouble)>,
}

/// Deletes a file, or with `recursive` a directory and all that is in it. Links are deleted, never followed.
///
/// # Errors
///
/// No session, nothing there, a directory without `recursive`. What fails inside a tree is in [`Removed::failures`].
pub async fn remove(
    address: &Address,
    recursive: bool,
    context: &Context,
    stop: Stop,
) -> Result<Removed, Trouble> {
    let (mut side, path) = open(address, context).await?;
    let removed = remove_at(&mut side, &path, recursive, &stop).await;
    side.close().await;
    removed
}

async fn remove_at(side: &mut Side, path: &VPath, recursive: bool, stop: &Stop) -> Result<Removed, Trouble> {
    let entry = must_be_there(side, path).await?;
    if entry.kind != Kind::Directory {
        side.delete(path).await?;
        return Ok(Removed { files: 1, ..Removed::default() });
    }
    if !recursive {
        return Err(Trouble::new(TroubleKind::Usage, format!("{} is a directory", side.name(path)))
            .remedy("-r removes directories with all that is in them"));
    }
    if path.is_root() {
        return Err(Trouble::new(TroubleKind::Usage, "the root of a server cannot be removed"));
    }
    let link = match is_link(side, path).await {
        Ok(true) => side.delete(path).await.map(|()| true)?,
        Ok(false) => false,
        // What cannot be listed can be tried: DELE takes links, and no directories.
        Err(trouble) if is_about_this(&trouble) => side.delete(path).await.is_ok(),
        Err(trouble) => return Err(trouble),
    };
    if link {
        return Ok(Removed { files: 1, ..Removed::default() });
    }
    let mut removal = Removal { side, stop, removed: Removed::default() };
    removal.tree(path).await?;
    Ok(removal.removed)
}

/// True if `path`, which MLST calls a directory, is a link: MLST tells of what a link leads to, and only listings tell
/// of the link.
async fn is_link(side: &mut Side, path: &VPath) -> Result<bool, Trouble> {
    let entries = unmasked(side, &path.parent()).await?;
    let link = entries.iter().find(|entry| Some(&entry.name) == path.name());
    Ok(link.is_some_and(|entry| matches!(entry.kind, Kind::Symlink(_))))
}

/// A removal that goes on.
struct Removal<'a> {
    side: &'a mut Side,
    stop: &'a Stop,
    removed: Removed,
}

impl Removal<'_> {
    /// Children before parents.
    async fn tree(&mut self, root: &VPath) -> Result<(), Trouble> {
        // What the user has named has to be listed; of what lies beneath it is told what cannot be.
        let mut entered = vec![(root.clone(), self.files(root).await?)];
        loop {
            let depth = entered.len();
            let Some((path, directories)) = entered.last_mut() else { return Ok(()) };
            match directories.pop() {
                Some(below) if depth > MAX_DEPTH => {
                    let what = format!("{} is more than {MAX_DEPTH} directories deep", self.side.name(root));
                    self.failed(&below, Trouble::new(TroubleKind::Limit, what));
                }
                Some(below) => match self.files(&below).await {
                    Ok(directories) => entered.push((below, directories)),
                    Err(trouble) if is_about_this(&trouble) => self.failed(&below, trouble),
                    Err(trouble) => return Err(trouble),
                },
                None => {
                    let path = std::mem::take(path);
                    entered.pop();
                    self.go_on()?;
                    match self.side.remove_directory(&path).await {
                        Ok(()) => self.removed.directories += 1,
                        Err(trouble) => self.failed(&path, trouble),
                    }
                }
            }
        }
    }

    /// Deletes all but the directories of one directory; these are handed back, the first one last.
    async fn files(&mut self, directory: &VPath) -> Result<Vec<VPath>, Trouble> {
        self.go_on()?;
        let mut directories = Vec::new();
        for entry in unmasked(self.side, directory).await? {
            if leads_elsewhere(&entry.name) {
                continue;
            }
            let Ok(path) = directory.child(&entry.name) else { continue };
            if entry.kind == Kind::Directory {
                directories.push(path);
                continue;
            }
            self.go_on()?;
            match self.side.delete(&path).await {
                Ok(()) => self.removed.files += 1,
                Err(trouble) => self.failed(&path, trouble),
            }
        }
        directories.reverse();
        Ok(directories)
    }

    fn go_on(&self) -> Result<(), Trouble> {
        if *self.stop.borrow() { Err(interrupted()) } else { Ok(()) }
    }

    fn failed(&mut self, path: &VPath, trouble: Trouble) {
        self.removed.failed += 1;
        if self.removed.failures.len() < MOST_FAILURES {
            self.removed.failures.push((self.side.name(path), trouble));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn a_tree_goes_with_its_links_and_nothing_else_does() {
        let (mut side, _) = testing::one_machine(&[
            ("/t/b", "1"),
            ("/t/a/x", "1"),
            ("/t/a/deep/y", "1"),
            ("/t/old.fxp-part", "1"),
            ("/elsewhere/z", "1"),
        ]);
        let Side::Local(files) = &side else { panic!("a local side") };
        let path = |text: &str| VPath::parse(text.as_bytes()).expect("a path");
        files.storage.symlink(&"/elsewhere".into(), &path("/t/link")).expect("made");
        let stopped = tokio::sync::watch::channel(true).1;
        let refused = remove_at(&mut side, &path("/t"), true, &stopped).await.expect_err("stopped");
        assert_eq!(refused.kind, TroubleKind::Interrupted);
        let go_on = testing::go_on();
        let refused = remove_at(&mut side, &path("/t"), false, &go_on).await.expect_err("a directory");
        assert_eq!(refused.kind, TroubleKind::Usage);
        let removed = remove_at(&mut side, &path("/t"), true, &go_on).await.expect("removed");
        assert_eq!((removed.files, removed.directories, removed.failed), (5, 3, 0));
        assert!(side.stat(&path("/t")).await.expect("asked").is_none());
        assert!(side.stat(&path("/elsewhere/z")).await.expect("asked").is_some());
    }

    #[tokio::test]
    async fn what_is_too_deep_stays_and_is_told() {
        let deep = format!("/t{}/f", "/d".repeat(MAX_DEPTH + 1));
        let (mut side, _) = testing::one_machine(&[(deep.as_str(), "1"), ("/t/f", "1")]);
        let root = VPath::parse(b"/t").expect("a path");
        let removed = remove_at(&mut side, &root, true, &testing::go_on()).await.expect("begun");
        assert_eq!((removed.files, removed.directories), (1, 0));
        assert_eq!(removed.failures.first().map(|(_, trouble)| trouble.kind), Some(TroubleKind::Limit));
    }
}
