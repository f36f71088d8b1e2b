//! Compares a source with a destination, and changes nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fxp_proto::listing::entry::Kind;
use fxp_proto::pair::leg::Leg;
use tokio::sync::mpsc::channel;

use crate::context::Context;
use crate::plan::hearing::{Heard, Hearing};
use crate::plan::judge::{Compare, Judge, Likeness};
use crate::plan::planner::Places;
use crate::plan::select::{Goal, Origin, Prepared, Selection, Wish, prepare};
use crate::plan::survey::{Extras, Found, Sight, Survey, Twin, is_about_this};
use crate::policy::Secure;
use crate::pool::Pool;
use crate::report::{FileFailure, Skipped, Trouble, TroubleKind};
use crate::run::Stop;
use crate::side::Side;
use crate::site::locate;
use crate::times::Times;
use crate::url::Address;

/// What is to be compared. The paths mean what they mean to a copy.
#[derive(Clone, Debug)]
pub struct CheckRequest {
    /// From where a copy would have come.
    pub source: Address,
    /// To where.
    pub destination: Address,
    /// Which files, and what counts as equal; nothing is deleted.
    pub selection: Selection,
    /// Protection of the listings.
    pub secure: Secure,
    /// How often something is asked again that had no answer for a reason that may pass.
    pub retries: u32,
}

/// What came of one thing.
#[derive(Clone, Debug)]
pub enum Compared {
    /// The destination has nothing of that name; of a directory the contents are not told.
    OnlySource {
        /// Printable.
        place: String,
        /// With all that is in it.
        directory: bool,
    },
    /// The source has nothing of that name; of a directory the contents are not told.
    OnlyDestination {
        /// Printable.
        place: String,
        /// With all that is in it.
        directory: bool,
    },
    /// Both have a file of that name.
    File {
        /// Printable.
        source: String,
        /// Printable.
        destination: String,
        /// Equal or not.
        likeness: Likeness,
    },
    /// It could not be compared.
    Failed(Box<FileFailure>),
    /// Not compared on purpose.
    Skipped(Skipped),
}

/// How many there were of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Equal by digest.
    pub proven: u64,
    /// Equal in size and time, or in size only.
    pub alike: u64,
    /// Links that lead to the same place.
    pub links: u64,
    /// Different in size, time or digest.
    pub different: u64,
    /// Files and directories.
    pub only_source: u64,
    /// Files and directories.
    pub only_destination: u64,
    /// What could not be compared.
    pub failed: u64,
    /// What was left out on purpose.
    pub skipped: u64,
    /// Wall time.
    pub elapsed: Duration,
    /// What is known of how the times of copies look, where times were compared.
    pub times: Option<Times>,
}

impl Checked {
    /// True if nothing was found that is not equal as far as was asked.
    pub fn is_equal(&self) -> bool {
        self.different + self.only_source + self.only_destination + self.failed == 0
    }

    pub(crate) fn count(&mut self, compared: &Compared) {
        let counter = match compared {
            Compared::OnlySource { .. } => &mut self.only_source,
            Compared::OnlyDestination { .. } => &mut self.only_destination,
            Compared::File { likeness: Likeness::SameDigest { .. }, .. } => &mut self.proven,
            Compared::File { likeness: Likeness::SameTarget, .. } => &mut self.links,
            Compared::File { likeness, .. } if likeness.is_equal() => &mut self.alike,
            Compared::File { likeness: Likeness::Unproven(_), .. } => &mut self.failed,
            Compared::File { .. } => &mut self.different,
            Compared::Failed(_) => &mut self.failed,
            Compared::Skipped(_) => &mut self.skipped,
        };
        *counter += 1;
    }
}

/// Compares, and tells each thing as it is found.
///
/// # Errors
///
/// What keeps the comparison from beginning or going on: bad address, no login, nothing there, a lost session.
pub async fn check(
    request: &CheckRequest,
    context: &Context,
    stop: Stop,
    mut tell: impl FnMut(Compared),
) -> Result<Checked, Trouble> {
    let began = Instant::now();
    let (places, prepared) = begin(request, context).await?;
    let Prepared { missing, files, roots, skipped, overlapping } = prepared;
    let (sights, seen) = channel(SIGHTS);
    let survey = Survey {
        sources: places.sources.clone(),
        destination: places.destination.clone(),
        filter: request.selection.filter.clone(),
        extras: Extras::Named,
        links: request.selection.links,
        taken: false,
        into_missing: false,
        overlapping,
        toll: Arc::default(),
        stop,
        sights,
    };
    let times = match request.selection.compare {
        Compare::SizeAndTime => places.sources[0].times_to(&places.destination),
        _ => None,
    };
    let judge = Judge::new(places.sources.clone(), places.destination.clone(), request.selection.compare);
    // A goal that is missing is told by the source that would become it.
    let mut lone: Vec<_> = roots.iter().filter(|root| Some(&root.target) == missing.as_ref()).collect();
    let lone = lone.pop().map(|root| places.sources[root.side].name(&root.source));
    let walk =
        async move { survey.run(skipped.into_iter().map(Sight::Skipped).collect(), files, roots).await };
    let mut checked = Checked::default();
    let mut told = |compared: Compared, checked: &mut Checked| {
        checked.count(&compared);
        tell(compared);
    };
    if let Some(place) = lone {
        told(Compared::OnlySource { place, directory: true }, &mut checked);
    }
    let listen = async {
        let mut hearing = Hearing::new(seen, judge);
        while let Some(heard) = hearing.next().await {
            if let Some(compared) = of(heard, &places)? {
                told(compared, &mut checked);
            }
        }
        Ok(())
    };
    let (walked, heard) = tokio::join!(walk, listen);
    places.close().await;
    heard.and(walked)?;
    checked.elapsed = began.elapsed();
    checked.times = times;
    Ok(checked)
}

fn of(heard: Heard, places: &Places) -> Result<Option<Compared>, Trouble> {
    let name = |found: &Found| {
        (places.sources[found.side].name(&found.source), places.destination.name(&found.target))
    };
    Ok(Some(match heard {
        Heard::Sight(Sight::Missing { source: Some((side, path)), .. }) => {
            Compared::OnlySource { place: places.sources[side].name(&path), directory: true }
        }
        Heard::Sight(Sight::Missing { source: None, .. } | Sight::File(_) | Sight::Obstacle(_)) => {
            return Ok(None);
        }
        Heard::Sight(Sight::Link(twin)) => of_link(&twin, places),
        Heard::Sight(Sight::Extra { path, entry }) => Compared::OnlyDestination {
            place: places.destination.name(&path),
            directory: entry.kind == Kind::Directory,
        },
        Heard::Sight(Sight::Failed(failure)) => Compared::Failed(failure),
        Heard::Sight(Sight::Skipped(skipped)) => Compared::Skipped(skipped),
        Heard::Judged(found, Ok(Likeness::Alone)) => {
            Compared::OnlySource { place: name(&found).0, directory: false }
        }
        Heard::Judged(found, Ok(likeness)) => {
            let (source, destination) = name(&found);
            Compared::File { source, destination, likeness }
        }
        Heard::Judged(found, Err(trouble)) if is_about_this(&trouble) => {
            let (source, destination) = name(&found);
            Compared::Failed(Box::new(FileFailure { source, destination, trouble }))
        }
        Heard::Judged(_, Err(trouble)) => return Err(trouble),
    }))
}

fn of_link(twin: &Twin, places: &Places) -> Compared {
    let (source, destination) =
        (places.sources[twin.side].name(&twin.source), places.destination.name(&twin.target));
    match twin.there {
        None => Compared::OnlySource { place: source, directory: false },
        Some(_) => {
            let likeness = match twin.is_made() {
                true => Likeness::SameTarget,
                false => Likeness::Different(twin.difference()),
            };
            Compared::File { source, destination, likeness }
        }
    }
}

/// Logs in to both at once, and finds what is meant.
async fn begin(request: &CheckRequest, context: &Context) -> Result<(Places, Prepared), Trouble> {
    let (from, to) = (locate(&request.source, context)?, locate(&request.destination, context)?);
    let pool = Pool::new(context.clone(), request.secure);
    let (mut source, mut destination) =
        (Side::new(&from, Leg::Source, &pool), Side::new(&to, Leg::Destination, &pool));
    let (one, two) = tokio::join!(source.connect(), destination.connect());
    one.map_err(|error| error.on(Some(Leg::Source)))?;
    two.map_err(|error| error.on(Some(Leg::Destination)))?;
    let path = source.resolve(&from).await.map_err(|error| error.on(Some(Leg::Source)))?;
    let origins = [Origin { side: 0, path, contents: request.source.means_contents() }];
    let path = destination.resolve(&to).await.map_err(|error| error.on(Some(Leg::Destination)))?;
    let goal = Goal { path, contents: request.destination.means_contents() };
    let wish = Wish { recursive: true, selection: request.selection.clone(), ..Wish::default() };
    let mut sources = vec![source];
    let prepared = prepare(&mut sources, &origins, &mut destination, &goal, &wish).await?;
    let nothing = prepared.roots.is_empty() && prepared.files.is_empty();
    if let Some(skipped) = prepared.skipped.first().filter(|_| nothing) {
        return Err(Trouble::new(TroubleKind::Usage, format!("{}: {}", skipped.source, skipped.reason)));
    }
    Ok((Places::persistent(sources, destination, request.retries), prepared))
}

/// What was found and not yet compared.
const SIGHTS: usize = 64;
