//! The program from outside: what it prints, where, and how it ends.

mod books;
#[cfg(target_os = "linux")]
mod doctor;
mod errors;
mod filter;
#[cfg(target_os = "linux")]
mod gate;
mod help;
mod import;
#[cfg(target_os = "linux")]
mod jobs;
#[cfg(target_os = "linux")]
mod lessons;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod manifest;
#[cfg(target_os = "linux")]
mod masses;
mod pages;
#[cfg(target_os = "linux")]
mod servers;
#[cfg(target_os = "linux")]
mod session;
#[cfg(target_os = "linux")]
mod spread;
#[cfg(target_os = "linux")]
mod terminal;
#[cfg(target_os = "linux")]
mod trees;
#[cfg(target_os = "linux")]
mod work;

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

/// A person's machine with nothing on it: an empty home, no variables, no terminal.
struct Machine {
    home: tempfile::TempDir,
}

/// What came of a command.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Machine {
    fn new() -> Self {
        Machine { home: tempfile::tempdir().expect("a temporary directory") }
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fxp"));
        command.env_clear().env("HOME", self.home()).env("COLUMNS", "100").args(arguments);
        // Coverage and sanitizers need theirs; no test depends on them.
        for name in ["PATH", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }

    fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Ran {
        Ran::from(self.command(arguments).output().expect("fxp starts"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
        }
    }
}
