//! Whole listings: LIST in a dialect that nobody announced, MLSD, and STAT with a path.
//!
//! What a hostile server may write into a listing shall not lead anywhere (CVE-2014-4877): a name
//! that is a path, or holds CR or NUL, is refused, and `.` and `..` are left out.

use super::entry::Entry;
use super::left_out::LeftOut;
use super::mlsx::{self, Listed};
use super::time::FtpTime;
use super::{dos, eplf, unix};
use crate::grammar::reply::Reply;
use crate::wire::text::Text;

/// The most entries that are taken from one listing.
pub const MAX_ENTRIES: usize = 1_000_000;

/// What was found in a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The entries, in the order of the lines.
    pub entries: Vec<Entry>,
    /// How many lines were refused because their name is a path or holds CR or NUL.
    pub refused: usize,
    /// How many lines nobody could read.
    pub unknown: usize,
    /// The first of those, as far as they can be told.
    pub left_out: Vec<LeftOut>,
    /// There was more than [`MAX_ENTRIES`].
    pub truncated: bool,
}

/// What one line is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "nearly every row is an entry, and lives for a moment")]
pub enum Row {
    /// A file, a directory, a link.
    Entry(Entry),
    /// Nothing of interest: `total 12`, `.`, `..`, an empty line, a status line that looks like a file.
    Nothing,
    /// A name that must not be used.
    Refused,
    /// A dialect that is not known.
    Unknown,
}

impl Listing {
    /// Reads the data of LIST. `now` gives the year where lines show none.
    pub fn of_list(data: &[u8], now: FtpTime) -> Self {
        Listing::collect(lines(data), |line| read_row(line, now))
    }

    /// Reads the data of MLSD.
    pub fn of_mlsd(data: &[u8]) -> Self {
        Listing::collect(lines(data), read_facts)
    }

    /// Reads the answer to STAT with a path: `ls -l` inside a reply.
    pub fn of_stat(reply: &Reply, now: FtpTime) -> Self {
        Listing::collect(reply.inner().iter().map(Text::as_bytes), |line| read_row(line, now))
    }

    /// Reads the reply to MLSC: MLSD's lines, each behind a space as in MLST's reply.
    pub fn of_mlsc(reply: &Reply) -> Self {
        let lines = reply.inner().iter().map(Text::as_bytes);
        Listing::collect(lines.map(|line| line.strip_prefix(b" ").unwrap_or(line)), read_facts)
    }

    fn collect<'a>(lines: impl Iterator<Item = &'a [u8]>, read: impl Fn(&[u8]) -> Row) -> Self {
        let mut listing = Listing::default();
        for line in lines {
            match read(line) {
                Row::Entry(_) if listing.entries.len() >= MAX_ENTRIES => {
                    listing.truncated = true;
                    break;
                }
                Row::Entry(entry) => listing.entries.push(entry),
                Row::Nothing => {}
                Row::Refused => {
                    listing.refused += 1;
                    listing.leave_out(|| what_is_refused(line, &read));
                }
                Row::Unknown => {
                    listing.unknown += 1;
                    listing.leave_out(|| LeftOut::unreadable(line));
                }
            }
        }
        listing
    }

    fn leave_out(&mut self, what: impl FnOnce() -> LeftOut) {
        if self.left_out.len() < MAX_LEFT_OUT {
            self.left_out.push(what());
        }
    }

    /// True if each line was read.
    pub fn is_complete(&self) -> bool {
        !self.truncated && self.unknown == 0 && self.refused == 0
    }

    /// The entries, and one for each line that is none: nothing vanishes without a word.
    pub fn into_entries(self) -> Vec<Entry> {
        let mut entries = self.entries;
        let told = self.left_out.len();
        entries.extend(self.left_out.into_iter().map(Entry::left_out));
        let more = (self.refused + self.unknown).saturating_sub(told);
        if more > 0 {
            entries.push(Entry::left_out(LeftOut::More(more)));
        }
        entries
    }
}

/// The most lines of one listing that are told one by one when they are no entries.
const MAX_LEFT_OUT: usize = 100;

/// The name in a line that was refused, else the line: read again with another byte in place of each forbidden one.
fn what_is_refused(line: &[u8], read: impl Fn(&[u8]) -> Row) -> LeftOut {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if !has_forbidden_byte(line) {
        return LeftOut::path(line);
    }
    let Row::Entry(entry) = read(Text::lossy(line).as_bytes()) else { return LeftOut::uncarried(line) };
    // No dialect has anything but a link's target behind the name.
    let (name, length) = (Text::lossy(line).into_bytes(), entry.name.len());
    let at = name.windows(length.max(1)).rposition(|window| window == entry.name.as_bytes());
    LeftOut::uncarried(at.map_or(line, |at| &line[at..at + length]))
}

/// Reads one line of LIST, without its end.
pub fn read_row(line: &[u8], now: FtpTime) -> Row {
    if line.trim_ascii().is_empty() || is_total(line) {
        return Row::Nothing;
    }
    if has_forbidden_byte(line) {
        return Row::Refused;
    }
    let trimmed = line.trim_ascii_start();
    let entry = match trimmed[0] {
        b'+' => eplf::parse_line(trimmed),
        b'0'..=b'9' => dos::parse_line(trimmed),
        _ => unix::parse_line(trimmed, now),
    };
    match entry {
        Some(entry) => judge(entry),
        None if begins_with_facts(trimmed) => read_facts(line),
        None => Row::Unknown,
    }
}

/// True if the first word is `fact=value`, as in a server's LIST that is MLSD's. A status line may hold a `=` too.
fn begins_with_facts(line: &[u8]) -> bool {
    line.split(|byte| *byte == b' ').next().is_some_and(|word| word.contains(&b'='))
}

/// Reads one line of MLSD, without its end.
pub fn read_facts(line: &[u8]) -> Row {
    if line.is_empty() {
        return Row::Nothing;
    }
    if has_forbidden_byte(line) {
        return Row::Refused;
    }
    match mlsx::parse_line(line) {
        Ok(Listed::Child(entry)) => judge(entry),
        Ok(Listed::Current(_) | Listed::Parent(_)) => Row::Nothing,
        Err(mlsx::MlsxError::BadName(_)) => Row::Refused,
        Err(mlsx::MlsxError::Syntax(_)) => Row::Unknown,
    }
}

fn judge(entry: Entry) -> Row {
    match entry.name.as_bytes() {
        b"." | b".." => Row::Nothing,
        name if name.contains(&b'/') => Row::Refused,
        name if is_status(name) => Row::Nothing,
        _ => Row::Entry(entry),
    }
}

/// glFTPd's scripts show the progress of an upload as a name: `[###:::] - [ 45% COMPLETE ]`.
fn is_status(name: &[u8]) -> bool {
    let is_framed = matches!(name.first(), Some(b'[' | b'(')) && matches!(name.last(), Some(b']' | b')'));
    let has = |words: &[u8]| name.windows(words.len()).any(|window| window == words);
    is_framed && (has(b"% COMPLETE") || has(b"- COMPLETE") || has(b"INCOMPLETE"))
}

fn is_total(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.len() >= 6
        && line[..6].eq_ignore_ascii_case(b"total ")
        && line[6..].iter().all(|byte| byte.is_ascii_digit() || b" .,KMGTkB".contains(byte))
}

fn has_forbidden_byte(line: &[u8]) -> bool {
    line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// Lines with CRLF or LF at their end, which the last one may lack.
fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}
