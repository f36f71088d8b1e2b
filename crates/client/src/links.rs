//! Symbolic links: where they lead.
//!
//! No two servers answer alike. MLST describes what a link leads to (fxpd, pyftpdlib), the link itself (Pure-FTPD), or
//! some of both (ProFTPD, with the kind of the one and the size of the other; all 2026-11). CWD, SIZE and MDTM follow
//! links everywhere, so these are asked.

use fxp_proto::client::request::{Answer, Request};
use fxp_proto::grammar::command::Command;
use fxp_proto::grammar::quote::parse_257;
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
