//! Which files are meant: rules in their order, and bounds of size and time.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, Subcommand, ValueHint, value_parser};
use fxp_proto::listing::time::FtpTime;

/// Work with the rules that say which files are meant
#[derive(Debug, clap::Args)]
pub(crate) struct Filter {
    #[command(subcommand)]
    pub(crate) command: FilterCommand,
}

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum FilterCommand {
    Test(FilterTest),
}

/// Tell which rule decides about a path
///
/// Nothing is asked of any server. Paths are seen from the root of the transfer, as the rules see them: with
/// `fxp cp -r site:photos DST` a file is `photos/x.jpg`, with `site:photos/` it is `x.jpg`. A path that ends with a slash
/// is a directory.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  fxp filter test --exclude 'tmp/' src/tmp/x src/main.c
  fxp filter test --filter-from rules.txt photos/ photos/raw/x.dng")]
pub(crate) struct FilterTest {
    #[command(flatten)]
    pub(crate) rules: Rules,

    /// Paths as the rules see them
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<OsString>,
}

/// Which files of a tree are meant.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Files {
    #[command(flatten)]
    pub(crate) rules: Rules,

    /// Leave out files that are smaller, such as 10K, 1.5G (as in rsync: K is 1024, KB is 1000)
    #[arg(long, value_name = "SIZE", value_parser = crate::settings::size, help_heading = HEADING)]
    pub(crate) min_size: Option<u64>,

    /// Leave out files that are larger
    #[arg(long, value_name = "SIZE", value_parser = crate::settings::size, help_heading = HEADING)]
    pub(crate) max_size: Option<u64>,

    /// Leave out files last modified before WHEN: an age such as 36h, 3d, 2w, or a date such as 2026-01-31 (and a time)
    #[arg(long, value_name = "WHEN", value_parser = crate::settings::when, help_heading = HEADING)]
    pub(crate) newer: Option<FtpTime>,

    /// Leave out files last modified after WHEN
    #[arg(long, value_name = "WHEN", value_parser = crate::settings::when, help_heading = HEADING)]
    pub(crate) older: Option<FtpTime>,
}

/// `--include`, `--exclude` and `--filter-from`, in the order in which they were typed: the first rule that matches
/// decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules(pub(crate) Vec<RuleFlag>);

/// One of the three.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RuleFlag {
    Include(OsString),
    Exclude(OsString),
    From(PathBuf),
}

const HEADING: &str = "Which files";

impl clap::Args for Rules {
    fn augment_args(command: Command) -> Command {
        let flag = |name: &'static str, value: &'static str, help: &'static str| {
            Arg::new(name)
                .long(name)
                .value_name(value)
                .help(help)
                .action(ArgAction::Append)
                .value_parser(value_parser!(OsString))
                .help_heading(HEADING)
        };
        command
            .arg(flag(INCLUDE, "PATTERN", "Take what matches, whatever later rules say (rsync's patterns)").long_help(
                "Take what matches, whatever later rules say\n\n\
                 The patterns are rsync's: * is anything within a name, ** anything, ? one byte, [...] one of a set. A slash \
                 at the beginning binds a pattern to the root of the transfer, a slash at the end means directories only. \
                 The first rule that matches decides, in the order of the flags; what no rule matches is taken. Nothing \
                 beneath a directory that is left out is looked at. `fxp filter test` tells which rule decides.",
            ))
            .arg(flag(EXCLUDE, "PATTERN", "Leave out what matches, unless an earlier rule takes it"))
            .arg(
                flag(FROM, "FILE", "Read rules from FILE: `+ PATTERN` takes, `- PATTERN` leaves out")
                    .value_hint(ValueHint::FilePath),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Rules {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let of = |name, make: fn(OsString) -> RuleFlag| {
            let values = matches.get_many::<OsString>(name).into_iter().flatten().cloned();
            matches.indices_of(name).into_iter().flatten().zip(values.map(make)).collect::<Vec<_>>()
        };
        let mut flags = of(INCLUDE, RuleFlag::Include);
        flags.extend(of(EXCLUDE, RuleFlag::Exclude));
        flags.extend(of(FROM, |path| RuleFlag::From(path.into())));
        flags.sort_by_key(|(index, _)| *index);
        Ok(Rules(flags.into_iter().map(|(_, flag)| flag).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

const INCLUDE: &str = "include";
const EXCLUDE: &str = "exclude";
const FROM: &str = "filter-from";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_keep_the_order_in_which_they_were_typed() {
        let typed = ["x", "--exclude", "a", "--filter-from=f", "--include", "b", "--exclude=c"];
        let matches = <Rules as clap::Args>::augment_args(Command::new("x")).get_matches_from(typed);
        let rules = Rules::from_arg_matches(&matches).expect("rules");
        let expected = [
            RuleFlag::Exclude("a".into()),
            RuleFlag::From("f".into()),
            RuleFlag::Include("b".into()),
            RuleFlag::Exclude("c".into()),
        ];
        assert_eq!(rules.0, expected);
    }
}
