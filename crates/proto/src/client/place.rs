//! Where in a queue of commands a request may stand, on servers that bear a queue.

use super::request::{Passive, Request};
use crate::grammar::verb::{Data, Verb};

/// Where in a queue of commands a request may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// One command, one reply: anywhere.
    Anywhere,
    /// Says where to connect. pyftpdlib connects at once and answers when it has, after what came behind it
    /// (2026-11): so only servers that bear more than small commands get something behind it.
    Aim,
    /// A transfer: it depends on the server what may come behind it.
    Transfer,
    /// Behind others; but a refusal makes it send a second command, whose reply would come behind those to
    /// what was queued meanwhile. So nothing comes behind it.
    Last,
    /// Nothing before it, nothing behind it.
    Alone,
}

impl Place {
    pub(super) fn of_request(request: &Request) -> Place {
        match request {
            Request::Command(command) => Place::of_command(command.verb),
            Request::Introduce(_) | Request::Restart(_) => Place::Anywhere,
            Request::Active(_) => Place::Aim,
            Request::Passive(passive) => Place::of_passive(*passive),
            Request::Transfer(_) => Place::Transfer,
            Request::Login(_) | Request::Set(_) | Request::Abort | Request::Quit => Place::Alone,
        }
    }

    pub(super) fn of_command(verb: Verb) -> Place {
        match verb.row().data {
            Data::None => Place::Anywhere,
            Data::Address => Place::Aim,
            Data::Send | Data::Receive | Data::Listing => Place::Alone,
        }
    }

    pub(super) fn of_passive(passive: Passive) -> Place {
        match passive {
            Passive::Pasv | Passive::Cpsv | Passive::Epsv(None) => Place::Anywhere,
            Passive::Epsv(Some(_)) => Place::Last,
        }
    }
}
