//! What is stated of many files, packed one behind the other: a million of them take little more memory than their
//! paths and digests have bytes.

use fxp_proto::grammar::params::DigestKind;
use fxp_proto::path::VPath;

use crate::digest;
use crate::packing;

/// What a manifest says of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// Its bytes.
    pub size: u64,
    /// Its digest in hex, if one was compared.
    pub digest: Option<(DigestKind, Box<str>)>,
}

/// What is stated of many files, by their paths.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// For each file: its path ([`packing`]), then what is said of it.
    packed: Vec<u8>,
    /// Where each file begins there; in the order of paths once they are sorted.
    begins: Vec<usize>,
    /// Those that were taken, once they are sorted.
    taken: Vec<bool>,
}

impl Manifest {
    /// Adds a file; what was said of it before no longer counts.
    pub fn add(&mut self, path: &VPath, stated: Stated) {
        self.taken.clear();
        self.begins.push(self.packed.len());
        packing::put_path(&mut self.packed, path);
        self.packed.extend(stated.size.to_le_bytes());
        let Some((kind, hex)) = stated.digest else {
            self.packed.push(NO_DIGEST);
            return;
        };
        let kind = digest::KINDS.iter().position(|known| *known == kind);
        self.packed.push(kind.and_then(|kind| u8::try_from(kind).ok()).unwrap_or(NO_DIGEST));
        let digits = &hex.as_bytes()[..hex.len().min(usize::from(u8::MAX))];
        self.packed.extend(u8::try_from(digits.len()));
        let value = |digit: &u8| char::from(*digit).to_digit(16).unwrap_or_default() as u8;
        let pairs = digits.chunks(2).map(|pair| value(&pair[0]) << 4 | pair.get(1).map_or(0, value));
        self.packed.extend(pairs);
    }

    /// Removes a file, and tells what was said of it.
    pub(super) fn take(&mut self, path: &VPath) -> Option<Stated> {
        self.sort();
        let path = path.to_text();
        let at = self.begins.binary_search_by(|&begin| self.path(begin).cmp(path.as_bytes())).ok()?;
        let fresh = !std::mem::replace(&mut self.taken[at], true);
        fresh.then(|| self.stated(self.begins[at]))
    }

    /// The next file that was not taken, from a number on, in the order of paths; with the number after it.
    pub(super) fn left(&mut self, from: usize) -> Option<(usize, Box<[u8]>, Stated)> {
        self.sort();
        let at = (from..self.begins.len()).find(|&at| !self.taken[at])?;
        let begin = self.begins[at];
        Some((at + 1, self.path(begin).into(), self.stated(begin)))
    }

    /// Brings all files into the order of paths; of those with the same path the last one counts.
    fn sort(&mut self) {
        if self.taken.len() == self.begins.len() {
            return;
        }
        let mut begins = std::mem::take(&mut self.begins);
        begins.sort_by(|&one, &two| self.path(one).cmp(self.path(two)).then(two.cmp(&one)));
        begins.dedup_by(|two, one| self.path(*one) == self.path(*two));
        self.taken = vec![false; begins.len()];
        self.begins = begins;
    }

    fn path(&self, begin: usize) -> &[u8] {
        self.split(begin).0
    }

    /// The path of the file that begins there, and what is behind it.
    fn split(&self, begin: usize) -> (&[u8], &[u8]) {
        packing::split_path(&self.packed[begin..]).expect("each file has a path")
    }

    fn stated(&self, begin: usize) -> Stated {
        let (size, behind) = self.split(begin).1.split_first_chunk().expect("each file has a size");
        let kind = digest::KINDS.get(usize::from(behind[0]));
        let digest = kind.map(|kind| {
            let length = usize::from(behind[1]);
            let digits = behind[2..].iter().flat_map(|byte| [byte >> 4, byte & 15]).take(length);
            let hex: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
            (*kind, hex.into_boxed_str())
        });
        Stated { size: u64::from_le_bytes(*size), digest }
    }
}

/// Stands where a digest's number would.
const NO_DIGEST: u8 = u8::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_last_is_said_once() {
        let path = |text: &str| VPath::parse(text.as_bytes()).expect("a path");
        let digest = |hex: &str| Some((digest::KINDS[0], hex.into()));
        let mut manifest = Manifest::default();
        let rows = [
            ("/b", 1, digest("00ff")),
            ("/a/b", u64::MAX, None),
            ("/c", 3, digest("abc")),
            ("/b", 4, digest("0123456789abcdef")),
            ("/a", 5, None),
        ];
        for (name, size, digest) in rows {
            manifest.add(&path(name), Stated { size, digest });
        }
        let b = Stated { size: 4, digest: digest("0123456789abcdef") };
        assert_eq!(manifest.take(&path("/b")), Some(b));
        assert_eq!(manifest.take(&path("/b")), None);
        assert_eq!(manifest.take(&path("/d")), None);
        let mut left = Vec::new();
        let mut from = 0;
        while let Some((next, path, stated)) = manifest.left(from) {
            left.push((String::from_utf8(path.into()).expect("UTF-8"), stated));
            from = next;
        }
        let expected = [("/a", 5, None), ("/a/b", u64::MAX, None), ("/c", 3, digest("abc"))];
        assert_eq!(left, expected.map(|(path, size, digest)| (path.to_owned(), Stated { size, digest })));
    }
}
