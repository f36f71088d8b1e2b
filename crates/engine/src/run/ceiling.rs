//! `--bwlimit`: who sees to the ceiling of speed.
//!
//! In a direct copy the bytes are not ours to slow down, so one of the two servers is asked to (RATE): all lanes'
//! sessions with it are in one group, whose transfers together are no faster than the ceiling. What goes through
//! this machine is slowed down here. Where several servers have to do it, each gets an equal share.

use fxp_client::data::Throttle;
use fxp_proto::grammar::rate::RateLimit;
use fxp_proto::pair::leg::Leg;
use fxp_proto::wire::text::Text;

use crate::file::Way;
use crate::report::{Trouble, TroubleKind};

/// Asks whoever can for their share of `bytes_per_second`; the throttle is for what goes through this machine. Every
/// direct way must have a server that knows RATE.
pub(super) fn impose(bytes_per_second: u64, ways: &mut [Way]) -> Result<Throttle, Trouble> {
    let by = |way: &Way| match way {
        Way::Direct(lane) => lane.limiter(),
        Way::Through { .. } => None,
    };
    let at_destination = ways.iter().any(|way| by(way) == Some(Leg::Destination));
    let at_sources = ways.iter().filter(|way| by(way) == Some(Leg::Source)).count() as u64;
    let here = ways.iter().any(|way| matches!(way, Way::Through { .. }));
    let shares = u64::from(at_destination) + at_sources + u64::from(here);
    let share = bytes_per_second / shares.max(1);
    if !(RateLimit::LEAST..=RateLimit::MOST).contains(&share) {
        let what = format!("--bwlimit leaves {share} bytes a second for each of {shares} that see to it");
        let remedy = format!("between {} and {} are possible", RateLimit::LEAST, RateLimit::MOST);
        return Err(Trouble::new(TroubleKind::Usage, what).remedy(remedy));
    }
    let group = Text::lossy(format!("fxp-{:016x}", rand::random::<u64>()));
    for way in ways {
        if let Way::Direct(lane) = way {
            lane.limit(RateLimit { bytes_per_second: share, group: Some(group.clone()) });
        }
    }
    Ok(Throttle::new(share))
}

/// The ceiling where there are several destinations, which feed each other: each of them gets an equal share, whoever
/// sends to it.
pub(crate) struct Shares {
    share: u64,
    /// Copies that one destination gets at a time.
    each: u64,
    group: String,
    /// For each destination, of what goes to it through this machine.
    throttles: Vec<Throttle>,
}

impl Shares {
    /// For so many destinations, each of which gets so many copies at a time.
    pub(super) fn of(bytes_per_second: u64, destinations: usize, each: usize) -> Result<Self, Trouble> {
        let each = each.max(1) as u64;
        let share = bytes_per_second / destinations.max(1) as u64;
        if !(RateLimit::LEAST..=RateLimit::MOST).contains(&(share / each)) {
            let what = format!(
                "--bwlimit leaves {share} bytes a second for each of {destinations} destinations, which get up to \
                 {each} files at a time"
            );
            let remedy = format!("at least {} bytes a second for each file are possible", RateLimit::LEAST);
            return Err(Trouble::new(TroubleKind::Usage, what).remedy(remedy));
        }
        let throttles = (0..destinations).map(|_| Throttle::new(share)).collect();
        Ok(Shares { share, each, group: format!("fxp-{:016x}", rand::random::<u64>()), throttles })
    }

    /// Asks whoever can to see to the share of the destination that a pair leads to: the destination for all that it
    /// gets; else whoever sends, who knows of no others, for each single copy.
    pub(super) fn impose(&self, pair: usize, way: &mut Way) {
        let Way::Direct(lane) = way else { return };
        let limit = match lane.limiter() {
            Some(Leg::Source) => RateLimit { bytes_per_second: self.share / self.each, group: None },
            Some(Leg::Destination) | None => {
                let group = Text::lossy(format!("{}-{}", self.group, pair % self.throttles.len()));
                RateLimit { bytes_per_second: self.share, group: Some(group) }
            }
        };
        lane.limit(limit);
    }

    /// For what goes through this machine to the destination that a pair leads to.
    pub(super) fn throttle(&self, pair: usize) -> &Throttle {
        &self.throttles[pair % self.throttles.len()]
    }
}

/// Neither server can slow the transfer down.
pub(super) fn impossible(source: &str, destination: &str) -> Trouble {
    let what = format!(
        "--bwlimit is impossible here: neither {source} nor {destination} can limit its speed (RATE)"
    );
    Trouble::new(TroubleKind::Usage, what)
        .remedy("--via relay limits it on this machine, through which the bytes then go; or use fxpd at one of the ends")
}

/// Why a copy that might go through this machine does.
pub(super) const RELAYED: &str =
    "the data came through this machine: neither server can limit its speed (--bwlimit)";
