//! TLS on the control connection, and how data connections are protected: AUTH, PBSZ, PROT, SSCN
//! (RFC 2228, RFC 4217, RaidenFTPD's SSCN of 2003).

use crate::grammar::params::{ParameterError, Protection, TlsRole, parse_switch};
use crate::server::machine::{Action, TlsOffer};
use crate::server::state::{Phase, Session};

pub(super) fn auth(session: &mut Session, mechanism: &[u8]) {
    if session.settings.tls == TlsOffer::None {
        return session.say(502, "TLS is not on offer here");
    }
    if session.secured {
        return session.say(503, "the control connection is inside TLS already");
    }
    let Some(protection) = implied_protection(mechanism) else {
        return session.say(504, "only AUTH TLS is understood");
    };
    session.say(234, "ready for the TLS handshake");
    // What was said in clear may have been said by somebody else.
    session.forget();
    session.memory.protection = protection;
    session.memory.buffer_size_given = protection == Protection::Private;
    session.phase = Phase::Securing;
    session.act(Action::StartTls);
}

/// `TLS` and `TLS-C` leave data connections in clear until PROT; `SSL` and `TLS-P` are the older names
/// that imply `PROT P` (RFC 4217, 17; drafts before it).
fn implied_protection(mechanism: &[u8]) -> Option<Protection> {
    match mechanism.to_ascii_uppercase().as_slice() {
        b"TLS" | b"TLS-C" => Some(Protection::Clear),
        b"SSL" | b"TLS-P" => Some(Protection::Private),
        _ => None,
    }
}

/// The handshake succeeded.
pub(in crate::server) fn secured(session: &mut Session) {
    session.secured = true;
    session.phase = Phase::Open;
}

pub(super) fn pbsz(session: &mut Session, size: &[u8]) {
    if !session.secured {
        return session.say(503, "PBSZ needs AUTH TLS first");
    }
    if size.is_empty() || !size.iter().all(u8::is_ascii_digit) {
        return session.refuse(ParameterError::Syntax);
    }
    session.memory.buffer_size_given = true;
    session.say(200, "PBSZ=0");
}

pub(super) fn prot(session: &mut Session, level: &[u8]) {
    if !session.secured {
        return session.say(503, "PROT needs AUTH TLS first");
    }
    if !session.memory.buffer_size_given {
        return session.say(503, "PROT needs PBSZ 0 first");
    }
    match Protection::parse(level) {
        Ok(Protection::Clear) if session.settings.require_private_data => {
            session.say(534, "data connections need PROT P here");
        }
        Ok(protection) => protect(session, protection),
        Err(error) => session.refuse(error),
    }
}

fn protect(session: &mut Session, protection: Protection) {
    if session.memory.protection != protection {
        session.drop_slot();
        session.memory.protection = protection;
    }
    match protection {
        Protection::Private => session.say(200, "data connections are private"),
        Protection::Clear => session.say(200, "data connections are clear"),
    }
}

/// SSCN and CCSN: `ON`, `OFF`, or nothing, which asks.
pub(super) fn sscn(session: &mut Session, switch: &[u8]) {
    if !session.secured {
        return session.say(503, "SSCN needs AUTH TLS first");
    }
    match parse_switch(switch) {
        _ if switch.is_empty() => {}
        Ok(true) => play(session, TlsRole::Client),
        Ok(false) => play(session, TlsRole::Server),
        Err(error) => return session.refuse(error),
    }
    match session.memory.role {
        TlsRole::Client => session.say(200, "SSCN:CLIENT METHOD"),
        TlsRole::Server => session.say(200, "SSCN:SERVER METHOD"),
    }
}

fn play(session: &mut Session, role: TlsRole) {
    if session.memory.role != role {
        session.drop_slot();
        session.memory.role = role;
    }
}
