//! Sizes, ages and dates as people type them.

use fxp_proto::listing::time::FtpTime;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// `500`, `10K`, `1.5G`, `3MB`: as in rsync K is 1024 and KB is 1000; KiB is 1024 for everybody. Whatever is left of a
/// byte is dropped.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let wrong = || SIZE.to_owned();
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '.');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(wrong()),
        None => (number, ""),
    };
    let factor = factor(&unit.trim().to_ascii_lowercase()).ok_or_else(wrong)?;
    // There is no half of a byte, and more digits than that say nothing.
    if (!fraction.is_empty() && factor == 1) || fraction.len() > MOST_DIGITS || whole.is_empty() {
        return Err(wrong());
    }
    let whole: u128 = whole.parse().map_err(|_| wrong())?;
    let parts: u128 = format!("0{fraction}").parse().map_err(|_| wrong())?;
    let rest = parts * u128::from(factor) / 10_u128.pow(fraction.len() as u32);
    let bytes = whole.checked_mul(factor.into()).and_then(|bytes| bytes.checked_add(rest));
    bytes.and_then(|bytes| u64::try_from(bytes).ok()).ok_or_else(|| "no file is that large".to_owned())
}

/// What a unit stands for.
fn factor(unit: &str) -> Option<u64> {
    let (letter, base) = match unit {
        "" | "b" => return Some(1),
        unit if unit.len() == 1 => (unit, 1024_u64),
        unit if unit.len() == 2 && unit.ends_with('b') => (&unit[..1], 1000),
        unit if unit.len() == 3 && unit.ends_with("ib") => (&unit[..1], 1024),
        _ => return None,
    };
    let power = 1 + "kmgtp".find(letter)?;
    Some(base.pow(power as u32))
}

/// Digits behind the point.
const MOST_DIGITS: usize = 15;

/// An age (`90s`, `15m`, `36h`, `3d`, `2w`, `1y`), a date, or a date and a time; what names no zone is in the local one.
pub(crate) fn when(text: &str) -> Result<FtpTime, String> {
    let at = |stamp: Timestamp| FtpTime { seconds: stamp.as_second(), nanoseconds: 0 };
    if let Some(age) = age(text) {
        let now = Timestamp::now().as_second();
        return Ok(FtpTime { seconds: now.saturating_sub(age), nanoseconds: 0 });
    }
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Ok(at(stamp));
    }
    let local = |when: DateTime| when.to_zoned(TimeZone::system()).map(|zoned: Zoned| at(zoned.timestamp()));
    let parsed = match text.parse::<Date>() {
        Ok(date) if !text.contains([':', 'T']) => local(date.to_datetime(jiff::civil::Time::midnight())),
        _ => text.parse::<DateTime>().and_then(local),
    };
    parsed.map_err(|_| WHEN.to_owned())
}

/// In seconds.
fn age(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        'y' => 365 * 86_400,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<i64>().ok()?.checked_mul(unit)
}

const SIZE: &str = "a size is a number with one of the letters K, M, G, T or P, such as 10M or 1.5G (KB, MB: powers of 1000)";

const WHEN: &str =
    "an age such as 36h, 3d or 2w, a date such as 2026-01-31, or a time such as 2026-01-31T18:00";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_rsync_reads_them() {
        let rows = [
            ("0", Some(0)),
            ("500", Some(500)),
            ("500b", Some(500)),
            ("10K", Some(10_240)),
            ("10kb", Some(10_000)),
            ("1.5MiB", Some(1_572_864)),
            ("1.5M", Some(1_572_864)),
            ("0.1kB", Some(100)),
            ("2.25 k", Some(2304)),
            ("0.3K", Some(307)),
            ("15.9999999999999P", Some(18_014_398_509_481_871)),
            ("18446744073709551615", Some(u64::MAX)),
            ("16383.5P", Some(u64::MAX - (1 << 49) + 1)),
            ("18446744073709551616", None),
            ("16384P", None),
            ("1.5", None),
            ("1.5b", None),
            ("1.M", None),
            (".5M", None),
            ("1.2.3M", None),
            ("1.0000000000000001M", None),
            ("-1", None),
            ("+1", None),
            ("2G", Some(2 << 30)),
            ("1P", Some(1 << 50)),
            ("", None),
            ("K", None),
            ("5X", None),
            ("5KBs", None),
            ("99999999P", None),
        ];
        for (text, expected) in rows {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn times_are_ages_or_dates() {
        let seconds = |text| when(text).map(|time| time.seconds).ok();
        let now = Timestamp::now().as_second();
        for (text, age) in [("90s", 90), ("15m", 900), ("36h", 129_600), ("3d", 259_200), ("2w", 1_209_600)] {
            let then = seconds(text).expect(text);
            // The clock may go on between the two.
            assert!((now - age..=now - age + 60).contains(&then), "{text}");
        }
        assert_eq!(seconds("2026-01-31T18:00:00Z"), Some(1_769_882_400));
        let midnight =
            jiff::civil::date(2026, 1, 31).to_zoned(TimeZone::system()).expect("a day").timestamp();
        assert_eq!(seconds("2026-01-31"), Some(midnight.as_second()));
        assert_eq!(seconds("2026-01-31T01:00"), Some(midnight.as_second() + 3600));
        for text in ["", "d", "3 days", "-3d", "2026-13-01", "yesterday"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
