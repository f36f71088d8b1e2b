//! Times of files (RFC 3659, 2.3): UTC calendar time, to the second or finer.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A modification time as FTP tells it, in seconds and nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FtpTime {
    /// Seconds since 1970-01-01T00:00:00Z, from year 1 to year 9999.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}

/// A point in time as a calendar and a clock show it, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// 1 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

/// Why text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not fourteen digits, or a fraction that is none.
    #[error("a time is written YYYYMMDDHHMMSS, in UTC")]
    Syntax,
    /// No such day or hour.
    #[error("there is no such time")]
    OutOfRange,
}

impl FtpTime {
    /// Reads `YYYYMMDDHHMMSS`, optionally with a fraction. Digits beyond nanoseconds are cut off; the
    /// second 60 of a leap second is taken for the next one.
    ///
    /// # Errors
    ///
    /// See [`TimeError`].
    pub fn parse(text: &[u8]) -> Result<Self, TimeError> {
        let (digits, fraction) = match text.iter().position(|&byte| byte == b'.') {
            Some(point) => (&text[..point], Some(&text[point + 1..])),
            None => (text, None),
        };
        if digits.len() != 14 {
            return Err(TimeError::Syntax);
        }
        let field = |from: usize, to: usize| number(&digits[from..to]).ok_or(TimeError::Syntax);
        let second = field(12, 14)?;
        let leap = second == 60;
        let civil = Civil {
            year: field(0, 4)?,
            month: field(4, 6)? as u8,
            day: field(6, 8)? as u8,
            hour: field(8, 10)? as u8,
            minute: field(10, 12)? as u8,
            second: if leap { 59 } else { second as u8 },
        };
        let nanoseconds = fraction.map_or(Ok(0), nanoseconds)?;
        let mut time = FtpTime::from_civil(civil).ok_or(TimeError::OutOfRange)?;
        time.seconds += i64::from(leap);
        Ok(FtpTime { nanoseconds, ..time })
    }

    /// The moment that calendar and clock show; `None` if there is no such day or time of day.
    pub fn from_civil(civil: Civil) -> Option<Self> {
        let Civil { year, month, day, hour, minute, second } = civil;
        let exists = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        let time_of_day = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
        exists.then(|| FtpTime { seconds: days_until(year, month, day) * DAY + time_of_day, nanoseconds: 0 })
    }

    /// What calendar and clock show. A time outside the years 1 to 9999 becomes the nearest one inside.
    pub fn civil(self) -> Civil {
        let seconds = self.seconds.clamp(FIRST, LAST);
        let (days, time_of_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let (year, month, day) = date(days);
        Civil {
            year,
            month,
            day,
            hour: (time_of_day / 3600) as u8,
            minute: (time_of_day / 60 % 60) as u8,
            second: (time_of_day % 60) as u8,
        }
    }

    /// `YYYYMMDDHHMMSS`, the form that every client reads. A fraction is left out.
    pub fn to_seconds(self) -> String {
        let Civil { year, month, day, hour, minute, second } = self.civil();
        format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
    }

    /// The same time without its fraction.
    pub fn whole(self) -> Self {
        FtpTime { nanoseconds: 0, ..self }
    }

    /// As the system tells it; a time outside the years 1 to 9999 becomes the nearest one inside.
    pub fn from_system(time: SystemTime) -> Self {
        let (seconds, nanoseconds) = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => (i64::try_from(after.as_secs()).unwrap_or(LAST), after.subsec_nanos()),
            Err(error) => {
                let before = error.duration();
                let seconds = i64::try_from(before.as_secs()).map_or(FIRST, |seconds| -seconds);
                match before.subsec_nanos() {
                    0 => (seconds, 0),
                    nanoseconds => (seconds.saturating_sub(1), NANOSECONDS - nanoseconds),
                }
            }
        };
        FtpTime { seconds: seconds.clamp(FIRST, LAST), nanoseconds }
    }

    /// As the system takes it; `None` if the system knows no such time.
    pub fn to_system(self) -> Option<SystemTime> {
        let seconds = Duration::from_secs(self.seconds.unsigned_abs());
        let whole =
            if self.seconds < 0 { UNIX_EPOCH.checked_sub(seconds) } else { UNIX_EPOCH.checked_add(seconds) };
        whole?.checked_add(Duration::from_nanos(self.nanoseconds.into()))
    }
}

impl fmt::Display for FtpTime {
    /// `YYYYMMDDHHMMSS`, with as many digits of a fraction as are needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_seconds())?;
        if self.nanoseconds > 0 {
            let digits = format!("{:09}", self.nanoseconds);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        Ok(())
    }
}

fn number(digits: &[u8]) -> Option<u16> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u16::from(digit - b'0')))
}

fn nanoseconds(fraction: &[u8]) -> Result<u32, TimeError> {
    if fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return Err(TimeError::Syntax);
    }
    let digits = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    Ok(digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date. Years are counted from March, so that the leap day comes last and
/// the months before it have lengths that one linear formula gives.
fn days_until(year: u16, month: u8, day: u8) -> i64 {
    let (year, month) = match month {
        1 | 2 => (i64::from(year) - 1, i64::from(month) + 9),
        _ => (i64::from(year), i64::from(month) - 3),
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days_before_month = (month * 153 + 2) / 5;
    year * 365 + leap_days + days_before_month + i64::from(day) - 1 - MARCH_OF_YEAR_0_TO_EPOCH
}

/// The inverse of [`days_until`].
fn date(days: i64) -> (u16, u8, u8) {
    let days = days + MARCH_OF_YEAR_0_TO_EPOCH;
    let (era, day_of_era) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    // Take the leap days out, one rule after the other; what is left has 365 days per year.
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (year_of_era * 365 + year_of_era / 4 - year_of_era / 100);
    let month = (day_of_year * 5 + 2) / 153;
    let day = day_of_year - (month * 153 + 2) / 5 + 1;
    let year = era * 400 + year_of_era + i64::from(month >= 10);
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year as u16, month as u8, day as u8)
}

const DAY: i64 = 86_400;
const NANOSECONDS: u32 = 1_000_000_000;
const DAYS_OF_400_YEARS: i64 = 146_097;
/// Days from the first of March of the year 0 to 1970-01-01.
const MARCH_OF_YEAR_0_TO_EPOCH: i64 = 719_468;
/// 0001-01-01T00:00:00Z.
const FIRST: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z.
const LAST: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, seconds) in [
            ("19700101000000", 0),
            ("20240229123456", 1_709_210_096),
            ("20000101000000", 946_684_800),
            ("19691231235959", -1),
            ("20380119031408", 2_147_483_648),
            ("00010101000000", FIRST),
            ("99991231235959", LAST),
            ("20261122185815", 1_795_373_895),
        ] {
            let time = FtpTime::parse(text.as_bytes()).expect(text);
            assert_eq!(time, FtpTime { seconds, nanoseconds: 0 }, "{text}");
            assert_eq!(time.to_seconds(), text);
        }
    }

    #[test]
    fn every_day_is_its_own_inverse() {
        let mut expected = (1_u16, 1_u8, 1_u8);
        for days in FIRST / DAY..=LAST.div_euclid(DAY) {
            assert_eq!(date(days), expected);
            assert_eq!(days_until(expected.0, expected.1, expected.2), days);
            let (year, month, day) = expected;
            expected = match (day == days_in_month(year, month), month) {
                (false, _) => (year, month, day + 1),
                (true, 12) => (year + 1, 1, 1),
                (true, _) => (year, month + 1, 1),
            };
        }
        assert_eq!(expected, (10_000, 1, 1));
    }

    #[test]
    fn fractions() {
        for (text, nanoseconds, shown) in [
            ("19700101000000.5", 500_000_000, "19700101000000.5"),
            ("19700101000000.123", 123_000_000, "19700101000000.123"),
            ("19700101000000.000", 0, "19700101000000"),
            ("19700101000000.1234567899", 123_456_789, "19700101000000.123456789"),
        ] {
            let time = FtpTime::parse(text.as_bytes()).expect(text);
            assert_eq!((time.nanoseconds, time.to_string()), (nanoseconds, shown.to_owned()));
            assert_eq!(time.whole().to_string(), "19700101000000");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        use TimeError::{OutOfRange, Syntax};
        for (text, error) in [
            ("", Syntax),
            ("2024", Syntax),
            ("202401010000000", Syntax),
            ("2024010100000", Syntax),
            ("+0240101000000", Syntax),
            ("2024010100000x", Syntax),
            ("20240101000000.", Syntax),
            ("20240101000000.x", Syntax),
            ("20240101000000 ", Syntax),
            ("00000101000000", OutOfRange),
            ("20241301000000", OutOfRange),
            ("20240001000000", OutOfRange),
            ("20240100000000", OutOfRange),
            ("20230229000000", OutOfRange),
            ("19000229000000", OutOfRange),
            ("20240431000000", OutOfRange),
            ("20240101240000", OutOfRange),
            ("20240101006000", OutOfRange),
            ("20240101000061", OutOfRange),
        ] {
            assert_eq!(FtpTime::parse(text.as_bytes()), Err(error), "{text}");
        }
    }

    #[test]
    fn a_leap_second_is_the_next_one() {
        let leap = FtpTime::parse(b"20161231235960").expect("a leap second");
        assert_eq!(leap.to_seconds(), "20170101000000");
    }

    #[test]
    fn the_system_agrees() {
        for (seconds, nanoseconds) in [(0, 0), (5, 7), (-5, 0), (-5, 7), (FIRST, 0), (LAST, 999_999_999)] {
            let time = FtpTime { seconds, nanoseconds };
            assert_eq!(FtpTime::from_system(time.to_system().expect("a time")), time);
        }
        let far = FtpTime { seconds: i64::MAX, nanoseconds: 0 };
        assert_eq!(far.to_seconds(), "99991231235959");
        assert_eq!(FtpTime { seconds: i64::MIN, ..far }.to_seconds(), "00010101000000");
    }
}
