//! Sizes, times and rates as people read them.

use std::time::Duration;

/// `0 bytes`, `1 byte`, `3.4 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    match bytes {
        1 => return "1 byte".into(),
        0..1024 => return format!("{bytes} bytes"),
        _ => {}
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be shown as 1024.0 of the smaller unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `37 ms`, `0.4 s`, `31 s`, `2 min 05 s`, `3 h 07 min`.
pub(crate) fn time(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    match seconds {
        0 if elapsed.as_millis() < 100 => format!("{} ms", elapsed.as_millis()),
        0..10 => format!("{:.1} s", elapsed.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// As [`time`], in whole seconds: for a time that is only estimated.
pub(crate) fn estimate(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        _ => time(left),
    }
}

/// `112.3 MiB/s`; nothing if too little time passed to tell, or next to nothing came.
pub(crate) fn rate(bytes: u64, elapsed: Duration) -> Option<String> {
    const SHORTEST: Duration = Duration::from_millis(50);
    let per_second = (bytes as f64 / elapsed.as_secs_f64()) as u64;
    (elapsed >= SHORTEST && per_second > 0).then(|| format!("{}/s", size(per_second)))
}

/// `1 file`, `12 files`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// `7`, `1 204`, `1 000 000`.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| str::from_utf8(group).expect("digits are ASCII"))
        .collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let rows = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (3 << 30, "3.0 GiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, text) in rows {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn numbers() {
        let rows = [(0, "0"), (999, "999"), (1000, "1 000"), (20_304, "20 304"), (1_234_567, "1 234 567")];
        for (value, text) in rows {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn times_and_rates() {
        let rows = [
            (37, "37 ms"),
            (430, "0.4 s"),
            (9_990, "10.0 s"),
            (31_000, "31 s"),
            (125_000, "2 min 05 s"),
            (11_220_000, "3 h 07 min"),
        ];
        for (milliseconds, text) in rows {
            assert_eq!(time(Duration::from_millis(milliseconds)), text, "{milliseconds}");
        }
        assert_eq!(estimate(Duration::from_millis(5_900)), "5 s");
        assert_eq!(estimate(Duration::from_millis(125_400)), "2 min 05 s");
        assert_eq!(rate(2048, Duration::from_secs(2)).as_deref(), Some("1.0 KiB/s"));
        assert_eq!(rate(2048, Duration::ZERO), None);
        assert_eq!(rate(5, Duration::from_secs(30)), None);
    }
}
