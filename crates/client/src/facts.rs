//! What a server says about its files: kind, size, time, digest; and setting the time.

use fxp_proto::client::request::{Answer, Request};
use fxp_proto::grammar::change::TimeVerb;
use fxp_proto::grammar::command::Command;
use fxp_proto::grammar::digest::{XArgument, parse_digest};
use fxp_proto::grammar::params::DigestKind;
use fxp_proto::grammar::reply::Reply;
use fxp_proto::grammar::verb::Verb;
use fxp_proto::listing::entry::{Entry, Kind, Precision};
use fxp_proto::listing::mlsx::parse_mlst;
use fxp_proto::listing::time::FtpTime;
use fxp_proto::path::VPath;
use fxp_proto::wire::text::Text;

use crate::error::SessionError;
use crate::session::Session;

impl Session {
    /// What is at `path`: MLST, else SIZE and MDTM, else CWD, else a line of the parent's listing.
    /// `None` if there is nothing.
    ///
    /// # Errors
    ///
    /// As [`Session::run`].
    pub async fn stat(&mut self, path: &VPath) -> Result<Option<Entry>, SessionError> {
        if self.speaks_facts() {
            match self.command(Verb::Mlst, path.to_text()).await {
                Ok(reply) => match parse_mlst(&reply) {
                    Ok(entry) => return Ok(Some(Entry { name: name_of(path), ..entry })),
                    Err(_) => self.habits.no_facts = true,
                },
                Err(error) if error.is_unsupported() => self.habits.no_facts = true,
                Err(error) => return nothing_there(error),
            }
        }
        self.stat_by_probing(path).await
    }

    /// True if it is known that the server has neither MLST nor MDTM, so that times are told by its listings only.
    pub fn lists_times_only(&self) -> bool {
        !self.speaks_facts() && self.habits.no_mdtm
    }

    /// Sets the modification time by MFMT, MDTM or SITE UTIME, whichever works; remembers which. False if the server
    /// knows none of them.
    ///
    /// # Errors
    ///
    /// As [`Session::run`]; `Refused` where the server knows how, and does not do it for this file.
    pub async fn set_time(&mut self, path: &VPath, time: FtpTime) -> Result<bool, SessionError> {
        let ways = match self.habits.set_time {
            Some(way) => vec![way],
            None => TimeVerb::ALL.into_iter().filter(|way| !self.habits.no_set_time.contains(way)).collect(),
        };
        for way in ways {
            let Some(command) = way.command(path, time) else { continue };
            match self.run(Request::Command(command)).await {
                Ok(Answer::Reply(reply)) if reply.code.is_completion() && reply.code.number() != 202 => {
                    self.habits.set_time = Some(way);
                    return Ok(true);
                }
                Ok(_) => self.habits.no_set_time.push(way),
                Err(error) if error.is_unsupported() || is_syntax(&error) => {
                    self.habits.no_set_time.push(way);
                }
                // A server that takes MDTM's time for a part of the name says that there is no such file.
                Err(SessionError::Refused { .. })
                    if way == TimeVerb::Mdtm && self.habits.set_time != Some(way) => {}
                Err(error) => return Err(error),
            }
        }
        // Only now: one file that somebody else owns says nothing about the others.
        self.habits.tried_times = true;
        Ok(false)
    }

    /// The digests this server offers, best first.
    pub fn digests(&self) -> Vec<DigestKind> {
        let mut kinds = self.facts.features.digests();
        if self.facts.features.has(Verb::Md5.name()) && !kinds.contains(&DigestKind::Md5) {
            kinds.push(DigestKind::Md5);
        }
        kinds
    }

    /// A digest in lower-case hex, of the whole file or of its first `length` bytes.
    ///
    /// # Errors
    ///
    /// As [`Session::run`]; `Nonsense` where the reply has no digest in it.
    pub async fn digest(
        &mut self,
        kind: DigestKind,
        path: &VPath,
        length: Option<u64>,
    ) -> Result<String, SessionError> {
        let features = &self.facts.features;
        let by_hash = features.hash().iter().any(|(offered, _)| *offered == kind);
        let by_x = features.has_x(kind);
        match length {
            Some(length) if by_hash && !by_x && length > 0 && features.rang_stream() => {
                self.digest_of_range(kind, path, length).await
            }
            None if by_hash => {
                self.choose_hash(kind).await?;
                self.digest_by(Command::new(Verb::Hash, path.to_text()), kind, path).await
            }
            None if kind == DigestKind::Md5 && !by_x && features.has(Verb::Md5.name()) => {
                self.digest_by(Command::new(Verb::Md5, path.to_text()), kind, path).await
            }
            length => {
                let command = x_command(kind, path, length, features.has(kind.verb().name()));
                self.digest_by(command, kind, path).await
            }
        }
    }

    /// RANG and HASH. RANG would also cut the next transfer, so it is always taken back, whatever came
    /// of HASH.
    async fn digest_of_range(
        &mut self,
        kind: DigestKind,
        path: &VPath,
        length: u64,
    ) -> Result<String, SessionError> {
        self.choose_hash(kind).await?;
        // The end is inclusive.
        self.command(Verb::Rang, Text::lossy(format!("0 {}", length - 1))).await?;
        let digest = self.digest_by(Command::new(Verb::Hash, path.to_text()), kind, path).await;
        self.command(Verb::Rang, "1 0").await?;
        digest
    }

    async fn digest_by(
        &mut self,
        command: Command,
        kind: DigestKind,
        path: &VPath,
    ) -> Result<String, SessionError> {
        let said = command.to_string();
        match self.run(Request::Command(command)).await? {
            Answer::Reply(reply) => parse_digest(&reply, kind, &path.to_text())
                .ok_or(SessionError::Nonsense { command: said, reply }),
            _ => Err(SessionError::Lost { during: said }),
        }
    }

    /// True if MLST and MLSD are worth a try.
    pub(crate) fn speaks_facts(&self) -> bool {
        let features = &self.facts.features;
        !self.habits.no_facts && (features.has("MLST") || features.has("MLSD"))
    }

    /// Tells HASH which digest to compute, if it would compute another one.
    pub(crate) async fn choose_hash(&mut self, kind: DigestKind) -> Result<(), SessionError> {
        let by_default = self.facts.features.hash().iter().find(|(_, chosen)| *chosen).map(|(kind, _)| *kind);
        if self.habits.hash.or(by_default) == Some(kind) {
            return Ok(());
        }
        self.command(Verb::Opts, Text::lossy(format!("HASH {}", kind.name()))).await?;
        self.habits.hash = Some(kind);
        Ok(())
    }

    async fn stat_by_probing(&mut self, path: &VPath) -> Result<Option<Entry>, SessionError> {
        if path.is_root() {
            return Ok(Some(Entry::new(name_of(path), Kind::Directory)));
        }
        if let Some(size) = self.size(path).await? {
            let modified = self.time(path).await?.map(|time| (time, Precision::Second));
            let entry = Entry::new(name_of(path), Kind::File);
            return Ok(Some(Entry { size: Some(size), modified, ..entry }));
        }
        if self.is_directory(path).await? {
            return Ok(Some(Entry::new(name_of(path), Kind::Directory)));
        }
        match self.list(&path.parent()).await {
            Ok(entries) => Ok(entries.into_iter().find(|entry| Some(&entry.name) == path.name())),
            Err(error) => nothing_there(error),
        }
    }

    /// MDTM; `None` where the server does not tell.
    pub(crate) async fn time(&mut self, path: &VPath) -> Result<Option<FtpTime>, SessionError> {
        match self.command(Verb::Mdtm, path.to_text()).await {
            Ok(reply) => Ok(FtpTime::parse(reply.text().as_bytes().trim_ascii()).ok()),
            Err(error @ SessionError::Refused { .. }) => {
                self.habits.no_mdtm |= error.is_unsupported();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// 501: the command is known, but not in this form.
fn is_syntax(error: &SessionError) -> bool {
    error.refusal().is_some_and(|reply| reply.code.number() == 501)
}

/// 550 and its kin mean that there is nothing, unless the words say that we may not look.
fn nothing_there<T>(error: SessionError) -> Result<Option<T>, SessionError> {
    match error.refusal() {
        Some(reply) if is_missing(reply) => Ok(None),
        _ => Err(error),
    }
}

fn is_missing(reply: &Reply) -> bool {
    let words = String::from_utf8_lossy(reply.text().as_bytes()).to_lowercase();
    matches!(reply.code.number(), 450 | 501 | 550 | 551 | 553)
        && !["permission", "denied", "not allowed", "forbidden"].iter().any(|word| words.contains(word))
}

/// The name of an entry; the root is called `/`.
fn name_of(path: &VPath) -> Text {
    path.name().cloned().unwrap_or_else(|| Text::from("/"))
}

fn x_command(kind: DigestKind, path: &VPath, length: Option<u64>, offered: bool) -> Command {
    let command = XArgument { path: path.to_text(), start: 0, end: length }.command(kind);
    match kind {
        // Older servers know SHA-1 as XSHA only.
        DigestKind::Sha1 if !offered => Command { verb: Verb::Xsha, ..command },
        _ => command,
    }
}
