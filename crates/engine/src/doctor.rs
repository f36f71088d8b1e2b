//! What two servers can do together: what each of them is, the ladder in both directions, and for what is
//! impossible the reason and the remedy. With a probe, also whether each rung really works.
//!
//! Without a probe nothing on the servers is changed; logging in is all that is done. [`probe`] is the only
//! part that writes, and what it wrote it removes, whatever happens.

mod probe;
mod trials;

use fxp_proto::path::VPath;

use crate::context::Context;
use crate::explain::{self, Pair};
use crate::lane::Lane;
use crate::look::{self, ServerFacts};
use crate::plan::ladder::{Ladder, Policy, Rung};
use crate::plan::walk::interrupted;
use crate::pool::Pool;
use crate::product::Products;
use crate::report::{Trouble, TroubleKind, Verification};
use crate::retry;
use crate::run::Stop;
use crate::side::Side;
use crate::site::{Location, locate};
use crate::url::Address;

use probe::Probe;

/// Whom to examine, and how.
#[derive(Clone, Debug)]
pub struct Examination {
    /// A server; its path is where a probe is put.
    pub first: Address,
    /// Another one; without it only the first is looked at.
    pub second: Option<Address>,
    /// Only from the first to the second.
    pub one_way: bool,
    /// As for a copy; source and destination are those of each direction.
    pub policy: Policy,
    /// Move a small file through each rung.
    pub probe: bool,
}

/// Something that was found, in the order in which it is found.
#[derive(Clone, Copy, Debug)]
pub enum Finding<'a> {
    /// What a server is.
    Server {
        /// As a person calls it.
        name: &'a str,
        /// What it told.
        facts: &'a ServerFacts,
    },
    /// How files could go from one to the other.
    Ladder {
        /// From where to where.
        direction: &'a Direction,
        /// What the two servers are.
        products: &'a Products,
        /// The methods.
        ladder: &'a Ladder,
        /// What is tried, if a probe was asked for: the ladder, and what only earlier lessons forbid.
        tried: &'a [Rung],
    },
    /// What came of one rung.
    Trial {
        /// From where to where.
        direction: &'a Direction,
        /// Its number, from 1.
        number: usize,
        /// The rung.
        rung: &'a Rung,
        /// What came of it.
        outcome: &'a Outcome,
    },
    /// The end of one direction.
    Verdict {
        /// From where to where.
        direction: &'a Direction,
        /// What came of it.
        verdict: &'a Verdict,
    },
    /// A probe could not be removed.
    Leftover {
        /// Where it is.
        place: &'a str,
        /// Why it stays.
        trouble: &'a Trouble,
    },
}

/// From where to where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direction {
    /// The source, as a person calls it.
    pub source: String,
    /// The destination.
    pub destination: String,
}

/// What came of one rung.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The probe arrived, and is the same on both sides.
    Works(Verification),
    /// A server refused it, the network failed, or what arrived is not what was sent.
    Fails(Trouble),
    /// Not tried: another rung's refusal says that this one cannot work either; its number.
    RuledOut(usize),
}

/// What came of one direction.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// True if something works or, without a probe, may work.
    pub possible: bool,
    /// True if a probe was sent.
    pub tried: bool,
    /// Why nothing works.
    pub trouble: Option<Trouble>,
}

/// What the whole examination came to.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// Why a direction is impossible, one for each such direction.
    pub troubles: Vec<Trouble>,
    /// Probes that could not be removed.
    pub leftovers: usize,
}

/// Who hears of each finding.
pub type Ear<'a> = &'a (dyn Fn(Finding<'_>) + Send + Sync);

/// Examines one server or two.
///
/// # Errors
///
/// No session with one of them, no probe, interrupted. That a direction is impossible is no error, but a
/// finding.
pub async fn examine(
    request: &Examination,
    context: &Context,
    stop: &Stop,
    ear: Ear<'_>,
) -> Result<Diagnosis, Trouble> {
    let pool = Pool::new(context.clone(), request.policy.secure);
    let mut patients = Vec::with_capacity(2);
    for (address, word) in
        [Some(&request.first), request.second.as_ref()].into_iter().zip(["first", "second"])
    {
        let Some(address) = address else { continue };
        let Location::Remote { server, path } = locate(address, context)? else {
            return Err(Trouble::new(TroubleKind::Usage, format!("{address} is no server")));
        };
        let name = if server.is_site { server.label.clone() } else { server.key() };
        let side = Side::Remote(Box::new(pool.link((*server).clone(), word)));
        patients.push(Patient { name, typed: path, side, directory: VPath::root() });
    }
    let outcome = consult(request, &mut patients, stop, ear).await;
    for patient in &mut patients {
        patient.side.close().await;
    }
    outcome
}

/// A server under examination.
struct Patient {
    name: String,
    typed: Vec<u8>,
    side: Side,
    /// Where a probe is put.
    directory: VPath,
}

async fn consult(
    request: &Examination,
    patients: &mut [Patient],
    stop: &Stop,
    ear: Ear<'_>,
) -> Result<Diagnosis, Trouble> {
    for patient in patients.iter_mut() {
        let Side::Remote(link) = &mut patient.side else { unreachable!("patients are servers") };
        let looked = async {
            patient.directory = link.resolve(&patient.typed).await?;
            look::look(link).await
        };
        let mut stopping = stop.clone();
        let facts = tokio::select! {
            facts = looked => facts?,
            () = retry::stopped(&mut stopping) => return Err(interrupted()),
        };
        ear(Finding::Server { name: &patient.name, facts: &facts });
    }
    let mut diagnosis = Diagnosis::default();
    let [first, second] = patients else { return Ok(diagnosis) };
    let mut probe = request.probe.then(Probe::new);
    let there = examine_direction(request, first, second, probe.as_mut(), stop, ear).await;
    let back = match &there {
        Ok(_) if !request.one_way => {
            Some(examine_direction(request, second, first, probe.as_mut(), stop, ear).await)
        }
        _ => None,
    };
    // Before anything else, whatever came of it.
    if let Some(probe) = probe {
        diagnosis.leftovers = probe.remove_all([first, second], ear).await;
    }
    for verdict in [Some(there), back].into_iter().flatten() {
        diagnosis.troubles.extend(verdict?.trouble);
    }
    Ok(diagnosis)
}

/// One direction: its ladder, and with a probe what came of each rung.
async fn examine_direction(
    request: &Examination,
    source: &mut Patient,
    destination: &mut Patient,
    probe: Option<&mut Probe>,
    stop: &Stop,
    ear: Ear<'_>,
) -> Result<Verdict, Trouble> {
    let direction = Direction { source: source.name.clone(), destination: destination.name.clone() };
    let (Side::Remote(from), Side::Remote(to)) = (&mut source.side, &mut destination.side) else {
        unreachable!("patients are servers")
    };
    let mut lane = Lane::new(from, to, &request.policy).await?;
    let tried = if probe.is_some() { lane.every_rung() } else { Vec::new() };
    let (ladder, products) = (lane.ladder.clone(), *lane.products());
    ear(Finding::Ladder { direction: &direction, products: &products, ladder: &ladder, tried: &tried });
    let name = format!("{} to {}", direction.source, direction.destination);
    let pair = Pair { name: &name, products: &products, ladder: &ladder };
    let verdict = match probe {
        Some(probe) if !tried.is_empty() => {
            let trials = trials::Trials { pair, direction: &direction, rungs: &tried, ear };
            let verdict = trials.run(&mut lane, source, destination, probe, stop).await;
            lane.close().await;
            verdict?
        }
        _ => {
            let possible = !ladder.rungs.is_empty();
            let trouble = (!possible).then(|| explain::impossible(pair));
            Verdict { possible, tried: false, trouble }
        }
    };
    ear(Finding::Verdict { direction: &direction, verdict: &verdict });
    Ok(verdict)
}

impl Patient {
    /// Gives up the session: its replies are out of step.
    fn retire(&mut self) {
        if let Some(link) = self.side.link() {
            link.retire();
        }
    }
}
