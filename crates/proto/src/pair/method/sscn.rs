//! SSCN (RaidenFTPD, 2003): one end, passive or active, is switched to the TLS client role. With IPv6
//! it is the only way.

use super::{Kind, Method, RoleVerb, TlsPart};
use crate::client::request::{Passive, Setting};
use crate::grammar::params::{Protection, TlsRole};
use crate::pair::job::LegFacts;
use crate::pair::leg::Leg;

pub(super) const KIND: Kind = Kind { word: "sscn", by: Some(RoleVerb::Sscn), prepare, methods };

/// Exactly one end is ON. PROT comes first: drftpd refuses SSCN before it.
fn prepare(method: &Method, leg: Leg, facts: &LegFacts) -> Vec<Setting> {
    let is_client = method.tls.is_some_and(|tls| tls.client == leg);
    let mut settings = vec![Setting::Protection(Protection::Private)];
    if is_client {
        settings.push(Setting::Role(TlsRole::Client));
    } else if facts.sscn {
        settings.push(Setting::Role(TlsRole::Server));
    }
    settings
}

fn methods() -> Vec<Method> {
    let ends = [Leg::Destination, Leg::Source];
    ends.into_iter()
        .flat_map(|client| ends.map(|passive| (client, passive)))
        .map(|(client, passive)| Method {
            passive,
            verb: Passive::Pasv,
            tls: Some(TlsPart { client, by: RoleVerb::Sscn }),
        })
        .collect()
}
