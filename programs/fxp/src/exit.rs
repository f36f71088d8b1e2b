//! Every way the program can end: exit codes, and failures on their way to the person.

use std::fmt;

use fxp_engine::report::{Ending, Report, Trouble, TroubleKind};
use fxp_engine::url::AddressError;
use fxp_proto::pair::leg::Leg;

/// The exit codes. Scripts rely on them, so a number never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    SomeFailed = 1,
    Usage = 2,
    SourceNotFound = 3,
    DestinationDenied = 4,
    Login = 5,
    Tls = 6,
    Network = 7,
    FxpImpossible = 8,
    Verification = 9,
    Limit = 10,
    Interrupted = 130,
}

impl Exit {
    /// In the order of their numbers; the help text and the man page are made from this.
    pub(crate) const ALL: [Exit; 12] = [
        Exit::Done,
        Exit::SomeFailed,
        Exit::Usage,
        Exit::SourceNotFound,
        Exit::DestinationDenied,
        Exit::Login,
        Exit::Tls,
        Exit::Network,
        Exit::FxpImpossible,
        Exit::Verification,
        Exit::Limit,
        Exit::Interrupted,
    ];

    /// The number.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// What it tells a script.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "all done",
            Exit::SomeFailed => "some files failed, for different reasons or for one not listed here",
            Exit::Usage => "the command line makes no sense",
            Exit::SourceNotFound => "source not found",
            Exit::DestinationDenied => "destination not found, or writing there is denied",
            Exit::Login => "login failed",
            Exit::Tls => "TLS, trust or assurance refused",
            Exit::Network => "network trouble; trying again may help",
            Exit::FxpImpossible => "FXP is impossible between these servers, and relaying was not allowed",
            Exit::Verification => "source and destination differ after the copy",
            Exit::Limit => "a limit was reached",
            Exit::Interrupted => "interrupted",
        }
    }

    /// The word in the event stream.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::SomeFailed => "some_failed",
            Exit::Usage => "usage",
            Exit::SourceNotFound => "source_not_found",
            Exit::DestinationDenied => "destination_denied",
            Exit::Login => "login",
            Exit::Tls => "tls",
            Exit::Network => "network",
            Exit::FxpImpossible => "fxp_impossible",
            Exit::Verification => "verification",
            Exit::Limit => "limit",
            Exit::Interrupted => "interrupted",
        }
    }

    /// How a run that came to its end ends the program: if everything failed for one and the same
    /// reason, that reason; if only a part failed, [`Exit::SomeFailed`].
    pub(crate) fn of(report: &Report) -> Exit {
        match report.ending {
            Ending::Complete => {}
            Ending::Interrupted => return Exit::Interrupted,
            Ending::Limit => return Exit::Limit,
        }
        let mut exits: Vec<Exit> = report.kinds.iter().map(|&kind| kind.into()).collect();
        exits.extend((report.sums.files + report.unchanged > 0).then_some(Exit::Done));
        Exit::of_many(&exits)
    }

    /// As [`Exit::of`], for the ends of several things that were done one after another.
    pub(crate) fn of_many(exits: &[Exit]) -> Exit {
        match exits {
            [] => Exit::Done,
            exits if exits.contains(&Exit::Interrupted) => Exit::Interrupted,
            [first, rest @ ..] if rest.iter().all(|exit| exit == first) => *first,
            _ => Exit::SomeFailed,
        }
    }
}

impl From<TroubleKind> for Exit {
    fn from(kind: TroubleKind) -> Self {
        match kind {
            TroubleKind::Other => Exit::SomeFailed,
            TroubleKind::Usage => Exit::Usage,
            TroubleKind::SourceNotFound => Exit::SourceNotFound,
            TroubleKind::DestinationDenied => Exit::DestinationDenied,
            TroubleKind::Login => Exit::Login,
            TroubleKind::Tls => Exit::Tls,
            TroubleKind::Network => Exit::Network,
            TroubleKind::FxpImpossible => Exit::FxpImpossible,
            TroubleKind::Verification => Exit::Verification,
            TroubleKind::Limit => Exit::Limit,
            TroubleKind::Interrupted => Exit::Interrupted,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// What ends a command: one sentence, the causes, and what to type next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// The one to blame, where it is one of them.
    pub(crate) leg: Option<Leg>,
    /// One sentence: what was tried and what came of it.
    pub(crate) what: String,
    /// The server's own words.
    pub(crate) words: Option<String>,
    pub(crate) causes: Causes,
    /// What to do next.
    pub(crate) hint: Option<String>,
}

/// Why it came so, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Causes {
    /// Deeper and deeper causes.
    Because(Vec<String>),
    /// For refused FXP: the rungs that were tried, and why each failed.
    Tried(Vec<String>),
}

/// Shorthand.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        let causes = Causes::Because(Vec::new());
        Failure { exit, leg: None, what: what.into(), words: None, causes, hint: None }
    }

    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, what)
    }

    /// The chain of sources of `error` becomes the causes.
    pub(crate) fn because(mut self, error: &dyn std::error::Error) -> Self {
        let mut causes: Vec<String> = Vec::new();
        let mut cause = Some(error);
        while let Some(error) = cause {
            let text = error.to_string();
            // Some errors show their source inside their own text; once is enough.
            if causes.last().is_none_or(|last| !last.contains(&text)) {
                causes.push(text);
            }
            cause = error.source();
        }
        self.causes = Causes::Because(causes);
        self
    }

    /// True if whole ladders were tried, and the reasons of all rungs are the other one's too.
    pub(crate) fn has_reasons_of(&self, other: &Failure) -> bool {
        matches!(&self.causes, Causes::Tried(rungs) if !rungs.is_empty())
            && (&self.causes, &self.hint) == (&other.causes, &other.hint)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn interrupted() -> Self {
        Failure::new(Exit::Interrupted, "interrupted")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Failure {
            exit: trouble.kind.into(),
            leg: trouble.leg,
            what: trouble.what,
            words: trouble.words,
            causes: Causes::Tried(trouble.rungs),
            hint: trouble.remedy,
        }
    }
}

impl From<AddressError> for Failure {
    fn from(error: AddressError) -> Self {
        let hint = match &error {
            AddressError::Scheme(_) => {
                "an address is ftp://host/path, ftpes://host/path, ftps://host/path, site:path or a local path"
            }
            AddressError::Bad(_) => "see `fxp cp --help` for the forms of an address",
            AddressError::Password => "write ftp://user@host/path, without the password",
        };
        Failure::usage(error.to_string()).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fxp_engine::report::{Assurance, FileFailure, FileReport, Route, Verification};

    use super::*;

    const KINDS: [(TroubleKind, u8); 11] = [
        (TroubleKind::Other, 1),
        (TroubleKind::Usage, 2),
        (TroubleKind::SourceNotFound, 3),
        (TroubleKind::DestinationDenied, 4),
        (TroubleKind::Login, 5),
        (TroubleKind::Tls, 6),
        (TroubleKind::Network, 7),
        (TroubleKind::FxpImpossible, 8),
        (TroubleKind::Verification, 9),
        (TroubleKind::Limit, 10),
        (TroubleKind::Interrupted, 130),
    ];

    fn trouble(kind: TroubleKind) -> Trouble {
        Trouble::new(kind, "x")
    }

    fn report(done: usize, failed: &[TroubleKind]) -> Report {
        let file = FileReport {
            source: "a:/x".into(),
            destination: "b:/x".into(),
            size: 1,
            resumed: 0,
            inherited: 0,
            elapsed: Duration::ZERO,
            route: Route::Direct,
            method: None,
            assurance: Assurance::Clear,
            verified: Verification::Size,
            attempts: 1,
            time_kept: false,
            notes: Vec::new(),
        };
        let mut report = Report::default();
        (0..done).for_each(|_| report.add(file.clone()));
        for &kind in failed {
            let (source, destination) = ("a:/x".into(), "b:/x".into());
            report.fail(FileFailure { source, destination, trouble: trouble(kind) });
        }
        report
    }

    #[test]
    fn every_kind_of_trouble_has_its_own_code() {
        for (kind, code) in KINDS {
            assert_eq!(Exit::from(kind).code(), code, "{kind:?}");
            assert_eq!(Failure::from(trouble(kind)).exit.code(), code, "{kind:?}");
        }
        assert!(Exit::ALL.is_sorted_by_key(|exit| exit.code()));
    }

    #[test]
    fn a_run_ends_with_the_reason_only_if_nothing_else_happened() {
        use TroubleKind::{Interrupted, Login, SourceNotFound};
        let rows: [(usize, &[TroubleKind], Exit); 7] = [
            (2, &[], Exit::Done),
            (0, &[], Exit::Done),
            (0, &[SourceNotFound], Exit::SourceNotFound),
            (0, &[SourceNotFound, SourceNotFound], Exit::SourceNotFound),
            (0, &[SourceNotFound, Login], Exit::SomeFailed),
            (1, &[SourceNotFound], Exit::SomeFailed),
            (1, &[SourceNotFound, Interrupted], Exit::Interrupted),
        ];
        for (done, failed, exit) in rows {
            assert_eq!(Exit::of(&report(done, failed)), exit, "{done} done, failed {failed:?}");
        }
        for (ending, exit) in [(Ending::Interrupted, Exit::Interrupted), (Ending::Limit, Exit::Limit)] {
            assert_eq!(Exit::of(&Report { ending, ..report(2, &[]) }), exit, "the rest was not tried");
        }
    }
}
