//! What the user wants of a copy: each choice of the command line is one type.

use fxp_proto::pair::leg::Leg;

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
