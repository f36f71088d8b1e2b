//! What stands at the destination under a name that something of another kind is to have: a directory where a file
//! or a link belongs, or something else where a directory belongs.
//!
//! With `--delete` it makes way, which counts as a deletion like any other: a directory goes with all that is in it, and
//! not at all if a rule protects anything in it. It goes at the last moment, when the copy that takes its place is
//! verified, or the directory at the source was listed.

use fxp_proto::path::VPath;

use super::item::Extra;
use super::pile::Pile;
use crate::report::{Trouble, TroubleKind};

/// Something that makes way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Obstacle {
    /// Where it is.
    pub(crate) path: VPath,
    /// All that is to be deleted, children before their parents, itself last.
    pub(crate) pile: Pile,
    /// How much that is.
    pub(crate) count: u64,
}

impl Obstacle {
    /// Something that has nothing beneath it.
    pub(crate) fn single(extra: &Extra) -> Self {
        let mut obstacle = Obstacle { path: extra.path.clone(), ..Obstacle::default() };
        obstacle.push(extra);
        obstacle
    }

    /// Adds what comes next.
    pub(crate) fn push(&mut self, extra: &Extra) {
        self.pile.push(extra);
        self.count += 1;
    }
}

/// Two things of one name cannot both have it: `source` is a directory or is none, and what is called `destination` is
/// the other.
pub(crate) fn clash(source: &str, destination: &str, source_is_directory: bool) -> Trouble {
    let what = match source_is_directory {
        true => format!("{destination} is no directory, and {source} is one"),
        false => format!("{destination} is a directory, and {source} is none"),
    };
    let remedy = match source_is_directory {
        true => "fxp sync --delete deletes it and makes the directory; or rename one of the two",
        false => {
            "fxp sync --delete removes it, with all that is in it, for the copy; or rename one of the two"
        }
    };
    Trouble::new(TroubleKind::DestinationDenied, what).remedy(remedy)
}

/// What would have to make way stays, since `why`.
pub(crate) fn stays(clash: Trouble, why: &str, remedy: &str) -> Trouble {
    Trouble { what: format!("{}; it stays, {why}", clash.what), ..clash }.remedy(remedy)
}

/// More would have to be deleted than is allowed.
pub(crate) fn over_limit(clash: Trouble) -> Trouble {
    let clash = Trouble { kind: TroubleKind::Limit, ..clash };
    stays(clash, "since nothing is deleted", "a higher --delete-limit makes way; or rename one of the two")
}
