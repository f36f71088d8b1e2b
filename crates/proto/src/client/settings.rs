//! What is in force on the server, so that nothing is said twice and nothing is assumed wrongly.
//!
//! The cache learns from every final reply, whoever asked: [`Settings::observe`] sees them all.

use crate::grammar::command::Command;
use crate::grammar::params::{Protection, TlsRole, TransferType, parse_rest, parse_switch};
use crate::grammar::peer::{PeerPin, PeerProof, PeerRequest};
use crate::grammar::rate::RateLimit;
use crate::grammar::reply::Reply;
use crate::grammar::verb::Verb;

use super::request::Setting;

/// What is in force; `None` where it is not known.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    transfer_type: Option<TransferType>,
    protection: Option<Protection>,
    role: Option<TlsRole>,
    extended_reply: Option<bool>,
    buffer_size: bool,
    restart: u64,
    peer: Peer,
    /// Every session begins without a ceiling.
    rate: Option<RateLimit>,
    /// SSCN, or CCSN on servers that know only its older name; `None` if neither is offered.
    pub(super) role_verb: Option<Verb>,
}

/// What the other end of a data connection must prove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Peer {
    /// Nothing: so every session begins.
    #[default]
    Nothing,
    /// That it has the key of one transfer. Which key is nobody's business any more.
    Key,
    /// That it owns a certificate.
    Pin(PeerPin),
}

impl Settings {
    /// What holds right after a login: RFC 4217's role, no CEPR, and without TLS nothing to protect.
    pub(super) fn after_login(&mut self, secured: bool, role_verb: Option<Verb>) {
        if !secured {
            self.protection = Some(Protection::Clear);
        }
        self.role = Some(TlsRole::Server);
        self.extended_reply = Some(false);
        self.restart = 0;
        self.role_verb = role_verb;
    }

    /// True if nothing need be sent for `setting`.
    pub(super) fn in_force(&self, setting: &Setting) -> bool {
        match setting {
            Setting::Type(wanted) => self.transfer_type == Some(*wanted),
            Setting::Protection(wanted) => self.protection == Some(*wanted),
            Setting::Role(TlsRole::Server) if self.role_verb.is_none() => true,
            Setting::Role(wanted) => self.role == Some(*wanted),
            Setting::ExtendedReply(wanted) => self.extended_reply == Some(*wanted),
            Setting::Rate(wanted) => self.rate == *wanted,
            Setting::Peer(None) => self.peer == Peer::Nothing,
            Setting::Peer(Some(wanted)) => matches!(&self.peer, Peer::Pin(pin) if pin == wanted),
        }
    }

    /// True if `REST offset` has something to say.
    pub(super) fn restart_matters(&self, offset: u64) -> bool {
        offset != 0 || self.restart != 0
    }

    /// True if PBSZ was accepted on this connection.
    pub(super) fn has_buffer_size(&self) -> bool {
        self.buffer_size
    }

    /// PROT in force; clear until something else is known (RFC 2228, 3).
    pub(super) fn protection(&self) -> Protection {
        self.protection.unwrap_or_default()
    }

    /// Learns from a final reply.
    pub(super) fn observe(&mut self, command: &Command, reply: &Reply) {
        if reply.code.is_completion() || reply.code.is_intermediate() {
            self.accepted(command);
        }
    }

    fn accepted(&mut self, command: &Command) {
        let argument = command.argument.as_bytes();
        match command.verb {
            Verb::Type => self.transfer_type = TransferType::parse(argument).ok(),
            Verb::Prot => self.protection = Protection::parse(argument).ok(),
            Verb::Pbsz => self.buffer_size = true,
            // A bare SSCN asks, except on wzdftpd, where it switches off.
            Verb::Sscn | Verb::Ccsn => self.role = parse_switch(argument).ok().map(role_of),
            // wzdftpd and ioFTPD keep the client role that CPSV gave them, drftpd forgets the one
            // that SSCN gave it (protocol notes, 1.2): afterwards the role is anybody's guess.
            Verb::Cpsv => self.role = None,
            Verb::Cepr => self.extended_reply = parse_switch(argument).ok(),
            Verb::Peer => {
                self.peer = match PeerRequest::parse(argument) {
                    Ok(PeerRequest::Set(PeerProof::Pin(pin))) => Peer::Pin(pin),
                    Ok(PeerRequest::Set(PeerProof::Key(_))) => Peer::Key,
                    Ok(PeerRequest::Off) | Err(_) => Peer::Nothing,
                }
            }
            Verb::Rate => self.rate = RateLimit::parse(argument).unwrap_or_default(),
            Verb::Rest => self.restart = parse_rest(argument).unwrap_or(u64::MAX),
            Verb::User | Verb::Rein | Verb::Auth => *self = Settings::default(),
            _ => {}
        }
    }
}

fn role_of(on: bool) -> TlsRole {
    if on { TlsRole::Client } else { TlsRole::Server }
}
