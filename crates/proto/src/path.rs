//! Paths inside a server's namespace.

use std::fmt;

use crate::wire::text::Text;

/// An absolute, cleaned path: no empty, `.` or `..` component, no CR, LF or NUL.
///
/// It cannot climb out of its root, because nothing that climbs can be written down.
/// The root has no components.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VPath(Vec<Text>);

/// The most bytes a whole path may have; Linux's `PATH_MAX` is 4096 with its NUL.
pub const MAX_PATH: usize = 4095;

/// Why bytes are not a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// CR, LF or NUL.
    #[error(transparent)]
    Forbidden(#[from] crate::wire::text::ForbiddenByte),
    /// More than [`MAX_PATH`] bytes.
    #[error("the path is longer than {MAX_PATH} bytes")]
    TooLong,
    /// A name that is empty, `.`, `..`, or holds a `/`, where one component is needed.
    #[error("the name is not one component of a path")]
    NotOneComponent,
}

impl VPath {
    /// The root, `/`.
    pub fn root() -> Self {
        VPath(Vec::new())
    }

    /// Reads `bytes` as a path seen from `self`: absolute if it begins with `/`, else relative.
    /// `.` and empty components vanish; `..` goes up and stops at the root.
    ///
    /// # Errors
    ///
    /// A forbidden byte, or a result longer than [`MAX_PATH`].
    pub fn join(&self, bytes: &[u8]) -> Result<Self, PathError> {
        let mut components = if bytes.first() == Some(&b'/') { Vec::new() } else { self.0.clone() };
        for component in bytes.split(|&byte| byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => {
                    components.pop();
                }
                name => components.push(Text::new(name)?),
            }
        }
        let length: usize = components.iter().map(|name| name.len() + 1).sum();
        if length > MAX_PATH { Err(PathError::TooLong) } else { Ok(VPath(components)) }
    }

    /// Reads an absolute or root-relative path.
    ///
    /// # Errors
    ///
    /// As [`VPath::join`].
    pub fn parse(bytes: &[u8]) -> Result<Self, PathError> {
        VPath::root().join(bytes)
    }

    /// The child called `name`, which is one component: what a listing says must not lead elsewhere.
    ///
    /// # Errors
    ///
    /// [`PathError::NotOneComponent`], [`PathError::TooLong`].
    pub fn child(&self, name: &Text) -> Result<Self, PathError> {
        match name.as_bytes() {
            b"" | b"." | b".." => Err(PathError::NotOneComponent),
            bytes if bytes.contains(&b'/') => Err(PathError::NotOneComponent),
            bytes => self.join(bytes),
        }
    }

    /// The directory above; the root is above itself.
    pub fn parent(&self) -> Self {
        VPath(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// The last component; the root has none.
    pub fn name(&self) -> Option<&Text> {
        self.0.last()
    }

    /// The components from the root down.
    pub fn components(&self) -> &[Text] {
        &self.0
    }

    /// True for `/`.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// True if `self` is `other` or lies beneath it.
    pub fn is_beneath(&self, other: &VPath) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The path as it goes onto the wire: `/a/b`, the root as `/`.
    pub fn to_text(&self) -> Text {
        if self.is_root() {
            return Text::from("/");
        }
        let mut bytes = Vec::with_capacity(self.0.iter().map(|name| name.len() + 1).sum());
        for name in &self.0 {
            bytes.push(b'/');
            bytes.extend_from_slice(name.as_bytes());
        }
        Text::new(bytes).expect("components hold no forbidden byte")
    }
}

impl fmt::Display for VPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_text().fmt(f)
    }
}

impl fmt::Debug for VPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_text(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> VPath {
        VPath::parse(text.as_bytes()).expect("a path")
    }

    #[test]
    fn nothing_climbs_out() {
        for (base, text, expected) in [
            ("/home", "a", "/home/a"),
            ("/home", "a/./b//c/", "/home/a/b/c"),
            ("/home", "/a", "/a"),
            ("/home", "..", "/"),
            ("/home", "../../../etc", "/etc"),
            ("/", "..", "/"),
            ("/", "", "/"),
            ("/home", "", "/home"),
            ("/home", "...", "/home/..."),
            ("/home", " ", "/home/ "),
            ("/home", "..\\x", "/home/..\\x"),
        ] {
            let joined = path(base).join(text.as_bytes()).expect("a path");
            assert_eq!(joined.to_string(), expected, "{base} + {text}");
        }
    }

    #[test]
    fn a_child_is_one_component() {
        let base = path("/home");
        assert_eq!(base.child(&"a b".into()), Ok(path("/home/a b")));
        for name in ["", ".", "..", "/", "/a", "//a", "a/b", "../a"] {
            assert_eq!(base.child(&name.into()), Err(PathError::NotOneComponent), "{name}");
        }
    }

    #[test]
    fn paths_have_a_ceiling_and_no_forbidden_bytes() {
        let longest = format!("/{}", "x".repeat(MAX_PATH - 1));
        assert!(VPath::parse(longest.as_bytes()).is_ok());
        assert_eq!(VPath::parse(format!("{longest}x").as_bytes()), Err(PathError::TooLong));
        assert!(matches!(VPath::parse(b"/a\0b"), Err(PathError::Forbidden(_))));
        assert!(matches!(VPath::parse(b"/a\nb"), Err(PathError::Forbidden(_))));
    }

    #[test]
    fn parents_and_names() {
        let deep = path("/a/b");
        assert_eq!((deep.parent(), deep.name()), (path("/a"), Some(&"b".into())));
        assert_eq!((VPath::root().parent(), VPath::root().name()), (VPath::root(), None));
        assert!(
            deep.is_beneath(&path("/a")) && deep.is_beneath(&deep) && !path("/ab").is_beneath(&path("/a"))
        );
    }
}
