//! Telnet commands inside the control connection (RFC 854; RFC 959, 4.1.3; RFC 1123, 4.1.2.12).
//!
//! FTP knows two of them: `IAC IP` and `IAC DM`, which some clients send before ABOR, the second one
//! as TCP urgent data. The urgent mechanism may take one byte out of the stream, either the DM or its
//! IAC, so the filter also copes with what is left then. Option negotiation is ignored. An `IAC IAC`
//! is the byte 0xFF; so is an IAC before anything that is no Telnet command, because many programs
//! send names in Latin-1 and never double their 0xFF.

/// "Interpret as command".
pub const IAC: u8 = 255;
/// Interrupt process.
pub const IP: u8 = 244;
/// Data mark.
pub const DM: u8 = 242;

/// End of subnegotiation; also the lowest byte that is a command.
const SE: u8 = 240;
/// Begin of subnegotiation.
const SB: u8 = 250;
/// The first of WILL, WONT, DO, DONT, each of which is followed by one byte.
const WILL: u8 = 251;

/// The most bytes a subnegotiation may have. FTP has no use for any; whoever forgets its end shall
/// not swallow the rest of the session.
const MAX_SUBNEGOTIATION: u8 = 64;

/// What becomes of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtered {
    /// It was part of a Telnet command.
    Dropped,
    /// This byte of text.
    Byte(u8),
    /// The byte 0xFF of text, and then this one.
    IacAnd(u8),
}

/// Takes Telnet commands out of a stream, one byte at a time; a command may be split anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Telnet {
    state: State,
    /// An `IAC IP` was the last thing seen, so that the rest of a torn `IAC DM` may follow.
    interrupted: bool,
}

/// ```text
/// Text --IAC--> Command --WILL..DONT--> Option ----> Text
///                  |-----SB--> Subnegotiation(n) --IAC--> SubnegotiationCommand(n) --SE--> Text
///                  `--any other--> Text
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Command,
    Option,
    Subnegotiation(u8),
    SubnegotiationCommand(u8),
}

impl Telnet {
    /// True if the next byte, unless it is an IAC, is a byte of text for certain.
    pub fn is_idle(&self) -> bool {
        *self == Telnet::default()
    }

    /// Takes one byte.
    pub fn filter(&mut self, byte: u8) -> Filtered {
        match self.state {
            State::Text => self.text(byte),
            State::Command => self.command(byte),
            State::Option => self.drop_into(State::Text),
            State::Subnegotiation(length) if length >= MAX_SUBNEGOTIATION => {
                self.state = State::Text;
                self.text(byte)
            }
            State::Subnegotiation(length) if byte == IAC => {
                self.drop_into(State::SubnegotiationCommand(length + 1))
            }
            State::Subnegotiation(length) => self.drop_into(State::Subnegotiation(length + 1)),
            State::SubnegotiationCommand(_) if byte == SE => self.drop_into(State::Text),
            State::SubnegotiationCommand(length) => self.drop_into(State::Subnegotiation(length)),
        }
    }

    fn text(&mut self, byte: u8) -> Filtered {
        match byte {
            IAC => self.drop_into(State::Command),
            DM if self.interrupted => Filtered::Dropped,
            _ => {
                self.interrupted = false;
                Filtered::Byte(byte)
            }
        }
    }

    fn command(&mut self, byte: u8) -> Filtered {
        match byte {
            IAC => {
                self.interrupted = false;
                self.state = State::Text;
                Filtered::Byte(IAC)
            }
            WILL..=254 => self.drop_into(State::Option),
            SB => self.drop_into(State::Subnegotiation(0)),
            SE..SB => {
                self.interrupted = byte == IP || (byte == DM && self.interrupted);
                self.drop_into(State::Text)
            }
            // The DM that belonged to this IAC went another way, as urgent data.
            _ if self.interrupted => {
                self.interrupted = false;
                self.state = State::Text;
                Filtered::Byte(byte)
            }
            _ => {
                self.state = State::Text;
                Filtered::IacAnd(byte)
            }
        }
    }

    fn drop_into(&mut self, state: State) -> Filtered {
        self.state = state;
        Filtered::Dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(bytes: &[u8]) -> Vec<u8> {
        let mut telnet = Telnet::default();
        let mut out = Vec::new();
        for &byte in bytes {
            match telnet.filter(byte) {
                Filtered::Dropped => {}
                Filtered::Byte(byte) => out.push(byte),
                Filtered::IacAnd(byte) => out.extend([IAC, byte]),
            }
        }
        out
    }

    #[test]
    fn commands_vanish_and_text_stays() {
        let rows: &[(&[u8], &[u8])] = &[
            (b"NOOP", b"NOOP"),
            (b"\xff\xf4\xff\xf2ABOR", b"ABOR"),
            // The urgent byte was the DM, or its IAC.
            (b"\xff\xf4\xffABOR", b"ABOR"),
            (b"\xff\xf4\xf2ABOR", b"ABOR"),
            (b"RETR a\xff\xf4\xff\xf2b", b"RETR ab"),
            (b"CWD \xff\xff", b"CWD \xff"),
            (b"CWD \xffabc", b"CWD \xffabc"),
            (b"CWD \xff\r\n", b"CWD \xff\r\n"),
            (b"\xff\xfb\x01\xff\xfd\x03NOOP", b"NOOP"),
            (b"\xff\xfa\x18\x00xterm\xff\xf0NOOP", b"NOOP"),
            (b"\xff\xfa\xff\xff\xff\xf0NOOP", b"NOOP"),
            (b"\xf2NOOP", b"\xf2NOOP"),
            (b"\xff", b""),
            (b"\xff\xff\xff\xff\xff\xffx", b"\xff\xff\xffx"),
        ];
        for (input, expected) in rows {
            assert_eq!(strip(input), *expected, "{input:02x?}");
        }
    }

    #[test]
    fn an_endless_subnegotiation_ends_at_its_ceiling() {
        let mut input = b"\xff\xfa".to_vec();
        input.extend([b'x'; 200]);
        input.extend(b"\r\nNOOP");
        let left = strip(&input);
        assert!(left.ends_with(b"\r\nNOOP"), "{left:?}");
        assert_eq!(left.len(), 200 - usize::from(MAX_SUBNEGOTIATION) + 6);
    }
}
