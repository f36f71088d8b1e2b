//! `fxp site`: servers by short names.

mod import;

use std::ffi::OsStr;

use fxp_engine::place;
use fxp_engine::site::{Site, TlsMode};
use fxp_engine::url::{Address, Scheme, Url};

use super::trust;
use crate::args::{self, SiteCommand, YesNo};
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::Item;
use crate::settings::address;

/// What may stand in front of the colon of `site:path`.
const NAME_HINT: &str =
    "a name is made of letters, digits, `_`, `-` and `.`, and does not begin with `-` or `.`";

pub(super) async fn run(args: args::Site, desk: &Desk) -> Outcome<Exit> {
    match args.command {
        SiteCommand::Add(args) => add(&args, desk),
        SiteCommand::Import(args) => import::run(&args, desk),
        SiteCommand::Ls => list(desk),
        SiteCommand::Rm { names } => remove(&names, desk),
        SiteCommand::Test { name } => test(&name, desk).await,
        SiteCommand::Show { name } => show(&name, desk),
        SiteCommand::Unlearn { name } => unlearn(&name, desk),
    }
}

fn add(args: &args::SiteAdd, desk: &Desk) -> Outcome<Exit> {
    check_name(&args.name)?;
    let site = site_from(args, desk)?;
    let mut book = desk.sites()?;
    if book.sites.contains_key(&args.name) && !args.force {
        return Err(Failure::usage(format!("there is a site {} already", args.name))
            .hint("choose another name, or replace it with --force"));
    }
    book.sites.insert(args.name.clone(), site);
    save(&book)?;
    desk.voice.confirmation(&format!(
        "{0} is now a site; `fxp site test {0}` logs in and shows what it can do.",
        args.name
    ));
    Ok(Exit::Done)
}

fn list(desk: &Desk) -> Outcome<Exit> {
    let book = desk.sites()?;
    for (name, site) in &book.sites {
        if desk.voice.item(Item::Site { name, site }).is_err() {
            break;
        }
    }
    if book.sites.is_empty() {
        desk.voice.remark("No sites yet; `fxp site add NAME ftp://user@host` remembers one.");
    }
    Ok(Exit::Done)
}

fn remove(names: &[String], desk: &Desk) -> Outcome<Exit> {
    let mut book = desk.sites()?;
    for name in names {
        if book.sites.remove(name).is_none() {
            return Err(Failure::new(Exit::SourceNotFound, format!("there is no site {name}"))
                .hint("`fxp site ls` shows them all"));
        }
    }
    save(&book)?;
    desk.voice.confirmation(&format!("Forgot {}.", names.join(", ")));
    Ok(Exit::Done)
}

async fn test(name: &OsStr, desk: &Desk) -> Outcome<Exit> {
    let address = server(name)?;
    let context = desk.context()?;
    desk.listen_for_interrupt();
    let facts = desk.unless_interrupted(async { Ok(place::test(&address, &context).await?) }).await?;
    // A reader who has seen enough is no trouble.
    let _ = desk.voice.item(Item::Facts(&facts));
    Ok(Exit::Done)
}

fn show(name: &OsStr, desk: &Desk) -> Outcome<Exit> {
    let memory = place::remembered(&server(name)?, &desk.context()?)?;
    // A reader who has seen enough is no trouble.
    let _ = desk.voice.item(Item::Memory(&memory));
    Ok(Exit::Done)
}

fn unlearn(name: &OsStr, desk: &Desk) -> Outcome<Exit> {
    let key = place::remembered(&server(name)?, &desk.context()?)?.server;
    let mut book = desk.known()?;
    if !book.unlearn(&key) {
        desk.voice.confirmation(&format!("Nothing was learned about {key}."));
        return Ok(Exit::Done);
    }
    trust::save(&book)?;
    desk.voice.confirmation(&format!("Forgot what was learned about {key}; its certificates stay trusted."));
    Ok(Exit::Done)
}

/// A site by its bare name, or an address.
pub(super) fn server(name: &OsStr) -> Outcome<Address> {
    match name.to_str() {
        Some(name) if check_name(name).is_ok() => {
            Ok(Address::Site { name: name.to_owned(), path: Vec::new() })
        }
        _ => address(name),
    }
}

fn check_name(name: &str) -> Outcome {
    let good = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    if name.is_empty() || !name.chars().all(good) || name.starts_with(['-', '.']) {
        return Err(Failure::usage(format!("{name:?} cannot be a site's name")).hint(NAME_HINT));
    }
    Ok(())
}

/// The address and the flags as one entry.
fn site_from(args: &args::SiteAdd, desk: &Desk) -> Outcome<Site> {
    let typed =
        if args.address.contains("://") { args.address.clone() } else { format!("ftp://{}", args.address) };
    let Address::Url(url) = address(OsStr::new(&typed))? else {
        return Err(Failure::usage(format!("{} is no server's address", args.address))
            .hint("an address is [ftp://|ftpes://|ftps://][user@]host[:port][/path]"));
    };
    let tls = desk.settings.tls.or_else(|| tls_of(&url));
    let root = root_of(&url)?;
    let user = url.user.map(|user| text(user, "user")).transpose()?;
    Ok(Site {
        host: url.host,
        port: url.port,
        user,
        tls,
        password_command: desk.settings.password_command.clone(),
        root,
        data_address: args.data_address,
        passive: args.listens.map(|listens| listens == YesNo::Yes),
        certificate: args.certificate.as_deref().map(absolute).transpose()?,
    })
}

fn tls_of(url: &Url) -> Option<TlsMode> {
    match url.scheme {
        Scheme::Ftp => None,
        Scheme::Ftpes => Some(TlsMode::Require),
        // The port of explicit TLS wins over the scheme, as everywhere.
        Scheme::Ftps if url.port == Some(21) => Some(TlsMode::Require),
        Scheme::Ftps => Some(TlsMode::Implicit),
    }
}

fn root_of(url: &Url) -> Outcome<Option<String>> {
    (!url.path.is_empty()).then(|| text(url.path.clone(), "path")).transpose()
}

/// The book is a text file.
fn text(bytes: Vec<u8>, what: &str) -> Outcome<String> {
    String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("the {what} is not UTF-8 and cannot be kept in the book")))
}

/// The book is read from every directory.
fn absolute(path: &std::path::Path) -> Outcome<std::path::PathBuf> {
    std::path::absolute(path)
        .map_err(|error| Failure::usage(format!("{} is no path", path.display())).because(&error))
}

fn save(book: &fxp_engine::book::SiteBook) -> Outcome {
    book.save().map_err(|error| {
        Failure::new(Exit::DestinationDenied, format!("cannot write {}", book.path.display())).because(&error)
    })
}
