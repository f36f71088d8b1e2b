//! Reply codes (RFC 959, 4.2).

use std::fmt;

/// A three-digit reply code, 100 to 659 (6yz are RFC 2228's protected replies).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

impl Code {
    /// A code; `None` outside 100 to 699.
    pub const fn new(number: u16) -> Option<Self> {
        if number >= 100 && number <= 699 { Some(Code(number)) } else { None }
    }

    /// The number.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// 1yz: another reply to the same command follows.
    pub const fn is_preliminary(self) -> bool {
        self.0 / 100 == 1
    }

    /// 2yz: done.
    pub const fn is_completion(self) -> bool {
        self.0 / 100 == 2
    }

    /// 3yz: go on with the next command of the sequence.
    pub const fn is_intermediate(self) -> bool {
        self.0 / 100 == 3
    }

    /// 4yz: not now.
    pub const fn is_transient(self) -> bool {
        self.0 / 100 == 4
    }

    /// 4yz or 5yz: refused.
    pub const fn is_negative(self) -> bool {
        matches!(self.0 / 100, 4 | 5)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
