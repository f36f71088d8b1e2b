//! Commands: a verb of the table and its argument.

use std::fmt;

use super::verb::{Argument, Verb};
use crate::wire::text::Text;

/// A command as it stands on the line.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// The row of the table.
    pub verb: Verb,
    /// What follows the verb and one space; empty if nothing does.
    pub argument: Text,
}

/// Why a line is no command that could be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Nothing on the line.
    #[error("empty command")]
    Empty,
    /// A verb that is not in the table.
    #[error("{0} not understood")]
    Unknown(Text),
    /// A word after SITE that is not in the table.
    #[error("SITE {0} not understood")]
    UnknownSite(Text),
    /// A line of HTTP or SMTP: a browser was lured here, and what follows is not the user's will
    /// (ALPACA, CVE-2021-3618). Close the connection.
    #[error("{0} is not FTP")]
    NotFtp(Text),
    /// The table demands an argument.
    #[error("{} needs an argument: {}", .0.name(), syntax(*.0))]
    Missing(Verb),
    /// The table knows no argument.
    #[error("{} takes no argument", .0.name())]
    Superfluous(Verb),
}

impl CommandError {
    /// The reply code that answers it: 500 for what is not understood, 501 for a wrong argument.
    pub fn code(&self) -> u16 {
        match self {
            CommandError::Missing(_) | CommandError::Superfluous(_) => 501,
            _ => 500,
        }
    }
}

fn syntax(verb: Verb) -> &'static str {
    match verb.row().argument {
        Argument::None => "",
        Argument::Optional(syntax) | Argument::Required(syntax) => syntax,
    }
}

impl Command {
    /// A command without an argument.
    pub fn bare(verb: Verb) -> Self {
        Command { verb, argument: Text::default() }
    }

    /// A command with an argument.
    pub fn new(verb: Verb, argument: impl Into<Text>) -> Self {
        Command { verb, argument: argument.into() }
    }

    /// Reads one line, without its end, as a server does. The verb's case does not matter; exactly
    /// one space after it is eaten, so that names may begin and end with spaces.
    ///
    /// # Errors
    ///
    /// See [`CommandError`].
    pub fn parse(line: &[u8]) -> Result<Self, CommandError> {
        let line = without_torn_telnet(line);
        let (word, rest) = split_word(line);
        if word.is_empty() {
            return Err(CommandError::Empty);
        }
        if is_other_protocol(word, rest) {
            return Err(CommandError::NotFtp(quoted(word)));
        }
        match Verb::parse(word) {
            Some(Verb::Site) => Command::parse_site(rest),
            Some(verb) => Command::shaped(verb, rest),
            None => Err(CommandError::Unknown(quoted(word))),
        }
    }

    fn parse_site(rest: &[u8]) -> Result<Self, CommandError> {
        let (word, rest) = split_word(rest);
        match Verb::parse_site(word) {
            Some(verb) => Command::shaped(verb, rest),
            None if word.is_empty() => Err(CommandError::Missing(Verb::Site)),
            None => Err(CommandError::UnknownSite(quoted(word))),
        }
    }

    /// Compares the argument's presence with the table.
    fn shaped(verb: Verb, argument: &[u8]) -> Result<Self, CommandError> {
        match verb.row().argument {
            Argument::None if argument.iter().all(|&byte| byte == b' ') => Ok(Command::bare(verb)),
            Argument::None => Err(CommandError::Superfluous(verb)),
            Argument::Required(_) if argument.is_empty() => Err(CommandError::Missing(verb)),
            Argument::Required(_) | Argument::Optional(_) => Ok(Command::new(verb, Text::lossy(argument))),
        }
    }

    /// The command as it goes onto the wire, with CRLF. A password is in it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let name = self.verb.name();
        let mut bytes = Vec::with_capacity(name.len() + self.argument.len() + 3);
        bytes.extend_from_slice(name.as_bytes());
        if !self.argument.is_empty() {
            bytes.push(b' ');
            bytes.extend_from_slice(self.argument.as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }
}

impl fmt::Display for Command {
    /// As on the wire, with the argument of PASS and ACCT and the key of PEER masked: what a transcript or a log shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.verb, self.argument.is_empty()) {
            (Verb::Pass | Verb::Acct, _) => write!(f, "{} ****", self.verb.name()),
            (Verb::Peer, false) if !is_public(self.argument.as_bytes()) => f.write_str("PEER KEY ****"),
            (_, true) => f.write_str(self.verb.name()),
            (_, false) => write!(f, "{} {}", self.verb.name(), self.argument),
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// True for what may follow PEER and is no secret. A key that was mistyped is one all the same.
fn is_public(argument: &[u8]) -> bool {
    let word = split_word(argument).0;
    word.eq_ignore_ascii_case(b"OFF") || word.eq_ignore_ascii_case(b"EXPECT")
}

/// Telnet's urgent data can lose one byte of a command; no verb begins with what is left of it.
fn without_torn_telnet(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|&byte| byte < 0xf0).unwrap_or(line.len());
    &line[start..]
}

/// The bytes before the first space, and those after it.
fn split_word(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|&byte| byte == b' ') {
        Some(space) => (&line[..space], &line[space + 1..]),
        None => (line, &[]),
    }
}

fn is_other_protocol(word: &[u8], rest: &[u8]) -> bool {
    OTHER_PROTOCOLS.iter().any(|verb| word.eq_ignore_ascii_case(verb.as_bytes()))
        || rest.ends_with(b" HTTP/1.1")
        || rest.ends_with(b" HTTP/1.0")
}

fn quoted(word: &[u8]) -> Text {
    Text::lossy(&word[..word.len().min(MAX_QUOTED)])
}

/// The most bytes of an unknown word that an error repeats: enough to recognise it, too few to carry
/// a script back to a browser.
const MAX_QUOTED: usize = 20;

/// Verbs of HTTP and of SMTP; none of them is an FTP verb.
const OTHER_PROTOCOLS: &[&str] = &[
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI", "HELO", "EHLO",
    "LHLO", "RCPT", "DATA", "BDAT", "VRFY", "EXPN", "STARTTLS",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: impl AsRef<[u8]>, expected: Result<(Verb, &str), CommandError>) {
        let parsed = Command::parse(line.as_ref());
        let expected = expected.map(|(verb, argument)| Command::new(verb, Text::lossy(argument)));
        assert_eq!(parsed, expected, "{}", line.as_ref().escape_ascii());
    }

    #[test]
    fn verbs_in_any_case_and_arguments_as_they_are() {
        check("NOOP", Ok((Verb::Noop, "")));
        check("noop ", Ok((Verb::Noop, "")));
        check("StOr a b ", Ok((Verb::Stor, "a b ")));
        check("RETR   two", Ok((Verb::Retr, "  two")));
        check("RETR  ", Ok((Verb::Retr, " ")));
        check("PASS", Ok((Verb::Pass, "")));
        check("PASS  x", Ok((Verb::Pass, " x")));
        check("SITE chmod 644 a b", Ok((Verb::SiteChmod, "644 a b")));
        check("site HELP", Ok((Verb::SiteHelp, "")));
        check("xsha256 \"a b\" 0 9", Ok((Verb::Xsha256, "\"a b\" 0 9")));
        check(b"\xf2ABOR", Ok((Verb::Abor, "")));
    }

    #[test]
    fn what_is_wrong_is_said() {
        check("", Err(CommandError::Empty));
        check(" NOOP", Err(CommandError::Empty));
        check("FROB x", Err(CommandError::Unknown("FROB".into())));
        check("NOOP\tx", Err(CommandError::Unknown("NOOP\tx".into())));
        check("PASVX", Err(CommandError::Unknown("PASVX".into())));
        check("SITE", Err(CommandError::Missing(Verb::Site)));
        check("SITE ", Err(CommandError::Missing(Verb::Site)));
        check("SITE EXEC /bin/sh", Err(CommandError::UnknownSite("EXEC".into())));
        check("CHMOD 644 a", Err(CommandError::Unknown("CHMOD".into())));
        check("RETR", Err(CommandError::Missing(Verb::Retr)));
        check("RETR ", Err(CommandError::Missing(Verb::Retr)));
        check("PASV 1", Err(CommandError::Superfluous(Verb::Pasv)));
        let long = "x".repeat(10_000);
        check(&long, Err(CommandError::Unknown(Text::lossy(&long[..20]))));
    }

    #[test]
    fn browsers_are_recognised() {
        check("POST / HTTP/1.1", Err(CommandError::NotFtp("POST".into())));
        check("get /x", Err(CommandError::NotFtp("get".into())));
        check("MKCOL /x HTTP/1.1", Err(CommandError::NotFtp("MKCOL".into())));
        check("EHLO there", Err(CommandError::NotFtp("EHLO".into())));
    }

    #[test]
    fn errors_read_well() {
        assert_eq!(
            CommandError::Missing(Verb::Port).to_string(),
            "PORT needs an argument: h1,h2,h3,h4,p1,p2"
        );
        assert_eq!(CommandError::Superfluous(Verb::Pasv).code(), 501);
        assert_eq!(CommandError::Empty.code(), 500);
    }

    #[test]
    fn what_is_sent_is_what_arrives() {
        for row in crate::grammar::verb::TABLE.iter().filter(|row| row.verb != Verb::Site) {
            let command = match row.argument {
                Argument::None => Command::bare(row.verb),
                _ => Command::new(row.verb, " a  b "),
            };
            let bytes = command.to_bytes();
            let line = bytes.strip_suffix(b"\r\n").expect("a line end");
            assert_eq!(Command::parse(line), Ok(command));
        }
    }

    #[test]
    fn secrets_are_masked() {
        assert_eq!(Command::new(Verb::Pass, "hush").to_string(), "PASS ****");
        assert_eq!(format!("{:?}", Command::new(Verb::Acct, "hush")), "ACCT ****");
        assert_eq!(Command::new(Verb::User, "anna").to_string(), "USER anna");
        for secret in ["KEY hush", "key  hush", "KYE hush", "hush"] {
            assert_eq!(Command::new(Verb::Peer, secret).to_string(), "PEER KEY ****");
        }
        assert_eq!(Command::new(Verb::Peer, "OFF").to_string(), "PEER OFF");
        assert_eq!(Command::new(Verb::Peer, "EXPECT SHA-256=00").to_string(), "PEER EXPECT SHA-256=00");
    }
}
