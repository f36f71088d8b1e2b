//! What a listing cannot name: a name that no control line can carry, a line that is no entry.
//!
//! Whoever copies a directory has to tell of it, or would call a copy complete that is not.

use std::fmt;

use crate::wire::text::Text;

/// Something in a directory that has no name which could be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// A name with CR, LF or NUL, which are escaped here.
    Uncarried(String),
    /// A name that is a path.
    Path(String),
    /// A line that nobody can read; what follows a LF in a name is one.
    Unreadable(String),
    /// So many names that the server has left out, as it says.
    ByServer(usize),
    /// So many more, which are not told one by one.
    More(usize),
}

impl LeftOut {
    /// A name that has a byte which no control line can carry.
    pub fn uncarried(name: &[u8]) -> Self {
        LeftOut::Uncarried(shown(name))
    }

    /// A name that is a path.
    pub fn path(name: &[u8]) -> Self {
        LeftOut::Path(shown(name))
    }

    /// A line that nobody can read.
    pub fn unreadable(line: &[u8]) -> Self {
        LeftOut::Unreadable(shown(line))
    }

    /// Reads the count that our server puts into its reply to a listing ([`said`]).
    pub fn by_server(reply: &Text) -> Option<Self> {
        let words = reply.to_str()?;
        let before = words.strip_suffix(SAID)?;
        let count = before.rsplit([' ', ',']).next()?.parse().ok()?;
        (count > 0).then_some(LeftOut::ByServer(count))
    }

    /// Why it is left out.
    pub fn reason(&self) -> &'static str {
        match self {
            LeftOut::Uncarried(_) | LeftOut::ByServer(_) => {
                "a name that FTP cannot carry: CR, LF or NUL is in it; only a rename on the server helps"
            }
            LeftOut::Path(_) => "the server listed it under a name that would lead elsewhere",
            LeftOut::Unreadable(_) => {
                "this line of the listing names no file; a name with a line break makes such lines, and FTP cannot carry it"
            }
            LeftOut::More(_) => "names that FTP cannot carry, or lines of the listing that name no file",
        }
    }
}

impl fmt::Display for LeftOut {
    /// What stands there, printable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LeftOut::Uncarried(shown) | LeftOut::Path(shown) | LeftOut::Unreadable(shown) => {
                write!(f, "\"{shown}\"")
            }
            LeftOut::ByServer(1) => f.write_str("the rest (1 name)"),
            LeftOut::ByServer(count) => write!(f, "the rest ({count} names)"),
            LeftOut::More(count) => write!(f, "the rest ({count} more)"),
        }
    }
}

/// What our server adds to the text of the reply that ends a listing; nothing if nothing was left out.
pub fn said(count: u64) -> String {
    if count == 0 { String::new() } else { format!(", {count}{SAID}") }
}

const SAID: &str = " left out: names that FTP cannot carry";

/// The most bytes of a name that are shown; a longest name of a file system is no longer.
const MAX_SHOWN: usize = 255;

/// Control bytes escaped, what is UTF-8 as it is.
fn shown(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for letter in String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_SHOWN)]).chars() {
        match letter {
            '\0' => shown.push_str("\\0"),
            letter if letter.is_control() || letter == '\\' => shown.extend(letter.escape_default()),
            letter => shown.push(letter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_on_one_line() {
        let name = LeftOut::uncarried(b"c\rr\n\0\\\xc3\xa4");
        assert_eq!(name.to_string(), r#""c\rr\n\0\\ä""#);
        assert!(LeftOut::unreadable(&[b'x'; 10_000]).to_string().len() < 300);
    }

    #[test]
    fn the_count_of_a_reply_is_read_as_it_is_said() {
        for count in [1, 2, 1000] {
            let reply = Text::lossy(format!("sent 12 bytes{}", said(count)));
            let count = usize::try_from(count).expect("small");
            assert_eq!(LeftOut::by_server(&reply), Some(LeftOut::ByServer(count)), "{reply}");
        }
        for other in ["sent 12 bytes", "0 left out: names that FTP cannot carry", "Transfer complete", ""] {
            assert_eq!(LeftOut::by_server(&other.into()), None, "{other}");
        }
        assert_eq!(said(0), "");
    }
}
