//! Symbolic links: where they lead, and making them.
//!
//! No two servers answer alike. MLST describes what a link leads to (fxpd, pyftpdlib), the link itself (Pure-FTPD), or
//! some of both (ProFTPD, with the kind of the one and the size of the other; all 2026-11). CWD, SIZE and MDTM follow
//! links everywhere, so these are asked. Targets are told by the MLSD of fxpd alone; the others tell them in LIST, which
//! also shows what ProFTPD's MLSD leaves out (links that lead nowhere) and what pyftpdlib's shows as something else.

use fxp_proto::client::request::{Answer, Request};
use fxp_proto::grammar::command::Command;
use fxp_proto::grammar::quote::{parse_257, quote};
use fxp_proto::grammar::verb::Verb;
use fxp_proto::listing::entry::{Entry, Kind, Precision};
use fxp_proto::listing::mlsx::parse_mlst;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

use crate::error::SessionError;
use crate::session::Session;

/// What a link leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The file or directory, under the link's name.
    pub entry: Entry,
    /// Where a directory is, as the server tells after it was entered. Some tell the way that was taken instead.
    pub real: Option<VPath>,
}

impl Session {
    /// What the link at `path` leads to; `None` where that is no file and no directory that can be entered.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn follow(&mut self, path: &VPath) -> Result<Option<Followed>, SessionError> {
        let name = path.name().cloned().unwrap_or_else(|| Text::from("/"));
        if self.is_directory(path).await? {
            let real = self.where_we_are().await?;
            let told = self.described(path).await?.filter(|entry| entry.kind == Kind::Directory);
            let entry = Entry::new(name.clone(), Kind::Directory);
            let entry = told.map_or(entry, |told| Entry { name, size: None, ..told });
            return Ok(Some(Followed { entry, real }));
        }
        let Some(size) = self.size(path).await? else { return Ok(None) };
        let modified = self.time(path).await?.map(|time| (time, Precision::Second));
        let entry = Entry { size: Some(size), modified, ..Entry::new(name, Kind::File) };
        Ok(Some(Followed { entry, real: None }))
    }

    /// The links in a directory of which MLSD has told `known`, with their targets, if LIST may tell more about them.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn links_in(&mut self, path: &VPath, known: &[Entry]) -> Result<Vec<Entry>, SessionError> {
        self.habits.facts_tell_targets |=
            known.iter().any(|entry| matches!(entry.kind, Kind::Symlink(Some(_))));
        if !self.speaks_facts() || self.habits.facts_tell_targets {
            return Ok(Vec::new());
        }
        let mut entries = self.list_in_words(path).await?;
        entries.retain(|entry| matches!(entry.kind, Kind::Symlink(_)));
        Ok(entries)
    }

    /// SITE SYMLINK: makes a link that leads to `target`; false if the server makes none.
    ///
    /// ProFTPD 1.3.8 makes the target absolute, seen from the working directory, and refuses one that does not exist.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn make_link(&mut self, target: &Text, path: &VPath) -> Result<bool, SessionError> {
        if self.habits.no_links {
            return Ok(false);
        }
        self.enter(&path.parent()).await?;
        let words = [target.clone(), path.to_text()].map(|word| in_quotes_if_needed(&word));
        let [target, link] = words.each_ref().map(|word| word.as_bytes());
        let argument = Text::lossy([target, b" ", link].concat());
        match self.command(Verb::SiteSymlink, argument).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_unsupported() => {
                self.habits.no_links = true;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// PWD.
    async fn where_we_are(&mut self) -> Result<Option<VPath>, SessionError> {
        match self.run(Request::Command(Command::bare(Verb::Pwd))).await {
            Ok(Answer::Reply(reply)) => {
                Ok(parse_257(&reply).and_then(|path| VPath::parse(path.as_bytes()).ok()))
            }
            Ok(_) | Err(SessionError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// MLST, where there is one.
    async fn described(&mut self, path: &VPath) -> Result<Option<Entry>, SessionError> {
        if !self.speaks_facts() {
            return Ok(None);
        }
        match self.command(Verb::Mlst, path.to_text()).await {
            Ok(reply) => Ok(parse_mlst(&reply).ok()),
            Err(SessionError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// As a word among others.
fn in_quotes_if_needed(word: &Text) -> Text {
    match word.as_bytes().iter().any(|byte| matches!(byte, b' ' | b'"')) {
        true => quote(word),
        false => word.clone(),
    }
}
