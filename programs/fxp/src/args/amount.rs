//! Spans of time as people type them: `90s`, `2h`.

use std::time::Duration;

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
        let times = [("0", 0), ("90", 90), ("15s", 15), ("15m", 900), ("2h", 7200), ("1d", 86_400)];
        for (typed, seconds) in times {
            assert_eq!(time(typed), Ok(Duration::from_secs(seconds)), "{typed}");
        }
        for wrong in ["", "h", "1w", "-1", "+1", "1.5h", "3 m", "99999999999999999999d"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
