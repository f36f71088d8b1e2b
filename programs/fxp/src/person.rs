//! The person at the keyboard: where users and passwords come from, and questions.
//!
//! A password comes from the first of these that knows one: `--password-command`, the site's own
//! command, netrc, `$FXP_PASSWORD`, a question at the terminal. Netrc goes before the variable
//! because it knows the host: the variable would be sent to whatever server is asked next. A password
//! never comes from the command line, which everybody on the machine can read.

mod answers;
pub(crate) mod netrc;

use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use fxp_client::trust::Untrusted;
use fxp_engine::context::Person;
use fxp_proto::wire::secret::Secret;
use inquire::InquireError;

pub(crate) use self::answers::Answers;
use self::netrc::Netrc;
use crate::interrupt::Interrupt;
use crate::output::Voice;

/// The most bytes a password command may print: a password is one line.
const MAX_PASSWORD: u64 = 4096;

/// What a guest gives as password: an address by custom, which nobody checks.
const GUEST_PASSWORD: &str = "fxp@";

/// The person who typed the command. The engine asks one question at a time, and each only once.
pub(crate) struct Keyboard {
    password_command: Option<String>,
    netrc_path: Option<PathBuf>,
    netrc: OnceLock<Netrc>,
    voice: Arc<dyn Voice>,
    interrupt: Interrupt,
    answers: Arc<Answers>,
}

impl Keyboard {
    pub(crate) fn new(
        password_command: Option<String>,
        netrc: Option<PathBuf>,
        voice: Arc<dyn Voice>,
        interrupt: Interrupt,
        answers: Arc<Answers>,
    ) -> Self {
        Keyboard { password_command, netrc_path: netrc, netrc: OnceLock::new(), voice, interrupt, answers }
    }

    fn netrc(&self) -> &Netrc {
        self.netrc.get_or_init(|| {
            let Some(path) = &self.netrc_path else { return Netrc::default() };
            match read_netrc(path) {
                Ok(netrc) => {
                    if netrc.has_secrets() && others_may_read(path) {
                        self.voice.warning(&format!(
                            "{0} can be read by others; `chmod 600 {0}` hides the passwords in it",
                            path.display()
                        ));
                    }
                    netrc
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => Netrc::default(),
                Err(error) => {
                    self.voice.warning(&format!("cannot read {}: {error}", path.display()));
                    Netrc::default()
                }
            }
        })
    }

    /// What the command prints, up to the first line break; a command that fails knows nothing.
    fn ask_command(&self, command: &str, host: &str, user: &str) -> Option<Secret> {
        let result = run_password_command(command, host, user);
        match result {
            Ok(secret) => Some(secret),
            Err(why) => {
                self.voice.warning(&format!("the password command {why}"));
                None
            }
        }
    }

    fn ask_password(&self, host: &str, user: &str) -> Option<Secret> {
        let question = format!("Password of {user} at {host}:");
        let answer = self.ask(|| {
            inquire::Password::new(&question)
                .without_confirmation()
                .with_display_mode(inquire::PasswordDisplayMode::Hidden)
                .prompt()
        });
        let password = answer.map(|password| Secret::new(password.into_bytes()))?;
        self.answers.remember_password(host, user, &password);
        Some(password)
    }

    fn confirm(&self, preface: &str, question: &str) -> bool {
        self.ask(|| {
            eprintln!("{preface}");
            inquire::Confirm::new(question).with_default(false).prompt()
        })
        .unwrap_or(false)
    }

    /// Asks, if there is somebody to ask. Ctrl-C at the question stops the whole program.
    fn ask<T>(&self, question: impl FnOnce() -> Result<T, InquireError>) -> Option<T> {
        if !can_ask() || self.interrupt.came() {
            return None;
        }
        let mut question = Some(question);
        let mut answer = None;
        self.voice.pause(&mut || answer = question.take().map(|question| question()));
        match answer? {
            Ok(answer) => Some(answer),
            Err(InquireError::OperationInterrupted) => {
                self.interrupt.trigger();
                None
            }
            Err(_) => None,
        }
    }
}

/// True if there is somebody to ask.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

impl Person for Keyboard {
    fn password(&self, host: &str, user: &str, command: Option<&str>) -> Option<Secret> {
        None.or_else(|| self.ask_command(self.password_command.as_deref()?, host, user))
            .or_else(|| self.ask_command(command?, host, user))
            .or_else(|| self.netrc().password(host, user).cloned())
            .or_else(|| guest(user))
            .or_else(|| variable("FXP_PASSWORD").map(|password| Secret::new(password.into_bytes())))
            .or_else(|| self.answers.password(host, user))
            .or_else(|| self.ask_password(host, user))
    }

    fn user(&self, host: &str) -> Option<String> {
        self.netrc().user(host).map(str::to_owned).or_else(|| variable("FXP_USER"))
    }

    fn trust(&self, host: &str, certificate: &Untrusted) -> bool {
        let question =
            if certificate.changed { "Trust the new one from now on?" } else { "Trust it from now on?" };
        self.confirm(&describe(host, certificate), question)
    }

    fn clear_password(&self, host: &str) -> bool {
        let question = format!("{host} offers no TLS: everybody on the way can read the password.");
        if self.answers.goes_in_clear(host) {
            return true;
        }
        let yes = self.confirm(&question, "Send it all the same?");
        if yes {
            self.answers.remember_clear(host);
        }
        yes
    }
}

/// What a person needs to decide about a certificate.
fn describe(host: &str, certificate: &Untrusted) -> String {
    let head = if certificate.changed {
        format!(
            "The certificate of {host} is not the one that was trusted before. Either the server got a\n\
             new one, or somebody sits in between."
        )
    } else {
        format!("The certificate of {host} is not known on this machine.")
    };
    format!(
        "{head}\n  fingerprint  {}\n  subject      {}\n  valid until  {}\n  because      {}\n\
         Compare the fingerprint with one that the server's operator gave you.",
        certificate.fingerprint, certificate.subject, certificate.not_after, certificate.reason
    )
}

fn guest(user: &str) -> Option<Secret> {
    matches!(user, "anonymous" | "ftp").then(|| Secret::new(GUEST_PASSWORD))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn read_netrc(path: &Path) -> io::Result<Netrc> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(netrc::MAX_FILE).read_to_end(&mut bytes)?;
    Ok(Netrc::parse(&String::from_utf8_lossy(&bytes)))
}

#[cfg(unix)]
fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_path: &Path) -> bool {
    false
}

/// Runs the command by the shell, with host and user in its environment.
fn run_password_command(command: &str, host: &str, user: &str) -> Result<Secret, String> {
    let mut child = shell(command)
        .env("FXP_HOST", host)
        .env("FXP_USER", user)
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot be started: {error}"))?;
    let mut printed = zeroize::Zeroizing::new(Vec::new());
    let read = child.stdout.take().map(|stdout| stdout.take(MAX_PASSWORD).read_to_end(&mut printed));
    let status = child.wait().map_err(|error| error.to_string())?;
    if let Some(Err(error)) = read {
        return Err(error.to_string());
    }
    if !status.success() {
        return Err(format!("ended with {status}"));
    }
    let line = printed.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    if line.is_empty() { Err("printed nothing".into()) } else { Ok(Secret::new(line)) }
}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command);
    shell
}

#[cfg(not(unix))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.arg("/C").arg(command);
    shell
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_password_command_sees_host_and_user_and_gives_its_first_line() {
        let rows: [(&str, Result<&str, &str>); 5] = [
            ("printf 'one\\ntwo\\n'", Ok("one")),
            ("printf '%s:%s' \"$FXP_HOST\" \"$FXP_USER\"", Ok("h:u")),
            ("printf 'a b\\r\\n'", Ok("a b")),
            ("exit 3", Err("ended with exit status: 3")),
            ("true", Err("printed nothing")),
        ];
        for (command, expected) in rows {
            let got = run_password_command(command, "h", "u");
            let got = got.as_ref().map(|secret| std::str::from_utf8(secret.expose()).unwrap());
            assert_eq!(got.map_err(String::as_str), expected, "{command}");
        }
    }
}
