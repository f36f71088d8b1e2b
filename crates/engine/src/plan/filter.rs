//! Which files of a tree are meant: include and exclude rules in rsync's meaning, and bounds of size and time.
//!
//! The first rule that matches decides; what no rule matches is taken. An excluded directory is not entered, so
//! nothing beneath it is asked for. Paths are seen from the root of the transfer: `cp -r src dst` calls a file
//! `src/a`, `cp -r src/ dst` calls it `a`, as its name will be beneath the destination.

mod bounds;
mod parse;
mod pattern;

pub use bounds::{Bounds, OutOfBounds};
pub use parse::{RuleError, rules_of_file};
pub use pattern::{Pattern, PatternError};

use std::fmt;

use fxp_proto::path::VPath;

/// What a rule says of the files that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are taken.
    Include,
    /// They are left out.
    Exclude,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it says.
    pub verdict: Verdict,
    /// Of which files.
    pub pattern: Pattern,
    /// Where it was written, such as `rules.txt, line 3`; `None` for a flag.
    pub origin: Option<String>,
}

impl Rule {
    /// A rule of `--include` or `--exclude`.
    ///
    /// # Errors
    ///
    /// A pattern that can match nothing.
    pub fn of_flag(verdict: Verdict, pattern: &[u8]) -> Result<Self, PatternError> {
        Ok(Rule { verdict, pattern: Pattern::parse(pattern)?, origin: None })
    }
}

impl fmt::Display for Rule {
    /// As it would be written in a file, with where it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.verdict == Verdict::Include { '+' } else { '-' };
        write!(f, "{sign} {}", self.pattern)?;
        match &self.origin {
            Some(origin) => write!(f, " ({origin})"),
            None => Ok(()),
        }
    }
}

/// All that is wanted of a tree. The default wants everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// In their order; the first that matches decides.
    pub rules: Vec<Rule>,
    /// Bounds of files that the rules take.
    pub bounds: Bounds,
}

/// What the rules say of a path and of the directories above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Taken or left out.
    pub verdict: Verdict,
    /// The rule that decides; `None` where none matches.
    pub rule: Option<&'a Rule>,
    /// What the rule matches: the path itself, or a directory above it that is excluded.
    pub at: VPath,
}

impl Filter {
    /// True if the rules leave out `path`, whose parents they take.
    pub fn excludes(&self, path: &VPath, directory: bool) -> bool {
        self.rule_for(path, directory).is_some_and(|rule| rule.verdict == Verdict::Exclude)
    }

    /// What the rules say of `path`, from the top down: nothing beneath an excluded directory is ever looked at.
    pub fn decide(&self, path: &VPath, directory: bool) -> Decision<'_> {
        let mut above = VPath::root();
        let count = path.components().len();
        for (index, name) in path.components().iter().enumerate() {
            // A part of a path is a path.
            above = above.child(name).unwrap_or_else(|_| path.clone());
            let last = index + 1 == count;
            let rule = self.rule_for(&above, directory || !last);
            let verdict = rule.map_or(Verdict::Include, |rule| rule.verdict);
            if last || verdict == Verdict::Exclude {
                return Decision { verdict, rule, at: above };
            }
        }
        Decision { verdict: Verdict::Include, rule: None, at: above }
    }

    fn rule_for(&self, path: &VPath, directory: bool) -> Option<&Rule> {
        if self.rules.is_empty() || path.is_root() {
            return None;
        }
        let text = path.to_text();
        // Seen from the root of the transfer, without its slash.
        let relative = text.as_bytes().strip_prefix(b"/").unwrap_or(text.as_bytes());
        self.rules.iter().find(|rule| rule.pattern.matches(relative, directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules as in a file, then paths: `+a` is taken, `-a` is left out; a slash at the end is a directory.
    fn check(rules: &str, paths: &str) {
        let lines = rules.replace('|', "\n");
        let rules =
            rules_of_file(lines.as_bytes(), "rules").unwrap_or_else(|error| panic!("{rules}: {error}"));
        let filter = Filter { rules, bounds: Bounds::default() };
        for written in paths.split_whitespace() {
            let (expected, path) = written.split_at(1);
            let verdict = if expected == "+" { Verdict::Include } else { Verdict::Exclude };
            let parsed = VPath::parse(format!("/{path}").as_bytes()).expect("a path");
            let decision = filter.decide(&parsed, path.ends_with('/'));
            assert_eq!(decision.verdict, verdict, "{lines:?} on {path}: {decision:?}");
        }
    }

    #[test]
    fn rules_mean_what_they_mean_to_rsync() {
        let rows = [
            ("", "+a +a/b"),
            ("- *.o", "-x.o -d/x.o +x.oo +x.o.c -.o"),
            // A directory that is left out takes everything beneath it along.
            ("- tmp", "-tmp -tmp/x -a/tmp/ -a/tmp/b/c +a/tmpx +atmp"),
            ("- tmp/", "+tmp -tmp/ -tmp/x -a/tmp/x"),
            ("- /tmp", "-tmp -tmp/x +a/tmp +a/tmp/x"),
            // A slash inside: the end of the path has to match, from a component's beginning.
            ("- foo/bar", "-foo/bar -a/foo/bar -a/foo/bar/x +foo/x/bar +xfoo/bar +bar"),
            ("- /foo/*/bar", "-foo/a/bar +foo/bar +foo/a/b/bar +x/foo/a/bar"),
            ("- /foo/**/bar", "-foo/a/bar -foo/a/b/bar +foo/bar"),
            ("- foo/*.c", "-foo/x.c -a/foo/x.c +foo/a/x.c"),
            ("- foo**bar", "-foobar -foo/a/bar -x/foo/bar -fooxbar +xfoobar"),
            ("- **/x", "-x -a/x -a/b/x"),
            ("- a?c", "-abc +ac +abbc +a/c"),
            ("- a?c", "+aéc"),
            ("- [a-c]x", "-ax -cx +dx"),
            ("- [!a-c]x", "+ax -dx +/x"),
            ("- [^]a]x", "+]x +ax -bx"),
            ("- x[[:digit:]_]", "-x1 -x_ +xa"),
            ("- a\\*b*", "-a*bc +axbc"),
            // Without a wildcard a backslash is one.
            ("- a\\b", "-a\\b +ab"),
            ("+ *.c|- *", "+x.c -x.h -d/ -d/x.c"),
            ("+ */|+ *.c|- *", "+x.c +d/ +d/x.c -d/x.h"),
            ("+ /a/|+ /a/b|- *", "+a/ +a/b -a/c -b"),
            ("+ /a/***|- *", "+a/ +a/b +a/b/c -b/ -ab"),
            ("- a/***", "-a/ -a/b -x/a/b +a +ab"),
            ("- *.o|+ x.o", "-x.o"),
            ("+ x.o|- *.o", "+x.o -y.o"),
            // The list begins anew.
            ("- a|!|- b", "+a -b"),
            ("# - a|; - b||- c", "+a +b -c"),
            ("exclude a|include b|- b", "-a +b"),
            ("-! *.c|+ *", "+x.c -x.h"),
            ("- two\\ words", "+two"),
        ];
        for (rules, paths) in rows {
            check(rules, paths);
        }
        check("-  x", "+x");
    }

    #[test]
    fn spaces_belong_to_names() {
        let rules = rules_of_file(b"- two words\n- end \n", "rules").expect("rules");
        let filter = Filter { rules, bounds: Bounds::default() };
        for (path, left_out) in [("/two words", true), ("/end ", true), ("/end", false), ("/two", false)] {
            assert_eq!(
                filter.excludes(&VPath::parse(path.as_bytes()).expect("a path"), false),
                left_out,
                "{path}"
            );
        }
    }

    #[test]
    fn the_deciding_rule_is_named_with_where_it_stands() {
        let rules = rules_of_file(b"# first\n+ *.c\n- build/\n", "my rules").expect("rules");
        let filter = Filter { rules, bounds: Bounds::default() };
        let path = VPath::parse(b"/a/build/x/y.c").expect("a path");
        let decision = filter.decide(&path, false);
        assert_eq!(decision.at.to_string(), "/a/build");
        assert_eq!(decision.rule.expect("a rule").to_string(), "- build/ (my rules, line 3)");
        let path = VPath::parse(b"/a/y.h").expect("a path");
        assert_eq!(filter.decide(&path, false).rule, None);
    }
}
