//! Listings as servers send them, line by line, against what they must be read as.
//!
//! `tests/listings/*.txt` hold pairs: a line after `< ` and its meaning after `= `. The meaning is
//! `nothing`, `refused`, `unknown`, or a kind followed by the facts that were found, in a fixed order,
//! with the name last and in brackets. Lines that begin with `#` are comments.

use std::fmt::Write as _;
use std::path::Path;

use fxp_proto::listing::entry::{Entry, Kind, Precision};
use fxp_proto::listing::guess::{Listing, Row, read_facts, read_row};
use fxp_proto::listing::left_out::LeftOut;
use fxp_proto::listing::time::FtpTime;

/// The day on which these listings are read.
const NOW: &[u8] = b"20261122120000";

fn check(file: &str, read: impl Fn(&[u8]) -> Row) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/listings").join(file);
    let text = std::fs::read_to_string(&path).expect("the corpus");
    let mut line = None;
    let mut pairs = 0;
    for (index, row) in text.lines().enumerate() {
        let place = format!("{file}:{}", index + 1);
        if let Some(input) = row.strip_prefix("< ") {
            assert!(line.replace(unescaped(input)).is_none(), "{place}: two lines in a row");
        } else if let Some(expected) = row.strip_prefix("= ") {
            let input = line.take().unwrap_or_else(|| panic!("{place}: a meaning without a line"));
            assert_eq!(shown(read(&input)), expected, "{place}");
            pairs += 1;
        } else {
            assert!(row.is_empty() || row.starts_with('#'), "{place}: neither line, meaning nor comment");
        }
    }
    assert!(line.is_none(), "{file}: the last line has no meaning");
    assert!(pairs > 5, "{file}: hardly anything in it");
}

/// `\xNN` and `\t` stand for bytes.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        rest = match rest[at + 1..].strip_prefix('x') {
            Some(digits) => {
                bytes.push(u8::from_str_radix(&digits[..2], 16).expect("two digits"));
                &digits[2..]
            }
            None => {
                assert!(rest[at + 1..].starts_with('t'), "unknown escape in {text}");
                bytes.push(b'\t');
                &rest[at + 2..]
            }
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

fn shown(row: Row) -> String {
    match row {
        Row::Entry(entry) => shown_entry(&entry),
        Row::Nothing => "nothing".to_owned(),
        Row::Refused => "refused".to_owned(),
        Row::Unknown => "unknown".to_owned(),
    }
}

fn shown_entry(entry: &Entry) -> String {
    let mut text = match &entry.kind {
        Kind::File => "file".to_owned(),
        Kind::Directory => "dir".to_owned(),
        Kind::Symlink(None) => "link".to_owned(),
        Kind::Symlink(Some(target)) => format!("link[{target}]"),
        Kind::Other => "other".to_owned(),
    };
    if let Some(size) = entry.size {
        let _ = write!(text, " size={size}");
    }
    if let Some((time, precision)) = entry.modified {
        let precision = match precision {
            Precision::Day => "day",
            Precision::Minute => "minute",
            Precision::Second => "second",
        };
        let _ = write!(text, " {precision}={time}");
    }
    if let Some(mode) = entry.mode {
        let _ = write!(text, " mode={mode:04o}");
    }
    if let Some(links) = entry.links {
        let _ = write!(text, " links={links}");
    }
    for (name, value) in
        [("owner", &entry.owner), ("group", &entry.group), ("perm", &entry.perm), ("unique", &entry.unique)]
    {
        if let Some(value) = value {
            let _ = write!(text, " {name}={value}");
        }
    }
    let _ = write!(text, " [{}]", entry.name);
    text
}

fn now() -> FtpTime {
    FtpTime::parse(NOW).expect("a time")
}

#[test]
fn unix() {
    check("unix.txt", |line| read_row(line, now()));
}

#[test]
fn dos() {
    check("dos.txt", |line| read_row(line, now()));
}

#[test]
fn eplf() {
    check("eplf.txt", |line| read_row(line, now()));
}

#[test]
fn mlsd() {
    check("mlsd.txt", read_facts);
}

#[test]
fn hostile() {
    check("hostile.txt", |line| read_row(line, now()));
}

#[test]
fn a_whole_listing_with_any_line_ends() {
    let data = b"total 8\r\n-rw-r--r-- 1 a b 5 Jan  1 10:00 x\r\n\
                 drwxr-xr-x 1 a b 5 Jan  1 10:00 .\ndrwxr-xr-x 1 a b 5 Jan  1 10:00 ../y\n\
                 what is this\n\n01-31-24  02:17PM       <DIR>          d";
    let listing = Listing::of_list(data, now());
    let names: Vec<String> = listing.entries.iter().map(|entry| entry.name.to_string()).collect();
    assert_eq!(names, ["x", "d"]);
    assert_eq!((listing.refused, listing.unknown, listing.truncated), (1, 1, false));

    let told: Vec<String> = listing
        .into_entries()
        .iter()
        .filter_map(|entry| Some(entry.left_out.as_ref()?.to_string()))
        .collect();
    assert_eq!(told, ["\"drwxr-xr-x 1 a b 5 Jan  1 10:00 ../y\"", "\"what is this\""]);

    let listing = Listing::of_mlsd(b"type=cdir; /\r\ntype=file;size=1; a\r\ntype=dir; b\r\n");
    assert_eq!(listing.entries.len(), 2);
    assert_eq!(listing.entries[0].size, Some(1));
}

#[test]
fn names_that_no_line_can_carry_are_told() {
    let told = |listing: Listing| -> Vec<(String, String)> {
        let entries = listing.into_entries();
        let told = |entry: &Entry| entry.left_out.as_ref().map(|told| told.to_string()).unwrap_or_default();
        entries.iter().map(|entry| (entry.name.to_string(), told(entry))).collect()
    };
    let expected = |rows: &[(&str, &str)]| -> Vec<(String, String)> {
        rows.iter().map(|(name, told)| ((*name).to_owned(), (*told).to_owned())).collect()
    };
    let mlsd =
        b"type=file;size=1; ok\r\ntype=file;size=2; c\rr\r\ntype=file;size=2; n\nw\r\ntype=file; z\0\r\n";
    let rows = [("ok", ""), ("n", ""), ("", r#""c\rr""#), ("", r#""w""#), ("", r#""z\0""#)];
    assert_eq!(told(Listing::of_mlsd(mlsd)), expected(&rows));
    let list = b"-rw-r--r-- 1 a b 5 Jan  1 10:00 ok\r\n-rw-r--r-- 1 a b 5 Jan  1 10:00 c\rr\r\n";
    assert_eq!(told(Listing::of_list(list, now())), expected(&[("ok", ""), ("", r#""c\rr""#)]));
}

#[test]
fn of_many_unreadable_lines_the_first_are_told_and_the_rest_is_counted() {
    let mut data = b"type=file; a\n".to_vec();
    data.extend(b"nonsense\n".repeat(100_000));
    let entries = Listing::of_mlsd(&data).into_entries();
    assert_eq!(entries.len(), 102);
    assert_eq!(entries[101].left_out.as_deref(), Some(&LeftOut::More(99_900)));
}
