//! The files that remember: sites (configuration), and what was learned (state): trusted
//! fingerprints, hosts where TLS was seen, facts of servers.
//!
//! Both are TOML, read whole and written whole: into a new file beside the old one, readable by its
//! owner only, which then takes the old one's name. Another process may have written meanwhile, so
//! saving takes a lock, reads again, and lays only what *we* changed over what is there now.

mod known;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::site::Site;

pub use known::Known;

/// Sites by name, in `$XDG_CONFIG_HOME/fxp/sites.toml`.
#[derive(Debug)]
pub struct SiteBook {
    /// The file.
    pub path: PathBuf,
    /// The sites.
    pub sites: BTreeMap<String, Site>,
    /// What the file held when it was read: the difference is what we changed.
    loaded: BTreeMap<String, Site>,
}

/// What was learned, in `$XDG_STATE_HOME/fxp/known.toml`: by `host:port`.
#[derive(Debug)]
pub struct KnownBook {
    /// The file.
    pub path: PathBuf,
    /// What is known of each server.
    pub servers: BTreeMap<String, Known>,
    /// Copies that were broken off, by the place of their part.
    pub begun: BTreeMap<String, Begun>,
    /// As in [`SiteBook`].
    loaded: BTreeMap<String, Known>,
    /// As in [`SiteBook`].
    loaded_begun: BTreeMap<String, Begun>,
}

/// What the part of a broken-off copy is the beginning of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// User, server and path of the source.
    pub source: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was modified, in seconds since 1970.
    pub modified: i64,
}

impl SiteBook {
    /// Reads the file; a missing file is an empty book.
    ///
    /// # Errors
    ///
    /// Unreadable, or not what a book looks like (with line and column).
    pub fn load(path: PathBuf) -> io::Result<Self> {
        let sites = read::<SiteFile>(&path)?.site;
        Ok(SiteBook { path, loaded: sites.clone(), sites })
    }

    /// Writes the file atomically, readable by its owner only; merges with what another process wrote
    /// meanwhile. Comments in the file are kept where the sites around them did not change.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn save(&self) -> io::Result<()> {
        locked(&self.path, || {
            let old = read_text(&self.path)?;
            let on_disk = parse::<SiteFile>(&self.path, &old)?.site;
            let sites = merge(on_disk.clone(), &self.loaded, &self.sites);
            write(&self.path, &edit(&old, &on_disk, &sites)?)
        })
    }
}

impl KnownBook {
    /// As [`SiteBook::load`].
    ///
    /// # Errors
    ///
    /// As [`SiteBook::load`].
    pub fn load(path: PathBuf) -> io::Result<Self> {
        let KnownFile { server: servers, begun } = read::<KnownFile>(&path)?;
        Ok(KnownBook { path, loaded: servers.clone(), loaded_begun: begun.clone(), servers, begun })
    }

    /// As [`SiteBook::save`]; merges with what another process wrote meanwhile.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn save(&self) -> io::Result<()> {
        locked(&self.path, || {
            let on_disk = read::<KnownFile>(&self.path)?;
            let server = merge(on_disk.server, &self.loaded, &self.servers);
            let begun = merge(on_disk.begun, &self.loaded_begun, &self.begun);
            let text = toml::to_string(&KnownFile { server, begun }).map_err(io::Error::other)?;
            write(&self.path, &format!("{KNOWN_HEAD}{text}"))
        })
    }

    /// The key of a server: `host:port`, host in lower case, IPv6 in brackets.
    pub fn key(host: &str, port: u16) -> String {
        match host.contains(':') {
            true => format!("[{}]:{port}", host.to_lowercase()),
            false => format!("{}:{port}", host.to_lowercase()),
        }
    }

    /// Remembers what `part` is the beginning of, or with `None` that this is not known any more. That it
    /// cannot be saved hinders nothing now.
    pub fn note_begun(&mut self, part: &str, begun: Option<Begun>) {
        if self.begun.get(part) == begun.as_ref() {
            return;
        }
        match begun {
            Some(begun) => self.begun.insert(part.to_owned(), begun),
            None => self.begun.remove(part),
        };
        // One that is dropped is merely begun anew.
        while self.begun.len() > MAX_BEGUN {
            self.begun.pop_first();
        }
        if let Err(error) = self.save() {
            tracing::warn!(file = %self.path.display(), %error, "what was begun is not saved");
        }
    }

    /// Forgets what was learned about transfers with a server, and keeps whom to trust. True if anything was forgotten.
    pub fn unlearn(&mut self, key: &str) -> bool {
        let forgot = self.servers.get_mut(key).is_some_and(Known::unlearn);
        self.forget_times(key) || forgot
    }

    /// Forgets what others know of the times of this server, which may tell them in another way by now.
    pub(crate) fn forget_times(&mut self, key: &str) -> bool {
        let mut forgot = false;
        for known in self.servers.values_mut() {
            let before = known.times.len();
            known.times.retain(|times| !times.is_about(key));
            forgot |= known.times.len() < before;
        }
        forgot
    }

    /// What is known of a server; nothing, if it was never met.
    pub fn of(&self, key: &str) -> Known {
        self.servers.get(key).cloned().unwrap_or_default()
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteFile {
    #[serde(default)]
    site: BTreeMap<String, Site>,
}

#[derive(Default, Serialize, Deserialize)]
struct KnownFile {
    #[serde(default)]
    server: BTreeMap<String, Known>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    begun: BTreeMap<String, Begun>,
}

const KNOWN_HEAD: &str =
    "# What fxp learned about servers. It may be deleted; fxp will ask and learn again.\n\n";

/// What is on disk, with the difference between what we read and what we have laid over it.
fn merge<T: Clone + PartialEq>(
    mut on_disk: BTreeMap<String, T>,
    loaded: &BTreeMap<String, T>,
    ours: &BTreeMap<String, T>,
) -> BTreeMap<String, T> {
    for name in loaded.keys().filter(|name| !ours.contains_key(*name)) {
        on_disk.remove(name);
    }
    for (name, value) in ours.iter().filter(|(name, value)| loaded.get(*name) != Some(*value)) {
        on_disk.insert(name.clone(), value.clone());
    }
    on_disk
}

/// The text of a site file with the sections of changed and removed sites replaced, new ones at its
/// end, and everything else, comments included, as it was. A file that is not laid out in sections
/// (inline tables, say) is written anew.
fn edit(old: &str, before: &BTreeMap<String, Site>, after: &BTreeMap<String, Site>) -> io::Result<String> {
    let section = |name: &str, site: &Site| {
        let one = SiteFile { site: BTreeMap::from([(name.to_owned(), site.clone())]) };
        toml::to_string(&one).map_err(io::Error::other)
    };
    let mut text = String::new();
    let mut keep = true;
    for line in old.split_inclusive('\n') {
        if let Some(name) = section_name(line) {
            keep = before.get(&name).is_some_and(|site| after.get(&name) == Some(site));
        } else if line.trim_start().starts_with('[') {
            keep = true;
        }
        if keep {
            text.push_str(line);
        }
    }
    for (name, site) in after.iter().filter(|(name, site)| before.get(*name) != Some(*site)) {
        if !text.is_empty() {
            text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
        }
        text.push_str(&section(name, site)?);
    }
    match toml::from_str::<SiteFile>(&text) {
        Ok(read) if read.site == *after => Ok(text),
        _ => toml::to_string(&SiteFile { site: after.clone() }).map_err(io::Error::other),
    }
}

/// The name in a header `[site.NAME]`.
fn section_name(line: &str) -> Option<String> {
    let header: toml::Table = line.trim().starts_with('[').then(|| toml::from_str(line).ok())??;
    let sites = header.get("site")?.as_table()?;
    sites.keys().next().cloned()
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<T> {
    parse(path, &read_text(path)?)
}

fn read_text(path: &Path) -> io::Result<String> {
    match fs::metadata(path) {
        Ok(found) if found.len() > MAX_BOOK => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is larger than {MAX_BOOK} bytes", path.display()),
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    }
    fs::read_to_string(path)
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, text: &str) -> io::Result<T> {
    toml::from_str(text).map_err(|error| {
        // The library's message begins with "TOML parse error at line N, column M" and shows the line.
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
    })
}

/// Runs `work` while no other process does the same for this file.
fn locked<T>(path: &Path, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let lock = private_file(&with_suffix(path, ".lock"), false)?;
    lock.lock()?;
    let done = work();
    lock.unlock()?;
    done
}

/// Writes beside the file, then takes its name.
fn write(path: &Path, text: &str) -> io::Result<()> {
    // The lock is ours, so a leftover of this name is from a process that was killed.
    let new = with_suffix(path, ".new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private_file(&new, true)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // A book that is a symbolic link (dotfiles in a repository) stays one.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match fs::rename(&new, &target) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            fs::copy(&new, &target)?;
            fs::remove_file(&new)
        }
        result => result,
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn private_file(path: &Path, new: bool) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(!new).create_new(new).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The most broken-off copies to remember: more than anybody continues, and a few pages of text.
const MAX_BEGUN: usize = 200;

/// The most a book may hold, in bytes: thousands of sites; more is not a book.
const MAX_BOOK: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_book_is_empty_and_a_saved_one_is_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/fxp/sites.toml");
        let mut book = SiteBook::load(path.clone()).expect("empty");
        assert!(book.sites.is_empty());
        book.sites.insert("alpha".into(), site("alpha.example"));
        book.save().expect("saved");
        assert_eq!(SiteBook::load(path.clone()).expect("read").sites, book.sites);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_mistake_in_a_book_is_shown_with_line_and_column() {
        let folder = tempfile::tempdir().expect("a folder");
        let rows = [
            ("[site.a]\nhost = \"h\"\nport = \"x\"\n", "line 3, column 8"),
            ("[site.a]\nhost = \"h\"\npasswd = \"x\"\n", "line 3, column 1"),
            ("[site.a]\nport = 21\n", "host"),
            ("[site.a\n", "line 1"),
            ("[site.a]\nhost = \"h\"\ntls = \"maybe\"\n", "line 3, column 7"),
        ];
        for (text, expected) in rows {
            let path = folder.path().join("sites.toml");
            fs::write(&path, text).expect("written");
            let error = SiteBook::load(path).expect_err(text).to_string();
            assert!(error.contains("sites.toml") && error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn two_processes_that_save_lose_nothing_of_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("known.toml");
        let mut first = KnownBook::load(path.clone()).expect("empty");
        first.servers.insert("gone:21".into(), Known { tls_seen: true, ..Known::default() });
        first.save().expect("saved");

        let mut one = KnownBook::load(path.clone()).expect("read");
        let mut two = KnownBook::load(path.clone()).expect("read");
        one.servers.insert("a:21".into(), Known { demands_reuse: true, ..Known::default() });
        two.servers.insert("b:21".into(), Known { tls_seen: true, ..Known::default() });
        two.servers.remove("gone:21");
        one.save().expect("saved");
        two.save().expect("saved");

        let read = KnownBook::load(path).expect("read").servers;
        assert_eq!(read.keys().map(String::as_str).collect::<Vec<_>>(), ["a:21", "b:21"]);
        assert!(read["a:21"].demands_reuse && read["b:21"].tls_seen);
    }

    #[test]
    fn comments_between_sites_outlive_a_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sites.toml");
        let text = "# my sites\n\n[site.a]\nhost = \"a\" # the old one\n\n[site.b]\nhost = \"b\"\n\n[site.c]\nhost = \"c\"\n# end of c\n";
        fs::write(&path, text).expect("written");
        let mut book = SiteBook::load(path.clone()).expect("read");
        book.sites.remove("b");
        book.sites.insert("d".into(), site("d"));
        book.sites.get_mut("c").expect("c").port = Some(2121);
        book.save().expect("saved");
        let saved = fs::read_to_string(&path).expect("read");
        assert_eq!(
            saved,
            "# my sites\n\n[site.a]\nhost = \"a\" # the old one\n\n\n[site.c]\nhost = \"c\"\nport = 2121\n\n[site.d]\nhost = \"d\"\n"
        );
    }

    #[test]
    fn keys_tell_servers_apart() {
        let rows = [("Host.Example", 21, "host.example:21"), ("2001:db8::1", 990, "[2001:db8::1]:990")];
        for (host, port, key) in rows {
            assert_eq!(KnownBook::key(host, port), key);
        }
    }

    fn site(host: &str) -> Site {
        Site { host: host.into(), ..Site::default() }
    }
}
