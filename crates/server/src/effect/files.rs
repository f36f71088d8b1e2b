//! Everything about names: SIZE, MDTM, MKD, DELE, RNTO, MFMT, SITE CHMOD, AVBL, COMB and their kin.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use fxp_proto::server::effect::{FileOp, Outcome};
use fxp_store::account::Rights;
use fxp_store::storage::{Create, Result as StoreResult, Storage, StoreError};
use fxp_store::{Entry, VPath};

use super::digest::StopOnDrop;
use super::{Job, Result};

pub(super) async fn operate(job: &Job, operation: FileOp) -> Result {
    let rights = job.user()?.account.rights;
    let stop = StopOnDrop::default();
    let stopped = stop.flag();
    job.ask(move |files| act(files, operation, rights, &stopped)).await
}

fn act(files: &dyn Storage, operation: FileOp, rights: Rights, stopped: &AtomicBool) -> StoreResult<Outcome> {
    match operation {
        FileOp::Stat(path) => return files.stat(&path).map(Outcome::Facts),
        FileOp::Space(path) => return files.space(&path).map(Outcome::Space),
        FileOp::MakeDirectory(path) => files.make_directory(&path),
        FileOp::RemoveDirectory(path) => files.remove_directory(&path),
        FileOp::Delete(path) => files.delete(&path),
        FileOp::Rename { from, to } => files.rename(&from, &to),
        FileOp::SetTime(path, time) => files.set_time(&path, time),
        FileOp::SetMode(path, mode) => files.set_mode(&path, mode),
        FileOp::Symlink { target, link } => files.symlink(&target, &link),
        FileOp::Combine { target, parts } => combine(files, &target, &parts, rights, stopped),
    }
    .map(|()| Outcome::Done)
}

/// Joins `parts` behind what `target` holds already. If that fails, the target is as it was before, and
/// all parts are still there. Deleting the parts comes last; one that cannot be deleted stays.
fn combine(
    files: &dyn Storage,
    target: &VPath,
    parts: &[VPath],
    rights: Rights,
    stopped: &AtomicBool,
) -> StoreResult<()> {
    if !rights.delete {
        return Err(StoreError::Denied);
    }
    let before = match files.stat(target) {
        Ok(entry) => Some(entry),
        Err(StoreError::NotFound) => None,
        Err(error) => return Err(error),
    };
    distinct(files, target, before.as_ref(), parts)?;
    if let Err(error) = join(files, target, parts, stopped) {
        let undone = match before {
            Some(entry) => {
                let size = entry.size.unwrap_or(0);
                files.create(target, Create::From(size)).and_then(|file| file.finish())
            }
            None => files.delete(target),
        };
        if let Err(error) = undone {
            tracing::warn!(path = %target, %error, "COMB failed, and so did undoing it");
        }
        return Err(error);
    }
    parts.iter().try_for_each(|part| files.delete(part))
}

/// No part may be the target or another part, by whatever name: a file that is read while it grows has
/// no end, and one that is deleted twice has been joined twice.
fn distinct(files: &dyn Storage, target: &VPath, before: Option<&Entry>, parts: &[VPath]) -> StoreResult<()> {
    let mut paths = BTreeSet::from([target]);
    let mut unique: BTreeSet<Vec<u8>> = before.and_then(identity).into_iter().collect();
    for part in parts {
        let another = identity(&files.stat(part)?).is_none_or(|identity| unique.insert(identity));
        if !paths.insert(part) || !another {
            return Err(StoreError::BadName);
        }
    }
    Ok(())
}

/// What tells a file apart from all others, if the storage knows.
fn identity(entry: &Entry) -> Option<Vec<u8>> {
    entry.unique.as_ref().map(|unique| unique.as_bytes().to_vec())
}

/// Of each part what it held when its turn came.
fn join(files: &dyn Storage, target: &VPath, parts: &[VPath], stopped: &AtomicBool) -> StoreResult<()> {
    let mut joined = files.create(target, Create::Append)?;
    let mut buffer = vec![0; BATCH];
    for part in parts {
        let mut part = files.open(part)?;
        let (mut offset, end) = (0, part.size()?);
        while offset < end {
            if stopped.load(Ordering::Relaxed) {
                return Err(StoreError::Io(io::ErrorKind::Interrupted.into()));
            }
            let most = usize::try_from(end - offset).unwrap_or(usize::MAX).min(BATCH);
            match part.read_at(&mut buffer[..most], offset)? {
                0 => break,
                read => {
                    joined.write(&buffer[..read])?;
                    offset += read as u64;
                }
            }
        }
    }
    joined.finish()
}

/// Bytes copied at once.
const BATCH: usize = 256 * 1024;
