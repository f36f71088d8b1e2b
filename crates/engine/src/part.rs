//! The name under which a file is stored until it is verified: `NAME.fxp-part`.
//!
//! No server ever shows a half file under its final name, and every interrupted file can be found
//! again and resumed.

use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

/// What is appended to the name.
pub(crate) const SUFFIX: &str = ".fxp-part";

/// The longest name that file systems take, in bytes.
const MAX_NAME: usize = 255;

/// The name under which `path` is stored at first. A name too long for the suffix loses its end, at a
/// character's boundary; such a part is never resumed, since two files could share its name.
pub(crate) fn part_of(path: &VPath) -> Option<VPath> {
    let name = path.name()?.as_bytes();
    let mut room = (MAX_NAME - SUFFIX.len()).min(name.len());
    while room > 0 && room < name.len() && name[room] & 0xC0 == 0x80 {
        room -= 1;
    }
    let mut bytes = name[..room].to_vec();
    bytes.extend_from_slice(SUFFIX.as_bytes());
    path.parent().child(&Text::new(bytes).ok()?).ok()
}

/// True if the part of `path` could be the part of another file too.
pub(crate) fn is_ambiguous(path: &VPath) -> bool {
    path.name().is_some_and(|name| name.len() + SUFFIX.len() > MAX_NAME)
}

/// True if hardly any file system takes the name of `path`.
pub(crate) fn is_too_long(path: &VPath) -> bool {
    path.name().is_some_and(|name| name.len() > MAX_NAME)
}

/// True if `name` is that of a part.
pub(crate) fn is_part(name: &Text) -> bool {
    name.as_bytes().ends_with(SUFFIX.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_beside_their_files_under_names_that_fit() {
        let long = format!("/d/{}é", "x".repeat(245));
        let rows = [
            ("/d/a.txt", "/d/a.txt.fxp-part".to_owned(), false),
            ("/a", "/a.fxp-part".to_owned(), false),
            (long.as_str(), format!("/d/{}.fxp-part", "x".repeat(245)), true),
        ];
        for (path, expected, ambiguous) in rows {
            let path = VPath::parse(path.as_bytes()).expect("a path");
            let part = part_of(&path).expect("a part");
            assert_eq!(part.to_string(), expected);
            assert!(
                part.name().is_some_and(is_part) && part.name().is_some_and(|name| name.len() <= MAX_NAME)
            );
            assert_eq!(is_ambiguous(&path), ambiguous);
        }
        assert_eq!(part_of(&VPath::root()), None);
    }
}
