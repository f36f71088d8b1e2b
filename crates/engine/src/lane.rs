//! A lane: two sessions that carry one file after another, and the ladder they climb.
//!
//! The first file finds the rung that works; the others follow it. What each refusal taught is
//! remembered for the next run, and what it rules out is not tried.

mod hopeless;
mod proof;
mod road;
mod trial;

pub(crate) use road::Paved;
pub(crate) use trial::Trial;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use fxp_client::session::Session;
use fxp_proto::client::request::LoggedIn;
use fxp_proto::grammar::addr::Family;
use fxp_proto::grammar::rate::RateLimit;
use fxp_proto::grammar::verb::Verb;
use fxp_proto::pair::exchange::{Failure, Job, LegFacts, Limits, Refusal, Step, Verdict};
use fxp_proto::pair::leg::Leg;
use fxp_proto::pair::method::{Method, RoleVerb};
use fxp_proto::path::VPath;
use tokio::sync::Notify;

use crate::explain;
use crate::plan::ladder::{End, Ladder, Peer, Policy, Rung, ladder};
use crate::policy::Secure;
use crate::pool::{Link, product};
use crate::product::{Product, Products};
use crate::progress::Spare;
use crate::report::Trouble;
use crate::run::Stop;
use crate::side::Side;
use crate::transfer::direct;

/// The state of a pair of servers.
pub(crate) struct Lane {
    source: End,
    destination: End,
    policy: Policy,
    products: Products,
    /// As it is printed.
    pub(crate) ladder: Ladder,
    /// What is still to be tried, the best first; while a rung works it stays in front.
    rungs: Vec<Rung>,
    /// The rung in front has carried a file.
    proven: bool,
    /// The rung in front has moved a part of a file, if no whole one yet.
    moved: bool,
    /// Some rung has carried a file in this run: whatever fails now is about the file, or passes.
    has_worked: bool,
    /// What was tried and failed since the last success.
    failures: Vec<(Rung, Failure)>,
    spare: Spare,
    /// The end that can limit the speed (RATE), if one can.
    limiter: Option<Leg>,
    /// What it is to see to.
    limit: Option<RateLimit>,
}

/// A file on its way.
pub(crate) struct Carriage<'a> {
    /// Its number in events.
    pub(crate) file: u64,
    pub(crate) source: &'a mut Side,
    pub(crate) destination: &'a mut Side,
    pub(crate) from: &'a VPath,
    pub(crate) to: &'a VPath,
    /// The final name, for messages.
    pub(crate) name: &'a VPath,
    pub(crate) offset: u64,
    /// The size of what stands there now.
    pub(crate) size_before: Option<u64>,
    /// Becomes true when the destination has accepted the file.
    pub(crate) begun: &'a AtomicBool,
    /// Becomes true when the destination may hold what somebody else has sent.
    pub(crate) doubtful: &'a AtomicBool,
}

/// What came of trying the rung in front.
pub(crate) enum Tried {
    /// Both servers said that the file was transferred.
    Done(Rung),
    /// This rung does not work; the next one is in front now. The sentence is for the report.
    NextRung(String),
    /// No rung is left.
    Exhausted(Trouble),
    /// The file failed, not the rung.
    Failed(Trouble, Option<Step>),
}

impl Lane {
    /// The lane between two servers whose sessions are open.
    pub(crate) async fn new(
        source: &mut Link,
        destination: &mut Link,
        policy: &Policy,
    ) -> Result<Self, Trouble> {
        let (source_end, source_product) = end(source, &destination.server.key()).await?;
        let (destination_end, destination_product) = end(destination, &source.server.key()).await?;
        let ladder = ladder(&source_end, &destination_end, policy);
        // All that comes together at the destination is limited best there.
        let limiter = match (knows_rate(destination).await?, knows_rate(source).await?) {
            (true, _) => Some(Leg::Destination),
            (false, true) => Some(Leg::Source),
            (false, false) => None,
        };
        let mut lane = Lane {
            rungs: Vec::new(),
            policy: *policy,
            products: Products { source: source_product, destination: destination_product },
            source: source_end,
            destination: destination_end,
            ladder,
            proven: false,
            moved: false,
            has_worked: false,
            failures: Vec::new(),
            spare: Spare::default(),
            limiter,
            limit: None,
        };
        lane.rungs = lane.all_rungs();
        Ok(lane)
    }

    /// The ladder, and below it what only earlier lessons forbid: a server may have been configured anew.
    fn all_rungs(&self) -> Vec<Rung> {
        let mut rungs = self.ladder.rungs.clone();
        if self.ladder.learned_objections() {
            let unlearned = |end: &End| End { known: end.known.without_fxp_facts(), ..end.clone() };
            let more = ladder(&unlearned(&self.source), &unlearned(&self.destination), &self.policy).rungs;
            rungs.extend(more.into_iter().filter(|rung| !self.ladder.rungs.contains(rung)));
        }
        rungs
    }

    /// Another lane of the same pair, which knows what this one has learned.
    pub(crate) fn fork(&self) -> Lane {
        Lane {
            source: self.source.clone(),
            destination: self.destination.clone(),
            policy: self.policy,
            products: self.products,
            ladder: self.ladder.clone(),
            rungs: self.rungs.clone(),
            proven: self.proven,
            moved: self.moved,
            has_worked: self.has_worked,
            failures: self.failures.clone(),
            spare: self.spare.clone(),
            limiter: self.limiter,
            limit: self.limit.clone(),
        }
    }

    /// The end that can limit the speed, if one can.
    pub(crate) fn limiter(&self) -> Option<Leg> {
        self.limiter
    }

    /// From now on that end limits the speed.
    pub(crate) fn limit(&mut self, limit: RateLimit) {
        self.limit = Some(limit);
    }

    /// True if the rung in front has carried a file.
    pub(crate) fn is_proven(&self) -> bool {
        self.proven
    }

    /// True if the two servers are known to meet by the rung in front.
    fn works(&self) -> bool {
        self.proven || self.moved
    }

    fn end(&self, leg: Leg) -> &End {
        match leg {
            Leg::Source => &self.source,
            Leg::Destination => &self.destination,
        }
    }

    /// The rung that is tried next, or was tried last and may be tried again.
    pub(crate) fn front(&self) -> Option<Rung> {
        self.rungs.first().cloned()
    }

    /// True if some rung has carried a file in this run.
    pub(crate) fn has_worked(&self) -> bool {
        self.has_worked
    }

    /// Tries the rung in front.
    pub(crate) async fn carry(&mut self, carriage: &mut Carriage<'_>, stop: &mut Stop) -> Tried {
        let Some(rung) = self.rungs.first().cloned() else {
            let trouble = self.impossible(carriage);
            return Tried::Exhausted(trouble);
        };
        let begun = AtomicBool::new(false);
        let driven = self.drive(&rung, carriage, &begun, stop).await;
        let begun = begun.into_inner();
        carriage.begun.fetch_or(begun, Relaxed);
        let verdict = match driven {
            Ok(verdict) => verdict,
            Err(trouble) => return Tried::Failed(trouble, None),
        };
        let (source, destination) = links(carriage);
        if !verdict.source_usable {
            source.retire();
        }
        if !verdict.destination_usable {
            destination.retire();
        }
        match verdict.result {
            Ok(_) => {
                self.worked(&rung, source, destination);
                Tried::Done(rung)
            }
            Err(failure) => {
                carriage.doubtful.fetch_or(proof::leaves_doubt(rung.peer, &failure), Relaxed);
                self.judge(rung, failure, begun, carriage).await
            }
        }
    }

    /// Drives the exchange, and meanwhile looks at the size of what has arrived.
    async fn drive(
        &self,
        rung: &Rung,
        carriage: &mut Carriage<'_>,
        begun: &AtomicBool,
        stop: &mut Stop,
    ) -> Result<Verdict, Trouble> {
        let (from, to, offset) = (carriage.from.clone(), carriage.to.clone(), carriage.offset);
        let (file, in_place) = (carriage.file, carriage.to == carriage.name);
        let (source_link, destination_link) = links(carriage);
        let (pool, server) = (destination_link.pool().clone(), destination_link.server.clone());
        let expected = match rung.peer {
            Peer::Expect(by) => {
                let shows = if by == Leg::Source { &mut *destination_link } else { &mut *source_link };
                shows.certificates().await.map_err(|error| error.on(Some(by.other())))?
            }
            Peer::None | Peer::Key => Vec::new(),
        };
        let (source_data, destination_data) =
            (source_link.server.site.data_address, destination_link.server.site.data_address);
        let (source, destination) = tokio::try_join!(
            async { source_link.session().await.map_err(|error| error.on(Some(Leg::Source))) },
            async { destination_link.session().await.map_err(|error| error.on(Some(Leg::Destination))) }
        )?;
        let proof = proof::of(rung.peer, source, destination, &expected)?;
        let mut facts = self.facts(Leg::Destination, to.clone(), destination, destination_data);
        // What wakes it ends with an empty file, which may take the place of one that stands there.
        facts.deaf &= !in_place;
        let job = Job {
            source: self.facts(Leg::Source, from, source, source_data),
            destination: facts,
            method: rung.method,
            proof,
            restart: offset,
            limits: self.limits(&rung.method, pool.context().environment.timeout),
        };
        let step = |step: Step| tracing::debug!(?step, "exchange");
        let grown = Notify::new();
        tokio::select! {
            verdict = direct::run(job, source, destination, &grown, begun, stop, step) => Ok(verdict),
            never = self.spare.watch(&pool, &server, (file, &to), &grown) => match never {},
        }
    }

    /// What an exchange, or a convoy, has to know of one leg.
    fn facts(&self, leg: Leg, path: VPath, session: &Session, data_address: Option<IpAddr>) -> LegFacts {
        LegFacts {
            path,
            control_peer: session.peer_addr().ip(),
            data_address,
            pret: self.end(leg).pret,
            cepr: self.end(leg).cepr && self.end(leg).family == Family::V6,
            sscn: self.end(leg).sscn,
            deaf: self.products.of(leg).is_some_and(|product| product.deaf),
            rate: self.limit.clone().filter(|_| self.limiter == Some(leg)),
        }
    }

    /// The ceilings for waits; a listener that turns others away without a word is not waited for like one that speaks.
    fn limits(&self, method: &Method, reply: Duration) -> Limits {
        let silent = self.products.of(method.passive).is_some_and(|product| product.silent);
        Limits { reply, follow: silent.then_some(FOLLOW), ..Limits::default() }
    }

    /// Decides whether a failure is the file's or the rung's.
    async fn judge(
        &mut self,
        rung: Rung,
        failure: Failure,
        begun: bool,
        carriage: &mut Carriage<'_>,
    ) -> Tried {
        let failure = self.passing(failure, &rung);
        self.learn(&rung, &failure, carriage);
        // A server that knows no STOR behind REST says so on every rung; without REST it may take the file.
        let resumed =
            carriage.offset > 0 && failure.step == Step::Transfer && failure.class == Refusal::Unsupported;
        let file = resumed || explain::is_about_the_file(&failure);
        // The network breaks on good rungs too. A rung that never carried anything is given up at once.
        let network = matches!(
            failure.class,
            Refusal::Lost | Refusal::TimedOut | Refusal::Transient | Refusal::Connectivity
        );
        self.moved |= network && !self.works() && begun && self.has_moved(carriage).await;
        if file || (network && self.works()) {
            let mut trouble = self.of_failure(&rung, &failure);
            if network {
                // The servers do reach each other: what there is to say about that would lead astray.
                trouble.remedy = Some(GOES_ON.to_owned());
            }
            return Tried::Failed(trouble, Some(failure.step));
        }
        let sentence = explain::sentence(&rung, &failure, &self.products);
        let mut rungs = std::mem::take(&mut self.rungs);
        rungs.retain(|other| *other != rung && !self.rules_out(&failure, &rung, other));
        if failure.class == Refusal::Connectivity {
            // Swap the direction first; a vague 425 may have had another reason, so nothing is ruled out.
            rungs.sort_by_key(|other| other.method.passive == rung.method.passive);
        }
        self.failures.push((rung, failure));
        rungs.retain(|other| !self.would_be_turned_away(&other.method));
        self.rungs = rungs;
        (self.proven, self.moved) = (false, false);
        Tried::NextRung(sentence)
    }

    /// A rung that has moved bytes has the right roles: if a later attempt meets a 4yz about TLS there, something came in
    /// between, and the same rung is worth another try.
    fn passing(&self, failure: Failure, rung: &Rung) -> Failure {
        let for_now = failure.reply.as_ref().is_some_and(|reply| reply.code.is_transient());
        let of_tls = failure.class == Refusal::TlsRole && failure.step == Step::Transfer;
        let reuse = explain::demands_reuse(&failure, &rung.method, &self.products);
        match self.works() && of_tls && for_now && !reuse {
            true => Failure { class: Refusal::Transient, ..failure },
            false => failure,
        }
    }

    /// True if the failure of `tried` says that `other` cannot work either.
    fn rules_out(&self, failure: &Failure, tried: &Rung, other: &Rung) -> bool {
        let leg = failure.leg;
        let (tried_peer, same_proof) = (tried.peer, tried.peer == other.peer);
        let (tried, other) = (&tried.method, &other.method);
        let same_end = tried.passive == other.passive;
        match failure.class {
            Refusal::Proof => same_proof,
            // Under a key it does not matter who begins the handshake: only where they meet does.
            Refusal::Connectivity if tried_peer == Peer::Key && explain::is_uniform(failure) => {
                same_proof && same_end
            }
            Refusal::Policy => same_end || self.products.of(leg).is_some_and(Product::refuses_alike),
            Refusal::Address => same_end && tried.passive == leg,
            Refusal::TlsRole | Refusal::Unsupported
                if matches!(failure.verb, Some(Verb::Prot | Verb::Pbsz)) =>
            {
                tried.tls.is_some() == other.tls.is_some()
            }
            Refusal::TlsRole if explain::demands_reuse(failure, tried, &self.products) => {
                other.tls.is_some_and(|part| part.client != leg)
            }
            Refusal::Unsupported => match failure.verb {
                Some(Verb::Cpsv) => same_end && matches!(other.tls, Some(part) if part.by == RoleVerb::Cpsv),
                Some(Verb::Sscn) => {
                    matches!(other.tls, Some(part) if part.by == RoleVerb::Sscn && part.client == leg)
                }
                Some(Verb::Pasv | Verb::Epsv) => same_end && other.verb == tried.verb,
                Some(Verb::Port | Verb::Eprt) => same_end,
                _ => false,
            },
            _ => false,
        }
    }

    /// True if the end that would listen has turned the other server away where it listened, in whatever way, and
    /// has refused its address where it should have connected. Each further try would cost a wait.
    fn would_be_turned_away(&self, method: &Method) -> bool {
        self.failures.iter().any(|(tried, failure)| {
            tried.method.passive == method.passive && explain::turned_away(tried, failure, &self.failures)
        })
    }

    /// Remembers what a refusal says about the server.
    fn learn(&self, rung: &Rung, failure: &Failure, carriage: &mut Carriage<'_>) {
        let method = &rung.method;
        // Whoever speaks PEER may want a proof of strangers: without a key it says nothing about what it does with one.
        let unproven = self.end(failure.leg).peer_key && rung.peer != Peer::Key;
        let reuse = explain::demands_reuse(failure, method, &self.products);
        let at_data = matches!(failure.step, Step::Connect | Step::Transfer | Step::Cleanup);
        let passive = method.passive;
        // It says the same when nobody comes as when somebody does whom it does not let in; only under a key it lets in all.
        let tells_nothing = failure.leg == passive && rung.peer != Peer::Key && explain::is_uniform(failure);
        let link = match failure.class {
            Refusal::Connectivity if at_data => link_of(carriage, passive),
            _ => link_of(carriage, failure.leg),
        };
        match failure.class {
            Refusal::Policy if unproven => {}
            Refusal::Connectivity if tells_nothing => {}
            Refusal::TlsRole if reuse => link.learn(|known| known.demands_reuse = true),
            Refusal::TlsRole | Refusal::Lost if at_data => self.learn_of_client(method, failure, carriage),
            Refusal::Policy
                if at_data && self.products.of(failure.leg).is_some_and(Product::refuses_alike) =>
            {
                link.learn(|known| (known.no_foreign_passive, known.no_foreign_active) = (true, true));
            }
            Refusal::Policy if at_data && failure.leg == passive => {
                link.learn(|known| known.no_foreign_passive = true);
            }
            Refusal::Policy if at_data => link.learn(|known| known.no_foreign_active = true),
            Refusal::Connectivity if at_data && !self.works() && !explain::broke_off(failure) => {
                link.learn(|known| known.unreachable = true);
            }
            _ => {}
        }
    }

    /// TLS between the servers failed, most often because the TLS client cannot verify the other's certificate.
    /// A product that does verify it may hang up without a word.
    fn learn_of_client(&self, method: &Method, failure: &Failure, carriage: &mut Carriage<'_>) {
        let Some(part) = method.tls else { return };
        let verifies = self.products.of(part.client).is_some_and(|product| product.trust_peer.is_some());
        if failure.class == Refusal::TlsRole || (verifies && failure.leg == part.client && !self.works()) {
            let partner = link_of(carriage, part.client.other()).server.key();
            link_of(carriage, part.client).learn(|known| known.was_client_with(&partner, false));
        }
    }

    /// A rung that works outranks what was learned earlier.
    fn worked(&mut self, rung: &Rung, source: &mut Link, destination: &mut Link) {
        (self.proven, self.has_worked) = (true, true);
        self.failures.clear();
        let method = rung.method;
        let partners = [destination.server.key(), source.server.key()];
        let links = [(Leg::Source, source), (Leg::Destination, destination)];
        for ((leg, link), partner) in links.into_iter().zip(partners) {
            link.learn(|known| {
                if method.tls.is_some_and(|part| part.client == leg) {
                    known.was_client_with(&partner, true);
                }
                if leg == method.passive {
                    known.no_foreign_passive = false;
                    known.unreachable = false;
                } else {
                    known.no_foreign_active = false;
                }
                if method.tls.is_some_and(|part| part.client != leg) {
                    known.demands_reuse = false;
                }
            });
        }
    }

    /// The file arrived damaged by the rung in front: the next file, or the next attempt, takes another one
    /// if there is one. The sentence says what a damaged copy means.
    pub(crate) fn doubt(&mut self, rung: &Rung) -> Option<&'static str> {
        if self.rungs.first() == Some(rung) && self.rungs.len() > 1 {
            self.rungs.rotate_left(1);
            (self.proven, self.moved) = (false, false);
        }
        // A source that speaks PEER waits for the other end's farewell.
        let careless = matches!(rung.peer, Peer::None | Peer::Expect(Leg::Destination));
        (careless && rung.method.tls.is_some_and(|part| part.client == Leg::Source)).then_some(TRUNCATES)
    }

    /// Data in clear although a control connection is TLS: the report says why.
    pub(crate) fn why_clear(&self, rung: &Rung) -> Option<String> {
        let lowered = rung.method.tls.is_none() && (self.source.secured || self.destination.secured);
        let why = match self.policy.secure {
            Secure::Prefer if self.ladder.rungs.iter().any(|rung| rung.method.tls.is_some()) => {
                "no protected method worked".to_owned()
            }
            Secure::Prefer => {
                let required = Policy { secure: Secure::Require, ..self.policy };
                ladder(&self.source, &self.destination, &required).why_impossible()
            }
            _ => "--secure off".to_owned(),
        };
        lowered.then(|| format!("the data went in clear: {why}"))
    }

    /// True if bytes of this file have arrived by this rung, whose transfer was accepted.
    async fn has_moved(&self, carriage: &mut Carriage<'_>) -> bool {
        let size = carriage.destination.size(carriage.to).await;
        matches!(size, Ok(now @ Some(size)) if size > carriage.offset && now != carriage.size_before)
    }

    /// A failure that is the file's.
    fn of_failure(&self, rung: &Rung, failure: &Failure) -> Trouble {
        match failure.class {
            Refusal::Aborted => crate::plan::walk::interrupted(),
            _ => explain::of_file(rung, failure, &self.products),
        }
    }

    /// Says goodbye to the spare session.
    pub(crate) async fn close(&self) {
        self.spare.close().await;
    }
}

/// True if the server can limit the speed of transfers.
pub(crate) async fn knows_rate(link: &mut Link) -> Result<bool, Trouble> {
    Ok(link.session().await?.facts().features.has("RATE"))
}

/// What decides about one end, from its session.
pub(crate) async fn end(link: &mut Link, partner: &str) -> Result<(End, Option<&'static Product>), Trouble> {
    link.session().await?;
    // Only now, since a new greeting makes forgotten what was learned under the old one.
    let (known, site) = (link.known(), link.server.site.clone());
    let failed_as_client = known.no_client_with.iter().any(|known| known == partner);
    let session = link.session().await?;
    let address = site.data_address.unwrap_or(session.peer_addr().ip());
    let facts: &LoggedIn = session.facts();
    let product = product(session);
    let end = End::new(facts, Family::of(address.to_canonical()), known, site.passive);
    Ok((End { failed_as_client, ..end }, product))
}

fn links<'a>(carriage: &'a mut Carriage<'_>) -> (&'a mut Link, &'a mut Link) {
    match (&mut *carriage.source, &mut *carriage.destination) {
        (Side::Remote(source), Side::Remote(destination)) => (source, destination),
        _ => unreachable!("a lane joins two servers"),
    }
}

fn link_of<'a>(carriage: &'a mut Carriage<'_>, leg: Leg) -> &'a mut Link {
    let (source, destination) = links(carriage);
    match leg {
        Leg::Source => source,
        Leg::Destination => destination,
    }
}

const TRUNCATES: &str = "the source was TLS client: many servers then lose the end of a file under TLS 1.3 (ProFTPD: \
                         TLSProtocol TLSv1.2 avoids it)";

const GOES_ON: &str = "the same command, once the trouble is over, goes on where this one stopped";

/// A silent server that lets somebody in says so as soon as the connection stands, which the other end has said.
const FOLLOW: Duration = Duration::from_secs(8);
