//! The story of one file: where it begins, which route it takes, what is tried again, how it is
//! verified, and how it gets its final name.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use fxp_client::data::Throttle;
use fxp_proto::grammar::params::Protection;
use fxp_proto::listing::entry::{Entry, Precision};
use fxp_proto::listing::time::FtpTime;
use fxp_proto::pair::exchange::{self, Refusal};
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;

use crate::book::{Begun, KnownBook};
use crate::claim::Claim;
use crate::context::Observer;
use crate::journal::{Ledger, Subject};
use crate::lane::{Carriage, Lane, Tried};
use crate::part;
use crate::patience::Patience;
use crate::plan::diff::is_as_planned;
use crate::plan::ladder::Rung;
use crate::plan::walk::interrupted;
use crate::plan::{Reached, Step};
use crate::policy::{ResumeChoice, VerifyChoice, Via};
use crate::progress;
use crate::publish::{Publisher, at_part};
use crate::report::{Assurance, Event, FileReport, Route, Trouble, TroubleKind, Verification};
use crate::retry::{self, Again, Fault};
use crate::run::Stop;
use crate::side::Side;
use crate::transfer::relay;
use crate::verify::{self, At, Verified};

/// How files travel between two sides; it outlives the single file.
pub(crate) enum Way {
    /// From server to server.
    Direct(Box<Lane>),
    /// Through this machine.
    Through {
        /// Protection of data on legs inside TLS.
        protection: Protection,
        /// What that achieves.
        assurance: Assurance,
        /// A relay, or an upload or a download.
        route: Route,
        /// The fallback that this way is, for the report.
        because: Option<String>,
    },
}

/// What one file needs.
pub(crate) struct Courier<'a> {
    /// Its number in events.
    pub(crate) file: u64,
    pub(crate) observer: &'a Arc<dyn Observer>,
    pub(crate) way: &'a mut Way,
    pub(crate) publisher: &'a mut Publisher,
    pub(crate) source: &'a mut Side,
    pub(crate) destination: &'a mut Side,
    pub(crate) via: Via,
    /// Decides what a relay in place of a direct copy may do; an error forbids it.
    pub(crate) relay: Result<(Protection, Assurance), Trouble>,
    pub(crate) verify: VerifyChoice,
    pub(crate) retries: u32,
    /// How fast it may go through this machine.
    pub(crate) throttle: Option<&'a Throttle>,
    pub(crate) stop: &'a mut Stop,
    /// Remembers what broken-off parts are the beginning of.
    pub(crate) known: &'a Mutex<KnownBook>,
    /// Told where the file goes, before it goes there.
    pub(crate) ledger: &'a dyn Ledger,
    /// What it is called there.
    pub(crate) subject: &'a Subject,
    /// What is enough to continue a part.
    pub(crate) resume: ResumeChoice,
    /// False if the source is a copy itself, made or found in this run.
    pub(crate) original: bool,
    /// Whose the bytes are that stand where the file is stored.
    pub(crate) claim: Claim,
    /// What all lanes bear together.
    pub(crate) patience: &'a Patience,
}

/// One attempt that both servers called good.
struct Carried {
    rung: Option<Rung>,
    route: Route,
    assurance: Assurance,
    offset: u64,
}

impl Courier<'_> {
    /// Copies one file: transfer, verify, time, final name.
    pub(crate) async fn deliver(&mut self, step: &Step) -> Result<FileReport, Trouble> {
        let began = Instant::now();
        let mut notes = Vec::new();
        // A verified part that found no way to its name: it stays until the copy in place is good.
        let mut unnamed: Option<VPath> = None;
        let mut attempts = 0;
        let ((carried, verified), time_kept) = loop {
            let place = self.publisher.place(self.destination, step, &mut notes).await?;
            self.ledger.begun(self.subject, step.stands, place == step.destination);
            let transfer = self.transfer(step, &place, &mut attempts, &mut notes).await;
            let done = transfer.map_err(|trouble| match &unnamed {
                Some(part) => at_part(trouble, part),
                None => trouble,
            })?;
            let (time_kept, named) = self.end_well(step, &place, done.1.size, &mut notes).await?;
            if named {
                if let Some(part) = &unnamed {
                    let _ = self.destination.delete(part).await;
                }
                break (done, time_kept);
            }
            // Renaming is refused, which a small file found out: now in place.
            unnamed = Some(place);
        };
        notes.extend(verified.note);
        notes.extend(on_sand(self.source, self.destination, carried.assurance));
        Ok(FileReport {
            source: self.source.name(&step.source),
            destination: self.destination.name(&step.destination),
            size: verified.size,
            resumed: carried.offset,
            elapsed: began.elapsed(),
            route: carried.route,
            method: carried.rung.map(|rung| rung.method),
            assurance: carried.assurance,
            verified: verified.how,
            attempts,
            time_kept,
            notes,
        })
    }

    /// Brings the file to `place`, verified; tries again what may pass.
    async fn transfer(
        &mut self,
        step: &Step,
        place: &VPath,
        attempts: &mut u32,
        notes: &mut Vec<String>,
    ) -> Result<(Carried, Verified), Trouble> {
        self.claim = Claim::default();
        let (mut attempt, mut again) = (0, false);
        let patience = self.patience;
        let mut turn = None;
        loop {
            *attempts += 1;
            let trouble = match self.attempt(step, place, again, notes).await {
                Ok(done) => return Ok(done),
                Err(trouble) => trouble,
            };
            again = true;
            if *self.stop.borrow() {
                return Err(self.give_up(interrupted(), step, place).await);
            }
            let judgement = retry::judge(&trouble);
            patience.note(&trouble);
            if judgement.again == Again::WithRoom {
                if turn.is_none() && !patience.space.is_closed() && patience.space.is_patient() {
                    let most = patience.space.patience().as_secs();
                    self.say(notes, format!("{trouble}; waiting for room, at most {most} s"));
                }
                let waited = tokio::select! {
                    waited = patience.space.wait(&mut turn) => waited,
                    () = retry::stopped(self.stop) => false,
                };
                match waited {
                    true => continue,
                    false if *self.stop.borrow() => {
                        return Err(self.give_up(interrupted(), step, place).await);
                    }
                    false => return Err(self.give_up(trouble, step, place).await),
                }
            }
            if !judgement.may_help() || attempt >= self.retries {
                return Err(self.give_up(trouble, step, place).await);
            }
            attempt += 1;
            let pause = patience.pause(attempt, &self.servers(judgement.fault));
            self.say(notes, format!("{trouble}; tried again after {:.1} s", pause.as_secs_f64()));
            if retry::wait(pause, self.stop).await {
                return Err(self.give_up(interrupted(), step, place).await);
            }
        }
    }

    /// What comes after a verified copy of `size` bytes: its time, and its name. Whether the time was kept, and whether
    /// it has its name, which it has not where the server refuses to rename. A connection that is lost meanwhile costs
    /// no more than another one.
    async fn end_well(
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
    async fn end_once(
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
            if there.is_some_and(|entry| entry.size.is_none() || entry.size == again) {
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
        let named = self.publisher.publish(self.destination, place, step, notes).await;
        match named {
            Ok(true) => self.note_begun(place, None),
            Ok(false) => {}
            Err(_) => notes.truncate(before),
        }
        Ok((time_kept, named?))
    }

    /// The servers that are asked again when this is tried once more.
    fn servers(&mut self, fault: Fault) -> Vec<String> {
        let sides = match fault {
            Fault::Source => vec![&mut *self.source],
            Fault::Destination => vec![&mut *self.destination],
            Fault::Link | Fault::Us => vec![&mut *self.source, &mut *self.destination],
        };
        sides.into_iter().filter_map(Side::link).map(|link| link.server.key()).collect()
    }

    /// One attempt, from finding out where to begin to comparing the result.
    async fn attempt(
        &mut self,
        step: &Step,
        place: &VPath,
        again: bool,
        notes: &mut Vec<String>,
    ) -> Result<(Carried, Verified), Trouble> {
        let may_be_taken = match *place == step.destination {
            true => step.replaces(),
            false => step.leftover.is_some() || part::is_ambiguous(&step.destination),
        };
        self.claim.look(self.destination, place, may_be_taken).await?;
        let before = match again {
            false if self.original => step.modified,
            _ => self.source_now(step).await?.and_then(|entry| entry.modified),
        };
        let mut offset = self.where_to_begin(step, place, again, notes).await?;
        if offset == 0 {
            self.note_begun(place, None);
            self.claim.begins_anew();
        }
        let carried = match self.carry(step, place, &mut offset, notes).await {
            Ok(carried) => carried,
            Err(trouble) if is_lost(&trouble) && self.has_arrived(step, place).await => {
                self.say(notes, format!("{trouble}; but the file had arrived, as a comparison shows"));
                let rung = match &*self.way {
                    Way::Direct(lane) => lane.front(),
                    Way::Through { .. } => None,
                };
                if let (Way::Direct(lane), Some(rung)) = (&*self.way, &rung) {
                    notes.extend(lane.why_clear(rung));
                }
                self.carried(rung, offset)
            }
            Err(trouble) => return Err(trouble),
        };
        let source = At { side: self.source, path: &step.source };
        let destination = At { side: self.destination, path: place };
        let compared = match verify::compare(source, destination, self.verify).await {
            // Equal sizes say nothing about a file that was rewritten meanwhile.
            Ok(verified) if verified.how == Verification::Size => {
                self.held_still(step, before).await.map(|()| verified)
            }
            compared => compared,
        };
        match compared {
            Ok(verified) => Ok((carried, verified)),
            Err(trouble) if trouble.kind == TroubleKind::Verification => {
                Err(self.damaged(trouble, carried.rung.as_ref(), place).await)
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// An error if the source's time shows that it was changed since `before`.
    async fn held_still(&mut self, step: &Step, before: Option<(FtpTime, Precision)>) -> Result<(), Trouble> {
        let Some((before, Precision::Second)) = before else { return Ok(()) };
        match self.source_now(step).await?.and_then(|entry| entry.modified) {
            Some((now, Precision::Second)) if now.seconds != before.seconds => {
                let why = "the source was changed while it was copied";
                Err(Trouble::new(TroubleKind::Verification, why).on(Some(Leg::Source)))
            }
            _ => Ok(()),
        }
    }

    /// The copy differs although both servers called it good: it is removed, and another rung is next.
    async fn damaged(&mut self, mut trouble: Trouble, rung: Option<&Rung>, place: &VPath) -> Trouble {
        if trouble.class.is_none() {
            if self.destination.delete(place).await.is_ok() {
                self.claim.cleared();
            }
            self.claim.disowned();
        }
        if let (Way::Direct(lane), Some(rung)) = (&mut *self.way, rung)
            && let Some(why) = lane.doubt(rung)
        {
            trouble.remedy.get_or_insert_with(|| why.to_owned());
        }
        trouble
    }

    /// How many bytes are at `place` already and are the beginning of the source.
    async fn where_to_begin(
        &mut self,
        step: &Step,
        place: &VPath,
        again: bool,
        notes: &mut Vec<String>,
    ) -> Result<u64, Trouble> {
        if self.resume == ResumeChoice::Never {
            if let Some(leftover) = step.leftover.filter(|leftover| !again && leftover.size > 0) {
                let begun =
                    format!("begun anew, as --resume never wants: {} bytes were there", leftover.size);
                self.say(notes, begun);
            }
            return Ok(0);
        }
        let in_place = *place == step.destination;
        let ours = again && self.claim.is_ours(self.destination, place).await?;
        let there = match step.leftover {
            Some(leftover) if !again && !in_place => Some(leftover.size),
            None if !(again || (in_place && step.replaces())) => None,
            _ => self.destination.size(place).await?,
        };
        let (Some(there @ 1..), Some(size)) = (there, step.size) else { return Ok(0) };
        if there > size {
            return Ok(0);
        }
        let source = At { side: self.source, path: &step.source };
        let destination = At { side: self.destination, path: place };
        match verify::compare_digests(source, destination, Some(there)).await {
            Ok((Verification::Digest { algorithm, .. }, _)) => {
                self.say(notes, format!("resumed after {there} bytes, whose {algorithm} is the source's"));
                Ok(there)
            }
            Ok((Verification::Size, _)) if self.is_believed(in_place, there < size) => {
                self.say(
                    notes,
                    format!("resumed after {there} bytes, which could not be compared (--resume trust)"),
                );
                Ok(there)
            }
            Ok((Verification::Size, _)) if self.may_continue_unseen(step, place, in_place, ours).await? => {
                self.say(notes, format!("resumed after {there} bytes, which could not be compared"));
                Ok(there)
            }
            Ok((Verification::Size, _)) => {
                // Under its final name stands another file, which nobody took for a part.
                if !in_place {
                    self.say(notes, unproven_part(there, self.resume));
                }
                Ok(0)
            }
            Err(trouble) if trouble.kind == TroubleKind::Verification => {
                self.say(
                    notes,
                    format!("begun anew: the {there} bytes that were there are not the source's"),
                );
                Ok(0)
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Nobody can compare digests, and the user says that what is there is the beginning. A whole file under its
    /// final name is none.
    fn is_believed(&self, in_place: bool, is_smaller: bool) -> bool {
        self.resume == ResumeChoice::Trust && !self.claim.is_doubtful() && (!in_place || is_smaller)
    }

    /// Nobody can compare digests. If the bytes are this delivery's, the source must be as it was when the
    /// plan was made; a leftover of another run must be remembered as the beginning of this very source.
    async fn may_continue_unseen(
        &mut self,
        step: &Step,
        place: &VPath,
        in_place: bool,
        ours: bool,
    ) -> Result<bool, Trouble> {
        match (step.leftover, ours) {
            _ if self.claim.is_doubtful() || !self.resume.believes_notes() => Ok(false),
            (_, true) => {
                let now = self.source_now(step).await?;
                Ok(now.is_some_and(|now| now.size == step.size && is_as_planned(step.modified, now.modified)))
            }
            (Some(_), false) if !in_place => self.was_begun(step, place).await,
            _ => Ok(false),
        }
    }

    /// True if the part at `place` was left by a copy of this very source, unchanged since.
    async fn was_begun(&mut self, step: &Step, place: &VPath) -> Result<bool, Trouble> {
        let part = self.destination.identity(place);
        let begun = self.known.lock().expect("no holder of the lock panics").begun.get(&part).cloned();
        Ok(begun.is_some() && begun == self.beginning(step).await?)
    }

    /// What a part of this file is the beginning of, if that can be told.
    async fn beginning(&mut self, step: &Step) -> Result<Option<Begun>, Trouble> {
        let (Some(size), Some(modified)) = (step.size, self.exact_time(step).await?) else { return Ok(None) };
        Ok(Some(Begun { source: self.source.identity(&step.source), size, modified: modified.seconds }))
    }

    fn note_begun(&mut self, place: &VPath, begun: Option<Begun>) {
        let part = self.destination.identity(place);
        self.known.lock().expect("no holder of the lock panics").note_begun(&part, begun);
    }

    /// Moves the bytes by the way of this run, down the ladder if need be.
    async fn carry(
        &mut self,
        step: &Step,
        place: &VPath,
        offset: &mut u64,
        notes: &mut Vec<String>,
    ) -> Result<Carried, Trouble> {
        if *offset > 0 && step.size == Some(*offset) {
            return Ok(Carried { assurance: Assurance::Unknown, ..self.carried(None, *offset) });
        }
        let mut fresh_start = true;
        loop {
            let (trouble, restart) = match self.once(step, place, *offset, notes).await {
                Ok(carried) => return Ok(carried),
                Err(failed) => failed,
            };
            // A server that cannot resume, or does not store over what is there, gets a clean place, once.
            let denied = trouble.leg == Some(Leg::Destination) && trouble.class == Some(Refusal::Path);
            let resume = *offset > 0 && (restart || trouble.class == Some(Refusal::Unsupported));
            if !(fresh_start && (denied || resume)) || self.destination.stat(place).await?.is_none() {
                return Err(trouble);
            }
            fresh_start = false;
            // Under its final name stands somebody's finished file: it is not deleted for a STOR that may
            // be refused again. Without REST a server may still replace it.
            let finished = place == &step.destination;
            if finished && !resume {
                return Err(trouble);
            }
            if !finished {
                if self.destination.delete(place).await.is_err() {
                    return Err(trouble);
                }
                self.claim.cleared();
            }
            self.note_begun(place, None);
            self.say(notes, format!("{trouble}; so the file is copied whole, over what was there"));
            *offset = 0;
        }
    }

    /// Moves the bytes once. The flag of an error says that REST was refused.
    async fn once(
        &mut self,
        step: &Step,
        place: &VPath,
        offset: u64,
        notes: &mut Vec<String>,
    ) -> Result<Carried, (Trouble, bool)> {
        loop {
            let lane = match &mut *self.way {
                Way::Through { .. } => {
                    return self
                        .through(step, place, offset, notes)
                        .await
                        .map_err(|trouble| (trouble, false));
                }
                Way::Direct(lane) => lane,
            };
            let mut carriage = Carriage {
                file: self.file,
                source: self.source,
                destination: self.destination,
                from: &step.source,
                to: place,
                name: &step.destination,
                offset,
                size_before: self.claim.size_before(),
                begun: &self.claim.begun,
                doubtful: &self.claim.doubtful,
            };
            match lane.carry(&mut carriage, self.stop).await {
                Tried::Done(rung) => {
                    notes.extend(lane.why_clear(&rung));
                    return Ok(self.carried(Some(rung), offset));
                }
                Tried::NextRung(sentence) => self.say(notes, sentence),
                Tried::Exhausted(trouble) => {
                    self.relay_instead(trouble, notes).map_err(|trouble| (trouble, false))?
                }
                Tried::Failed(trouble, at) => return Err((trouble, at == Some(exchange::Step::Restart))),
            }
        }
    }

    /// No rung is left: a relay, if the user allows one.
    fn relay_instead(&mut self, trouble: Trouble, notes: &mut Vec<String>) -> Result<(), Trouble> {
        if self.via != Via::Auto {
            return Err(trouble);
        }
        let (protection, assurance) = self.relay.clone()?;
        let because = format!("{trouble}; so the bytes go through this machine");
        self.say(notes, because.clone());
        *self.way = Way::Through { protection, assurance, route: Route::Relay, because: Some(because) };
        Ok(())
    }

    /// Moves the bytes through this machine.
    async fn through(
        &mut self,
        step: &Step,
        place: &VPath,
        offset: u64,
        notes: &mut Vec<String>,
    ) -> Result<Carried, Trouble> {
        let Way::Through { protection, because, .. } = &*self.way else {
            unreachable!("asked for only on that way")
        };
        let protection = *protection;
        if let Some(because) = because
            && !notes.contains(because)
        {
            notes.push(because.clone());
        }
        let progress = Arc::new(AtomicU64::new(0));
        let errand = relay::Errand {
            from: &step.source,
            to: place,
            offset,
            protection,
            progress: &progress,
            begun: &self.claim.begun,
            throttle: self.throttle,
        };
        tokio::select! {
            copied = relay::copy(&errand, self.source, self.destination, self.stop) => copied?,
            never = progress::count(self.observer, self.file, &progress, offset) => match never {},
        }
        Ok(self.carried(None, offset))
    }

    fn carried(&self, rung: Option<Rung>, offset: u64) -> Carried {
        match &*self.way {
            Way::Direct(_) => {
                let assurance = rung.as_ref().map_or(Assurance::Unknown, |rung| rung.assurance);
                Carried { rung, route: Route::Direct, assurance, offset }
            }
            Way::Through { route, assurance, .. } => {
                Carried { rung: None, route: *route, assurance: *assurance, offset }
            }
        }
    }

    /// A connection was lost: is the whole file there all the same?
    async fn has_arrived(&mut self, step: &Step, place: &VPath) -> bool {
        if self.claim.is_doubtful() || !matches!(self.claim.is_ours(self.destination, place).await, Ok(true))
        {
            return false;
        }
        let (ours, theirs) = tokio::join!(self.source.size(&step.source), self.destination.size(place));
        matches!((ours, theirs), (Ok(Some(ours)), Ok(Some(theirs))) if ours == theirs && ours > 0)
    }

    /// The file failed for good. A damaged one is gone already; under its final name nothing unfinished
    /// may stay, unless the user asked for it; what stood there before and was not touched does.
    async fn give_up(&mut self, trouble: Trouble, step: &Step, place: &VPath) -> Trouble {
        let ours = self.claim.is_ours(self.destination, place).await;
        if *place != step.destination {
            if self.claim.is_doubtful() {
                // Another run compares it, or begins anew.
                self.note_begun(place, None);
            }
            // What cannot be asked any more is ours if nothing was there before.
            if ours.unwrap_or_else(|_| self.claim.is_alone())
                && !self.claim.is_doubtful()
                && !part::is_ambiguous(&step.destination)
                && let Ok(begun) = self.beginning(step).await
            {
                self.note_begun(place, begun);
            }
            self.sweep(&trouble, step, place).await;
            return trouble;
        }
        let unasked = *self.publisher != Publisher::InPlace;
        // A whole file of which only no digest was to be had stays.
        let whole = trouble.kind == TroubleKind::Verification && trouble.class.is_some();
        if unasked && !whole && matches!(ours, Ok(true)) {
            let _ = self.destination.delete(place).await;
        }
        trouble
    }

    /// A destination that had accepted a file which was then refused has an empty part, which is of no use.
    async fn sweep(&mut self, trouble: &Trouble, step: &Step, place: &VPath) {
        let passing = retry::judge(trouble).may_help() || trouble.kind == TroubleKind::Interrupted;
        if passing || step.leftover.is_some() || part::is_ambiguous(&step.destination) {
            return;
        }
        if matches!(self.destination.size(place).await, Ok(Some(0))) {
            let _ = self.destination.delete(place).await;
        }
    }

    /// Gives the copy the source's time, before it gets its name, so that no half-made copy looks done. False, with a note, if
    /// that cannot be.
    async fn keep_time(
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
    async fn source_now(&mut self, step: &Step) -> Result<Option<Entry>, Trouble> {
        match step.reached {
            Reached::ByLink => Ok(self.source.follow(&step.source).await?.map(|followed| followed.entry)),
            Reached::Plainly | Reached::BehindLink => self.source.stat(&step.source).await,
        }
    }

    /// The source's time to the second: a listing may have told less than MDTM does.
    async fn exact_time(&mut self, step: &Step) -> Result<Option<FtpTime>, Trouble> {
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

    /// A fallback: a line in the report, and an event now.
    fn say(&self, notes: &mut Vec<String>, sentence: String) {
        self.observer.event(Event::Fallback { file: Some(self.file), text: sentence.clone() });
        notes.push(sentence);
    }
}

impl Way {
    /// The same, with the reason why it is taken, if it leads through this machine.
    pub(crate) fn because(self, why: &str) -> Way {
        match self {
            Way::Through { protection, assurance, route, because } => {
                let because = because.map_or(why.to_owned(), |other| format!("{why}; {other}"));
                Way::Through { protection, assurance, route, because: Some(because) }
            }
            direct @ Way::Direct(_) => direct,
        }
    }

    /// The way for another lane of the same pair, which knows what this one has learned.
    pub(crate) fn fork(&self) -> Way {
        match self {
            Way::Direct(lane) => Way::Direct(Box::new(lane.fork())),
            Way::Through { protection, assurance, route, because } => Way::Through {
                protection: *protection,
                assurance: *assurance,
                route: *route,
                because: because.clone(),
            },
        }
    }

    /// True if there is nothing to find out about this way any more: others may follow.
    pub(crate) fn is_settled(&self) -> bool {
        match self {
            Way::Direct(lane) => lane.is_proven(),
            Way::Through { .. } => true,
        }
    }

    /// True if both lead by the same road.
    pub(crate) fn is_like(&self, other: &Way) -> bool {
        match (self, other) {
            (Way::Direct(one), Way::Direct(two)) => one.front() == two.front(),
            (Way::Through { .. }, Way::Through { .. }) => true,
            _ => false,
        }
    }

    /// The route of the next file.
    pub(crate) fn route(&self) -> Route {
        match self {
            Way::Direct(_) => Route::Direct,
            Way::Through { route, .. } => *route,
        }
    }
}

/// Whatever the servers proved to each other, it was we who told them whom to expect.
pub(crate) fn on_sand(source: &mut Side, destination: &mut Side, assurance: Assurance) -> Vec<String> {
    if matches!(assurance, Assurance::Clear | Assurance::Unknown) {
        return Vec::new();
    }
    let links = [source, destination].map(Side::link).into_iter().flatten();
    links.filter(|link| link.is_on_trust()).map(|link| trusted_blindly(&link.server.key())).collect()
}

fn trusted_blindly(server: &str) -> String {
    format!(
        "the certificate of {server} was accepted in this run and verified by nothing: until its fingerprint has been \
         compared with the one that the server's operator knows, the assurance rests on sand"
    )
}

/// Why a part is not continued where nobody computes a digest of it.
fn unproven_part(there: u64, resume: ResumeChoice) -> String {
    let begun = format!("begun anew: nobody computes a digest of the {there} bytes that were there");
    match resume {
        ResumeChoice::Prove => format!("{begun}, and --resume prove wants one"),
        _ => format!(
            "{begun}, and no orderly end of an earlier copy has left them (--resume trust believes them)"
        ),
    }
}

fn is_lost(trouble: &Trouble) -> bool {
    matches!(trouble.class, Some(Refusal::Lost | Refusal::TimedOut))
}

pub(crate) const NO_TIME: &str = "the source does not tell the file's time to the second, so it was not kept";

pub(crate) const NO_WAY_OF_TIMES: &str =
    "the destination knows no way of setting times, so it shows the time of the copy";
