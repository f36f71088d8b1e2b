//! Time as the machines see it: a distance from an origin that the driver chose.
//!
//! The protocol crate has no clock. A driver passes the time elapsed since it made the machine.

use std::time::Duration;

/// A point in time, counted from the driver's own origin (usually the moment the machine was made).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(Duration);

impl Moment {
    /// The origin.
    pub const START: Moment = Moment(Duration::ZERO);

    /// The moment that lies `elapsed` after the origin.
    pub const fn after_start(elapsed: Duration) -> Self {
        Moment(elapsed)
    }

    /// Time since the origin.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// Time from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Moment) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, wait: Duration) -> Moment {
        Moment(self.0.saturating_add(wait))
    }
}
