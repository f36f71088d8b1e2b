//! Waking a destination that listens for a source which will not come.
//!
//! Some servers hear nothing, not even ABOR, while they wait for somebody to connect, and wait for a minute (vsftpd,
//! ProFTPD, Pure-FTPd, 2026-11). Leaving the session costs a login, and the server counts it until that minute is over: a few
//! files that are gone at the source then use up all the sessions it allows. Somebody who connects and hangs up ends the wait
//! at once, with an empty file, which is swept away like any other that failed.

use super::job::LegFacts;
use super::leg::Leg;
use super::method::Method;
use crate::grammar::addr::HostPort;

/// Where to knock. `None` where the wait should not be ended in this way: a source would take us for the destination and send
/// the file to us; inside TLS it may be taken for an attack; and no server may send us to another host.
pub(super) fn address(
    leg: Leg,
    facts: &LegFacts,
    method: &Method,
    told: Option<HostPort>,
) -> Option<HostPort> {
    let safe = facts.deaf && leg == Leg::Destination && method.passive == leg && method.tls.is_none();
    told.filter(|told| safe && told.socket_addr().ip().to_canonical() == facts.control_peer.to_canonical())
}
