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
}

/// For results of work.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Says what went wrong and makes the exit code.
pub(crate) fn report(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("fxpd: {failure}");
            match failure {
                Failure::Failed(_) => ExitCode::from(1),
                Failure::Unusable(_) => ExitCode::from(2),
            }
        }
    }
}

impl fmt::Display for Failure {
    /// The error and its causes, each once: some errors already repeat their cause.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Failed(error) | Failure::Unusable(error)) = self;
        let mut said = error.to_string();
        for cause in error.chain().skip(1) {
            let cause = cause.to_string();
            if !said.ends_with(&cause) {
                said = format!("{said}: {cause}");
            }
        }
        f.write_str(&said)
    }
}
