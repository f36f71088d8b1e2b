//! OPTS (RFC 2389, 4): options of other commands.

use super::params::{DigestKind, ParameterError};
use crate::listing::mlsx::FactSet;

/// What OPTS was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Options {
    /// `UTF8 ON`, `UTF8 OFF`; `UTF8` alone means ON (draft-ietf-ftpext-utf-8-option).
    Utf8(bool),
    /// `MLST fact;fact;`: send these facts only (RFC 3659, 7.9).
    Mlst(FactSet),
    /// `HASH`: which digest is chosen?
    HashTell,
    /// `HASH SHA-256`: choose one.
    Hash(DigestKind),
}

impl Options {
    /// Reads OPTS's argument.
    ///
    /// # Errors
    ///
    /// [`ParameterError::Syntax`] for an option in the wrong form, [`ParameterError::Unsupported`]
    /// for an unknown digest and for a command without options.
    pub fn parse(argument: &[u8]) -> Result<Self, ParameterError> {
        let argument = argument.trim_ascii();
        let (command, options) = match argument.iter().position(|&byte| byte == b' ') {
            Some(space) => (&argument[..space], argument[space..].trim_ascii()),
            None => (argument, &argument[argument.len()..]),
        };
        match command.to_ascii_uppercase().as_slice() {
            b"" => Err(ParameterError::Syntax),
            b"UTF8" | b"UTF-8" => utf8(options),
            b"MLST" | b"MLSD" => Ok(Options::Mlst(FactSet::parse(options))),
            b"HASH" if options.is_empty() => Ok(Options::HashTell),
            b"HASH" => DigestKind::parse(options).map(Options::Hash).ok_or(ParameterError::Unsupported),
            _ => Err(ParameterError::Unsupported),
        }
    }
}

fn utf8(options: &[u8]) -> Result<Options, ParameterError> {
    match options.to_ascii_uppercase().as_slice() {
        b"" | b"ON" => Ok(Options::Utf8(true)),
        b"OFF" => Ok(Options::Utf8(false)),
        _ => Err(ParameterError::Syntax),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let sizes = FactSet { kind: true, size: true, ..FactSet::NONE };
        for (argument, expected) in [
            ("UTF8 ON", Ok(Options::Utf8(true))),
            ("utf8 off", Ok(Options::Utf8(false))),
            ("UTF-8", Ok(Options::Utf8(true))),
            ("UTF8 maybe", Err(ParameterError::Syntax)),
            ("MLST Type;size;frob;", Ok(Options::Mlst(sizes))),
            ("MLST", Ok(Options::Mlst(FactSet::NONE))),
            ("HASH", Ok(Options::HashTell)),
            ("HASH sha-512", Ok(Options::Hash(DigestKind::Sha512))),
            ("HASH whirlpool", Err(ParameterError::Unsupported)),
            ("MODE Z LEVEL 6", Err(ParameterError::Unsupported)),
            ("  ", Err(ParameterError::Syntax)),
        ] {
            assert_eq!(Options::parse(argument.as_bytes()), expected, "{argument}");
        }
    }

    #[test]
    fn facts_are_named_back() {
        let set = FactSet::parse(b"size;UNIX.mode;");
        assert_eq!(set.names(), "size;UNIX.mode;");
        assert_eq!(set.features(), "type;size*;modify;perm;unique;UNIX.mode*;UNIX.owner;UNIX.group;");
    }
}
