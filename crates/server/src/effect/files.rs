//! Everything about names: SIZE, MDTM, MKD, DELE, RNTO, MFMT, SITE CHMOD, AVBL, COMB and their kin.

use fxp_proto::server::effect::{FileOp, Outcome};
use fxp_store::VPath;
use fxp_store::storage::{Create, Result as StoreResult, Storage, StoreError};

use super::{Job, Result};

pub(super) async fn operate(job: &Job, operation: FileOp) -> Result {
    job.ask(move |files| act(files, operation)).await
}

fn act(files: &dyn Storage, operation: FileOp) -> StoreResult<Outcome> {
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
        FileOp::Combine { target, parts } => combine(files, &target, &parts),
    }
    .map(|()| Outcome::Done)
}

/// Joins `parts` behind what `target` holds already. If it fails, the target is as it was before, and
/// all parts are still there.
fn combine(files: &dyn Storage, target: &VPath, parts: &[VPath]) -> StoreResult<()> {
    if parts.contains(target) {
        return Err(StoreError::BadName);
    }
    let before = match files.stat(target) {
        Ok(entry) => Some(entry.size.unwrap_or(0)),
        Err(StoreError::NotFound) => None,
        Err(error) => return Err(error),
    };
    if let Err(error) = join(files, target, parts) {
        let undone = match before {
            Some(size) => files.create(target, Create::From(size)).and_then(|file| file.finish()),
            None => files.delete(target),
        };
        if let Err(error) = undone {
            tracing::warn!(path = %target, %error, "COMB failed, and so did undoing it");
        }
        return Err(error);
    }
    parts.iter().try_for_each(|part| files.delete(part))
}

fn join(files: &dyn Storage, target: &VPath, parts: &[VPath]) -> StoreResult<()> {
    let mut joined = files.create(target, Create::Append)?;
    let mut buffer = vec![0; BATCH];
    for part in parts {
        let mut part = files.open(part)?;
        let mut offset = 0;
        loop {
            match part.read_at(&mut buffer, offset)? {
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
