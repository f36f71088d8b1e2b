//! `fxp doctor`: what two servers can do together, and why not more.

use fxp_engine::doctor::{self, Diagnosis, Examination};

use super::site::server;
use crate::args;
use crate::desk::Desk;
use crate::exit::{Exit, Outcome};
use crate::output::Item;

pub(super) async fn run(args: &args::Doctor, desk: &Desk) -> Outcome<Exit> {
    let joint = args::Joint {
        passive: args.passive,
        tls_client: args.tls_client,
        method: args.method,
        assurance: args.assurance,
    };
    let examination = Examination {
        first: server(&args.first)?,
        second: args.second.as_deref().map(server).transpose()?,
        one_way: args.one_way,
        policy: joint.policy(args.secure),
        probe: args.probe,
    };
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let voice = desk.voice.clone();
    // A reader who has seen enough is no trouble: the probe has to be removed all the same.
    let ear = move |finding: doctor::Finding<'_>| drop(voice.item(Item::Finding(finding)));
    let diagnosis = doctor::examine(&examination, &context, &desk.interrupt.stop(), &ear).await?;
    Ok(exit_of(&diagnosis))
}

/// A direction that is impossible decides; else a probe that stays is something left undone.
fn exit_of(diagnosis: &Diagnosis) -> Exit {
    let exits: Vec<Exit> = diagnosis.troubles.iter().map(|trouble| trouble.kind.into()).collect();
    match Exit::of_many(&exits) {
        Exit::Done if diagnosis.leftovers > 0 => Exit::SomeFailed,
        exit => exit,
    }
}
