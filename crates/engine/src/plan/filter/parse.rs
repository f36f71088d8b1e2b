//! Files of rules, as rsync reads them: one rule a line, `+ pattern` or `- pattern`.

use super::pattern::{Pattern, PatternError};
use super::{Rule, Verdict};

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {reason}")]
pub struct RuleError {
    /// Which line of which file.
    pub origin: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The rules of a file called `name`. Empty lines and lines that begin with `#` or `;` say nothing; `!` alone
/// forgets all rules before it in this file.
///
/// # Errors
///
/// A line that is no rule, or one of rsync's that means nothing here.
pub fn rules_of_file(text: &[u8], name: &str) -> Result<Vec<Rule>, RuleError> {
    let mut rules = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || matches!(line[0], b'#' | b';') {
            continue;
        }
        if line == b"!" || line == b"clear" {
            rules.clear();
            continue;
        }
        let origin = format!("{name}, line {}", index + 1);
        match rule(line) {
            Ok((verdict, pattern)) => rules.push(Rule { verdict, pattern, origin: Some(origin) }),
            Err(reason) => return Err(RuleError { origin, reason }),
        }
    }
    Ok(rules)
}

fn rule(line: &[u8]) -> Result<(Verdict, Pattern), String> {
    // The sign ends at the first space or underscore; all that follows is the pattern, spaces too.
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'_')).ok_or_else(|| UNKNOWN.to_owned())?;
    let (sign, pattern) = (&line[..end], &line[end + 1..]);
    let (verdict, modifiers): (Verdict, &[u8]) = match sign {
        [b'+', modifiers @ ..] => (Verdict::Include, modifiers),
        [b'-', modifiers @ ..] => (Verdict::Exclude, modifiers),
        _ if sign.starts_with(b"include") => (Verdict::Include, &sign[b"include".len()..]),
        _ if sign.starts_with(b"exclude") => (Verdict::Exclude, &sign[b"exclude".len()..]),
        _ => return Err(UNKNOWN.to_owned()),
    };
    let modifiers = modifiers.strip_prefix(b",").unwrap_or(modifiers);
    let parsed = Pattern::parse(pattern).map_err(|error: PatternError| error.to_string())?;
    match modifiers {
        b"" => Ok((verdict, parsed)),
        b"!" => Ok((verdict, parsed.negated())),
        other => Err(format!("the modifier {} is not known; only ! is", String::from_utf8_lossy(other))),
    }
}

const UNKNOWN: &str = "a rule is written `+ pattern` or `- pattern`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_rule_is_named() {
        let rows = [
            ("- a\nb\n", "rules, line 2: a rule is written"),
            ("P a", "line 1: a rule is written"),
            ("merge other", "line 1: a rule is written"),
            ("-C a", "line 1: the modifier C"),
            ("- ", "line 1: the pattern is empty"),
            ("- [a", "line 1: a [ in the pattern has no ]"),
        ];
        for (text, expected) in rows {
            let error = rules_of_file(text.as_bytes(), "rules").expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn lines_may_end_as_windows_ends_them() {
        let rules = rules_of_file(b"- a\r\n\r\n+ b\r\n", "rules").expect("rules");
        assert_eq!(rules.len(), 2);
        assert!(rules[0].pattern.matches(b"a", false) && rules[1].pattern.matches(b"b", false));
    }
}
