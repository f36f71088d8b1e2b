//! How files travel between two sides, and what the next file may take from the one before.

use fxp_proto::grammar::params::Protection;

use crate::lane::Lane;
use crate::report::{Assurance, Route};

/// How files travel between two sides; it outlives the single file.
pub(crate) enum Way {
    /// From server to server.
    Direct(Box<Lane>),
    /// Through this machine.
    Through {
        /// Protection of data on legs inside TLS.
        protection: Protection,
        /// What that achieves.
        assurance: Assurance,
        /// A relay, or an upload or a download.
        route: Route,
        /// The fallback that this way is, for the report.
        because: Option<String>,
    },
}

impl Way {
    /// The same, with the reason why it is taken, if it leads through this machine.
    pub(crate) fn because(self, why: &str) -> Way {
        match self {
            Way::Through { protection, assurance, route, because } => {
                let because = because.map_or(why.to_owned(), |other| format!("{why}; {other}"));
                Way::Through { protection, assurance, route, because: Some(because) }
            }
            direct @ Way::Direct(_) => direct,
        }
    }

    /// The way for another lane of the same pair, which knows what this one has learned.
    pub(crate) fn fork(&self) -> Way {
        match self {
            Way::Direct(lane) => Way::Direct(Box::new(lane.fork())),
            Way::Through { protection, assurance, route, because } => Way::Through {
                protection: *protection,
                assurance: *assurance,
                route: *route,
                because: because.clone(),
            },
        }
    }

    /// True if there is nothing to find out about this way any more: others may follow.
    pub(crate) fn is_settled(&self) -> bool {
        match self {
            Way::Direct(lane) => lane.is_proven(),
            Way::Through { .. } => true,
        }
    }

    /// True if both lead by the same road.
    pub(crate) fn is_like(&self, other: &Way) -> bool {
        match (self, other) {
            (Way::Direct(one), Way::Direct(two)) => one.front() == two.front(),
            (Way::Through { .. }, Way::Through { .. }) => true,
            _ => false,
        }
    }

    /// The route of the next file.
    pub(crate) fn route(&self) -> Route {
        match self {
            Way::Direct(_) => Route::Direct,
            Way::Through { route, .. } => *route,
        }
    }
}
