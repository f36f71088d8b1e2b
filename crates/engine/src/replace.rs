//! Renaming onto a name that may be taken, without a moment in which the only copy could be lost.
//!
//! Some servers do not replace a file by RNTO. There the old file steps aside under a name of its own,
//! which at the same time shows that the server renames at all; it is deleted only when the new one has
//! its name, and gets its own back if that fails. Nothing is moved on account of a lost connection or of
//! a refusal that may pass (4yz).

use std::sync::atomic::{AtomicU64, Ordering};

use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::pair::exchange::Refusal;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

use crate::part;
use crate::report::Trouble;
use crate::side::{RenameError, Side};

/// How a file got its name.
#[derive(Debug)]
pub(crate) enum Replaced {
    /// RNFR and RNTO did it.
    AtOnce,
    /// What was there had to step aside first, and is deleted now.
    StepByStep,
    /// The same, but what was there could not be deleted, and is here.
    Beside(VPath),
}

impl Replaced {
    /// The promise that could not be kept whole: that there is always a file of this name.
    pub(crate) fn note(&self) -> Option<String> {
        match self {
            Replaced::AtOnce => None,
            Replaced::StepByStep => Some(NOT_ATOMIC.to_owned()),
            Replaced::Beside(aside) => {
                Some(format!("{NOT_ATOMIC}; it could not be deleted and is at {aside}"))
            }
        }
    }
}

const NOT_ATOMIC: &str = "the server does not replace a file by RNTO, so the old one was moved aside first: for a moment \
                          there was none";

/// Renames a file to `to`, where another file may stand.
pub(crate) async fn rename_over(side: &mut Side, from: &VPath, to: &VPath) -> Result<Replaced, RenameError> {
    let error = match rename(side, from, to).await {
        Ok(()) => return Ok(Replaced::AtOnce),
        Err(error) => error,
    };
    if error.at_once || !error.definite {
        return Err(error);
    }
    let after = |trouble| RenameError { trouble, at_once: false, definite: false, proven: false };
    // Only a file makes way for a file.
    let is_file = |entry: Option<Entry>| entry.is_some_and(|entry| entry.kind == Kind::File);
    if !is_file(side.stat(from).await.map_err(after)?) || !is_file(side.stat(to).await.map_err(after)?) {
        return Err(error);
    }
    let Some(aside) = temporary(&to.parent(), "old") else { return Err(error) };
    match rename(side, to, &aside).await {
        Ok(()) => {}
        Err(refused) if refused.definite => return Err(error),
        Err(unclear) => return Err(unclear.telling(&aside)),
    }
    match rename(side, from, to).await {
        Ok(()) => {
            let deleted = side.delete(&aside).await;
            Ok(if deleted.is_ok() { Replaced::StepByStep } else { Replaced::Beside(aside) })
        }
        Err(again) => match rename(side, &aside, to).await {
            Ok(()) => Err(RenameError { proven: true, ..again }),
            Err(_) => Err(RenameError { proven: true, ..again }.telling(&aside)),
        },
    }
}

impl RenameError {
    /// The same; and the file that had the name is at `aside` now.
    fn telling(mut self, aside: &VPath) -> Self {
        self.trouble.what = format!("{}; the file that had the name before is at {aside}", self.trouble.what);
        self
    }
}

/// Renames; when the connection is lost meanwhile, finds out whether it was done.
pub(crate) async fn rename(side: &mut Side, from: &VPath, to: &VPath) -> Result<(), RenameError> {
    let error = match side.rename(from, to).await {
        Err(error) if is_lost(&error.trouble) => error,
        result => return result,
    };
    let lost = |trouble| RenameError { trouble, at_once: false, definite: false, proven: false };
    let still_there = side.stat(from).await.map_err(lost)?;
    match still_there {
        Some(_) => side.rename(from, to).await,
        None if side.stat(to).await.map_err(lost)?.is_some() => Ok(()),
        None => Err(error),
    }
}

/// A name in `directory` that nobody else uses, and that looks like a part.
pub(crate) fn temporary(directory: &VPath, suffix: &str) -> Option<VPath> {
    // Many lanes may need one in the same directory.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!(".fxp-{}-{count}-{suffix}{}", std::process::id(), part::SUFFIX);
    directory.child(&Text::new(name).ok()?).ok()
}

/// True if nobody knows whether it was done.
pub(crate) fn is_lost(trouble: &Trouble) -> bool {
    matches!(trouble.class, Some(Refusal::Lost | Refusal::TimedOut | Refusal::Connectivity))
}
