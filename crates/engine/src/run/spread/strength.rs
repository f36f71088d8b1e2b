//! What a way between two places is worth, so that a file never comes by a weaker one only because that is quicker.
//!
//! A file that comes by way of another destination is worth no more than the weakest part of its way. What its own
//! source and a destination could reach together is the floor: nobody brings it with less, unless the user has named
//! what is enough.

use fxp_proto::grammar::params::DigestKind;
use fxp_proto::pair::leg::Leg;

use super::super::CopyRequest;
use super::super::through::protection;
use super::schedule::SOURCE;
use crate::lane;
use crate::plan::ladder::{End, ladder};
use crate::policy::{AssuranceChoice, VerifyChoice, Via};
use crate::report::{Assurance, Trouble};
use crate::side::Side;
use crate::verify;

/// What one way, or several in a row, are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strength {
    /// Of [`DIRECT`], [`ENCRYPTED`], [`CONFIDENTIAL`], [`AUTHENTIC`].
    bits: u8,
    /// How good the digest is that both ends compute; 0: there is none.
    digest: u8,
}

/// No byte goes through this machine.
const DIRECT: u8 = 1;
const ENCRYPTED: u8 = 2;
const CONFIDENTIAL: u8 = 4;
const AUTHENTIC: u8 = 8;

/// What a way lacks that would have to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// Some protection or proof.
    Proof,
    /// A digest as good.
    Digest,
    /// It goes through this machine.
    Direct,
}

impl Strength {
    /// All that there can be.
    pub(super) const FULL: Strength = Strength { bits: u8::MAX, digest: u8::MAX };
    /// Nothing comes through.
    pub(super) const NONE: Strength = Strength { bits: 0, digest: 0 };

    pub(super) fn of(assurance: Assurance, digest: Option<DigestKind>) -> Self {
        let bits = match assurance {
            Assurance::Mutual => DIRECT | ENCRYPTED | CONFIDENTIAL | AUTHENTIC,
            Assurance::Confidential => DIRECT | ENCRYPTED | CONFIDENTIAL,
            Assurance::Authentic => DIRECT | ENCRYPTED | AUTHENTIC,
            Assurance::Encrypted => DIRECT | ENCRYPTED,
            Assurance::Clear => DIRECT,
            // This machine has verified both ends itself.
            Assurance::Relay => ENCRYPTED | CONFIDENTIAL | AUTHENTIC,
            // How bytes came that were there already is not this copy's doing.
            Assurance::Unknown => u8::MAX,
        };
        let level = match digest {
            None => 0,
            Some(DigestKind::Crc32) => 1,
            Some(DigestKind::Md5) => 2,
            Some(DigestKind::Sha1) => 3,
            Some(DigestKind::Sha256 | DigestKind::Sha512) => 4,
        };
        Strength { bits, digest: level }
    }

    /// One way after the other.
    pub(super) fn then(self, next: Strength) -> Strength {
        Strength { bits: self.bits & next.bits, digest: self.digest.min(next.digest) }
    }

    /// What is missing to be as much as `floor`.
    fn lacks(self, floor: Strength) -> Option<Lack> {
        let missing = floor.bits & !self.bits;
        if missing & !DIRECT != 0 {
            return Some(Lack::Proof);
        }
        if missing != 0 {
            return Some(Lack::Direct);
        }
        (self.digest < floor.digest).then_some(Lack::Digest)
    }

    pub(super) fn is_less_than(self, floor: Strength) -> bool {
        self.lying().lacks(floor).is_some()
    }

    /// That much of it which the user wants.
    fn wanted(self, choice: AssuranceChoice) -> Strength {
        let enough = match choice {
            AssuranceChoice::Best | AssuranceChoice::Mutual => u8::MAX,
            AssuranceChoice::Confidential => DIRECT | ENCRYPTED | CONFIDENTIAL,
            AssuranceChoice::Authentic => DIRECT | ENCRYPTED | AUTHENTIC,
            AssuranceChoice::Encrypted => DIRECT | ENCRYPTED,
        };
        Strength { bits: self.bits & enough, ..self }
    }

    /// Of a file that lies somewhere: how many bytes went through this machine before does not matter any more.
    fn lying(self) -> Strength {
        Strength { bits: self.bits | DIRECT, ..self }
    }
}

/// What all ways are worth. Where nobody has looked yet, all that there can be.
#[derive(Clone, Debug)]
pub(super) struct Bonds {
    choice: AssuranceChoice,
    places: usize,
    /// By server that something comes from at first, and by destination.
    sources: Vec<Vec<Strength>>,
    /// By destination that gives, and by destination.
    between: Vec<Vec<Strength>>,
}

impl Bonds {
    pub(super) fn new(places: usize, choice: AssuranceChoice) -> Self {
        let between = vec![vec![Strength::FULL; places]; places];
        Bonds { choice, places, sources: Vec::new(), between }
    }

    /// The way from a source to a destination.
    pub(super) fn reach(&mut self, origin: usize, needer: usize, strength: Strength) {
        while self.sources.len() <= origin {
            self.sources.push(vec![Strength::FULL; self.places]);
        }
        self.sources[origin][needer] = strength;
    }

    /// The way from a destination to another one.
    pub(super) fn between(&mut self, holder: usize, needer: usize, strength: Strength) {
        self.between[holder][needer] = strength;
    }

    fn source(&self, origin: usize, needer: usize) -> Strength {
        self.sources.get(origin).map_or(Strength::FULL, |row| row[needer])
    }

    /// What a file of a source is worth at a destination at least, if all goes as it should.
    pub(super) fn promised(&self, origin: usize, place: usize) -> Strength {
        self.source(origin, place).wanted(self.choice).lying()
    }

    /// What is missing, if anything, where a destination brings what it has got by a way that was worth `came`.
    pub(super) fn lacks(&self, origin: usize, came: Strength, holder: usize, needer: usize) -> Option<Lack> {
        let floor = self.source(origin, needer).wanted(self.choice);
        came.lying().then(self.between[holder][needer]).lacks(floor)
    }

    /// True if that way is as good as the one from the source, whatever is enough.
    pub(super) fn is_best(&self, origin: usize, holder: usize, needer: usize) -> bool {
        if holder == SOURCE {
            return true;
        }
        let came = self.source(origin, holder).lying();
        came.then(self.between[holder][needer]).lacks(self.source(origin, needer)).is_none()
    }
}

/// What decides about the ways from and to one place.
#[derive(Clone)]
pub(super) struct Ability {
    /// `None` for this machine.
    end: Option<End>,
    /// As [`Side::protects_data`].
    protects: Option<bool>,
    /// It can limit the speed of transfers.
    limits: bool,
    digests: Vec<DigestKind>,
}

impl Ability {
    /// Of a place that is connected.
    pub(super) async fn of(side: &mut Side, leg: Leg) -> Result<Self, Trouble> {
        let (mut end, mut limits) = (None, false);
        if let Some(link) = side.link() {
            // With whom it failed as TLS client decides only about the order of methods that are worth the same.
            end = Some(lane::end(link, "").await.map_err(|trouble| trouble.on(Some(leg)))?.0);
            limits = lane::knows_rate(link).await.map_err(|trouble| trouble.on(Some(leg)))?;
        }
        Ok(Ability { end, limits, protects: side.protects_data(), digests: side.digests() })
    }

    /// What the best way to another place is worth.
    pub(super) fn to(&self, other: &Ability, request: &CopyRequest) -> Strength {
        let digest = match request.verify {
            VerifyChoice::Size => None,
            VerifyChoice::Auto | VerifyChoice::Hash => {
                verify::common(&self.digests, &other.digests).first().copied()
            }
        };
        match self.assurance(other, request) {
            Some(assurance) => Strength::of(assurance, digest),
            None => Strength::NONE,
        }
    }

    /// `None` if there is no way.
    fn assurance(&self, other: &Ability, request: &CopyRequest) -> Option<Assurance> {
        let through = || Some(protection([self.protects, other.protects], &request.policy).ok()?.1);
        let (Some(from), Some(to)) = (&self.end, &other.end) else { return through() };
        if request.via == Via::Relay {
            return through();
        }
        let limited = request.bwlimit.is_none() || self.limits || other.limits;
        let best =
            |from: &End, to: &End| ladder(from, to, &request.policy).rungs.first().map(|rung| rung.assurance);
        let unlearned = |end: &End| End { known: end.known.without_fxp_facts(), ..end.clone() };
        let direct = best(from, to).or_else(|| best(&unlearned(from), &unlearned(to))).filter(|_| limited);
        direct.or_else(|| if request.via == Via::Auto { through() } else { None })
    }
}
