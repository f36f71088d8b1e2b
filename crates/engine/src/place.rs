//! Single operations on a place: list, show, delete, make, move.

mod removal;

use std::io::{self, Write};

use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::listing::left_out::LeftOut;
use fxp_proto::path::VPath;
use fxp_store::storage::Storage;

use crate::context::Context;
use crate::policy::Secure;
use crate::pool::Pool;
use crate::report::{Trouble, TroubleKind};
use crate::run::Stop;
use crate::side::Side;
use crate::site::{Location, locate};
use crate::transfer::relay;
use crate::trouble;
use crate::url::Address;

pub use crate::look::{Memory, ServerFacts, remembered, test};
pub use crate::moving::move_to;
pub use removal::{Removed, remove};

/// What stands at an address.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The absolute path on the server, printable.
    pub path: String,
    /// True for a directory, whose entries follow; false for one file, which is the only entry.
    pub directory: bool,
    /// The entries, sorted by name. Each has one that can be used.
    pub entries: Vec<Entry>,
    /// What else is there and has no such name.
    pub left_out: Vec<LeftOut>,
}

/// Lists a directory, or describes a file.
///
/// # Errors
///
/// No session, nothing there, not allowed.
pub async fn list(address: &Address, context: &Context) -> Result<Listing, Trouble> {
    let (mut side, path) = open(address, context).await?;
    let listing = look(&mut side, &path).await;
    side.close().await;
    listing
}

async fn look(side: &mut Side, path: &VPath) -> Result<Listing, Trouble> {
    let entry = must_be_there(side, path).await?;
    let listing =
        |directory, entries, left_out| Listing { path: path.to_string(), directory, entries, left_out };
    let of_directory = |entries: Vec<Entry>| {
        let (mut named, mut left_out) = (Vec::with_capacity(entries.len()), Vec::new());
        for mut entry in entries {
            match entry.left_out.take() {
                Some(what) => left_out.push(*what),
                None => named.push(entry),
            }
        }
        listing(true, named, left_out)
    };
    match entry.kind {
        Kind::Directory => side.list(path).await.map(of_directory),
        Kind::Symlink(_) => match side.list(path).await {
            Ok(entries) => Ok(of_directory(entries)),
            Err(_) => Ok(listing(false, vec![entry], Vec::new())),
        },
        Kind::File | Kind::Other => Ok(listing(false, vec![entry], Vec::new())),
    }
}

/// Streams a file into `sink`, which is written on a thread of its own. Returns the number of bytes.
///
/// # Errors
///
/// No session, no such file, the transfer broke, `sink` refused (kind `Other`).
pub async fn cat(
    address: &Address,
    context: &Context,
    sink: Box<dyn Write + Send>,
    mut stop: Stop,
) -> Result<u64, Trouble> {
    let (mut side, path) = open(address, context).await?;
    let streamed = match &mut side {
        Side::Remote(link) => relay::stream(link, &path, sink, &mut stop).await,
        Side::Local(files) => {
            let (storage, what) = (files.storage.clone(), format!("reading {path}"));
            tokio::task::spawn_blocking(move || copy_out(&*storage, &path, sink, &what))
                .await
                .expect("a storage does not panic")
        }
    };
    side.close().await;
    streamed
}

fn copy_out(
    storage: &dyn Storage,
    path: &VPath,
    mut sink: Box<dyn Write + Send>,
    what: &str,
) -> Result<u64, Trouble> {
    let of_store = |error| trouble::of_store(&error, what, TroubleKind::SourceNotFound);
    let refused = |error: io::Error| Trouble::new(TroubleKind::Other, format!("{what}: {error}"));
    let mut file = storage.open(path).map_err(of_store)?;
    let mut buffer = vec![0; BUFFER];
    let mut offset = 0;
    loop {
        match file.read_at(&mut buffer, offset).map_err(of_store)? {
            0 => {
                sink.flush().map_err(refused)?;
                return Ok(offset);
            }
            read => {
                sink.write_all(&buffer[..read]).map_err(refused)?;
                offset += read as u64;
            }
        }
    }
}

/// Makes a directory; with `parents` also those above it, and none of them is an error if it is there.
///
/// # Errors
///
/// No session, not allowed, there already (without `parents`).
pub async fn make_directory(address: &Address, parents: bool, context: &Context) -> Result<(), Trouble> {
    let (mut side, path) = open(address, context).await?;
    let made = make_at(&mut side, &path, parents).await;
    side.close().await;
    made
}

async fn make_at(side: &mut Side, path: &VPath, parents: bool) -> Result<(), Trouble> {
    let mut missing = Vec::new();
    let mut above = path.clone();
    loop {
        match side.stat(&above).await? {
            None if !above.is_root() => missing.push(above.clone()),
            Some(entry) if !matches!(entry.kind, Kind::Directory | Kind::Symlink(_)) => {
                let what = format!("{} is there and is no directory", side.name(&above));
                return Err(Trouble::new(TroubleKind::DestinationDenied, what));
            }
            _ => break,
        }
        if !parents {
            break;
        }
        above = above.parent();
    }
    if missing.is_empty() && !parents {
        let what = format!("{} is there already", side.name(path));
        return Err(Trouble::new(TroubleKind::DestinationDenied, what));
    }
    for directory in missing.iter().rev() {
        side.make_directory(directory).await?;
    }
    Ok(())
}

/// The side an address is on, connected, and the absolute path.
pub(crate) async fn open(address: &Address, context: &Context) -> Result<(Side, VPath), Trouble> {
    let location: Location = locate(address, context)?;
    let mut side = Side::single(&location, &Pool::new(context.clone(), Secure::Default));
    let path = side.resolve(&location).await?;
    Ok((side, path))
}

async fn must_be_there(side: &mut Side, path: &VPath) -> Result<Entry, Trouble> {
    match side.stat(path).await? {
        Some(entry) => Ok(entry),
        None => Err(Trouble::new(TroubleKind::SourceNotFound, format!("{} does not exist", side.name(path)))),
    }
}

/// Bytes per read of a local file.
const BUFFER: usize = 256 * 1024;
