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

/// `told` without what a pyftpdlib that receives does now and then: it resets a data connection that has just ended,
/// fxp says so and tries again, or the other way round. Only chapters about pyftpdlib are changed.
pub(crate) fn without_resets(told: &str) -> String {
    let (mut text, mut about) = (String::new(), false);
    for line in told.lines() {
        if let Some(heading) = line.strip_prefix("# ") {
            about = heading.contains("pyftpdlib");
        }
        let said = line.starts_with("warning: ") || line.starts_with("  note ");
        if about && said && RESETS.iter().any(|reset| line.contains(reset)) {
            continue;
        }
        let line = if about { line.replace(TURNED, USUAL) } else { line.to_owned() };
        // What is said of each attempt, and of each way, is said once.
        if about && text.lines().last() == Some(&line) {
            continue;
        }
        text += &line;
        text.push('\n');
    }
    text
}

/// In the words of fxpd and of vsftpd, when they send.
const RESETS: [&str; 2] =
    ["426 data connection: Connection reset by peer", "426 Failure writing network stream"];
const TURNED: &str = "plain: the source listens";
const USUAL: &str = "plain: the destination listens";

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
fn resets_are_left_out_of_pyftpdlibs_chapters_only() {
    let reset = format!(
        "warning: no data connection between the servers; the source (fxpd) connects: {} (os error 104)\n",
        RESETS[0]
    );
    let told = format!("# fxpd\n{reset}# pyftpdlib, 5 bytes\n{reset}  method     {TURNED}\nexit 0\n");
    let left = format!("# fxpd\n{reset}# pyftpdlib, 5 bytes\n  method     {USUAL}\nexit 0\n");
    assert_eq!(without_resets(&told), left);
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
