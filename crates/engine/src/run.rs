//! The whole story of a copy.

use crate::context::Context;
pub use crate::policy::{MethodChoice, PassiveChoice, Secure, VerifyChoice, Via};
use crate::report::{Report, Trouble};
use crate::url::Address;

/// A copy to be done.
#[derive(Clone, Debug)]
pub struct CopyRequest {
    /// From where; one or more.
    pub sources: Vec<Address>,
    /// To where.
    pub destination: Address,
    /// Directories with all that is in them.
    pub recursive: bool,
    /// Route.
    pub via: Via,
    /// Protection.
    pub secure: Secure,
    /// Passive end.
    pub passive: PassiveChoice,
    /// Method.
    pub method: MethodChoice,
    /// Verification.
    pub verify: VerifyChoice,
    /// Store under the final name at once, without `.fxp-part`.
    pub inplace: bool,
    /// Only plan; copy nothing.
    pub dry_run: bool,
    /// How often a transient failure is tried again, per file.
    pub retries: u32,
}

/// Stops a run: the current files end in an orderly way, partial files stay.
pub type Stop = tokio::sync::watch::Receiver<bool>;

/// Copies.
///
/// # Errors
///
/// What keeps the whole run from beginning: bad address, no login, source missing. Failures of single
/// files are in the report.
pub async fn copy(_request: CopyRequest, _context: &Context, _stop: Stop) -> Result<Report, Trouble> {
    todo!("engine")
}
