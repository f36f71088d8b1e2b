//! In clear: RFC 959, 5.2, and nothing else. Works with every server that allows foreign addresses.

use super::{Kind, Method};
use crate::client::request::{Passive, Setting};
use crate::grammar::params::Protection;
use crate::pair::job::LegFacts;
use crate::pair::leg::Leg;

pub(super) const KIND: Kind = Kind { word: "plain", by: None, prepare, methods };

/// PROT C on both: a ClientHello towards an end in clear would become the first bytes of the file.
fn prepare(_method: &Method, _leg: Leg, _facts: &LegFacts) -> Vec<Setting> {
    vec![Setting::Protection(Protection::Clear)]
}

fn methods() -> Vec<Method> {
    [Leg::Destination, Leg::Source].map(|passive| Method { passive, verb: Passive::Pasv, tls: None }).into()
}
