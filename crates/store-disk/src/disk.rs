//! The storage of a local directory.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use fxp_store::storage::{Create, ReadFile, Result, Storage, StoreError, WriteFile};
use fxp_store::{Entry, FtpTime, Kind, LeftOut, Precision, Text, VPath};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;

use crate::failure;
use crate::root::{Root, RootError};
use crate::safe_write::{self, Finish, InPlace, Permissions};

/// How uploads are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upload {
    /// Straight into the file: ordinary clients resume that way.
    #[default]
    InPlace,
    /// Hidden beside it and renamed when whole: nobody ever sees half a file. Appending, and writing
    /// segments, change a file in place all the same, as their names say. A symbolic link under the
    /// file's name is replaced, not written through.
    Atomic,
}

/// How a disk is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How uploads are written.
    pub upload: Upload,
    /// Permission bits of new files, 0 to 0o777, before the process's umask.
    pub file_mode: u32,
    /// Permission bits of new directories, 0 to 0o777, before the process's umask.
    pub directory_mode: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options { upload: Upload::InPlace, file_mode: 0o644, directory_mode: 0o755 }
    }
}

/// A directory of this machine.
pub struct Disk {
    root: Root,
    options: Options,
}

impl Disk {
    /// The files beneath `root`. The directory stays the root even if it is renamed later.
    ///
    /// # Errors
    ///
    /// See [`RootError`].
    pub fn open(root: &Path, options: Options) -> std::result::Result<Self, RootError> {
        Ok(Disk { root: Root::open(root)?, options })
    }

    /// The same for a directory that lies beneath `outer`, in which others may put links: no link is followed
    /// on the way from there to `root`.
    ///
    /// # Errors
    ///
    /// See [`RootError`].
    pub fn open_beneath(outer: &Path, root: &Path, options: Options) -> std::result::Result<Self, RootError> {
        Ok(Disk { root: Root::open_beneath(outer, root)?, options })
    }

    /// What `path` leads to, without opening it.
    fn find(&self, path: &VPath) -> Result<(OwnedFd, Stat)> {
        let descriptor = self.root.resolve(path, OFlags::PATH, Mode::empty())?;
        let stat = rustix::fs::fstat(&descriptor).map_err(failure::of_name)?;
        Ok((descriptor, stat))
    }

    /// The link under the name `path` itself.
    fn find_link(&self, path: &VPath) -> Result<Entry> {
        let place = self.root.parent(path)?;
        let stat = stat_name(place.directory(), place.name).map_err(failure::of_name)?;
        match file_type(&stat) {
            FileType::Symlink => {
                let target = read_link(place.directory(), place.name);
                Ok(describe(place.name.clone(), &stat, target))
            }
            _ => Err(StoreError::NotFound),
        }
    }

    /// Opens a regular file for writing under its own name.
    fn write_in_place(&self, path: &VPath, how: Create) -> Result<Box<dyn WriteFile>> {
        let flags = OFlags::WRONLY
            | match how {
                Create::Replace | Create::Within(_) => OFlags::CREATE,
                Create::New => OFlags::CREATE | OFlags::EXCL,
                // The kernel finds the end anew at each write: two that append lose nothing.
                Create::Append => OFlags::CREATE | OFlags::APPEND,
                Create::From(_) => OFlags::empty(),
            };
        let file = self.open_regular(path, flags, self.options.file_mode)?;
        let size = safe_write::size(&file)?;
        let position = match how {
            Create::Replace | Create::New => 0,
            Create::From(offset) if offset > size => return Err(StoreError::BadOffset { size }),
            Create::From(offset) | Create::Within(offset) => offset,
            Create::Append => size,
        };
        if matches!(how, Create::Replace | Create::From(_)) && size > position {
            file.set_len(position).map_err(failure::of_bytes)?;
        }
        Ok(Box::new(InPlace::new(file, position)))
    }

    /// Writes beside the file, which is empty at first.
    fn replace_hidden(&self, path: &VPath, finish: Finish) -> Result<Box<dyn WriteFile>> {
        let permissions = match self.find_regular(path)? {
            Some(_) if finish == Finish::New => return Err(StoreError::Exists),
            Some(stat) => Permissions::Keep(stat.st_mode & PERMISSIONS),
            None => Permissions::New(self.options.file_mode & PERMISSIONS),
        };
        Ok(Box::new(safe_write::start(self.root.parent(path)?, finish, permissions)?))
    }

    /// Goes on beside the file.
    fn resume_hidden(&self, path: &VPath, offset: u64) -> Result<Box<dyn WriteFile>> {
        let (base, permissions) = match self.find_regular(path)? {
            Some(stat) => {
                let base = self.open_regular(path, OFlags::RDONLY, 0)?;
                (Some(base), Permissions::Keep(stat.st_mode & PERMISSIONS))
            }
            None => (None, Permissions::New(self.options.file_mode & PERMISSIONS)),
        };
        Ok(Box::new(safe_write::resume(self.root.parent(path)?, base, offset, permissions)?))
    }

    /// The regular file at `path`, if there is something at all.
    fn find_regular(&self, path: &VPath) -> Result<Option<Stat>> {
        match self.find(path) {
            Ok((_, stat)) => match file_type(&stat) {
                FileType::RegularFile => Ok(Some(stat)),
                FileType::Directory => Err(StoreError::IsDirectory),
                _ => Err(StoreError::Denied),
            },
            Err(StoreError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a regular file and nothing else. `O_NONBLOCK`, so that a pipe cannot hold the thread before
    /// it is recognised; it means nothing to regular files and is taken off again.
    fn open_regular(&self, path: &VPath, flags: OFlags, mode: u32) -> Result<File> {
        let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY;
        let mode = Mode::from_bits_truncate(mode & PERMISSIONS);
        // The kernel refuses permission bits where no file can be made.
        let mode = if flags.contains(OFlags::CREATE) { mode } else { Mode::empty() };
        let descriptor = self.root.resolve(path, flags, mode)?;
        let stat = rustix::fs::fstat(&descriptor).map_err(failure::of_name)?;
        match file_type(&stat) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(StoreError::IsDirectory),
            _ => return Err(StoreError::Denied),
        }
        rustix::fs::fcntl_setfl(&descriptor, flags & OFlags::APPEND).map_err(failure::of_name)?;
        Ok(File::from(descriptor))
    }
}

impl Storage for Disk {
    fn stat(&self, path: &VPath) -> Result<Entry> {
        match self.find(path) {
            Ok((_, stat)) => {
                let name = path.name().cloned().unwrap_or_else(|| Text::from("/"));
                Ok(describe(name, &stat, None))
            }
            Err(error) => self.find_link(path).map_err(|_| error),
        }
    }

    fn list(&self, path: &VPath, visit: &mut dyn FnMut(Entry) -> bool) -> Result<()> {
        let directory = self.root.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
        // A descriptor of its own to ask about each name: `Dir` keeps the one it reads from.
        let here = directory.try_clone().map_err(StoreError::Io)?;
        let names = Dir::new(directory).map_err(failure::of_name)?;
        for name in names {
            let name = name.map_err(failure::of_name)?;
            let bytes = name.file_name().to_bytes();
            if matches!(bytes, b"." | b"..") {
                continue;
            }
            let Ok(name) = Text::new(bytes) else {
                if !visit(Entry::left_out(LeftOut::uncarried(bytes))) {
                    break;
                }
                continue;
            };
            let stat = match stat_name(here.as_fd(), &name) {
                Ok(stat) => stat,
                // Gone since it was read.
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(failure::of_name(errno)),
            };
            let target = match file_type(&stat) {
                FileType::Symlink => read_link(here.as_fd(), &name),
                _ => None,
            };
            if !visit(describe(name, &stat, target)) {
                break;
            }
        }
        Ok(())
    }

    fn open(&self, path: &VPath) -> Result<Box<dyn ReadFile>> {
        Ok(Box::new(DiskFile(self.open_regular(path, OFlags::RDONLY, 0)?)))
    }

    fn create(&self, path: &VPath, how: Create) -> Result<Box<dyn WriteFile>> {
        match (self.options.upload, how) {
            (Upload::Atomic, Create::Replace) => self.replace_hidden(path, Finish::Replace),
            (Upload::Atomic, Create::New) => self.replace_hidden(path, Finish::New),
            (Upload::Atomic, Create::From(offset)) => self.resume_hidden(path, offset),
            (Upload::Atomic, Create::Within(_) | Create::Append) | (Upload::InPlace, _) => {
                self.write_in_place(path, how)
            }
        }
    }

    fn resumable(&self, path: &VPath) -> Result<u64> {
        match (self.find_regular(path)?, self.options.upload) {
            (Some(stat), _) => Ok(stat.st_size.cast_unsigned()),
            (None, Upload::Atomic) => safe_write::left_over(&self.root.parent(path)?),
            (None, Upload::InPlace) => Err(StoreError::NotFound),
        }
    }

    fn make_directory(&self, path: &VPath) -> Result<()> {
        let place = self.root.parent(path)?;
        let mode = Mode::from_bits_truncate(self.options.directory_mode & PERMISSIONS);
        rustix::fs::mkdirat(place.directory(), place.name(), mode).map_err(failure::of_name)
    }

    fn remove_directory(&self, path: &VPath) -> Result<()> {
        let place = self.root.parent(path)?;
        rustix::fs::unlinkat(place.directory(), place.name(), AtFlags::REMOVEDIR).map_err(|errno| match errno
        {
            Errno::EXIST => StoreError::NotEmpty,
            other => failure::of_name(other),
        })
    }

    fn delete(&self, path: &VPath) -> Result<()> {
        let place = self.root.parent(path)?;
        rustix::fs::unlinkat(place.directory(), place.name(), AtFlags::empty()).map_err(failure::of_name)
    }

    fn rename(&self, from: &VPath, to: &VPath) -> Result<()> {
        let (from, to) = (self.root.parent(from)?, self.root.parent(to)?);
        rustix::fs::renameat(from.directory(), from.name(), to.directory(), to.name())
            .map_err(failure::of_rename)
    }

    fn set_time(&self, path: &VPath, time: FtpTime) -> Result<()> {
        let (descriptor, _) = self.find(path)?;
        let unchanged = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
        let modified = Timespec { tv_sec: time.seconds, tv_nsec: time.nanoseconds.into() };
        let times = Timestamps { last_access: unchanged, last_modification: modified };
        rustix::fs::utimensat(&descriptor, "", &times, AtFlags::EMPTY_PATH).map_err(failure::of_name)
    }

    /// A descriptor that only names a file cannot be given to `fchmod`, one that opens it may not be had
    /// (a file without permissions), and `fchmodat` follows whatever lies under the name by then. The
    /// entry of `/proc` for the descriptor leads to exactly the file that was resolved.
    fn set_mode(&self, path: &VPath, mode: u32) -> Result<()> {
        if mode > PERMISSIONS {
            return Err(StoreError::Denied);
        }
        let (descriptor, stat) = self.find(path)?;
        if !matches!(file_type(&stat), FileType::RegularFile | FileType::Directory) {
            return Err(StoreError::Denied);
        }
        let entry = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
        rustix::fs::chmodat(CWD, entry, Mode::from_bits_truncate(mode), AtFlags::empty()).map_err(|errno| {
            match errno {
                // No `/proc` here.
                Errno::NOENT | Errno::NOTDIR => StoreError::Unsupported,
                other => failure::of_name(other),
            }
        })
    }

    fn symlink(&self, target: &Text, link: &VPath) -> Result<()> {
        if target.is_empty() {
            return Err(StoreError::BadName);
        }
        let place = self.root.parent(link)?;
        rustix::fs::symlinkat(target.as_bytes(), place.directory(), place.name()).map_err(failure::of_name)
    }

    fn space(&self, path: &VPath) -> Result<u64> {
        let (descriptor, _) = self.find(path)?;
        let volume = rustix::fs::fstatvfs(&descriptor).map_err(failure::of_name)?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }
}

/// A file that is read.
struct DiskFile(File);

impl ReadFile for DiskFile {
    fn size(&self) -> Result<u64> {
        safe_write::size(&self.0)
    }

    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        // The kernel counts in signed 64 bits and refuses a read that would reach further.
        let reach = (i64::MAX as u64).saturating_sub(offset).min(buffer.len() as u64) as usize;
        let buffer = &mut buffer[..reach];
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.0.read_at(buffer, offset) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                answer => return answer.map_err(failure::of_bytes),
            }
        }
    }

    fn file(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }
}

fn stat_name(directory: BorrowedFd<'_>, name: &Text) -> std::result::Result<Stat, Errno> {
    rustix::fs::statat(directory, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)
}

fn read_link(directory: BorrowedFd<'_>, name: &Text) -> Option<Text> {
    let target = rustix::fs::readlinkat(directory, name.as_bytes(), Vec::new()).ok()?;
    Text::new(target.into_bytes()).ok()
}

fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Owner and group are told as numbers: their names live in files and services (NSS) that a confined
/// process may not see, and virtual users have nothing to do with them.
#[allow(clippy::useless_conversion, reason = "the width of the link count differs between machines")]
fn describe(name: Text, stat: &Stat, target: Option<Text>) -> Entry {
    let kind = match file_type(stat) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink(target),
        _ => Kind::Other,
    };
    let size = (kind == Kind::File).then(|| stat.st_size.cast_unsigned());
    Entry {
        size,
        modified: modified(stat).map(|time| (time, Precision::Second)),
        mode: Some(stat.st_mode & 0o7777),
        owner: Some(Text::lossy(stat.st_uid.to_string())),
        group: Some(Text::lossy(stat.st_gid.to_string())),
        unique: Some(Text::lossy(format!("{:x}g{:x}", stat.st_dev, stat.st_ino))),
        links: u64::try_from(stat.st_nlink).ok(),
        ..Entry::new(name, kind)
    }
}

/// None for years that FTP cannot write (below 1, above 9999): a broken clock's, not a file's.
fn modified(stat: &Stat) -> Option<FtpTime> {
    const YEAR_1: i64 = -62_135_596_800;
    const YEAR_10000: i64 = 253_402_300_800;
    let nanoseconds = u32::try_from(stat.st_mtime_nsec).ok()?;
    (YEAR_1..YEAR_10000).contains(&stat.st_mtime).then_some(FtpTime { seconds: stat.st_mtime, nanoseconds })
}

/// The bits that come over the wire; set-user-id and its kin do not.
const PERMISSIONS: u32 = 0o777;
