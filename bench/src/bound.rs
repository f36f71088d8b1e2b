//! How long one lane has to take for a small file, by arithmetic: the round trips that no client can save with
//! servers of this kind.

use fxp_testkit::daemon::Product;

use crate::far;
use crate::server::Protection;

/// A bound, and what it is the sum of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bound {
    /// Milliseconds per file.
    pub(crate) milliseconds: f64,
    /// `r` is the client's round trip, `s` that between the servers.
    pub(crate) sum: &'static str,
}

/// What one lane between two servers of a kind can reach.
///
/// Where commands may be queued, the address of the next listener arrives with the end of the transfer (r/2), and the
/// next transfer's command takes as long to its server; between the servers there is a connection and the file.
pub(crate) fn of(product: Product, protection: Protection) -> Bound {
    let (r, s) = (far::CLIENT_RTT as f64, far::SERVER_RTT as f64);
    let bound = |milliseconds, sum| Bound { milliseconds, sum };
    match (product, protection) {
        (Product::Fxpd, Protection::Clear) => bound(r + 1.5 * s, "r + 1.5 s"),
        (Product::Fxpd, Protection::Tls) => bound(
            r + 3.5 * s,
            "r + 3.5 s, for the listening destination is TLS client, and the source sends nothing before it has seen \
             the destination's certificate",
        ),
        (Product::Vsftpd, _) => bound(
            r + 2.5 * s,
            "r + 2.5 s, for vsftpd says 226 when the other end has acknowledged that the data connection is closed",
        ),
        (Product::Proftpd, _) => bound(
            r + 2.0 * s,
            "r + 2 s, for a source may be asked nothing before its 226, which it says when the other end has closed too",
        ),
        _ => bound(2.0 * r + 1.5 * s, "2 r + 1.5 s, for nothing may be queued behind a transfer"),
    }
}
