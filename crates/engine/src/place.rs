//! Single operations on a place: list, show, delete, make, move, and a look at a server.

use std::io::{self, Write};

use fxp_proto::client::request::LoggedIn;
use fxp_proto::listing::entry::{Entry, Kind};
use fxp_proto::path::VPath;
use fxp_store::storage::Storage;

use crate::book::Known;
use crate::context::Context;
use crate::digest;
use crate::plan::walk::{beneath, interrupted, walk};
use crate::policy::Secure;
use crate::pool::{Pool, product, verified_word};
use crate::product::{Lever, Product};
use crate::report::{Trouble, TroubleKind};
use crate::run::Stop;
use crate::side::Side;
use crate::site::{Location, Site, locate};
use crate::transfer::relay;
use crate::trouble;
use crate::url::Address;

pub use crate::moving::move_to;

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
pub async fn list(address: &Address, context: &Context) -> Result<Listing, Trouble> {
    let (mut side, path) = open(address, context).await?;
    let listing = look(&mut side, &path).await;
    side.close().await;
    listing
}

async fn look(side: &mut Side, path: &VPath) -> Result<Listing, Trouble> {
    let entry = must_be_there(side, path).await?;
    let of_directory = |entries| Listing { path: path.to_string(), directory: true, entries };
    match entry.kind {
        Kind::Directory => side.list(path).await.map(of_directory),
        Kind::Symlink(_) => match side.list(path).await {
            Ok(entries) => Ok(of_directory(entries)),
            Err(_) => Ok(Listing { path: path.to_string(), directory: false, entries: vec![entry] }),
        },
        Kind::File | Kind::Other => {
            Ok(Listing { path: path.to_string(), directory: false, entries: vec![entry] })
        }
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
    address: &Address,
    recursive: bool,
    context: &Context,
    stop: Stop,
) -> Result<Removed, Trouble> {
    let (mut side, path) = open(address, context).await?;
    let removed = remove_at(&mut side, &path, recursive, &stop).await;
    side.close().await;
    removed
}

async fn remove_at(side: &mut Side, path: &VPath, recursive: bool, stop: &Stop) -> Result<Removed, Trouble> {
    let entry = must_be_there(side, path).await?;
    if entry.kind != Kind::Directory {
        side.delete(path).await?;
        return Ok(Removed { files: 1, ..Removed::default() });
    }
    if !recursive {
        return Err(Trouble::new(TroubleKind::Usage, format!("{} is a directory", side.name(path)))
            .remedy("-r removes directories with all that is in them"));
    }
    if path.is_root() {
        return Err(Trouble::new(TroubleKind::Usage, "the root of a server cannot be removed"));
    }
    let tree = walk(side, path, stop).await?;
    let mut removed = Removed::default();
    for (file, _) in tree.files.iter().chain(&tree.others) {
        if *stop.borrow() {
            return Err(interrupted());
        }
        let file = beneath(path, file);
        match side.delete(&file).await {
            Ok(()) => removed.files += 1,
            Err(trouble) => removed.failures.push((side.name(&file), trouble)),
        }
    }
    // Children before parents.
    for directory in tree.directories.iter().rev().map(|below| beneath(path, below)).chain([path.clone()]) {
        if *stop.borrow() {
            return Err(interrupted());
        }
        match side.remove_directory(&directory).await {
            Ok(()) => removed.directories += 1,
            Err(trouble) => removed.failures.push((side.name(&directory), trouble)),
        }
    }
    Ok(removed)
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
pub async fn test(address: &Address, context: &Context) -> Result<ServerFacts, Trouble> {
    let (mut side, _) = open(address, context).await?;
    let Some(link) = side.link() else {
        return Err(Trouble::new(TroubleKind::Usage, format!("{address} is no server")));
    };
    let (known, key) = (link.known(), link.server.key());
    let session = link.session().await?;
    let facts = session.facts().clone();
    let tls = session.tls().cloned();
    let system = facts.system.as_ref().map(ToString::to_string);
    let product = product(session);
    let mut fxp = abilities(&facts, product);
    let digests: Vec<&str> = session.digests().into_iter().map(digest::name).collect();
    fxp.push(match digests.is_empty() {
        true => "it computes no digests, so only sizes can be compared".to_owned(),
        false => format!("it computes {}", digests.join(", ")),
    });
    let told = ServerFacts {
        server: key,
        address: session.peer_addr().to_string(),
        banner: facts.banner.lines.iter().map(ToString::to_string).collect(),
        system,
        product: product.map(|product| product.name),
        features: facts.features.lines().iter().map(ToString::to_string).collect(),
        home: facts.home.to_string(),
        tls: tls.as_ref().map(|tls| tls.version.to_owned()),
        cipher: tls.as_ref().map(|tls| tls.cipher.clone()),
        verified: tls.as_ref().and_then(|tls| tls.verified).map(verified_word),
        fingerprint: tls.as_ref().and_then(|tls| tls.peer).map(|fingerprint| fingerprint.to_string()),
        fxp,
        known,
    };
    side.close().await;
    Ok(told)
}

/// A server, and what is remembered of it.
#[derive(Clone, Debug)]
pub struct Memory {
    /// The site's name and entry, if it stands in the book of sites.
    pub site: Option<(String, Site)>,
    /// `host:port`, the key of [`crate::book::KnownBook`].
    pub server: String,
    /// What was learned about it.
    pub known: Known,
}

/// What is remembered of the server at `address`; nothing is asked of the server itself.
///
/// # Errors
///
/// No such site, or no server.
pub fn remembered(address: &Address, context: &Context) -> Result<Memory, Trouble> {
    let Location::Remote { server, .. } = locate(address, context)? else {
        return Err(Trouble::new(TroubleKind::Usage, format!("{address} is no server")));
    };
    let key = server.key();
    let known = context.known.lock().expect("no holder of the lock panics").of(&key);
    let site = server.is_site.then(|| (server.label.clone(), server.site.clone()));
    Ok(Memory { site, server: key, known })
}

/// What a server can do in an FXP.
fn abilities(facts: &LoggedIn, product: Option<&Product>) -> Vec<String> {
    let has = |name| facts.features.has(name);
    let client: Vec<&str> = ["CPSV", "SSCN"].into_iter().filter(|name| has(name)).collect();
    let mut sentences = vec![match (facts.secured, client.is_empty()) {
        (false, _) => "its control connection is in clear, so it can only take part in clear FXP".to_owned(),
        (true, false) => format!("it can be TLS client ({}) and TLS server", client.join(", ")),
        (true, true) => {
            "it is always TLS server, so the other end of a protected FXP must be TLS client".to_owned()
        }
    }];
    if has("CEPR") {
        sentences.push("it tells its IPv6 address (CEPR)".to_owned());
    }
    let settings = product.map(|product| [product.allow_active, product.allow_passive, product.lift_reuse]);
    let mut settings: Vec<&str> = settings.into_iter().flatten().filter_map(Lever::setting).collect();
    settings.dedup();
    if !settings.is_empty() {
        sentences.push(format!("if it refuses FXP, its operator allows it by: {}", settings.join("; ")));
    }
    sentences
}

/// The side an address is on, connected, and the absolute path.
async fn open(address: &Address, context: &Context) -> Result<(Side, VPath), Trouble> {
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
