//! What is kept of a command: what was typed, how far it came, how it ended. Never a secret.

use std::path::PathBuf;

/// The number of a job, as it is typed after `fxp resume`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub i64);

impl std::fmt::Display for JobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A command as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// Its arguments, the program's name not among them; bytes, because a path need not be text.
    pub arguments: Vec<Vec<u8>>,
    /// Where it was typed: relative paths are seen from there.
    pub directory: PathBuf,
}

impl Typed {
    /// The same without what must not be written down: passwords in addresses, and the shell command after
    /// `--password-command`, which may hold one; it is given again when the job is resumed.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        let mut kept = Vec::with_capacity(self.arguments.len());
        let mut arguments = self.arguments.into_iter();
        while let Some(argument) = arguments.next() {
            if argument == b"--" {
                kept.push(argument);
                break;
            }
            if argument == PASSWORD_COMMAND {
                arguments.next();
            } else if !argument.strip_prefix(PASSWORD_COMMAND).is_some_and(|rest| rest.starts_with(b"=")) {
                kept.push(without_password(argument));
            }
        }
        // What follows `--` are places.
        kept.extend(arguments.map(without_password));
        self.arguments = kept;
        self
    }

    /// On one line, for people; what a shell would take apart is quoted.
    pub fn line(&self) -> String {
        let words = self.arguments.iter().map(|word| quoted(&String::from_utf8_lossy(word)));
        words.collect::<Vec<_>>().join(" ")
    }
}

/// `scheme://user:password@host` becomes `scheme://user@host`. A second secret behind the first `@` is none:
/// the last `@` before the path counts, as it does where addresses are read.
fn without_password(argument: Vec<u8>) -> Vec<u8> {
    let Some(scheme) = argument.windows(3).position(|window| window == b"://") else { return argument };
    let authority = scheme + 3;
    let end = argument[authority..]
        .iter()
        .position(|&byte| byte == b'/')
        .map_or(argument.len(), |at| authority + at);
    let Some(at) = argument[authority..end].iter().rposition(|&byte| byte == b'@') else { return argument };
    let user = &argument[authority..authority + at];
    match user.iter().position(|&byte| byte == b':') {
        Some(colon) => [&argument[..authority + colon], &argument[authority + at..]].concat(),
        None => argument,
    }
}

fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@=+,%".contains(&byte);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_owned(),
        false => {
            format!("'{}'", word.replace('\'', "'\\''").replace(|letter: char| letter.is_control(), "?"))
        }
    }
}

/// A job, as `fxp jobs` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// What was typed.
    pub typed: Typed,
    /// When, in seconds since 1970.
    pub began: i64,
    /// When its last run ended, if that was noted.
    pub ended: Option<i64>,
    /// How it stands.
    pub state: State,
    /// Its last run is past the logins and their questions.
    pub has_begun: bool,
    /// Why its last run ended as it did, in a sentence.
    pub reason: Option<String>,
    /// What its last run has found to do.
    pub totals: super::Totals,
    /// Files that its last run has done.
    pub done: u64,
    /// Their bytes.
    pub done_bytes: u64,
    /// Files that its last run could not do.
    pub failed: u64,
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A process works on it.
    Running {
        /// Which one.
        pid: u32,
    },
    /// Everything was done.
    Done,
    /// The last run ended, and something was not done.
    Failed,
    /// The last run was stopped, or its process died.
    Interrupted,
}

impl State {
    /// True if there is something left to do, and nobody who does it.
    pub fn can_be_resumed(self) -> bool {
        matches!(self, State::Failed | State::Interrupted)
    }

    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            State::Running { .. } => "running",
            State::Done => "done",
            State::Failed => "failed",
            State::Interrupted => "interrupted",
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything was done.
    Done,
    /// Something was not; why, in a sentence.
    Failed(String),
    /// It was stopped in an orderly way.
    Interrupted,
}

const PASSWORD_COMMAND: &[u8] = b"--password-command";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_kept() {
        let rows: &[(&[&str], &[&str])] = &[
            (&["cp", "ftp://u:secret@h/x", "b:"], &["cp", "ftp://u@h/x", "b:"]),
            (&["cp", "ftps://u:se@cret@h:990", "b:"], &["cp", "ftps://u@h:990", "b:"]),
            (&["cp", "ftp://u@h/a:b@c", "./a:b@c"], &["cp", "ftp://u@h/a:b@c", "./a:b@c"]),
            (&["cp", "ftp://h/://u:p@x", "x"], &["cp", "ftp://h/://u:p@x", "x"]),
            (&["--password-command", "echo secret", "cp", "a:", "b:"], &["cp", "a:", "b:"]),
            (&["cp", "--password-command=echo secret", "-r", "a:", "b:"], &["cp", "-r", "a:", "b:"]),
            (&["cp", "a:", "b:", "--password-command"], &["cp", "a:", "b:"]),
            (&["cp", "--", "--password-command", "b:"], &["cp", "--", "--password-command", "b:"]),
        ];
        for (typed, expected) in rows {
            let kept = of(typed).without_secrets();
            assert_eq!(kept, of(expected), "{typed:?}");
            assert!(!kept.line().contains("secret"));
        }
    }

    #[test]
    fn a_line_can_be_typed_again() {
        let rows: &[(&[&str], &str)] = &[
            (&["cp", "-r", "a:x", "b:"], "cp -r a:x b:"),
            (&["cp", "a:with space", "it's"], "cp 'a:with space' 'it'\\''s'"),
            (&["cp", "", "a\nb"], "cp '' 'a?b'"),
        ];
        for (typed, expected) in rows {
            assert_eq!(of(typed).line(), *expected);
        }
    }

    fn of(words: &[&str]) -> Typed {
        let arguments = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        Typed { arguments, directory: "/".into() }
    }
}
