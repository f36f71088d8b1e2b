//! LIST in the form of `ls -l`, which most servers imitate and no two alike: with or without group,
//! with month or day first, with ISO dates, with an ACL mark behind the mode, with device numbers.
//!
//! What holds the line together is its date: the word before it is the size, what stands before that
//! belongs to owner and group, and the name begins exactly one space after it.

use super::entry::{Entry, Kind, Precision};
use super::time::{Civil, FtpTime};
use crate::wire::text::Text;

/// Reads one line, without its end; `None` if it is no such line. `now` gives the year where the line
/// shows none.
pub fn parse_line(line: &[u8], now: FtpTime) -> Option<Entry> {
    let words = split(line);
    let (mut entry, first) = kind_and_mode(&words)?;
    // The date that follows a number in its usual column, else the first one; what comes later may be part of
    // the name.
    let (at, date) = usual_column(&words, first)
        .into_iter()
        .chain(first + 1..words.len())
        .filter(|&at| is_size(words[at - 1].text))
        .find_map(|at| Some((at, read_date(&words[at..], now)?)))?;
    let date_end = words[at + date.words - 1].end;
    let name = line.get(date_end + 1..)?;
    let name = if first == NETWARE_WORDS { name.trim_ascii_start() } else { name };

    entry.modified = Some((date.time, date.precision));
    let owner_end = take_size(&mut entry, &words[first..at]);
    take_owner(&mut entry, &words[first..first + owner_end]);
    take_name(&mut entry, name);
    (!entry.name.is_empty()).then_some(entry)
}

/// A word and where it ends.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a [u8],
    end: usize,
}

/// The most words that are looked at: a date that has not come by then does not come.
const MAX_WORDS: usize = 16;

fn split(line: &[u8]) -> Vec<Word<'_>> {
    let mut words = Vec::with_capacity(MAX_WORDS);
    let mut at = 0;
    for text in line.split(|&byte| byte == b' ') {
        let end = at + text.len();
        if !text.is_empty() {
            words.push(Word { text, end });
        }
        if words.len() == MAX_WORDS {
            break;
        }
        at = end + 1;
    }
    words
}

/// Where the date stands behind link count, owner, group and size. Looked at first, because Jan of group 2 and
/// 1034 bytes are a date too.
fn usual_column(words: &[Word<'_>], first: usize) -> Option<usize> {
    number(words.get(first)?.text)?;
    (first + 4 < words.len()).then_some(first + 4)
}

/// What the first word (two on NetWare) says, and how many words that were.
fn kind_and_mode(words: &[Word<'_>]) -> Option<(Entry, usize)> {
    let (&letter, mode) = words.first()?.text.split_first()?;
    let kind = match letter {
        b'-' => Kind::File,
        b'd' => Kind::Directory,
        b'l' => Kind::Symlink(None),
        b'b' | b'c' | b'p' | b's' | b'D' => Kind::Other,
        _ => return None,
    };
    let mut entry = Entry::new(Text::default(), kind);
    if mode.is_empty() && words.get(1)?.text.starts_with(b"[") {
        return Some((entry, NETWARE_WORDS));
    }
    entry.mode = Some(read_mode(mode)?);
    Some((entry, 1))
}

/// NetWare's rights stand apart, as in `d [R----F--] anna`, and its names are padded.
const NETWARE_WORDS: usize = 2;

/// Nine letters, and perhaps a mark for an ACL (`+`), a context (`.`) or attributes (`@`).
fn read_mode(letters: &[u8]) -> Option<u32> {
    let (letters, mark) = letters.split_at_checked(9)?;
    if !matches!(mark, b"" | b"+" | b"." | b"@") {
        return None;
    }
    let mut mode = 0;
    for (index, triple) in letters.chunks(3).enumerate() {
        let special = [0o4000, 0o2000, 0o1000][index];
        let bits = match triple {
            [b'r' | b'-', b'w' | b'-', last] => {
                let (execute, set) = match last {
                    b'-' => (0, 0),
                    b'x' => (1, 0),
                    b's' | b't' => (1, special),
                    b'S' | b'T' | b'l' | b'L' => (0, special),
                    _ => return None,
                };
                mode |= set;
                u32::from(triple[0] == b'r') << 2 | u32::from(triple[1] == b'w') << 1 | execute
            }
            _ => return None,
        };
        mode |= bits << (6 - 3 * index);
    }
    Some(mode)
}

/// Digits, or a device's two numbers in one word.
fn is_size(word: &[u8]) -> bool {
    word[0].is_ascii_digit() && word.iter().all(|byte| byte.is_ascii_digit() || *byte == b',')
}

/// Takes the size, the last of `words`, or a device's numbers, which are the last one or two; returns
/// how many words are left.
fn take_size(entry: &mut Entry, words: &[Word<'_>]) -> usize {
    let mut left = words.len() - 1;
    let last = words[left].text;
    let major_apart = left > 0 && words[left - 1].text.ends_with(b",") && is_size(words[left - 1].text);
    if major_apart {
        left -= 1;
    } else if entry.kind != Kind::Other {
        entry.size = number(last);
    }
    left
}

/// Takes link count, owner and group, any of which may be missing. A group may hold spaces.
fn take_owner(entry: &mut Entry, words: &[Word<'_>]) {
    let (links, names) = match words {
        [links, names @ ..] if number(links.text).is_some() => (number(links.text), names),
        names => (None, names),
    };
    entry.links = links;
    let joined = |words: &[Word<'_>]| {
        let words: Vec<&[u8]> = words.iter().map(|word| word.text).collect();
        (!words.is_empty()).then(|| Text::lossy(words.join(&b' ')))
    };
    entry.owner = joined(&names[..names.len().min(1)]);
    entry.group = joined(names.get(1..).unwrap_or_default());
}

fn take_name(entry: &mut Entry, name: &[u8]) {
    match entry.kind {
        Kind::Symlink(_) => {
            let arrow = name.windows(4).position(|window| window == b" -> ");
            let (name, target) = match arrow {
                Some(at) => (&name[..at], Some(Text::lossy(&name[at + 4..]))),
                None => (name, None),
            };
            entry.kind = Kind::Symlink(target.filter(|target| !target.is_empty()));
            entry.name = Text::lossy(name);
        }
        // `ls -F` marks directories.
        Kind::Directory => entry.name = Text::lossy(name.strip_suffix(b"/").unwrap_or(name)),
        _ => entry.name = Text::lossy(name),
    }
}

/// A date that was found, and how many words it took.
struct Date {
    time: FtpTime,
    precision: Precision,
    words: usize,
}

fn read_date(words: &[Word<'_>], now: FtpTime) -> Option<Date> {
    match *words {
        [first, second, third, ..] if month(first.text).is_some() => {
            let day = second.text.strip_suffix(b",").unwrap_or(second.text);
            read_month_and_day(month(first.text)?, small(day)?, third, words.get(3), now)
        }
        [first, second, third, ..] if month(second.text).is_some() => {
            let day = first.text.strip_suffix(b".").unwrap_or(first.text);
            read_month_and_day(month(second.text)?, small(day)?, third, words.get(3), now)
        }
        [first, second, ..] => read_iso(first.text, second.text, words.get(2)),
        _ => None,
    }
}

/// `Jan 31` followed by a year, by a time, or by a time with seconds and a year (`ls -T`).
fn read_month_and_day(
    month: u8,
    day: u8,
    third: Word<'_>,
    fourth: Option<&Word<'_>>,
    now: FtpTime,
) -> Option<Date> {
    if let Some(year) = year(third.text) {
        let time = FtpTime::from_civil(Civil { year, month, day, hour: 0, minute: 0, second: 0 })?;
        return Some(Date { time, precision: Precision::Day, words: 3 });
    }
    let clock = clock(third.text)?;
    let civil = |year| clock.on(year, month, day);
    match fourth.and_then(|word| year(word.text)).filter(|_| clock.has_seconds) {
        Some(year) => Some(Date { time: civil(year)?, precision: Precision::Minute, words: 4 }),
        None => Some(Date { time: recent(civil, now)?, precision: Precision::Minute, words: 3 }),
    }
}

/// The latest of the moments that is not in the future. A day of grace, because the server's zone is
/// unknown; the year before the last one, because 29 February comes seldom.
fn recent(moment: impl Fn(u16) -> Option<FtpTime>, now: FtpTime) -> Option<FtpTime> {
    let this_year = FtpTime { seconds: now.seconds.saturating_add(GRACE), ..now }.civil().year;
    (0..=8)
        .filter_map(|back| moment(this_year.checked_sub(back)?))
        .find(|time| time.seconds <= now.seconds.saturating_add(GRACE))
}

const GRACE: i64 = 86_400;

/// `2024-01-31 12:00`, or in full with seconds, fraction and zone.
fn read_iso(date: &[u8], time: &[u8], zone: Option<&Word<'_>>) -> Option<Date> {
    let mut parts = date.split(|byte| matches!(byte, b'-' | b'/'));
    let (year, month, day) = (year(parts.next()?)?, small(parts.next()?)?, small(parts.next()?)?);
    if parts.next().is_some() {
        return None;
    }
    let clock = clock(time)?;
    let local = clock.on(year, month, day)?;
    match zone.and_then(|word| offset(word.text)).filter(|_| clock.has_seconds) {
        Some(offset) => {
            let time = FtpTime { seconds: local.seconds - offset, ..local };
            Some(Date { time, precision: Precision::Second, words: 3 })
        }
        None => Some(Date { time: local, precision: Precision::Minute, words: 2 }),
    }
}

/// A time of day.
struct Clock {
    hour: u8,
    minute: u8,
    second: u8,
    nanoseconds: u32,
    has_seconds: bool,
}

impl Clock {
    fn on(&self, year: u16, month: u8, day: u8) -> Option<FtpTime> {
        let civil = Civil { year, month, day, hour: self.hour, minute: self.minute, second: self.second };
        Some(FtpTime { nanoseconds: self.nanoseconds, ..FtpTime::from_civil(civil)? })
    }
}

/// `12:00`, `12:00:30`, `12:00:30.123456789`.
fn clock(text: &[u8]) -> Option<Clock> {
    let (text, fraction) = match text.iter().position(|&byte| byte == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &[][..]),
    };
    let mut parts = text.split(|&byte| byte == b':');
    let (hour, minute) = (small(parts.next()?)?, small(parts.next()?)?);
    let second = parts.next();
    if parts.next().is_some() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    let nanoseconds = digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    Some(Clock {
        hour,
        minute,
        second: second.map_or(Some(0), small)?,
        nanoseconds,
        has_seconds: second.is_some(),
    })
}

/// `+0130`, in seconds.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = digits.split_at_checked(2).filter(|_| digits.len() == 4)?;
    Some(sign * (i64::from(small(hours)?) * 3600 + i64::from(small(minutes)?) * 60))
}

fn month(name: &[u8]) -> Option<u8> {
    MONTHS.iter().position(|month| name.eq_ignore_ascii_case(month.as_bytes())).map(|index| index as u8 + 1)
}

/// The names that `ls` and its imitators write.
pub(super) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn year(digits: &[u8]) -> Option<u16> {
    (digits.len() == 4).then_some(())?;
    u16::try_from(number(digits)?).ok()
}

/// One or two digits.
fn small(digits: &[u8]) -> Option<u8> {
    (digits.len() <= 2).then_some(())?;
    u8::try_from(number(digits)?).ok()
}

pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    digits
        .iter()
        .try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}
