//! Other programs' lists of servers, read: [`lftp`], [`filezilla`] and [`rclone`].
//!
//! Nothing is decided here about our own book. A list is other people's text: an entry that makes no sense,
//! or that asks for a protocol which is not FTP, is left out with its reason, and the others are read.

mod filezilla;
mod imported;
mod lftp;
mod names;
mod rclone;

use clap::ValueEnum;
use fxp_engine::site::Site;
use fxp_engine::url::{Address, Url};
use fxp_proto::wire::secret::Secret;

pub(crate) use imported::{Fate, Imported};
pub(crate) use names::Names;

/// Larger files are no lists of servers.
pub(crate) const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Whose list it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Program {
    /// ~/.local/share/lftp/bookmarks, or ~/.lftp/bookmarks
    Lftp,
    /// sitemanager.xml
    Filezilla,
    /// rclone.conf
    Rclone,
}

/// One entry of a list.
#[derive(Debug)]
pub(crate) struct Bookmark {
    /// The folders it is in, outermost first.
    pub(crate) folders: Vec<String>,
    /// What it is called there.
    pub(crate) name: String,
    /// The server, or why there is none for us.
    pub(crate) content: Result<Login, String>,
}

/// A server and how to log in.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) site: Site,
    /// What the list says; sites of ours never hold one.
    pub(crate) password: Option<Secret>,
    /// What could not be taken over, a sentence each.
    pub(crate) notes: Vec<String>,
}

impl Program {
    /// Whose list this is, by what is in it.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let start = text.trim_start_matches('\u{feff}').trim_start();
        if start.starts_with('<') {
            return start.contains("<FileZilla3").then_some(Program::Filezilla);
        }
        if rclone::is_one(start) {
            return Some(Program::Rclone);
        }
        lftp::is_one(text).then_some(Program::Lftp)
    }

    /// Its name as its people write it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Program::Lftp => "lftp",
            Program::Filezilla => "FileZilla",
            Program::Rclone => "rclone",
        }
    }

    /// Where it keeps its list, seen from the home directory; the first one that exists counts.
    pub(crate) fn usual_files(self) -> &'static [&'static str] {
        match self {
            Program::Lftp => &[".local/share/lftp/bookmarks", ".lftp/bookmarks"],
            Program::Filezilla => &[".config/filezilla/sitemanager.xml", ".filezilla/sitemanager.xml"],
            Program::Rclone => &[".config/rclone/rclone.conf", ".rclone.conf"],
        }
    }

    /// Reads a list.
    ///
    /// # Errors
    ///
    /// A sentence, if the text is no such list.
    pub(crate) fn read(self, text: &str) -> Result<Vec<Bookmark>, String> {
        let text = text.trim_start_matches('\u{feff}');
        match self {
            Program::Lftp => Ok(lftp::read(text)),
            Program::Filezilla => filezilla::read(text),
            Program::Rclone => rclone::read(text),
        }
    }
}

impl Bookmark {
    /// Its name with its folders, for people.
    pub(crate) fn title(&self) -> String {
        self.folders.iter().chain([&self.name]).cloned().collect::<Vec<_>>().join("/")
    }
}

/// A host as the engine wants it; IPv6 with or without brackets.
fn host_of(text: &str) -> Result<String, String> {
    let text = text.trim();
    let bare_ipv6 = text.contains(':') && !text.starts_with('[');
    let typed = if bare_ipv6 { format!("ftp://[{text}]/") } else { format!("ftp://{text}/") };
    match typed.parse::<Address>() {
        // Anything but a host would have landed in another part of the address.
        Ok(Address::Url(Url { user: None, port: None, path, host, .. })) if path.is_empty() => Ok(host),
        Ok(_) => Err(format!("{text:?} is no host")),
        Err(error) => Err(error.to_string()),
    }
}

/// A user, who stands in a command line of FTP one day.
fn user_of(text: &str) -> Result<String, String> {
    match text.contains(['\r', '\n', '\0']) {
        true => Err("its user has line breaks in it".into()),
        false => Ok(text.to_owned()),
    }
}

/// A port, unless it is the usual one and need not be written down.
fn port_of(text: &str, usual: u16) -> Result<Option<u16>, String> {
    match text.trim().parse::<u16>() {
        Ok(port) if port == usual => Ok(None),
        Ok(port) if port != 0 => Ok(Some(port)),
        _ => Err(format!("{text:?} is no port")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_known_by_what_is_in_them() {
        let rows = [
            ("work\tftp://h/\n", Some(Program::Lftp)),
            ("\n# mine\nwork ftp://h/\n", Some(Program::Lftp)),
            ("<?xml version=\"1.0\"?>\n<FileZilla3 version=\"3.60\"/>", Some(Program::Filezilla)),
            ("\u{feff}<FileZilla3/>", Some(Program::Filezilla)),
            ("<html/>", None),
            ("[nas]\ntype = ftp\n", Some(Program::Rclone)),
            ("; mine\n\n[nas]\ntype = ftp\n", Some(Program::Rclone)),
            ("# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nx\n", Some(Program::Rclone)),
            ("machine h login me\n", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(Program::of(text), expected, "{text:?}");
        }
    }

    #[test]
    fn hosts_are_hosts_and_nothing_else() {
        assert_eq!(host_of("FTP.example.org").as_deref(), Ok("ftp.example.org"));
        assert_eq!(host_of("2001:db8::1").as_deref(), Ok("2001:db8::1"));
        assert_eq!(host_of("[2001:db8::1]").as_deref(), Ok("2001:db8::1"));
        for bad in ["", "a/b", "me@h", "h:21", "a b", "h\r\nDELE x"] {
            assert!(host_of(bad).is_err(), "{bad:?}");
        }
    }
}
