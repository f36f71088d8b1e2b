//! What becomes of the protection of data that goes through this machine.

use fxp_proto::grammar::params::Protection;

use super::{CopyRequest, ceiling};
use crate::file::Way;
use crate::lane::Lane;
use crate::plan::ladder::Policy;
use crate::policy::{Secure, Via};
use crate::report::{Assurance, Route, Trouble, TroubleKind};
use crate::side::Side;

/// Direct or through this machine, as the user wants it, between two sides that are connected.
pub(super) async fn choose_way(
    from: &mut Side,
    to: &mut Side,
    request: &CopyRequest,
) -> Result<Way, Trouble> {
    match (&mut *from, &mut *to) {
        (Side::Remote(from), Side::Remote(to)) if request.via != Via::Relay => {
            let lane = Lane::new(from, to, &request.policy).await?;
            if request.bwlimit.is_none() || lane.limiter().is_some() {
                return Ok(Way::Direct(Box::new(lane)));
            }
            if request.via != Via::Auto {
                return Err(ceiling::impossible(&from.server.label, &to.server.label));
            }
        }
        (from, to) => return way_through(from, to, &request.policy),
    }
    Ok(way_through(from, to, &request.policy)?.because(ceiling::RELAYED))
}

/// The way through this machine, between two sides that are connected.
fn way_through(from: &mut Side, to: &mut Side, policy: &Policy) -> Result<Way, Trouble> {
    let local = matches!((&*from, &*to), (Side::Local(_), _) | (_, Side::Local(_)));
    let (protection, assurance) = through(from, to, policy)?;
    let route = if local { Route::Local } else { Route::Relay };
    let lowered = assurance == Assurance::Clear && from.is_secured().max(to.is_secured()) == Some(true);
    let why = if protection == Protection::Clear { ALL_CLEAR } else { HALF_CLEAR };
    let because = lowered.then(|| why.to_owned());
    Ok(Way::Through { protection, assurance, route, because })
}

/// How data is protected on its way through this machine: each leg inside TLS whose server
/// protects data. A leg in clear needs the user's leave, unless everything is in clear anyway.
pub(super) fn through(
    source: &mut Side,
    destination: &mut Side,
    policy: &Policy,
) -> Result<(Protection, Assurance), Trouble> {
    protection([source.protects_data(), destination.protects_data()], policy)
}

/// The same, of what each leg does about data; `None`: it is this machine.
pub(super) fn protection(
    legs: [Option<bool>; 2],
    policy: &Policy,
) -> Result<(Protection, Assurance), Trouble> {
    let legs = legs.into_iter().flatten();
    let (any, all) = legs.fold((false, true), |(any, all), protects| (any || protects, all && protects));
    let refused = |why: &str| {
        Err(Trouble::new(TroubleKind::Tls, why).remedy("--secure prefer protects what can be protected"))
    };
    let (protection, assurance) = match policy.secure {
        Secure::Off => (Protection::Clear, Assurance::Clear),
        Secure::Require if !all => return refused("a leg is in clear, and --secure require forbids that"),
        Secure::Default if any && !all => {
            return refused(
                "one leg is inside TLS and the other in clear, where the bytes would lose their protection",
            );
        }
        _ if all => (Protection::Private, Assurance::Relay),
        _ => (Protection::Private, Assurance::Clear),
    };
    if !policy.assurance.is_met_by(assurance) {
        let why =
            format!("the data would go in clear, and --assurance {} forbids that", policy.assurance.word());
        return Err(
            Trouble::new(TroubleKind::Tls, why).remedy("reach the servers by TLS, without --secure off")
        );
    }
    Ok((protection, assurance))
}

const ALL_CLEAR: &str = "the data went in clear: --secure off";

const HALF_CLEAR: &str = "the data went in clear where a server does not protect it (--secure prefer)";
