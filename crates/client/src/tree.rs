//! Directories: MLSC (facts in one reply), else MLSD, else STAT over the control connection where it tells the truth, else LIST.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::SystemTime;

use fxp_net::data::{DataError, Sink};
use fxp_proto::client::manners::{Manners, Queueing};
use fxp_proto::client::request::{Answer, Request};
use fxp_proto::grammar::command::Command;
use fxp_proto::grammar::reply::Reply;
use fxp_proto::grammar::verb::Verb;
use fxp_proto::listing::entry::Entry;
use fxp_proto::listing::guess::Listing;
use fxp_proto::listing::left_out::LeftOut;
use fxp_proto::listing::time::FtpTime;
use fxp_proto::path::VPath;
use fxp_proto::wire::telnet::IAC;
use fxp_proto::wire::text::Text;

use crate::error::{SessionError, result};
use crate::session::Session;

/// The most bytes of one listing: a directory of half a million files.
const MAX_LISTING: usize = 64 * 1024 * 1024;

/// The most entries that MLSC may tell, if the server names a ceiling.
const MOST_BY_MLSC: usize = 10_000;

/// The most entries of which STAT is believed without LIST.
const MOST_BY_STAT: usize = 1000;

impl Session {
    /// The most directories that [`Session::list_several`] asks for at once: two commands each fill the window.
    pub const LISTED_AT_ONCE: usize = Manners::MAX_WINDOW / 2;

    /// The directory's entries: MLSC or MLSD, which are exact; else `STAT -la`, which needs no data connection, on a server where
    /// it was found to say the same as LIST; else LIST -a, else LIST. Sorted by name. What the listing cannot name comes
    /// first, as entries without a name ([`Entry::left_out`]).
    ///
    /// # Errors
    ///
    /// As [`Session::run`]; a file is `Refused`.
    pub async fn list(&mut self, path: &VPath) -> Result<Vec<Entry>, SessionError> {
        if self.offers_mlsc() {
            match self.command(Verb::Mlsc, path.to_text()).await {
                Ok(reply) => {
                    if let Some(entries) = told_in_facts(&reply) {
                        return Ok(entries);
                    }
                }
                Err(error) if error.is_unknown() => self.habits.no_mlsc = true,
                // Whatever it is (too many entries, say), MLSD can do it or says it better.
                Err(SessionError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.list_by_itself(path).await
    }

    /// As [`Session::list`], without MLSC: for what [`Session::list_several`] asked for in vain.
    ///
    /// # Errors
    ///
    /// As [`Session::list`].
    pub async fn list_by_itself(&mut self, path: &VPath) -> Result<Vec<Entry>, SessionError> {
        if self.speaks_facts() {
            match self.fetch(Command::new(Verb::Mlsd, path.to_text())).await {
                Ok((data, reply)) => return sorted(Listing::of_mlsd(&data), "MLSD", reply),
                Err(error) if error.is_unsupported() => self.habits.no_facts = true,
                Err(error) => return Err(error),
            }
        }
        if self.habits.stat_lists == Some(true) {
            self.enter(path).await?;
            match self.list_by_stat().await? {
                Some(told) if told.len() <= MOST_BY_STAT => return Ok(told),
                Some(told) => {
                    // So long a reply may have a ceiling of its own, and a data connection costs little beside it.
                    let entries = self.list_in_words(path).await?;
                    self.habits.stat_lists = Some(told == entries);
                    return Ok(entries);
                }
                None => {}
            }
        }
        let entries = self.list_in_words(path).await?;
        if self.habits.stat_lists.is_none() && !entries.is_empty() && entries.len() <= MOST_BY_STAT {
            let told = self.list_by_stat().await?;
            self.habits.stat_lists = Some(told.is_some_and(|told| told == entries));
        }
        Ok(entries)
    }

    /// True if directories are listed by single replies, so that [`Session::list_several`] has something to do.
    pub fn lists_in_replies(&self) -> bool {
        self.offers_mlsc() || (!self.speaks_facts() && self.habits.stat_lists == Some(true))
    }

    fn offers_mlsc(&self) -> bool {
        let is_bounded = self.facts.features.mlsc().is_some_and(|most| most <= MOST_BY_MLSC);
        is_bounded && self.speaks_facts() && !self.habits.no_mlsc
    }

    /// Lists several directories as [`Session::list`] does, without a wait for each: by MLSC, or by `CWD` and `STAT -la`,
    /// as many at once as `queueing` allows. `None` for what has to be asked for by itself: a directory that was refused,
    /// is large, or whose reply does not tell all; everything, where no single reply lists a directory; and the rest,
    /// where the session is lost.
    pub async fn list_several(&mut self, paths: &[VPath], queueing: Queueing) -> Vec<Option<Vec<Entry>>> {
        if !self.lists_in_replies() {
            return vec![None; paths.len()];
        }
        let by_facts = self.offers_mlsc();
        self.set_queueing(queueing);
        let mut listed = Vec::with_capacity(paths.len());
        for some in paths.chunks(Session::LISTED_AT_ONCE) {
            let asked = some.iter().map(|path| {
                let command = |command| Request::Command(command);
                match by_facts {
                    true => (path, None, self.ask(command(Command::new(Verb::Mlsc, path.to_text())))),
                    false => {
                        let enter = self.ask(command(Command::new(Verb::Cwd, path.to_text())));
                        (path, Some(enter), self.ask(command(Command::new(Verb::Stat, "-la"))))
                    }
                }
            });
            for (path, enter, list) in asked.collect::<Vec<_>>() {
                let mut is_there = true;
                if let Some(enter) = enter {
                    is_there = result(self.answer_to(enter).await, Verb::Cwd.name()).is_ok();
                    if is_there {
                        self.inside = path.clone();
                    }
                }
                let answer = result(self.answer_to(list).await, Verb::Stat.name());
                listed.push(match answer {
                    Ok(Answer::Reply(reply)) if by_facts => told_in_facts(&reply),
                    // Where CWD was refused, STAT has told of another directory.
                    Ok(Answer::Reply(reply)) if is_there => whole_listing(&reply),
                    Err(error) if by_facts && error.is_unknown() => {
                        self.habits.no_mlsc = true;
                        None
                    }
                    _ => None,
                });
            }
        }
        self.set_queueing(Queueing::None);
        listed
    }

    /// True if `STAT -la` lists what LIST lists, false if not; `None` before that was found out.
    pub fn stat_lists(&self) -> Option<bool> {
        self.habits.stat_lists
    }

    /// What was found out in an earlier session with the same server.
    pub fn expect_stat_lists(&mut self, lists: Option<bool>) {
        self.habits.stat_lists = self.habits.stat_lists.or(lists);
    }

    /// The working directory over the control connection; `None` where that is not to be trusted.
    async fn list_by_stat(&mut self) -> Result<Option<Vec<Entry>>, SessionError> {
        match self.command(Verb::Stat, "-la").await {
            Ok(reply) => Ok(told_in_words(&reply)),
            Err(SessionError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// As [`Session::list`], by LIST.
    pub(crate) async fn list_in_words(&mut self, path: &VPath) -> Result<Vec<Entry>, SessionError> {
        // LIST's argument is read as options or as a pattern by many servers; a working directory is not.
        self.enter(path).await?;
        if self.habits.list_all != Some(false)
            && let Some(entries) = self.list_all().await?
        {
            return Ok(entries);
        }
        match self.fetch(Command::bare(Verb::List)).await {
            Ok((data, reply)) => sorted(Listing::of_list(&data, now()), "LIST", reply),
            Err(error) => nothing_listed(error),
        }
    }

    /// LIST -a, which shows what begins with a dot; `None` where nothing comes of it.
    async fn list_all(&mut self) -> Result<Option<Vec<Entry>>, SessionError> {
        match self.fetch(Command::new(Verb::List, "-a")).await {
            // Some servers look for a file called -a, find none, and list nothing.
            Ok((data, _)) if data.is_empty() => Ok(None),
            Ok((data, reply)) => {
                self.habits.list_all = Some(true);
                sorted(Listing::of_list(&data, now()), "LIST", reply).map(Some)
            }
            Err(SessionError::Refused { .. }) => {
                self.habits.list_all.get_or_insert(false);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What a listing command sends, and its final reply.
    async fn fetch(&mut self, command: Command) -> Result<(Vec<u8>, Reply), SessionError> {
        let during = command.to_string();
        let open = self.open(command, 0).await?;
        let reading = tokio::task::spawn_blocking(move || {
            let mut page = Page(Vec::new());
            let received = open.data.receive(&mut page, &Arc::new(AtomicU64::new(0)));
            received.map(|_| page.0)
        });
        let received = match reading.await {
            Ok(received) => received,
            Err(panic) => Err(DataError::Storage(std::io::Error::other(panic))),
        };
        if let Err(error @ DataError::Storage(_)) = received {
            // We have had enough, and a server that sends without end would let us wait for its last word.
            self.abort_transfer(open.request).await;
            return Err(SessionError::Data { during, error });
        }
        // The server's words come first: a 451 explains a broken connection better than we could.
        let reply = self.final_reply(open.request).await?;
        match received {
            Ok(data) => Ok((data, reply)),
            Err(error) => Err(SessionError::Data { during, error }),
        }
    }
}

/// A listing in memory, up to its ceiling.
struct Page(Vec<u8>);

impl Sink for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.0.len() + bytes.len() > MAX_LISTING {
            return Err(std::io::Error::new(
                std::io::ErrorKind::FileTooLarge,
                "the listing is larger than 64 MiB",
            ));
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// The entries by name. A listing of which nothing can be read is not an empty one, nor is one of a directory that
/// the server could not read.
fn sorted(listing: Listing, command: &str, reply: Reply) -> Result<Vec<Entry>, SessionError> {
    if listing.truncated || (listing.entries.is_empty() && listing.unknown > 0) {
        return Err(SessionError::Nonsense { command: command.to_owned(), reply });
    }
    if listing.entries.is_empty() && is_unreadable(&reply) {
        return Err(SessionError::Refused { command: command.to_owned(), reply });
    }
    let told = LeftOut::by_server(reply.text()).map(Entry::left_out);
    Ok(by_name(listing.into_entries().into_iter().chain(told).collect()))
}

fn by_name(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.left_out.cmp(&b.left_out)));
    entries
}

/// What MLSC tells of a directory, if it tells all. A reply that was broken off ends with its reason in place of `End`, and
/// a name with 0xFF in it may have met somebody who takes that for Telnet.
fn told_in_facts(reply: &Reply) -> Option<Vec<Entry>> {
    let listing = Listing::of_mlsc(reply);
    let strange = reply.inner().iter().any(|line| line.as_bytes().contains(&IAC));
    let is_whole = reply.code.is_completion() && reply.text().as_bytes().starts_with(b"End");
    let complete = listing.is_complete() && !strange;
    let told = LeftOut::by_server(reply.text()).map(Entry::left_out);
    (complete && is_whole).then(|| by_name(listing.entries.into_iter().chain(told).collect()))
}

/// What STAT tells of a directory, if it tells all.
fn told_in_words(reply: &Reply) -> Option<Vec<Entry>> {
    if !is_listing(reply) {
        return None;
    }
    let listing = Listing::of_stat(reply, now());
    listing.is_complete().then(|| by_name(listing.entries))
}

/// The same, if it is believed without LIST.
fn whole_listing(reply: &Reply) -> Option<Vec<Entry>> {
    told_in_words(reply).filter(|told| told.len() <= MOST_BY_STAT)
}

/// True for the listing of a directory in which links are links and nothing is hidden.
///
/// It names the directory itself: a server that hides what begins with a dot does not, nor does one that could not read
/// the directory (vsftpd 3.0.5 says nothing then, and calls that a success). ProFTPD 1.3.8 follows links in STAT, unlike
/// in LIST; it says 212, and `Status of`.
fn is_listing(reply: &Reply) -> bool {
    let itself = |line: &Text| line.as_bytes().trim_ascii_end().ends_with(b" .");
    let follows_links = reply.lines.first().is_some_and(|line| line.as_bytes().starts_with(b"Status of"));
    matches!(reply.code.number(), 211 | 213) && !follows_links && reply.inner().iter().any(itself)
}

/// vsftpd 3.0.5 ends the listing of a directory that it cannot read with "226 Transfer done (but failed to open
/// directory).", a success by its code.
fn is_unreadable(reply: &Reply) -> bool {
    String::from_utf8_lossy(reply.text().as_bytes()).to_lowercase().contains("failed to open directory")
}

/// "450 No files found" is an empty directory, since CWD has led into it.
fn nothing_listed(error: SessionError) -> Result<Vec<Entry>, SessionError> {
    let empty = error.refusal().is_some_and(|reply| {
        let words = String::from_utf8_lossy(reply.text().as_bytes()).to_lowercase();
        words.contains("no files") || words.contains("empty")
    });
    if empty { Ok(Vec::new()) } else { Err(error) }
}

fn now() -> FtpTime {
    FtpTime::from_system(SystemTime::now())
}
