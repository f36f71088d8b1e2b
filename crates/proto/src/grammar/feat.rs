//! The answer to FEAT (RFC 2389).

use crate::wire::text::Text;

/// What a server says it can do, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Features {
    lines: Vec<Text>,
}

impl Features {
    /// The feature lines, trimmed.
    pub fn lines(&self) -> &[Text] {
        &self.lines
    }

    /// The parameters of the feature `name` (compared without case), empty if it has none;
    /// `None` if the server does not offer it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| {
            let (word, rest) = match line.to_str()?.split_once(' ') {
                Some((word, rest)) => (word, rest),
                None => (line.to_str()?, ""),
            };
            word.eq_ignore_ascii_case(name).then_some(rest)
        })
    }

    /// True if the server offers `name`.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

impl<T: Into<Text>> FromIterator<T> for Features {
    fn from_iter<I: IntoIterator<Item = T>>(lines: I) -> Self {
        Features { lines: lines.into_iter().map(Into::into).collect() }
    }
}
