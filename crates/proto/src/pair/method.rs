//! How two legs are joined.
//!
//! A method says which end listens, which end sends the ClientHello, and how each is told. What each
//! kind of method asks of a leg stands in a file of its own; to add one: a file, a line in [`KINDS`].

mod cpsv;
mod plain;
mod sscn;

use super::job::LegFacts;
use super::leg::Leg;
use crate::client::request::{Passive, Setting};

/// Every kind of method.
pub const KINDS: &[Kind] = &[plain::KIND, cpsv::KIND, sscn::KIND];

/// A kind of method: what its methods have in common.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The word for reports.
    pub word: &'static str,
    /// The role verb of its TLS part, by which its methods are known; `None`: in clear.
    pub by: Option<RoleVerb>,
    /// What a leg must be told before it listens or connects, in this order.
    pub prepare: fn(&Method, Leg, &LegFacts) -> Vec<Setting>,
    /// Its methods, for IPv4.
    pub methods: fn() -> Vec<Method>,
}

/// How the TLS client role is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoleVerb {
    /// CPSV: the passive end plays TLS client for this one transfer.
    Cpsv,
    /// SSCN ON: the end plays TLS client until SSCN OFF.
    Sscn,
}

/// The TLS part of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TlsPart {
    /// Which end sends the ClientHello.
    pub client: Leg,
    /// How it is told to.
    pub by: RoleVerb,
}

/// A way to join two legs: one rung of the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Method {
    /// The end that listens.
    pub passive: Leg,
    /// How it is told to listen. `Cpsv` exactly if `tls` is by CPSV.
    pub verb: Passive,
    /// `None`: in clear.
    pub tls: Option<TlsPart>,
}

impl Method {
    /// What kind of method it is.
    pub fn kind(&self) -> &'static Kind {
        let by = self.tls.map(|tls| tls.by);
        KINDS.iter().find(|kind| kind.by == by).expect("every role verb has its kind, and so has none")
    }

    /// The word for reports: `plain`, `cpsv` or `sscn`.
    pub fn word(&self) -> &'static str {
        self.kind().word
    }

    /// Every method there is, for IPv4: two in clear, six protected.
    pub fn all() -> Vec<Method> {
        KINDS.iter().flat_map(|kind| (kind.methods)()).collect()
    }
}
