//! Arguments of the commands that change what is known of a file: MFMT, MFF, MDTM with a time,
//! SITE CHMOD, SITE UTIME, SITE SYMLINK, COMB.

use super::command::Command;
use super::params::ParameterError;
use super::quote::words;
use super::verb::Verb;
use crate::listing::time::{FtpTime, TimeError};
use crate::path::VPath;
use crate::wire::text::Text;

impl From<TimeError> for ParameterError {
    fn from(error: TimeError) -> Self {
        match error {
            TimeError::Syntax => ParameterError::Syntax,
            TimeError::OutOfRange => ParameterError::OutOfRange,
        }
    }
}

/// The ways to set a modification time, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeVerb {
    /// `MFMT time path`.
    Mfmt,
    /// `MDTM time path`: older, and ambiguous.
    Mdtm,
    /// `SITE UTIME time path`.
    Utime,
    /// `SITE UTIME path atime mtime ctime UTC`.
    UtimeFive,
}

impl TimeVerb {
    /// All, in the order in which they are tried.
    pub const ALL: [TimeVerb; 4] = [TimeVerb::Mfmt, TimeVerb::Mdtm, TimeVerb::UtimeFive, TimeVerb::Utime];

    /// The command that sets the time of `path`; `None` for a name that cannot stand in it.
    pub fn command(self, path: &VPath, time: FtpTime) -> Option<Command> {
        let digits = time.to_seconds();
        let path = path.to_text();
        let joined = |before: &str, after: &str| {
            let bytes = [before.as_bytes(), path.as_bytes(), after.as_bytes()].concat();
            Text::new(bytes).ok()
        };
        let before = format!("{digits} ");
        let (verb, argument) = match self {
            TimeVerb::Mfmt => (Verb::Mfmt, joined(&before, "")),
            TimeVerb::Mdtm => (Verb::Mdtm, joined(&before, "")),
            TimeVerb::Utime => (Verb::SiteUtime, joined(&before, "")),
            TimeVerb::UtimeFive => (Verb::SiteUtime, joined("", &format!(" {digits} {digits} {digits} UTC"))),
        };
        Some(Command::new(verb, argument?))
    }
}

/// Reads the argument of MFMT and MFCT: `time path`.
///
/// # Errors
///
/// [`ParameterError::Syntax`], [`ParameterError::OutOfRange`].
pub fn parse_mfmt(argument: &[u8]) -> Result<(FtpTime, Text), ParameterError> {
    let (time, path) = first_word(argument)?;
    Ok((FtpTime::parse(time)?, path))
}

/// What MDTM was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mdtm {
    /// Tell the time of this file (RFC 3659, 3).
    Tell(Text),
    /// Set it; older than MFMT and still what some clients send.
    Set(FtpTime, Text),
}

impl Mdtm {
    /// Reads MDTM's argument. A first word of fourteen digits and a second word make it the setting
    /// form, unless the digits are no time: a file may be called like that.
    pub fn parse(argument: &[u8]) -> Self {
        match parse_mfmt(argument) {
            Ok((time, path)) => Mdtm::Set(time, path),
            Err(_) => Mdtm::Tell(Text::lossy(argument)),
        }
    }
}

/// A fact that MFF sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactChange {
    /// `modify=`.
    Modify(FtpTime),
    /// `UNIX.mode=`, 0 to 0o7777.
    UnixMode(u32),
    /// Any other fact, by its name: not ours to set (504).
    Unknown(Text),
}

impl FactChange {
    /// As the reply repeats it (draft-somers-ftp-mfxx, 5.2).
    pub fn to_text(&self) -> Text {
        match self {
            FactChange::Modify(time) => Text::lossy(format!("Modify={time};")),
            FactChange::UnixMode(mode) => Text::lossy(format!("UNIX.mode={mode:04o};")),
            FactChange::Unknown(name) => name.clone(),
        }
    }
}

/// Reads the argument of MFF: `fact=value;fact=value; path`.
///
/// # Errors
///
/// [`ParameterError::Syntax`] for anything but facts and a path or for a value that is none,
/// [`ParameterError::OutOfRange`] for a time or mode that does not exist.
pub fn parse_mff(argument: &[u8]) -> Result<(Vec<FactChange>, Text), ParameterError> {
    let (facts, path) = first_word(argument)?;
    let facts = facts.strip_suffix(b";").ok_or(ParameterError::Syntax)?;
    let changes: Result<Vec<_>, _> = facts.split(|&byte| byte == b';').take(MAX_FACTS).map(fact).collect();
    Ok((changes?, path))
}

/// The most facts that MFF may name; there are not that many.
const MAX_FACTS: usize = 16;

fn fact(fact: &[u8]) -> Result<FactChange, ParameterError> {
    let equals = fact.iter().position(|&byte| byte == b'=').ok_or(ParameterError::Syntax)?;
    let (name, value) = (&fact[..equals], &fact[equals + 1..]);
    match name.to_ascii_lowercase().as_slice() {
        b"" => Err(ParameterError::Syntax),
        b"modify" => Ok(FactChange::Modify(FtpTime::parse(value)?)),
        b"unix.mode" => Ok(FactChange::UnixMode(octal(value)?)),
        _ => Ok(FactChange::Unknown(Text::lossy(name))),
    }
}

/// Reads the argument of SITE CHMOD: an octal mode and a path.
///
/// # Errors
///
/// [`ParameterError::Syntax`], [`ParameterError::OutOfRange`] beyond 7777.
pub fn parse_chmod(argument: &[u8]) -> Result<(u32, Text), ParameterError> {
    let (mode, path) = first_word(argument)?;
    Ok((octal(mode)?, path))
}

/// Reads the argument of SITE UTIME, either `YYYYMMDDHHMM[SS] path` or
/// `path atime mtime ctime UTC`; the time that counts is the modification time.
///
/// # Errors
///
/// [`ParameterError::Syntax`], [`ParameterError::OutOfRange`].
pub fn parse_utime(argument: &[u8]) -> Result<(FtpTime, Text), ParameterError> {
    match five_word_utime(argument) {
        Some(found) => found,
        None => {
            let (time, path) = first_word(argument)?;
            let mut time = time.to_vec();
            if time.len() == 12 {
                time.extend_from_slice(b"00");
            }
            Ok((FtpTime::parse(&time)?, path))
        }
    }
}

fn five_word_utime(argument: &[u8]) -> Option<Result<(FtpTime, Text), ParameterError>> {
    let mut from_the_end = argument.rsplitn(5, |&byte| byte == b' ');
    let zone = from_the_end.next()?;
    let (change, modify, access) = (from_the_end.next()?, from_the_end.next()?, from_the_end.next()?);
    let path = from_the_end.next().filter(|path| !path.is_empty())?;
    // Words that are no times belong to a name in the other form.
    let are_digits = [access, modify, change].iter().all(|word| word.iter().all(u8::is_ascii_digit));
    if !zone.eq_ignore_ascii_case(b"UTC") || !are_digits {
        return None;
    }
    let times = FtpTime::parse(access).and(FtpTime::parse(change)).and(FtpTime::parse(modify));
    Some(times.map(|time| (time, Text::lossy(path))).map_err(Into::into))
}

/// Reads the argument of SITE SYMLINK: the target and the link, in quotes if they hold spaces.
///
/// # Errors
///
/// [`ParameterError::Syntax`].
pub fn parse_symlink(argument: &[u8]) -> Result<(Text, Text), ParameterError> {
    match <[Text; 2]>::try_from(words(argument)?) {
        Ok([target, link]) if !target.is_empty() && !link.is_empty() => Ok((target, link)),
        _ => Err(ParameterError::Syntax),
    }
}

/// Reads the argument of COMB: the target and at least one part, in quotes if they hold spaces.
///
/// # Errors
///
/// [`ParameterError::Syntax`], [`ParameterError::OutOfRange`] for more than
/// [`super::quote::MAX_WORDS`].
pub fn parse_comb(argument: &[u8]) -> Result<(Text, Vec<Text>), ParameterError> {
    let mut parts = words(argument)?;
    if parts.len() < 2 || parts.iter().any(Text::is_empty) {
        return Err(ParameterError::Syntax);
    }
    Ok((parts.remove(0), parts))
}

/// The first word, and what follows the one space after it.
fn first_word(argument: &[u8]) -> Result<(&[u8], Text), ParameterError> {
    let space = argument.iter().position(|&byte| byte == b' ').ok_or(ParameterError::Syntax)?;
    let (word, path) = (&argument[..space], &argument[space + 1..]);
    if word.is_empty() || path.is_empty() {
        return Err(ParameterError::Syntax);
    }
    Ok((word, Text::lossy(path)))
}

fn octal(digits: &[u8]) -> Result<u32, ParameterError> {
    if digits.is_empty() || !digits.iter().all(|digit| (b'0'..=b'7').contains(digit)) {
        return Err(ParameterError::Syntax);
    }
    digits
        .iter()
        .try_fold(0_u32, |mode, digit| mode.checked_mul(8)?.checked_add(u32::from(digit - b'0')))
        .filter(|&mode| mode <= 0o7777)
        .ok_or(ParameterError::OutOfRange)
}

#[cfg(test)]
mod tests {
    use super::ParameterError::{OutOfRange, Syntax};
    use super::*;

    fn time(text: &str) -> FtpTime {
        FtpTime::parse(text.as_bytes()).expect("a time")
    }

    #[test]
    fn mfmt_and_mdtm() {
        let at = time("20240102030405");
        for (argument, expected) in [
            ("20240102030405 a b", Ok((at, "a b".into()))),
            ("20240102030405  a", Ok((at, " a".into()))),
            ("20240102030405.000 a", Ok((at, "a".into()))),
            ("20240102030405", Err(Syntax)),
            ("20240102030405 ", Err(Syntax)),
            ("20241302030405 a", Err(OutOfRange)),
            ("0 a", Err(Syntax)),
            ("999990102030405 a", Err(Syntax)),
        ] {
            assert_eq!(parse_mfmt(argument.as_bytes()), expected, "{argument}");
        }
        assert_eq!(Mdtm::parse(b"20240102030405 a"), Mdtm::Set(at, "a".into()));
        assert_eq!(Mdtm::parse(b"20240102030405"), Mdtm::Tell("20240102030405".into()));
        assert_eq!(Mdtm::parse(b"99999999999999 a"), Mdtm::Tell("99999999999999 a".into()));
        assert_eq!(Mdtm::parse(b"a b"), Mdtm::Tell("a b".into()));
    }

    #[test]
    fn mff() {
        let at = time("20240102030405");
        let good = parse_mff(b"Modify=20240102030405;unix.MODE=0644;Create=1; a;b c");
        let changes =
            vec![FactChange::Modify(at), FactChange::UnixMode(0o644), FactChange::Unknown("Create".into())];
        assert_eq!(good, Ok((changes.clone(), "a;b c".into())));
        assert_eq!(changes[0].to_text(), "Modify=20240102030405;".into());
        assert_eq!(changes[1].to_text(), "UNIX.mode=0644;".into());
        for (argument, error) in [
            ("modify=20240102030405 a", Syntax),
            ("modify; a", Syntax),
            ("; a", Syntax),
            ("=1; a", Syntax),
            ("modify=20241302030405; a", OutOfRange),
            ("unix.mode=99; a", Syntax),
            ("unix.mode=77777777777777; a", OutOfRange),
            ("modify=20240102030405;", Syntax),
        ] {
            assert_eq!(parse_mff(argument.as_bytes()), Err(error), "{argument}");
        }
    }

    #[test]
    fn site_chmod() {
        assert_eq!(parse_chmod(b"644 a b"), Ok((0o644, "a b".into())));
        assert_eq!(parse_chmod(b"04755 a"), Ok((0o4755, "a".into())));
        for (argument, error) in
            [("u+x a", Syntax), ("644", Syntax), ("17777 a", OutOfRange), ("8 a", Syntax)]
        {
            assert_eq!(parse_chmod(argument.as_bytes()), Err(error), "{argument}");
        }
    }

    #[test]
    fn site_utime() {
        let at = time("20240102030405");
        for (argument, expected) in [
            ("20240102030405 a b", Ok((at, "a b".into()))),
            ("202401020304 a", Ok((time("20240102030400"), "a".into()))),
            ("a b 20200101000000 20240102030405 20200101000000 UTC", Ok((at, "a b".into()))),
            ("a 20200101000000 20241302030405 20200101000000 UTC", Err(OutOfRange)),
            ("a 1 2 3 UTC", Err(Syntax)),
            ("a", Err(Syntax)),
            ("20240102030405 on the way to UTC", Ok((at, "on the way to UTC".into()))),
        ] {
            assert_eq!(parse_utime(argument.as_bytes()), expected, "{argument}");
        }
    }

    #[test]
    fn names_in_pairs_and_lists() {
        assert_eq!(parse_symlink(b"../a b"), Ok(("../a".into(), "b".into())));
        assert_eq!(parse_symlink(br#""a b" "c d""#), Ok(("a b".into(), "c d".into())));
        assert_eq!(parse_symlink(b"a b c"), Err(Syntax));
        assert_eq!(parse_symlink(br#""" b"#), Err(Syntax));
        assert_eq!(parse_comb(br#"t "p 1" p2"#), Ok(("t".into(), vec!["p 1".into(), "p2".into()])));
        assert_eq!(parse_comb(b"t"), Err(Syntax));
    }
}
