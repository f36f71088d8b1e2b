//! `fxp doctor`.

use std::ffi::OsString;

use clap::ValueHint;

use super::{Assurance, End, Method, Secure};

/// Find out what two servers can do together, and why not more
///
/// Logs in to both, changes nothing there, and shows what each server is and can do, the ladder of
/// methods in both directions, and for what is impossible the reason and the remedy. With one server
/// only that one is shown.
///
/// With --try a file of 1 KiB (.fxp-doctor-...) is put on each server, goes through each method in each
/// direction, is compared, and is removed again in any case. Its place is the directory that is named,
/// or the login directory. What the servers refuse is remembered for later copies.
///
/// The exit code is 0 if both directions are possible, and 8 if one is not.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "fxp doctor [OPTIONS] <A> [B]",
    after_long_help = "Examples:
  fxp doctor work archive                  what can they do, and what is in the way?
  fxp doctor --try work archive:incoming   does it work?
  fxp doctor --one-way --secure off work ftp://me@old.example.org"
)]
pub(crate) struct Doctor {
    /// A server: the name of a site, or an address
    #[arg(value_name = "A", value_hint = ValueHint::Url)]
    pub(crate) first: OsString,

    /// Another one
    #[arg(value_name = "B", value_hint = ValueHint::Url)]
    pub(crate) second: Option<OsString>,

    /// Move a small file through each method, compare it, and remove it
    #[arg(long = "try", requires = "second")]
    pub(crate) probe: bool,

    /// Only from A to B
    #[arg(long, requires = "second")]
    pub(crate) one_way: bool,

    /// Protection of the data [default: require if either control connection is TLS]
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) secure: Option<Secure>,

    /// The end that listens, in each direction [default: either]
    #[arg(long, value_enum, value_name = "END")]
    pub(crate) passive: Option<End>,

    /// The end that plays TLS client in the data connection, in each direction [default: either]
    #[arg(long, value_enum, value_name = "END")]
    pub(crate) tls_client: Option<End>,

    /// How the servers are joined [default: every way]
    #[arg(long, value_enum)]
    pub(crate) method: Option<Method>,

    /// The least that a copy has to achieve [default: the best that the two can do]
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub(crate) assurance: Option<Assurance>,
}
