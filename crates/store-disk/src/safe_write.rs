//! Files being written: in place, or hidden until they are whole.
//!
//! A hidden file lies beside its final name, so that publishing it is one `rename`, which readers see
//! entirely or not at all. Its name is made from the final one (`.NAME.fxpd-part`), so that the next
//! upload finds what an interrupted one left; a lock keeps two uploads of one name apart.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use fxp_store::Text;
use fxp_store::storage::{Result, StoreError, WriteFile};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::failure;
use crate::root::Place;

/// How often a hidden file is opened again because it was published between opening and locking.
const MAX_RACES: usize = 8;

/// Bytes of the final name that the hidden one repeats; with dot, hash and ending it stays below the
/// 255 bytes that file systems allow.
const MAX_REPEATED: usize = 200;

const ENDING: &[u8] = b".fxpd-part";

/// The size of an open file.
pub(crate) fn size(file: &File) -> Result<u64> {
    Ok(file.metadata().map_err(failure::of_bytes)?.len())
}

/// A file that changes under its own name.
pub(crate) struct InPlace {
    file: File,
    position: u64,
}

impl InPlace {
    pub(crate) fn new(file: File, position: u64) -> Self {
        InPlace { file, position }
    }
}

impl WriteFile for InPlace {
    fn position(&self) -> u64 {
        self.position
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        write_at(&self.file, &mut self.position, bytes)
    }

    fn file(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }

    fn advance(&mut self, count: u64) {
        self.position = self.position.saturating_add(count);
    }

    /// A local file system has said by now whether there is room. One behind a network may say so only
    /// when it is asked to store the bytes, so it is asked.
    fn finish(self: Box<Self>) -> Result<()> {
        if tells_late(&self.file) {
            self.file.sync_data().map_err(failure::of_bytes)?;
        }
        Ok(())
    }
}

/// Does the file lie on a file system that may report a failed write after the write?
fn tells_late(file: &File) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|volume| is_remote(volume.f_type.into()))
}

/// Kinds of file systems (statfs(2)) whose bytes lie behind a network or another program.
fn is_remote(kind: i128) -> bool {
    // The type of `f_type` has 32 or 64 bits, with or without a sign; the numbers have 32.
    REMOTE.contains(&(kind & i128::from(u32::MAX)))
}

/// NFS, SMB in its three generations, FUSE, Ceph, AFS, 9P.
const REMOTE: [i128; 8] =
    [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546, 0x00c3_6400, 0x5346_414f, 0x0102_1997];

/// What publishing may meet under the final name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// Anything but a directory.
    Replace,
    /// Nothing.
    New,
}

/// Permission bits of a hidden file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Permissions {
    /// Of a new file; the umask takes its share.
    New(u32),
    /// Of the file that will be replaced; nothing is taken away.
    Keep(u32),
}

/// A file that nobody sees yet.
pub(crate) struct Hidden {
    /// Locked until it is dropped.
    file: File,
    position: u64,
    directory: OwnedFd,
    hidden: Vec<u8>,
    name: Text,
    finish: Finish,
}

/// Begins an empty hidden file.
pub(crate) fn start(place: Place<'_>, finish: Finish, permissions: Permissions) -> Result<Hidden> {
    let hidden = hidden_name(place.name);
    let file = open_locked(&place, &hidden, Some(permissions))?.ok_or(StoreError::Busy)?;
    file.set_len(0).map_err(failure::of_bytes)?;
    Ok(Hidden::new(place, hidden, file, 0, finish))
}

/// Goes on at `offset`. If the file is there already (`base`) and that long, its beginning is copied,
/// because that is the file whose size the client could see; else what an interrupted upload has left
/// is taken up.
pub(crate) fn resume(
    place: Place<'_>,
    base: Option<File>,
    offset: u64,
    permissions: Permissions,
) -> Result<Hidden> {
    let base_size = base.as_ref().map(size).transpose()?;
    if let (Some(base), Some(size)) = (base, base_size)
        && offset <= size
    {
        let mut hidden = start(place, Finish::Replace, permissions)?;
        let copied =
            std::io::copy(&mut (&base).take(offset), &mut &hidden.file).map_err(failure::of_bytes)?;
        if copied < offset {
            return Err(StoreError::BadOffset { size: copied });
        }
        hidden.position = offset;
        return Ok(hidden);
    }
    let hidden = hidden_name(place.name);
    let Some(file) = open_locked(&place, &hidden, None)? else {
        return Err(base_size.map_or(StoreError::NotFound, |size| StoreError::BadOffset { size }));
    };
    let left = size(&file)?;
    if offset > left {
        return Err(StoreError::BadOffset { size: base_size.unwrap_or(left) });
    }
    file.set_len(offset).map_err(failure::of_bytes)?;
    // What was not there when the upload went on is not replaced at its end.
    let finish = if base_size.is_some() { Finish::Replace } else { Finish::New };
    Ok(Hidden::new(place, hidden, file, offset, finish))
}

/// How much an interrupted upload of this name has left.
pub(crate) fn left_over(place: &Place<'_>) -> Result<u64> {
    let hidden = hidden_name(place.name);
    let stat = rustix::fs::statat(place.directory(), hidden.as_slice(), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(failure::of_name)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(stat.st_size.cast_unsigned()),
        _ => Err(StoreError::Denied),
    }
}

impl Hidden {
    fn new(place: Place<'_>, hidden: Vec<u8>, file: File, position: u64, finish: Finish) -> Self {
        let name = place.name.clone();
        Hidden { file, position, directory: place.directory, hidden, name, finish }
    }

    fn publish(&self) -> Result<()> {
        let (directory, from, to) = (&self.directory, self.hidden.as_slice(), self.name.as_bytes());
        match self.finish {
            Finish::Replace => {
                rustix::fs::renameat(directory, from, directory, to).map_err(failure::of_rename)
            }
            Finish::New => {
                match rustix::fs::renameat_with(directory, from, directory, to, RenameFlags::NOREPLACE) {
                    // File systems without that flag have links, which never replace.
                    Err(Errno::INVAL | Errno::NOSYS) => {
                        rustix::fs::linkat(directory, from, directory, to, AtFlags::empty())
                            .and_then(|()| rustix::fs::unlinkat(directory, from, AtFlags::empty()))
                            .map_err(failure::of_name)
                    }
                    answer => answer.map_err(failure::of_name),
                }
            }
        }
    }
}

impl WriteFile for Hidden {
    fn position(&self) -> u64 {
        self.position
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        write_at(&self.file, &mut self.position, bytes)
    }

    fn file(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }

    fn advance(&mut self, count: u64) {
        self.position = self.position.saturating_add(count);
    }

    /// The bytes reach the disk before the name does: after a power cut, too, the name shows the old
    /// file or the whole new one.
    fn finish(self: Box<Self>) -> Result<()> {
        self.file.sync_data().map_err(failure::of_bytes)?;
        let published = self.publish();
        if matches!(published, Err(StoreError::Exists)) {
            // Somebody else was first; nothing could ever resume these bytes.
            let _ = rustix::fs::unlinkat(&self.directory, self.hidden.as_slice(), AtFlags::empty());
        }
        published
    }
}

/// Opens and locks the hidden file; None if it is not there and `make` gives no permissions to make it.
fn open_locked(place: &Place<'_>, hidden: &[u8], make: Option<Permissions>) -> Result<Option<File>> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let (flags, mode) = match make {
        Some(Permissions::New(mode) | Permissions::Keep(mode)) => (flags | OFlags::CREATE, mode),
        None => (flags, 0),
    };
    let mode = Mode::from_bits_truncate(mode);
    for _ in 0..MAX_RACES {
        let file = match rustix::fs::openat(place.directory(), hidden, flags, mode) {
            Ok(descriptor) => File::from(descriptor),
            Err(Errno::NOENT) if make.is_none() => return Ok(None),
            Err(errno) => return Err(failure::of_name(errno)),
        };
        let opened = rustix::fs::fstat(&file).map_err(failure::of_name)?;
        if FileType::from_raw_mode(opened.st_mode) != FileType::RegularFile {
            return Err(StoreError::Denied);
        }
        // `AGAIN`: another upload of this name is under way.
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(failure::of_name)?;
        match rustix::fs::statat(place.directory(), hidden, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) if (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino) => {
                if let Some(Permissions::Keep(_)) = make {
                    rustix::fs::fchmod(&file, mode).map_err(failure::of_name)?;
                }
                return Ok(Some(file));
            }
            // Published or deleted meanwhile: what we hold is no longer hidden.
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(failure::of_name(errno)),
        }
    }
    Err(StoreError::Busy)
}

/// `.NAME.fxpd-part`; long names are cut and told apart by a hash.
fn hidden_name(name: &Text) -> Vec<u8> {
    let bytes = name.as_bytes();
    if bytes.len() <= MAX_REPEATED {
        return [b".", bytes, ENDING].concat();
    }
    let hash = format!(".{:016x}", fnv(bytes));
    [b".", &bytes[..MAX_REPEATED], hash.as_bytes(), ENDING].concat()
}

/// FNV-1a: short, and the same in every release, so that what is left over is found again.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// Writes all bytes and moves the position by what was written, even if an error ends it.
fn write_at(file: &File, position: &mut u64, mut bytes: &[u8]) -> Result<()> {
    // The kernel counts offsets in signed 64 bits.
    if *position > i64::MAX as u64 {
        return Err(StoreError::NoSpace);
    }
    while !bytes.is_empty() {
        match file.write_at(bytes, *position) {
            Ok(0) => return Err(StoreError::Io(std::io::ErrorKind::WriteZero.into())),
            Ok(written) => {
                *position += written as u64;
                bytes = &bytes[written..];
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failure::of_bytes(error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_far_away_is_waited_for() {
        const NFS: i128 = 0x6969;
        const CIFS: u32 = 0xff53_4d42;
        const EXT4: i128 = 0xef53;
        const TMPFS: i128 = 0x0102_1994;
        assert!(is_remote(NFS) && is_remote(CIFS.into()) && is_remote(CIFS.cast_signed().into()));
        assert!(!is_remote(EXT4) && !is_remote(TMPFS));
    }
}
