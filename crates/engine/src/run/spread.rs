//! A copy to several destinations: whatever has arrived at one of them is a source for the others.
//!
//! * `survey` looks at one destination, all of them at once; whoever is looked at joins while others are still
//!   looked at, so that nobody waits for somebody slow or dead;
//! * `strength` knows what a way from one place to another is worth;
//! * `schedule` decides who feeds whom;
//! * `table` knows where each file is;
//! * `traffic` hands the schedule's jobs to the lanes of a crew, and tells the schedule what came of them.

mod schedule;
mod strength;
mod survey;
mod table;
mod traffic;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fxp_proto::pair::leg::Leg;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::ceiling::Shares;
use super::crew::{Crew, Pair, Shared};
use super::goals::Goals;
use super::goodput::Goodput;
use super::memory::Names;
use super::{After, Bounds, CopyRequest, Run, Stop, conductor, interrupted, passed_through};
use crate::context::Context;
use crate::journal::Totals;
use crate::plan::select::Origin;
use crate::pool::Pool;
use crate::publish::Publisher;
use crate::report::{Report, Trouble, TroubleKind};
use crate::retry;
use crate::side::Side;
use crate::site::Location;

use schedule::MOST_PLACES;
use strength::Ability;
use survey::Ground;
use traffic::Traffic;

/// Copies to `request.destination` and to `request.others`.
///
/// # Errors
///
/// What is wrong with the request or with the source. What is wrong with a destination is in the report.
pub(super) async fn copy(request: CopyRequest, context: &Context, stop: Stop) -> Result<Report, Trouble> {
    let (began, before) = (Instant::now(), passed_through(&context.environment.meter));
    if request.bounds.max_transfer.is_some() || request.bounds.max_duration.is_some() {
        return Err(Trouble::new(TroubleKind::Usage, "a limit is for a copy to one destination").remedy(
            "leave out --max-transfer and --max-duration, or copy to one destination after the other",
        ));
    }
    let places = Places::of(&request, context)?;
    context.ledger.planned(Totals::default());
    let pool = Pool::new(context.clone(), request.policy.secure);
    let outcome = spread(request, places, context, stop, &pool).await;
    pool.close().await;
    let mut report = outcome?;
    report.elapsed = began.elapsed();
    report.through_client = passed_through(&context.environment.meter).since(before);
    Ok(report)
}

/// As [`super::rehearse`]. A destination that is not there now may be there later.
pub(super) async fn rehearse(request: &CopyRequest, context: &Context, stop: Stop) -> Result<(), Trouble> {
    Places::of(request, context)?;
    let mut outcome = Ok(());
    let mut any = false;
    for destination in std::iter::once(&request.destination).chain(&request.others) {
        let single = CopyRequest { destination: destination.clone(), others: Vec::new(), ..request.clone() };
        match Run::begin(single, After::Kept, context, stop.clone()).await {
            Ok(mut run) => {
                run.close().await;
                any = true;
            }
            Err(trouble) if trouble.kind == TroubleKind::Interrupted => return Err(trouble),
            Err(trouble) => outcome = Err(trouble),
        }
    }
    if any { Ok(()) } else { outcome }
}

/// Where everything is.
struct Places {
    /// As they were typed.
    sources: Vec<Location>,
    destinations: Vec<Location>,
    /// Whether each of the destinations was written with a slash at its end.
    contents: Vec<bool>,
}

impl Places {
    fn of(request: &CopyRequest, context: &Context) -> Result<Self, Trouble> {
        let usage = |what: String| Err(Trouble::new(TroubleKind::Usage, what));
        let typed = || std::iter::once(&request.destination).chain(&request.others);
        if typed().count() >= MOST_PLACES {
            return usage(format!("there can be at most {} destinations", MOST_PLACES - 1));
        }
        let mut places = Places {
            sources: Vec::new(),
            destinations: Vec::new(),
            contents: typed().map(|address| address.means_contents()).collect(),
        };
        for destination in typed() {
            let single = CopyRequest { destination: destination.clone(), ..request.clone() };
            let (sources, destination) = super::locations(&single, context)?;
            if places.destinations.iter().any(|other| is_same(other, &destination)) {
                return usage(format!("the destination {} is named twice", place_name(&destination, true)));
            }
            places.sources = sources;
            places.destinations.push(destination);
        }
        Ok(places)
    }

    /// What they are called, the source first; with their paths where the servers alone say too little.
    fn names(&self) -> Vec<String> {
        let all: Vec<&Location> = self.sources.iter().take(1).chain(&self.destinations).collect();
        let short: Vec<String> = all.iter().map(|place| place_name(place, false)).collect();
        let is_alone = |name: &String| short.iter().filter(|other| *other == name).count() == 1;
        let full = !short.iter().all(is_alone);
        all.iter().map(|place| place_name(place, full)).collect()
    }
}

/// As a person may type it.
fn place_name(place: &Location, with_path: bool) -> String {
    match place {
        Location::Local(path) => path.to_string(),
        Location::Remote { server, path } => {
            let name = if server.is_site { server.label.clone() } else { server.key() };
            match with_path {
                true => format!("{name}:{}", String::from_utf8_lossy(path)),
                false => name,
            }
        }
    }
}

/// What a destination is called in all runs, to be put before a path.
fn lasting_name(place: &Location) -> String {
    match place {
        Location::Local(_) => String::new(),
        Location::Remote { server, .. } => {
            let user = String::from_utf8_lossy(server.user.as_deref().unwrap_or_default()).into_owned();
            format!("{user}@{}", server.key())
        }
    }
}

fn is_same(one: &Location, two: &Location) -> bool {
    match (one, two) {
        (Location::Local(one), Location::Local(two)) => one == two,
        (Location::Remote { server: one, path: at }, Location::Remote { server: two, path: other }) => {
            let bare = |path: &[u8]| path.strip_suffix(b"/").unwrap_or(path).to_vec();
            one.key() == two.key() && one.user == two.user && bare(at) == bare(other)
        }
        _ => false,
    }
}

async fn spread(
    request: CopyRequest,
    places: Places,
    context: &Context,
    mut stop: Stop,
    pool: &Arc<Pool>,
) -> Result<Report, Trouble> {
    let names = places.names();
    let count = places.destinations.len();
    let each = request.lanes.unwrap_or(EACH);
    let shares = request.bwlimit.map(|limit| Shares::of(limit, count, each)).transpose()?;
    // The sources, one side for each server that something comes from.
    let (mut set, mut from, mut sides) = (Vec::<Side>::new(), Vec::new(), Vec::new());
    for location in &places.sources {
        let side = Side::new(location, Leg::Source, pool);
        let at = set.iter().position(|other| other.same_place(&side)).unwrap_or(set.len());
        if at == set.len() {
            set.push(side);
            from.push(location.clone());
        }
        sides.push(at);
    }
    let origins = async {
        for side in &mut set {
            side.connect().await?;
        }
        let mut origins = Vec::new();
        for ((location, &side), typed) in places.sources.iter().zip(&sides).zip(&request.sources) {
            let path = set[side].resolve(location).await?;
            origins.push(Origin { side, path, contents: typed.means_contents() });
        }
        let mut abilities = Vec::new();
        for side in &mut set {
            abilities.push(Ability::of(side, Leg::Source).await?);
        }
        Ok((origins, abilities))
    };
    let (origins, abilities) = tokio::select! {
        origins = origins => origins.map_err(|trouble: Trouble| trouble.on(Some(Leg::Source)))?,
        () = retry::stopped(&mut stop) => return Err(interrupted()),
    };
    let mut sets = more_sets(&from, count.min(LOOKERS) - 1, pool).await;
    sets.push(set);

    let lanes = each * count;
    let (hears, mut outcomes) = mpsc::unbounded_channel();
    let shared = Shared {
        // The others go on while one is full.
        request: CopyRequest {
            lanes: Some(lanes),
            bounds: Bounds { space_wait: Duration::ZERO, ..request.bounds },
            ..request.clone()
        },
        after: After::Kept,
        throttle: None,
        shares,
        context: context.clone(),
        goodput: Goodput::listen(context).1,
        stop: stop.clone(),
        began: Instant::now(),
        pool: pool.clone(),
        names: Names::of_places(places.destinations.iter().map(lasting_name).collect()),
        goals: Goals::several(count),
        outcomes: Some(hears),
    };
    let crew = Crew::new(shared, pairs(&from, &places.destinations, request.inplace, pool));
    let ground = Arc::new(Ground::new(request, crew.clone(), names.clone(), origins, sets));
    let mut surveys = JoinSet::new();
    for (at, (location, contents)) in places.destinations.iter().zip(&places.contents).enumerate() {
        let (ground, location, contents) = (ground.clone(), location.clone(), *contents);
        surveys.spawn(async move { (at + 1, ground.survey(at, &location, contents).await) });
    }
    let mut traffic = Traffic::new(crew.clone(), ground.clone(), abilities, names, each);
    for (one, two) in both_local(&places.destinations) {
        traffic.bar(one, two);
    }
    let ended = match ground.request.dry_run {
        true => traffic.rehearse(surveys).await,
        false => {
            crew.set_lanes(lanes, format!("{each} for each of {count} destinations"));
            let (gone, lanes_gone) = oneshot::channel::<()>();
            let lead = async {
                conductor::lead(&crew).await;
                drop(gone);
            };
            let (ended, ()) = tokio::join!(traffic.conduct(surveys, &mut outcomes, lanes_gone), lead);
            while let Ok(outcome) = outcomes.try_recv() {
                traffic.came_of(outcome);
            }
            ended
        }
    };
    for pair in &crew.pairs {
        pair.close().await;
    }
    traffic.close().await;
    for mut side in ground.sources() {
        side.close().await;
    }
    ended?;
    let mut report = std::mem::take(&mut *crew.report());
    report.ending = conductor::ending(&crew, traffic.is_complete() && report.interrupted == 0);
    report.servers = traffic.balance();
    Ok(report)
}

/// More sessions with the sources, so that several destinations can be looked at side by side. Those that cannot be
/// had are done without.
async fn more_sets(from: &[Location], count: usize, pool: &Arc<Pool>) -> Vec<Vec<Side>> {
    let mut opening = JoinSet::new();
    for _ in 0..count {
        let mut set: Vec<Side> = from.iter().map(|place| Side::new(place, Leg::Source, pool)).collect();
        opening.spawn(async move {
            for side in &mut set {
                side.connect().await.ok()?;
            }
            set.iter_mut().filter_map(Side::link).for_each(|link| link.park());
            Some(set)
        });
    }
    opening.join_all().await.into_iter().flatten().collect()
}

/// All ways that a file can take: from each source and from each destination to each destination.
fn pairs(from: &[Location], to: &[Location], in_place: bool, pool: &Arc<Pool>) -> Vec<Pair> {
    let publishers: Vec<_> = to
        .iter()
        .map(|place| Side::new(place, Leg::Destination, pool))
        .map(|mut side| Arc::new(Mutex::new(Publisher::new(&mut side, in_place))))
        .collect();
    let rows = from.iter().map(|place| (place, true)).chain(to.iter().map(|place| (place, false)));
    let pair = |(place, original): (&Location, bool)| {
        let of_row = to.iter().zip(&publishers).map(|(destination, publisher)| {
            let pair = Pair::new(place.clone(), destination.clone(), publisher.clone(), None);
            if original { pair } else { pair.of_copies() }
        });
        of_row.collect::<Vec<_>>()
    };
    rows.flat_map(pair).collect()
}

/// Pairs of destinations on this machine, which do not feed each other: `cp` does that.
fn both_local(places: &[Location]) -> Vec<(usize, usize)> {
    let local = |at: &usize| matches!(places[*at - 1], Location::Local(_));
    let all = || (1..=places.len()).filter(local);
    all().flat_map(|one| all().map(move |two| (one, two))).filter(|(one, two)| one != two).collect()
}

/// Copies that one destination gets at a time, where nobody said how many: one moves, another one begins or is
/// compared.
const EACH: usize = 2;

/// Destinations that are compared with the source at a time, at most.
const LOOKERS: usize = 4;
