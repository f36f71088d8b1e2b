//! Every way the program can end.

use std::fmt;
use std::process::ExitCode;

/// Why the program ends early. The numbers are for scripts and never change their meaning.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Exit code 1: the system did not allow it.
    Failed(anyhow::Error),
    /// Exit code 2: what was typed or written into the configuration cannot be used.
    Unusable(anyhow::Error),
    /// Exit code 3: the answer is no. It has been said on stdout.
    Denied,
}

/// For results of work.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Says what went wrong and makes the exit code.
pub(crate) fn report(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => {
            eprintln!("fxpd: {}", Causes(&error));
            ExitCode::from(1)
        }
        Err(Failure::Unusable(error)) => {
            eprintln!("fxpd: {}", Causes(&error));
            ExitCode::from(2)
        }
        Err(Failure::Denied) => ExitCode::from(3),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(error) | Failure::Unusable(error) => Causes(error).fmt(f),
            Failure::Denied => f.write_str("denied"),
        }
    }
}

/// An error and its causes, each once: some errors already repeat their cause.
struct Causes<'a>(&'a anyhow::Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        for cause in self.0.chain().skip(1) {
            let cause = cause.to_string();
            if !said.ends_with(&cause) {
                said = format!("{said}: {cause}");
            }
        }
        f.write_str(&said)
    }
}
