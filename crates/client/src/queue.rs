//! Commands that do not wait for each other: what a server bears, and what a convoy has to know of a session before
//! it asks many things at once.

use std::time::Duration;

use fxp_proto::client::manners::Queueing;
use fxp_proto::client::names::NameBytes;
use fxp_proto::client::request::{Answer, Request};
use fxp_proto::grammar::change::TimeVerb;
use fxp_proto::grammar::command::Command;
use fxp_proto::grammar::params::DigestKind;
use fxp_proto::grammar::verb::Verb;
use fxp_proto::path::VPath;
use tokio::time::timeout;

use crate::error::{SessionError, result};
use crate::session::Session;

/// How long the two replies of the probe may take. A server that loses the second command never sends them.
const PROBE: Duration = Duration::from_secs(15);

/// So many requests of one kind are left with the machine, which sends as many of them as the server bears.
const ASKED: usize = 64;

impl Session {
    /// From now on so much is sent at once.
    pub fn set_queueing(&mut self, queueing: Queueing) {
        self.driver.set_queueing(queueing);
    }

    /// What the server makes of the bytes of names: it never gets one that it would take for another.
    pub fn set_names(&mut self, names: NameBytes) {
        self.driver.set_names(names);
    }

    /// Sends two NOOPs in one write; true if both were answered, in order. If not, the session may be unusable.
    pub async fn answers_two_at_once(&mut self) -> bool {
        self.set_queueing(Queueing::Small);
        let both = [(); 2].map(|()| self.ask(Request::Command(Command::bare(Verb::Noop))));
        let mut well = true;
        for id in both {
            let answer = timeout(PROBE, self.answer_to(id)).await;
            well &= matches!(answer, Ok(Answer::Reply(reply)) if reply.code.is_completion());
        }
        self.set_queueing(Queueing::None);
        well
    }

    /// MKD for all of these in their order, as many at once as `queueing` allows. One that is there already is no error.
    /// One result each; where the session is lost, those that had no reply have that as theirs.
    ///
    /// # Errors
    ///
    /// As [`Session::make_directory`].
    pub async fn make_directories(
        &mut self,
        paths: &[VPath],
        queueing: Queueing,
    ) -> Vec<Result<(), SessionError>> {
        self.set_queueing(queueing);
        let mkd = |path: &VPath| Request::Command(Command::new(Verb::Mkd, path.to_text()));
        let mut results = Vec::with_capacity(paths.len());
        for some in paths.chunks(ASKED) {
            let asked: Vec<_> = some.iter().map(|path| self.ask(mkd(path))).collect();
            for id in asked {
                results.push(result(self.answer_to(id).await, Verb::Mkd.name()).map(drop));
            }
        }
        self.set_queueing(Queueing::None);
        for (path, made) in paths.iter().zip(&mut results) {
            let answer = std::mem::replace(made, Ok(()));
            *made = self.made_or_there(path, answer).await;
        }
        results
    }

    /// True if the server tells the times of files.
    pub fn tells_time(&self) -> bool {
        self.facts.features.has(Verb::Mdtm.name())
    }

    /// How the times of files are set here, as far as that is known without trying.
    pub fn time_verb(&self) -> TimesSet {
        match self.habits.set_time {
            Some(way) => TimesSet::By(way),
            None if self.habits.tried_times => TimesSet::Not,
            None if self.facts.features.has(Verb::Mfmt.name()) => TimesSet::By(TimeVerb::Mfmt),
            None => TimesSet::Unknown,
        }
    }

    /// Makes the server ready to tell digests of this kind, and says by which verb it does.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn digest_verb(&mut self, kind: DigestKind) -> Result<Verb, SessionError> {
        if self.facts.features.hash().iter().any(|(offered, _)| *offered == kind) {
            self.choose_hash(kind).await?;
            return Ok(Verb::Hash);
        }
        let features = &self.facts.features;
        Ok(match kind {
            DigestKind::Md5 if !features.has_x(kind) && features.has(Verb::Md5.name()) => Verb::Md5,
            // Older servers know SHA-1 as XSHA only.
            DigestKind::Sha1 if !features.has(kind.verb().name()) => Verb::Xsha,
            kind => kind.verb(),
        })
    }
}

/// How a server sets the times of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimesSet {
    /// By this verb.
    By(TimeVerb),
    /// It was tried, and no way worked.
    Not,
    /// Nobody has tried yet.
    Unknown,
}
