//! What comes after a verified copy: its time and its name.

use fxp_proto::listing::entry::{Entry, Kind, Precision};
use fxp_proto::listing::time::FtpTime;
use fxp_proto::path::VPath;

use super::{Courier, is_lost};
use crate::plan::diff::is_as_planned;
use crate::plan::{Reached, Step};
use crate::report::Trouble;
use crate::retry::{self, Again, Fault};
use crate::surplus;

impl Courier<'_> {
    /// What comes after a verified copy of `size` bytes: its time, and its name. Whether the time was kept, and whether
    /// it has its name, which it has not where the server refuses to rename. A connection that is lost meanwhile costs
    /// no more than another one.
    pub(super) async fn end_well(
        &mut self,
        step: &Step,
        place: &VPath,
        size: u64,
        notes: &mut Vec<String>,
    ) -> Result<(bool, bool), Trouble> {
        let mut attempt = 0;
        loop {
            let trouble = match self.end_once(step, place, (attempt > 0).then_some(size), notes).await {
                Ok(ended) => return Ok(ended),
                Err(trouble) => trouble,
            };
            let lost = is_lost(&trouble) && retry::judge(&trouble).again == Again::Later;
            if !lost || attempt >= self.retries || *self.stop.borrow() {
                return Err(trouble);
            }
            self.patience.note(&trouble);
            attempt += 1;
            let pause = self.patience.pause(attempt, &self.servers(Fault::Destination));
            self.say(notes, format!("{trouble}; tried again after {:.1} s", pause.as_secs_f64()));
            if retry::wait(pause, self.stop).await {
                return Err(trouble);
            }
        }
    }

    /// As [`Courier::end_well`], once. With `again` the name may have been given, and nobody heard.
    pub(super) async fn end_once(
        &mut self,
        step: &Step,
        place: &VPath,
        again: Option<u64>,
        notes: &mut Vec<String>,
    ) -> Result<(bool, bool), Trouble> {
        let in_place = *place == step.destination;
        let mut at = place;
        if again.is_some() && !in_place && self.destination.stat(place).await?.is_none() {
            let there = self.destination.stat(&step.destination).await?;
            let is_copy =
                |entry: Entry| entry.kind != Kind::Directory && (entry.size.is_none() || entry.size == again);
            if there.is_some_and(is_copy) {
                at = &step.destination;
            }
        }
        let before = notes.len();
        let time_kept = match self.keep_time(step, at, notes).await {
            Ok(kept) => kept,
            Err(trouble) => {
                notes.truncate(before);
                return Err(trouble);
            }
        };
        if *at == step.destination {
            if !in_place {
                self.note_begun(place, None);
            }
            return Ok((time_kept, true));
        }
        if let Some(obstacle) = &step.in_the_way
            && let Err(trouble) = Box::pin(surplus::clear(self.destination, obstacle, self.gone)).await
        {
            notes.truncate(before);
            return Err(trouble);
        }
        let named = self.publisher.publish(self.destination, place, step, notes).await;
        match named {
            Ok(true) => self.note_begun(place, None),
            Ok(false) => {}
            Err(_) => notes.truncate(before),
        }
        Ok((time_kept, named?))
    }

    /// Gives the copy the source's time, before it gets its name, so that no half-made copy looks done. False, with a note, if
    /// that cannot be.
    pub(super) async fn keep_time(
        &mut self,
        step: &Step,
        place: &VPath,
        notes: &mut Vec<String>,
    ) -> Result<bool, Trouble> {
        let Some(time) = self.exact_time(step).await? else {
            notes.push(NO_TIME.to_owned());
            return Ok(false);
        };
        match self.destination.set_time(place, time).await {
            Ok(true) => Ok(true),
            Ok(false) => {
                notes.push(NO_WAY_OF_TIMES.to_owned());
                Ok(false)
            }
            Err(trouble) if is_lost(&trouble) => Err(trouble),
            Err(trouble) => {
                notes.push(format!("the time was not kept: {trouble}"));
                Ok(false)
            }
        }
    }

    /// What the source looks like now. Of a link some servers describe the link itself.
    pub(super) async fn source_now(&mut self, step: &Step) -> Result<Option<Entry>, Trouble> {
        match step.reached {
            Reached::ByLink => Ok(self.source.follow(&step.source).await?.map(|followed| followed.entry)),
            Reached::Plainly | Reached::BehindLink => self.source.stat(&step.source).await,
        }
    }

    /// The source's time to the second: a listing may have told less than MDTM does.
    pub(super) async fn exact_time(&mut self, step: &Step) -> Result<Option<FtpTime>, Trouble> {
        let exact = |modified: Option<(FtpTime, Precision)>| match modified {
            Some((time, Precision::Second)) => Some(time),
            _ => None,
        };
        match exact(step.modified) {
            Some(time) => Ok(Some(time)),
            None => {
                let now = self.source_now(step).await?.and_then(|entry| entry.modified);
                // A copy may show the time of its arrival.
                let is_true = self.original || is_as_planned(step.modified, now);
                Ok(exact(now).filter(|_| is_true))
            }
        }
    }
}

pub(crate) const NO_TIME: &str = "the source does not tell the file's time to the second, so it was not kept";

pub(crate) const NO_WAY_OF_TIMES: &str =
    "the destination knows no way of setting times, so it shows the time of the copy";
