//! What is to be copied, and what is known of the two servers.

use std::net::IpAddr;
use std::time::Duration;

use super::leg::Leg;
use super::method::Method;
use crate::grammar::peer::{PeerKey, PeerPin};
use crate::grammar::rate::RateLimit;
use crate::path::VPath;

/// What is known of one leg when an exchange begins.
#[derive(Clone, Debug)]
pub struct LegFacts {
    /// Where the file is, or goes.
    pub path: VPath,
    /// The other end of this leg's control connection.
    pub control_peer: IpAddr,
    /// The address to use instead of what the server announces (site entry's `data_address`).
    pub data_address: Option<IpAddr>,
    /// The server wants PRET before the passive verb.
    pub pret: bool,
    /// The server offers CEPR.
    pub cepr: bool,
    /// The server offers SSCN: it is switched off again where the method does not need it.
    pub sscn: bool,
    /// The server hears no ABOR while it waits for a data connection where it listens.
    pub deaf: bool,
    /// The ceiling of speed that this leg sees to (RATE), if it is the one.
    pub rate: Option<RateLimit>,
}

/// One file to copy.
#[derive(Clone, Debug)]
pub struct Job {
    /// The source.
    pub source: LegFacts,
    /// The destination.
    pub destination: LegFacts,
    /// How to join them.
    pub method: Method,
    /// What they prove to each other on the data connection.
    pub proof: Proof,
    /// Where to begin: bytes the destination has already. 0 is the whole file.
    pub restart: u64,
    /// Ceilings.
    pub limits: Limits,
}

/// What two servers prove to each other on their data connection (PEER).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing: whoever comes is taken for the other one.
    None,
    /// Both, that they have this key, which was drawn for this file and nothing else.
    Key(PeerKey),
    /// One of them, that it owns a certificate; the other one sees to it.
    Pin {
        /// The leg that is told what to expect.
        by: Leg,
        /// The other leg's certificates.
        pin: PeerPin,
    },
}

impl Job {
    /// What is known of `leg`.
    pub fn facts(&self, leg: Leg) -> &LegFacts {
        match leg {
            Leg::Source => &self.source,
            Leg::Destination => &self.destination,
        }
    }
}

/// Ceilings for waits. A running transfer has none: it may take days, and TCP keep-alive on the two
/// control connections notices when a server dies.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one reply to a command that is not a transfer.
    pub reply: Duration,
    /// For the first reply to RETR and STOR. Some servers answer only when the data connection
    /// stands, for which they wait 60 s and more.
    pub start: Duration,
    /// For the passive leg's first reply after the active leg's, where it is known to speak only once it has let
    /// somebody in and to turn others away in silence (Pure-FTPD); `None`: as long as `start`.
    pub follow: Option<Duration>,
    /// For the other leg's final reply after one leg has finished well, or for the next sign that more of
    /// the file arrives: a source has finished once its last bytes are in a buffer, and that buffer may
    /// take minutes to run empty.
    pub straggler: Duration,
    /// For the other leg's own words after the data connection broke for one leg, before it gets an ABOR.
    pub hearing: Duration,
    /// For the other leg's final reply after one leg has failed. Some servers hear no ABOR while they wait for a data
    /// connection; a session that is given up is replaced by a login, so waiting longer gains nothing.
    pub cleanup: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            reply: Duration::from_secs(60),
            start: Duration::from_secs(180),
            follow: None,
            straggler: Duration::from_secs(60),
            hearing: Duration::from_millis(500),
            cleanup: Duration::from_secs(3),
        }
    }
}
