//! `fxp completions`: a script that makes a shell complete our arguments.

use std::io::Write;

use clap::CommandFactory;

use crate::args::{self, Args};
use crate::exit::{Exit, Outcome};

pub(super) fn run(args: &args::Completions) -> Outcome<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "fxp", &mut script);
    // A reader who has seen enough is no trouble.
    let _ = std::io::stdout().write_all(&script);
    Ok(Exit::Done)
}
