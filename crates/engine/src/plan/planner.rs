//! Makes items out of what a survey finds and a judge decides, one after the other, while the walk goes on.

use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;

use super::diff::{is_unchanged, same_time};
use super::explore::Explorer;
use super::hearing::{Heard, Hearing};
use super::item::{Extra, Item, Same};
use super::judge::{Compare, Judge, Likeness};
use super::minute::Minutes;
use super::obstacle::{clash, over_limit};
use super::pile::Pile;
use super::select::{Delete, Goal, Origin, Prepared, Wish, prepare};
use super::survey::{Extras, Found, Sight, Survey, Twin, is_about_this};
use super::toll::Toll;
use super::{Leftover, LinkStep, Plan, Step};
use crate::journal::Stands;
use crate::part;
use crate::report::{Doubt, Equality, FileFailure, Trouble, TroubleKind};
use crate::run::Stop;
use crate::side::Side;

/// The places that are planned for.
pub(crate) struct Places {
    pub(crate) sources: Vec<Arc<Explorer>>,
    pub(crate) destination: Arc<Explorer>,
    /// What was noted of copies at the destination.
    minutes: Option<Arc<Minutes>>,
}

impl Places {
    /// Looks around through these sessions, and a few more where that is worth it.
    pub(crate) fn new(sources: Vec<Side>, destination: Side) -> Self {
        Places::persistent(sources, destination, 0)
    }

    /// The same; what could not be listed for a reason that may pass is listed again, up to `retries` times.
    pub(crate) fn persistent(sources: Vec<Side>, destination: Side, retries: u32) -> Self {
        let explorer = |side| Explorer::new(side, MAX_SESSIONS, retries);
        let sources = sources.into_iter().map(explorer).collect();
        Places { sources, destination: explorer(destination), minutes: None }
    }

    /// The same, with what was noted of copies at the destination.
    pub(crate) fn remembering(self, minutes: Minutes) -> Self {
        Places { minutes: Some(Arc::new(minutes)), ..self }
    }

    /// Leaves all sessions to whoever needs one next.
    pub(crate) fn park(self) {
        for explorer in self.sources.into_iter().chain([self.destination]) {
            for mut side in explorer.dissolve() {
                side.link().into_iter().for_each(crate::pool::Link::park);
            }
        }
    }

    /// Says goodbye.
    pub(crate) async fn close(self) {
        for explorer in self.sources.into_iter().chain([self.destination]) {
            explorer.close().await;
        }
    }

    /// Borrows sessions that somebody else goes on with later; meanwhile he has others that are not connected.
    pub(crate) fn borrow(sources: &mut [Side], destination: &mut Side) -> Self {
        let borrow = |side: &mut Side| {
            let twin = side.twin();
            std::mem::replace(side, twin)
        };
        Places::new(sources.iter_mut().map(borrow).collect(), borrow(destination))
    }

    /// Gives one session of each place back; the others say goodbye.
    pub(crate) async fn give_back(self, sources: &mut [Side], destination: &mut Side) {
        let explorers = self.sources.into_iter().zip(sources).chain([(self.destination, destination)]);
        for (explorer, side) in explorers {
            let mut sessions = explorer.dissolve().into_iter();
            if let Some(session) = sessions.next() {
                *side = session;
            }
            for mut surplus in sessions {
                surplus.close().await;
            }
        }
    }
}

/// Sends the whole plan into `items`, in the order that [`Item`] promises. Ends early if nobody receives any more.
pub(crate) async fn stream(
    places: &Places,
    prepared: Prepared,
    wish: &Wish,
    stop: &Stop,
    items: Sender<Item>,
) -> Result<(), Trouble> {
    let (sights, seen) = channel(SIGHTS);
    let toll = Arc::new(Toll::new(wish.selection.delete.and_then(|delete| delete.limit)));
    let survey = Survey {
        sources: places.sources.clone(),
        destination: places.destination.clone(),
        filter: wish.selection.filter.clone(),
        extras: wish
            .selection
            .delete
            .map_or(Extras::Ignored, |delete| Extras::Walked { even_excluded: delete.even_excluded }),
        links: wish.selection.links,
        taken: wish.even_unchanged,
        into_missing: true,
        overlapping: prepared.overlapping,
        toll: toll.clone(),
        stop: stop.clone(),
        sights,
    };
    let Prepared { missing, files, roots, skipped, .. } = prepared;
    let walk = async move {
        let named = skipped.into_iter().map(Sight::Skipped);
        let named = named.chain(missing.into_iter().map(|target| Sight::Missing { source: None, target }));
        survey.run(named.collect(), files, roots).await
    };
    let compare = if wish.even_unchanged { Compare::Nothing } else { wish.selection.compare };
    let judge = Judge::new(places.sources.clone(), places.destination.clone(), compare);
    let judge = judge.remembering(places.minutes.clone());
    let waiting = Waiting::default();
    let mut planner = Planner { places, wish, items, toll, waiting };
    // Boxed: one within the other they are too much for the stack of a thread.
    let (walked, planned) = tokio::join!(Box::pin(walk), Box::pin(planner.go(Hearing::new(seen, judge))));
    let heard = planned?;
    walked?;
    // What waited for the end of the walk waits for ever if it has broken off: nobody knows what was not seen.
    if heard.is_ok() {
        let _ = planner.end().await;
    }
    Ok(())
}

/// The whole plan at once, as far as memory goes; what is equal already is only told.
pub(crate) async fn plan(
    sources: &mut [Side],
    origins: &[Origin],
    destination: &mut Side,
    goal: &Goal,
    wish: Wish,
    stop: &Stop,
    unchanged: impl FnMut(Same),
) -> Result<Plan, Trouble> {
    let prepared = prepare(sources, origins, destination, goal, &wish).await?;
    let places = Places::borrow(sources, destination);
    let (items, received) = channel(SIGHTS);
    let (ended, plan) = tokio::join!(
        stream(&places, prepared, &wish, stop, items),
        collect(received, MOST_PLANNED, unchanged)
    );
    places.give_back(sources, destination).await;
    ended.and(plan)
}

/// At most `most` items that are to be remembered.
async fn collect(
    mut items: Receiver<Item>,
    most: usize,
    mut unchanged: impl FnMut(Same),
) -> Result<Plan, Trouble> {
    let mut plan = Plan::default();
    let mut remembered = 0;
    while let Some(item) = items.recv().await {
        if !matches!(item, Item::Unchanged(_) | Item::LinkStands) {
            remembered += 1;
        }
        if remembered > most {
            let what = format!(
                "a destination lacks more than {most} files and directories, too many for a plan that is held in memory"
            );
            let trouble = Trouble::new(TroubleKind::Limit, what).on(Some(Leg::Destination));
            return Err(
                trouble.remedy("copy its subdirectories one by one, or to one destination after the other")
            );
        }
        match item {
            Item::Directory(path) => plan.directories.push(path),
            Item::Step(step) => plan.steps.push(step),
            Item::Unchanged(same) => {
                plan.unchanged += 1;
                unchanged(*same);
            }
            Item::Link(link) => plan.links.push(*link),
            Item::LinkStands => plan.unchanged += 1,
            Item::Skipped(skipped) => plan.skipped.push(skipped),
            Item::Conflict(failure) | Item::Refused(_, failure) => plan.conflicts.push(*failure),
            Item::Extra(extra) => plan.extras.push(extra),
            Item::MakeWay(obstacle) => plan.extras.extend(&obstacle.pile),
        }
    }
    Ok(plan)
}

struct Planner<'a> {
    places: &'a Places,
    wish: &'a Wish,
    items: Sender<Item>,
    toll: Arc<Toll>,
    waiting: Waiting,
}

/// What has to wait for the end of the walk.
#[derive(Default)]
struct Waiting {
    /// Stands at the destination only.
    extras: Pile,
    /// Files and links for which something has to make way.
    obstructed: Vec<Item>,
}

/// Nobody receives any more.
struct Deaf;

impl Planner<'_> {
    async fn go(&mut self, mut hearing: Hearing) -> Result<Result<(), Deaf>, Trouble> {
        while let Some(heard) = hearing.next().await {
            let told = match heard {
                Heard::Sight(sight) => self.sighted(sight).await,
                Heard::Judged(found, Ok(likeness)) => self.decided(*found, &likeness).await,
                // What is wrong with one file is that file's; what is wrong with a session ends the plan.
                Heard::Judged(found, Err(trouble)) if is_about_this(&trouble) => {
                    self.tell(self.conflict(found.side, &found.source, &found.target, trouble)).await
                }
                Heard::Judged(_, Err(trouble)) => return Err(trouble),
            };
            if told.is_err() {
                return Ok(told);
            }
        }
        Ok(Ok(()))
    }

    async fn sighted(&mut self, sight: Sight) -> Result<(), Deaf> {
        match sight {
            Sight::Missing { target, .. } => self.tell(Item::Directory(target)).await,
            Sight::Skipped(skipped) => self.tell(Item::Skipped(skipped)).await,
            Sight::Failed(failure) => self.tell(Item::Conflict(failure)).await,
            Sight::Extra { path, entry } => self.extra(Extra::of(path, &entry)).await,
            Sight::Obstacle(obstacle) => self.tell(Item::MakeWay(obstacle)).await,
            Sight::File(found) => self.step(*found, false).await,
            Sight::Link(twin) => self.link(*twin).await,
        }
    }

    async fn link(&mut self, twin: Twin) -> Result<(), Deaf> {
        if twin.is_made() && !self.wish.even_unchanged {
            return self.tell(Item::LinkStands).await;
        }
        let from = self.places.sources[twin.side].name(&twin.source);
        if twin.would_lead_to_itself() {
            let to = self.places.destination.name(&twin.target);
            let what = format!("{from} leads to {to}, and a link there would lead to itself");
            let trouble = Trouble::new(TroubleKind::DestinationDenied, what)
                .on(Some(Leg::Destination))
                .remedy("the file there stays; --links skip leaves such links out");
            return self.tell(self.conflict(twin.side, &twin.source, &twin.target, trouble)).await;
        }
        let Twin { side, source, target: destination, leads_to, there, in_the_way } = twin;
        let Some(leads_to) = leads_to else {
            let what = format!("the server does not tell where {from} leads");
            let trouble = Trouble::new(TroubleKind::Other, what)
                .on(Some(Leg::Source))
                .remedy("--links follow copies what it leads to");
            return self.tell(self.conflict(side, &source, &destination, trouble)).await;
        };
        let replaces = there.is_some();
        let obstructed = in_the_way.is_some();
        let step = LinkStep { side, source, destination, leads_to, replaces, in_the_way };
        self.tell_if_clear(Item::Link(Box::new(step)), obstructed).await
    }

    /// What cannot be copied.
    fn conflict(&self, side: usize, source: &VPath, target: &VPath, trouble: Trouble) -> Item {
        let source = self.places.sources[side].name(source);
        let destination = self.places.destination.name(target);
        Item::Conflict(Box::new(FileFailure { source, destination, trouble }))
    }

    async fn decided(&mut self, found: Found, likeness: &Likeness) -> Result<(), Deaf> {
        if let Likeness::Unproven(why) = likeness {
            let trouble = Trouble::new(TroubleKind::Verification, format!("not proven equal: {why}")).remedy(
                "--retries asks more often, --timeout waits longer; without --checksum size and time decide",
            );
            return self.tell(self.conflict(found.side, &found.source, &found.target, trouble)).await;
        }
        let Some(how) = likeness.equality() else {
            let differs = matches!(likeness, Likeness::OtherDigest(_)) || self.differs_by_seconds(&found);
            return self.step(found, differs).await;
        };
        let theirs = found.there.as_ref().and_then(|entry| entry.modified);
        let times = found.entry.modified.zip(theirs);
        // Another copy could not be proven, either.
        let doubt = match likeness {
            Likeness::SameSize { why: Some(why) } => {
                let destination = self.places.destination.name(&found.target);
                Some(Doubt { destination, why: why.clone() })
            }
            _ => None,
        };
        self.tell(Item::Unchanged(Box::new(Same {
            side: found.side,
            destination: found.target,
            size: found.entry.size,
            modified: found.entry.modified.map(|(time, _)| time),
            time_kept: how == Equality::Time || times.is_some_and(|(ours, theirs)| same_time(ours, theirs)),
            how,
            doubt,
        })))
        .await
    }

    /// True if the servers tell another time when asked than what they list, to which notes are no better.
    fn differs_by_seconds(&self, found: &Found) -> bool {
        let by_time = !self.wish.even_unchanged && self.wish.selection.compare == Compare::SizeAndTime;
        by_time && found.there.as_ref().is_some_and(|there| is_unchanged(&found.entry, there))
    }

    async fn step(&mut self, found: Found, differs: bool) -> Result<(), Deaf> {
        let leftover =
            found.part.and_then(|entry| Some(Leftover { size: entry.size?, modified: entry.modified }));
        let obstructed = found.in_the_way.is_some();
        let step = Step {
            side: found.side,
            size: found.entry.size,
            modified: found.entry.modified,
            stands: found.there.as_ref().map(Stands::from),
            in_the_way: found.in_the_way,
            leftover: leftover.filter(|_| !part::is_ambiguous(&found.target)),
            source: found.source,
            destination: found.target,
            reached: found.reached,
            differs,
        };
        self.tell_if_clear(Item::Step(step), obstructed).await
    }

    /// What something has to make way for waits, too, until it is known how much would be deleted.
    async fn tell_if_clear(&mut self, item: Item, obstructed: bool) -> Result<(), Deaf> {
        if !obstructed || !self.toll.has_limit() {
            return self.tell(item).await;
        }
        // There are no more of them than may be deleted.
        self.waiting.obstructed.push(item);
        match self.toll.exceeded() {
            Some(_) => self.refuse_obstructed().await,
            None => Ok(()),
        }
    }

    /// Tells of what waited and cannot be done.
    async fn refuse_obstructed(&mut self) -> Result<(), Deaf> {
        for item in std::mem::take(&mut self.waiting.obstructed) {
            let (side, source, target) = match &item {
                Item::Step(step) => (step.side, &step.source, &step.destination),
                Item::Link(link) => (link.side, &link.source, &link.destination),
                _ => continue,
            };
            let names = (self.places.sources[side].name(source), self.places.destination.name(target));
            let trouble = over_limit(clash(&names.0, &names.1, false)).on(Some(Leg::Destination));
            self.tell(self.conflict(side, source, target, trouble)).await?;
        }
        Ok(())
    }

    /// Deleted at once, unless it has to wait for the end or until it is known how many there are.
    async fn extra(&mut self, extra: Extra) -> Result<(), Deaf> {
        let Delete { limit, after, .. } = self.wish.selection.delete.unwrap_or_default();
        match limit {
            // One too many: which ones they are does not matter any more.
            Some(_) if self.toll.exceeded().is_some() => self.waiting.extras.clear(),
            None if !after => return self.tell(Item::Extra(extra)).await,
            _ => self.waiting.extras.push(&extra),
        }
        Ok(())
    }

    /// What waited for the end.
    async fn end(&mut self) -> Result<(), Deaf> {
        if let Some(limit) = self.toll.exceeded() {
            self.refuse_obstructed().await?;
            let count = self.toll.count();
            let destination = self.places.destination.name(&VPath::root());
            let trouble = Trouble::new(
                TroubleKind::Limit,
                format!(
                    "{count} files and directories would have to be deleted, more than {limit}: none was"
                ),
            )
            .on(Some(Leg::Destination))
            .remedy(format!("--delete-limit {count} deletes them, -n shows which they are"));
            let source = destination.clone();
            let failure = Box::new(FileFailure { source, destination, trouble });
            return self.tell(Item::Refused(count, failure)).await;
        }
        let Waiting { extras, obstructed } = std::mem::take(&mut self.waiting);
        for item in obstructed {
            self.tell(item).await?;
        }
        for extra in &extras {
            self.tell(Item::Extra(extra)).await?;
        }
        Ok(())
    }

    async fn tell(&self, item: Item) -> Result<(), Deaf> {
        self.items.send(item).await.map_err(|_| Deaf)
    }
}

/// Sessions with one place at most, before the first file is copied: enough to hide a line's latency, and fewer than
/// most servers allow.
const MAX_SESSIONS: usize = 3;

/// What a plan that is held in memory may hold: some 700 bytes each, and as much again for the table of a copy to
/// several destinations.
const MOST_PLANNED: usize = 1_000_000;

/// What was found and not yet decided.
const SIGHTS: usize = 64;

#[cfg(test)]
mod large;
#[cfg(test)]
mod obstructed;
#[cfg(test)]
mod tests;
