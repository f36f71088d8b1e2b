//! Rules and bounds in the engine's words.

use fxp_engine::plan::filter::{Bounds, Filter, Rule, Verdict, rules_of_file};

use crate::args::{Files, RuleFlag, Rules};
use crate::exit::{Exit, Failure, Outcome};

impl Files {
    /// Rules and bounds.
    pub(crate) fn filter(&self) -> Outcome<Filter> {
        let bounds =
            Bounds { min_size: self.min_size, max_size: self.max_size, newer: self.newer, older: self.older };
        Ok(Filter { bounds, ..self.rules.filter()? })
    }
}

impl Rules {
    /// The rules alone; files of rules are read.
    pub(crate) fn filter(&self) -> Outcome<Filter> {
        let mut filter = Filter::default();
        for flag in &self.0 {
            match flag {
                RuleFlag::Include(pattern) => {
                    filter.rules.push(of_flag(Verdict::Include, pattern.as_encoded_bytes(), "--include")?);
                }
                RuleFlag::Exclude(pattern) => {
                    filter.rules.push(of_flag(Verdict::Exclude, pattern.as_encoded_bytes(), "--exclude")?);
                }
                RuleFlag::From(path) => {
                    let name = path.display().to_string();
                    let text = std::fs::read(path).map_err(|error| {
                        Failure::new(Exit::Usage, format!("the rules in {name} cannot be read"))
                            .because(&error)
                    })?;
                    let rules = rules_of_file(&text, &name).map_err(|error| {
                        Failure::usage(error.to_string())
                            .hint("such as `- *.tmp` or `+ /photos/***`; `fxp filter test --help` explains patterns")
                    })?;
                    filter.rules.extend(rules);
                }
            }
        }
        Ok(filter)
    }
}

fn of_flag(verdict: Verdict, pattern: &[u8], flag: &str) -> Outcome<Rule> {
    Rule::of_flag(verdict, pattern).map_err(|error| {
        Failure::usage(format!("{flag} {}: {error}", String::from_utf8_lossy(pattern)))
            .hint("`fxp filter test --help` explains patterns")
    })
}
