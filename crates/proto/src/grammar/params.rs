//! Typed arguments of the parameter commands: TYPE, MODE, STRU, PROT, REST, RANG, ALLO, EPSV, SSCN, CEPR.

use super::addr::Family;

/// Why an argument is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Not the form that the command demands (501).
    #[error("syntax error in the argument")]
    Syntax,
    /// A number that is too large, or a range that ends before it begins (501).
    #[error("a number in the argument is out of range")]
    OutOfRange,
    /// Understood, and not on offer (504).
    #[error("not implemented for that argument")]
    Unsupported,
    /// A protection level that TLS does not have (536).
    #[error("TLS knows no such protection level")]
    Protection,
    /// A network protocol other than IPv4 and IPv6 (522).
    #[error("network protocol not supported, use (1,2)")]
    Family,
}

impl ParameterError {
    /// The reply code that says so.
    pub fn code(self) -> u16 {
        match self {
            ParameterError::Syntax | ParameterError::OutOfRange => 501,
            ParameterError::Unsupported => 504,
            ParameterError::Protection => 536,
            ParameterError::Family => 522,
        }
    }
}

/// `PROT` (RFC 2228, RFC 4217): how data connections are protected. TLS knows only C and P.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Protection {
    /// `PROT C`: in clear.
    #[default]
    Clear,
    /// `PROT P`: inside TLS.
    Private,
}

impl Protection {
    /// Reads PROT's argument.
    ///
    /// # Errors
    ///
    /// [`ParameterError::Protection`] for S and E, else [`ParameterError::Unsupported`].
    pub fn parse(argument: &[u8]) -> Result<Self, ParameterError> {
        match upper(argument).as_slice() {
            b"C" => Ok(Protection::Clear),
            b"P" => Ok(Protection::Private),
            b"S" | b"E" => Err(ParameterError::Protection),
            _ => Err(ParameterError::Unsupported),
        }
    }

    /// PROT's argument.
    pub fn letter(self) -> &'static str {
        match self {
            Protection::Clear => "C",
            Protection::Private => "P",
        }
    }
}

/// Which part a server plays in the TLS handshake of a data connection,
/// independent of who listens and of who sends the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum TlsRole {
    /// Sends the ClientHello (`CPSV`, `SSCN ON`).
    Client,
    /// Waits for it (RFC 4217's only role for a server).
    #[default]
    Server,
}

/// `TYPE` (RFC 959, 3.1.1): the types that are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum TransferType {
    /// `A`, with CRLF line ends on the wire; the default of RFC 959.
    #[default]
    Ascii,
    /// `I` or `L 8`: bytes as they are.
    Image,
}

impl TransferType {
    /// Reads TYPE's argument: `A`, `A N`, `I`, `L 8`.
    ///
    /// # Errors
    ///
    /// [`ParameterError::Unsupported`] for EBCDIC, other byte sizes and vertical formats, else
    /// [`ParameterError::Syntax`].
    pub fn parse(argument: &[u8]) -> Result<Self, ParameterError> {
        match upper(argument).as_slice() {
            b"A" | b"A N" => Ok(TransferType::Ascii),
            b"I" | b"L 8" | b"L8" => Ok(TransferType::Image),
            [b'A' | b'E', b' ', b'N' | b'T' | b'C'] | b"E" => Err(ParameterError::Unsupported),
            [b'L', b' ', digits @ ..] if decimal(digits).is_ok() => Err(ParameterError::Unsupported),
            _ => Err(ParameterError::Syntax),
        }
    }

    /// TYPE's argument.
    pub fn letter(self) -> &'static str {
        match self {
            TransferType::Ascii => "A",
            TransferType::Image => "I",
        }
    }
}

/// Digests that servers compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DigestKind {
    /// CRC-32 (IEEE), 4 bytes.
    Crc32,
    /// MD5, 16 bytes.
    Md5,
    /// SHA-1, 20 bytes.
    Sha1,
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-512, 64 bytes.
    Sha512,
}

/// Reads MODE's argument; only stream mode is on offer.
///
/// # Errors
///
/// [`ParameterError::Unsupported`] for block, compressed, deflate and extended block mode, else
/// [`ParameterError::Syntax`].
pub fn parse_mode(argument: &[u8]) -> Result<(), ParameterError> {
    match upper(argument).as_slice() {
        b"S" => Ok(()),
        b"B" | b"C" | b"Z" | b"E" => Err(ParameterError::Unsupported),
        _ => Err(ParameterError::Syntax),
    }
}

/// Reads STRU's argument; only the file structure is on offer.
///
/// # Errors
///
/// [`ParameterError::Unsupported`] for records and pages, else [`ParameterError::Syntax`].
pub fn parse_structure(argument: &[u8]) -> Result<(), ParameterError> {
    match upper(argument).as_slice() {
        b"F" => Ok(()),
        b"R" | b"P" => Err(ParameterError::Unsupported),
        _ => Err(ParameterError::Syntax),
    }
}

/// The largest offset and size: what a file system can address.
pub const MAX_OFFSET: u64 = i64::MAX as u64;

/// Reads REST's argument in stream mode: an offset from 0 to [`MAX_OFFSET`] (RFC 3659, 5.3).
///
/// # Errors
///
/// [`ParameterError::Syntax`] for anything but digits, [`ParameterError::OutOfRange`].
pub fn parse_rest(argument: &[u8]) -> Result<u64, ParameterError> {
    decimal(argument.trim_ascii())
}

/// The bytes that RANG chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// `RANG 1 0`: the whole file again.
    Whole,
    /// From the first to the last byte, both included.
    Bytes {
        /// The first byte.
        start: u64,
        /// The last byte.
        end: u64,
    },
}

impl ByteRange {
    /// Reads RANG's argument, `start end` (draft-bryan-ftp-range).
    ///
    /// # Errors
    ///
    /// [`ParameterError::Syntax`]; [`ParameterError::OutOfRange`] if the range ends before it begins.
    pub fn parse(argument: &[u8]) -> Result<Self, ParameterError> {
        let mut words = argument.trim_ascii().split(|&byte| byte == b' ').filter(|word| !word.is_empty());
        let (Some(start), Some(end), None) = (words.next(), words.next(), words.next()) else {
            return Err(ParameterError::Syntax);
        };
        match (decimal(start)?, decimal(end)?) {
            (1, 0) => Ok(ByteRange::Whole),
            (start, end) if start <= end => Ok(ByteRange::Bytes { start, end }),
            _ => Err(ParameterError::OutOfRange),
        }
    }
}

/// Reads ALLO's argument: a size, and a record size that nobody uses (`1024 R 80`).
///
/// # Errors
///
/// [`ParameterError::Syntax`], [`ParameterError::OutOfRange`].
pub fn parse_allo(argument: &[u8]) -> Result<u64, ParameterError> {
    let words: Vec<&[u8]> =
        argument.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).take(4).collect();
    match words.as_slice() {
        [size] => decimal(size),
        [size, b"R" | b"r", record] => decimal(record).and(decimal(size)),
        _ => Err(ParameterError::Syntax),
    }
}

/// Reads the argument of SSCN, CCSN and CEPR: ON is `true`, OFF is `false`.
///
/// # Errors
///
/// [`ParameterError::Syntax`].
pub fn parse_switch(argument: &[u8]) -> Result<bool, ParameterError> {
    match upper(argument).as_slice() {
        b"ON" => Ok(true),
        b"OFF" => Ok(false),
        _ => Err(ParameterError::Syntax),
    }
}

/// What EPSV was asked for (RFC 2428, 3), and what ebftpd makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpsvRequest {
    /// Nothing: the control connection's family.
    Same,
    /// `1` or `2`.
    Family(Family),
    /// `ALL`: from now on no other address command.
    All,
    /// `EXTENDED`: answer with family and address from now on, as after `CEPR ON`.
    Extended,
    /// `NORMAL`: answer as RFC 2428 says.
    Normal,
    /// `MODE`: which of the two is in force?
    Mode,
}

impl EpsvRequest {
    /// Reads EPSV's argument.
    ///
    /// # Errors
    ///
    /// [`ParameterError::Family`] for an unknown number, else [`ParameterError::Syntax`].
    pub fn parse(argument: &[u8]) -> Result<Self, ParameterError> {
        match upper(argument).as_slice() {
            b"" => Ok(EpsvRequest::Same),
            b"1" => Ok(EpsvRequest::Family(Family::V4)),
            b"2" => Ok(EpsvRequest::Family(Family::V6)),
            b"ALL" => Ok(EpsvRequest::All),
            b"EXTENDED" => Ok(EpsvRequest::Extended),
            b"NORMAL" => Ok(EpsvRequest::Normal),
            b"MODE" => Ok(EpsvRequest::Mode),
            digits if digits.iter().all(u8::is_ascii_digit) => Err(ParameterError::Family),
            _ => Err(ParameterError::Syntax),
        }
    }
}

/// A decimal number without a sign, up to [`MAX_OFFSET`].
pub(crate) fn decimal(digits: &[u8]) -> Result<u64, ParameterError> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(ParameterError::Syntax);
    }
    digits
        .iter()
        .try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
        .filter(|&number| number <= MAX_OFFSET)
        .ok_or(ParameterError::OutOfRange)
}

fn upper(argument: &[u8]) -> Vec<u8> {
    argument.trim_ascii().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::ParameterError::{
        Family as BadFamily, OutOfRange, Protection as BadLevel, Syntax, Unsupported,
    };
    use super::*;

    /// Each row: an argument and what it is read as.
    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug>(
        parse: impl Fn(&[u8]) -> Result<T, ParameterError>,
        rows: &[(&str, Result<T, ParameterError>)],
    ) {
        for (argument, expected) in rows {
            assert_eq!(parse(argument.as_bytes()), *expected, "{argument:?}");
        }
    }

    #[test]
    fn types() {
        check(
            TransferType::parse,
            &[
                ("A", Ok(TransferType::Ascii)),
                ("a n", Ok(TransferType::Ascii)),
                ("I", Ok(TransferType::Image)),
                ("L 8", Ok(TransferType::Image)),
                ("L 7", Err(Unsupported)),
                ("E", Err(Unsupported)),
                ("A T", Err(Unsupported)),
                ("X", Err(Syntax)),
                ("IA", Err(Syntax)),
            ],
        );
    }

    #[test]
    fn modes_structures_levels() {
        check(parse_mode, &[("s", Ok(())), ("Z", Err(Unsupported)), ("Q", Err(Syntax)), ("", Err(Syntax))]);
        check(parse_structure, &[("F", Ok(())), ("R", Err(Unsupported)), ("FF", Err(Syntax))]);
        check(
            Protection::parse,
            &[
                ("P", Ok(Protection::Private)),
                ("c", Ok(Protection::Clear)),
                ("E", Err(BadLevel)),
                ("S", Err(BadLevel)),
                ("PP", Err(Unsupported)),
            ],
        );
    }

    #[test]
    fn offsets() {
        check(
            parse_rest,
            &[
                ("0", Ok(0)),
                ("0010", Ok(10)),
                ("9223372036854775807", Ok(MAX_OFFSET)),
                ("9223372036854775808", Err(OutOfRange)),
                ("18446744073709551616", Err(OutOfRange)),
                ("99999999999999999999999999", Err(OutOfRange)),
                ("-1", Err(Syntax)),
                ("+1", Err(Syntax)),
                ("1 2", Err(Syntax)),
                ("0x10", Err(Syntax)),
                ("", Err(Syntax)),
            ],
        );
    }

    #[test]
    fn ranges() {
        check(
            ByteRange::parse,
            &[
                ("0 0", Ok(ByteRange::Bytes { start: 0, end: 0 })),
                ("10  20", Ok(ByteRange::Bytes { start: 10, end: 20 })),
                ("1 0", Ok(ByteRange::Whole)),
                ("2 1", Err(OutOfRange)),
                ("1", Err(Syntax)),
                ("1 2 3", Err(Syntax)),
                ("1 -2", Err(Syntax)),
                ("0 99999999999999999999", Err(OutOfRange)),
            ],
        );
    }

    #[test]
    fn sizes() {
        check(
            parse_allo,
            &[
                ("1024", Ok(1024)),
                ("1024 R 80", Ok(1024)),
                ("1024 R", Err(Syntax)),
                ("99999999999999999999999", Err(OutOfRange)),
                ("", Err(Syntax)),
            ],
        );
    }

    #[test]
    fn switches_and_epsv() {
        check(
            parse_switch,
            &[("ON", Ok(true)), ("off", Ok(false)), ("maybe", Err(Syntax)), ("", Err(Syntax))],
        );
        check(
            EpsvRequest::parse,
            &[
                ("", Ok(EpsvRequest::Same)),
                ("1", Ok(EpsvRequest::Family(Family::V4))),
                ("2", Ok(EpsvRequest::Family(Family::V6))),
                ("all", Ok(EpsvRequest::All)),
                ("EXTENDED", Ok(EpsvRequest::Extended)),
                ("NORMAL", Ok(EpsvRequest::Normal)),
                ("MODE", Ok(EpsvRequest::Mode)),
                ("3", Err(BadFamily)),
                ("x", Err(Syntax)),
            ],
        );
    }

    #[test]
    fn each_error_has_its_code() {
        let codes = [Syntax, OutOfRange, Unsupported, BadLevel, BadFamily].map(ParameterError::code);
        assert_eq!(codes, [501, 501, 504, 536, 522]);
    }
}
