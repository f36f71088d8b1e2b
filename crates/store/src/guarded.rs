//! Rights applied to a storage.
//!
//! The server calls an account's files only through [`Guarded`], so no command can forget a check.
//! Where a check and the act could be torn apart by somebody else's change, the act itself carries the
//! check: an account that may not overwrite creates with [`Create::New`].

use std::sync::Arc;

use crate::account::Rights;
use crate::storage::{Create, ReadFile, Result, Storage, StoreError, WriteFile};
use crate::{Entry, FtpTime, Kind, Text, VPath};

/// A storage that does only what the rights allow, and says so in each entry's `perm`.
pub struct Guarded {
    storage: Arc<dyn Storage>,
    rights: Rights,
}

impl Guarded {
    /// `storage`, limited to `rights`.
    pub fn new(storage: Arc<dyn Storage>, rights: Rights) -> Self {
        Guarded { storage, rights }
    }

    fn label(&self, mut entry: Entry) -> Entry {
        entry.perm = Some(perm(&self.rights, &entry.kind));
        entry
    }

    /// Without `overwrite`, what is there stays as it is; only new bytes behind it are welcome.
    fn create_without_overwrite(&self, path: &VPath, how: Create) -> Result<Box<dyn WriteFile>> {
        match how {
            Create::Replace | Create::Within(0) => match self.storage.create(path, Create::New) {
                Err(StoreError::Exists) => Err(StoreError::Denied),
                answer => answer,
            },
            Create::From(offset) => self.resume_at_end(path, offset),
            Create::Within(_) => Err(StoreError::Denied),
            Create::New | Create::Append => self.storage.create(path, how),
        }
    }

    /// Resuming one's own interrupted upload cuts nothing off: the offset is the end, or the file is not
    /// there yet.
    fn resume_at_end(&self, path: &VPath, offset: u64) -> Result<Box<dyn WriteFile>> {
        if let Err(StoreError::NotFound) = self.storage.stat(path) {
            return self.storage.create(path, Create::From(offset));
        }
        let file = self.storage.create(path, Create::Append)?;
        match file.position() {
            size if size < offset => Err(StoreError::BadOffset { size }),
            size if size > offset => Err(StoreError::Denied),
            _ => Ok(file),
        }
    }
}

impl Storage for Guarded {
    /// Whoever may neither list nor read, but write, still needs to walk about: sees directories only.
    fn stat(&self, path: &VPath) -> Result<Entry> {
        let sees = self.rights.list || self.rights.read;
        allow(sees || self.rights.write)?;
        match self.storage.stat(path) {
            Ok(entry) if sees || entry.kind == Kind::Directory => Ok(self.label(entry)),
            Ok(_) => Err(StoreError::NotFound),
            Err(error) => Err(error),
        }
    }

    fn list(&self, path: &VPath, visit: &mut dyn FnMut(Entry) -> bool) -> Result<()> {
        allow(self.rights.list)?;
        self.storage.list(path, &mut |entry| visit(self.label(entry)))
    }

    fn open(&self, path: &VPath) -> Result<Box<dyn ReadFile>> {
        allow(self.rights.read)?;
        self.storage.open(path)
    }

    fn create(&self, path: &VPath, how: Create) -> Result<Box<dyn WriteFile>> {
        match (self.rights.write, self.rights.overwrite) {
            (true, true) => self.storage.create(path, how),
            (true, false) => self.create_without_overwrite(path, how),
            // To replace without being allowed to make: the file has to be there.
            (false, true) if how == Create::Replace => match self.storage.create(path, Create::From(0)) {
                Err(StoreError::NotFound) => Err(StoreError::Denied),
                answer => answer,
            },
            (false, true) if matches!(how, Create::From(_)) => self.storage.create(path, how),
            (false, _) => Err(StoreError::Denied),
        }
    }

    fn resumable(&self, path: &VPath) -> Result<u64> {
        allow(self.rights.write || self.rights.overwrite)?;
        self.storage.resumable(path)
    }

    fn make_directory(&self, path: &VPath) -> Result<()> {
        allow(self.rights.write)?;
        self.storage.make_directory(path)
    }

    fn remove_directory(&self, path: &VPath) -> Result<()> {
        allow(self.rights.delete)?;
        self.storage.remove_directory(path)
    }

    fn delete(&self, path: &VPath) -> Result<()> {
        allow(self.rights.delete)?;
        self.storage.delete(path)
    }

    fn rename(&self, from: &VPath, to: &VPath) -> Result<()> {
        allow(self.rights.overwrite)?;
        self.storage.rename(from, to)
    }

    fn set_time(&self, path: &VPath, time: FtpTime) -> Result<()> {
        allow(self.rights.change)?;
        self.storage.set_time(path, time)
    }

    fn set_mode(&self, path: &VPath, mode: u32) -> Result<()> {
        allow(self.rights.change)?;
        self.storage.set_mode(path, mode)
    }

    fn symlink(&self, target: &Text, link: &VPath) -> Result<()> {
        allow(self.rights.change)?;
        self.storage.symlink(target, link)
    }

    fn space(&self, path: &VPath) -> Result<u64> {
        allow(self.rights.list || self.rights.write)?;
        self.storage.space(path)
    }
}

fn allow(allowed: bool) -> Result<()> {
    if allowed { Ok(()) } else { Err(StoreError::Denied) }
}

/// The MLSx fact `perm` (RFC 3659, 7.5.5): what this account may try on this entry.
fn perm(rights: &Rights, kind: &Kind) -> Text {
    let letters: &[(u8, bool)] = match kind {
        Kind::Directory => &[
            (b'c', rights.write),
            (b'd', rights.delete),
            (b'e', true),
            (b'f', rights.overwrite),
            (b'l', rights.list),
            (b'm', rights.write),
            (b'p', rights.delete),
        ],
        Kind::File => &[
            (b'a', rights.write),
            (b'd', rights.delete),
            (b'f', rights.overwrite),
            (b'r', rights.read),
            (b'w', rights.overwrite),
        ],
        Kind::Symlink(_) | Kind::Other => &[(b'd', rights.delete), (b'f', rights.overwrite)],
    };
    let held: Vec<u8> = letters.iter().filter(|(_, held)| *held).map(|(letter, _)| *letter).collect();
    Text::lossy(held)
}
