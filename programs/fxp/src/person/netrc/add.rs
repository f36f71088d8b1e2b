//! New entries of a netrc file.

use std::fmt::Write as _;

use fxp_proto::wire::secret::Secret;
use zeroize::Zeroizing;

use super::Netrc;

/// A password that is to be remembered.
#[derive(Clone, Debug)]
pub(crate) struct Addition {
    pub(crate) host: String,
    pub(crate) user: String,
    pub(crate) password: Secret,
}

/// The text of the file with `additions`: at its end, or before its `default`, behind which other programs
/// read nothing. Everything else stays as it was.
pub(crate) fn with(text: &str, additions: &[Addition]) -> Zeroizing<String> {
    let at = Netrc::parse(text).default_at.unwrap_or(text.len());
    let (before, after) = text.split_at(at);
    let mut whole = Zeroizing::new(before.to_owned());
    if !before.is_empty() && !before.ends_with('\n') {
        whole.push('\n');
    }
    // An empty line ends a macro, which would swallow the entries otherwise.
    if !whole.is_empty() && !whole.ends_with("\n\n") {
        whole.push('\n');
    }
    for Addition { host, user, password } in additions {
        let password = Zeroizing::new(word(&String::from_utf8_lossy(password.expose())));
        let _ = writeln!(whole, "machine {} login {} password {}", word(host), word(user), *password);
    }
    if !after.is_empty() {
        whole.push('\n');
    }
    whole.push_str(after);
    whole
}

impl Addition {
    /// True if all of it can stand in a netrc file.
    pub(crate) fn can_be_written(&self) -> bool {
        let plain = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        plain(&self.host) && plain(&self.user) && str::from_utf8(self.password.expose()).is_ok_and(plain)
    }
}

/// As one word: in quotes only where it must be, because not every program knows them.
fn word(text: &str) -> String {
    if !text.contains(|character: char| character.is_whitespace() || matches!(character, '"' | '\\'))
        && !text.starts_with('#')
    {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addition(user: &str, password: &str) -> Addition {
        Addition { host: "h".into(), user: user.into(), password: Secret::new(password) }
    }

    #[test]
    fn what_is_added_is_read_again_wherever_it_goes() {
        let files = [
            "",
            "machine a login ann password one",
            "machine a login ann password one\n",
            "machine a login ann\nmacdef init\nput x",
            "machine a\n  default login anonymous password me@\nmachine z password late\n",
            "# default is a word\nmachine a \"default\"\n",
        ];
        let passwords = ["plain", "two words", "#hash", "qu\"o\\te", "\\", "ä"];
        for file in files {
            for password in passwords {
                let whole = with(file, &[addition("eve", password), addition("bob x", "second")]);
                let netrc = Netrc::parse(&whole);
                let found = |user| netrc.password("h", user).map(Secret::expose);
                assert_eq!(found("eve"), Some(password.as_bytes()), "{whole:?}");
                assert_eq!(found("bob x"), Some(&b"second"[..]), "{whole:?}");
                let old = Netrc::parse(file);
                assert_eq!(netrc.entries.len(), old.entries.len() + 2, "{whole:?}");
                assert_eq!(netrc.user("a"), old.user("a"), "{whole:?}");
            }
        }
        let before_default = with(files[4], &[addition("eve", "x")]);
        assert_eq!(
            *before_default,
            "machine a\n  \n\nmachine h login eve password x\n\ndefault login anonymous password me@\n\
             machine z password late\n"
        );
    }

    #[test]
    fn what_cannot_stand_in_a_line_is_refused() {
        assert!(addition("eve", "x y").can_be_written());
        for (user, password) in
            [("", "x"), ("eve", ""), ("e\nve", "x"), ("eve", "x\n machine y"), ("eve", "\0")]
        {
            assert!(!addition(user, password).can_be_written(), "{user:?} {password:?}");
        }
        let bytes = Addition { password: Secret::new([0xff]), ..addition("eve", "") };
        assert!(!bytes.can_be_written());
    }
}
