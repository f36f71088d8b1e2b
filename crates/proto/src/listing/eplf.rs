//! LIST in the Easily Parsed List Format of publicfile: `+i8388621.29609,m824255902,/,<tab>name`.

use super::entry::{Entry, Kind, Precision};
use super::time::FtpTime;
use super::unix::number;
use crate::wire::text::Text;

/// Reads one line, without its end; `None` if it is no such line.
pub fn parse_line(line: &[u8]) -> Option<Entry> {
    let line = line.strip_prefix(b"+")?;
    let tab = line.iter().position(|&byte| byte == b'\t')?;
    let name = &line[tab + 1..];
    if name.is_empty() {
        return None;
    }
    let mut entry = Entry::new(Text::lossy(name), Kind::Other);
    for fact in line[..tab].split(|&byte| byte == b',') {
        take(&mut entry, fact);
    }
    Some(entry)
}

fn take(entry: &mut Entry, fact: &[u8]) {
    match fact {
        b"/" => entry.kind = Kind::Directory,
        // A name that is both can be retrieved and entered; it is a directory for our purposes.
        b"r" if entry.kind == Kind::Other => entry.kind = Kind::File,
        [b's', size @ ..] => entry.size = number(size),
        [b'm', seconds @ ..] => entry.modified = time(seconds),
        [b'i', unique @ ..] => entry.unique = Some(Text::lossy(unique)),
        [b'u', b'p', mode @ ..] => {
            entry.mode = std::str::from_utf8(mode).ok().and_then(|mode| u32::from_str_radix(mode, 8).ok());
            entry.mode = entry.mode.map(|mode| mode & 0o7777);
        }
        _ => {}
    }
}

fn time(seconds: &[u8]) -> Option<(FtpTime, Precision)> {
    let seconds = i64::try_from(number(seconds)?).ok()?;
    let time = FtpTime { seconds, nanoseconds: 0 };
    // Out of the calendar's range it would not come back as the same time.
    (FtpTime::from_civil(time.civil()) == Some(time)).then_some((time, Precision::Second))
}
