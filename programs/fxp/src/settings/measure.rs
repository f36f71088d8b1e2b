//! Sizes, ages and dates as people type them.

use fxp_proto::listing::time::FtpTime;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// `500`, `10K`, `1.5G`, `3MB`: as in rsync K is 1024 and KB is 1000; KiB is 1024 for everybody.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let digits =
        text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| SIZE.to_owned())?;
    let unit = unit.to_ascii_lowercase();
    let (letter, base) = match unit.as_str() {
        "" | "b" => ("", 1024_f64),
        unit if unit.len() == 1 => (unit, 1024.0),
        unit if unit.len() == 2 && unit.ends_with('b') => (&unit[..1], 1000.0),
        unit if unit.len() == 3 && unit.ends_with("ib") => (&unit[..1], 1024.0),
        _ => return Err(SIZE.to_owned()),
    };
    let power = match letter {
        "" => 0,
        letter => 1 + "kmgtp".find(letter).ok_or_else(|| SIZE.to_owned())?,
    };
    let bytes = number * base.powi(power as i32);
    match bytes < u64::MAX as f64 {
        true => Ok(bytes as u64),
        false => Err("no file is that large".to_owned()),
    }
}

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

const SIZE: &str =
    "a size is a number with one of the letters K, M, G, T or P, such as 10M (KB, MB: powers of 1000)";

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
