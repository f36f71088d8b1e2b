//! Where two servers notice the same trouble, either may be the first to say so, and each in its own words.
//!
//! ```text
//! <<<
//! what is said if one is first
//! ~~~
//! what is said if the other is
//! >>>
//! ```
//!
//! Of such a choice in an expected text one branch has to be told, line by line.

/// True if `told` is what `expected` says, with one branch of each choice.
pub(crate) fn fits(expected: &str, told: &str) -> bool {
    let (expected, told): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), told.lines().collect());
    fits_lines(&expected, &told)
}

fn fits_lines(expected: &[&str], told: &[&str]) -> bool {
    let Some(at) = expected.iter().position(|line| *line == "<<<") else { return expected == told };
    let Some(length) = expected[at..].iter().position(|line| *line == ">>>") else { return false };
    let Some(told) = told.strip_prefix(&expected[..at]) else { return false };
    let (branches, rest) = (&expected[at + 1..at + length], &expected[at + length + 1..]);
    branches
        .split(|line| *line == "~~~")
        .any(|branch| told.strip_prefix(branch).is_some_and(|told| fits_lines(rest, told)))
}

#[test]
fn one_branch_has_to_be_told() {
    let expected = "a\n<<<\nb\n~~~\nc\nd\n>>>\ne\n<<<\nf\n~~~\n>>>\n";
    for told in ["a\nb\ne\nf\n", "a\nc\nd\ne\n", "a\nc\nd\ne\nf\n"] {
        assert!(fits(expected, told), "{told}");
    }
    for told in ["a\nb\nc\nd\ne\nf\n", "a\ne\nf\n", "a\nb\ne\nf\ng\n", "a\nc\ne\n"] {
        assert!(!fits(expected, told), "{told}");
    }
    assert!(fits("a\n", "a\n") && !fits("a\n<<<\nb\n", "a\nb\n"));
}
