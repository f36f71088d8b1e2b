//! Digests of files: HASH (draft-bryan-ftpext-hash), MD5 and MMD5 (draft-twine-ftpmd5), and the X
//! family (XCRC, XMD5, XSHA...), which nobody specified and everybody answers differently.

use super::command::Command;
use super::params::{DigestKind, ParameterError, decimal};
use super::quote::{quote, quoted};
use super::reply::Reply;
use super::verb::Verb;
use crate::path::VPath;
use crate::wire::text::Text;

impl DigestKind {
    /// All, the strongest first: the order in which two servers are compared.
    pub const ALL: [DigestKind; 5] =
        [DigestKind::Sha512, DigestKind::Sha256, DigestKind::Sha1, DigestKind::Md5, DigestKind::Crc32];

    /// The name that HASH gives it.
    pub fn name(self) -> &'static str {
        match self {
            DigestKind::Crc32 => "CRC32",
            DigestKind::Md5 => "MD5",
            DigestKind::Sha1 => "SHA-1",
            DigestKind::Sha256 => "SHA-256",
            DigestKind::Sha512 => "SHA-512",
        }
    }

    /// Reads a name: hyphens and case do not matter.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let plain = |name: &[u8]| -> Vec<u8> {
            name.iter().filter(|&&byte| byte != b'-').map(u8::to_ascii_uppercase).collect()
        };
        let name = plain(name.trim_ascii());
        DigestKind::ALL.into_iter().find(|kind| plain(kind.name().as_bytes()) == name)
    }

    /// Length in hexadecimal digits.
    pub fn hex_length(self) -> usize {
        match self {
            DigestKind::Crc32 => 8,
            DigestKind::Md5 => 32,
            DigestKind::Sha1 => 40,
            DigestKind::Sha256 => 64,
            DigestKind::Sha512 => 128,
        }
    }

    /// The command of the X family that computes it.
    pub fn verb(self) -> Verb {
        match self {
            DigestKind::Crc32 => Verb::Xcrc,
            DigestKind::Md5 => Verb::Xmd5,
            DigestKind::Sha1 => Verb::Xsha1,
            DigestKind::Sha256 => Verb::Xsha256,
            DigestKind::Sha512 => Verb::Xsha512,
        }
    }

    /// What a command of the X family, MD5 or MMD5 computes.
    pub fn of_verb(verb: Verb) -> Option<Self> {
        match verb {
            Verb::Xcrc => Some(DigestKind::Crc32),
            Verb::Xmd5 | Verb::Md5 | Verb::Mmd5 => Some(DigestKind::Md5),
            Verb::Xsha | Verb::Xsha1 => Some(DigestKind::Sha1),
            Verb::Xsha256 => Some(DigestKind::Sha256),
            Verb::Xsha512 => Some(DigestKind::Sha512),
            _ => None,
        }
    }
}

/// The argument of a command of the X family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XArgument {
    /// The file.
    pub path: Text,
    /// The first byte.
    pub start: u64,
    /// The end, exclusive; `None` is the end of the file.
    pub end: Option<u64>,
}

impl XArgument {
    /// Reads `"quoted name" [start [end]]`, `name start end` or `name`.
    ///
    /// Without quotes a single number at the end belongs to the name (`chapter 2`), two numbers are
    /// a range if the second is not the smaller one.
    ///
    /// # Errors
    ///
    /// [`ParameterError::Syntax`] for an unclosed quote or something other than numbers after the
    /// quoted name, [`ParameterError::OutOfRange`] for a range that ends before it begins.
    pub fn parse(argument: &[u8]) -> Result<Self, ParameterError> {
        if argument.starts_with(b"\"") {
            return XArgument::quoted(argument);
        }
        Ok(XArgument::unquoted(argument).unwrap_or_else(|| XArgument {
            path: Text::lossy(argument),
            start: 0,
            end: None,
        }))
    }

    fn quoted(argument: &[u8]) -> Result<Self, ParameterError> {
        let (path, rest) =
            quoted(argument).filter(|(path, _)| !path.is_empty()).ok_or(ParameterError::Syntax)?;
        let numbers: Result<Vec<u64>, _> =
            rest.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).map(decimal).collect();
        let (start, end) = match numbers?.as_slice() {
            [] => (0, None),
            [start] => (*start, None),
            [start, end] => (*start, Some(*end)),
            _ => return Err(ParameterError::Syntax),
        };
        if end.is_some_and(|end| end < start) {
            return Err(ParameterError::OutOfRange);
        }
        Ok(XArgument { path, start, end })
    }

    fn unquoted(argument: &[u8]) -> Option<Self> {
        let mut words = argument.rsplitn(3, |&byte| byte == b' ');
        let end = decimal(words.next()?).ok()?;
        let start = decimal(words.next()?).ok()?;
        let path = words.next().filter(|path| !path.is_empty())?;
        (start <= end).then(|| XArgument { path: Text::lossy(path), start, end: Some(end) })
    }

    /// The command that asks a server for this digest. The name is quoted only where it must be,
    /// because some servers take quotes for a part of it.
    pub fn command(&self, kind: DigestKind) -> Command {
        let ranged = self.start > 0 || self.end.is_some();
        let path = self.path.as_bytes();
        let mut argument = if ranged || path.contains(&b' ') || path.starts_with(b"\"") {
            quote(&self.path).as_bytes().to_vec()
        } else {
            path.to_vec()
        };
        if ranged {
            argument.extend_from_slice(format!(" {}", self.start).as_bytes());
        }
        if let Some(end) = self.end {
            argument.extend_from_slice(format!(" {end}").as_bytes());
        }
        Command::new(kind.verb(), Text::lossy(argument))
    }
}

/// The command by which `verb` tells the digest of the whole of `path`.
pub fn whole_file(verb: Verb, path: &VPath) -> Command {
    let by_x = XArgument { path: path.to_text(), start: 0, end: None };
    match DigestKind::of_verb(verb) {
        Some(kind) if !matches!(verb, Verb::Md5 | Verb::Mmd5) => Command { verb, ..by_x.command(kind) },
        _ => Command::new(verb, path.to_text()),
    }
}

/// Reads the argument of MMD5: names between commas, quoted or not.
///
/// # Errors
///
/// [`ParameterError::Syntax`] for an empty name or an unclosed quote, [`ParameterError::OutOfRange`]
/// for more than [`super::quote::MAX_WORDS`].
pub fn parse_mmd5(argument: &[u8]) -> Result<Vec<Text>, ParameterError> {
    let mut names = Vec::new();
    let mut rest = argument;
    loop {
        let text = rest.trim_ascii();
        let (name, after) = if text.starts_with(b"\"") {
            quoted(text).ok_or(ParameterError::Syntax)?
        } else {
            let end = text.iter().position(|&byte| byte == b',').unwrap_or(text.len());
            (Text::lossy(text[..end].trim_ascii_end()), &text[end..])
        };
        if name.is_empty() {
            return Err(ParameterError::Syntax);
        }
        if names.len() >= super::quote::MAX_WORDS {
            return Err(ParameterError::OutOfRange);
        }
        names.push(name);
        match after.trim_ascii_start().split_first() {
            None => return Ok(names),
            Some((b',', next)) => rest = next,
            Some(_) => return Err(ParameterError::Syntax),
        }
    }
}

/// The digest in a positive reply to HASH, MD5 or a command of the X family, in lower case.
///
/// It is the last word of hexadecimal digits of the right length; a CRC may have lost its leading
/// zeros, but not all of its digits. `path` is what was asked about: a file may be called like a digest.
pub fn parse_digest(reply: &Reply, kind: DigestKind, path: &Text) -> Option<String> {
    if !reply.code.is_completion() {
        return None;
    }
    let line = reply.text().as_bytes();
    let name = path.as_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let words: Vec<&[u8]> =
        line.split(|byte| b" \t\"=:.,;".contains(byte)).filter(|word| is_digest(word, kind)).collect();
    let digest = match words.iter().rposition(|word| *word != name) {
        Some(at) => words[at],
        None => words.first()?,
    };
    let digits = String::from_utf8_lossy(digest).to_ascii_lowercase();
    Some(format!("{digits:0>width$}", width = kind.hex_length()))
}

fn is_digest(word: &[u8], kind: DigestKind) -> bool {
    let lengths = match kind {
        DigestKind::Crc32 => MIN_CRC_DIGITS..=kind.hex_length(),
        _ => kind.hex_length()..=kind.hex_length(),
    };
    lengths.contains(&word.len()) && word.iter().all(u8::is_ascii_hexdigit)
}

/// One CRC in 65536 begins with four zeros; shorter words are more likely to be something else.
const MIN_CRC_DIGITS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for kind in DigestKind::ALL {
            assert_eq!(DigestKind::parse(kind.name().as_bytes()), Some(kind));
            assert_eq!(DigestKind::of_verb(kind.verb()), Some(kind));
        }
        assert_eq!(DigestKind::parse(b"sha1"), Some(DigestKind::Sha1));
        assert_eq!(DigestKind::parse(b"crc-32"), Some(DigestKind::Crc32));
        assert_eq!(DigestKind::parse(b"SHA-3"), None);
        assert_eq!(DigestKind::parse(b""), None);
        assert_eq!(DigestKind::of_verb(Verb::Hash), None);
    }

    #[test]
    fn arguments_of_the_x_family() {
        let good = |path: &'static str, start, end| Ok(XArgument { path: path.into(), start, end });
        for (argument, expected) in [
            ("a", good("a", 0, None)),
            ("a b", good("a b", 0, None)),
            ("chapter 2", good("chapter 2", 0, None)),
            ("a 5 9", good("a", 5, Some(9))),
            ("a b 5 9", good("a b", 5, Some(9))),
            ("a 9 5", good("a 9 5", 0, None)),
            ("5 9", good("5 9", 0, None)),
            (r#""a b""#, good("a b", 0, None)),
            (r#""a b" 5"#, good("a b", 5, None)),
            (r#""a b" 5 9"#, good("a b", 5, Some(9))),
            (r#""a""b" 5 5"#, good("a\"b", 5, Some(5))),
            (r#""a" 9 5"#, Err(ParameterError::OutOfRange)),
            (r#""a" x"#, Err(ParameterError::Syntax)),
            (r#""a" 1 2 3"#, Err(ParameterError::Syntax)),
            (r#""a"#, Err(ParameterError::Syntax)),
            (r#""""#, Err(ParameterError::Syntax)),
        ] {
            assert_eq!(XArgument::parse(argument.as_bytes()), expected, "{argument}");
            if let Ok(argument) = expected {
                let command = argument.command(DigestKind::Md5);
                assert_eq!(XArgument::parse(command.argument.as_bytes()), Ok(argument), "{command}");
            }
        }
    }

    #[test]
    fn lists_of_mmd5() {
        let names = |names: &[&'static str]| Ok(names.iter().copied().map(Text::from).collect());
        for (argument, expected) in [
            ("a", names(&["a"])),
            ("a, b c ,d", names(&["a", "b c", "d"])),
            (r#""a, b", c"#, names(&["a, b", "c"])),
            ("a,", Err(ParameterError::Syntax)),
            (",a", Err(ParameterError::Syntax)),
            (r#""a" b"#, Err(ParameterError::Syntax)),
        ] {
            assert_eq!(parse_mmd5(argument.as_bytes()), expected, "{argument}");
        }
    }

    #[test]
    fn digests_in_replies() {
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        let upper = md5.to_ascii_uppercase();
        for (code, kind, line, expected) in [
            (213, DigestKind::Md5, format!("MD5 0-99 {md5} /a/file"), Some(md5)),
            (250, DigestKind::Md5, upper.clone(), Some(md5)),
            (251, DigestKind::Md5, format!("\"/a/file\" {upper}"), Some(md5)),
            (250, DigestKind::Crc32, "XCRC Successful. 0A1B2C3D".into(), Some("0a1b2c3d")),
            (250, DigestKind::Crc32, "A1B2C3".into(), Some("00a1b2c3")),
            (250, DigestKind::Crc32, "CRC32=0a1b2c3d".into(), Some("0a1b2c3d")),
            (250, DigestKind::Crc32, "0a1b2c3d file".into(), Some("0a1b2c3d")),
            (550, DigestKind::Md5, md5.into(), None),
            (213, DigestKind::Sha256, md5.into(), None),
            (213, DigestKind::Md5, "no digest".into(), None),
        ] {
            let reply = Reply::new(code, Text::lossy(line.clone()));
            let found = parse_digest(&reply, kind, &"/a/file".into());
            assert_eq!(found, expected.map(str::to_owned), "{line}");
        }
    }

    #[test]
    fn a_file_called_like_a_digest() {
        let name = "0123456789abcdef0123456789abcdef";
        let digest = "d41d8cd98f00b204e9800998ecf8427e";
        for line in [format!("MD5 0-9 {digest} {name}"), format!("{digest} /x/{name}")] {
            let reply = Reply::new(213, Text::lossy(line));
            let path = Text::lossy(format!("/x/{name}"));
            assert_eq!(parse_digest(&reply, DigestKind::Md5, &path).as_deref(), Some(digest));
        }
        let reply = Reply::new(213, Text::lossy(name));
        assert_eq!(parse_digest(&reply, DigestKind::Md5, &name.into()).as_deref(), Some(name));
    }
}
