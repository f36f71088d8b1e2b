//! What stands at the destination only and has to wait, packed: a million of them take little more memory than their
//! paths have bytes.

use fxp_proto::path::VPath;

use super::item::Extra;
use crate::packing;

/// Extras, in the order in which they came.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pile {
    /// For each of them: its path ([`packing`]), a flag, and its size.
    packed: Vec<u8>,
}

impl Pile {
    pub(crate) fn push(&mut self, extra: &Extra) {
        packing::put_path(&mut self.packed, &extra.path);
        self.packed.push(u8::from(extra.directory) | u8::from(extra.size.is_some()) << 1);
        self.packed.extend(extra.size.unwrap_or_default().to_le_bytes());
    }

    pub(crate) fn clear(&mut self) {
        *self = Pile::default();
    }
}

impl<'p> IntoIterator for &'p Pile {
    type Item = Extra;
    type IntoIter = Unpacked<'p>;

    fn into_iter(self) -> Unpacked<'p> {
        Unpacked { packed: &self.packed }
    }
}

/// Unpacks one after the other.
#[derive(Debug)]
pub(crate) struct Unpacked<'p> {
    packed: &'p [u8],
}

impl Iterator for Unpacked<'_> {
    type Item = Extra;

    fn next(&mut self) -> Option<Extra> {
        let (path, behind) = packing::split_path(self.packed)?;
        let (flags, behind) = behind.split_first()?;
        let (size, behind) = behind.split_first_chunk()?;
        self.packed = behind;
        let size = (flags & 2 != 0).then(|| u64::from_le_bytes(*size));
        // What was a path is one again.
        let path = VPath::parse(path).ok()?;
        Some(Extra { path, directory: flags & 1 != 0, size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_out_is_what_was_put_in() {
        let extra = |path: &[u8], directory, size| Extra {
            path: VPath::parse(path).expect("a path"),
            directory,
            size,
        };
        let extras = [
            extra(b"/a/b c", false, Some(u64::MAX)),
            extra(b"/", true, None),
            extra(&[b'/', 0xff, b'x'], false, Some(0)),
            extra(format!("/{}", "n".repeat(4000)).as_bytes(), false, None),
        ];
        let mut pile = Pile::default();
        extras.iter().for_each(|extra| pile.push(extra));
        assert_eq!((&pile).into_iter().collect::<Vec<_>>(), extras);
        let mut pile = Pile::default();
        pile.push(&extras[0]);
        pile.clear();
        assert_eq!((&pile).into_iter().count(), 0);
    }
}
