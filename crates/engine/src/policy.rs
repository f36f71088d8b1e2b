//! What the user wants of a copy: each choice of the command line is one type.

use fxp_proto::pair::leg::Leg;

use crate::report::Assurance;

/// Where data may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Via {
    /// Server to server or not at all.
    #[default]
    Direct,
    /// Through this machine.
    Relay,
    /// Server to server, else through this machine.
    Auto,
}

/// Protection of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Secure {
    /// Require when either control connection is TLS, else clear.
    #[default]
    Default,
    /// TLS or nothing.
    Require,
    /// TLS if possible, and say so if not.
    Prefer,
    /// In clear.
    Off,
}

/// The least that a copy has to achieve; what is named is also enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum AssuranceChoice {
    /// The best that the two servers can do, and no less.
    #[default]
    Best,
    /// Both servers prove who they are.
    Mutual,
    /// Only the intended destination can read the data.
    Confidential,
    /// The data is the source's.
    Authentic,
    /// Nobody can listen in passing.
    Encrypted,
}

impl AssuranceChoice {
    /// As it is typed.
    pub fn word(self) -> &'static str {
        match self {
            AssuranceChoice::Best => "best",
            AssuranceChoice::Mutual => "mutual",
            AssuranceChoice::Confidential => "confidential",
            AssuranceChoice::Authentic => "authentic",
            AssuranceChoice::Encrypted => "encrypted",
        }
    }

    /// True if `achieved` is what was named, or more. A relay is more than all of it: this machine has verified both
    /// servers itself. How bytes came that were there already is not this copy's doing.
    pub fn is_met_by(self, achieved: Assurance) -> bool {
        use Assurance::{Authentic, Confidential, Encrypted, Mutual, Relay, Unknown};
        match self {
            AssuranceChoice::Best => true,
            AssuranceChoice::Mutual => matches!(achieved, Mutual | Relay | Unknown),
            AssuranceChoice::Confidential => matches!(achieved, Mutual | Confidential | Relay | Unknown),
            AssuranceChoice::Authentic => matches!(achieved, Mutual | Authentic | Relay | Unknown),
            AssuranceChoice::Encrypted => {
                matches!(achieved, Mutual | Confidential | Authentic | Encrypted | Relay | Unknown)
            }
        }
    }
}

/// Which end plays a role: listens, or is TLS client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EndChoice {
    /// The ladder decides.
    #[default]
    Auto,
    /// The source.
    Source,
    /// The destination.
    Destination,
}

impl EndChoice {
    /// The end that was chosen, if one was.
    pub fn leg(self) -> Option<Leg> {
        match self {
            EndChoice::Auto => None,
            EndChoice::Source => Some(Leg::Source),
            EndChoice::Destination => Some(Leg::Destination),
        }
    }
}

/// Which method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum MethodChoice {
    /// The ladder decides.
    #[default]
    Auto,
    /// In clear.
    Plain,
    /// CPSV.
    Cpsv,
    /// SSCN.
    Sscn,
}

/// `--resume`: what is enough to go on after the bytes that an interrupted copy has left. Where both servers compute
/// a digest of a part, that decides; this is about the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ResumeChoice {
    /// It is noted that they are the beginning of this very source, which has not changed since.
    #[default]
    Noted,
    /// Their number, too.
    Trust,
    /// A digest, and nothing less.
    Prove,
    /// Nothing: every file is begun anew.
    Never,
}

impl ResumeChoice {
    /// True if a note of an earlier run is enough.
    pub(crate) fn believes_notes(self) -> bool {
        matches!(self, ResumeChoice::Noted | ResumeChoice::Trust)
    }
}

/// `--verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum VerifyChoice {
    /// Digest where both offer a common one, else size.
    #[default]
    Auto,
    /// Digest or failure.
    Hash,
    /// Size only.
    Size,
}
