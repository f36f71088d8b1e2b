//! Takes what the planner finds, makes directories, and keeps the lanes supplied.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::After;
use super::crew::Crew;
use super::worker::Worker;
use crate::linking;
use crate::plan::LinkStep;
use crate::plan::item::{Extra, Item};
use crate::plan::obstacle::Obstacle;
use crate::plan::pile::Pile;
use crate::report::{Ending, Event, FileFailure, Trouble};
use crate::retry;
use crate::side::Side;
use crate::surplus;

/// Copies all that comes through `items`, beneath or at `goal`.
///
/// # Errors
///
/// What makes all of it pointless: the directory that everything goes into cannot be made.
pub(super) async fn conduct(
    crew: &Arc<Crew>,
    items: mpsc::Receiver<Item>,
    goal: &VPath,
) -> Result<(), Trouble> {
    let (supplied, ()) = tokio::join!(supply(crew, items, goal), lead(crew));
    let (late, links) = supplied?;
    let mut supplier = Supplier::new(crew);
    for link in links {
        if crew.is_stopped() {
            break;
        }
        supplier.link(link, false).await;
    }
    for extra in &late {
        if crew.is_stopped() {
            break;
        }
        supplier.delete(&extra).await;
    }
    supplier.park();
    Ok(())
}

/// Starts lanes, more of them when more are wanted, and waits for all of them to end.
pub(super) async fn lead(crew: &Arc<Crew>) {
    let mut wanted = crew.watch_lanes();
    let mut lanes = JoinSet::new();
    let mut at_work = BTreeSet::new();
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let number = *wanted.borrow_and_update();
        // After the end of the queue nobody is needed who is not there already.
        if !crew.is_stopped() && !crew.queue.is_over() {
            for number in (1..=number).filter(|number| at_work.insert(*number)).collect::<Vec<_>>() {
                lanes.spawn(Worker::new(crew.clone(), number).work());
            }
        }
        tokio::select! {
            ended = lanes.join_next() => match ended {
                Some(Ok(number)) => {
                    at_work.remove(&number);
                }
                Some(Err(error)) => {
                    if let Ok(panic) = error.try_into_panic() {
                        std::panic::resume_unwind(panic);
                    }
                }
                None => return,
            },
            Ok(()) = wanted.changed() => {}
            _ = look.tick() => {
                crew.look_at_the_clock();
                crew.tune();
            }
        }
    }
}

/// Brings everything into the queue; tells the lanes when there is no more.
/// What is to be deleted, and what is to be made, when all files were copied is handed back.
async fn supply(
    crew: &Arc<Crew>,
    mut items: mpsc::Receiver<Item>,
    goal: &VPath,
) -> Result<(Pile, Vec<LinkStep>), Trouble> {
    let mut supplier = Supplier::new(crew);
    let mut stop = crew.run.stop.clone();
    let outcome = tokio::select! {
        outcome = supplier.supply(&mut items, goal) => outcome,
        () = retry::stopped(&mut stop) => Ok(()),
    };
    if outcome.is_err() {
        crew.queue.abandon();
    }
    crew.queue.close();
    supplier.park();
    outcome.map(|()| (supplier.late, supplier.late_links))
}

struct Supplier {
    crew: Arc<Crew>,
    destination: Side,
    /// Items that were passed on the way to later directories.
    ahead: VecDeque<Item>,
    /// Directories that could not be made: nothing is copied there.
    blocked: HashSet<VPath>,
    /// To be deleted when all files were copied.
    late: Pile,
    /// To be made when all files were copied.
    late_links: Vec<LinkStep>,
}

impl Supplier {
    fn new(crew: &Arc<Crew>) -> Self {
        let destination = crew.destination(0);
        Supplier {
            crew: crew.clone(),
            destination,
            ahead: VecDeque::new(),
            blocked: HashSet::new(),
            late: Pile::default(),
            late_links: Vec::new(),
        }
    }

    async fn supply(&mut self, items: &mut mpsc::Receiver<Item>, goal: &VPath) -> Result<(), Trouble> {
        while let Some(item) = self.next(items).await {
            match item {
                Item::Directory(path) => {
                    let mut paths = vec![path];
                    self.look_ahead(items, &mut paths);
                    self.make_directories(paths, goal).await?;
                }
                Item::Step(step) => {
                    if !self.is_blocked(&step.destination) {
                        // Whoever may have to wait has no seat.
                        self.park();
                        if !self.crew.queue.push(step).await {
                            return Ok(());
                        }
                    }
                }
                Item::Link(link) => {
                    if !self.is_blocked(&link.destination) {
                        self.link(*link, true).await;
                    }
                }
                Item::LinkStands => self.crew.report().unchanged += 1,
                Item::Unchanged(same) => self.crew.unchanged(*same),
                Item::Skipped(skipped) => {
                    self.crew.event(Event::Skipped(skipped.clone()));
                    self.crew.report().leave_out(skipped);
                }
                Item::Conflict(failure) => self.crew.failed(None, *failure),
                Item::Refused(count, failure) => self.crew.refused(count, *failure),
                Item::Extra(extra) if self.deletes_late() => self.late.push(&extra),
                Item::Extra(extra) => self.delete(&extra).await,
                Item::MakeWay(obstacle) => Box::pin(self.make_way(&obstacle)).await,
            }
        }
        Ok(())
    }

    /// The next item. Whoever waits has no seat: those who look around may need it to find the next one.
    async fn next(&mut self, items: &mut mpsc::Receiver<Item>) -> Option<Item> {
        if let Some(item) = self.at_hand(items) {
            return Some(item);
        }
        self.park();
        items.recv().await
    }

    /// The next item, if nobody has to be waited for.
    fn at_hand(&mut self, items: &mut mpsc::Receiver<Item>) -> Option<Item> {
        self.ahead.pop_front().or_else(|| items.try_recv().ok())
    }

    /// Finds directories that can be made together with the first of `paths`: nothing between them changes what stands
    /// at the destination before they are there.
    fn look_ahead(&mut self, items: &mut mpsc::Receiver<Item>, paths: &mut Vec<VPath>) {
        let mut passed = VecDeque::new();
        // A walk that is as quick as this loop would bring the whole tree.
        while paths.len() < TOGETHER && passed.len() < MOST_PASSED {
            let Some(item) = self.at_hand(items) else { break };
            match item {
                Item::Directory(path) => paths.push(path),
                Item::Step(_)
                | Item::Unchanged(_)
                | Item::Skipped(_)
                | Item::LinkStands
                | Item::Conflict(_)
                | Item::Refused(..) => {
                    passed.push_back(item);
                }
                Item::Link(_) | Item::Extra(_) | Item::MakeWay(_) => {
                    passed.push_back(item);
                    break;
                }
            }
        }
        passed.append(&mut self.ahead);
        self.ahead = passed;
    }

    /// Makes directories, parents before what is in them.
    async fn make_directories(&mut self, mut paths: Vec<VPath>, goal: &VPath) -> Result<(), Trouble> {
        paths.retain(|path| !self.is_blocked(path));
        let made = self.destination.make_directories(&paths).await;
        for (path, made) in paths.into_iter().zip(made) {
            // Where one could not be made, those beneath it need not be complained about.
            if self.is_blocked(&path) {
                continue;
            }
            let made = match made {
                Err(trouble) if retry::judge(&trouble).may_help() => self.persist(&path, trouble).await,
                made => made,
            };
            match made {
                Ok(()) => self.crew.report().directories += 1,
                Err(trouble) if path == *goal => return Err(trouble.on(Some(Leg::Destination))),
                Err(trouble) => {
                    let destination = self.destination.name(&path);
                    let trouble = trouble.on(Some(Leg::Destination));
                    let failure = FileFailure { source: destination.clone(), destination, trouble };
                    self.crew.failed(None, failure);
                    self.blocked.insert(path);
                }
            }
        }
        Ok(())
    }

    /// Makes a directory that was not made because of `trouble`, and tries again what may pass.
    async fn persist(&mut self, path: &VPath, mut trouble: Trouble) -> Result<(), Trouble> {
        let mut attempt = 0;
        while attempt < self.crew.run.request.retries && retry::judge(&trouble).may_help() {
            attempt += 1;
            self.park();
            tokio::time::sleep(retry::pause(attempt, 0.0)).await;
            match self.destination.make_directory(path).await {
                Err(again) => trouble = again,
                Ok(()) => return Ok(()),
            }
        }
        Err(trouble)
    }

    /// Makes a link, `later` if it is refused now; in a move its source is deleted after that.
    async fn link(&mut self, link: LinkStep, later: bool) {
        let crew = self.crew.clone();
        let made = match linking::make(&mut self.destination, &link, |gone| crew.deleted(gone)).await {
            Err(trouble) if later && linking::may_come_later(&trouble) => {
                tracing::debug!(%trouble, "made when the files are there");
                self.late_links.push(link);
                return;
            }
            made => made,
        };
        let mut source = self.crew.source(link.side);
        let (from, destination) = (source.name(&link.source), self.destination.name(&link.destination));
        let made = match made {
            Ok(()) => {
                self.crew.report().links += 1;
                let leads_to = link.leads_to.to_string();
                self.crew.event(Event::Linked {
                    source: from.clone(),
                    destination: destination.clone(),
                    leads_to,
                });
                self.leave_link(&mut source, &link).await
            }
            Err(trouble) => Err(trouble),
        };
        if let Err(trouble) = made {
            self.crew.failed(None, FileFailure { source: from, destination, trouble });
        }
    }

    /// Deletes the link that was moved.
    async fn leave_link(&mut self, source: &mut Side, link: &LinkStep) -> Result<(), Trouble> {
        if self.crew.run.after == After::Kept {
            return Ok(());
        }
        // Whoever waits for a seat has none.
        self.park();
        let left = source.delete(&link.source).await;
        if let Some(link) = source.link() {
            link.park();
        }
        left.map_err(|trouble| trouble.on(Some(Leg::Source)))
    }

    fn deletes_late(&self) -> bool {
        self.crew.run.request.selection.delete.is_some_and(|delete| delete.after)
    }

    async fn delete(&mut self, extra: &Extra) {
        match surplus::delete(&mut self.destination, extra).await {
            Ok(gone) => self.crew.deleted(gone),
            Err(failure) => self.crew.failed(None, failure),
        }
    }

    /// Deletes what stands where a directory is to be made. Where it stays, nothing is copied.
    async fn make_way(&mut self, obstacle: &Obstacle) {
        let crew = self.crew.clone();
        if let Err(trouble) = surplus::clear(&mut self.destination, obstacle, |gone| crew.deleted(gone)).await
        {
            let place = self.destination.name(&obstacle.path);
            self.crew.failed(None, FileFailure { source: place.clone(), destination: place, trouble });
            self.blocked.insert(obstacle.path.clone());
        }
    }

    /// True if a directory above `path` could not be made.
    fn is_blocked(&self, path: &VPath) -> bool {
        let mut above = path.clone();
        while !self.blocked.is_empty() && !above.is_root() {
            if self.blocked.contains(&above) {
                return true;
            }
            above = above.parent();
        }
        false
    }

    fn park(&mut self) {
        if let Some(link) = self.destination.link() {
            link.park();
        }
    }
}

/// How the run ended, once no lane works any more.
pub(super) fn ending(crew: &Crew, complete: bool) -> Ending {
    if crew.is_at_limit() {
        return Ending::Limit;
    }
    match crew.is_stopped() && !(complete && crew.queue.len() == 0) {
        true => Ending::Interrupted,
        false => Ending::Complete,
    }
}

/// How often somebody looks whether another number of lanes would be better.
const LOOK: Duration = Duration::from_millis(250);

/// So many directories are made together at most.
const TOGETHER: usize = 64;

/// So many other things are passed on the way to them at most, and held in memory until then.
const MOST_PASSED: usize = 1024;
