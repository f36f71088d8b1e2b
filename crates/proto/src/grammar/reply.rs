//! Replies: one code, one or more lines of text (RFC 959, 4.2).
//!
//! On the wire a reply of several lines begins with `NNN-`, ends with the first line that begins with
//! the same code and a space, and may hold anything in between, other codes included.

use std::fmt;

use super::code::Code;
use crate::wire::text::Text;

/// The most lines one reply may have. `STAT -l` lists a directory in a reply, so the ceiling is what
/// a very large directory needs.
pub const MAX_REPLY_LINES: usize = 200_000;

/// The most bytes of text one reply may have, for the same reason.
pub const MAX_REPLY_BYTES: usize = 16 * 1024 * 1024;

/// So many lines are told in one; what is longer is a text that somebody wrote for people who log in.
const FEW_LINES: usize = 3;

/// A whole reply; never without at least one line.
#[derive(Clone, PartialEq, Eq)]
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

    /// A reply in the form that RFC 2389 (FEAT) and RFC 3659 (MLST) prescribe: a first line, inner
    /// lines with one space before each, a last line.
    ///
    /// # Panics
    ///
    /// As [`Reply::new`].
    pub fn list<T: Into<Text>>(
        code: u16,
        first: impl Into<Text>,
        inner: impl IntoIterator<Item = T>,
        last: impl Into<Text>,
    ) -> Self {
        let mut reply = Reply::new(code, first);
        reply.lines.extend(inner.into_iter().map(|line| indented(&line.into())));
        reply.lines.push(last.into());
        reply
    }

    /// The last line, which carries the meaning of a single-line reply.
    pub fn text(&self) -> &Text {
        self.lines.last().expect("a reply has at least one line")
    }

    /// True for what may be said where a data connection broke: 426, but ProFTPD says 450 for one that was reset, and
    /// others 451.
    pub fn is_broken_off(&self) -> bool {
        matches!(self.code.number(), 426 | 450 | 451)
    }

    /// What it says in one line: all of it where that is short, else the last line, as behind a text of the house's
    /// rules. Pure-FTPD names its reason in the first line of three.
    pub fn words(&self) -> String {
        let told: Vec<String> = self.lines.iter().map(ToString::to_string).collect();
        match told.as_slice() {
            [.., last] if told.len() > FEW_LINES => last.trim().to_owned(),
            few => few
                .iter()
                .map(|line| line.trim())
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>()
                .join("; "),
        }
    }

    /// The lines between the first and the last one.
    pub fn inner(&self) -> &[Text] {
        match self.lines.as_slice() {
            [_, inner @ .., _] => inner,
            _ => &[],
        }
    }

    /// The reply as it goes onto the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length: usize = self.lines.iter().map(|line| line.len() + 7).sum();
        let mut bytes = Vec::with_capacity(length);
        for (prefix, line) in self.prefixed() {
            prefix.write_to(self.code, &mut bytes);
            bytes.extend_from_slice(line.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    /// Each line with what stands before it on the wire.
    fn prefixed(&self) -> impl Iterator<Item = (Prefix, &Text)> {
        let last = self.lines.len().saturating_sub(1);
        self.lines.iter().enumerate().map(move |(index, line)| {
            let prefix = match index {
                _ if index == last => Prefix::Last,
                0 => Prefix::First,
                _ if looks_like_code(line.as_bytes()) => Prefix::Space,
                _ => Prefix::Nothing,
            };
            (prefix, line)
        })
    }
}

impl fmt::Display for Reply {
    /// The lines as on the wire, joined by line feeds; what a transcript shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (prefix, line)) in self.prefixed().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match prefix {
                Prefix::First => write!(f, "{}-{line}", self.code)?,
                Prefix::Last if line.is_empty() => write!(f, "{}", self.code)?,
                Prefix::Last => write!(f, "{} {line}", self.code)?,
                Prefix::Space => write!(f, " {line}")?,
                Prefix::Nothing => write!(f, "{line}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What stands before a line on the wire.
enum Prefix {
    First,
    Last,
    Space,
    Nothing,
}

impl Prefix {
    fn write_to(&self, code: Code, bytes: &mut Vec<u8>) {
        match self {
            Prefix::First => bytes.extend_from_slice(format!("{code}-").as_bytes()),
            Prefix::Last => bytes.extend_from_slice(format!("{code} ").as_bytes()),
            Prefix::Space => bytes.push(b' '),
            Prefix::Nothing => {}
        }
    }
}

/// A line for the inside of a reply that is sent piece by piece (STAT with a path): one that could
/// be taken for the reply's end gets a space in front (RFC 959, 4.2).
pub fn inner_line(line: &Text) -> Text {
    if looks_like_code(line.as_bytes()) { indented(line) } else { line.clone() }
}

fn indented(line: &Text) -> Text {
    let mut bytes = Vec::with_capacity(line.len() + 1);
    bytes.push(b' ');
    bytes.extend_from_slice(line.as_bytes());
    Text::lossy(bytes)
}

fn looks_like_code(line: &[u8]) -> bool {
    line.len() >= 3 && line[..3].iter().all(u8::is_ascii_digit)
}

/// Why lines are no reply. The connection is of no use afterwards: nobody knows any more which reply
/// answers which command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// A reply must begin with a code.
    #[error("expected a reply code, got {0:?}")]
    NoCode(Text),
    /// More than [`MAX_REPLY_LINES`] or [`MAX_REPLY_BYTES`].
    #[error("the reply that begins with {0} has no end")]
    TooLong(Code),
}

/// Makes replies of lines.
#[derive(Clone, Debug, Default)]
pub struct ReplyParser {
    unfinished: Option<Unfinished>,
}

#[derive(Clone, Debug)]
struct Unfinished {
    reply: Reply,
    bytes: usize,
}

/// The most bytes of a senseless line that an error repeats.
const MAX_QUOTED: usize = 80;

impl ReplyParser {
    /// Takes one line, without its end; `Some` if it completes a reply. An empty line between two
    /// replies is ignored.
    ///
    /// # Errors
    ///
    /// A line that cannot begin a reply, or a reply beyond the ceilings.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<Reply>, ReplyError> {
        match self.unfinished.take() {
            None => self.first(line),
            Some(unfinished) => self.following(unfinished, line),
        }
    }

    /// True if a reply has begun and not ended.
    pub fn is_within(&self) -> bool {
        self.unfinished.is_some()
    }

    /// Forgets an unfinished reply.
    pub fn clear(&mut self) {
        self.unfinished = None;
    }

    fn first(&mut self, line: &[u8]) -> Result<Option<Reply>, ReplyError> {
        let Some((code, rest)) = split_code(line) else {
            return if line.is_empty() { Ok(None) } else { Err(ReplyError::NoCode(quoted(line))) };
        };
        match rest.split_first() {
            None => Ok(Some(Reply { code, lines: vec![Text::default()] })),
            Some((b' ', text)) => Ok(Some(Reply { code, lines: vec![Text::lossy(text)] })),
            Some((b'-', text)) => {
                let reply = Reply { code, lines: vec![Text::lossy(text)] };
                self.unfinished = Some(Unfinished { reply, bytes: text.len() });
                Ok(None)
            }
            Some(_) => Err(ReplyError::NoCode(quoted(line))),
        }
    }

    fn following(&mut self, unfinished: Unfinished, line: &[u8]) -> Result<Option<Reply>, ReplyError> {
        let Unfinished { mut reply, bytes } = unfinished;
        let (text, ended) = match split_code(line) {
            Some((code, rest)) if code == reply.code => match rest.split_first() {
                None => (rest, true),
                Some((b' ', text)) => (text, true),
                Some((b'-', text)) => (text, false),
                Some(_) => (line, false),
            },
            _ => (line, false),
        };
        let bytes = bytes + text.len();
        if reply.lines.len() >= MAX_REPLY_LINES || bytes > MAX_REPLY_BYTES {
            return Err(ReplyError::TooLong(reply.code));
        }
        reply.lines.push(Text::lossy(text));
        if ended {
            return Ok(Some(reply));
        }
        self.unfinished = Some(Unfinished { reply, bytes });
        Ok(None)
    }
}

fn split_code(line: &[u8]) -> Option<(Code, &[u8])> {
    if !looks_like_code(line) {
        return None;
    }
    let (digits, rest) = line.split_at(3);
    let number = digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
    Some((Code::new(number)?, rest))
}

fn quoted(line: &[u8]) -> Text {
    Text::lossy(&line[..line.len().min(MAX_QUOTED)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds lines; one row per reply: its code and its lines joined by `|`.
    #[track_caller]
    fn check(input: &str, expected: &[(u16, &str)]) {
        let mut parser = ReplyParser::default();
        let mut replies = Vec::new();
        for line in input.lines() {
            if let Some(reply) = parser.line(line.as_bytes()).expect("a reply") {
                let lines: Vec<String> = reply.lines.iter().map(ToString::to_string).collect();
                replies.push((reply.code.number(), lines.join("|")));
            }
        }
        let expected: Vec<_> = expected.iter().map(|&(code, text)| (code, text.to_owned())).collect();
        assert_eq!(replies, expected);
        assert!(!parser.is_within());
    }

    #[test]
    fn replies_of_one_line() {
        check("220 hello", &[(220, "hello")]);
        check("200", &[(200, "")]);
        check("200 ", &[(200, "")]);
        check("\n200  two spaces \n\n226 ok", &[(200, " two spaces "), (226, "ok")]);
        check("632 xyz", &[(632, "xyz")]);
    }

    #[test]
    fn replies_of_several_lines() {
        check("220-a\n b\n220-c\n220 d", &[(220, "a| b|c|d")]);
        check(
            "123-First line\nSecond line\n 234 A line beginning with numbers\n123 The last line",
            &[(123, "First line|Second line| 234 A line beginning with numbers|The last line")],
        );
        check(
            "227-Using slave\n226 not the end\n2275\n227_no\n\n227 (1,2,3,4,5,6)",
            &[(227, "Using slave|226 not the end|2275|227_no||(1,2,3,4,5,6)")],
        );
        check("211-x\n211\n200 y", &[(211, "x|"), (200, "y")]);
    }

    #[test]
    fn nonsense_is_an_error() {
        for line in ["hello", "20", "099 x", "700 x", "2OO x", "200x", " 200 x", "200\tx"] {
            let error = ReplyParser::default().line(line.as_bytes()).expect_err(line);
            assert_eq!(error, ReplyError::NoCode(Text::lossy(line)));
        }
    }

    #[test]
    fn a_reply_without_end_meets_a_ceiling() {
        let mut parser = ReplyParser::default();
        parser.line(b"211-begin").expect("a beginning");
        let error = (0..=MAX_REPLY_LINES).find_map(|_| parser.line(b"x").err());
        assert_eq!(error, Some(ReplyError::TooLong(Code::new(211).expect("a code"))));

        let mut parser = ReplyParser::default();
        parser.line(b"211-begin").expect("a beginning");
        let line = vec![b'x'; 1024 * 1024];
        let error = (0..=16).find_map(|_| parser.line(&line).err());
        assert_eq!(error, Some(ReplyError::TooLong(Code::new(211).expect("a code"))));
    }

    #[test]
    fn what_is_sent_is_what_arrives() {
        let replies = [
            Reply::new(200, "ok"),
            Reply::new(200, ""),
            Reply { code: Code::new(220).expect("a code"), lines: vec!["a".into(), "b".into()] },
            Reply::list(211, "Features:", ["UTF8", "211 SIZE"], "End"),
            Reply::list::<&'static str>(211, "Features:", [], "End"),
        ];
        for reply in replies {
            let mut parser = ReplyParser::default();
            let bytes = reply.to_bytes();
            let mut parsed = None;
            for line in String::from_utf8(bytes).expect("ASCII").split_terminator("\r\n") {
                assert!(parsed.is_none());
                parsed = parser.line(line.as_bytes()).expect("a reply");
            }
            assert_eq!(parsed.expect("whole"), reply);
        }
    }

    #[test]
    fn inner_lines_cannot_end_a_reply() {
        let reply = Reply {
            code: Code::new(211).expect("a code"),
            lines: vec!["Status".into(), "211 mistaken".into(), "plain".into(), "End".into()],
        };
        assert_eq!(reply.to_bytes(), b"211-Status\r\n 211 mistaken\r\nplain\r\n211 End\r\n");
        assert_eq!(reply.to_string(), "211-Status\n 211 mistaken\nplain\n211 End");
        assert_eq!(inner_line(&"213 x".into()).as_bytes(), b" 213 x");
        assert_eq!(inner_line(&"-rw-".into()).as_bytes(), b"-rw-");
    }

    #[test]
    fn a_few_lines_are_told_and_of_a_long_text_the_last() {
        let reply = |lines: &[&'static str]| Reply {
            code: Code::new(451).expect("a code"),
            lines: lines.iter().map(|line| (*line).into()).collect(),
        };
        assert_eq!(reply(&["no"]).words(), "no");
        assert_eq!(
            reply(&["Error during write to file", " Transfer aborted ", ""]).words(),
            "Error during write to file; Transfer aborted"
        );
        assert_eq!(reply(&["Welcome", "to", "this house", "Login incorrect."]).words(), "Login incorrect.");
    }

    #[test]
    fn the_form_of_rfc_2389() {
        let reply = Reply::list(211, "Features:", ["MDTM", "SIZE"], "End");
        assert_eq!(reply.to_bytes(), b"211-Features:\r\n MDTM\r\n SIZE\r\n211 End\r\n");
        assert_eq!(reply.inner().len(), 2);
    }
}
