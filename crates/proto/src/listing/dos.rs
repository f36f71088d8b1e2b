//! LIST in the form of MS-DOS, as IIS sends it: `01-31-24  02:17PM       <DIR>          name`.

use super::entry::{Entry, Kind, Precision};
use super::time::{Civil, FtpTime};
use super::unix::number;
use crate::wire::text::Text;

/// Reads one line, without its end; `None` if it is no such line.
pub fn parse_line(line: &[u8]) -> Option<Entry> {
    let (date, rest) = word(line)?;
    let (clock, rest) = word(rest)?;
    let modified = read_date(date, clock)?;
    let (size, rest) = word(rest)?;

    let mut entry = if size.starts_with(b"<") { directory_or_link(size, rest)? } else { file(size, rest)? };
    entry.modified = Some((modified, Precision::Minute));
    (!entry.name.is_empty()).then_some(entry)
}

fn file(size: &[u8], rest: &[u8]) -> Option<Entry> {
    let digits: Vec<u8> = size.iter().copied().filter(|&byte| byte != b',').collect();
    let name = rest.strip_prefix(b" ")?;
    Some(Entry { size: Some(number(&digits)?), ..Entry::new(Text::lossy(name), Kind::File) })
}

fn directory_or_link(mark: &[u8], rest: &[u8]) -> Option<Entry> {
    let spaces = rest.iter().take_while(|&&byte| byte == b' ').count().min(DIR_PADDING);
    let name = rest.get(spaces..).filter(|_| spaces > 0)?;
    match mark.to_ascii_uppercase().as_slice() {
        b"<DIR>" => Some(Entry::new(Text::lossy(name), Kind::Directory)),
        b"<JUNCTION>" | b"<SYMLINKD>" | b"<SYMLINK>" => {
            let (name, target) = split_target(name);
            Some(Entry::new(Text::lossy(name), Kind::Symlink(target.map(Text::lossy))))
        }
        _ => None,
    }
}

/// `name [target]`.
fn split_target(name: &[u8]) -> (&[u8], Option<&[u8]>) {
    match (name.windows(2).rposition(|pair| pair == b" ["), name.strip_suffix(b"]")) {
        (Some(at), Some(without)) if at + 2 <= without.len() => (&name[..at], Some(&without[at + 2..])),
        _ => (name, None),
    }
}

/// The spaces between `<DIR>` and a name; more of them belong to the name.
const DIR_PADDING: usize = 10;

/// The first word and what follows it, spaces included.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let end = text.iter().position(|&byte| byte == b' ')?;
    Some(text.split_at(end))
}

fn read_date(date: &[u8], clock: &[u8]) -> Option<FtpTime> {
    let numbers: Option<Vec<u64>> = date.split(|byte| b"-/.".contains(byte)).map(number).collect();
    let [first, second, year] = *numbers?.as_slice() else { return None };
    // Month first; where that cannot be, the day.
    let (month, day) = if first > 12 && second <= 12 { (second, first) } else { (first, second) };
    let year = match year {
        0..=69 => 2000 + year,
        70..=99 => 1900 + year,
        _ => year,
    };
    let (hour, minute) = read_clock(clock)?;
    FtpTime::from_civil(Civil {
        year: u16::try_from(year).ok()?,
        month: u8::try_from(month).ok()?,
        day: u8::try_from(day).ok()?,
        hour,
        minute,
        second: 0,
    })
}

/// `02:17PM` or `14:17`.
fn read_clock(clock: &[u8]) -> Option<(u8, u8)> {
    let upper = clock.to_ascii_uppercase();
    let (digits, afternoon) = match upper.as_slice() {
        [digits @ .., b'A', b'M'] => (digits, Some(false)),
        [digits @ .., b'P', b'M'] => (digits, Some(true)),
        digits => (digits, None),
    };
    let colon = digits.iter().position(|&byte| byte == b':')?;
    let hour = u8::try_from(number(&digits[..colon])?).ok()?;
    let minute = u8::try_from(number(&digits[colon + 1..])?).ok()?;
    let hour = match (afternoon, hour) {
        (None, hour) => hour,
        (Some(false), 12) => 0,
        (Some(true), 12) => 12,
        (Some(false), hour @ 0..12) => hour,
        (Some(true), hour @ 0..12) => hour + 12,
        (Some(_), _) => return None,
    };
    Some((hour, minute))
}
