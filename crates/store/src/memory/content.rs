//! The bytes of a file in memory: blocks that exist once something was written into them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::{lock, now};
use crate::FtpTime;
use crate::storage::{Create, ReadFile, Result, StoreError, WriteFile};

/// Bytes per block: a transfer's usual chunk touches few of them, a sparse file wastes little.
const BLOCK: usize = 64 * 1024;

/// The largest file: what an `off_t` can count, as on a disk.
const MAX_SIZE: u64 = i64::MAX as u64;

/// How many blocks all files together may have, and the next node's number.
pub(super) struct Budget {
    free_blocks: AtomicU64,
    numbers: AtomicU64,
}

impl Budget {
    pub(super) fn new(bytes: u64) -> Self {
        Budget { free_blocks: AtomicU64::new(bytes / BLOCK as u64), numbers: AtomicU64::new(1) }
    }

    pub(super) fn free(&self) -> u64 {
        self.free_blocks.load(Ordering::Relaxed).saturating_mul(BLOCK as u64)
    }

    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }
}

/// A block, which returns itself to the budget.
struct Block {
    bytes: Box<[u8]>,
    budget: Arc<Budget>,
}

impl Block {
    fn new(budget: &Arc<Budget>) -> Result<Self> {
        budget
            .free_blocks
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(1))
            .map_err(|_| StoreError::NoSpace)?;
        Ok(Block { bytes: vec![0; BLOCK].into_boxed_slice(), budget: budget.clone() })
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.budget.free_blocks.fetch_add(1, Ordering::Relaxed);
    }
}

/// A file's bytes and when they last changed.
pub(super) struct Content {
    blocks: BTreeMap<u64, Block>,
    size: u64,
    pub(super) modified: FtpTime,
    budget: Arc<Budget>,
}

impl Content {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Content { blocks: BTreeMap::new(), size: 0, modified: now(), budget }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> usize {
        let length = self.size.saturating_sub(offset).min(buffer.len() as u64) as usize;
        let mut done = 0;
        while done < length {
            let (number, start, part) = place(offset + done as u64, length - done);
            let target = &mut buffer[done..done + part];
            match self.blocks.get(&number) {
                Some(block) => target.copy_from_slice(&block.bytes[start..start + part]),
                None => target.fill(0),
            }
            done += part;
        }
        length
    }

    /// Returns how much fitted, and why the rest did not.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> (usize, Result<()>) {
        let mut done = 0;
        while done < bytes.len() {
            let here = offset + done as u64;
            if here >= MAX_SIZE {
                return (done, Err(StoreError::NoSpace));
            }
            let (number, start, part) = place(here, bytes.len() - done);
            if !self.blocks.contains_key(&number) {
                match Block::new(&self.budget) {
                    Ok(block) => drop(self.blocks.insert(number, block)),
                    Err(error) => return (done, Err(error)),
                }
            }
            if let Some(block) = self.blocks.get_mut(&number) {
                block.bytes[start..start + part].copy_from_slice(&bytes[done..done + part]);
            }
            done += part;
            self.size = self.size.max(here + part as u64);
        }
        self.modified = now();
        (done, Ok(()))
    }

    fn truncate(&mut self, size: u64) {
        self.blocks.split_off(&size.div_ceil(BLOCK as u64));
        let (last, start, _) = place(size, 1);
        // What grows later over the cut-off part of the last block must read as zeros.
        if let Some(block) = self.blocks.get_mut(&last) {
            block.bytes[start..].fill(0);
        }
        self.size = size;
        self.modified = now();
    }
}

/// The block where `offset` lies, the place in it, and how many of `wanted` bytes it can give or take.
fn place(offset: u64, wanted: usize) -> (u64, usize, usize) {
    let start = (offset % BLOCK as u64) as usize;
    (offset / BLOCK as u64, start, wanted.min(BLOCK - start))
}

/// A file that is read.
pub(super) struct Reader(Arc<Mutex<Content>>);

impl Reader {
    pub(super) fn new(content: Arc<Mutex<Content>>) -> Self {
        Reader(content)
    }
}

impl ReadFile for Reader {
    fn size(&self) -> Result<u64> {
        Ok(lock(&self.0).size)
    }

    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        Ok(lock(&self.0).read_at(buffer, offset))
    }
}

/// A file that is written.
pub(super) struct Writer {
    content: Arc<Mutex<Content>>,
    position: u64,
}

impl Writer {
    pub(super) fn to_new(content: Arc<Mutex<Content>>, how: Create) -> Self {
        let position = match how {
            Create::Within(offset) => offset,
            Create::Replace | Create::New | Create::From(_) | Create::Append => 0,
        };
        Writer { content, position }
    }

    pub(super) fn to_existing(content: Arc<Mutex<Content>>, how: Create) -> Result<Self> {
        let size = lock(&content).size;
        let position = match how {
            Create::New => return Err(StoreError::Exists),
            Create::From(offset) if offset > size => return Err(StoreError::BadOffset { size }),
            Create::Replace => 0,
            Create::From(offset) | Create::Within(offset) => offset,
            Create::Append => size,
        };
        if matches!(how, Create::Replace | Create::From(_)) {
            lock(&content).truncate(position);
        }
        Ok(Writer { content, position })
    }
}

impl WriteFile for Writer {
    fn position(&self) -> u64 {
        self.position
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let (written, result) = lock(&self.content).write_at(bytes, self.position);
        self.position += written as u64;
        result
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
