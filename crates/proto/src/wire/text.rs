//! Names and arguments: bytes that came from, or may go onto, a control line.
//!
//! FTP names are bytes; most are UTF-8, some are Latin-1. A [`Text`] keeps them without loss
//! and can never hold the three bytes that would break a control line: CR, LF and NUL.

use std::fmt;

/// A byte string without CR, LF or NUL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(Vec<u8>);

/// A byte that would end or garble a control line: CR, LF or NUL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the byte 0x{0:02x} cannot be sent on an FTP control connection")]
pub struct ForbiddenByte(pub u8);

impl Text {
    /// Takes the bytes as they are, unless one of them is CR, LF or NUL.
    ///
    /// # Errors
    ///
    /// The first forbidden byte.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, ForbiddenByte> {
        let bytes = bytes.into();
        match bytes.iter().find(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            Some(&byte) => Err(ForbiddenByte(byte)),
            None => Ok(Text(bytes)),
        }
    }

    /// Keeps what can be kept: forbidden bytes become `?`. For messages, never for names.
    pub fn lossy(bytes: impl Into<Vec<u8>>) -> Self {
        let mut bytes = bytes.into();
        for byte in &mut bytes {
            if matches!(byte, b'\r' | b'\n' | 0) {
                *byte = b'?';
            }
        }
        Text(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, given away: what must be wiped later leaves no copy behind.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The text, if it is UTF-8.
    pub fn to_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// True if there is not a single byte.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl From<&'static str> for Text {
    /// For literals of the program, which hold no forbidden byte.
    fn from(literal: &'static str) -> Self {
        Text::lossy(literal)
    }
}

impl fmt::Display for Text {
    /// UTF-8 as it is; every other byte, and every control character, as `\xNN`: what a terminal or
    /// a log may safely show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() {
                    let mut bytes = [0; 4];
                    for byte in character.encode_utf8(&mut bytes).bytes() {
                        write!(f, "\\x{byte:02x}")?;
                    }
                } else {
                    write!(f, "{character}")?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
