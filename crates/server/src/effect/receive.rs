//! STOR, APPE, STOU: a file comes in.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use fxp_net::data::{DataError, DataStream, Sink};
use fxp_proto::grammar::params::TransferType;
use fxp_proto::server::effect::{Event, Outcome, Placement, Receive};
use fxp_store::account::Rights;
use fxp_store::storage::{Create, Storage, StoreError, WriteFile};
use fxp_store::{Entry, Kind, Text, VPath};

use super::data::{broken, on_thread};
use super::permit::{Connected, Purpose, permit};
use super::send::storage_error;
use super::text::Incoming;
use super::{Job, Result, stored};
use crate::observe::Transfer;
use crate::own_ports::Listening;

/// What can be refused is refused before `150`; but the file is touched only when the peer is there and
/// secured, so that a failed attempt leaves the old one whole.
pub(super) async fn receive(job: &Job, order: Receive, listener: Option<Listening>) -> Result {
    let (path, placement, rights) = (order.path.clone(), order.placement, job.user()?.account.rights);
    let path = job.ask(move |files| look(files, path, placement, rights)).await?;
    let permit = permit(job, order.slot, Purpose::In(path.clone())).await?;
    let unique = (placement == Placement::Unique).then(|| path.clone());
    job.event(Event::Opening { size: None, name: unique.clone() }).await;
    let Connected { stream, foreign } = permit.connect(listener).await?;

    let (files, counted, kind) = (job.files()?, order.progress.0, order.kind);
    let transfer = Transfer::over(&stream, "received", path.clone(), foreign, &counted);
    let rates = job.rates(order.rate.as_ref())?;
    stream.throttle(rates.throttles.clone());
    let received = on_thread(job, stream, move |mut stream| {
        let _held = rates;
        stream.await_first().map_err(broken)?;
        // The thread may have been waited for so long that nobody wants the file any more.
        if stream.is_cancelled() {
            return Err(broken(DataError::Cancelled));
        }
        let file = files.create(&path, create(placement)).map_err(stored)?;
        store(stream, file, placement, kind, &counted)
    })
    .await?;
    let bytes = transfer.ended(received)?;
    Ok(Outcome::Transferred { bytes, name: unique, left_out: 0 })
}

/// Takes everything that comes, and publishes the file. After any failure the file is dropped unfinished:
/// what has arrived stays for a later REST.
fn store(
    stream: DataStream,
    file: Box<dyn WriteFile>,
    placement: Placement,
    kind: TransferType,
    progress: &Arc<AtomicU64>,
) -> Result<u64> {
    let mut target = Target { file, room: room(placement) };
    let bytes = match kind {
        TransferType::Image => stream.receive(&mut target, progress).map_err(broken)?,
        TransferType::Ascii => {
            let mut text = Incoming::new(target);
            let bytes = stream.receive(&mut text, progress).map_err(broken)?;
            target = text.finish().map_err(|error| broken(DataError::Storage(error)))?;
            bytes
        }
    };
    target.file.finish().map_err(stored)?;
    Ok(bytes)
}

/// What receives the bytes.
struct Target {
    file: Box<dyn WriteFile>,
    /// How many more may come, if that is bounded.
    room: Option<u64>,
}

/// More bytes came than RANG named.
#[derive(Debug, thiserror::Error)]
#[error("more bytes than the range has room for")]
pub(super) struct RangeFull;

impl Sink for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(room) = &mut self.room {
            let left = room.checked_sub(bytes.len() as u64);
            *room = left.ok_or_else(|| io::Error::other(RangeFull))?;
        }
        self.file.write(bytes).map_err(storage_error)
    }

    /// What must be counted must be seen.
    fn file(&self) -> Option<(BorrowedFd<'_>, u64)> {
        let file = self.file.file().filter(|_| self.room.is_none());
        file.map(|file| (file, self.file.position()))
    }

    fn advance(&mut self, count: u64) {
        self.file.advance(count);
    }
}

fn room(placement: Placement) -> Option<u64> {
    match placement {
        Placement::Range(first, last) => Some(last.saturating_sub(first).saturating_add(1)),
        _ => None,
    }
}

fn create(placement: Placement) -> Create {
    match placement {
        Placement::Replace => Create::Replace,
        Placement::From(offset) => Create::From(offset),
        Placement::Range(first, _) => Create::Within(first),
        Placement::Append => Create::Append,
        Placement::Unique => Create::New,
    }
}

/// Refuses what is sure to fail; what is not sure here is decided by `create`. Returns the path, which for
/// STOU is a fresh one.
fn look(
    files: &dyn Storage,
    path: VPath,
    placement: Placement,
    rights: Rights,
) -> fxp_store::storage::Result<VPath> {
    if !(rights.write || rights.overwrite) {
        return Err(StoreError::Denied);
    }
    if placement == Placement::Unique {
        let path = unique(&path)?;
        return look_at_parent(files, path);
    }
    match files.stat(&path) {
        Ok(entry) => fits(&entry, placement, rights).map(|()| path),
        Err(StoreError::NotFound) => match placement {
            // What an interrupted upload has left may be kept out of sight.
            Placement::From(offset) if offset > 0 => match files.resumable(&path)? {
                size if offset > size => Err(StoreError::BadOffset { size }),
                _ => Ok(path),
            },
            _ => look_at_parent(files, path),
        },
        // Whoever may write but not look finds out when the file is created.
        Err(StoreError::Denied) => Ok(path),
        Err(error) => Err(error),
    }
}

fn fits(entry: &Entry, placement: Placement, rights: Rights) -> fxp_store::storage::Result<()> {
    let size = entry.size.unwrap_or(u64::MAX);
    match (&entry.kind, placement) {
        (Kind::Directory, _) => Err(StoreError::IsDirectory),
        (Kind::Other, _) => Err(StoreError::Denied),
        (_, Placement::From(offset)) if offset > size => Err(StoreError::BadOffset { size }),
        (_, Placement::From(offset)) if offset == size => Ok(()),
        (_, Placement::Replace | Placement::From(_) | Placement::Range(..)) if !rights.overwrite => {
            Err(StoreError::Denied)
        }
        _ => Ok(()),
    }
}

fn look_at_parent(files: &dyn Storage, path: VPath) -> fxp_store::storage::Result<VPath> {
    match files.stat(&path.parent()) {
        Ok(entry) if entry.kind != Kind::Directory => Err(StoreError::NotDirectory),
        Ok(_) | Err(StoreError::Denied) => Ok(path),
        Err(error) => Err(error),
    }
}

/// The name with sixteen random hex digits behind it: nobody has that one yet.
fn unique(path: &VPath) -> fxp_store::storage::Result<VPath> {
    let mut name = path.name().map(|name| name.as_bytes().to_vec()).unwrap_or_default();
    name.truncate(LONGEST_NAME - SUFFIX);
    name.extend_from_slice(format!(".{:016x}", rand::random::<u64>()).as_bytes());
    let name = Text::new(name).map_err(|_| StoreError::BadName)?;
    path.parent().child(&name).map_err(|_| StoreError::BadName)
}

/// Linux's `NAME_MAX`.
const LONGEST_NAME: usize = 255;
/// A dot and sixteen digits.
const SUFFIX: usize = 17;
