//! Lines with a ceiling, cut out of a stream of bytes.
//!
//! A line ends with CRLF (RFC 959, 2.2) or, as many programs send it, with LF alone. A line that is
//! too long or holds a forbidden byte is swallowed up to its LF and reported once: its rest is never
//! taken for a command of its own (CVE-2008-4247 is what happens otherwise).

use super::telnet::{Filtered, IAC, Telnet};

/// The ceiling for a command line that suits a server: two whole paths (SITE SYMLINK), every byte of
/// which is doubled, and the verb.
pub const MAX_COMMAND_LINE: usize = 4 * crate::path::MAX_PATH + 64;

/// The ceiling for a line of a reply that suits a client. XDUPE lists and MLST facts of long names
/// exceed 4 KiB in the wild.
pub const MAX_REPLY_LINE: usize = 32 * 1024;

/// What a stream held up to and including one LF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line without its end: no CR, LF or NUL in it.
    Text(Vec<u8>),
    /// A line longer than the ceiling, gone.
    TooLong,
    /// A line with a NUL, or with a CR that does not end it, gone.
    BadBytes,
}

/// Cuts lines out of bytes as they arrive, in pieces of any size.
///
/// It holds one unfinished line and never more than the ceiling. Whoever reads the socket keeps the
/// bytes that were not consumed:
///
/// ```
/// use fxp_proto::wire::line::{Line, LineSplitter, MAX_COMMAND_LINE};
///
/// let mut splitter = LineSplitter::new(MAX_COMMAND_LINE);
/// let mut bytes: &[u8] = b"TYPE I\r\nPASV\r\nRE";
/// assert_eq!(splitter.next_line(&mut bytes), Some(Line::Text(b"TYPE I".to_vec())));
/// assert_eq!(bytes, b"PASV\r\nRE");
/// assert_eq!(splitter.next_line(&mut bytes), Some(Line::Text(b"PASV".to_vec())));
/// assert_eq!(splitter.next_line(&mut bytes), None);
/// assert!(bytes.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct LineSplitter {
    ceiling: usize,
    telnet: Option<Telnet>,
    line: Vec<u8>,
    /// CRs that came last and may belong to the line's end.
    carriage_return: bool,
    fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    BadBytes,
    TooLong,
}

impl LineSplitter {
    /// Lines of at most `ceiling` bytes, without their end; Telnet commands are taken out.
    pub fn new(ceiling: usize) -> Self {
        LineSplitter { telnet: Some(Telnet::default()), ..LineSplitter::without_telnet(ceiling) }
    }

    /// The same for a stream that is no control connection: 0xFF is a byte like any other.
    pub fn without_telnet(ceiling: usize) -> Self {
        LineSplitter { ceiling, telnet: None, line: Vec::new(), carriage_return: false, fault: None }
    }

    /// Consumes bytes from the front of `input` until a line is complete. `None` means that all were
    /// consumed and more are needed.
    pub fn next_line(&mut self, input: &mut &[u8]) -> Option<Line> {
        while let Some((&byte, rest)) = input.split_first() {
            let plain = self.plain_run(input);
            if plain > 0 {
                self.keep(&input[..plain]);
                *input = &input[plain..];
                continue;
            }
            *input = rest;
            let ended = match self.telnet.as_mut().map_or(Filtered::Byte(byte), |telnet| telnet.filter(byte))
            {
                Filtered::Dropped => false,
                Filtered::Byte(byte) => self.take(byte),
                Filtered::IacAnd(byte) => {
                    self.take(IAC);
                    self.take(byte)
                }
            };
            if ended {
                return Some(self.finish());
            }
        }
        None
    }

    /// Forgets everything that was consumed: at `AUTH TLS` nothing sent in clear may survive
    /// (CVE-2011-1575).
    pub fn clear(&mut self) {
        self.telnet = self.telnet.map(|_| Telnet::default());
        self.line = Vec::new();
        self.carriage_return = false;
        self.fault = None;
    }

    /// True if no byte of an unfinished line is held.
    pub fn is_empty(&self) -> bool {
        self.line.is_empty() && self.fault.is_none() && !self.carriage_return
    }

    /// How many bytes at the front of `input` are text without any special meaning.
    fn plain_run(&self, input: &[u8]) -> usize {
        if self.carriage_return || self.telnet.is_some_and(|telnet| !telnet.is_idle()) {
            return 0;
        }
        input.iter().position(|&byte| matches!(byte, b'\r' | b'\n' | 0 | IAC)).unwrap_or(input.len())
    }

    /// Takes one byte of text; true if it ends the line.
    fn take(&mut self, byte: u8) -> bool {
        match byte {
            b'\n' => return true,
            b'\r' => {
                self.carriage_return = true;
                return false;
            }
            0 => self.blame(Fault::BadBytes),
            _ => self.keep(&[byte]),
        }
        if self.carriage_return {
            self.blame(Fault::BadBytes);
        }
        false
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.fault == Some(Fault::TooLong) {
            return;
        }
        if self.line.len() + bytes.len() > self.ceiling {
            self.blame(Fault::TooLong);
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    /// Remembers what is wrong with the line; being too long is the graver fault.
    fn blame(&mut self, fault: Fault) {
        if fault == Fault::TooLong {
            self.line = Vec::new();
            self.fault = Some(fault);
        } else {
            self.fault.get_or_insert(fault);
        }
    }

    fn finish(&mut self) -> Line {
        self.carriage_return = false;
        let line = std::mem::take(&mut self.line);
        match self.fault.take() {
            None => Line::Text(line),
            Some(Fault::BadBytes) => Line::BadBytes,
            Some(Fault::TooLong) => Line::TooLong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Line {
        Line::Text(bytes.to_vec())
    }

    /// Feeds `input` whole, byte by byte and in threes: the cut must never matter.
    #[track_caller]
    fn check(input: &[u8], expected: &[Line]) {
        for piece in [input.len().max(1), 1, 3] {
            let mut splitter = LineSplitter::new(8);
            let mut lines = Vec::new();
            for mut bytes in input.chunks(piece) {
                while let Some(line) = splitter.next_line(&mut bytes) {
                    lines.push(line);
                }
            }
            assert_eq!(lines, expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn both_line_ends_count() {
        check(b"a\r\nb\nc\r\n", &[text(b"a"), text(b"b"), text(b"c")]);
        check(b"\r\n\n", &[text(b""), text(b"")]);
        check(b"a\r\r\n", &[text(b"a")]);
        check(b"unfinish", &[]);
    }

    #[test]
    fn the_ceiling_is_exact() {
        check(b"12345678\r\n123456789\r\nok\r\n", &[text(b"12345678"), Line::TooLong, text(b"ok")]);
    }

    #[test]
    fn the_rest_of_a_long_line_is_no_command() {
        check(b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxDELE x\nQUIT\n", &[Line::TooLong, text(b"QUIT")]);
        check(b"xxxxxxxx\rDELE x\nQUIT\n", &[Line::TooLong, text(b"QUIT")]);
    }

    #[test]
    fn forbidden_bytes_spoil_their_line_only() {
        check(b"a\0b\r\nc\r\n", &[Line::BadBytes, text(b"c")]);
        check(b"a\rb\r\nc\r\n", &[Line::BadBytes, text(b"c")]);
        check(b"a\r\0\r\nc\r\n", &[Line::BadBytes, text(b"c")]);
        check(b"\0\r\n", &[Line::BadBytes]);
    }

    #[test]
    fn telnet_is_taken_out() {
        check(b"\xff\xf4\xff\xf2ABOR\r\n", &[text(b"ABOR")]);
        check(b"\xff\xf4\xff\xf2\xff\xf4\xff\xf2\xff\xf4\xff\xf2A\r\n", &[text(b"A")]);
        check(b"a\xff\xff\r\n", &[text(b"a\xff")]);
        check(b"a\xff\r\nb\n", &[text(b"a\xff"), text(b"b")]);
        check(
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\n",
            &[Line::TooLong],
        );
    }

    #[test]
    fn other_streams_keep_their_bytes() {
        let mut splitter = LineSplitter::without_telnet(8);
        assert_eq!(splitter.next_line(&mut &b"\xff\xf4a\n"[..]), Some(text(b"\xff\xf4a")));
    }

    #[test]
    fn nothing_survives_clear() {
        for before in [&b"USER x"[..], b"a\0", b"xxxxxxxxxxxxxxx", b"a\r", b"\xff"] {
            let mut splitter = LineSplitter::new(8);
            assert_eq!(splitter.next_line(&mut &before[..]), None);
            splitter.clear();
            assert!(splitter.is_empty());
            assert_eq!(splitter.next_line(&mut &b"NOOP\r\n"[..]), Some(text(b"NOOP")));
        }
    }

    #[test]
    fn memory_stays_beneath_the_ceiling() {
        let mut splitter = LineSplitter::new(100);
        for _ in 0..10_000 {
            assert_eq!(splitter.next_line(&mut &[b'x'; 100][..]), None);
            assert!(splitter.line.capacity() <= 200);
        }
        assert_eq!(splitter.next_line(&mut &b"\n"[..]), Some(Line::TooLong));
    }
}
