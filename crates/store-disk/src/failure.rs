//! What the system's error numbers mean.

use fxp_store::storage::StoreError;
use rustix::io::Errno;

/// Of an operation on a name.
pub(crate) fn of_name(errno: Errno) -> StoreError {
    match errno {
        Errno::NOENT => StoreError::NotFound,
        Errno::EXIST => StoreError::Exists,
        Errno::ISDIR => StoreError::IsDirectory,
        Errno::NOTDIR => StoreError::NotDirectory,
        Errno::NOTEMPTY => StoreError::NotEmpty,
        // Too many links, or a magic one; a way out of the root.
        Errno::LOOP | Errno::XDEV => StoreError::Denied,
        // A pipe without a reader, a socket, a device without a driver.
        Errno::NXIO | Errno::NODEV => StoreError::Denied,
        Errno::ACCESS | Errno::PERM | Errno::ROFS => StoreError::Denied,
        // Longer than the file system likes, or bytes that it does not like (FAT, NTFS).
        Errno::NAMETOOLONG | Errno::INVAL | Errno::ILSEQ => StoreError::BadName,
        Errno::TXTBSY | Errno::BUSY | Errno::AGAIN => StoreError::Busy,
        // `MLINK`: the directory has as many subdirectories as it can.
        Errno::NOSPC | Errno::MLINK => StoreError::NoSpace,
        Errno::DQUOT => StoreError::Quota,
        Errno::OPNOTSUPP | Errno::NOSYS => StoreError::Unsupported,
        other => StoreError::Io(other.into()),
    }
}

/// Of a rename, where two numbers mean something else.
pub(crate) fn of_rename(errno: Errno) -> StoreError {
    match errno {
        // A directory into itself.
        Errno::INVAL => StoreError::Denied,
        // Two file systems beneath one root: moving would mean copying.
        Errno::XDEV => StoreError::Unsupported,
        // Linux may say either of a directory that is not empty.
        Errno::EXIST => StoreError::NotEmpty,
        other => of_name(other),
    }
}

/// Of reading or writing an open file.
pub(crate) fn of_bytes(error: std::io::Error) -> StoreError {
    match Errno::from_io_error(&error) {
        // `FBIG`: beyond what the file system can count.
        Some(Errno::NOSPC | Errno::FBIG) => StoreError::NoSpace,
        Some(Errno::DQUOT) => StoreError::Quota,
        Some(Errno::PERM | Errno::ACCESS) => StoreError::Denied,
        _ => StoreError::Io(error),
    }
}
