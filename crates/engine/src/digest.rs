//! Digests of this machine's files, for uploads and downloads: the server computes one, we the other.

use std::fmt::Write as _;

use fxp_proto::grammar::params::DigestKind;
use fxp_proto::path::VPath;
use fxp_store::storage::{Storage, StoreError};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// All of them, in the order of preference: SHA-256 before SHA-512, because servers have it in
/// hardware; the broken ones still notice accidents.
pub(crate) const KINDS: &[DigestKind] =
    &[DigestKind::Sha256, DigestKind::Sha512, DigestKind::Sha1, DigestKind::Md5, DigestKind::Crc32];

/// The name in reports.
pub(crate) fn name(kind: DigestKind) -> &'static str {
    match kind {
        DigestKind::Crc32 => "CRC32",
        DigestKind::Md5 => "MD5",
        DigestKind::Sha1 => "SHA-1",
        DigestKind::Sha256 => "SHA-256",
        DigestKind::Sha512 => "SHA-512",
    }
}

/// The kind that has this name in reports.
pub(crate) fn named(name: &str) -> Option<DigestKind> {
    KINDS.iter().copied().find(|&kind| self::name(kind) == name)
}

/// The digest of a file, or of its first `length` bytes, in lower-case hex. Blocks.
pub(crate) fn of_file(
    storage: &dyn Storage,
    path: &VPath,
    kind: DigestKind,
    length: Option<u64>,
) -> Result<String, StoreError> {
    let mut file = storage.open(path)?;
    let mut digest = Running::new(kind);
    let mut buffer = vec![0; BUFFER];
    let mut offset = 0;
    let end = length.unwrap_or(u64::MAX);
    while offset < end {
        let want = usize::try_from(end - offset).unwrap_or(usize::MAX).min(BUFFER);
        match file.read_at(&mut buffer[..want], offset)? {
            0 => break,
            read => {
                digest.update(&buffer[..read]);
                offset += read as u64;
            }
        }
    }
    match length {
        Some(length) if offset < length => Err(StoreError::BadOffset { size: offset }),
        _ => Ok(digest.finish()),
    }
}

/// A digest that is being computed.
enum Running {
    Crc32(crc32fast::Hasher),
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Box<Sha512>),
}

impl Running {
    fn new(kind: DigestKind) -> Self {
        match kind {
            DigestKind::Crc32 => Running::Crc32(crc32fast::Hasher::new()),
            DigestKind::Md5 => Running::Md5(Md5::new()),
            DigestKind::Sha1 => Running::Sha1(Sha1::new()),
            DigestKind::Sha256 => Running::Sha256(Sha256::new()),
            DigestKind::Sha512 => Running::Sha512(Box::new(Sha512::new())),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Running::Crc32(digest) => digest.update(bytes),
            Running::Md5(digest) => digest.update(bytes),
            Running::Sha1(digest) => digest.update(bytes),
            Running::Sha256(digest) => digest.update(bytes),
            Running::Sha512(digest) => digest.update(bytes),
        }
    }

    fn finish(self) -> String {
        match self {
            Running::Crc32(digest) => format!("{:08x}", digest.finalize()),
            Running::Md5(digest) => hex(&digest.finalize()),
            Running::Sha1(digest) => hex(&digest.finalize()),
            Running::Sha256(digest) => hex(&digest.finalize()),
            Running::Sha512(digest) => hex(&digest.finalize()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes per read: large enough that the disk, not the calls, sets the pace.
const BUFFER: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use fxp_store::memory::Memory;

    #[test]
    fn digests_are_those_that_everybody_computes() {
        let storage = Memory::new();
        storage.put("/f", b"abcdef").expect("written");
        let path = VPath::parse(b"/f").expect("a path");
        let rows = [
            (DigestKind::Crc32, Some(3), "352441c2"),
            (DigestKind::Md5, Some(3), "900150983cd24fb0d6963f7d28e17f72"),
            (DigestKind::Sha1, Some(3), "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (DigestKind::Sha256, Some(3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (DigestKind::Sha256, None, "bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721"),
            (DigestKind::Crc32, Some(0), "00000000"),
        ];
        for (kind, length, expected) in rows {
            assert_eq!(of_file(&storage, &path, kind, length).expect("computed"), expected, "{kind:?}");
        }
        assert!(of_file(&storage, &path, DigestKind::Md5, Some(7)).is_err(), "a file shorter than its part");
    }
}
