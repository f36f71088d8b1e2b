//! The trait of a back end: names, and files that are read and written at offsets.
//!
//! What the words mean exactly is written down a second time, as assertions, in [`crate::suite`]:
//! every back end runs it.

use std::os::fd::BorrowedFd;

use crate::{Entry, FtpTime, Kind, Text, VPath};

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such file or directory.
    #[error("no such file or directory")]
    NotFound,
    /// The system or the account's rights say no; also a path that tried to leave the root.
    #[error("permission denied")]
    Denied,
    /// It exists already.
    #[error("already exists")]
    Exists,
    /// A directory where a file is needed.
    #[error("is a directory")]
    IsDirectory,
    /// A file where a directory is needed.
    #[error("not a directory")]
    NotDirectory,
    /// The directory is not empty.
    #[error("directory not empty")]
    NotEmpty,
    /// The name is not allowed.
    #[error("name not allowed")]
    BadName,
    /// The offset lies beyond the end of the file.
    #[error("offset beyond the end of the file ({size} bytes)")]
    BadOffset {
        /// The file's size.
        size: u64,
    },
    /// The disk is full.
    #[error("no space left")]
    NoSpace,
    /// Somebody else is at it: another upload of the same file, a program that runs.
    #[error("busy")]
    Busy,
    /// Over quota.
    #[error("quota exceeded")]
    Quota,
    /// The back end cannot do that.
    #[error("not supported by this storage")]
    Unsupported,
    /// Anything else.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Shorthand.
pub type Result<T> = std::result::Result<T, StoreError>;

/// How a file is opened for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Create {
    /// Make it, or empty the one that is there.
    Replace,
    /// Make it; [`StoreError::Exists`] if it is there.
    New,
    /// Write from this offset and cut off what stood there. The file must be there
    /// ([`StoreError::NotFound`]) and at least that long ([`StoreError::BadOffset`]).
    From(u64),
    /// Write from this offset and leave the rest; the file is made if it is missing. An offset beyond
    /// the end leaves a gap of zeros: segments of one file may arrive in any order.
    Within(u64),
    /// Write at the end; the file is made if it is missing.
    Append,
}

/// A back end. Paths are the account's own namespace; nothing leads out of it: to a symbolic link,
/// too, `/` is the root of the storage.
pub trait Storage: Send + Sync {
    /// What is at `path`. Symbolic links are followed inside the root; one that leads out or nowhere is
    /// described as a link.
    fn stat(&self, path: &VPath) -> Result<Entry>;

    /// Hands each entry of the directory to `visit`, in no order, without `.` and `..`; stops when
    /// `visit` says false. Symbolic links are described as links. Entries that vanish meanwhile are left
    /// out. What no control line can carry by its name (CR, LF) comes as [`Entry::left_out`], without a name.
    fn list(&self, path: &VPath, visit: &mut dyn FnMut(Entry) -> bool) -> Result<()>;

    /// Opens a regular file for reading; devices, pipes and sockets are [`StoreError::Denied`].
    fn open(&self, path: &VPath) -> Result<Box<dyn ReadFile>>;

    /// Opens a regular file for writing.
    fn create(&self, path: &VPath, how: Create) -> Result<Box<dyn WriteFile>>;

    /// How many bytes of an upload to `path` are there already: [`Create::From`] takes any offset up to
    /// this. The file's size, unless an interrupted upload is kept elsewhere.
    fn resumable(&self, path: &VPath) -> Result<u64> {
        let entry = self.stat(path)?;
        match entry.kind {
            Kind::File => Ok(entry.size.unwrap_or(0)),
            Kind::Directory => Err(StoreError::IsDirectory),
            Kind::Symlink(_) => Err(StoreError::NotFound),
            Kind::Other => Err(StoreError::Denied),
        }
    }

    /// Makes a directory.
    fn make_directory(&self, path: &VPath) -> Result<()>;

    /// Removes an empty directory.
    fn remove_directory(&self, path: &VPath) -> Result<()>;

    /// Deletes a file or a link.
    fn delete(&self, path: &VPath) -> Result<()>;

    /// Renames; an existing file at `to` is replaced at once. A link is renamed itself. A directory
    /// cannot move into itself ([`StoreError::Denied`]).
    fn rename(&self, from: &VPath, to: &VPath) -> Result<()>;

    /// Sets the modification time of a file or directory; links are followed.
    fn set_time(&self, path: &VPath, time: FtpTime) -> Result<()>;

    /// Sets the permission bits, 0 to 0o777 (higher bits are [`StoreError::Denied`]), of a file or
    /// directory; links are followed.
    fn set_mode(&self, path: &VPath, mode: u32) -> Result<()>;

    /// Makes a symbolic link. Its target is text; following it never leaves the root.
    fn symlink(&self, target: &Text, link: &VPath) -> Result<()>;

    /// Free bytes for this account where `path` is, a file or a directory.
    fn space(&self, path: &VPath) -> Result<u64>;
}

/// A file that is read.
pub trait ReadFile: Send {
    /// Its size now.
    fn size(&self) -> Result<u64>;

    /// Reads at `offset`; 0 bytes is the end.
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize>;

    /// The file itself, for `sendfile`, if it is one.
    fn file(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// A file that is written. Dropping it without [`WriteFile::finish`] is an interrupted upload: what
/// arrived stays (in place), or stays hidden under its partial name (atomic).
pub trait WriteFile: Send {
    /// Where the next byte goes.
    fn position(&self) -> u64;

    /// Writes all of `bytes` at the position.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// The file itself, if it is one into which the kernel may put bytes at the position; then
    /// [`WriteFile::advance`] must be told.
    fn file(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// The kernel has put `count` bytes into [`WriteFile::file`] at the position: it moves behind them.
    fn advance(&mut self, _count: u64) {}

    /// The upload is complete: publish it.
    fn finish(self: Box<Self>) -> Result<()>;
}
