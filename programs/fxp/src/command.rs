//! One file per subcommand; this one chooses.

mod background;
mod cat;
mod check;
mod completions;
mod copy;
#[cfg(target_os = "linux")]
mod demo;
mod doctor;
mod du;
mod filter;
mod hash;
mod jobs;
mod list;
mod make_directory;
mod man;
mod remove;
mod rename;
mod resume;
mod roaming;
mod site;
mod sync;
mod transfer;
mod tree;
mod trust;

use std::sync::Arc;

use crate::args::{Args, Command};
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::interrupt::Interrupt;
use crate::output;
use crate::record::Errand;
use crate::settings::Settings;

/// Does what was typed; whatever went wrong has been said when it returns.
pub(crate) async fn run(args: Args) -> Exit {
    let settings = Settings::new(&args.global);
    let voice = output::voice(&settings, args.command.is_dry_run());
    let desk = Desk {
        settings,
        voice,
        interrupt: Interrupt::new(),
        errand: Errand::of_this_process(),
        answers: Arc::default(),
    };
    let outcome = dispatch(args.command, &desk).await;
    match outcome {
        // Whatever a command makes of it, Ctrl-C is the reason.
        Ok(exit) if exit != Exit::Done && desk.interrupt.came() => Exit::Interrupted,
        Ok(exit) => exit,
        Err(_) if desk.interrupt.came() => {
            desk.voice.failure(&crate::exit::Failure::interrupted());
            Exit::Interrupted
        }
        Err(failure) => {
            desk.voice.failure(&failure);
            failure.exit
        }
    }
}

async fn dispatch(command: Command, desk: &Desk) -> Outcome<Exit> {
    match command {
        Command::Cp(args) => copy::run(&args, desk).await,
        Command::Ls(args) => list::run(&args, desk).await,
        Command::Cat(args) => cat::run(&args, desk).await,
        Command::Rm(args) => remove::run(&args, desk).await,
        Command::Mkdir(args) => make_directory::run(&args, desk).await,
        Command::Mv(args) => rename::run(&args, desk).await,
        Command::Resume(args) => resume::run(&args, desk).await,
        Command::Jobs(args) => jobs::run(&args, desk).await,
        Command::Sync(args) => sync::run(&args, desk).await,
        Command::Check(args) => check::run(&args, desk).await,
        Command::Tree(args) => tree::run(&args, desk).await,
        Command::Du(args) => du::run(&args, desk).await,
        Command::Hash(args) => hash::run(&args, desk).await,
        Command::Filter(args) => filter::run(&args, desk),
        Command::Doctor(args) => doctor::run(&args, desk).await,
        Command::Site(args) => site::run(args, desk).await,
        Command::Trust(args) => trust::run(&args, desk),
        #[cfg(target_os = "linux")]
        Command::Demo(args) => demo::run(&args, desk).await,
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args, desk),
    }
}

impl Command {
    fn is_dry_run(&self) -> bool {
        match self {
            Command::Cp(copy) => copy.transfer.dry_run,
            Command::Mv(rename) => rename.transfer.dry_run,
            Command::Sync(sync) => sync.transfer.dry_run,
            _ => false,
        }
    }
}
