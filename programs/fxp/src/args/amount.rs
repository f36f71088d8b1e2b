//! Amounts as people type them: `10G`, `90s`, `2h`.

use std::time::Duration;

/// Bytes: a whole number, with K, M, G or T for powers of 1024.
pub(crate) fn bytes(typed: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 4] = [("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40)];
    amount(typed, &UNITS).ok_or_else(|| "a size is a number, or one with K, M, G or T behind it".to_owned())
}

/// Time: seconds, or a number with s, m, h or d.
pub(crate) fn time(typed: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    amount(typed, &UNITS)
        .map(Duration::from_secs)
        .ok_or_else(|| "a time is a number of seconds, or a number with s, m, h or d behind it".to_owned())
}

fn amount(typed: &str, units: &[(&str, u64)]) -> Option<u64> {
    let unit = units.iter().find_map(|(unit, factor)| Some((typed.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((typed, 1));
    // `parse` would take a sign.
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<u64>().ok().filter(|_| digits)?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_numbers_with_a_unit() {
        let sizes = [("0", Some(0)), ("17", Some(17)), ("3K", Some(3072)), ("2T", Some(2 << 40))];
        for (typed, expected) in sizes {
            assert_eq!(bytes(typed).ok(), expected, "{typed}");
        }
        for wrong in ["", "K", "-1", "+1", "1.5G", "3k", "3 K", "99999999999T"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        let times = [("0", 0), ("90", 90), ("15s", 15), ("15m", 900), ("2h", 7200), ("1d", 86_400)];
        for (typed, seconds) in times {
            assert_eq!(time(typed), Ok(Duration::from_secs(seconds)), "{typed}");
        }
        assert!(time("1w").is_err() && time("h").is_err());
    }
}
