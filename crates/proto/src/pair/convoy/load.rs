//! What a convoy is given, and what it says of each file.

use super::super::job::{LegFacts, Limits};
use super::super::leg::Leg;
use super::super::method::Method;
use super::super::verdict::Failure;
use crate::client::manners::Queueing;
use crate::grammar::change::TimeVerb;
use crate::grammar::params::DigestKind;
use crate::grammar::peer::{PeerKey, PeerPin};
use crate::grammar::reply::Reply;
use crate::grammar::verb::Verb;
use crate::listing::time::FtpTime;
use crate::path::VPath;

/// What is the same for all files.
#[derive(Clone, Debug)]
pub struct Road {
    /// The source; its path says nothing.
    pub source: LegFacts,
    /// The destination; its path says nothing.
    pub destination: LegFacts,
    /// How they are joined: a method that has carried a file between these two.
    pub method: Method,
    /// What they prove to each other.
    pub proof: Introduction,
    /// What the source bears.
    pub source_queueing: Queueing,
    /// What the destination bears.
    pub destination_queueing: Queueing,
    /// The source tells times (MDTM); otherwise its size is asked for once more.
    pub tells_time: bool,
    /// How the destination sets times.
    pub set_time: Option<TimeVerb>,
    /// The digest that both compute.
    pub digest: Option<Digests>,
    /// Ceilings.
    pub limits: Limits,
}

/// What two servers prove to each other on each of their data connections (PEER).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Introduction {
    /// Nothing.
    None,
    /// Both, that they have a key; each file brings its own ([`Load::key`]).
    Keys,
    /// One of them, that it owns a certificate; the other one sees to it.
    Pin {
        /// The leg that is told what to expect.
        by: Leg,
        /// The other leg's certificates.
        pin: PeerPin,
    },
}

/// A digest that both ends compute, and the verbs by which they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Which.
    pub kind: DigestKind,
    /// The source's verb.
    pub source: Verb,
    /// The destination's verb.
    pub destination: Verb,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Load {
    /// Its number, by which everything is told of it. No two files of a convoy have the same.
    pub number: u64,
    /// Where it is.
    pub from: VPath,
    /// Where it is stored until it is verified.
    pub place: VPath,
    /// Its final name.
    pub to: VPath,
    /// Its size, as the source's listing had it.
    pub size: u64,
    /// Its time, if the source's listing told it to the second.
    pub modified: Option<FtpTime>,
    /// The source is deleted once the file stands under its final name.
    pub moves: bool,
    /// What the two servers prove to each other: drawn for this file and nothing else.
    pub key: Option<PeerKey>,
}

/// What became of a file.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Copied, verified, and under its final name.
    Settled(Settled),
    /// Not known to stand under its final name. Something of it may be at its place.
    Unsettled(Cause),
    /// Nothing was sent or stored of it.
    Untouched,
}

/// A file that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The digest that both computed, in lower-case hex.
    pub digest: Option<String>,
    /// What became of its time.
    pub time: TimeKept,
}

/// What became of a file's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeKept {
    /// The copy has the source's.
    Yes,
    /// The source does not tell it to the second.
    NotTold,
    /// The destination knows no way of setting it.
    NoWay,
    /// The destination refused.
    Refused(Reply),
}

/// Why a file is not settled.
#[derive(Clone, Debug)]
pub enum Cause {
    /// A server said no, or nothing, or something that fits no command.
    Failure(Failure),
    /// The destination tells another size than the source's listing.
    Size {
        /// What it tells.
        told: u64,
    },
    /// The digests differ.
    Digest,
    /// The source was changed meanwhile.
    Changed,
}

/// How a convoy ended.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Why it ended early, if it did because of a server.
    pub failure: Option<Failure>,
    /// False for a leg whose session is in no known state and must be replaced.
    pub source_usable: bool,
    /// As `source_usable`.
    pub destination_usable: bool,
}

impl Road {
    /// What is known of `leg`.
    pub(super) fn facts(&self, leg: Leg) -> &LegFacts {
        match leg {
            Leg::Source => &self.source,
            Leg::Destination => &self.destination,
        }
    }
}
