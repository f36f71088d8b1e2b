//! One leg's part of an exchange: what is still to be asked, what was asked, how its transfer stands.

use std::collections::VecDeque;

use super::job::{Job, LegFacts, Proof};
use super::leg::Leg;
use super::method::Method;
use super::verdict::Step;
use crate::client::request::{Passive, Request, RequestId, Setting};
use crate::grammar::command::Command;
use crate::grammar::params::{TlsRole, TransferType};
use crate::grammar::reply::Reply;
use crate::grammar::verb::Verb;
use crate::moment::Moment;
use crate::path::VPath;
use crate::wire::text::Text;

/// One leg's part of an exchange.
#[derive(Debug)]
pub(super) struct Side {
    /// What is still to be asked before the transfer.
    pub(super) script: VecDeque<Ask>,
    /// What was asked and has no answer yet: one request, or a transfer and its abort.
    pub(super) asked: VecDeque<Asked>,
    /// How the transfer stands.
    pub(super) transfer: Transfer,
    /// False once nobody knows what the session's next reply will answer.
    pub(super) usable: bool,
}

/// How a leg's transfer stands.
#[derive(Clone, Debug)]
pub(super) enum Transfer {
    /// Not asked for.
    Ahead,
    /// Asked for, and not ended.
    Running,
    /// Ended well.
    Good(Reply),
    /// Ended otherwise; with the server's words, if there were any.
    Bad(Option<Reply>),
}

/// Something to ask.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) step: Step,
    pub(super) request: Request,
    /// Whether a refusal ends the exchange.
    pub(super) needed: Needed,
}

/// Whether a refusal ends the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needed {
    Yes,
    /// No: whatever the server answers, the exchange goes on.
    No,
    /// Yes, unless the server does not know the command.
    IfKnown,
}

/// Something that was asked.
#[derive(Debug)]
pub(super) struct Asked {
    /// `None` until the driver has told it.
    pub(super) id: Option<RequestId>,
    pub(super) step: Step,
    pub(super) verb: Option<Verb>,
    pub(super) needed: Needed,
    /// False for what the next request goes along with.
    pub(super) alone: bool,
    /// When the exchange stops waiting for it.
    pub(super) deadline: Option<Moment>,
}

impl Side {
    /// The part of `leg`, with its script up to the point where it needs the other leg's address.
    pub(super) fn new(leg: Leg, job: &Job) -> Self {
        let script = match job.method.passive == leg {
            true => passive_script(leg, job),
            false => prepare(leg, job).collect(),
        };
        Side { script, asked: VecDeque::new(), transfer: Transfer::Ahead, usable: true }
    }

    /// The command of this leg's transfer.
    pub(super) fn transfer_command(leg: Leg, path: &VPath) -> Command {
        match leg {
            Leg::Source => Command::new(Verb::Retr, path.to_text()),
            Leg::Destination => Command::new(Verb::Stor, path.to_text()),
        }
    }

    /// True if the next request of the script can be asked now.
    pub(super) fn may_be_asked(&self) -> bool {
        self.asked.iter().all(|asked| !asked.alone)
    }

    /// True if everything before the transfer is done.
    pub(super) fn is_ready(&self) -> bool {
        self.script.is_empty() && self.asked.is_empty()
    }

    /// True if the server still works for this exchange.
    pub(super) fn is_busy(&self) -> bool {
        self.usable && !self.asked.is_empty()
    }

    /// True if the transfer was asked for and has not ended.
    pub(super) fn is_transferring(&self) -> bool {
        matches!(self.transfer, Transfer::Running)
    }

    /// True if the transfer runs and the server has said so (1yz).
    pub(super) fn has_begun(&self) -> bool {
        let begun = |asked: &Asked| asked.step == Step::Transfer && asked.deadline.is_none();
        self.usable && self.is_transferring() && self.asked.iter().any(begun)
    }

    /// Takes out what request `id` was, if it is ours.
    pub(super) fn take(&mut self, id: RequestId) -> Option<Asked> {
        let at = self.asked.iter().position(|asked| asked.id == Some(id))?;
        self.asked.remove(at)
    }

    /// The transfer's final reply, where there was one.
    pub(super) fn final_reply(&self) -> Option<&Reply> {
        match &self.transfer {
            Transfer::Good(reply) | Transfer::Bad(Some(reply)) => Some(reply),
            _ => None,
        }
    }

    /// The session is in no known state any more.
    pub(super) fn give_up(&mut self) {
        self.usable = false;
        self.asked.clear();
        self.script.clear();
        if self.is_transferring() {
            self.transfer = Transfer::Bad(None);
        }
    }
}

/// What an exchange begins with. What an earlier file left in force is taken back.
fn prepare(leg: Leg, job: &Job) -> impl Iterator<Item = Ask> + use<> {
    let peer = match &job.proof {
        Proof::Key(_) => None,
        Proof::Pin { by, pin } if *by == leg => Some(Setting::Peer(Some(pin.clone()))),
        Proof::Pin { .. } | Proof::None => Some(Setting::Peer(None)),
    };
    settings(leg, &job.method, job.facts(leg), peer).map(|setting| Ask {
        step: Step::Prepare,
        needed: needed(&setting),
        request: Request::Set(setting),
    })
}

/// TYPE, then whatever the method asks for, then how fast it may be, then what the other end must prove.
pub(super) fn settings(
    leg: Leg,
    method: &Method,
    facts: &LegFacts,
    peer: Option<Setting>,
) -> impl Iterator<Item = Setting> + use<> {
    let own = (method.kind().prepare)(method, leg, facts);
    let rate = facts.rate.clone().map(|limit| Setting::Rate(Some(limit)));
    [Setting::Type(TransferType::Image)].into_iter().chain(own).chain(rate).chain(peer)
}

/// A server that refuses to leave the client role never took it.
pub(super) fn needed(setting: &Setting) -> Needed {
    if *setting == Setting::Role(TlsRole::Server) { Needed::No } else { Needed::Yes }
}

/// PEER KEY, where there is a key: right before a leg is told to listen or where to connect.
pub(super) fn introduction(job: &Job) -> Option<Ask> {
    let Proof::Key(key) = &job.proof else { return None };
    Some(Ask { step: Step::Prepare, request: Request::Introduce(key.clone()), needed: Needed::Yes })
}

fn passive_script(leg: Leg, job: &Job) -> VecDeque<Ask> {
    let facts = job.facts(leg);
    let mut script: VecDeque<Ask> = prepare(leg, job).collect();
    if facts.cepr && matches!(job.method.verb, Passive::Epsv(_)) {
        // Without it EPSV has no address, and the control peer's is taken.
        let request = Request::Set(Setting::ExtendedReply(true));
        script.push_back(Ask { step: Step::Prepare, request, needed: Needed::No });
    }
    script.extend(introduction(job));
    if facts.pret {
        let request = Request::Command(announcement(leg, &facts.path));
        script.push_back(Ask { step: Step::Announce, request, needed: Needed::IfKnown });
    }
    let request = Request::Passive(job.method.verb);
    script.push_back(Ask { step: Step::Listen, request, needed: Needed::Yes });
    script.push_back(restart(job.restart));
    script
}

/// `PRET STOR name`: says what will follow PASV, so that the right machine of a cluster listens.
pub(super) fn announcement(leg: Leg, path: &VPath) -> Command {
    let command = Side::transfer_command(leg, path);
    let mut words = command.verb.name().as_bytes().to_vec();
    words.push(b' ');
    words.extend_from_slice(command.argument.as_bytes());
    Command::new(Verb::Pret, Text::lossy(words))
}

/// REST comes last, because PRET and PASV reset it on some servers.
pub(super) fn restart(offset: u64) -> Ask {
    let needed = if offset == 0 { Needed::No } else { Needed::Yes };
    Ask { step: Step::Restart, request: Request::Restart(offset), needed }
}

/// The verb of a request, for messages.
pub(super) fn verb_of(request: &Request, method: &Method) -> Option<Verb> {
    use crate::grammar::addr::Family;
    match request {
        Request::Command(command) | Request::Transfer(command) => Some(command.verb),
        Request::Set(Setting::Type(_)) => Some(Verb::Type),
        Request::Set(Setting::Protection(_)) => Some(Verb::Prot),
        Request::Set(Setting::Role(_)) => Some(Verb::Sscn),
        Request::Set(Setting::ExtendedReply(_)) => Some(Verb::Cepr),
        Request::Set(Setting::Rate(_)) => Some(Verb::Rate),
        Request::Set(Setting::Peer(_)) | Request::Introduce(_) => Some(Verb::Peer),
        Request::Passive(_) => Some(match method.verb {
            Passive::Pasv => Verb::Pasv,
            Passive::Cpsv => Verb::Cpsv,
            Passive::Epsv(_) => Verb::Epsv,
        }),
        Request::Active(address) => Some(match Family::of(address.ip) {
            Family::V4 => Verb::Port,
            Family::V6 => Verb::Eprt,
        }),
        Request::Restart(_) => Some(Verb::Rest),
        Request::Abort => Some(Verb::Abor),
        Request::Login(_) | Request::Quit => None,
    }
}
