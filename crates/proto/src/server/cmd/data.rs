//! Preparing a data connection: PASV, CPSV, EPSV listen; PORT, EPRT name a target; PRET announces what
//! it will be used for (RFC 959, 4.1.2; RFC 2428).

use std::net::SocketAddr;

use super::transfer;
use crate::grammar::addr::{AddressError, Family, HostPort, parse_eprt, parse_port};
use crate::grammar::command::{Command, CommandError};
use crate::grammar::params::{EpsvRequest, Protection, TlsRole, parse_switch};
use crate::grammar::reply::Reply;
use crate::grammar::verb::{Data, Verb};
use crate::server::effect::{Effect, Slot};
use crate::server::pending::Then;
use crate::server::replies;
use crate::server::state::Session;

pub(super) fn port(session: &mut Session, address: &[u8]) {
    if !forbidden_by_epsv_all(session) {
        aim(session, parse_port(address));
    }
}

pub(super) fn eprt(session: &mut Session, address: &[u8]) {
    if !forbidden_by_epsv_all(session) {
        aim(session, parse_eprt(address));
    }
}

pub(super) fn pasv(session: &mut Session) {
    if !forbidden_by_epsv_all(session) {
        let role = session.memory.role;
        listen(session, role, Some(Family::V4));
    }
}

/// PASV whose slot makes us TLS client. Where PROT is C there would be no handshake, and a client that
/// asks for this one surely wants one.
pub(super) fn cpsv(session: &mut Session) {
    if forbidden_by_epsv_all(session) {
        return;
    }
    if session.memory.protection == Protection::Clear && !session.settings.cpsv_in_clear {
        return session.say(503, "CPSV needs PROT P first");
    }
    listen(session, TlsRole::Client, Some(Family::V4));
}

/// EPSV, and as its arguments ebftpd's spelling of CEPR.
pub(super) fn epsv(session: &mut Session, argument: &[u8]) {
    let role = session.memory.role;
    match EpsvRequest::parse(argument) {
        Ok(EpsvRequest::Same) => listen(session, role, None),
        Ok(EpsvRequest::Family(family)) => listen(session, role, Some(family)),
        Ok(EpsvRequest::All) => {
            session.memory.only_epsv = true;
            session.say(200, "only EPSV from now on");
        }
        Ok(EpsvRequest::Extended) => full_epsv(session, true),
        Ok(EpsvRequest::Normal) => full_epsv(session, false),
        Ok(EpsvRequest::Mode) => full_epsv(session, session.memory.full_epsv),
        Err(error) => session.refuse(error),
    }
}

/// CEPR: the 229 of EPSV names the address too, so that a third party can be told.
pub(super) fn cepr(session: &mut Session, switch: &[u8]) {
    match parse_switch(switch) {
        Ok(on) => full_epsv(session, on),
        Err(error) => session.refuse(error),
    }
}

fn full_epsv(session: &mut Session, full: bool) {
    session.memory.full_epsv = full;
    match full {
        true => session.say(200, "EPSV answers with protocol and address (EXTENDED)"),
        false => session.say(200, "EPSV answers with the port alone (NORMAL)"),
    }
}

/// PRET changes nothing here: one server owns all files, so any passive address will do.
pub(super) fn pret(session: &mut Session, announced: &[u8]) {
    let command = match Command::parse(announced) {
        Ok(command) => command,
        Err(CommandError::Missing(verb)) => return session.answer(replies::syntax(verb)),
        Err(_) => return session.say(501, "PRET takes the command that will follow"),
    };
    if matches!(command.verb.row().data, Data::None | Data::Address) {
        return session.say(504, "PRET takes a command that transfers something");
    }
    if transfer::path_of(session, command.argument.as_bytes()).is_some() {
        session.say(200, "ready for it");
    }
}

/// The listener stands.
pub(super) fn announce(session: &mut Session, slot: Slot, address: SocketAddr) {
    let reply = match HostPort::new(address.ip(), address.port()) {
        None => None,
        Some(address) if slot.verb != Verb::Epsv => address.to_227(),
        Some(address) if session.memory.full_epsv => Some(address.to_229_with_address()),
        Some(address) => Some(address.to_229()),
    };
    session.memory.slot = Some(slot);
    match reply {
        Some(reply) => session.answer(reply),
        None => {
            session.drop_slot();
            session.say(425, "this address cannot be told in a 227 reply; use EPSV");
        }
    }
}

/// The target may be connected to.
pub(super) fn keep(session: &mut Session, slot: Slot) {
    let name = slot.verb.name();
    session.memory.slot = Some(slot);
    session.say(200, format!("{name} understood"));
}

fn listen(session: &mut Session, role: TlsRole, family: Option<Family>) {
    let slot = session.new_slot(role, None);
    session.start(Effect::Listen { slot: slot.clone(), family }, Then::Announce(slot));
}

fn aim(session: &mut Session, target: Result<HostPort, AddressError>) {
    match target {
        Ok(target) => {
            let role = session.memory.role;
            let slot = session.new_slot(role, Some(named(session, target)));
            session.start(Effect::Aim(slot.clone()), Then::Keep(slot));
        }
        Err(AddressError::UnknownFamily) => session.say(522, "network protocol not supported, use (1,2)"),
        Err(error) => session.say(501, error.to_string()),
    }
}

/// The address that was meant. lftp 4.9.2 listens on all of its IPv6 addresses and sends `EPRT |2|::|port|`;
/// "any address" can only be the one that it speaks from.
fn named(session: &Session, target: HostPort) -> HostPort {
    let target = target.unmapped();
    match target.ip.is_unspecified() {
        true => HostPort { ip: session.endpoints.peer.ip(), port: target.port }.unmapped(),
        false => target,
    }
}

/// RFC 2428, 4: after EPSV ALL every other address command must be refused.
fn forbidden_by_epsv_all(session: &mut Session) -> bool {
    if session.memory.only_epsv {
        session.answer(Reply::new(503, "EPSV ALL is in effect"));
    }
    session.memory.only_epsv
}
