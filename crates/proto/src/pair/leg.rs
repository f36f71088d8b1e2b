//! The two sides of a third-party copy.

use std::fmt;

/// One side of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Leg {
    /// The server that sends.
    Source,
    /// The server that receives.
    Destination,
}

impl Leg {
    /// Both, source first.
    pub const BOTH: [Leg; 2] = [Leg::Source, Leg::Destination];

    /// The other side.
    pub fn other(self) -> Leg {
        match self {
            Leg::Source => Leg::Destination,
            Leg::Destination => Leg::Source,
        }
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Leg::Source => "source",
            Leg::Destination => "destination",
        })
    }
}
