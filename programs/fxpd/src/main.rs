//! `fxpd`: an FTP server in which copies between servers are safe by default.
//!
//! # Layout
//!
//! * `args`: what can be typed; `exit`: every way the program can end.
//! * `settings`: the configuration file, read and completed; `describe`: its rules in words.
//! * `logging`, `privileges`: what a process does before it serves.
//! * `command`: one file per subcommand; `command/serve` is the server itself.
#![forbid(unsafe_code)]

mod args;
mod exit;

mod describe;
mod settings;

mod logging;
mod privileges;

mod command;

use std::process::ExitCode;

use clap::Parser;

use self::args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match &args.command {
        None => command::serve::run(&args),
        Some(Command::Check) => command::check::run(&args.config),
        Some(Command::Explain(what)) => command::explain::run(&args.config, what),
        Some(Command::Passwd) => command::passwd::run(),
        Some(Command::Init(init)) => command::init::run(init),
    };
    exit::report(result)
}
