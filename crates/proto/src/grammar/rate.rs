//! `RATE`: how many bytes a second the file transfers of a session may move (`docs/spec/rate.md`).

use super::params::ParameterError;
use crate::wire::text::Text;

/// A ceiling for the speed of transfers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// Bytes a second, between [`RateLimit::LEAST`] and [`RateLimit::MOST`].
    pub bytes_per_second: u64,
    /// Sessions of one user that name the same group share one ceiling.
    pub group: Option<Text>,
}

impl RateLimit {
    /// A slower transfer stands still so long between two batches that somebody takes it for dead.
    pub const LEAST: u64 = 1024;

    /// Faster than any machine, and far from the end of the numbers.
    pub const MOST: u64 = 1_000_000_000_000;

    /// The longest name of a group, in bytes.
    pub const MAX_GROUP: usize = 64;

    /// Reads RATE's argument; `None` is `0`, no ceiling.
    ///
    /// # Errors
    ///
    /// Not the form, or a number beyond the bounds.
    pub fn parse(argument: &[u8]) -> Result<Option<Self>, ParameterError> {
        let text = str::from_utf8(argument).map_err(|_| ParameterError::Syntax)?;
        let (number, group) = match text.split_once(' ') {
            Some((number, group)) => (number, Some(group)),
            None => (text, None),
        };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParameterError::Syntax);
        }
        if group.is_some_and(|group| !is_group(group)) {
            return Err(ParameterError::Syntax);
        }
        match number.parse() {
            Ok(0) if group.is_some() => Err(ParameterError::Syntax),
            Ok(0) => Ok(None),
            Ok(bytes_per_second @ Self::LEAST..=Self::MOST) => {
                Ok(Some(RateLimit { bytes_per_second, group: group.map(Text::lossy) }))
            }
            _ => Err(ParameterError::OutOfRange),
        }
    }

    /// RATE's argument for `limit`.
    pub fn to_argument(limit: Option<&Self>) -> Text {
        match limit {
            None => Text::from("0"),
            Some(RateLimit { bytes_per_second, group: None }) => Text::lossy(bytes_per_second.to_string()),
            Some(RateLimit { bytes_per_second, group: Some(group) }) => {
                let mut argument = format!("{bytes_per_second} ").into_bytes();
                argument.extend_from_slice(group.as_bytes());
                Text::lossy(argument)
            }
        }
    }
}

fn is_group(group: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=RateLimit::MAX_GROUP).contains(&group.len()) && group.bytes().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_as_they_are_written() {
        let limit = |bytes_per_second, group: Option<&str>| {
            Some(RateLimit { bytes_per_second, group: group.map(Text::lossy) })
        };
        let longest = "g".repeat(RateLimit::MAX_GROUP);
        let rows = [
            ("0", None),
            ("1024", limit(1024, None)),
            ("1000000000000", limit(RateLimit::MOST, None)),
            ("10485760 fxp-7f.A_0", limit(10_485_760, Some("fxp-7f.A_0"))),
            (&format!("2048 {longest}"), limit(2048, Some(&longest))),
        ];
        for (argument, expected) in rows {
            let read = RateLimit::parse(argument.as_bytes());
            assert_eq!(read, Ok(expected.clone()), "{argument}");
            assert_eq!(RateLimit::to_argument(expected.as_ref()).as_bytes(), argument.as_bytes());
        }
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        use ParameterError::{OutOfRange, Syntax};
        let too_long = format!("2048 {}", "g".repeat(RateLimit::MAX_GROUP + 1));
        let rows = [
            ("", Syntax),
            ("fast", Syntax),
            ("-1", Syntax),
            ("+2048", Syntax),
            ("10M", Syntax),
            ("2048 ", Syntax),
            ("2048 a b", Syntax),
            ("2048 a/b", Syntax),
            ("2048  a", Syntax),
            ("0 group", Syntax),
            (&too_long, Syntax),
            ("1", OutOfRange),
            ("1023", OutOfRange),
            ("1000000000001", OutOfRange),
            ("99999999999999999999999", OutOfRange),
        ];
        for (argument, expected) in rows {
            assert_eq!(RateLimit::parse(argument.as_bytes()), Err(expected), "{argument}");
        }
    }
}
