//! HASH, XCRC, MD5 and their kin.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fxp_proto::grammar::params::DigestKind;
use fxp_proto::server::effect::{Digest, FailureKind, Outcome};
use fxp_store::storage::{ReadFile, Result as StoreResult};
use sha2::Digest as _;

use super::{Job, Result, failure, stored, turn};

/// Each takes a core and the disk, so only a few run at a time; the others wait.
pub(super) async fn digest(job: &Job, order: Digest) -> Result {
    let Digest { kind, path, start, end } = order;
    let (mut file, size) = job
        .ask(move |files| {
            let file = files.open(&path)?;
            let size = file.size()?;
            Ok((file, size))
        })
        .await?;
    let end = end.unwrap_or(size);
    if start > end || end > size {
        let detail = format!("the file has {size} bytes; {start} to {end} is not within it");
        return Err(failure(FailureKind::BadOffset, detail));
    }
    let turn = turn(&job.context.shared.digests).await;
    let stop = StopOnDrop::default();
    let stopped = stop.flag();
    let computed = job
        .blocking(move || {
            let _turn = turn;
            compute(kind, &mut *file, start, end, &stopped)
        })
        .await?;
    match computed.map_err(stored)? {
        Some(hex) => Ok(Outcome::Digest { hex, start, end }),
        None => Err(failure(FailureKind::Busy, "the file became shorter meanwhile")),
    }
}

/// Tells the thread when its task is aborted.
#[derive(Default)]
pub(super) struct StopOnDrop(Arc<AtomicBool>);

impl StopOnDrop {
    /// True once the task is gone.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// `None` if the file ends before `end`, or if nobody wants to know any more.
fn compute(
    kind: DigestKind,
    file: &mut dyn ReadFile,
    start: u64,
    end: u64,
    stopped: &AtomicBool,
) -> StoreResult<Option<String>> {
    let mut hasher = Hasher::new(kind);
    let mut buffer = vec![0; BATCH];
    let mut offset = start;
    while offset < end && !stopped.load(Ordering::Relaxed) {
        let most = usize::try_from(end - offset).unwrap_or(usize::MAX).min(BATCH);
        match file.read_at(&mut buffer[..most], offset)? {
            0 => return Ok(None),
            read => {
                hasher.update(&buffer[..read]);
                offset += read as u64;
            }
        }
    }
    Ok((offset == end).then(|| hasher.finish()))
}

enum Hasher {
    Crc32(crc32fast::Hasher),
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Hasher {
    fn new(kind: DigestKind) -> Self {
        match kind {
            DigestKind::Crc32 => Hasher::Crc32(crc32fast::Hasher::new()),
            DigestKind::Md5 => Hasher::Md5(md5::Md5::new()),
            DigestKind::Sha1 => Hasher::Sha1(sha1::Sha1::new()),
            DigestKind::Sha256 => Hasher::Sha256(sha2::Sha256::new()),
            DigestKind::Sha512 => Hasher::Sha512(sha2::Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Crc32(hasher) => hasher.update(bytes),
            Hasher::Md5(hasher) => hasher.update(bytes),
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> String {
        match self {
            Hasher::Crc32(hasher) => hex(&hasher.finalize().to_be_bytes()),
            Hasher::Md5(hasher) => hex(&hasher.finalize()),
            Hasher::Sha1(hasher) => hex(&hasher.finalize()),
            Hasher::Sha256(hasher) => hex(&hasher.finalize()),
            Hasher::Sha512(hasher) => hex(&hasher.finalize()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes read at once.
const BATCH: usize = 256 * 1024;
