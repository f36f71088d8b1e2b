//! How a ladder is printed: one line per rung, best first, then what was struck out and why.

use std::fmt;

use fxp_proto::pair::leg::Leg;
use fxp_proto::pair::method::RoleVerb;

use super::{Ladder, Peer, Rung, Struck, Why};
use crate::policy::AssuranceChoice;
use crate::product::Products;
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
            Assurance::Mutual => "mutual",
            Assurance::Confidential => "confidential",
            Assurance::Authentic => "authentic",
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
        f.write_str(&self.sentence(&Products::default()))
    }
}

impl Struck {
    /// The method and the reason, with the names of the products.
    pub fn sentence(&self, products: &Products) -> String {
        let passive = short(self.method.passive);
        let how = match self.method.tls {
            Some(part) => format!("TLS client {} by {}", short(part.client), verb_name(part.by)),
            None => "in clear".to_owned(),
        };
        format!("passive {passive} | {how}: {}", self.why.sentence(products))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(&Products::default()))
    }
}

impl Why {
    /// The reason, with the names of the products.
    pub fn sentence(self, products: &Products) -> String {
        let who = |leg| products.who(leg);
        match self {
            Why::Families => {
                "one server is reached by IPv4 and the other by IPv6, and a data connection has only one family".into()
            }
            Why::ClearForbidden => "--secure require forbids clear data".into(),
            Why::ClearForbiddenBy(leg) => format!(
                "clear data is forbidden because the {leg}'s control connection is TLS (--secure off or prefer would \
                 allow it)"
            ),
            Why::ProtectionOff => "--secure off asks for clear data".into(),
            Why::OtherMethod => "--method asks for another one".into(),
            Why::OtherPassive => "--passive asks for the other end".into(),
            Why::OtherTlsClient => "--tls-client asks for the other end".into(),
            Why::ControlInClear(leg) => {
                format!("the {leg}'s control connection is in clear, and without TLS there it cannot protect data")
            }
            Why::NotOffered(leg, verb) => format!("{} does not offer {}", who(leg), verb_name(verb)),
            Why::CpsvIsIpv4(leg) => format!("CPSV cannot tell the {leg}'s IPv6 address"),
            Why::NeverPassive(leg) => format!("the {leg}'s site entry says passive = false"),
            Why::AlwaysPassive(leg) => format!("the {leg}'s site entry says passive = true"),
            Why::Unproven(Peer::Expect(leg)) => format!(
                "{} can verify the other server (PEER EXPECT), and data in clear would give that up",
                who(leg)
            ),
            Why::Unproven(_) => {
                "the servers can prove to each other who they are (PEER KEY), and data in clear would give that up".into()
            }
            Why::NotProvable(wanted, leg) => {
                let form = if wanted == AssuranceChoice::Mutual { "PEER KEY" } else { "PEER" };
                let lacking = match leg {
                    Some(leg) => format!("{} does not offer {form}", who(leg)),
                    None => format!("neither server offers {form}"),
                };
                format!("--assurance {} is out of reach: {lacking}", wanted.word())
            }
            Why::ClearIsNotEnough(wanted) => format!("--assurance {} forbids clear data", wanted.word()),
            Why::DemandsReuse(leg) => format!(
                "{} demands that data connections resume its client's TLS session (learned earlier)",
                who(leg)
            ),
            Why::NoForeignPassive(leg) => {
                format!("{} lets no other server connect to it (learned earlier)", who(leg))
            }
            Why::NoForeignActive(leg) => {
                format!("{} does not connect to other servers (learned earlier)", who(leg))
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
