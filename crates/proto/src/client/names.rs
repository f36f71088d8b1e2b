//! What becomes of a name's bytes on the way to a server: the byte 0xFF is Telnet's IAC, which RFC 959 wants doubled,
//! and not every server undoes that.

use crate::grammar::command::Command;

/// Telnet's "interpret as command".
const IAC: u8 = 0xff;

/// What a server makes of bytes that are no ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NameBytes {
    /// It undoes the doubling of 0xFF (RFC 854; RFC 959, 4.1.3).
    #[default]
    Doubled,
    /// It takes every byte as it is: a doubled 0xFF would become two.
    Literal,
    /// Nobody knows; a name with 0xFF is not sent.
    Unknown,
    /// It makes another name of what is not UTF-8; such a name is not sent.
    OnlyUtf8,
}

impl NameBytes {
    /// Why a command must not be sent: the server would take its name for another one.
    pub(super) fn objection(self, command: &Command) -> Option<&'static str> {
        let argument = command.argument.as_bytes();
        match self {
            NameBytes::Doubled | NameBytes::Literal => None,
            NameBytes::Unknown => argument.contains(&IAC).then_some(
                "not sent: this server may take a name with the byte 0xFF for another one; only another name helps",
            ),
            NameBytes::OnlyUtf8 => std::str::from_utf8(argument).is_err().then_some(
                "not sent: this server makes another name of one that is not UTF-8; only another name helps",
            ),
        }
    }

    /// The bytes of a command, with CRLF. A password may be in them.
    pub(super) fn on_the_wire(self, command: &Command) -> Vec<u8> {
        let bytes = command.to_bytes();
        if self == NameBytes::Literal || !bytes.contains(&IAC) {
            return bytes;
        }
        bytes.into_iter().flat_map(|byte| std::iter::repeat_n(byte, 1 + usize::from(byte == IAC))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::machine::{Action, Machine};
    use crate::client::request::{Answer, Request};
    use crate::grammar::verb::Verb;
    use crate::moment::Moment;
    use crate::wire::text::Text;

    fn delete(name: &[u8]) -> Command {
        Command::new(Verb::Dele, Text::lossy(name))
    }

    #[test]
    fn the_byte_of_telnet_is_doubled_only_for_those_who_undo_it() {
        let command = delete(b"a\xffb\xff");
        assert_eq!(NameBytes::Doubled.on_the_wire(&command), b"DELE a\xff\xffb\xff\xff\r\n");
        assert_eq!(NameBytes::Literal.on_the_wire(&command), b"DELE a\xffb\xff\r\n");
        assert_eq!(NameBytes::Doubled.on_the_wire(&delete(b"caf\xe9")), b"DELE caf\xe9\r\n");
    }

    #[test]
    fn a_name_that_would_become_another_one_is_not_sent() {
        use NameBytes::{Doubled, Literal, OnlyUtf8, Unknown};
        for (names, name, sent) in [
            (Doubled, &b"\xffa"[..], true),
            (Literal, b"\xffa", true),
            (Unknown, b"\xffa", false),
            (Unknown, b"caf\xe9", true),
            (OnlyUtf8, b"\xffa", false),
            (OnlyUtf8, b"caf\xe9", false),
            (OnlyUtf8, "caf\u{e9}".as_bytes(), true),
        ] {
            let now = Moment::after_start(std::time::Duration::ZERO);
            let mut machine = Machine::with_manners(Default::default());
            machine.set_names(names);
            let id = machine.ask(Request::Command(delete(name)), now);
            match machine.next() {
                Some(Action::Send(command)) => assert!(sent, "{names:?} {command}"),
                Some(Action::Done(done, Answer::Refused { reply, .. })) => {
                    assert!(!sent && done == id && reply.code.number() == 553, "{names:?} {reply:?}");
                    assert!(machine.is_idle() && machine.is_open());
                }
                other => panic!("{names:?} {other:?}"),
            }
        }
    }
}
