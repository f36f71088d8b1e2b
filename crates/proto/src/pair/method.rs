//! How two legs are joined.

use super::leg::Leg;
use crate::client::request::Passive;

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
    /// The word for reports: `plain`, `cpsv` or `sscn`.
    pub fn word(&self) -> &'static str {
        match self.tls {
            None => "plain",
            Some(TlsPart { by: RoleVerb::Cpsv, .. }) => "cpsv",
            Some(TlsPart { by: RoleVerb::Sscn, .. }) => "sscn",
        }
    }
}
