//! CPSV: the end that listens plays TLS client, for this one transfer. The other end needs no command
//! that an ordinary FTPS server does not have. IPv4 only: there is no extended CPSV.

use super::{Kind, Method, RoleVerb, TlsPart};
use crate::client::request::{Passive, Setting};
use crate::grammar::params::{Protection, TlsRole};
use crate::pair::job::LegFacts;
use crate::pair::leg::Leg;

pub(super) const KIND: Kind = Kind { word: "cpsv", by: Some(RoleVerb::Cpsv), prepare, methods };

/// SSCN OFF on both, where it is known: an earlier SSCN ON, or an earlier CPSV on a server that does
/// not forget it (wzdftpd), would make both ends send a ClientHello.
fn prepare(_method: &Method, _leg: Leg, facts: &LegFacts) -> Vec<Setting> {
    let mut settings = vec![Setting::Protection(Protection::Private)];
    if facts.sscn {
        settings.push(Setting::Role(TlsRole::Server));
    }
    settings
}

fn methods() -> Vec<Method> {
    let method = |passive| Method {
        passive,
        verb: Passive::Cpsv,
        tls: Some(TlsPart { client: passive, by: RoleVerb::Cpsv }),
    };
    [Leg::Destination, Leg::Source].map(method).into()
}
