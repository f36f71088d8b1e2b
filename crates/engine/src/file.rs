//! The story of one file: where it begins, which route it takes, what is tried again, how it is
//! verified, and how it gets its final name.

mod anew;
mod ending;
mod failing;
mod resuming;
mod telling;
mod trying;
mod way;

pub(crate) use ending::{NO_TIME, NO_WAY_OF_TIMES};
pub(crate) use telling::Told;
pub(crate) use way::Way;

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use fxp_client::data::Throttle;
use fxp_client::trust::Fingerprint;
use fxp_proto::grammar::params::Protection;
use fxp_proto::listing::entry::Precision;
use fxp_proto::listing::time::FtpTime;
use fxp_proto::pair::exchange::{self, Refusal};
use fxp_proto::pair::leg::Leg;
use fxp_proto::path::VPath;

use crate::alias::Aliases;
use crate::book::KnownBook;
use crate::claim::Claim;
use crate::context::Observer;
use crate::journal::{Ledger, Subject};
use crate::lane::{Carriage, Tried};
use crate::part;
use crate::patience::Patience;
use crate::plan::Step;
use crate::plan::ladder::Rung;
use crate::policy::{ResumeChoice, VerifyChoice, Via};
use crate::pool::Link;
use crate::progress;
use crate::publish::{Publisher, at_part};
use crate::report::{Assurance, FileReport, Route, Trouble, TroubleKind, Verification};
use crate::retry::headway::Headway;
use crate::run::Stop;
use crate::side::Side;
use crate::surplus::Gone;
use crate::transfer::relay;
use crate::verify::{self, At, Verified};

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
    /// It was begun in convoy, so that something of it may be there.
    pub(crate) returned: bool,
    /// What is enough to continue a part.
    pub(crate) resume: ResumeChoice,
    /// Whether source and destination are one file.
    pub(crate) aliases: &'a Aliases,
    /// False if the source is a copy itself, made or found in this run.
    pub(crate) original: bool,
    /// Whose the bytes are that stand where the file is stored.
    pub(crate) claim: Claim,
    /// So much of the file was there before this delivery, as far as its attempts have gone on there.
    pub(crate) inherited: Option<u64>,
    /// What all lanes bear together.
    pub(crate) patience: &'a Patience,
    /// What was told about attempts.
    pub(crate) told: Told,
    /// Told of what had to make way.
    pub(crate) gone: &'a (dyn Fn(Gone) + Send + Sync),
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
            if place == step.destination {
                self.spare_the_only_one(step).await?;
            }
            self.ledger.begun(self.subject, step.stands, place == step.destination);
            // Whoever finds the copy under its name must find noted how it came there.
            self.ledger.noted().await;
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
        notes.extend(self.told.left_out());
        notes.extend(on_sand(self.source, self.destination, carried.assurance));
        Ok(FileReport {
            source: self.source.name(&step.source),
            destination: self.destination.name(&step.destination),
            size: verified.size,
            resumed: carried.offset,
            inherited: self.inherited.unwrap_or(carried.offset).min(carried.offset),
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

    /// A file that is written in place while it is read is lost.
    async fn spare_the_only_one(&mut self, step: &Step) -> Result<(), Trouble> {
        match self.aliases.may_be_one_file(step, self.source, self.destination).await? {
            true => Err(Trouble::new(
                TroubleKind::Usage,
                format!("{} is source and destination in one", self.source.name(&step.source)),
            )),
            false => Ok(()),
        }
    }

    /// One attempt, from finding out where to begin to comparing the result.
    async fn attempt(
        &mut self,
        step: &Step,
        place: &VPath,
        again: bool,
        headway: &mut Headway,
        notes: &mut Vec<String>,
    ) -> Result<(Carried, Verified), Trouble> {
        let may_be_taken = match *place == step.destination {
            true => step.replaces(),
            false => step.leftover.is_some() || part::is_ambiguous(&step.destination),
        };
        self.claim.look(self.destination, place, may_be_taken).await?;
        // A listing that tells minutes tells too little to see later that the source was rewritten meanwhile.
        let listed = step.modified.filter(|(_, exact)| *exact == Precision::Second);
        let before = match listed {
            Some(_) if !again && self.original => listed,
            _ => self.source_now(step).await?.and_then(|entry| entry.modified),
        };
        let mut offset = self.where_to_begin(step, place, again, notes).await?;
        if headway.is_on_trial() && !headway.is_further(offset) {
            return Err(Trouble::new(TroubleKind::Other, "what is there cannot be continued"));
        }
        if offset == 0 {
            self.note_begun(place, None);
            self.claim.begins_anew();
            self.unlock(step, place, again).await;
        }
        let carried = self.carry(step, place, &mut offset, notes).await;
        // A server that does not resume has begun the file anew.
        headway.begun_at(offset);
        // What was there when this run first went on is not its own; what it begins anew, all of it is.
        self.inherited = Some(self.inherited.map_or(offset, |before| before.min(offset)));
        let carried = match carried {
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
}

/// Whatever the servers proved to each other, it was we who told them whom to expect.
pub(crate) fn on_sand(source: &mut Side, destination: &mut Side, assurance: Assurance) -> Vec<String> {
    if matches!(assurance, Assurance::Clear | Assurance::Unknown) {
        return Vec::new();
    }
    let links = [source, destination].map(Side::link).into_iter().flatten();
    let blindly = |link: &mut Link| Some(trusted_blindly(&link.server.key(), link.on_trust()?));
    links.filter_map(blindly).collect()
}

fn trusted_blindly(server: &str, fingerprint: &Fingerprint) -> String {
    format!(
        "the certificate of {server} was accepted by a yes and verified by nothing: until its fingerprint has been \
         compared with the one that the server's operator knows, the assurance rests on sand; `fxp trust add {server} \
         {fingerprint}` says that it was"
    )
}

fn is_lost(trouble: &Trouble) -> bool {
    matches!(trouble.class, Some(Refusal::Lost | Refusal::TimedOut))
}
