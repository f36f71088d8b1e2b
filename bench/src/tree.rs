//! Trees to be copied: made once, laid out for each round by hard links, compared byte by byte afterwards.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// A tree that lies somewhere, and what it holds.
#[derive(Clone)]
pub(crate) struct Tree {
    pub(crate) path: PathBuf,
    pub(crate) files: u64,
    /// Of all files together.
    pub(crate) bytes: u64,
}

/// Files per directory.
const SHELF: u64 = 100;

impl Tree {
    /// `files` files in directories of a hundred, the n-th of them as long as `size` says.
    pub(crate) fn new(path: PathBuf, files: u64, size: impl Fn(u64) -> u64) -> Result<Tree> {
        let mut bytes = 0;
        for number in 0..files {
            let file = path.join(format!("shelf-{:03}/file-{number:05}", number / SHELF));
            fxp_testkit::data::write(&file, size(number), number)?;
            bytes += size(number);
        }
        Ok(Tree { path, files, bytes })
    }

    /// Lays it out at `to`, without a second copy of any byte.
    pub(crate) fn lay_out(&self, to: &Path) -> Result<()> {
        each(&self.path, &mut |from, relative| {
            let target = to.join(relative);
            std::fs::create_dir_all(target.parent().context("beneath the root")?)?;
            Ok(std::fs::hard_link(from, target)?)
        })
    }

    /// An error unless `there` holds every file with the same bytes, and as many.
    pub(crate) fn compare(&self, there: &Path) -> Result<()> {
        each(&self.path, &mut |from, relative| {
            let copy = std::fs::read(there.join(relative)).with_context(|| relative.display().to_string())?;
            ensure!(copy == std::fs::read(from)?, "{} differs", relative.display());
            Ok(())
        })?;
        let mut seen = 0;
        each(there, &mut |_, _| {
            seen += 1;
            Ok(())
        })?;
        ensure!(seen == self.files, "{seen} files of {}", self.files);
        Ok(())
    }
}

/// Calls `visit` with each file beneath `root`, and with its path seen from there.
fn each(root: &Path, visit: &mut impl FnMut(&Path, &Path) -> Result<()>) -> Result<()> {
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
            let path = entry?.path();
            match path.is_dir() {
                true => waiting.push(path),
                false => visit(&path, path.strip_prefix(root)?)?,
            }
        }
    }
    Ok(())
}
