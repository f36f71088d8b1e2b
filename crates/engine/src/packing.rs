//! Paths packed one behind the other: where a million of them wait, they take little more memory than they have bytes.

use fxp_proto::path::VPath;

/// Adds a path, after two bytes that tell how long it is.
pub(crate) fn put_path(packed: &mut Vec<u8>, path: &VPath) {
    let path = path.to_text();
    // A path is never longer.
    let length = u16::try_from(path.as_bytes().len()).unwrap_or(u16::MAX);
    packed.extend(length.to_le_bytes());
    packed.extend(&path.as_bytes()[..usize::from(length)]);
}

/// The path that `packed` begins with, and what is behind it.
pub(crate) fn split_path(packed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, behind) = packed.split_first_chunk()?;
    behind.split_at_checked(u16::from_le_bytes(*length).into())
}
