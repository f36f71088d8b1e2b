//! Single operations on a place: list, show, delete, make, move, and a look at a server.

use std::io::Write;

use fxp_proto::listing::entry::Entry;

use crate::book::Known;
use crate::context::Context;
use crate::report::{Report, Trouble};
use crate::run::{CopyRequest, Stop};
use crate::url::Address;

/// What stands at an address.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The absolute path on the server, printable.
    pub path: String,
    /// True for a directory, whose entries follow; false for one file, which is the only entry.
    pub directory: bool,
    /// The entries, sorted by name.
    pub entries: Vec<Entry>,
}

/// Lists a directory, or describes a file.
///
/// # Errors
///
/// No session, nothing there, not allowed.
pub async fn list(_address: &Address, _context: &Context) -> Result<Listing, Trouble> {
    todo!("engine")
}

/// Streams a file into `sink`, which is written on a thread of its own. Returns the number of bytes.
///
/// # Errors
///
/// No session, no such file, the transfer broke, `sink` refused (kind `Other`).
pub async fn cat(
    _address: &Address,
    _context: &Context,
    _sink: Box<dyn Write + Send>,
    _stop: Stop,
) -> Result<u64, Trouble> {
    todo!("engine")
}

/// What [`remove`] did.
#[derive(Clone, Debug, Default)]
pub struct Removed {
    /// Files (and links) deleted.
    pub files: u64,
    /// Directories removed.
    pub directories: u64,
    /// What could not be removed, printable path first.
    pub failures: Vec<(String, Trouble)>,
}

/// Deletes a file, or with `recursive` a directory and all that is in it. Links are deleted, never followed.
///
/// # Errors
///
/// No session, nothing there, a directory without `recursive`. What fails inside a tree is in [`Removed::failures`].
pub async fn remove(
    _address: &Address,
    _recursive: bool,
    _context: &Context,
    _stop: Stop,
) -> Result<Removed, Trouble> {
    todo!("engine")
}

/// Makes a directory; with `parents` also those above it, and none of them is an error if it is there.
///
/// # Errors
///
/// No session, not allowed, there already (without `parents`).
pub async fn make_directory(_address: &Address, _parents: bool, _context: &Context) -> Result<(), Trouble> {
    todo!("engine")
}

/// Moves: renames where source and destination are on one server, else copies, verifies and deletes file by file.
///
/// # Errors
///
/// As [`crate::run::copy`]. Single files that failed are in the report and stay where they are.
pub async fn move_to(_request: CopyRequest, _context: &Context, _stop: Stop) -> Result<Report, Trouble> {
    todo!("engine")
}

/// What a look at a server told.
#[derive(Clone, Debug)]
pub struct ServerFacts {
    /// `host:port`, the key of [`crate::book::KnownBook`].
    pub server: String,
    /// The address that was reached.
    pub address: String,
    /// The greeting, printable, one item per line.
    pub banner: Vec<String>,
    /// SYST.
    pub system: Option<String>,
    /// The product, where banner, SYST or FEAT reveal it.
    pub product: Option<&'static str>,
    /// FEAT, one item per line.
    pub features: Vec<String>,
    /// The directory the session starts in.
    pub home: String,
    /// `TLS 1.3` and the like; `None` in clear.
    pub tls: Option<String>,
    /// The cipher suite.
    pub cipher: Option<String>,
    /// How the certificate was verified: `roots`, `pinned`; `None` if it was not.
    pub verified: Option<&'static str>,
    /// The certificate's fingerprint.
    pub fingerprint: Option<String>,
    /// What the server can do in an FXP, in sentences.
    pub fxp: Vec<String>,
    /// What was learned about it earlier.
    pub known: Known,
}

/// Connects, logs in and tells what was found.
///
/// # Errors
///
/// No session.
pub async fn test(_address: &Address, _context: &Context) -> Result<ServerFacts, Trouble> {
    todo!("engine")
}
