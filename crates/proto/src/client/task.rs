//! What a request becomes: a chain of one or more commands, and what their replies make of it.

use std::net::IpAddr;

use crate::grammar::addr::{Family, HostPort, parse_227, parse_229};
use crate::grammar::command::Command;
use crate::grammar::params::TlsRole;
use crate::grammar::peer::{PeerProof, PeerRequest};
use crate::grammar::rate::RateLimit;
use crate::grammar::reply::Reply;
use crate::grammar::verb::Verb;
use crate::wire::text::Text;

use super::abort::Abort;
use super::login::LoginChain;
use super::request::{Answer, Passive, Request, Setting};
use super::settings::Settings;

/// A request under way.
#[derive(Debug)]
pub(super) enum Task {
    /// The login chain.
    Login(Box<LoginChain>),
    /// One command, one final reply.
    Single,
    /// As `Single`; the connection closes after it.
    Quit,
    /// A setting.
    Setting(Setting),
    /// PEER KEY; the next request goes with it.
    Introduction,
    /// PASV, EPSV, CPSV.
    Passive(Passive),
    /// A transfer.
    Transfer,
    /// An ABOR, and the transfer it ends.
    Abort(Abort),
}

/// What a task wants after a final reply.
#[derive(Debug)]
pub(super) enum Next {
    /// Nothing yet: more replies are due.
    Wait,
    /// These commands, in this order.
    Send(Vec<Command>),
    /// The TLS handshake.
    StartTls,
    /// It is over.
    Done(Answer),
}

impl Task {
    /// What `request` becomes, and its first step. Aborts are made by the machine, which knows what runs.
    pub(super) fn begin(request: Request, settings: &Settings, window: usize) -> (Task, Next) {
        match request {
            Request::Login(login) => {
                let (chain, next) = LoginChain::begin(login, window);
                (Task::Login(Box::new(chain)), next)
            }
            Request::Command(command) => (Task::Single, send(command)),
            Request::Set(setting) => {
                let next = set(&setting, settings);
                (Task::Setting(setting), next)
            }
            Request::Introduce(key) => {
                (Task::Introduction, send(peer_command(&PeerRequest::Set(PeerProof::Key(key)))))
            }
            Request::Passive(passive) => (Task::Passive(passive), send(passive_command(passive))),
            Request::Active(address) => (Task::Single, send(active_command(address))),
            Request::Restart(offset) => (Task::Single, restart(offset, settings)),
            Request::Transfer(command) => (Task::Transfer, send(command)),
            Request::Abort => (Task::Abort(Abort::idle()), send(Command::bare(Verb::Abor))),
            Request::Quit => (Task::Quit, send(Command::bare(Verb::Quit))),
        }
    }

    /// Takes the final reply to `command`.
    pub(super) fn reply(&mut self, command: &Command, reply: Reply, settings: &Settings) -> Next {
        match self {
            Task::Login(chain) => chain.reply(command, reply, settings),
            Task::Single | Task::Introduction | Task::Quit | Task::Transfer => {
                Next::Done(verdict(command, reply))
            }
            Task::Setting(setting) => setting_reply(setting, command, reply, settings),
            Task::Passive(passive) => passive_reply(passive, command, reply),
            Task::Abort(abort) => abort.reply(reply),
        }
    }
}

/// The answer that a final reply amounts to.
pub(super) fn verdict(command: &Command, reply: Reply) -> Answer {
    if reply.code.is_completion() || reply.code.is_intermediate() {
        Answer::Reply(reply)
    } else {
        refused(command, reply)
    }
}

/// A refusal of `command`, whose secrets `Display` masks.
pub(super) fn refused(command: &Command, reply: Reply) -> Answer {
    Answer::Refused { command: command.to_string(), reply }
}

fn send(command: Command) -> Next {
    Next::Send(vec![command])
}

fn set(setting: &Setting, settings: &Settings) -> Next {
    if settings.in_force(setting) {
        return Next::Done(Answer::Skipped);
    }
    match setting {
        // RFC 4217, 8: PBSZ 0 must come before PROT, once.
        Setting::Protection(_) if !settings.has_buffer_size() => send(Command::new(Verb::Pbsz, "0")),
        _ => send(setting_command(setting, settings)),
    }
}

fn setting_command(setting: &Setting, settings: &Settings) -> Command {
    match setting {
        Setting::Type(kind) => Command::new(Verb::Type, kind.letter()),
        Setting::Protection(protection) => Command::new(Verb::Prot, protection.letter()),
        // Upper case: ProFTPD refuses `on`. With an argument: wzdftpd takes a bare SSCN for OFF.
        Setting::Role(role) => {
            let verb = settings.role_verb.unwrap_or(Verb::Sscn);
            Command::new(verb, if *role == TlsRole::Client { "ON" } else { "OFF" })
        }
        Setting::ExtendedReply(on) => Command::new(Verb::Cepr, if *on { "ON" } else { "OFF" }),
        Setting::Peer(None) => peer_command(&PeerRequest::Off),
        Setting::Rate(limit) => Command::new(Verb::Rate, RateLimit::to_argument(limit.as_ref())),
        Setting::Peer(Some(pin)) => peer_command(&PeerRequest::Set(PeerProof::Pin(pin.clone()))),
    }
}

fn setting_reply(setting: &Setting, command: &Command, reply: Reply, settings: &Settings) -> Next {
    match command.verb {
        // Whatever PBSZ says, PROT decides: some servers know only PROT.
        Verb::Pbsz => send(setting_command(setting, settings)),
        // A server may know SSCN by its older name only, whatever its FEAT says (lundftpd).
        Verb::Sscn if unknown_command(&reply) && settings.role_verb.is_none() => {
            send(Command::new(Verb::Ccsn, command.argument.clone()))
        }
        _ => Next::Done(verdict(command, reply)),
    }
}

fn peer_command(request: &PeerRequest) -> Command {
    Command::new(Verb::Peer, Text::lossy(request.to_argument().as_bytes()))
}

fn passive_command(passive: Passive) -> Command {
    match passive {
        Passive::Pasv => Command::bare(Verb::Pasv),
        Passive::Cpsv => Command::bare(Verb::Cpsv),
        Passive::Epsv(None) => Command::bare(Verb::Epsv),
        Passive::Epsv(Some(Family::V4)) => Command::new(Verb::Epsv, "1"),
        Passive::Epsv(Some(Family::V6)) => Command::new(Verb::Epsv, "2"),
    }
}

fn passive_reply(passive: &mut Passive, command: &Command, reply: Reply) -> Next {
    // ebftpd takes no family (syntax error), pyftpdlib refuses `EPSV 1` on a dual-stack socket (522):
    // without one they listen.
    if matches!(passive, Passive::Epsv(Some(_))) && matches!(reply.code.number(), 500 | 501 | 504 | 522) {
        *passive = Passive::Epsv(None);
        return send(passive_command(*passive));
    }
    if !reply.code.is_completion() {
        return Next::Done(refused(command, reply));
    }
    match listening(*passive, &reply) {
        Some((ip, port)) => Next::Done(Answer::Listening { reply, ip, port }),
        None => Next::Done(refused(command, reply)),
    }
}

fn listening(passive: Passive, reply: &Reply) -> Option<(Option<IpAddr>, u16)> {
    let announced = match passive {
        Passive::Pasv | Passive::Cpsv => parse_227(reply),
        Passive::Epsv(_) => parse_229(reply),
    };
    announced.ok().map(|announced| (announced.ip, announced.port.get()))
}

/// PORT where six numbers can say it, else EPRT.
fn active_command(address: HostPort) -> Command {
    match address.to_port() {
        Some(argument) => Command::new(Verb::Port, argument),
        None => Command::new(Verb::Eprt, address.to_eprt()),
    }
}

fn restart(offset: u64, settings: &Settings) -> Next {
    if settings.restart_matters(offset) {
        send(Command::new(Verb::Rest, Text::lossy(offset.to_string())))
    } else {
        Next::Done(Answer::Skipped)
    }
}

/// 500 and 502: the server does not know the command.
fn unknown_command(reply: &Reply) -> bool {
    matches!(reply.code.number(), 500 | 502)
}
