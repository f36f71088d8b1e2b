//! Replies: one code, one or more lines of text (RFC 959, 4.2).

use super::code::Code;
use crate::wire::text::Text;

/// A whole reply; never without at least one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What the machine reads.
    pub code: Code,
    /// What the person reads. The lines of a multi-line reply, without code, hyphen or line ends.
    pub lines: Vec<Text>,
}

impl Reply {
    /// A reply of one line.
    ///
    /// # Panics
    ///
    /// If `code` is no reply code: codes are literals of the program.
    pub fn new(code: u16, text: impl Into<Text>) -> Self {
        Reply { code: Code::new(code).expect("a literal reply code"), lines: vec![text.into()] }
    }

    /// The last line, which carries the meaning of a single-line reply.
    pub fn text(&self) -> &Text {
        self.lines.last().expect("a reply has at least one line")
    }
}
