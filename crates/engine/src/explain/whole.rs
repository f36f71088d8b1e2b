//! When no rung is left, or a file failed for good: the whole of it, with what was tried and what would help.

use std::collections::HashSet;

use fxp_proto::pair::exchange::{Failure, Refusal, Step};
use fxp_proto::pair::leg::Leg;

use super::remedy::{is_unproven, of_unproven};
use super::{RELAY, remedy, remedy_of_address, remedy_of_reuse, sentence, words};
use crate::plan::ladder::{Ladder, Rung, Why};
use crate::policy::AssuranceChoice;
use crate::product::Products;
use crate::report::{Trouble, TroubleKind};
use crate::trouble;

/// Two servers and what was to be copied between them.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// `ftp://a/f to ftp://b/f`.
    pub name: &'a str,
    /// What they are.
    pub products: &'a Products,
    /// How they could be joined.
    pub ladder: &'a Ladder,
}

/// Every rung that was tried failed; `None` if none was. The kind is [`TroubleKind::Network`] if only the
/// network failed, each time: another time may be better.
pub fn refused(pair: Pair<'_>, failures: &[(Rung, Failure)]) -> Option<Trouble> {
    let (_, decisive) = failures.iter().max_by_key(|(_, failure)| weight(failure))?;
    let rungs = failures
        .iter()
        .map(|(rung, failure)| format!("{rung}: {}", sentence(rung, failure, pair.products)))
        .collect();
    let (alike, others): (Vec<_>, Vec<_>) =
        failures.iter().partition(|(rung, failure)| is_unproven(rung, failure));
    let mut remedies: Vec<String> = of_unproven(&alike, pair.products).into_iter().collect();
    for (rung, failure) in others {
        if !turned_away(rung, failure, failures)
            && let Some(remedy) = remedy(rung, failure, pair.products)
            && !remedies.contains(&remedy)
        {
            remedies.push(remedy);
        }
    }
    let (kind, what) = match weight(decisive) {
        0 => (TroubleKind::Network, format!("no way of copying {} directly worked", pair.name)),
        _ => (TroubleKind::FxpImpossible, format!("FXP of {} was refused", pair.name)),
    };
    if kind == TroubleKind::Network {
        remedies.push(AGAIN.to_owned());
    }
    remedies.push(RELAY.to_owned());
    let mut trouble =
        Trouble::new(kind, what).on(Some(decisive.leg)).class(decisive.class).remedy(remedies.join("; or "));
    trouble.words = words(decisive);
    trouble.rungs = rungs;
    Some(trouble)
}

/// The data connection broke, in whatever way, at an end that listens and that has refused the other server's
/// address elsewhere in plain words: it turned the other server away, and firewalls and certificates have
/// nothing to do with it.
pub(crate) fn turned_away(rung: &Rung, failure: &Failure, failures: &[(Rung, Failure)]) -> bool {
    let refuses =
        |(_, other): &(Rung, Failure)| other.class == Refusal::Policy && other.leg == rung.method.passive;
    is_vague(failure) && failures.iter().any(refuses)
}

/// A failure that says that the data connection did not come about, and not why.
fn is_vague(failure: &Failure) -> bool {
    let broken = failure.reply.as_ref().is_none_or(|reply| matches!(reply.code.number(), 425 | 426));
    match failure.class {
        Refusal::Connectivity | Refusal::TimedOut | Refusal::Lost => true,
        Refusal::TlsRole => broken,
        _ => false,
    }
}

/// The ladder has no rung.
pub fn impossible(pair: Pair<'_>) -> Trouble {
    let Pair { name, products, ladder } = pair;
    let reasons = ladder.reasons();
    let addresses =
        reasons.iter().any(|why| matches!(why, Why::NoForeignPassive(_) | Why::NoForeignActive(_)));
    let mut remedies: Vec<String> = reasons
        .into_iter()
        // Whoever refuses the address refuses it in clear too.
        .filter(|why| !(addresses && matches!(why, Why::ClearForbidden | Why::ClearForbiddenBy(_))))
        .filter_map(|why| against(why, products))
        .collect();
    if ladder.learned_objections() {
        remedies.push(STILL_SO.to_owned());
    }
    let server_only: Vec<&str> = Leg::BOTH
        .into_iter()
        .filter_map(|leg| products.of(leg))
        .filter(|product| product.tls_server_only)
        .map(|product| product.name)
        .collect();
    if server_only.len() == 2 {
        let never = match server_only[0] == server_only[1] {
            true => server_only[0].to_owned(),
            false => server_only.join(" and "),
        };
        remedies.insert(
            0,
            format!(
                "protected FXP needs an end that can be TLS client (fxpd, ProFTPD, glFTPd, DrFTPD and others), and \
                 {never} never can"
            ),
        );
    }
    remedies.push(RELAY.to_owned());
    let mut seen = HashSet::new();
    remedies.retain(|remedy| seen.insert(remedy.clone()));
    let what = format!("FXP of {name} is impossible: {}", ladder.why_impossible_for(products));
    let too_little = ladder
        .struck
        .iter()
        .any(|struck| matches!(struck.why, Why::NotProvable(..) | Why::ClearIsNotEnough(_)));
    let kind = if too_little { TroubleKind::Tls } else { TroubleKind::FxpImpossible };
    let mut trouble = Trouble::new(kind, what).remedy(remedies.join("; or "));
    trouble.rungs = ladder.struck.iter().map(|struck| struck.sentence(products)).collect();
    trouble
}

/// What would take back a reason against a method.
fn against(why: Why, products: &Products) -> Option<String> {
    Some(match why {
        Why::DemandsReuse(leg) => remedy_of_reuse(leg, products),
        Why::NoForeignPassive(leg) => remedy_of_address(leg, true, products),
        Why::NoForeignActive(leg) => remedy_of_address(leg, false, products),
        Why::ControlInClear(leg) => {
            format!("reach {} by TLS (ftpes://, or tls = \"require\" in its site entry)", products.who(leg))
        }
        Why::Families => {
            "reach both servers by one family of addresses, if both have one in common (data_address in the \
                          site entry names the other address)"
                .to_owned()
        }
        Why::CpsvIsIpv4(leg) => format!("reach {} by IPv4", products.who(leg)),
        Why::ClearForbidden | Why::ClearForbiddenBy(_) => {
            "--secure off copies in clear, for everybody on the way to read".to_owned()
        }
        Why::ProtectionOff => "leave out --secure off".to_owned(),
        Why::OtherMethod => "leave out --method".to_owned(),
        Why::OtherPassive => "leave out --passive".to_owned(),
        Why::OtherTlsClient => "leave out --tls-client".to_owned(),
        Why::NotProvable(AssuranceChoice::Confidential | AssuranceChoice::Authentic, _) => {
            "--assurance encrypted does with less".to_owned()
        }
        Why::NotProvable(..) => "leave out --assurance for the best that these two can do".to_owned(),
        Why::ClearIsNotEnough(_) => "leave out --secure".to_owned(),
        Why::Unproven(_) => return None,
        Why::NeverPassive(leg) | Why::AlwaysPassive(leg) => {
            format!(
                "take `passive` out of the site entry of {}, or name the end with --passive",
                products.who(leg)
            )
        }
        Why::NotOffered(..) => return None,
    })
}

/// A failure that is the file's, not the rung's.
pub fn of_file(rung: &Rung, failure: &Failure, products: &Products) -> Trouble {
    let path_kind = match failure.leg {
        Leg::Source => TroubleKind::SourceNotFound,
        Leg::Destination => TroubleKind::DestinationDenied,
    };
    // "Too many", said with 4yz, passes.
    let later = failure.reply.as_ref().is_some_and(|reply| reply.code.is_transient());
    let class = match failure.class {
        Refusal::Login if later => Refusal::Transient,
        class => class,
    };
    let mut trouble = Trouble::new(trouble::kind_of(class, path_kind), sentence(rung, failure, products))
        .on(Some(failure.leg))
        .class(class);
    trouble.words = words(failure);
    trouble.remedy = remedy(rung, failure, products);
    trouble
}

/// The failure is the file's: another rung would meet the same.
pub fn is_about_the_file(failure: &Failure) -> bool {
    matches!(failure.class, Refusal::Aborted | Refusal::Path | Refusal::Space | Refusal::Login)
        || failure.step == Step::Restart
}

/// A data connection that stood and broke (426): the servers do reach each other.
pub(crate) fn broke_off(failure: &Failure) -> bool {
    failure.reply.as_ref().is_some_and(|reply| reply.code.number() == 426)
}

/// How much a failure explains when everything failed; 0 is the network's mood.
fn weight(failure: &Failure) -> u8 {
    match failure.class {
        Refusal::Connectivity if broke_off(failure) => 0,
        Refusal::Lost | Refusal::TimedOut | Refusal::Transient | Refusal::Aborted | Refusal::Login => 0,
        Refusal::Other | Refusal::Path | Refusal::Space => 1,
        Refusal::Connectivity | Refusal::Unsupported => 2,
        Refusal::Address => 3,
        Refusal::TlsRole | Refusal::Policy | Refusal::Proof => 4,
    }
}

const STILL_SO: &str = "fxp doctor --try finds out whether what was learned earlier is still so";

const AGAIN: &str = "the same command another time, which continues what has arrived";
