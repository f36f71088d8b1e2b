//! `~/.netrc`: users and passwords by host, as ftp(1), curl and lftp read it.
//!
//! A file is a row of words: `machine HOST`, `default`, and then `login`, `password`, `account`, each
//! with its value. `macdef NAME` swallows everything up to an empty line. `#` at the start of a word
//! makes the rest of the line a comment. A value in double quotes may hold spaces; inside them a
//! backslash takes the next character literally (curl's rule).

mod add;

use fxp_proto::wire::secret::Secret;

pub(crate) use add::{Addition, with};

/// Larger files are no netrc; the ceiling keeps a wrong `$NETRC` from filling the memory.
pub(crate) const MAX_FILE: u64 = 1024 * 1024;

/// The entries in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Netrc {
    entries: Vec<Entry>,
    /// Where the first `default` begins: other programs read nothing that stands behind it.
    default_at: Option<usize>,
}

/// One `machine` or `default`.
#[derive(Debug, Default)]
struct Entry {
    /// `None` is `default`.
    host: Option<String>,
    login: Option<String>,
    password: Option<Secret>,
}

impl Netrc {
    /// Reads a file's text. Words that it does not know are skipped.
    pub(crate) fn parse(text: &str) -> Self {
        let mut netrc = Netrc::default();
        let mut words = Words { rest: text, length_at_word: 0 };
        while let Some(word) = words.next() {
            match word.as_str() {
                "machine" => netrc.entries.push(Entry { host: words.next(), ..Entry::default() }),
                "default" => {
                    netrc.default_at.get_or_insert(text.len() - words.length_at_word);
                    netrc.entries.push(Entry::default());
                }
                "login" | "password" | "account" => {
                    let Some(value) = words.next() else { break };
                    if let Some(entry) = netrc.entries.last_mut() {
                        entry.set(&word, value);
                    }
                }
                "macdef" => words.skip_macro(),
                _ => {}
            }
        }
        netrc
    }

    /// The user for `host`.
    pub(crate) fn user(&self, host: &str) -> Option<&str> {
        self.matching(host).find_map(|entry| entry.login.as_deref())
    }

    /// The password of `user` at `host`. An entry without a login serves every user of its host.
    pub(crate) fn password(&self, host: &str, user: &str) -> Option<&Secret> {
        self.matching(host)
            .filter(|entry| entry.login.as_deref().is_none_or(|login| login == user))
            .find_map(|entry| entry.password.as_ref())
    }

    /// As [`Netrc::password`], but only of entries that name the host.
    pub(crate) fn named_password(&self, host: &str, user: &str) -> Option<&Secret> {
        let names =
            |entry: &&Entry| entry.host.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(host));
        self.entries.iter().any(|entry| names(&entry)).then(|| self.password(host, user))?
    }

    /// True if there is something in it that others must not read.
    pub(crate) fn has_secrets(&self) -> bool {
        self.entries.iter().any(|entry| entry.password.is_some())
    }

    /// The entries for `host`; `default` counts only where no entry names the host.
    fn matching(&self, host: &str) -> impl Iterator<Item = &Entry> {
        let names =
            |entry: &&Entry| entry.host.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(host));
        let named = self.entries.iter().any(|entry| names(&entry));
        self.entries.iter().filter(move |entry| if named { names(entry) } else { entry.host.is_none() })
    }
}

impl Entry {
    fn set(&mut self, what: &str, value: String) {
        match what {
            "login" => self.login = Some(value),
            "password" => self.password = Some(Secret::new(value)),
            // FTP's ACCT is asked for by no server we know.
            _ => {}
        }
    }
}

/// The words of the text.
struct Words<'a> {
    rest: &'a str,
    /// How much was left where the last word began.
    length_at_word: usize,
}

impl Words<'_> {
    fn next(&mut self) -> Option<String> {
        loop {
            self.rest = self.rest.trim_start();
            if !self.rest.starts_with('#') {
                break;
            }
            self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
        }
        self.length_at_word = self.rest.len();
        if let Some(quoted) = self.rest.strip_prefix('"') {
            return Some(self.quoted(quoted.len()));
        }
        let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }

    /// A word in quotes, of which `length` bytes and the end of the text are left.
    fn quoted(&mut self, length: usize) -> String {
        let text = &self.rest[self.rest.len() - length..];
        let mut word = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => break,
                '\\' => word.extend(characters.next()),
                other => word.push(other),
            }
        }
        self.rest = characters.as_str();
        word
    }

    /// `macdef NAME` and its lines, up to an empty one.
    fn skip_macro(&mut self) {
        self.rest = self.rest.find("\n\n").map_or("", |end| &self.rest[end..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the file says about a host: user, and the password for that user (or for `someone`).
    fn check(file: &str, host: &str, expected: (Option<&str>, Option<&str>)) {
        let netrc = Netrc::parse(file);
        let user = netrc.user(host);
        let password = netrc.password(host, user.unwrap_or("someone")).map(Secret::expose);
        assert_eq!((user, password), (expected.0, expected.1.map(str::as_bytes)), "{host} in {file:?}");
    }

    #[test]
    fn files_as_people_write_them() {
        const TWO: &str = "machine a login ann password one\nmachine b\n\tlogin bob\n\tpassword two\n";
        check(TWO, "a", (Some("ann"), Some("one")));
        check(TWO, "b", (Some("bob"), Some("two")));
        check(TWO, "B", (Some("bob"), Some("two")));
        check(TWO, "c", (None, None));

        const DEFAULT: &str = "machine a login ann password one\ndefault login anonymous password me@";
        check(DEFAULT, "a", (Some("ann"), Some("one")));
        check(DEFAULT, "c", (Some("anonymous"), Some("me@")));

        check("machine a password only", "a", (None, Some("only")));
        check("machine a login \"ann b\" password \"p\\\"q \\\\\"", "a", (Some("ann b"), Some("p\"q \\")));
        check(
            "# machine a login x\nmachine a login ann # why\n password p#1",
            "a",
            (Some("ann"), Some("p#1")),
        );
        check("machine a login ann account z password p", "a", (Some("ann"), Some("p")));
        check(
            "machine a login ann\nmacdef init\nmachine b password no\n\npassword p",
            "a",
            (Some("ann"), Some("p")),
        );
        check("machine b\nmacdef init\nlogin x", "b", (None, None));
        check("machine a machine b password p", "a", (None, None));
        check("machine a machine b password p", "b", (None, Some("p")));
        check("machine a login", "a", (None, None));
        check("machine a password \"open", "a", (None, Some("open")));
        check("login nobody password nothing", "a", (None, None));
        check("machine", "a", (None, None));
        check("", "a", (None, None));
    }

    #[test]
    fn a_password_goes_to_its_own_user_only() {
        let netrc = Netrc::parse("machine a login ann password one machine a login bob password two");
        let password = |user| netrc.password("a", user).map(Secret::expose);
        assert_eq!(password("ann"), Some(&b"one"[..]));
        assert_eq!(password("bob"), Some(&b"two"[..]));
        assert_eq!(password("eve"), None);
    }

    #[test]
    fn default_is_not_for_hosts_that_have_an_entry() {
        let netrc = Netrc::parse("machine a login ann default password secret");
        assert_eq!(netrc.password("a", "ann"), None);
        assert!(netrc.password("b", "ann").is_some());
    }
}
