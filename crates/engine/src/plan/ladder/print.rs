//! How a ladder is printed: one line per rung, best first, then what was struck out and why.

use std::fmt;

use fxp_proto::pair::leg::Leg;
use fxp_proto::pair::method::RoleVerb;

use super::{Ladder, Rung, Struck, Why};
use crate::report::Assurance;

impl fmt::Display for Ladder {
    /// One line per rung, best first; then what was struck out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rung) in self.rungs.iter().enumerate() {
            writeln!(f, "{}. {rung}", index + 1)?;
        }
        if self.rungs.is_empty() {
            writeln!(f, "impossible: {}", self.why_impossible())?;
        }
        self.struck.iter().try_for_each(|struck| writeln!(f, "-  {struck}"))
    }
}

impl fmt::Display for Rung {
    /// Passive end, TLS client, source leg, destination leg, assurance.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client = self.method.tls.map_or("none", |part| short(part.client));
        let assurance = match self.assurance {
            Assurance::Encrypted => "encrypted",
            Assurance::Clear => "clear",
            Assurance::Relay => "relay",
            Assurance::Unknown => "unknown",
        };
        write!(
            f,
            "passive {} | TLS client {client} | source {} | destination {} | {assurance}",
            short(self.method.passive),
            self.source,
            self.destination
        )
    }
}

impl fmt::Display for Struck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "passive {} | ", short(self.method.passive))?;
        match self.method.tls {
            Some(part) => write!(f, "TLS client {} by {}", short(part.client), verb_name(part.by))?,
            None => f.write_str("in clear")?,
        }
        write!(f, ": {}", self.why)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Families => f.write_str(
                "one server is reached by IPv4 and the other by IPv6, and a data connection has only one family",
            ),
            Why::ClearForbidden => f.write_str("--secure require forbids clear data"),
            Why::ClearForbiddenBy(leg) => {
                write!(f, "clear data is forbidden because the {leg}'s control connection is TLS (--secure off or prefer would allow it)")
            }
            Why::ProtectionOff => f.write_str("--secure off asks for clear data"),
            Why::OtherMethod => f.write_str("--method asks for another one"),
            Why::OtherPassive => f.write_str("--passive asks for the other end"),
            Why::OtherTlsClient => f.write_str("--tls-client asks for the other end"),
            Why::ControlInClear(leg) => {
                write!(f, "the {leg}'s control connection is in clear, and without TLS there it cannot protect data")
            }
            Why::NotOffered(leg, verb) => write!(f, "the {leg} does not offer {}", verb_name(*verb)),
            Why::CpsvIsIpv4(leg) => write!(f, "CPSV cannot tell the {leg}'s IPv6 address"),
            Why::NeverPassive(leg) => write!(f, "the {leg}'s site entry says passive = false"),
            Why::AlwaysPassive(leg) => write!(f, "the {leg}'s site entry says passive = true"),
            Why::DemandsReuse(leg) => {
                write!(f, "the {leg} demands that data connections resume its client's TLS session (learned earlier)")
            }
            Why::NoForeignPassive(leg) => {
                write!(f, "the {leg} lets no other server connect to it (learned earlier)")
            }
            Why::NoForeignActive(leg) => {
                write!(f, "the {leg} does not connect to other servers (learned earlier)")
            }
        }
    }
}

fn verb_name(verb: RoleVerb) -> &'static str {
    match verb {
        RoleVerb::Cpsv => "CPSV",
        RoleVerb::Sscn => "SSCN",
    }
}

fn short(leg: Leg) -> &'static str {
    match leg {
        Leg::Source => "src",
        Leg::Destination => "dst",
    }
}
