//! How our server writes listings: the line of `ls -l` that every client can read. (MLSx lines are in
//! [`super::mlsx`].)

use std::io::Write as _;

use super::entry::{Entry, Kind};
use super::time::FtpTime;
use super::unix::MONTHS;

/// Writes one line of LIST, without its end. Times are UTC; `now` decides whether the line shows the
/// time of day (half a year, as `ls` does) or the year.
pub fn write_long(entry: &Entry, now: FtpTime, line: &mut Vec<u8>) {
    line.extend_from_slice(&mode_letters(entry));
    let text = |text: &Option<crate::wire::text::Text>| match text {
        Some(text) if !text.is_empty() && !text.as_bytes().contains(&b' ') => text.to_string(),
        _ => "ftp".to_owned(),
    };
    let _ = write!(
        line,
        " {:>3} {:<8} {:<8} {:>12} {} ",
        entry.links.unwrap_or(1),
        text(&entry.owner),
        text(&entry.group),
        entry.size.unwrap_or(0),
        date(entry.modified.map_or(FtpTime { seconds: 0, nanoseconds: 0 }, |modified| modified.0), now),
    );
    line.extend_from_slice(entry.name.as_bytes());
    if let Kind::Symlink(Some(target)) = &entry.kind {
        line.extend_from_slice(b" -> ");
        line.extend_from_slice(target.as_bytes());
    }
}

/// `Jan  2 15:04` or `Jan  2  2006`.
fn date(time: FtpTime, now: FtpTime) -> String {
    let civil = time.civil();
    let month = MONTHS[usize::from(civil.month) - 1];
    let age = now.seconds.saturating_sub(time.seconds);
    if (-HOUR..HALF_A_YEAR).contains(&age) {
        format!("{month} {:>2} {:02}:{:02}", civil.day, civil.hour, civil.minute)
    } else {
        format!("{month} {:>2}  {:04}", civil.day, civil.year)
    }
}

const HOUR: i64 = 3600;
const HALF_A_YEAR: i64 = 365 * 86_400 / 2;

fn mode_letters(entry: &Entry) -> [u8; 10] {
    let (kind, usual) = match entry.kind {
        Kind::File => (b'-', 0o644),
        Kind::Directory => (b'd', 0o755),
        Kind::Symlink(_) => (b'l', 0o777),
        Kind::Other => (b'p', 0o644),
    };
    let mode = entry.mode.unwrap_or(usual);
    let mut letters = [b'-'; 10];
    letters[0] = kind;
    for (index, letter) in b"rwxrwxrwx".iter().enumerate() {
        if mode & (0o400 >> index) != 0 {
            letters[index + 1] = *letter;
        }
    }
    for (bit, at, with_execute, without) in
        [(0o4000, 3, b's', b'S'), (0o2000, 6, b's', b'S'), (0o1000, 9, b't', b'T')]
    {
        if mode & bit != 0 {
            letters[at] = if letters[at] == b'x' { with_execute } else { without };
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::entry::Precision;
    use crate::listing::guess::{Row, read_row};
    use crate::wire::text::Text;

    fn time(text: &str) -> FtpTime {
        FtpTime::parse(text.as_bytes()).expect("a time")
    }

    #[test]
    fn lines_look_like_those_of_ls() {
        let now = time("20261122120000");
        let file = Entry {
            size: Some(1234),
            modified: Some((time("20261101080900"), Precision::Second)),
            mode: Some(0o4755),
            owner: Some("anna".into()),
            group: Some("users".into()),
            links: Some(2),
            ..Entry::new(" name; x".into(), Kind::File)
        };
        let old = Entry { modified: Some((time("20240229080900"), Precision::Second)), ..file.clone() };
        let link = Entry { kind: Kind::Symlink(Some("../t".into())), mode: None, ..old.clone() };
        let bare = Entry::new("d".into(), Kind::Directory);
        for (entry, expected) in [
            (file, "-rwsr-xr-x   2 anna     users            1234 Nov  1 08:09  name; x"),
            (old, "-rwsr-xr-x   2 anna     users            1234 Feb 29  2024  name; x"),
            (link, "lrwxrwxrwx   2 anna     users            1234 Feb 29  2024  name; x -> ../t"),
            (bare, "drwxr-xr-x   1 ftp      ftp                 0 Jan  1  1970 d"),
        ] {
            let mut line = Vec::new();
            write_long(&entry, now, &mut line);
            assert_eq!(Text::lossy(line.clone()), expected.into());
            let Row::Entry(read) = read_row(&line, now) else { panic!("{expected}") };
            assert_eq!((read.name, read.kind), (entry.name, entry.kind));
        }
    }
}
