//! One pattern, and whether a path matches it, byte by byte and in time that grows with their lengths only:
//! no pattern and no name that a server invents can make it slow.

use std::fmt;

/// A pattern in rsync's meaning.
///
/// * `*` is anything within a name, `**` anything at all, `?` one byte of a name, `[...]` one byte of a set; a
///   backslash takes its meaning from the next byte, but only in a pattern that has one of these.
/// * A slash at the beginning binds it to the root of the transfer. Else the end of a path has to match, from the
///   beginning of a component.
/// * `**` at the beginning may be nothing in front of the root's own slash: `**/name` is that name anywhere.
/// * A slash at the end means directories only; `dir/***` the directory and all that is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    written: Vec<u8>,
    tokens: Vec<Token>,
    /// Begins at the root of the transfer.
    anchored: bool,
    /// Matches directories only.
    directories: bool,
    /// Ends with `/***`.
    with_contents: bool,
    /// Matches what the rest does not match.
    negated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// `?`
    One,
    /// `*`
    Many,
    /// `**`
    All,
    /// `[...]`
    Set {
        negated: bool,
        ranges: Vec<(u8, u8)>,
    },
}

/// Why a pattern is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// There is nothing in it.
    #[error("the pattern is empty")]
    Empty,
    /// `[` without `]`.
    #[error("a [ in the pattern has no ]; \\[ means the bracket itself where the pattern has a wildcard")]
    OpenSet,
    /// `[:nonsense:]`
    #[error("the pattern names a class that does not exist; there are [:alpha:], [:digit:] and their kin")]
    Class,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// Empty, or with a `[` that has no end.
    pub fn parse(written: &[u8]) -> Result<Self, PatternError> {
        let mut rest = written;
        let anchored = rest.first() == Some(&b'/');
        rest = rest.strip_prefix(b"/").unwrap_or(rest);
        let directories = rest.last() == Some(&b'/');
        rest = rest.strip_suffix(b"/").unwrap_or(rest);
        if rest.is_empty() {
            return Err(PatternError::Empty);
        }
        Ok(Pattern {
            written: written.to_vec(),
            tokens: tokens(rest)?,
            anchored,
            directories,
            with_contents: rest.ends_with(b"/***"),
            negated: false,
        })
    }

    /// The same for everything that does not match.
    #[must_use]
    pub(super) fn negated(mut self) -> Self {
        self.negated = true;
        self
    }

    /// True if `path`, seen from the root of the transfer and without a slash at either end, matches.
    pub fn matches(&self, path: &[u8], directory: bool) -> bool {
        self.fits(path, directory) != self.negated
    }

    fn fits(&self, path: &[u8], directory: bool) -> bool {
        if self.directories && !directory {
            return false;
        }
        let with_slash;
        let path = match self.with_contents && directory {
            true => {
                with_slash = [path, b"/"].concat();
                &with_slash
            }
            false => path,
        };
        if self.anchored {
            return self.run(path);
        }
        if self.tokens.first() == Some(&Token::All) {
            return self.run(&[b"/", path].concat());
        }
        // From the beginning of each component; most patterns have no slash, and only the last can match.
        let beginnings = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at + 1);
        let mut beginnings: Vec<usize> = std::iter::once(0).chain(beginnings).collect();
        if !self.tokens.iter().any(|token| matches!(token, Token::All | Token::Byte(b'/'))) {
            beginnings.drain(..beginnings.len() - 1);
        }
        beginnings.into_iter().any(|at| self.run(&path[at..]))
    }

    /// All places of the pattern that can be reached, moved on byte by byte.
    fn run(&self, text: &[u8]) -> bool {
        let end = self.tokens.len();
        let mut here = vec![false; end + 1];
        let mut next = vec![false; end + 1];
        here[0] = true;
        self.skip_empty(&mut here);
        for &byte in text {
            next.fill(false);
            for at in (0..end).filter(|&at| here[at]) {
                match self.tokens[at].takes(byte) {
                    Step::No => {}
                    Step::On => next[at + 1] = true,
                    Step::Stay => next[at] = true,
                }
            }
            self.skip_empty(&mut next);
            std::mem::swap(&mut here, &mut next);
        }
        here[end]
    }

    /// `*` and `**` match nothing as well.
    fn skip_empty(&self, places: &mut [bool]) {
        for at in 0..self.tokens.len() {
            if places[at] && matches!(self.tokens[at], Token::Many | Token::All) {
                places[at + 1] = true;
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negated {
            f.write_str("! ")?;
        }
        write!(f, "{}", crate::url::printable(&self.written))
    }
}

/// What a token makes of a byte.
enum Step {
    No,
    On,
    Stay,
}

impl Token {
    fn takes(&self, byte: u8) -> Step {
        let fits = match self {
            Token::All => return Step::Stay,
            Token::Many => return if byte == b'/' { Step::No } else { Step::Stay },
            Token::Byte(wanted) => *wanted == byte,
            Token::One => byte != b'/',
            Token::Set { negated, ranges } => {
                byte != b'/' && ranges.iter().any(|(low, high)| (*low..=*high).contains(&byte)) != *negated
            }
        };
        if fits { Step::On } else { Step::No }
    }
}

fn tokens(text: &[u8]) -> Result<Vec<Token>, PatternError> {
    if !text.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[')) {
        return Ok(text.iter().copied().map(Token::Byte).collect());
    }
    let mut tokens = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'*' => {
                let stars = 1 + text[at..].iter().take_while(|byte| **byte == b'*').count();
                at += stars - 1;
                tokens.push(if stars == 1 { Token::Many } else { Token::All });
            }
            b'?' => tokens.push(Token::One),
            b'[' => {
                let (set, length) = set(&text[at..])?;
                at += length;
                tokens.push(set);
            }
            b'\\' if at < text.len() => {
                tokens.push(Token::Byte(text[at]));
                at += 1;
            }
            byte => tokens.push(Token::Byte(byte)),
        }
    }
    Ok(tokens)
}

/// What follows a `[`, and how long that is.
fn set(text: &[u8]) -> Result<(Token, usize), PatternError> {
    let negated = matches!(text.first(), Some(b'!' | b'^'));
    let mut at = usize::from(negated);
    let mut ranges = Vec::new();
    let first = at;
    loop {
        let byte = *text.get(at).ok_or(PatternError::OpenSet)?;
        at += 1;
        if byte == b']' && at - 1 > first {
            return Ok((Token::Set { negated, ranges }, at));
        }
        if byte == b'[' && text.get(at) == Some(&b':') {
            let name = &text[at + 1..];
            let length = name.windows(2).position(|pair| pair == b":]").ok_or(PatternError::OpenSet)?;
            ranges.extend(class(&name[..length]).ok_or(PatternError::Class)?);
            at += 1 + length + 2;
            continue;
        }
        let low = member(text, byte, &mut at)?;
        let is_range = text.get(at) == Some(&b'-') && text.get(at + 1).is_some_and(|byte| *byte != b']');
        if is_range {
            let byte = text[at + 1];
            at += 2;
            let high = member(text, byte, &mut at)?;
            ranges.push((low, high));
        } else {
            ranges.push((low, low));
        }
    }
}

/// A byte of a set, or the one that a backslash means.
fn member(text: &[u8], byte: u8, at: &mut usize) -> Result<u8, PatternError> {
    if byte != b'\\' {
        return Ok(byte);
    }
    let escaped = *text.get(*at).ok_or(PatternError::OpenSet)?;
    *at += 1;
    Ok(escaped)
}

/// The bytes of a class, as in the C locale.
fn class(name: &[u8]) -> Option<Vec<(u8, u8)>> {
    const UPPER: (u8, u8) = (b'A', b'Z');
    const LOWER: (u8, u8) = (b'a', b'z');
    const DIGIT: (u8, u8) = (b'0', b'9');
    Some(match name {
        b"alpha" => vec![UPPER, LOWER],
        b"digit" => vec![DIGIT],
        b"alnum" => vec![UPPER, LOWER, DIGIT],
        b"upper" => vec![UPPER],
        b"lower" => vec![LOWER],
        b"xdigit" => vec![DIGIT, (b'A', b'F'), (b'a', b'f')],
        b"space" => vec![(b'\t', b'\r'), (b' ', b' ')],
        b"blank" => vec![(b'\t', b'\t'), (b' ', b' ')],
        b"punct" => vec![(b'!', b'/'), (b':', b'@'), (b'[', b'`'), (b'{', b'~')],
        b"cntrl" => vec![(0, 31), (127, 127)],
        b"graph" => vec![(b'!', b'~')],
        b"print" => vec![(b' ', b'~')],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_match_nothing_is_no_pattern() {
        let rows: [(&[u8], PatternError); 6] = [
            (b"", PatternError::Empty),
            (b"/", PatternError::Empty),
            (b"//", PatternError::Empty),
            (b"a[b", PatternError::OpenSet),
            (b"a[]", PatternError::OpenSet),
            (b"[[:alfa:]]", PatternError::Class),
        ];
        for (written, error) in rows {
            assert_eq!(Pattern::parse(written), Err(error), "{}", String::from_utf8_lossy(written));
        }
    }

    #[test]
    fn two_stars_at_the_beginning_may_stand_for_the_root() {
        let rows: [(&[u8], &[u8], bool); 8] = [
            (b"**/foo", b"foo", true),
            (b"**/foo", b"a/foo", true),
            (b"**/foo", b"a/b/foo", true),
            (b"**/foo", b"xfoo", false),
            (b"**/foo/bar", b"foo/bar", true),
            (b"/**/foo", b"foo", false),
            (b"**foo", b"xfoo", true),
            (b"a/**/foo", b"a/foo", false),
        ];
        for (pattern, path, matches) in rows {
            let shown = (String::from_utf8_lossy(pattern), String::from_utf8_lossy(path));
            assert_eq!(
                Pattern::parse(pattern).expect("a pattern").matches(path, false),
                matches,
                "{shown:?}"
            );
        }
    }

    #[test]
    fn no_name_makes_a_pattern_slow() {
        // With backtracking this would take longer than the universe is old.
        let pattern = Pattern::parse(&b"**a".repeat(30)).expect("a pattern");
        assert!(!pattern.matches(&b"a/".repeat(200), false));
        assert!(pattern.matches(&b"a".repeat(200), false));
    }

    #[test]
    fn names_are_bytes() {
        let pattern = Pattern::parse(b"\xff*").expect("a pattern");
        assert!(pattern.matches(b"d/\xff\xfe", false) && !pattern.matches(b"d/\xfe", false));
    }
}
