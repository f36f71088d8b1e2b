//! One file from server to server: drives one [`Exchange`](fxp_proto::pair::exchange::Exchange) over two sessions.

use fxp_client::session::Session;
use fxp_proto::pair::exchange::{Job, Step, Verdict};

use crate::run::Stop;

/// Copies one file. Returns when both sessions are in a known state, or known not to be
/// (`source_usable`, `destination_usable` of the verdict). When `stop` becomes true the exchange is
/// aborted in an orderly way and the verdict says [`Aborted`](fxp_proto::pair::exchange::Refusal::Aborted).
pub async fn run(
    _job: Job,
    _source: &mut Session,
    _destination: &mut Session,
    _stop: &mut Stop,
    _progress: impl FnMut(Step),
) -> Verdict {
    todo!("direct")
}
