//! `fxp filter test`: which rule decides about a path. Asks no server.

use fxp_proto::path::VPath;

use crate::args::{Filter, FilterCommand, FilterTest};
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::Item;
use crate::output::found::Found;

pub(super) fn run(args: &Filter, desk: &Desk) -> Outcome<Exit> {
    match &args.command {
        FilterCommand::Test(args) => test(args, desk),
    }
}

fn test(args: &FilterTest, desk: &Desk) -> Outcome<Exit> {
    let filter = args.rules.filter()?;
    for typed in &args.paths {
        let bytes = typed.as_encoded_bytes();
        let path = VPath::parse(&[b"/", bytes].concat())
            .map_err(|error| Failure::usage(format!("{}: {error}", typed.to_string_lossy())))?;
        let directory = bytes.ends_with(b"/");
        let decision = filter.decide(&path, directory);
        if desk
            .voice
            .item(Item::Found(Found::Ruling { path: &path, directory, decision: &decision }))
            .is_err()
        {
            // Somebody downstream has seen enough.
            break;
        }
    }
    Ok(Exit::Done)
}
