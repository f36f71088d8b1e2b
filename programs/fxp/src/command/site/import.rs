//! `fxp site import`: other programs' lists of servers, taken over into the book of sites.
//!
//! Sites never hold a password, and the lists do. Those go where the person says: nowhere, or into netrc,
//! which is what the other programs read too.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use fxp_engine::site::Site;
use fxp_proto::wire::secret::Secret;
use zeroize::Zeroizing;

use super::save;
use crate::args;
use crate::bookmarks::{self, Bookmark, Fate, Imported, Login, Names, Program};
use crate::desk::Desk;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::Item;
use crate::person::netrc::{self, Addition, Netrc};
use crate::settings::Paths;

pub(super) fn run(args: &args::SiteImport, desk: &Desk) -> Outcome<Exit> {
    let (program, text) = list(args)?;
    let bookmarks = program.read(&text).map_err(|why| {
        Failure::usage(format!("this is no list of {}'s: {why}", program.title()))
            .hint("--from says whose list it is, if that was guessed wrong")
    })?;
    let mut book = desk.sites()?;
    let mut names = Names::default();
    let mut purse = Purse::new(args.netrc)?;
    let mut counts = Counts::default();
    for bookmark in bookmarks {
        let mut imported = import(&bookmark, &book.sites, &mut names, args.replace);
        if let (Ok(login), true) = (&bookmark.content, imported.is_ours()) {
            purse.put(login, &mut imported);
        }
        counts.count(&imported);
        // A reader who has seen enough is no trouble.
        let _ = desk.voice.item(Item::Bookmark(&imported));
        if let Fate::Added { name, site } | Fate::Replaced { name, site } = imported.fate {
            book.sites.insert(name, site);
        }
    }
    if !args.dry_run {
        save(&book)?;
        purse.save()?;
    }
    desk.voice.confirmation(&counts.sentence(program, args.dry_run));
    if let Some(sentence) = purse.sentence() {
        desk.voice.remark(&sentence);
    }
    Ok(Exit::Done)
}

/// Whose list it is, and its text.
fn list(args: &args::SiteImport) -> Outcome<(Program, Zeroizing<String>)> {
    let file = match (&args.file, args.from) {
        (Some(file), _) => file.clone(),
        (None, Some(program)) => usual_file(program)?,
        (None, None) => unreachable!("the parser demands one of the two"),
    };
    let text = read(&file, bookmarks::MAX_FILE).map_err(|error| {
        Failure::new(Exit::SourceNotFound, format!("cannot read {}", file.display())).because(&error)
    })?;
    let program = args.from.or_else(|| Program::of(&text)).ok_or_else(|| {
        Failure::usage(format!("{} is no list of servers that fxp knows", file.display()))
            .hint("it reads lftp's bookmarks, FileZilla's sitemanager.xml and rclone.conf; --from says which")
    })?;
    Ok((program, text))
}

fn usual_file(program: Program) -> Outcome<PathBuf> {
    let home = Paths::home()?;
    let mut files = program.usual_files().iter().map(|file| home.join(file));
    files.find(|file| file.exists()).ok_or_else(|| {
        Failure::new(
            Exit::SourceNotFound,
            format!("{} has no list in {}", program.title(), program.usual_files().join(" or ")),
        )
        .hint("name the file: `fxp site import FILE`")
    })
}

/// The text of a file that may hold passwords.
fn read(path: &Path, ceiling: u64) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let read = fs::File::open(path)?.take(ceiling + 1).read_to_string(&mut text)?;
    match read as u64 > ceiling {
        true => Err(io::Error::new(io::ErrorKind::InvalidData, format!("larger than {ceiling} bytes"))),
        false => Ok(text),
    }
}

fn import(
    bookmark: &Bookmark,
    book: &std::collections::BTreeMap<String, Site>,
    names: &mut Names,
    replace: bool,
) -> Imported {
    let imported = |fate, notes: &[String]| Imported {
        title: bookmark.title(),
        fate,
        notes: notes.to_vec(),
        netrc: false,
    };
    let login = match &bookmark.content {
        Err(why) => return imported(Fate::LeftOut { why: why.clone() }, &[]),
        Ok(login) => login,
    };
    let name = names.give(bookmark, &login.site.host);
    let fate = match book.get(&name) {
        None => Fate::Added { name, site: login.site.clone() },
        Some(old) => match renewed(old, &login.site) {
            site if site == *old => Fate::Equal { name },
            site if replace => Fate::Replaced { name, site },
            _ => Fate::Taken { name },
        },
    };
    imported(fate, &login.notes)
}

/// The new entry, with what other programs do not know of the same server.
fn renewed(old: &Site, new: &Site) -> Site {
    match old.host == new.host {
        false => new.clone(),
        true => Site {
            password_command: old.password_command.clone(),
            data_address: old.data_address,
            passive: old.passive,
            certificate: old.certificate.clone(),
            ..new.clone()
        },
    }
}

/// The passwords of the list on their way to netrc.
struct Purse {
    /// None if they are not wanted there.
    file: Option<NetrcFile>,
    additions: Vec<Addition>,
    /// Passwords that were not taken over because nobody asked for it.
    left: usize,
}

struct NetrcFile {
    path: PathBuf,
    text: Zeroizing<String>,
    netrc: Netrc,
}

impl Purse {
    fn new(wanted: bool) -> Outcome<Self> {
        let file = if wanted { Some(NetrcFile::read()?) } else { None };
        Ok(Purse { file, additions: Vec::new(), left: 0 })
    }

    fn put(&mut self, login: &Login, imported: &mut Imported) {
        let Some(password) = &login.password else { return };
        let Some(file) = &self.file else {
            self.left += 1;
            return;
        };
        let Some(user) = &login.site.user else {
            imported.notes.push("its password is for no user, and was not taken over".into());
            return;
        };
        let addition =
            Addition { host: login.site.host.clone(), user: user.clone(), password: password.clone() };
        match self.known(file, &addition) {
            Some(known) if known.expose() == password.expose() => {}
            Some(_) => imported.notes.push(format!(
                "netrc has another password of {user} at {} already, which stays (it knows no ports)",
                addition.host
            )),
            None if !addition.can_be_written() => {
                imported.notes.push("its password cannot be written into netrc".into());
            }
            None => {
                imported.netrc = true;
                self.additions.push(addition);
            }
        }
    }

    /// What netrc says, or will say.
    fn known<'a>(&'a self, file: &'a NetrcFile, new: &Addition) -> Option<&'a Secret> {
        let same = |old: &&Addition| old.host.eq_ignore_ascii_case(&new.host) && old.user == new.user;
        let added = self.additions.iter().find(same).map(|addition| &addition.password);
        added.or_else(|| file.netrc.named_password(&new.host, &new.user))
    }

    fn save(&self) -> Outcome {
        match &self.file {
            Some(file) if !self.additions.is_empty() => file.save(&self.additions).map_err(|error| {
                Failure::new(Exit::DestinationDenied, format!("cannot write {}", file.path.display()))
                    .because(&error)
            }),
            _ => Ok(()),
        }
    }

    /// What a person should know about the passwords.
    fn sentence(&self) -> Option<String> {
        (self.left > 0).then(|| {
            format!(
                "{} in the list, and sites hold none: --netrc puts them into ~/.netrc, `fxp site add --force NAME \
                 ADDRESS --password-command COMMAND` tells a site where its own comes from, and else fxp asks.",
                crate::output::measure::count(self.left as u64, "password is", "passwords are")
            )
        })
    }
}

impl NetrcFile {
    fn read() -> Outcome<Self> {
        let path = Paths::find()?.netrc.ok_or_else(|| {
            Failure::usage("there is no home directory with a netrc file").hint("set HOME or NETRC")
        })?;
        let text = match read(&path, netrc::MAX_FILE) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Zeroizing::default(),
            Err(error) => {
                return Err(Failure::new(Exit::SourceNotFound, format!("cannot read {}", path.display()))
                    .because(&error));
            }
        };
        let netrc = Netrc::parse(&text);
        Ok(NetrcFile { path, text, netrc })
    }

    /// Writes all of it anew and then takes the old one's place, so that no crash leaves half a file.
    fn save(&self, additions: &[Addition]) -> io::Result<()> {
        // Where the file is a link, what it leads to is written.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let new = path.with_file_name(name);
        let written = write_private(&new, netrc::with(&self.text, additions).as_bytes())
            .and_then(|()| fs::rename(&new, &path));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written
    }
}

/// A new file that only its owner can read.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[derive(Debug, Default)]
struct Counts {
    added: u64,
    replaced: u64,
    equal: u64,
    taken: u64,
    left_out: u64,
}

impl Counts {
    fn count(&mut self, imported: &Imported) {
        *match imported.fate {
            Fate::Added { .. } => &mut self.added,
            Fate::Replaced { .. } => &mut self.replaced,
            Fate::Equal { .. } => &mut self.equal,
            Fate::Taken { .. } => &mut self.taken,
            Fate::LeftOut { .. } => &mut self.left_out,
        } += 1;
    }

    fn sentence(&self, program: Program, dry_run: bool) -> String {
        let rows = [
            (self.added, "added"),
            (self.replaced, "replaced"),
            (self.equal, "there already"),
            (self.taken, "not taken over because another site is called so (--replace)"),
            (self.left_out, "left out"),
        ];
        let said: Vec<String> = rows
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let said = if said.is_empty() { "nothing in it".to_owned() } else { said.join(", ") };
        let dry = if dry_run { " Nothing was written." } else { "" };
        format!("{}: {said}.{dry}", program.title())
    }
}
