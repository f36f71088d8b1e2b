//! `fxp`: copies files between FTP servers without routing them through this machine.
//!
//! # Layout
//!
//! * `args`: what can be typed; `settings`: arguments and environment made into one answer;
//!   `exit`: every way the program can end.
//! * `bookmarks`: other programs' lists of servers.
//! * `output`: what is said, to people or to scripts; `person`: who is asked; `interrupt`: Ctrl-C.
//! * `record`: what is kept of a copy, so that it can be continued.
//! * `papers`: the report of a run, in a file; `manifest`: the list of its files, and how it is read.
//! * `desk`: all of these together; `command`: one file per subcommand.
#![forbid(unsafe_code)]

mod args;
mod exit;
mod settings;

mod bookmarks;

mod output;

mod interrupt;
mod person;

mod desk;
mod record;

mod manifest;
mod papers;

mod command;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// How long the end of the program waits for threads that are still busy, such as one that waits for
/// an answer at the terminal.
const LAST_WAIT: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let args = args::Args::parse();
    log_if_asked();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start threads: {error}");
            return exit::Exit::Limit.into();
        }
    };
    let exit = runtime.block_on(command::run(args));
    runtime.shutdown_timeout(LAST_WAIT);
    exit.into()
}

/// `$FXP_LOG` is for bug reports; what a person needs to know is said by `output`.
fn log_if_asked() {
    if let Ok(filter) = EnvFilter::try_from_env("FXP_LOG") {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
}
