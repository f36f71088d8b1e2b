//! Quoted names: the path in a 257 reply (RFC 959, appendix II), and arguments that hold more than
//! one name.

use super::params::ParameterError;
use super::reply::Reply;
use crate::wire::text::Text;

/// A name in quotes; quotes inside are doubled.
pub fn quote(name: &Text) -> Text {
    let mut bytes = Vec::with_capacity(name.len() + 2);
    bytes.push(b'"');
    for &byte in name.as_bytes() {
        if byte == b'"' {
            bytes.push(b'"');
        }
        bytes.push(byte);
    }
    bytes.push(b'"');
    Text::lossy(bytes)
}

/// The answer to PWD and MKD: the path in quotes, then a few words.
pub fn reply_257(path: &Text, words: &str) -> Reply {
    let mut bytes = quote(path).as_bytes().to_vec();
    bytes.push(b' ');
    bytes.extend_from_slice(words.as_bytes());
    Reply::new(257, Text::lossy(bytes))
}

/// The path in a 257 reply.
///
/// Some servers do not double a quote inside, so one that is followed by something other than a space
/// or the end of the line belongs to the path. Without any quote the first word counts, if it looks
/// like a path. A path whose closing quote is missing is none (CVE-2017-1000254).
pub fn parse_257(reply: &Reply) -> Option<Text> {
    let line = reply.text().as_bytes();
    match line.iter().position(|&byte| byte == b'"') {
        Some(open) => quoted(&line[open..]).map(|(path, _)| path),
        None => {
            let word = line.split(|&byte| byte == b' ').next()?;
            word.starts_with(b"/").then(|| Text::lossy(word))
        }
    }
    .filter(|path| !path.is_empty())
}

/// Splits a list of words that may be quoted: `"a b" c` is `a b` and `c`.
///
/// # Errors
///
/// [`ParameterError::Syntax`] if a quote is not closed, [`ParameterError::OutOfRange`] if there are
/// more than [`MAX_WORDS`].
pub fn words(text: &[u8]) -> Result<Vec<Text>, ParameterError> {
    let mut words = Vec::new();
    let mut rest = text.trim_ascii_start();
    while let Some(&first) = rest.first() {
        if words.len() >= MAX_WORDS {
            return Err(ParameterError::OutOfRange);
        }
        let (word, after) = if first == b'"' {
            quoted(rest).ok_or(ParameterError::Syntax)?
        } else {
            let end = rest.iter().position(|&byte| byte == b' ').unwrap_or(rest.len());
            (Text::lossy(&rest[..end]), &rest[end..])
        };
        words.push(word);
        rest = after.trim_ascii_start();
    }
    Ok(words)
}

/// The most names that one argument may hold (COMB, MMD5): a line has room for more only if they are
/// so short that nobody means them.
pub const MAX_WORDS: usize = 1000;

/// The name in quotes at the front of `text`, and what follows its closing quote.
pub(crate) fn quoted(text: &[u8]) -> Option<(Text, &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let mut name = Vec::new();
    let mut at = 0;
    loop {
        match (text.get(at)?, text.get(at + 1)) {
            (b'"', Some(b'"')) => {
                name.push(b'"');
                at += 1;
            }
            (b'"', None | Some(b' ' | b',')) => return Some((Text::lossy(name), &text[at + 1..])),
            (&byte, _) => name.push(byte),
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_257() {
        for (line, expected) in [
            (r#""/" is the current directory"#, Some("/")),
            (r#""/a b" created"#, Some("/a b")),
            (r#""/a""b" is current"#, Some("/a\"b")),
            (r#""/""""" is current"#, Some("/\"\"")),
            // Pure-FTPD does not double.
            (r#""/a"b" is your current location"#, Some("/a\"b")),
            (r#""/a""#, Some("/a")),
            (r#"Current directory is "/x""#, Some("/x")),
            ("/x is current", Some("/x")),
            ("/x", Some("/x")),
            (r#""/x is current"#, None),
            (r#"""#, None),
            (r#""""#, None),
            ("created", None),
            ("", None),
        ] {
            let path = parse_257(&Reply::new(257, Text::lossy(line)));
            assert_eq!(path, expected.map(Text::from), "{line}");
        }
    }

    #[test]
    fn what_is_quoted_can_be_read() {
        for name in ["/", "/a b", "/\"", "/\"\"\"", "/a\" b", "/a\"", "\" \""] {
            assert_eq!(parse_257(&reply_257(&name.into(), "is the current directory.")), Some(name.into()));
            assert_eq!(words(quote(&name.into()).as_bytes()), Ok(vec![name.into()]));
        }
    }

    #[test]
    fn words_with_and_without_quotes() {
        let rows: &[(&str, Result<Vec<Text>, ParameterError>)] = &[
            ("a b", Ok(vec!["a".into(), "b".into()])),
            ("  a   b  ", Ok(vec!["a".into(), "b".into()])),
            (r#""a b" c "d""e""#, Ok(vec!["a b".into(), "c".into(), "d\"e".into()])),
            (r#"a"b c"#, Ok(vec!["a\"b".into(), "c".into()])),
            (r#""a b"#, Err(ParameterError::Syntax)),
            (r#""a" ""#, Err(ParameterError::Syntax)),
            ("", Ok(vec![])),
        ];
        for (text, expected) in rows {
            assert_eq!(words(text.as_bytes()), *expected, "{text}");
        }
        assert_eq!(words("x ".repeat(MAX_WORDS + 1).as_bytes()), Err(ParameterError::OutOfRange));
    }
}
