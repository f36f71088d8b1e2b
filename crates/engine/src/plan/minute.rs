//! A time to the minute says nothing of a file that was changed twice in that minute. Its copy looks equal although
//! it is one of what was there between: which can only be where it was made in that very minute. Of such copies the
//! ledger knows, and both servers are asked about them; all others need no question.

use std::collections::HashSet;
use std::sync::Arc;

use fxp_proto::path::VPath;
use tokio::sync::OnceCell;

use crate::journal::{self, Ledger};

/// What the ledger knows of copies at one place.
pub(crate) struct Minutes {
    ledger: Arc<dyn Ledger>,
    /// User and server, to be put before a path.
    place: String,
    /// Read when the first time to the minute comes up.
    young: OnceCell<HashSet<u64>>,
}

impl Minutes {
    pub(crate) fn new(ledger: Arc<dyn Ledger>, place: String) -> Self {
        Minutes { ledger, place, young: OnceCell::new() }
    }

    /// Whether the copy at `path` may have been made in the minute of its source's time, if that is known at once.
    pub(crate) fn is_young_at_once(&self, path: &VPath) -> Option<bool> {
        self.young.get().map(|young| self.is_among(young, path))
    }

    /// The same.
    pub(crate) async fn is_young(&self, path: &VPath) -> bool {
        let young = self.young.get_or_init(|| self.ledger.young(&self.place)).await;
        self.is_among(young, path)
    }

    fn is_among(&self, young: &HashSet<u64>, path: &VPath) -> bool {
        young.contains(&journal::mark(&format!("{}{path}", self.place)))
    }
}
