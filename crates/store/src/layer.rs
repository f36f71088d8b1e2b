//! A storage over another one, for tests that change a few operations: slow disks, faults, trees that do not exist.
//!
//! [`crate::guarded`] is none: whoever applies rights says of every operation what becomes of it.

use crate::storage::{Create, ReadFile, Result, Storage, WriteFile};
use crate::{Entry, FtpTime, Text, VPath};

/// Does what the storage below does, except where it says otherwise. Everything means what it means to [`Storage`].
pub trait Layer: Send + Sync {
    /// The storage below.
    fn below(&self) -> &dyn Storage;

    /// As [`Storage::stat`].
    fn stat(&self, path: &VPath) -> Result<Entry> {
        self.below().stat(path)
    }

    /// As [`Storage::list`].
    fn list(&self, path: &VPath, visit: &mut dyn FnMut(Entry) -> bool) -> Result<()> {
        self.below().list(path, visit)
    }

    /// As [`Storage::open`].
    fn open(&self, path: &VPath) -> Result<Box<dyn ReadFile>> {
        self.below().open(path)
    }

    /// As [`Storage::create`].
    fn create(&self, path: &VPath, how: Create) -> Result<Box<dyn WriteFile>> {
        self.below().create(path, how)
    }

    /// As [`Storage::make_directory`].
    fn make_directory(&self, path: &VPath) -> Result<()> {
        self.below().make_directory(path)
    }

    /// As [`Storage::remove_directory`].
    fn remove_directory(&self, path: &VPath) -> Result<()> {
        self.below().remove_directory(path)
    }

    /// As [`Storage::delete`].
    fn delete(&self, path: &VPath) -> Result<()> {
        self.below().delete(path)
    }

    /// As [`Storage::rename`].
    fn rename(&self, from: &VPath, to: &VPath) -> Result<()> {
        self.below().rename(from, to)
    }

    /// As [`Storage::set_time`].
    fn set_time(&self, path: &VPath, time: FtpTime) -> Result<()> {
        self.below().set_time(path, time)
    }
}

impl<L: Layer> Storage for L {
    fn stat(&self, path: &VPath) -> Result<Entry> {
        Layer::stat(self, path)
    }

    fn list(&self, path: &VPath, visit: &mut dyn FnMut(Entry) -> bool) -> Result<()> {
        Layer::list(self, path, visit)
    }

    fn open(&self, path: &VPath) -> Result<Box<dyn ReadFile>> {
        Layer::open(self, path)
    }

    fn create(&self, path: &VPath, how: Create) -> Result<Box<dyn WriteFile>> {
        Layer::create(self, path, how)
    }

    fn make_directory(&self, path: &VPath) -> Result<()> {
        Layer::make_directory(self, path)
    }

    fn remove_directory(&self, path: &VPath) -> Result<()> {
        Layer::remove_directory(self, path)
    }

    fn delete(&self, path: &VPath) -> Result<()> {
        Layer::delete(self, path)
    }

    fn rename(&self, from: &VPath, to: &VPath) -> Result<()> {
        Layer::rename(self, from, to)
    }

    fn set_time(&self, path: &VPath, time: FtpTime) -> Result<()> {
        Layer::set_time(self, path, time)
    }

    fn set_mode(&self, path: &VPath, mode: u32) -> Result<()> {
        self.below().set_mode(path, mode)
    }

    fn symlink(&self, target: &Text, link: &VPath) -> Result<()> {
        self.below().symlink(target, link)
    }

    fn space(&self, path: &VPath) -> Result<u64> {
        self.below().space(path)
    }
}
